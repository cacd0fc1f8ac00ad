/*
 * test_identity.c - the client's identity told to scripted servers by each means, and each way they refuse it
 */
#include "smtpfwd/deliver/identity.h"
#include "tests/deliver/peer.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

#define A10		"aaaaaaaaaa"
#define A50		A10 A10 A10 A10 A10
#define LONG_NAME	A50 "." A50 "." A50 "." A50 ".example.org"
#define GREETED		"S: 220 hi\nC: EHLO relay.example.net\nS: 250-hop.example.com\n"
#define ALL		"S: 250 XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\n"
#define COMMAND		"C: XCLIENT ADDR=192.0.2.1 PROTO=ESMTP PORT=4660 DESTADDR=198.51.100.2 DESTPORT=25" \
			" HELO=client.example.org NAME=mx.example.org REVERSE_NAME=mx.example.org\n"
#define FORWARDS	"XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\n"
#define FORWARD		"C: XFORWARD NAME=mx.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP HELO=client.example.org IDENT=id1 SOURCE=REMOTE\n"
#define V2		"\r\n\r\n\0\r\nQUIT\n"

static const struct client_settings settings = {
	.hostname = "relay.example.net",
	.connect_timeout = { 30 * INT64_C(1000000000) }, .greeting_timeout = { 300 * INT64_C(1000000000) },
	.mail_timeout = { 300 * INT64_C(1000000000) }, .rcpt_timeout = { 300 * INT64_C(1000000000) },
	.data_timeout = { 120 * INT64_C(1000000000) }, .block_timeout = { 180 * INT64_C(1000000000) },
	.final_timeout = { 600 * INT64_C(1000000000) },
};

#define W(text)	{ .at = (text), .len = sizeof(text) - 1 }

static const struct identity somebody = {
	.client = { { .family = IP_V4, .bytes = { 192, 0, 2, 1 } }, 4660 },
	.local = { { .family = IP_V4, .bytes = { 198, 51, 100, 2 } }, 25 },
	.name_state = PEER_NAME_FOUND, .name = W("mx.example.org"), .reverse_name = W("mx.example.org"),
	.helo = W("client.example.org"), .is_esmtp = true, .login = W("alice"),
};
static const struct identity long_named = {
	.client = { { .family = IP_V4, .bytes = { 192, 0, 2, 1 } }, 4660 },
	.name_state = PEER_NAME_FOUND, .name = W(LONG_NAME), .reverse_name = W(LONG_NAME), .helo = W("client.example.org"),
};
static const struct identity silent = {		/* it gave no name at all */
	.client = { { .family = IP_V6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } }, 4660 },
	.local = { { .family = IP_V4, .bytes = { 198, 51, 100, 2 } }, 25 },
};
static const struct identity ours = {		/* it may relay */
	.client = { { .family = IP_V4, .bytes = { 192, 0, 2, 1 } }, 4660 }, .helo = W("client.example.org"), .login = W("alice"), .is_trusted = true,
};
static const struct identity link_local = {
	.client = { { .family = IP_V6, .bytes = { 0xfe, 0x80, [15] = 9 } }, 4660 }, .helo = W("client.example.org"),
};
static const struct identity no_address = { .helo = W("client.example.org") };

struct stage {
	const struct row	*row;
	struct loop		*loop;
	struct peer		 peer;
	struct client		*client;
	struct reply		 reply;
	struct fault		 fault;
};

struct row {
	const char		*name;
	const char		*dialogue;
	const struct identity	*identity;	/* NULL: somebody, but for own */
	bool			 is_own;
	struct identity_rule	 rule;
	enum identity_result	 tell, forward;
	int			 code;		/* of the reply that decided; 0: not looked at */
	bool			 is_seen, is_bound, is_half;
	const char		*means;
	struct str		 heard;		/* the first bytes; "": not looked at */
	void			(*more)(struct stage *s);
};

static int
mail(struct stage *s)
{
	static const struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };

	return client_mail(s->client, &envelope, &envelope.reverse_path, 0, INSTANT_NEVER, &s->reply, &s->fault) == 0 ?
	    s->reply.code : -1;
}

/* A second mail: XFORWARD again, behind RSET. */
static void
once_more(struct stage *s)
{
	expect_int(mail(s), 250);
	expect_int(identity_forward(s->client, s->row->identity != NULL ? s->row->identity : &somebody, &s->row->rule, STR("id2"),
	    INSTANT_NEVER, &s->reply, &s->fault), IDENTITY_TOLD);
	expect(!s->client->is_in_transaction && client_is_reusable(s->client));
	expect_int(mail(s), 250);
}

