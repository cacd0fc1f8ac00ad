/*
 * test_introduce.c - XCLIENT and XFORWARD to the byte, by Postfix's READMEs, and what each side makes of the other
 */
#include <stdio.h>
#include <stdlib.h>

#include "smtpfwd/smtp/command.h"
#include "smtpfwd/smtp/introduce.h"
#include "tests/expect.h"

#define ALL_XCLIENT	((1u << XCLIENT_N_ATTRIBUTES) - 1)
#define ALL_XFORWARD	((1u << XFORWARD_N_ATTRIBUTES) - 1)
#define BIT(attribute)	(1u << (attribute))
#define V4(a, b, c, d)	{ .family = IP_V4, .bytes = { (a), (b), (c), (d) } }
#define DOC6(last)	{ .family = IP_V6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = (last) } }
#define CLIENT		.client = { .ip = V4(192, 0, 2, 1), .port = 4660 }, .local = { .ip = V4(198, 51, 100, 2), .port = 25 }
#define NAMED		.name_state = PEER_NAME_FOUND, .name = W("mx.example.org"), .reverse_name = W("mx.example.org")
#define W(text)		{ .at = (text), .len = sizeof(text) - 1 }
#define A10		"aaaaaaaaaa"
#define A50		A10 A10 A10 A10 A10
#define LABELS_200	A50 "." A50 "." A50 "." A50
#define A255		A50 A50 A50 A50 A50 "aaaaa"

struct row {
	const char	*name;
	struct identity	 identity;
	unsigned	 attributes;
	bool		 hides_login;
	const char	*want;
};

static const struct row xclient_rows[] = {
	{ .name = "all in one command, ADDR first", .attributes = ALL_XCLIENT,
	  .identity = { CLIENT, NAMED, .helo = W("client.example.org"), .is_esmtp = true, .login = W("alice") },
	  .want = "XCLIENT ADDR=192.0.2.1 PROTO=ESMTP LOGIN=alice PORT=4660 DESTADDR=198.51.100.2 DESTPORT=25"
	    " HELO=client.example.org NAME=mx.example.org REVERSE_NAME=mx.example.org\r\n" },
	{ .name = "what is not announced is not said", .attributes = BIT(XCLIENT_NAME) | BIT(XCLIENT_ADDR),
	  .identity = { CLIENT, NAMED, .helo = W("client.example.org"), .login = W("alice") },
	  .want = "XCLIENT ADDR=192.0.2.1 NAME=mx.example.org\r\n" },
	{ .name = "IPv6 has its prefix, and a client that said HELO its word",
	  .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_PROTO) | BIT(XCLIENT_DESTADDR),
	  .identity = { .client = { .ip = DOC6(1), .port = 25000 }, .local = { .ip = DOC6(0x25), .port = 25 } },
	  .want = "XCLIENT ADDR=IPV6:2001:db8::1 PROTO=SMTP DESTADDR=IPV6:2001:db8::25\r\n" },
	{ .name = "a login is not told without leave", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_LOGIN), .hides_login = true,
	  .identity = { CLIENT, .login = W("alice") }, .want = "XCLIENT ADDR=192.0.2.1\r\n" },
	{ .name = "nobody logged in: nothing is said of it", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_LOGIN),
	  .identity = { CLIENT }, .want = "XCLIENT ADDR=192.0.2.1\r\n" },
	{ .name = "values are xtext (RFC 3461 4)", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_LOGIN) | BIT(XCLIENT_HELO),
	  .identity = { CLIENT, .login = W("a=b+c d@\xc3\xa9"), .helo = W("x=y") },
	  .want = "XCLIENT ADDR=192.0.2.1 LOGIN=a+3Db+2Bc+20d@+C3+A9 HELO=x+3Dy\r\n" },
	{ .name = "a login with a line end in it is not told", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_LOGIN),
	  .identity = { CLIENT, .login = W("a\r\nMAIL FROM:<>") }, .want = "XCLIENT ADDR=192.0.2.1\r\n" },
	{ .name = "a client without a name", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_NAME) | BIT(XCLIENT_REVERSE_NAME),
	  .identity = { CLIENT, .name_state = PEER_NAME_NONE },
	  .want = "XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]\r\n" },
	{ .name = "a name that leads elsewhere is the reverse name only",
	  .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_NAME) | BIT(XCLIENT_REVERSE_NAME),
	  .identity = { CLIENT, .name_state = PEER_NAME_DIFFERS, .reverse_name = W("forged.example.com") },
	  .want = "XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE] REVERSE_NAME=forged.example.com\r\n" },
	{ .name = "a name that the DNS could not say", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_NAME) | BIT(XCLIENT_REVERSE_NAME),
	  .identity = { CLIENT, .name_state = PEER_NAME_UNSETTLED },
	  .want = "XCLIENT ADDR=192.0.2.1 NAME=[TEMPUNAVAIL] REVERSE_NAME=[TEMPUNAVAIL]\r\n" },
	{ .name = "a name nobody asked for is not one that does not exist", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_NAME),
	  .identity = { CLIENT }, .want = "XCLIENT ADDR=192.0.2.1 NAME=[TEMPUNAVAIL]\r\n" },
	{ .name = "names that are none in SMTP", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_NAME) | BIT(XCLIENT_REVERSE_NAME),
	  .identity = { CLIENT, .name_state = PEER_NAME_FOUND, .name = W("192.0.2.1"), .reverse_name = W("a b.example.org") },
	  .want = "XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]\r\n" },
	{ .name = "nothing is known but the HELO", .attributes = ALL_XCLIENT,
	  .identity = { .helo = W("h"), .is_esmtp = true, .name_state = PEER_NAME_NONE },
	  .want = "XCLIENT ADDR=[UNAVAILABLE] PROTO=ESMTP PORT=[UNAVAILABLE] DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE]"
	    " HELO=h NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]\r\n" },
	{ .name = "no HELO, no port", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_PORT) | BIT(XCLIENT_HELO),
	  .identity = { .client = { .ip = V4(192, 0, 2, 1), .port = 0 } },
	  .want = "XCLIENT ADDR=192.0.2.1 PORT=[UNAVAILABLE] HELO=[UNAVAILABLE]\r\n" },
	{ .name = "names without room beside ADDR go before it, both",
	  .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_NAME) | BIT(XCLIENT_REVERSE_NAME) | BIT(XCLIENT_HELO) | BIT(XCLIENT_PORT),
	  .identity = { CLIENT, .is_esmtp = true, .helo = W("somewhere.client.example.org"), .name_state = PEER_NAME_FOUND,
	    .name = W(LABELS_200 ".example.org"), .reverse_name = W(LABELS_200 ".example.org") },
	  .want = "XCLIENT NAME=" LABELS_200 ".example.org REVERSE_NAME=" LABELS_200 ".example.org\r\n"
	    "XCLIENT ADDR=192.0.2.1 PORT=4660 HELO=somewhere.client.example.org\r\n" },
	{ .name = "a login and a HELO of 255 bytes: EHLO says the HELO",
	  .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_LOGIN) | BIT(XCLIENT_HELO) | BIT(XCLIENT_PROTO) | BIT(XCLIENT_NAME),
	  .identity = { CLIENT, NAMED, .is_esmtp = true, .helo = W(A255), .login = W(A255) },
	  .want = "XCLIENT NAME=mx.example.org\r\nXCLIENT ADDR=192.0.2.1 PROTO=ESMTP LOGIN=" A255 "\r\n" },
	{ .name = "a login that is longer encoded than a value may be", .attributes = BIT(XCLIENT_ADDR) | BIT(XCLIENT_LOGIN),
	  .identity = { CLIENT, .login = W(A50 A50 A50 A50 A50 "a==") }, .want = "XCLIENT ADDR=192.0.2.1\r\n" },
};

