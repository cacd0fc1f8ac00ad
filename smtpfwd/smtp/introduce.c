/*
 * introduce.c - XCLIENT and XFORWARD written: attributes of a client, on as many lines as they take
 */
#include "base/insist.h"
#include "mail/domain.h"
#include "mail/xtext.h"
#include "smtpfwd/smtp/introduce.h"

static const struct str unavailable = { .at = "[UNAVAILABLE]", .len = 13 };
static const struct str tempunavail = { .at = "[TEMPUNAVAIL]", .len = 13 };

enum {
	TAG_BYTES = 16,			/* " REVERSE_NAME=", the longest, and a NUL */
};

struct part {				/* " NAME=value" */
	char		 room[TAG_BYTES + INTRODUCE_VALUE_MAX_BYTES];
	size_t		 len;		/* 0: is not said */
};

/* One byte is for the NUL that printing wants, so that the buffer never grows. */
static struct buf
part_room(struct part *part)
{
	return (struct buf){ .at = part->room, .cap = sizeof(part->room), .max = sizeof(part->room) - 1 };
}

/* --- values --- */

static void
put_word(struct part *part, struct str name, struct str word)
{
	struct buf out = part_room(part);

	insist(buf_printf(&out, " %.*s=%.*s", STR_ARG(name), STR_ARG(word)) == 0);
	part->len = out.len;
}

/* False where the value does not fit, as xtext. */
static bool
put_text(struct part *part, struct str name, struct str text)
{
	struct buf out = part_room(part);
	size_t value_at;

	insist(buf_printf(&out, " %.*s=", STR_ARG(name)) == 0);
	value_at = out.len;
	if (text.len == 0 || xtext_encode(text, &out) != 0 || out.len - value_at > INTRODUCE_VALUE_MAX_BYTES)
		return false;
	part->len = out.len;
	return true;
}

static void
put_text_or(struct part *part, struct str name, struct str text, struct str otherwise)
{
	if (!put_text(part, name, text))
		put_word(part, name, otherwise);
}

static void
put_ip(struct part *part, struct str name, const struct ip *ip)
{
	char text[IP_TEXT_MAX], tagged[IP_TEXT_MAX + 5];
	struct buf out = { .at = tagged, .cap = sizeof(tagged), .max = sizeof(tagged) - 1 };

	if (ip->family == IP_NONE) {
		put_word(part, name, unavailable);
		return;
	}
	insist(buf_printf(&out, "%s%.*s", ip->family == IP_V6 ? "IPV6:" : "", STR_ARG(ip_text(ip, text))) == 0);
	put_word(part, name, buf_str(&out));
}

static void
put_port(struct part *part, struct str name, const struct endpoint *at)
{
	char digits[8];
	struct buf out = { .at = digits, .cap = sizeof(digits), .max = sizeof(digits) - 1 };

	if (at->ip.family == IP_NONE || at->port == 0) {
		put_word(part, name, unavailable);
		return;
	}
	insist(buf_printf(&out, "%u", at->port) == 0);
	put_word(part, name, buf_str(&out));
}

/*
 * A host name that servers take for one.  In the DNS anything may stand; one attribute that is malformed has the
 * whole command refused, and one of numbers only is no name to Postfix.
 */
static struct str
host_name(struct str name)
{
	bool has_letter = false;

	for (size_t i = 0; i < name.len; i++)
		has_letter |= (name.at[i] < '0' || name.at[i] > '9') && name.at[i] != '.';
	return has_letter && domain_is_valid(name, false) ? name : STR_EMPTY;
}

/* In doubt the trouble is a temporary one: some refuse clients without a name for good. */
static struct str
no_name(const struct identity *identity)
{
	switch (identity->name_state) {
	case PEER_NAME_FOUND:
	case PEER_NAME_NONE:
	case PEER_NAME_DIFFERS:
		return unavailable;
	case PEER_NAME_UNASKED:
	case PEER_NAME_UNSETTLED:
		return tempunavail;
	}
	return tempunavail;
}