static void
mail_goes_on(struct stage *s)
{
	expect_int(mail(s), 250);
}

/* The client's name is the session's, for the EHLO after STARTTLS too. */
static void
hello_again(struct stage *s)
{
	expect_int(client_ehlo(s->client, INSTANT_NEVER, &s->reply, &s->fault), 0);
	expect_int(s->reply.code, 250);
}

static void
told_once(struct stage *s)
{
	expect_int(identity_tell(s->client, &silent, &s->row->rule, INSTANT_NEVER, &s->reply, &s->fault), IDENTITY_NOT_POSSIBLE);
	expect(s->client->ehlo.has_8bitmime);
	expect_int(mail(s), 250);
}

static void
says_421(struct stage *s)
{
	expect_int(s->fault.cause, FAULT_CLOSED);
	expect(s->client->is_closing);
}

#define AUTO	{ .means = IDENTITY_AUTO }

static const struct row rows[] = {
	/* XCLIENT */
	{ .name = "XCLIENT, then EHLO with the client's name", .rule = AUTO, .tell = IDENTITY_TOLD, .forward = IDENTITY_NOT_POSSIBLE,
	  .code = 250, .is_seen = true, .is_bound = true, .means = "xclient", .more = told_once,
	  .dialogue = GREETED ALL COMMAND "N:\nS: 220 hi\nC: EHLO client.example.org\nS: 250-hop\nS: 250-8BITMIME\nS: 250 " FORWARDS
	    "C: MAIL FROM:<a@example.org>\nS: 250 ok\n" },
	{ .name = "a login by leave only", .rule = { .means = IDENTITY_XCLIENT, .tells_login = true }, .tell = IDENTITY_TOLD,
	  .forward = IDENTITY_NOT_POSSIBLE, .is_seen = true, .is_bound = true, .means = "xclient",
	  .dialogue = GREETED "S: 250 XCLIENT ADDR LOGIN\nC: XCLIENT ADDR=192.0.2.1 LOGIN=alice\nS: 220 hi\nC: EHLO client\nS: 250 hop\n" },
	{ .name = "names that are too long go first, and EHLO stands between", .rule = AUTO, .identity = &long_named,
	  .tell = IDENTITY_TOLD, .forward = IDENTITY_NOT_POSSIBLE, .is_seen = true, .is_bound = true, .means = "xclient",
	  .dialogue = GREETED ALL "C: XCLIENT NAME=" LONG_NAME " REVERSE_NAME=" LONG_NAME "\nS: 220 hi\nC: EHLO client.example.org\n"
	    "S: 250-hop\n" ALL "C: XCLIENT ADDR=192.0.2.1 PROTO=SMTP PORT=4660 DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE] HELO=client.example.org\n"
	    "S: 220 hi\nC: EHLO client.example.org\nS: 250 hop\n" },
	{ .name = "the right ends with the first of two", .rule = AUTO, .identity = &long_named, .tell = IDENTITY_REFUSED,
	  .is_bound = true, .is_half = true, .means = "none", .forward = IDENTITY_NOT_POSSIBLE,
	  .dialogue = GREETED ALL "C: XCLIENT NAME=\nS: 220 hi\nC: EHLO client.example.org\nS: 250 hop\n" },
	{ .name = "a client without a HELO is its address in EHLO", .rule = AUTO, .identity = &silent, .tell = IDENTITY_TOLD,
	  .forward = IDENTITY_NOT_POSSIBLE, .is_seen = true, .is_bound = true, .means = "xclient",
	  .dialogue = GREETED "S: 250 XCLIENT ADDR HELO\nC: XCLIENT ADDR=IPV6:2001:db8::9 HELO=[UNAVAILABLE]\nS: 220 hi\n"
	    "C: EHLO [IPv6:2001:db8::9]\nS: 250 hop\n" },
	{ .name = "EHLO is not known any more: HELO, with the same name", .rule = AUTO, .tell = IDENTITY_TOLD,
	  .forward = IDENTITY_NOT_POSSIBLE, .is_seen = true, .is_bound = true, .means = "xclient",
	  .dialogue = GREETED ALL COMMAND "S: 220 hi\nC: EHLO client.example.org\nS: 502 no\nC: HELO client.example.org\nS: 250 hop\n" },
	{ .name = "not announced: nothing is said", .rule = AUTO, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE,
	  .means = "none", .more = mail_goes_on, .dialogue = GREETED "S: 250 SIZE\nC: MAIL\nS: 250 ok\n" },
	{ .name = "without ADDR it is of no use", .rule = AUTO, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE,
	  .means = "none", .dialogue = GREETED "S: 250 XCLIENT NAME HELO\n" },
	{ .name = "our own mail has no client", .rule = AUTO, .is_own = true, .tell = IDENTITY_NOT_POSSIBLE,
	  .forward = IDENTITY_NOT_POSSIBLE, .means = "none", .dialogue = GREETED "S: 250-" FORWARDS ALL },
	{ .name = "by rule none", .rule = { .means = IDENTITY_NONE }, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE,
	  .means = "none", .dialogue = GREETED "S: 250-" FORWARDS ALL },
	{ .name = "where we log in XCLIENT would undo it", .rule = { .means = IDENTITY_AUTO, .has_login = true },
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .means = "none", .dialogue = GREETED ALL },
	{ .name = "by rule XFORWARD", .rule = { .means = IDENTITY_XFORWARD }, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_TOLD,
	  .means = "xforward", .dialogue = GREETED "S: 250-" FORWARDS ALL FORWARD "S: 250 ok\n" },

	/* XCLIENT refused */
	{ .name = "no right to XCLIENT: XFORWARD on the same session", .rule = AUTO, .tell = IDENTITY_REFUSED, .forward = IDENTITY_TOLD,
	  .means = "xforward", .more = once_more,
	  .dialogue = GREETED "S: 250-" FORWARDS ALL COMMAND "S: 550 5.7.0 Error: insufficient authorization\n" FORWARD "S: 250 ok\n"
	    "C: MAIL\nS: 250 ok\nC: RSET\nS: 250 ok\nC: XFORWARD NAME=mx.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP HELO=client.example.org IDENT=id2\n"
	    "S: 250 ok\nC: MAIL\nS: 250 ok\n" },
	{ .name = "a bare 550 is about the right too", .rule = AUTO, .tell = IDENTITY_REFUSED, .code = 550, .forward = IDENTITY_NOT_POSSIBLE,
	  .means = "none", .more = mail_goes_on, .dialogue = GREETED ALL COMMAND "S: 550 no\nC: MAIL\nS: 250 ok\n" },
	{ .name = "announced and yet unknown", .rule = AUTO, .tell = IDENTITY_REFUSED, .code = 502, .forward = IDENTITY_NOT_POSSIBLE,
	  .means = "none", .dialogue = GREETED ALL COMMAND "S: 502 5.5.1 what\n" },
	{ .name = "a malformed value may have come behind others that hold", .rule = AUTO, .tell = IDENTITY_REFUSED, .code = 501,
	  .forward = IDENTITY_NOT_POSSIBLE, .is_half = true, .means = "none", .dialogue = GREETED ALL COMMAND "S: 501 5.5.4 bad\n" },

	/* the client turned away */
	{ .name = "a client that is turned away at the door", .rule = AUTO, .tell = IDENTITY_TURNED_AWAY, .code = 554, .means = "none",
	  .dialogue = GREETED ALL COMMAND "S: 554 5.7.1 mx.example.org[192.0.2.1]: Client host rejected\n" },
	{ .name = "550 about the client is not one about the right", .rule = AUTO, .tell = IDENTITY_TURNED_AWAY, .code = 550, .means = "none",
	  .dialogue = GREETED ALL COMMAND "S: 550 5.7.25 Client host rejected: cannot find your hostname\n" },
	{ .name = "turned away for now", .rule = AUTO, .tell = IDENTITY_TURNED_AWAY, .code = 450, .means = "none",
	  .dialogue = GREETED ALL COMMAND "S: 450 4.7.1 Client host rejected: cannot find your reverse hostname\n" },
	{ .name = "turned away for its HELO", .rule = AUTO, .tell = IDENTITY_TURNED_AWAY, .code = 554, .is_bound = true, .is_half = true,
	  .means = "none", .dialogue = GREETED ALL COMMAND "S: 220 hi\nC: EHLO client\nS: 554 5.7.1 Helo command rejected\n" },

	/* lost */
	{ .name = "gone at XCLIENT", .rule = AUTO, .tell = IDENTITY_LOST, .means = "none", .dialogue = GREETED ALL COMMAND "X:\n" },
	{ .name = "gone at the EHLO behind it", .rule = AUTO, .tell = IDENTITY_LOST, .is_bound = true, .is_half = true, .means = "none",
	  .dialogue = GREETED ALL COMMAND "S: 220 hi\nC: EHLO\nX:\n" },
	{ .name = "421 is the next hop's trouble", .rule = AUTO, .tell = IDENTITY_LOST, .means = "none", .more = says_421,
	  .dialogue = GREETED ALL COMMAND "S: 421 4.3.2 going\nX:\n" },
	{ .name = "a reply that is none", .rule = AUTO, .tell = IDENTITY_LOST, .means = "none", .dialogue = GREETED ALL COMMAND "S: 354 go on\nX:\n" },
	{ .name = "greets twice before it is asked", .rule = AUTO, .tell = IDENTITY_LOST, .is_bound = true, .is_half = true, .means = "none",
	  .dialogue = GREETED ALL COMMAND "R: 220 hi\\r\\n250 hop\\r\\n\nX:\n" },

	/* XFORWARD */
	{ .name = "XFORWARD before each mail; the session stays anybody's", .rule = AUTO, .tell = IDENTITY_NOT_POSSIBLE,
	  .forward = IDENTITY_TOLD, .means = "xforward", .more = once_more,
	  .dialogue = GREETED "S: 250 " FORWARDS FORWARD "S: 250 ok\nC: MAIL\nS: 250 ok\nC: RSET\nS: 250 ok\n"
	    "C: XFORWARD NAME=mx.example.org ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP HELO=client.example.org IDENT=id2 SOURCE=REMOTE\n"
	    "S: 250 ok\nC: MAIL\nS: 250 ok\n" },
	{ .name = "XFORWARD refused: mail goes on", .rule = AUTO, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_REFUSED, .code = 550,
	  .means = "none", .more = mail_goes_on,
	  .dialogue = GREETED "S: 250 " FORWARDS FORWARD "S: 550 5.7.0 insufficient authorization\nC: MAIL\nS: 250 ok\n" },
	{ .name = "XFORWARD refused for now: the same", .rule = AUTO, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_REFUSED, .code = 451,
	  .means = "none", .more = mail_goes_on, .dialogue = GREETED "S: 250 " FORWARDS FORWARD "S: 451 later\nC: MAIL\nS: 250 ok\n" },
	{ .name = "421 to XFORWARD", .rule = AUTO, .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_LOST, .means = "none", .more = says_421,
	  .dialogue = GREETED "S: 250 " FORWARDS FORWARD "S: 421 going\nX:\n" },
	{ .name = "by rule XCLIENT: no XFORWARD in its place", .rule = { .means = IDENTITY_XCLIENT }, .tell = IDENTITY_NOT_POSSIBLE,
	  .forward = IDENTITY_NOT_POSSIBLE, .means = "none", .dialogue = GREETED "S: 250 " FORWARDS },

	/* PROXY, to the byte; the dialogue's lines end where its CRLFs are */
	{ .name = "PROXY before the greeting, and EHLO with the client's name", .rule = { .means = IDENTITY_PROXY },
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .is_seen = true, .is_bound = true, .means = "proxy",
	  .heard = W("\n\n\0\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x00\x19" "EHLO client.example.org\n"),
	  .more = hello_again,
	  .dialogue = "C: \nC: \nC: \nS: 220 hi\nC: QUIT\nS: 250-hop\nS: 250-" FORWARDS ALL "C: EHLO client.example.org\nS: 250 hop\n" },
	{ .name = "PROXY of a client by another family than ours", .rule = { .means = IDENTITY_PROXY }, .identity = &silent,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .is_seen = true, .is_bound = true, .means = "proxy",
	  .heard = W("\n\n\0\nQUIT\n\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
	    "\x12\x34\x09\xdd" "EHLO [IPv6:2001:db8::9]\n"),
	  .dialogue = "C: \nC: \nC: \nS: 220 hi\nC: QUIT\nS: 250 hop\n" },
	{ .name = "PROXY for ourselves is LOCAL, and we say our name", .rule = { .means = IDENTITY_PROXY }, .is_own = true,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .is_bound = true, .means = "none",
	  .heard = W("\n\n\0\nQUIT\n\x20\0\0\0" "EHLO relay.example.net\n"), .dialogue = "C: \nC: \nC: \nS: 220 hi\nC: QUIT\nS: 250 hop\n" },
	{ .name = "one that we trust is ours, behind PROXY", .rule = { .means = IDENTITY_PROXY, .tells_login = true }, .identity = &ours,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .is_bound = true, .means = "none",
	  .heard = W("\n\n\0\nQUIT\n\x20\0\0\0" "EHLO relay.example.net\n"), .dialogue = "C: \nC: \nC: \nS: 220 hi\nC: QUIT\nS: 250 hop\n" },
	{ .name = "without its login XCLIENT tells nothing of it, XFORWARD does", .rule = { .means = IDENTITY_AUTO }, .identity = &ours,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_TOLD, .means = "xforward",
	  .dialogue = GREETED "S: 250-XCLIENT ADDR LOGIN\nS: 250 XFORWARD ADDR\nC: XFORWARD ADDR=192.0.2.1\nS: 250\n" },
	{ .name = "nor where the login is not taken", .rule = { .means = IDENTITY_XCLIENT, .tells_login = true }, .identity = &ours,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .means = "none", .dialogue = GREETED "S: 250 XCLIENT ADDR\n" },
	{ .name = "with it, it is told", .rule = { .means = IDENTITY_AUTO, .tells_login = true }, .identity = &ours,
	  .tell = IDENTITY_TOLD, .code = 250, .is_seen = true, .is_bound = true, .means = "xclient",
	  .dialogue = GREETED "S: 250 XCLIENT ADDR LOGIN\nC: XCLIENT ADDR=192.0.2.1 LOGIN=alice\nS: 220 hi\nC: EHLO client.example.org\nS: 250 hop\n" },
	{ .name = "a link-local address is told by nothing", .rule = { .means = IDENTITY_AUTO }, .identity = &link_local,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .means = "none",
	  .dialogue = GREETED "S: 250-XCLIENT ADDR\nS: 250 XFORWARD ADDR\n" },
	{ .name = "a client whose address is not known cannot be told by PROXY", .rule = { .means = IDENTITY_PROXY }, .identity = &no_address,
	  .tell = IDENTITY_NOT_POSSIBLE, .forward = IDENTITY_NOT_POSSIBLE, .is_bound = true, .means = "none",
	  .heard = W("\n\n\0\nQUIT\n\x20\0\0\0" "EHLO relay.example.net\n"), .dialogue = "C: \nC: \nC: \nS: 220 hi\nC: QUIT\nS: 250 hop\n" },
};

