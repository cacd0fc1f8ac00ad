/*
 * test_server.c - dialogues of RFC 5321 and its extensions, as their texts have them
 */
#include "tests/expect.h"
#include "tests/receive/stage.h"

#define GREETED	"S220 relay.example.com ESMTP", "CEHLO client.example.org", "S250"
#define ENVELOPE	"CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5"
#define MAIL	ENVELOPE, "CDATA", "S354"

struct talk {
	const char	*name;
	void	       (*change)(struct stage *stage);
	const char	*script[64];
};

static void
trusts_loopback(struct stage *stage)
{
	static struct network loopback;

	network_parse(STR("127.0.0.0/8"), &loopback);
	stage->settings.networks = &loopback;
	stage->settings.n_networks = 1;
}

static void
takes_two_recipients(struct stage *stage)
{
	stage->settings.recipients_max = 2;
}

static void
is_full(struct stage *stage)
{
	stage->queue.is_full = true;
}

static void
fails_to_append(struct stage *stage)
{
	stage->queue.does_append_fail = true;
	stage->queue.append_fails = FAULT_OTHER;
}

static void
fails_to_put_for_room(struct stage *stage)
{
	stage->queue.does_put_fail = true;
	stage->queue.put_fails = FAULT_FULL;
}

static void
fails_to_put(struct stage *stage)
{
	stage->queue.does_put_fail = true;
	stage->queue.put_fails = FAULT_OTHER;
}

static void
takes_three_errors(struct stage *stage)
{
	stage->settings.errors_max = 3;
}

static void
allows_two_hops(struct stage *stage)
{
	stage->settings.received_max = 2;
}