static struct str
verified_name(const struct identity *identity)
{
	return identity->name_state == PEER_NAME_FOUND ? host_name(identity->name) : STR_EMPTY;
}

struct str
introduce_helo(const struct identity *identity, char room[INTRODUCE_HELO_MAX_BYTES + 1])
{
	struct buf out = { .at = room, .cap = INTRODUCE_HELO_MAX_BYTES + 1, .max = INTRODUCE_HELO_MAX_BYTES };
	struct str helo = str_sub(identity->helo, 0, INTRODUCE_HELO_MAX_BYTES);
	const struct ip *ip = &identity->client.ip;
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < helo.len; i++)
		buf_append_char(&out, helo.at[i] > ' ' && helo.at[i] < 0x7f ? helo.at[i] : '?');
	if (helo.len == 0 && ip->family != IP_NONE)
		buf_printf(&out, "[%s%.*s]", ip->family == IP_V6 ? "IPv6:" : "", STR_ARG(ip_text(ip, text)));
	room[out.len] = '\0';
	return buf_str(&out);
}

/* "" where the client gave none: the literal is only for EHLO, which must have something. */
static struct str
helo_text(const struct identity *identity, char room[INTRODUCE_HELO_MAX_BYTES + 1])
{
	struct str helo = introduce_helo(identity, room);

	return identity->helo.len > 0 ? helo : STR_EMPTY;
}

/* A login with control characters in it is none that anybody would know again. */
static struct str
login_text(struct str login)
{
	for (size_t i = 0; i < login.len; i++)
		if ((unsigned char)login.at[i] < ' ' || login.at[i] == 0x7f)
			return STR_EMPTY;
	return login;
}

/* --- lines --- */

struct introduction {
	const struct identity	*identity;
	bool			 with_login;
	struct str		 ident;
	void			(*make)(const struct introduction *in, unsigned attribute, struct part *part_out);
};

static size_t
bytes_of(const struct introduction *in, const unsigned *attributes, size_t n, unsigned wanted)
{
	struct part part;
	size_t n_bytes = 0;

	for (size_t i = 0; i < n; i++) {
		part.len = 0;
		if ((wanted & 1u << attributes[i]) != 0)
			in->make(in, attributes[i], &part);
		n_bytes += part.len;
	}
	return n_bytes;
}

/*
 * Appends a line of those wanted for which it has room, the first first, and takes them off.  0, or -1 when out is full.
 */
static int
put_line(const struct introduction *in, const char *verb, const unsigned *attributes, size_t n, unsigned *wanted,
    struct buf *out)
{
	size_t room = INTRODUCE_LINE_MAX_BYTES - 2 - strlen(verb);
	struct part part;

	if (buf_append(out, str_of(verb)) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		part.len = 0;
		if ((*wanted & 1u << attributes[i]) != 0)
			in->make(in, attributes[i], &part);
		if (part.len > room)
			continue;
		if (buf_append(out, str_n(part.room, part.len)) != 0)
			return -1;
		room -= part.len;
		*wanted &= ~(1u << attributes[i]);
	}
	return buf_append(out, STR("\r\n"));
}

/* --- XCLIENT --- */

static void
make_xclient(const struct introduction *in, unsigned attribute, struct part *part)
{
	enum xclient_attribute which = (enum xclient_attribute)attribute;
	const struct identity *identity = in->identity;
	struct str name = xclient_attribute_name(which);
	char helo[INTRODUCE_HELO_MAX_BYTES + 1];

	switch (which) {
	case XCLIENT_NAME:
		put_text_or(part, name, verified_name(identity), no_name(identity));
		return;
	case XCLIENT_REVERSE_NAME:
		put_text_or(part, name, host_name(identity->reverse_name), no_name(identity));
		return;
	case XCLIENT_ADDR:
		put_ip(part, name, &identity->client.ip);
		return;
	case XCLIENT_PORT:
		put_port(part, name, &identity->client);
		return;
	case XCLIENT_PROTO:
		put_word(part, name, identity->is_esmtp ? STR("ESMTP") : STR("SMTP"));
		return;
	case XCLIENT_HELO:
		put_text_or(part, name, helo_text(identity, helo), unavailable);
		return;
	case XCLIENT_LOGIN:
		if (in->with_login)
			put_text(part, name, login_text(identity->login));
		return;
	case XCLIENT_DESTADDR:
		put_ip(part, name, &identity->local.ip);
		return;
	case XCLIENT_DESTPORT:
		put_port(part, name, &identity->local);
		return;
	case XCLIENT_N_ATTRIBUTES:
		return;
	}
}

