/*
 * test_proxy.c - the PROXY header: what it says, cut anywhere, what it must not be; and written
 */
#include <stdlib.h>

#include "smtpfwd/smtp/proxy.h"
#include "tests/expect.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc0\x00\x02\x01" "\xc6\x33\x64\x02" "\x12\x34" "\x00\x19"
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" "\x12\x34" "\x00\x19"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01" "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02" "\x12\x34" "\x00\x19"

static const struct vector {
	const char	*name;
	struct str	 input;
	enum proxy_step	 want;
	enum proxy_kind	 kind;
	int		 n_bytes;
	const char	*source, *destination;
} vectors[] = {
#define W(text)	{ text, sizeof(text) - 1 }
	{ "v1 TCP4", W("PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\nEHLO"), PROXY_DONE, PROXY_TCP, 43, "192.0.2.1:4660", "198.51.100.2:25" },
	{ "v1 TCP6", W("PROXY TCP6 2001:db8::1 2001:db8::2 4660 25\r\n"), PROXY_DONE, PROXY_TCP, 44, "[2001:db8::1]:4660", "[2001:db8::2]:25" },
	{ "v1 TCP6 with mapped addresses", W("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 2\r\n"), PROXY_DONE, PROXY_TCP, 53, "192.0.2.1:1", "198.51.100.2:2" },
	{ "v1 the greatest ports", W("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), PROXY_DONE, PROXY_TCP, 56, "255.255.255.255:65535", "255.255.255.255:65535" },
	{ "v1 UNKNOWN", W("PROXY UNKNOWN\r\n"), PROXY_DONE, PROXY_UNKNOWN, 15, NULL, NULL },
	{ "v1 UNKNOWN, the longest line", W("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), PROXY_DONE, PROXY_UNKNOWN, 107, NULL, NULL },
	{ "v1 UNKNOWNS", W("PROXY UNKNOWNS\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a longer line", W("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 two blanks", W("PROXY TCP4  192.0.2.1 198.51.100.2 4660 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a blank last", W("PROXY TCP4 192.0.2.1 198.51.100.2 4660 25 \r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a word more", W("PROXY TCP4 192.0.2.1 198.51.100.2 4660 25 x\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a word less", W("PROXY TCP4 192.0.2.1 198.51.100.2 4660\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a lone LF", W("PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a NUL", W("PROXY TCP4 192.0.2.1\0 198.51.100.2 4660 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 IPv6 as TCP4", W("PROXY TCP4 2001:db8::1 2001:db8::2 4660 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 IPv4 as TCP6", W("PROXY TCP6 192.0.2.1 198.51.100.2 4660 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a port too great", W("PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a port with a zero first", W("PROXY TCP4 192.0.2.1 198.51.100.2 025 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a signed port", W("PROXY TCP4 192.0.2.1 198.51.100.2 +25 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 a bad address", W("PROXY TCP4 192.0.2.256 198.51.100.2 1 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 another protocol", W("PROXY UDP4 192.0.2.1 198.51.100.2 1 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 in lower case", W("proxy TCP4 192.0.2.1 198.51.100.2 1 25\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v1 empty", W("PROXY \r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },

	{ "v2 IPv4", W(SIGNATURE "\x21\x11\x00\x0c" V4 "EHLO"), PROXY_DONE, PROXY_TCP, 28, "192.0.2.1:4660", "198.51.100.2:25" },
	{ "v2 IPv6", W(SIGNATURE "\x21\x21\x00\x24" V6), PROXY_DONE, PROXY_TCP, 52, "[2001:db8::1]:4660", "[2001:db8::2]:25" },
	{ "v2 mapped", W(SIGNATURE "\x21\x21\x00\x24" MAPPED), PROXY_DONE, PROXY_TCP, 52, "192.0.2.1:4660", "198.51.100.2:25" },
	{ "v2 with TLVs", W(SIGNATURE "\x21\x11\x00\x11" V4 "\x04\x00\x02zz" "EHLO"), PROXY_DONE, PROXY_TCP, 33, "192.0.2.1:4660", "198.51.100.2:25" },
	{ "v2 LOCAL", W(SIGNATURE "\x20\x00\x00\x00"), PROXY_DONE, PROXY_LOCAL, 16, NULL, NULL },
	{ "v2 LOCAL with addresses to be ignored", W(SIGNATURE "\x20\x11\x00\x0c" V4), PROXY_DONE, PROXY_LOCAL, 28, NULL, NULL },
	{ "v2 unspecified", W(SIGNATURE "\x21\x00\x00\x02zz"), PROXY_DONE, PROXY_UNKNOWN, 18, NULL, NULL },
	{ "v2 addresses too short", W(SIGNATURE "\x21\x11\x00\x0b" V4), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v2 IPv6 too short", W(SIGNATURE "\x21\x21\x00\x0c" V4), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v2 UDP", W(SIGNATURE "\x21\x12\x00\x0c" V4), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v2 a unix socket", W(SIGNATURE "\x21\x31\x00\x02zz"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v2 of version 1", W(SIGNATURE "\x11\x11\x00\x0c" V4), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v2 an unknown command", W(SIGNATURE "\x22\x11\x00\x0c" V4), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "v2 too long to be meant", W(SIGNATURE "\x21\x11\xff\xff" V4), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "no header but SMTP", W("EHLO client.example\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "no header but an empty line", W("\r\nEHLO\r\n"), PROXY_MALFORMED, 0, 0, NULL, NULL },
	{ "TLS", W("\x16\x03\x01\x02\x00\x01"), PROXY_MALFORMED, 0, 0, NULL, NULL },
};

static void
expect_header(const struct vector *v, const struct proxy_header *got)
{
	char room[ENDPOINT_TEXT_MAX];

	expect_int(got->kind, v->kind);
	expect_int((int64_t)got->n_bytes, v->n_bytes);
	if (v->source == NULL)
		return;
	expect_str(endpoint_text(&got->source, room), str_of(v->source));
	expect_str(endpoint_text(&got->destination, room), str_of(v->destination));
}

/* The bytes are those of the vectors above, which were worked out by section 2.2 of the specification. */
static void
written(void)
{
	static const struct {
		const char	*name, *source, *destination;	/* NULL: LOCAL */
		struct str	 want;
	} rows[] = {
		{ "IPv4", "192.0.2.1:4660", "198.51.100.2:25", W(SIGNATURE "\x21\x11\x00\x0c" V4) },
		{ "IPv6", "[2001:db8::1]:4660", "[2001:db8::2]:25", W(SIGNATURE "\x21\x21\x00\x24" V6) },
		{ "LOCAL", NULL, NULL, W(SIGNATURE "\x20\x00\x00\x00") },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_header header = { .kind = PROXY_LOCAL };
		char room[60];
		struct buf out = { .at = room, .cap = sizeof(room), .max = sizeof(room) };
		struct buf small = { .at = room, .cap = rows[i].want.len - 1, .max = rows[i].want.len - 1 };

		test_case("v2 written: %s", rows[i].name);
		if (rows[i].source != NULL) {
			header.kind = PROXY_TCP;
			expect(endpoint_parse(str_of(rows[i].source), &header.source));
			expect(endpoint_parse(str_of(rows[i].destination), &header.destination));
		}
		expect_int(proxy_write(&header, &small), -1);
		expect_int(proxy_write(&header, &out), 0);
		expect_str(buf_str(&out), rows[i].want);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		bool was_malformed = false;

		test_case("proxy: %s, as it comes byte by byte", v->name);
		for (size_t n = 0; n <= v->input.len; n++) {
			char *copy = malloc(n + 1);		/* ASAN watches its end */
			struct proxy_header got;
			enum proxy_step step;

			memcpy(copy + 1, v->input.at, n);
			step = proxy_read(str_n(copy + 1, n), &got);
			free(copy);
			if (v->want == PROXY_DONE) {
				expect_int(step, n < (size_t)v->n_bytes ? PROXY_MORE : PROXY_DONE);
				if (step == PROXY_DONE)
					expect_header(v, &got);
				continue;
			}
			expect(step != PROXY_DONE);
			expect(!was_malformed || step == PROXY_MALFORMED);	/* once no, always no */
			was_malformed = step == PROXY_MALFORMED;
		}
		if (v->want == PROXY_MALFORMED)
			expect(was_malformed);
	}
	test_case("a header of 107 bytes without an end is refused, not waited for");
	{
		char text[107];
		struct proxy_header got;

		memset(text, 'x', sizeof(text));
		memcpy(text, "PROXY ", 6);
		expect_int(proxy_read(str_n(text, 106), &got), PROXY_MORE);
		expect_int(proxy_read(str_n(text, 107), &got), PROXY_MALFORMED);
	}
	written();
	return test_end();
}
