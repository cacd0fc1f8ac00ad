/*
 * test_command.c - command lines read and written
 */
#include <stdlib.h>

#include "smtpfwd/smtp/command.h"
#include "smtpfwd/smtp/limits.h"
#include "tests/expect.h"

static const struct ehlo all = { .has_size = true, .has_8bitmime = true, .has_smtputf8 = true,
	.has_dsn = true, .has_chunking = true, .auth_mechanisms = AUTH_PLAIN };
static const struct ehlo plain = { .has_pipelining = true };

static const struct {
	const char	*line;
	enum verb	 verb;
	int		 code;			/* 0: good */
	const char	*argument;
} verbs[] = {
	{ "HELO client.example", VERB_HELO, 0, "client.example" },
	{ "ehlo [192.0.2.1]", VERB_EHLO, 0, "[192.0.2.1]" },
	{ "eHlO  two words ", VERB_EHLO, 0, "two words" },
	{ "EHLO", VERB_EHLO, 501, "" },
	{ "HELO ", VERB_HELO, 501, "" },
	{ "DATA", VERB_DATA, 0, "" },
	{ "DATA  ", VERB_DATA, 0, "" },
	{ "DATA x", VERB_DATA, 501, "x" },
	{ "RSET", VERB_RSET, 0, "" },
	{ "RSET x", VERB_RSET, 501, "x" },
	{ "QUIT", VERB_QUIT, 0, "" },
	{ "NOOP", VERB_NOOP, 0, "" },
	{ "NOOP anything at all", VERB_NOOP, 0, "anything at all" },
	{ "HELP", VERB_HELP, 0, "" },
	{ "HELP MAIL", VERB_HELP, 0, "MAIL" },
	{ "VRFY", VERB_VRFY, 501, "" },
	{ "VRFY postmaster", VERB_VRFY, 0, "postmaster" },
	{ "EXPN list", VERB_EXPN, 0, "list" },
	{ "STARTTLS", VERB_STARTTLS, 0, "" },
	{ "STARTTLS now", VERB_STARTTLS, 501, "now" },
	{ "BDAT 100", VERB_BDAT, 0, "100" },
	{ "BDAT 0 LAST", VERB_BDAT, 0, "0 LAST" },
	{ "BDAT", VERB_BDAT, 501, "" },
	{ "BDAT x", VERB_BDAT, 501, "x" },
	{ "BDAT -1", VERB_BDAT, 501, "-1" },
	{ "BDAT 99999999999999999999", VERB_BDAT, 501, "99999999999999999999" },
	{ "BDAT 1 FIRST", VERB_BDAT, 501, "1 FIRST" },
	{ "BDAT 1 LAST x", VERB_BDAT, 501, "1 LAST x" },
	{ "AUTH", VERB_AUTH, 501, "" },
	{ "AUTH PLAIN", VERB_AUTH, 0, "PLAIN" },
	{ "AUTH PLAIN AGEAYg==", VERB_AUTH, 0, "PLAIN AGEAYg==" },
	{ "AUTH PLAIN a b", VERB_AUTH, 501, "PLAIN a b" },
	{ "AUTH PL*IN", VERB_AUTH, 501, "PL*IN" },
	{ "", VERB_UNKNOWN, 0, "" },
	{ "   ", VERB_UNKNOWN, 0, "" },
	{ "MAILFROM:<a@b>", VERB_UNKNOWN, 0, "" },
	{ "GET / HTTP/1.1", VERB_UNKNOWN, 0, "/ HTTP/1.1" },
	{ "Subject: hello", VERB_UNKNOWN, 0, "hello" },
	{ "\x01\x02", VERB_UNKNOWN, 500, "" },
	{ "NOOP a\rQUIT", VERB_NOOP, 500, "a\rQUIT" },
	{ "NOOP \x7f", VERB_NOOP, 500, "\x7f" },
};

/* A copy without a NUL behind it: ASAN watches its end. */
static int
parse(struct str line, const struct ehlo *offered, struct arena *arena, struct command *c, struct reply *reply)
{
	char *exact = malloc(line.len + 1);
	struct str kept;
	int result;

	memcpy(exact + 1, line.at, line.len);
	result = command_parse(str_n(exact + 1, line.len), offered, arena, c, reply);
	free(exact);
	/* what it gives points into the line: give it one that stays */
	arena_copy(arena, line, &kept);
	expect_int(command_parse(kept, offered, arena, c, reply), result);
	return result;
}

