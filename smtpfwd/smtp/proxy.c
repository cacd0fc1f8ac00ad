/*
 * proxy.c - the PROXY protocol's header, versions 1 and 2, read strictly; version 2 written
 */
#include "base/insist.h"
#include "smtpfwd/smtp/proxy.h"

enum {
	V1_MAX_BYTES = 107,		/* with CRLF, section 2.1 */
	V2_START_BYTES = 16,
	V2_IPV4_BYTES = 12,
	V2_IPV6_BYTES = 36,
};

static const struct str v1_signature = { .at = "PROXY ", .len = 6 };
static const struct str v2_signature = { .at = "\r\n\r\n\0\r\nQUIT\n", .len = 12 };

/* So far, and it may be all or only the first bytes of it. */
static bool
could_be(struct str input, struct str signature)
{
	return str_starts(str_sub(signature, 0, input.len), str_sub(input, 0, signature.len));
}

/* --- version 1: one line of text --- */

/* Decimal without needless zeros. */
static bool
port_parse(struct str text, uint16_t *port_out)
{
	uint64_t port;

	if (!str_to_u64(text, &port) || port > UINT16_MAX || (text.len > 1 && text.at[0] == '0'))
		return false;
	*port_out = (uint16_t)port;
	return true;
}

/* By its text: a mapped IPv6 address is one of TCP6 though struct ip has it as IPv4. */
static bool
v1_ip_parse(struct str text, bool is_ipv6, struct ip *ip_out)
{
	return (str_find(text, ':') >= 0) == is_ipv6 && ip_parse(text, ip_out);
}

/* Words are parted by one blank exactly. */
static enum proxy_step
read_v1_line(struct str line, struct proxy_header *out)
{
	struct str rest = str_from(line, v1_signature.len), word[5];
	int n_words = 0;
	bool is_ipv6;

	if (str_eq(rest, STR("UNKNOWN")) || str_starts(rest, STR("UNKNOWN "))) {
		out->kind = PROXY_UNKNOWN;
		return PROXY_DONE;
	}
	while (n_words < 5 && str_take_until(&rest, ' ', &word[n_words]))
		n_words++;
	if (n_words != 5 || rest.len != 0 || line.at[line.len - 1] == ' ')
		return PROXY_MALFORMED;
	is_ipv6 = str_eq(word[0], STR("TCP6"));
	if (!is_ipv6 && !str_eq(word[0], STR("TCP4")))
		return PROXY_MALFORMED;
	if (!v1_ip_parse(word[1], is_ipv6, &out->source.ip) ||
	    !v1_ip_parse(word[2], is_ipv6, &out->destination.ip) ||
	    !port_parse(word[3], &out->source.port) || !port_parse(word[4], &out->destination.port))
		return PROXY_MALFORMED;
	out->kind = PROXY_TCP;
	return PROXY_DONE;
}

static enum proxy_step
read_v1(struct str input, struct proxy_header *out)
{
	struct str seen = str_sub(input, 0, V1_MAX_BYTES);
	ptrdiff_t end = str_find(seen, '\n');

	if (end < 0)
		return input.len >= V1_MAX_BYTES ? PROXY_MALFORMED : PROXY_MORE;
	if (end < (ptrdiff_t)v1_signature.len || seen.at[end - 1] != '\r' ||
	    !str_is_printable(str_sub(seen, 0, (size_t)end - 1)))
		return PROXY_MALFORMED;
	out->n_bytes = (size_t)end + 1;
	return read_v1_line(str_sub(seen, 0, (size_t)end - 1), out);
}

/* --- version 2: binary --- */

static uint16_t
u16(const char *at)
{
	return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

/* IPv4-mapped addresses become IPv4, as everywhere (endpoint.h). */
static struct ip
ip_of(const char *at, enum ip_family family)
{
	static const char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '\xff', '\xff' };
	struct ip ip = { .family = family };

	if (family == IP_V6 && memcmp(at, mapped, sizeof(mapped)) == 0) {
		ip.family = IP_V4;
		at += sizeof(mapped);
	}
	memcpy(ip.bytes, at, ip.family == IP_V6 ? 16 : 4);
	return ip;
}