static const struct talk talks[] = {
	{ "a mail is taken, with its id in the answer", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5",
		"CDATA", "S354 ", "CSubject: hello", "C", "Cbody", "C.", "S250 2.0.0 queued as ", "Q1",
		"Fa@example.org", "Tb@example.com", "BSubject: hello\r\n\r\nbody\r\n",
		"Hby relay.example.com (smtpfwd) with ESMTP", "Hfor <b@example.com>",
		"H(client.example.org [127.0.0.1])", "CQUIT", "S221 2.0.0", "E",
		"Daccepted id=", "Dname=client.example.org", NULL } },
	{ "HELO serves too, and adds no extensions", NULL, {
		"S220", "CHELO client.example.org", "S250 relay.example.com", "CMAIL FROM:<a@example.org> SIZE=100", "S555",
		"CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@example.com>", "S250", "CDATA", "S354", "Chi", "C.",
		"S250", "Hwith SMTP", NULL } },
	{ "EHLO tells what is offered, and not what is not", NULL, {
		GREETED, "Lrelay.example.com", "LPIPELINING", "LSIZE 100000", "L8BITMIME", "LSMTPUTF8",
		"LENHANCEDSTATUSCODES", "LDSN", "LCHUNKING", "LLIMITS RCPTMAX=100", "NSTARTTLS", "NXCLIENT", "NAUTH",
		NULL } },
	{ "dots are unstuffed, and a lone dot line is text when stuffed", NULL, {
		GREETED, MAIL, "C..", "C...a", "C.", "S250", "B\r\n.\r\n..a\r\n", NULL } },
	{ "an empty mail is a mail", NULL, { GREETED, MAIL, "C.", "S250", "Q1", "B", NULL } },
	{ "a round of commands is answered in order (RFC 2920)", NULL, {
		GREETED, "RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n",
		"S250 2.1.0", "S250 2.1.5", "S550 5.7.1", "S354", "Rtext\r\n.\r\nRSET\r\nNOOP\r\n", "S250 2.0.0 queued",
		"S250", "S250", "Tb@example.com", NULL } },
	{ "who has closed its side still hears what it waits for", NULL, {
		GREETED, MAIL, "Rx\r\n.\r\nNOOP\r\n", "X", "S250 2.0.0", "S250 2.0.0", "E", "Q1", NULL } },
	{ "and so does who closed it amidst a command", NULL, { GREETED, "RNOOP\r\nNOO", "X", "S250 2.0.0", "E", NULL } },
	{ "several mails in a session", NULL, {
		GREETED, MAIL, "C1", "C.", "S250", MAIL, "C2", "C.", "S250", "Q2", "B\r\n2\r\n", NULL } },
	{ "no command out of turn", NULL, {
		"S220", "CMAIL FROM:<a@example.org>", "S503 5.5.1", "CEHLO c", "S250", "CRCPT TO:<b@example.com>",
		"S503 5.5.1", "CDATA", "S503 5.5.1", "CMAIL FROM:<a@example.org>", "S250", "CMAIL FROM:<a@example.org>",
		"S503 5.5.1", "CDATA", "S554 5.5.1", "Q0", NULL } },
	{ "RSET forgets the transaction, EHLO too", NULL, {
		GREETED, ENVELOPE, "CRSET", "S250 2.0.0", "CRCPT TO:<b@example.com>", "S503", ENVELOPE, "CEHLO again", "S250",
		"CDATA", "S503", NULL } },
	{ "a null reverse-path is fine", NULL, {
		GREETED, "CMAIL FROM:<>", "S250", "CRCPT TO:<b@example.com>", "S250", "CDATA", "S354", "Cx", "C.", "S250",
		"F", NULL } },
	{ "VRFY, EXPN, HELP, NOOP and AUTH by the book", NULL, {
		GREETED, "CVRFY b@example.com", "S252", "CEXPN list", "S502", "CHELP", "S214", "CNOOP anything", "S250",
		"CAUTH PLAIN AGEAYg==", "S502", "CSTARTTLS", "S502", "CFROBNICATE", "S500 5.5.1", NULL } },
	{ "commands in any case, with blanks behind", NULL, {
		"S220", "CeHLo c  ", "S250", "Cmail from:<a@example.org>  ", "S250", "Crcpt TO:<b@Example.COM>", "S250", NULL } },
	{ "a mail larger than its SIZE allows is refused at MAIL", NULL, {
		GREETED, "CMAIL FROM:<a@example.org> SIZE=100001", "S552 5.3.4", "CMAIL FROM:<a@example.org> SIZE=100000",
		"S250", NULL } },
	{ "no SIZE overflows", NULL, {
		GREETED, "CMAIL FROM:<a@example.org> SIZE=18446744073709551617", "S5", "CMAIL FROM:<a@example.org> SIZE=18446744073709551615",
		"S552", "CMAIL FROM:<a@example.org> SIZE=-1", "S501", NULL } },
	{ "recipients beyond the limit wait for another transaction", takes_two_recipients, {
		GREETED, "LLIMITS RCPTMAX=2", "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<1@example.com>", "S250",
		"CRCPT TO:<2@example.com>", "S250", "CRCPT TO:<3@example.com>", "S452 4.5.3",
		"CRCPT TO:<4@example.com>", "S452 4.5.3", "CDATA", "S354", "Cx", "C.",
		"S250", "T1@example.com 2@example.com", NULL } },
	{ "Received names no recipient of several", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<1@example.com>", "S250", "CRCPT TO:<2@example.com>",
		"S250", "CDATA", "S354", "Cx", "C.", "S250", "T1@example.com 2@example.com", "Q1", NULL } },
	{ "a source route is read over (RFC 5321 F.2)", NULL, {
		GREETED, "CMAIL FROM:<@x.example,@y.example:a@example.org>", "S250",
		"CRCPT TO:<@relay.example.com:b@example.com>", "S250", "CDATA", "S354", "Cx", "C.", "S250", "Fa@example.org",
		"Tb@example.com", NULL } },
	{ "a source route through us relays nothing", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<@example.com:b@elsewhere.example>", "S550 5.7.1", NULL } },
	{ "quoted local parts stay as they are", NULL, {
		GREETED, "CMAIL FROM:<\"a b\"@example.org>", "S250", "CRCPT TO:<\"x@y\"@example.com>", "S250", "CDATA", "S354",
		"Cx", "C.", "S250", "F\"a b\"@example.org", "T\"x@y\"@example.com", NULL } },
	{ "percent and bang are no routes: the new server may judge them", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b%elsewhere.example@example.com>", "S250",
		"CRCPT TO:<elsewhere.example!b@example.com>", "S250", "CRCPT TO:<b%example.com@elsewhere.example>", "S550",
		"CDATA", "S354", "Cx", "C.", "S250", "Tb%elsewhere.example@example.com elsewhere.example!b@example.com",
		NULL } },
	{ "nothing gets out of the relay domains by spelling", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>", "S550 5.7.1",
		"CRCPT TO:<b@notexample.com>", "S550", "CRCPT TO:<b@example.com.elsewhere.example>", "S550",
		"CRCPT TO:<\"b@elsewhere.example\"@elsewhere.example>", "S550", "CRCPT TO:<b@[127.0.0.1]>", "S550",
		"CRCPT TO:<b@sub.example.com>", "S550", "CRCPT TO:<b@elsewhere.example@example.com>", "S5", "Q0", NULL } },
	{ "a postmaster without a domain is ours", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<Postmaster>", "S250", NULL } },
	{ "a trusted client may relay outward", trusts_loopback, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@elsewhere.example>", "S250", NULL } },
	{ "8-bit data without BODY are relayed and marked", NULL, {
		GREETED, MAIL, "CSubject: gr\303\274n", "C", "C\377\376", "C.", "S250", "BSubject: gr\303\274n\r\n\r\n\377\376\r\n",
		"81", NULL } },
	{ "7-bit data are not marked, whatever BODY says", NULL, {
		GREETED, "CMAIL FROM:<a@example.org> BODY=8BITMIME", "S250", "CRCPT TO:<b@example.com>", "S250", "CDATA", "S354",
		"Cx", "C.", "S250", "80", "CMAIL FROM:<a@example.org> BODY=8BITMIME", "S250", "CRCPT TO:<b@example.com>", "S250",
		"CDATA", "S354", "C\377", "C.", "S250", "81", NULL } },
	{ "an internationalised address needs SMTPUTF8 at MAIL (RFC 6531 3.5)", NULL, {
		GREETED, "CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<\303\274@example.com>", "S553", "CRSET", "S250",
		"CMAIL FROM:<\303\274@example.org> SMTPUTF8", "S250", "CRCPT TO:<\303\274@example.com>", "S250", "CDATA",
		"S354", "Cx", "C.", "S250", "F\303\274@example.org", "Hwith UTF8SMTP", NULL } },
	{ "an internationalised sender or ORCPT needs it too (RFC 6531 3.5, RFC 6533 3)", NULL, {
		GREETED, "CMAIL FROM:<\303\274@example.org>", "S550 5.6.7", "CMAIL FROM:<a@example.org>", "S250",
		"CRCPT TO:<b@example.com> ORCPT=utf-8;\303\274@example.com", "S553 5.6.7", "CRSET", "S250",
		"CMAIL FROM:<a@example.org> SMTPUTF8", "S250",
		"CRCPT TO:<b@example.com> ORCPT=utf-8;\303\274@example.com", "S250", NULL } },
	{ "DSN's parameters are taken (RFC 3461)", NULL, {
		GREETED, "CMAIL FROM:<a@example.org> RET=HDRS ENVID=QQ314159", "S250",
		"CRCPT TO:<b@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.com", "S250",
		"CRCPT TO:<c@example.com> NOTIFY=NEVER,FAILURE", "S501", "CRCPT TO:<c@example.com> NOTIFY=never", "S250", NULL } },
	{ "a full queue says so at MAIL", is_full, {
		GREETED, "CMAIL FROM:<a@example.org>", "S452 4.3.1", NULL } },
	{ "a draft in trouble is 451, the session goes on", fails_to_append, {
		GREETED, MAIL, "Cx", "C.", "S451 4.3.0", "Q0", "CNOOP", "S250", NULL } },
	{ "no room at the put is 452", fails_to_put_for_room, { GREETED, MAIL, "Cx", "C.", "S452 4.3.1", "Q0", NULL } },
	{ "a failed put is 451", fails_to_put, { GREETED, MAIL, "Cx", "C.", "S451 4.3.0", "Q0", MAIL, NULL } },
	{ "too many errors end it", takes_three_errors, {
		GREETED, "CFOO", "S500", "CBAR", "S500", "CMAIL FROM:", "S501", "S421 4.7.0", "E", "Derrors_max", NULL } },
	{ "too many hops are a loop", allows_two_hops, {
		GREETED, MAIL, "CReceived: a", "CReceived: b", "Creceived: c", "C", "Cx", "C.", "S554 5.4.6", "Q0", "Dtoo-many-hops",
		NULL } },
	{ "three times through here is a loop", NULL, {
		GREETED, MAIL, "CReceived: from x by relay.example.com (smtpfwd) with ESMTP; date", "CReceived: from x by relay.example.com (smtpfwd) with ESMTP; date",
		"CReceived: from x by RELAY.example.com (smtpfwd) with ESMTP; date", "C", "Cx", "C.", "S554 5.4.6", "Q0", NULL } },
	{ "Received in the body counts for nothing", allows_two_hops, {
		GREETED, MAIL, "CSubject: x", "C", "CReceived: a", "CReceived: b", "CReceived: c", "C.", "S250", NULL } },
	{ "QUIT in a transaction drops it", NULL, { GREETED, ENVELOPE, "CQUIT", "S221", "E", "Q0", NULL } },
	{ "an address literal in HELO stands in Received", NULL, {
		"S220", "CEHLO [192.0.2.1]", "S250", MAIL, "Cx", "C.", "S250", "Hfrom [192.0.2.1] (client.example.org", NULL } },
	{ "a HELO's odd bytes reach neither log nor Received raw", NULL, {
		"S220", "CHELO a\033[31m", "S500", "CHELO a(b)\"\302\205c", "S250", MAIL, "Cx", "C.", "S250", "Hfrom [127.0.0.1]",
		"H(HELO a?b????c)", "Dhelo=\"a(b)\\\"\\xc2\\x85c\"", NULL } },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		test_case("%s", talks[i].name);
		stage_talk(talks[i].change, talks[i].script);
	}
	return test_end();
}