static void
tell(struct stage *s, const struct identity *identity)
{
	const struct row *row = s->row;
	enum identity_result result = identity_tell(s->client, identity, &row->rule, INSTANT_NEVER, &s->reply, &s->fault);

	expect_int(result, row->tell);
	if (result == IDENTITY_REFUSED || result == IDENTITY_NOT_POSSIBLE)
		expect_int(identity_forward(s->client, identity, &row->rule, STR("id1"), INSTANT_NEVER, &s->reply, &s->fault),
		    row->forward);
	if (row->code != 0)
		expect_int(s->reply.code, row->code);
	expect_int(identity_is_seen(s->client), row->is_seen);
	expect_int(s->client->stands_for_one, row->is_bound);
	expect_int(s->client->is_half_introduced, row->is_half);
	expect_str(identity_means_name(s->client->told), str_of(row->means));
	if (row->more != NULL)
		row->more(s);
}

static void
act(void *arg)
{
	struct stage *s = arg;
	const struct identity *identity = s->row->is_own ? NULL : s->row->identity != NULL ? s->row->identity : &somebody;

	s->client = client_connect(s->loop, &settings, &s->peer.at, NULL, INSTANT_NEVER, &s->fault);
	peer_stop(&s->peer);
	if (!expect(s->client != NULL))
		return;
	if (identity_by_proxy(&s->row->rule))
		expect_int(identity_say_proxy(s->client, identity, INSTANT_NEVER, &s->fault), 0);
	if (expect(client_greeting(s->client, INSTANT_NEVER, &s->reply, &s->fault) == 0) &&
	    expect(client_ehlo(s->client, INSTANT_NEVER, &s->reply, &s->fault) == 0))
		tell(s, identity);
	client_quit(s->client, instant_after(loop_now(s->loop), span_s(5)));
}

static void
play(const struct row *row)
{
	const struct endpoint at = { .ip = { .family = IP_V6, .bytes = { [15] = 1 } }, .port = 2525 };
	struct sim_options options = { .seed = sim_seed(1) };
	struct sim *sim = sim_new(&options);
	struct stage s = { .row = row };

	test_case("%s", row->name);
	sim_enter(sim);
	s.loop = loop_new(10, NULL);
	peer_start(&s.peer, s.loop, &at);
	peer_says(&s.peer, row->dialogue);
	fiber_start(s.loop, "client", act, &s);
	loop_run(s.loop);
	expect_str(buf_str(&s.peer.complaint), STR(""));
	if (row->heard.len > 0)
		expect_str(str_sub(buf_str(&s.peer.heard), 0, row->heard.len), row->heard);
	peer_free(&s.peer);
	loop_free(s.loop);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		play(&rows[i]);
	test_case("what is left to try after a refusal");
	expect_int(identity_next_means(IDENTITY_AUTO), IDENTITY_XFORWARD);
	expect_int(identity_next_means(IDENTITY_XFORWARD), IDENTITY_NONE);
	expect_int(identity_next_means(IDENTITY_XCLIENT), IDENTITY_NONE);
	return test_end();
}