static void
test_verbs(struct arena *arena)
{
	struct command c;
	struct reply reply;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		int result;

		test_case("line: \"%s\"", verbs[i].line);
		reply = (struct reply){ .code = 0 };
		result = parse(str_of(verbs[i].line), &all, arena, &c, &reply);
		expect_int(c.verb, verbs[i].verb);
		expect_int(result, verbs[i].code == 0 ? 0 : -1);
		expect_int(reply.code, verbs[i].code);
		expect_str(c.argument, str_of(verbs[i].argument));
	}
	test_case("a NUL in a line is refused");
	expect_int(parse(STR("RSET\0"), &all, arena, &c, &reply), -1);
	expect_int(reply.code, 500);
	test_case("BDAT and AUTH in parts");
	expect_int(parse(STR("BDAT 18446744073709551615 last"), &all, arena, &c, &reply), 0);
	expect(c.bdat.n_bytes == UINT64_MAX && c.bdat.is_last);
	expect_int(parse(STR("auth plain ="), &all, arena, &c, &reply), 0);
	expect_str(c.auth.mechanism, STR("plain"));
	expect(c.auth.has_initial);
	expect_str(c.auth.initial, STR("="));
}

static const struct {
	const char	*line;
	const struct ehlo *offered;
	int		 code;			/* 0: good */
	struct status	 status;
} paths[] = {
	{ "MAIL FROM:<a@b.example>", NULL, 0, { 0, 0, 0 } },
	{ "mail from: <a@b.example>", NULL, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<>", NULL, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> ", NULL, 0, { 0, 0, 0 } },
	{ "MAIL FROM:a@b.example", NULL, 501, { 5, 1, 7 } },
	{ "MAIL FROM:<a@b.example", NULL, 501, { 5, 1, 7 } },
	{ "MAIL FROM:<a@b.example>x", NULL, 501, { 5, 1, 7 } },
	{ "MAIL FROM:<a@b.example> x", NULL, 555, { 5, 5, 4 } },
	{ "MAIL FROM:", NULL, 501, { 5, 1, 7 } },
	{ "MAIL", NULL, 501, { 5, 5, 4 } },
	{ "MAIL <a@b.example>", NULL, 501, { 5, 5, 4 } },
	{ "MAIL TO:<a@b.example>", NULL, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example>", NULL, 0, { 0, 0, 0 } },
	{ "RCPT TO:<@x.example:a@b.example>", NULL, 0, { 0, 0, 0 } },
	{ "RCPT TO:<postmaster>", NULL, 0, { 0, 0, 0 } },
	{ "RCPT TO:<>", NULL, 501, { 5, 1, 3 } },
	{ "RCPT TO:<a>", NULL, 501, { 5, 1, 3 } },
	{ "RCPT FROM:<a@b.example>", NULL, 501, { 5, 5, 4 } },

	{ "MAIL FROM:<a@b.example> SIZE=100", NULL, 555, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> SIZE=100", &plain, 555, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> SIZE=100", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> size=100 BODY=8BITMIME", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> SIZE=100 SIZE=100", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> SIZE=", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> SIZE", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> SIZE=1x", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> SIZE=99999999999999999999", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> BODY=BINARYMIME", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> BODY=7bit", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> SMTPUTF8=1", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> =1", &all, 555, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> FUTURE=1", &all, 555, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> NOTIFY=NEVER", &all, 555, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> RET=FULL ENVID=QQ+2B", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> RET=BOTH", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> ENVID=a=b", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> ENVID=a+2", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<a@b.example> AUTH=<>", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> AUTH=e+3Dmc2@example.com", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<a@b.example> AUTH=e=", &all, 501, { 5, 5, 4 } },
	{ "MAIL FROM:<\xc3\xa4@b.example> SMTPUTF8", &all, 0, { 0, 0, 0 } },
	{ "MAIL FROM:<\xc3\xa4@b.example>", &all, 550, { 5, 6, 7 } },
	{ "MAIL FROM:<\xc3\xa4@b.example>", &plain, 550, { 5, 6, 7 } },
	{ "MAIL FROM:<\xc3@b.example> SMTPUTF8", &all, 501, { 5, 1, 7 } },

	{ "RCPT TO:<a@b.example> NOTIFY=NEVER", &all, 0, { 0, 0, 0 } },
	{ "RCPT TO:<a@b.example> NOTIFY=success,DELAY,failure ORCPT=rfc822;a+2Bx@b.example", &all, 0, { 0, 0, 0 } },
	{ "RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=DELAY,DELAY", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=DELAY,", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=,DELAY", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=ALWAYS", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=DELAY NOTIFY=DELAY", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> ORCPT=a@b.example", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> ORCPT=rfc822;", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> ORCPT=;a", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> ORCPT=rfc822;a+", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> ORCPT=rfc822;\xc3\xa4@b", &all, 501, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> ORCPT=utf-8;\xc3\xa4@b", &all, 0, { 0, 0, 0 } },
	{ "RCPT TO:<a@b.example> ORCPT=utf-8;\\x{E4}@b", &all, 0, { 0, 0, 0 } },
	{ "RCPT TO:<a@b.example> SIZE=1", &all, 555, { 5, 5, 4 } },
	{ "RCPT TO:<a@b.example> NOTIFY=NEVER", &plain, 555, { 5, 5, 4 } },
};

static void
test_paths(struct arena *arena)
{
	struct command c;
	struct reply reply;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int result;

		test_case("line: \"%s\" offered %s", paths[i].line,
		    paths[i].offered == &all ? "all" : paths[i].offered != NULL ? "little" : "nothing");
		reply = (struct reply){ .code = 0 };
		result = parse(str_of(paths[i].line), paths[i].offered, arena, &c, &reply);
		expect_int(result, paths[i].code == 0 ? 0 : -1);
		expect_int(reply.code, paths[i].code);
		expect(status_eq(reply.status, paths[i].status));
		if (result != 0)
			expect(reply.text.len > 0 && str_is_printable(reply.text));
	}
}

static void
test_values(struct arena *arena)
{
	struct command c;
	struct reply reply;
	struct buf line;

	test_case("all of MAIL's values");
	expect_int(parse(STR("MAIL FROM:<\"a b\"@b.example> SIZE=4096 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+3D1 AUTH=x@y"),
	    &all, arena, &c, &reply), 0);
	expect_str(c.mail.reverse_path.local, STR("\"a b\""));
	expect_str(c.mail.reverse_path.domain, STR("b.example"));
	expect(c.mail.has_size && c.mail.size_bytes == 4096);
	expect_int(c.mail.body, BODY_8BITMIME);
	expect(c.mail.is_smtputf8);
	expect_int(c.mail.ret, RET_HDRS);
	expect_str(c.mail.envid, STR("QQ+3D1"));
	expect_str(c.mail.auth, STR("x@y"));
	test_case("nothing is left of the line before");
	expect_int(parse(STR("MAIL FROM:<>"), &all, arena, &c, &reply), 0);
	expect(address_is_null(&c.mail.reverse_path) && !c.mail.has_size && c.mail.body == BODY_UNSET);
	expect(!c.mail.is_smtputf8 && c.mail.ret == RET_UNSET && c.mail.envid.len == 0);
	test_case("all of RCPT's values");
	expect_int(parse(STR("RCPT TO:<@hosta.int,@jkl.org:userc@d.bar.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@Example.COM"),
	    &all, arena, &c, &reply), 0);
	expect_str(c.rcpt.address.local, STR("userc"));
	expect_str(c.rcpt.address.domain, STR("d.bar.org"));
	expect_int(c.rcpt.notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
	expect_str(c.rcpt.orcpt, STR("rfc822;Bob@Example.COM"));

	test_case("an ENVID of 100 is taken, of 101 not; an ORCPT of 500 is taken, of 501 not");
	buf_init(&line, 4096);
	for (int n = 100; n <= 101; n++) {
		buf_clear(&line);
		buf_printf(&line, "MAIL FROM:<> ENVID=%0*d", n, 0);
		expect_int(parse(buf_str(&line), &all, arena, &c, &reply), n == 100 ? 0 : -1);
	}
	for (int n = 500; n <= 501; n++) {
		buf_clear(&line);
		buf_printf(&line, "RCPT TO:<a@b.example> ORCPT=rfc822;%0*d", n - 7, 0);
		expect_int(parse(buf_str(&line), &all, arena, &c, &reply), n == 500 ? 0 : -1);
	}
	test_case("parameters without end are refused");
	buf_clear(&line);
	buf_append(&line, STR("MAIL FROM:<>"));
	for (int i = 0; i < 500; i++)
		buf_append(&line, STR(" A=1"));
	expect_int(parse(buf_str(&line), &all, arena, &c, &reply), -1);
	buf_fini(&line);
}

static const struct {
	const char	*line;
	bool		 is_good;
} xclients[] = {
	{ "XCLIENT NAME=c.example ADDR=192.0.2.1", true },
	{ "xclient name=[UNAVAILABLE] addr=IPV6:2001:db8::1", true },
	{ "XCLIENT NAME=[tempunavail]", true },
	{ "XCLIENT ADDR=[UNAVAILABLE] LOGIN=[UNAVAILABLE]", true },
	{ "XCLIENT", false },
	{ "XCLIENT NAME", false },
	{ "XCLIENT NAME=", false },
	{ "XCLIENT =x", false },
	{ "XCLIENT FOO=x", false },
	{ "XCLIENT NAME=a NAME=b", false },
	{ "XCLIENT NAME=a NAME=[UNAVAILABLE]", false },
	{ "XCLIENT NAME=a+20b", false },
	{ "XCLIENT NAME=a+0Ab", false },
	{ "XCLIENT HELO=a+0Ab", false },
	{ "XCLIENT HELO=a+0D+0ADATA", false },
	{ "XCLIENT LOGIN=a+00", false },
	{ "XCLIENT HELO=a+2", false },
	{ "XCLIENT HELO=a+ZZ", false },
	{ "XCLIENT HELO=a=b", false },
	{ "XCLIENT ADDR=2001:db8::1", false },
	{ "XCLIENT ADDR=IPV6:192.0.2.1", false },
	{ "XCLIENT ADDR=192.0.2", false },
	{ "XCLIENT ADDR=[192.0.2.1]", false },
	{ "XCLIENT PORT=65535", true },
	{ "XCLIENT PORT=65536", false },
	{ "XCLIENT PORT=-1", false },
	{ "XCLIENT PROTO=LMTP", false },
	{ "XCLIENT PROTO=smtp", true },
};

static void
test_xclient(struct arena *arena)
{
	char room[IP_TEXT_MAX];
	struct command c;
	struct reply reply;
	struct arena small;
	struct buf line;

	for (size_t i = 0; i < sizeof(xclients) / sizeof(xclients[0]); i++) {
		test_case("line: \"%s\"", xclients[i].line);
		expect_int(parse(str_of(xclients[i].line), NULL, arena, &c, &reply), xclients[i].is_good ? 0 : -1);
		expect_int(c.verb, VERB_XCLIENT);
		if (!xclients[i].is_good)
			expect_int(reply.code, 501);
	}
	test_case("all of XCLIENT's values");
	expect_int(parse(STR("XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2 PROTO=ESMTP HELO=a+2Bb+3D REVERSE_NAME=r.example"
	    " PORT=4711 LOGIN=joe+20x DESTADDR=IPV6:::1 DESTPORT=25"), NULL, arena, &c, &reply), 0);
	for (int i = 0; i < XCLIENT_N_ATTRIBUTES; i++)
		expect_int(c.xclient.states[i], XCLIENT_GIVEN);
	expect_str(c.xclient.name, STR("spike.porcupine.org"));
	expect_str(ip_text(&c.xclient.addr, room), STR("168.100.189.2"));
	expect(c.xclient.is_esmtp);
	expect_str(c.xclient.helo, STR("a+b="));
	expect_str(c.xclient.reverse_name, STR("r.example"));
	expect_int(c.xclient.port, 4711);
	expect_str(c.xclient.login, STR("joe x"));
	expect_str(ip_text(&c.xclient.destaddr, room), STR("::1"));
	expect_int(c.xclient.destport, 25);
	test_case("what is not given is told apart from what there is not");
	expect_int(parse(STR("XCLIENT NAME=[TEMPUNAVAIL] REVERSE_NAME=[UNAVAILABLE]"), NULL, arena, &c, &reply), 0);
	expect_int(c.xclient.states[XCLIENT_NAME], XCLIENT_TEMPUNAVAIL);
	expect_int(c.xclient.states[XCLIENT_REVERSE_NAME], XCLIENT_UNAVAILABLE);
	expect_int(c.xclient.states[XCLIENT_ADDR], XCLIENT_NOT_GIVEN);
	test_case("a value of 255 is taken, of 256 not");
	buf_init(&line, 4096);
	buf_printf(&line, "XCLIENT HELO=%0255d", 0);
	expect_int(parse(buf_str(&line), NULL, arena, &c, &reply), 0);
	buf_append(&line, STR("0"));
	expect_int(parse(buf_str(&line), NULL, arena, &c, &reply), -1);
	test_case("a full arena is our trouble, not the client's");
	arena_init(&small, 1);
	expect_int(command_parse(STR("XCLIENT NAME=a.example"), NULL, &small, &c, &reply), -1);
	expect_int(reply.code, 452);
	arena_fini(&small);
	buf_fini(&line);
}

static void
test_write(void)
{
	struct recipient rcpt = { .address = { STR("bob"), STR("b.example") }, .orcpt = STR("rfc822;x+2By"),
		.notify = NOTIFY_FAILURE | NOTIFY_SUCCESS };
	struct envelope e = { .envid = STR("Q+2B1"), .ret = RET_FULL, .is_8bit = true, .is_smtputf8 = true };
	struct address a = { STR("al"), STR("a.example") }, null_path = { STR_EMPTY, STR_EMPTY };
	struct buf out;

	buf_init(&out, 1000);
	test_case("commands with all the server takes");
	expect_int(command_write_mail(&e, &a, 77, &all, &out), 0);
	expect_int(command_write_rcpt(&rcpt, &all, &out), 0);
	expect_str(buf_str(&out), STR("MAIL FROM:<al@a.example> SIZE=77 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=Q+2B1\r\n"
	    "RCPT TO:<bob@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x+2By\r\n"));
	test_case("and with none of it");
	buf_clear(&out);
	expect_int(command_write_mail(&e, &null_path, 77, &plain, &out), 0);
	expect_int(command_write_rcpt(&rcpt, &plain, &out), 0);
	expect_str(buf_str(&out), STR("MAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\n"));
	test_case("what was not asked is not said");
	buf_clear(&out);
	e = (struct envelope){ .ret = RET_UNSET };
	rcpt = (struct recipient){ .address = { STR("postmaster"), STR_EMPTY } };
	expect_int(command_write_mail(&e, &a, 0, &all, &out), 0);
	expect_int(command_write_rcpt(&rcpt, &all, &out), 0);
	expect_str(buf_str(&out), STR("MAIL FROM:<al@a.example>\r\nRCPT TO:<postmaster>\r\n"));
	test_case("a full buffer is left as it was");
	buf_fini(&out);
	buf_init(&out, 30);
	buf_append(&out, STR("before"));
	expect_int(command_write_mail(&e, &a, 7, &all, &out), -1);
	expect_str(buf_str(&out), STR("before"));
	buf_fini(&out);
}

static void
test_xtext(void)
{
	char bytes[256];
	struct buf text, back;

	buf_init(&text, 4096);
	buf_init(&back, 4096);
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	test_case("xtext of every byte and back");
	expect_int(xtext_encode(str_n(bytes, 256), &text), 0);
	expect(xtext_is_valid(buf_str(&text)));
	expect_int(xtext_decode(buf_str(&text), &back), 0);
	expect_str(buf_str(&back), str_n(bytes, 256));
	test_case("xtext as RFC 3461 has it");
	buf_clear(&text);
	expect_int(xtext_encode(STR("a+b=c d"), &text), 0);
	expect_str(buf_str(&text), STR("a+2Bb+3Dc+20d"));
	expect(!xtext_is_valid(STR("a b")) && !xtext_is_valid(STR("a=")) && !xtext_is_valid(STR("+4")));
	expect(!xtext_is_valid(STR("\xc3\xa4")) && xtext_is_valid(STR("")));
	buf_fini(&back);
	buf_fini(&text);
}

/* Random lines made of pieces of real ones: nothing is read beyond, and what is refused has an answer. */
static void
test_random(struct arena *arena)
{
	static const char *const pieces[] = { "MAIL FROM:", "RCPT TO:", "<", ">", "@", "a", "\"", "\\", " ", "SIZE=",
		"=", "NOTIFY=", "ORCPT=", "rfc822;", "+", "2B", "XCLIENT ", "NAME=", "ADDR=", "IPV6:", "::", "[", "]",
		"1", ".", ",", ":", "BDAT ", "AUTH ", "\xc3", "\xa4", "\t", "ENVID=", "SMTPUTF8", "[UNAVAILABLE]" };
	uint64_t state = 362436069;
	bool is_answered = true;
	struct command c;
	struct buf line;

	buf_init(&line, 4096);
	test_case("random lines are read or answered");
	for (int round = 0; round < 30000; round++) {
		struct reply reply = { .code = 0 };

		buf_clear(&line);
		state = state * 6364136223846793005u + 1442695040888963407u;
		for (uint64_t n = state >> 60; n > 0; n--) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			buf_append(&line, str_of(pieces[(state >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]));
		}
		char *exact = malloc(line.len + 1);

		memcpy(exact, line.at != NULL ? line.at : "", line.len);
		if (command_parse(str_n(exact, line.len), &all, arena, &c, &reply) != 0)
			is_answered = is_answered && reply.code >= 452 && reply.text.len > 0;
		free(exact);
		if (round % 100 == 0) {
			arena_fini(arena);
			arena_init(arena, 1 << 20);
		}
	}
	expect(is_answered);
	buf_fini(&line);
}

int
main(void)
{
	struct arena arena;

	arena_init(&arena, 8 << 20);
	test_verbs(&arena);
	test_paths(&arena);
	test_values(&arena);
	test_xclient(&arena);
	test_write();
	test_xtext();
	test_random(&arena);
	arena_fini(&arena);
	return test_end();
}