static const struct row xforward_rows[] = {
	{ .name = "all in one", .attributes = ALL_XFORWARD,
	  .identity = { CLIENT, NAMED, .helo = W("client.example.org"), .is_esmtp = true, .login = W("alice") },
	  .want = "XFORWARD NAME=mx.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP HELO=client.example.org IDENT=abc SOURCE=REMOTE\r\n" },
	{ .name = "what is not announced is not said", .attributes = BIT(XFORWARD_NAME) | BIT(XFORWARD_ADDR),
	  .identity = { .client = { .ip = DOC6(1), .port = 25 }, NAMED }, .want = "XFORWARD NAME=mx.example.org ADDR=IPV6:2001:db8::1\r\n" },
	{ .name = "it knows one word for what is not known", .attributes = BIT(XFORWARD_NAME) | BIT(XFORWARD_ADDR) | BIT(XFORWARD_HELO),
	  .identity = { .name_state = PEER_NAME_UNSETTLED },
	  .want = "XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE]\r\n" },
	{ .name = "long ones take a second line",
	  .attributes = ALL_XFORWARD,
	  .identity = { CLIENT, .helo = W(A255), .is_esmtp = true, .name_state = PEER_NAME_FOUND, .name = W(LABELS_200 ".example.org") },
	  .want = "XFORWARD NAME=" LABELS_200 ".example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP IDENT=abc SOURCE=REMOTE\r\n"
	    "XFORWARD HELO=" A255 "\r\n" },
};

