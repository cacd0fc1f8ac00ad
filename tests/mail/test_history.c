/*
 * test_history.c - the lines in a mail's life: id first, bytes of others escaped
 */
#include "mail/history.h"
#include "tests/expect.h"

struct kept {
	struct log	 log;
	enum log_level	 level;
	size_t		 len;
	int		 n;
	char		 text[LOG_LINE_MAX_BYTES];
};

static void
keep(struct log *log, enum log_level level, struct str line)
{
	struct kept *kept = (struct kept *)(void *)log;		/* log is the first member */

	memcpy(kept->text, line.at, line.len);
	kept->len = line.len;
	kept->level = level;
	kept->n++;
}

static struct kept kept = { .log = { .level = LOG_LEVEL_INFO, .write = keep } };

#define said()	str_n(kept.text, kept.len)

static const struct mail_id id = { .bytes = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 61 } };
#define ID "id=0000000000000000z"

static const struct address alice = { { "alice", 5 }, { "a.example", 9 } };
static const struct address bob = { { "\"b ob\"", 6 }, { "b.example", 9 } };
static const struct address null_path = { { "", 0 }, { "", 0 } };

static void
test_in(void)
{
	struct recipient rcpts[2] = { { .address = bob }, { .address = alice } };
	struct envelope envelope = { .reverse_path = alice, .recipients = rcpts, .n_recipients = 1 };
	struct peer peer = { .client = { .port = 4711 }, .helo = STR("h\n"), .is_esmtp = true };
	struct reply reply = REPLY(550, 5, 1, 1, "no such user");

	ip_parse(STR("192.0.2.1"), &peer.client.ip);
	test_case("accepted");
	history_accepted(&kept.log, &id, &peer, &envelope, 4096, STR("<1@a>"));
	expect_str(said(), STR("accepted " ID " from=alice@a.example to=\"\\\"b ob\\\"@b.example\" rcpts=1 size=4096"
	    " client=192.0.2.1:4711 helo=\"h\\x0a\" proto=ESMTP message-id=<1@a>"));

	test_case("judged, with the words of others");
	history_judged(&kept.log, &id, STR("spf=pass verdict=accept"));
	expect_str(said(), STR("judged " ID " spf=pass verdict=accept"));
	history_judged(&kept.log, NULL, STR("unchecked=trusted"));
	expect_str(said(), STR("judged unchecked=trusted"));
	test_case("rejected, with what is known");
	history_rejected(&kept.log, NULL, &peer, "rcpt", &null_path, &alice, &reply, NULL);
	expect_str(said(), STR("rejected stage=rcpt from=<> to=alice@a.example client=192.0.2.1:4711"
	    " helo=\"h\\x0a\" reply=\"550 5.1.1 no such user\""));
	peer = (struct peer){ .connection = peer.client };
	history_rejected(&kept.log, NULL, &peer, "connect", NULL, NULL, NULL, "unnamed");
	expect_str(said(), STR("rejected stage=connect connection=192.0.2.1:4711 why=unnamed"));
	history_rejected(&kept.log, NULL, NULL, "connect", NULL, NULL, NULL, "too many");
	expect_str(said(), STR("rejected stage=connect why=\"too many\""));
	test_case("fell back, with whose next hop it was");
	history_fell_back(&kept.log, &id, STR("relay:moved"), "450 4.2.0 not now");
	expect_str(said(), STR("fell-back " ID " destination=relay:moved why=\"450 4.2.0 not now\""));
}

static void
test_out(void)
{
	struct reply reply = REPLY(250, 2, 0, 0, "ok");
	struct endpoint remote;
	struct history_attempt attempt = { .recipient = &alice, .next_hop = STR("mail.new.example:25"),
		.remote = &remote, .reply = &reply, .delay = span_ms(1500), .tls = STR("TLSv1.3"), .identity = STR("xclient") };

	endpoint_parse(STR("[2001:db8::1]:25"), &remote);
	test_case("delivered");
	history_delivered(&kept.log, &id, &attempt);
	expect_str(said(), STR("delivered " ID " to=alice@a.example nexthop=mail.new.example:25"
	    " remote=[2001:db8::1]:25 tls=TLSv1.3 identity=xclient delay=1.5s reply=\"250 2.0.0 ok\""));
	test_case("deferred, without an answer");
	attempt = (struct history_attempt){ .recipient = &alice, .why = "connection refused" };
	history_deferred(&kept.log, &id, &attempt, span_s(60));
	expect(str_starts(said(), STR("deferred " ID " to=alice@a.example next=1m")));
	expect(str_find_str(said(), STR("why=\"connection refused\"")) > 0);
	test_case("ambiguous is a warning, delivering only for who looks closely");
	history_ambiguous(&kept.log, &id, &attempt, 3);
	expect_int(kept.level, LOG_LEVEL_WARNING);
	expect(str_starts(said(), STR("ambiguous " ID)));
	kept.n = 0;
	history_delivering(&kept.log, &id, &attempt, 3);
	expect_int(kept.n, 0);
	test_case("each end of a recipient has its word");
	history_failed(&kept.log, &id, &attempt);
	expect(str_starts(said(), STR("failed " ID)));
	history_expired(&kept.log, &id, &attempt);
	expect(str_starts(said(), STR("expired " ID)));
	test_case("reports");
	history_reported(&kept.log, &id, "failure", &id, &alice, 2);
	expect_str(said(), STR("reported " ID " kind=failure report=0000000000000000z to=alice@a.example rcpts=2"));
	history_unreported(&kept.log, &id, "delay", "null reverse-path");
	expect_str(said(), STR("unreported " ID " kind=delay why=\"null reverse-path\""));
	test_case("what an operator did");
	history_held(&kept.log, &id, "because");
	expect_str(said(), STR("held " ID " why=because"));
	history_released(&kept.log, &id, "root");
	expect_str(said(), STR("released " ID " by=root"));
	history_removed(&kept.log, &id, "root");
	expect_str(said(), STR("removed " ID " by=root"));
	test_case("no log is no trouble");
	history_failed(NULL, &id, &attempt);
	expect_str(said(), STR("removed " ID " by=root"));
}

static void
test_large(void)
{
	static char big[100000];
	struct reply reply = { .code = 550, .text = { big, sizeof(big) } };
	struct address address = { { big, 300 }, { big, 300 } };
	struct history_attempt attempt = { .recipient = &address, .reply = &reply };

	memset(big, '\x1b', sizeof(big));
	test_case("a reply without end leaves a line that says the rest");
	history_failed(&kept.log, &id, &attempt);
	expect(kept.len <= LOG_LINE_MAX_BYTES);
	expect(str_is_printable(said()));
	expect(str_find_str(said(), STR("to=\"(too long)\"")) > 0 && str_find_str(said(), STR("reply=\"550 ")) > 0);
}

int
main(void)
{
	test_in();
	test_out();
	test_large();
	return test_end();
}