static enum proxy_step
read_v2_addresses(unsigned family, struct str body, struct proxy_header *out)
{
	size_t n = family == 0x11 ? 4 : 16;		/* bytes of an address */
	enum ip_family kind = family == 0x11 ? IP_V4 : IP_V6;

	if (family == 0x00) {				/* UNSPEC */
		out->kind = PROXY_UNKNOWN;
		return PROXY_DONE;
	}
	if ((family != 0x11 && family != 0x21) ||	/* TCP over IPv4, over IPv6 */
	    body.len < (family == 0x11 ? V2_IPV4_BYTES : V2_IPV6_BYTES))
		return PROXY_MALFORMED;
	out->source.ip = ip_of(body.at, kind);
	out->destination.ip = ip_of(body.at + n, kind);
	out->source.port = u16(body.at + 2 * n);
	out->destination.port = u16(body.at + 2 * n + 2);
	out->kind = PROXY_TCP;
	return PROXY_DONE;
}

static enum proxy_step
read_v2(struct str input, struct proxy_header *out)
{
	unsigned char version_command;
	size_t n_body;

	if (input.len > v2_signature.len) {		/* say no as early as can be known */
		version_command = (unsigned char)input.at[v2_signature.len];
		if (version_command != 0x20 && version_command != 0x21)
			return PROXY_MALFORMED;
	}
	if (input.len < V2_START_BYTES)
		return PROXY_MORE;
	n_body = u16(input.at + 14);
	if (V2_START_BYTES + n_body > PROXY_HEADER_MAX_BYTES)
		return PROXY_MALFORMED;
	if (input.len < V2_START_BYTES + n_body)
		return PROXY_MORE;
	out->n_bytes = V2_START_BYTES + n_body;
	if (input.at[12] == 0x20) {			/* LOCAL: whatever follows is to be ignored */
		out->kind = PROXY_LOCAL;
		return PROXY_DONE;
	}
	return read_v2_addresses((unsigned char)input.at[13], str_sub(input, V2_START_BYTES, n_body), out);
}

enum proxy_step
proxy_read(struct str input, struct proxy_header *header_out)
{
	*header_out = (struct proxy_header){ .kind = PROXY_UNKNOWN };
	if (input.len == 0)
		return PROXY_MORE;
	if (could_be(input, v2_signature))
		return input.len < v2_signature.len ? PROXY_MORE : read_v2(input, header_out);
	if (could_be(input, v1_signature))
		return input.len < v1_signature.len ? PROXY_MORE : read_v1(input, header_out);
	return PROXY_MALFORMED;
}

/* --- writing --- */

static int
append_u16(uint16_t value, struct buf *out)
{
	const char bytes[2] = { (char)(value >> 8), (char)(value & 0xff) };

	return buf_append(out, str_n(bytes, sizeof(bytes)));
}

int
proxy_write(const struct proxy_header *header, struct buf *out)
{
	bool is_tcp = header->kind == PROXY_TCP, is_ipv6 = header->source.ip.family == IP_V6;
	size_t n = is_ipv6 ? 16 : 4;			/* bytes of an address */
	int failed = 0;

	failed |= buf_append(out, v2_signature);
	failed |= buf_append_char(out, is_tcp ? 0x21 : 0x20);		/* version 2: PROXY, or LOCAL */
	failed |= buf_append_char(out, !is_tcp ? 0x00 : is_ipv6 ? 0x21 : 0x11);	/* UNSPEC; TCP over IPv6, over IPv4 */
	failed |= append_u16(!is_tcp ? 0 : is_ipv6 ? V2_IPV6_BYTES : V2_IPV4_BYTES, out);
	if (is_tcp) {
		insist(header->source.ip.family != IP_NONE && header->destination.ip.family == header->source.ip.family);
		failed |= buf_append(out, str_n(header->source.ip.bytes, n));
		failed |= buf_append(out, str_n(header->destination.ip.bytes, n));
		failed |= append_u16(header->source.port, out) | append_u16(header->destination.port, out);
	}
	return failed == 0 ? 0 : -1;
}