static const struct {
	const char	*name;
	struct identity	 identity;
	const char	*want;
} helo_rows[] = {
	{ "a name as it was given", { .helo = W("client.example.org") }, "client.example.org" },
	{ "a literal as it was given", { .helo = W("[192.0.2.9]"), CLIENT }, "[192.0.2.9]" },
	{ "nothing in it ends a line or a word", { .helo = W("a b\r\nc\0d\t\x7f\xc3\xa9") }, "a?b??c?d????" },
	{ "none: the address", { CLIENT }, "[192.0.2.1]" },
	{ "none: the address of IPv6 (RFC 5321 4.1.3)", { .client = { .ip = DOC6(1), .port = 1 } }, "[IPv6:2001:db8::1]" },
	{ "nothing at all", { .helo = W("") }, "" },
	{ "too long is cut", { .helo = W(A255 "bbb") }, A255 },
};

static void
check_lines(struct str lines)
{
	struct str line;

	while (str_take_until(&lines, '\n', &line))
		expect(line.len + 1 <= INTRODUCE_LINE_MAX_BYTES && line.at[line.len - 1] == '\r');
}

static void
play_xclient(const struct row *row)
{
	struct ehlo offered = { .has_extensions = true, .xclient_attributes = row->attributes };
	struct command command;
	struct arena arena;
	struct reply reply;
	struct str rest, line;
	struct buf out;

	test_case("XCLIENT: %s", row->name);
	buf_init(&out, INTRODUCE_MAX_BYTES);
	expect_int(introduce_xclient(&row->identity, row->attributes, !row->hides_login, &out), 0);
	expect_str(buf_str(&out), str_of(row->want));
	check_lines(buf_str(&out));
	arena_init(&arena, 16384);
	rest = buf_str(&out);
	while (str_take_until(&rest, '\n', &line)) {		/* our own server takes it */
		if (expect_int(command_parse(str_trim(line), &offered, &arena, &command, &reply), 0) && rest.len == 0)
			expect(ip_eq(&command.xclient.addr, &row->identity.client.ip));
	}
	arena_fini(&arena);
	buf_fini(&out);
}

static void
play_xforward(const struct row *row)
{
	struct buf out;

	test_case("XFORWARD: %s", row->name);
	buf_init(&out, INTRODUCE_MAX_BYTES);
	expect_int(introduce_xforward(&row->identity, row->attributes, STR("abc"), &out), 0);
	expect_str(buf_str(&out), str_of(row->want));
	check_lines(buf_str(&out));
	buf_fini(&out);
}

/* Whatever a client says: lines that are short enough, three at most, and nothing in them that ends one. */
static void
play_anything(void)
{
	char bytes[4][600];
	size_t i, k;

	test_case("whatever a client says, the lines hold");
	srand(1);
	for (k = 0; k < 4000; k++) {
		struct identity identity = { CLIENT, .name_state = PEER_NAME_FOUND };
		struct str *const texts[] = { &identity.name, &identity.reverse_name, &identity.helo, &identity.login };
		int n_lines = 0;
		struct buf out;

		for (i = 0; i < 4; i++) {
			size_t n = (size_t)rand() % (k % 2 == 0 ? 300 : sizeof(bytes[i]));

			for (size_t j = 0; j < n; j++)
				bytes[i][j] = (char)(k % 3 == 0 ? rand() : j % 60 == 59 ? '.' : 'a' + rand() % 26);
			*texts[i] = str_n(bytes[i], n);
		}
		buf_init(&out, INTRODUCE_MAX_BYTES);
		expect(introduce_xclient(&identity, ALL_XCLIENT, true, &out) == 0);
		check_lines(buf_str(&out));
		for (i = 0; i < out.len; i++)
			n_lines += out.at[i] == '\n';
		expect(n_lines <= INTRODUCE_XCLIENT_LINES_MAX && str_find(buf_str(&out), '\0') < 0);
		buf_clear(&out);
		expect(introduce_xforward(&identity, ALL_XFORWARD, identity.login, &out) == 0);
		check_lines(buf_str(&out));
		buf_fini(&out);
	}
}

int
main(void)
{
	char room[INTRODUCE_HELO_MAX_BYTES + 1];
	size_t i;

	for (i = 0; i < sizeof(xclient_rows) / sizeof(xclient_rows[0]); i++)
		play_xclient(&xclient_rows[i]);
	for (i = 0; i < sizeof(xforward_rows) / sizeof(xforward_rows[0]); i++)
		play_xforward(&xforward_rows[i]);
	for (i = 0; i < sizeof(helo_rows) / sizeof(helo_rows[0]); i++) {
		test_case("EHLO: %s", helo_rows[i].name);
		expect_str(introduce_helo(&helo_rows[i].identity, room), str_of(helo_rows[i].want));
		expect_text(room, helo_rows[i].want);
	}
	play_anything();
	return test_end();
}