int
introduce_xclient(const struct identity *identity, unsigned attributes, bool with_login, struct buf *out)
{
	/*
	 * In the order of what must not be left out of the last command.  Only HELO can be, beside a long login, and the
	 * EHLO that follows says it again.
	 */
	static const unsigned all[] = {
		XCLIENT_ADDR, XCLIENT_PROTO, XCLIENT_LOGIN, XCLIENT_PORT, XCLIENT_DESTADDR, XCLIENT_DESTPORT, XCLIENT_HELO,
		XCLIENT_NAME, XCLIENT_REVERSE_NAME,
	};
	enum { N_ALL = sizeof(all) / sizeof(all[0]), N_NAMES = 2 };
	const unsigned *names = all + N_ALL - N_NAMES;
	const struct introduction in = { .identity = identity, .with_login = with_login, .make = make_xclient };
	unsigned wanted = attributes;

	insist((attributes & 1u << XCLIENT_ADDR) != 0);
	/* Both names or none go first: NAME sets the reverse name too, so it must not come behind that. */
	if (bytes_of(&in, all, N_ALL, wanted) > INTRODUCE_LINE_MAX_BYTES - 2 - strlen("XCLIENT"))
		while (bytes_of(&in, names, N_NAMES, wanted) > 0)
			if (put_line(&in, "XCLIENT", names, N_NAMES, &wanted, out) != 0)
				return -1;
	return put_line(&in, "XCLIENT", all, N_ALL, &wanted, out);
}

/* --- XFORWARD --- */

static void
make_xforward(const struct introduction *in, unsigned attribute, struct part *part)
{
	enum xforward_attribute which = (enum xforward_attribute)attribute;
	const struct identity *identity = in->identity;
	struct str name = xforward_attribute_name(which);
	char helo[INTRODUCE_HELO_MAX_BYTES + 1];

	switch (which) {
	case XFORWARD_NAME:
		put_text_or(part, name, verified_name(identity), unavailable);
		return;
	case XFORWARD_ADDR:
		put_ip(part, name, &identity->client.ip);
		return;
	case XFORWARD_PORT:
		put_port(part, name, &identity->client);
		return;
	case XFORWARD_PROTO:
		put_word(part, name, identity->is_esmtp ? STR("ESMTP") : STR("SMTP"));
		return;
	case XFORWARD_HELO:
		put_text_or(part, name, helo_text(identity, helo), unavailable);
		return;
	case XFORWARD_IDENT:
		put_text_or(part, name, in->ident, unavailable);
		return;
	case XFORWARD_SOURCE:
		put_word(part, name, STR("REMOTE"));	/* else the next hop may complete addresses with its own domain */
		return;
	case XFORWARD_N_ATTRIBUTES:
		return;
	}
}

int
introduce_xforward(const struct identity *identity, unsigned attributes, struct str ident, struct buf *out)
{
	static const unsigned all[] = {
		XFORWARD_NAME, XFORWARD_ADDR, XFORWARD_PORT, XFORWARD_PROTO, XFORWARD_HELO, XFORWARD_IDENT, XFORWARD_SOURCE,
	};
	enum { N_ALL = sizeof(all) / sizeof(all[0]) };
	const struct introduction in = { .identity = identity, .ident = ident, .make = make_xforward };
	unsigned wanted = attributes;

	while (bytes_of(&in, all, N_ALL, wanted) > 0)
		if (put_line(&in, "XFORWARD", all, N_ALL, &wanted, out) != 0)
			return -1;
	return 0;
}
