/*
 * test_ahead.c - the next mail's envelope comes with the end of the mail before, and what may go wrong with that
 */
#include "smtpfwd/deliver/ahead.h"
#include "tests/deliver/stage.h"

/* The second mail is in the queue before the first one's 354, and there is one connection. */
#define HELLO(keywords)	"S: 220 hi\nC: EHLO\nS: 250-p\nS: 250-" keywords "\nS: 250 HELP\n"
#define ENVELOPE	"C: MAIL\nC: RCPT\nC: DATA\n"
#define GO		"S: 250 ok\nS: 250 ok\nS: 354 go\n"
#define FIRST		HELLO("PIPELINING") ENVELOPE "W: 500\n" GO "D:\n"
#define TAKEN		"S: 250 taken\n"
#define PLAIN		ENVELOPE GO "D:\nW: 100\nN:\n" TAKEN
#define FRIENDLY	"S: 220 hi\nM: PIPELINING"

/* The mails come, and those that failed are left, for their reports. */
static void
tell_rest(struct world *w, int n_mails)
{
	expect(wait_for_mails(w, n_mails, 2000) >= 0);
	wait_s(w, 1);
	expect_int(w->peers[0].n_mails, n_mails);
	expect_int(counts(w).n_mails, counts(w).n_owed);
}

/* Two mails, and how many recipients came to what; all that is not delivered comes to the second connection. */
static void
two(struct world *w, const char *dialogue, int n_mails, int n_failed, int n_deferred, int n_ambiguous)
{
	peer_says(&w->peers[0], dialogue);
	peer_says(&w->peers[0], FRIENDLY);
	put(w, 2);
	tell_rest(w, n_mails);
	expect_int(n_lines(w, "delivered "), 2 - n_failed);
	expect_int(n_lines(w, "failed "), n_failed);
	expect_int(n_lines(w, "deferred "), n_deferred);
	expect_int(n_lines(w, "ambiguous "), n_ambiguous);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static bool
rests(const struct world *w)
{
	return n_lines(w, "nexthop-one-by-one ") > 0;
}

static void
in_one_write(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN GO "D:\n" TAKEN, 2, 0, 0, 0);
	expect_int(w->peers[0].n_connections, 1);
	expect_str(buf_str(&w->peers[0].heard), STR("EHLO relay.example.net\n"
	    "MAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\nReceived: here\r\nSubject: hi\r\n\r\nhello\r\n"
	    "MAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\nReceived: here\r\nSubject: hi\r\n\r\nhello\r\n"));
	expect(!rests(w));
}

static void
replies_together(struct world *w)
{
	two(w, FIRST ENVELOPE "R: 250 taken\\r\\n250 ok\\r\\n250 ok\\r\\n354 go\\r\\n\nD:\n" TAKEN, 2, 0, 0, 0);
}

static void
many(struct world *w)
{
	peer_says(&w->peers[0], FRIENDLY);
	w->peers[0].reply_wait_ms = 50;
	put(w, 250);
	tell_rest(w, 250);
	expect_int(w->peers[0].n_mails, 250);
	expect_int(w->peers[0].n_open_most, 1);
	expect_int(n_lines(w, "delivered "), 250);
}

static void
large(struct world *w)
{
	struct buf content;

	peer_says(&w->peers[0], FIRST ENVELOPE TAKEN GO "D:\n" TAKEN);
	buf_init(&content, 1 << 20);
	while (content.len < 300000)
		buf_append(&content, STR("a line of a large mail\r\n"));
	put_content(w, "example.com", buf_str(&content));
	put(w, 1);
	tell_rest(w, 2);
	expect(w->peers[0].heard.len > content.len);
	buf_fini(&content);
}

/* --- when it does not --- */

static void
mailmax(struct world *w)
{
	const char *once = HELLO("PIPELINING\nS: 250-LIMITS MAILMAX=1") ENVELOPE "W: 500\n" GO "D:\nW: 100\nN:\n" TAKEN;

	peer_says(&w->peers[0], once);
	put(w, 2);
	tell_rest(w, 2);
	expect_int(w->peers[0].n_connections, 2);
	expect(!rests(w));
}

static void
rcptmax(struct world *w)
{
	peer_says(&w->peers[0], HELLO("PIPELINING\nS: 250-LIMITS RCPTMAX=1") ENVELOPE "W: 500\n" GO "D:\nW: 100\nN:\n" TAKEN
	    ENVELOPE GO "D:\n" ENVELOPE TAKEN GO "D:\n" TAKEN);
	put_to(w, "example.com", 2);
	put(w, 1);
	tell_rest(w, 3);
}

static void
too_large(struct world *w)
{
	peer_says(&w->peers[0], HELLO("PIPELINING\nS: 250-SIZE 100") ENVELOPE "W: 500\n" GO "D:\nW: 100\nN:\n" TAKEN);
	put(w, 1);
	put_content(w, "example.com", STR("Subject: hi\r\n\r\n0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n"));
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 2);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(w->peers[0].n_connections, 1);
}

static void
many_recipients(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	put(w, 1);
	put_to(w, "example.com", AHEAD_RECIPIENTS_MAX + 1);
	tell_rest(w, 2);
	expect_int(n_lines(w, "delivered "), AHEAD_RECIPIENTS_MAX + 2);
}

static const struct identity client = {
	.client = { { .family = IP_V4, .bytes = { 198, 51, 100, 7 } }, 4660 }, .helo = { .at = "one.example.org", .len = 15 }, .is_esmtp = true,
};

static void
introduced(struct world *w)
{
	w->client = &client;
	peer_says(&w->peers[0], HELLO("PIPELINING\nS: 250-XFORWARD ADDR") "C: XFORWARD\nS: 250\n" ENVELOPE "W: 500\n" GO "D:\nW: 100\nN:\n" TAKEN
	    "C: XFORWARD\nS: 250\n" PLAIN);
	put(w, 2);
	tell_rest(w, 2);
}

static void
another_connection(struct world *w)
{
	peer_says(&w->peers[0], HELLO("PIPELINING") ENVELOPE "W: 500\n" GO "D:\nW: 100\nN:\nW: 60000\n" TAKEN);
	put(w, 2);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[0].n_connections, 2);
	wait_s(w, 70);
}

/* --- the mail before comes to grief --- */

static void
refused_before(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 550 5.7.1 spam\n" GO "D:\n" TAKEN, 2, 1, 0, 0);
	expect_int(w->peers[0].n_connections, 1);
}

static void
refused_and_open(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 550 5.7.1 spam\nS: 503 nested\nS: 503\nS: 503\nC: RSET\n" ENVELOPE "S: 250\n" GO "D:\n" TAKEN, 2, 1, 0, 0);
	expect_int(w->peers[0].n_connections, 1);
}

/* It would be content for the first one's recipients. */
static void
refused_and_wide_open(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 550 5.7.1 spam\nS: 503 nested\nS: 250\nS: 354\nD:\n", 2, 1, 0, 0);
	expect_int(w->peers[0].n_connections, 2);
	expect(!rests(w));
}

static void
going_before(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 421 4.3.2 going\nX:\n", 3, 0, 1, 0);
	expect(!rests(w));
}

/* The mail before goes on at a next hop that takes its time. */
static void
going_elsewhere(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE "S: 421 4.3.2 going\nX:\n");
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "W: 100000\nX:\n");
	put(w, 3);
	wait_s(w, 50);
	expect_int(w->peers[0].n_mails, 3);
	expect_int(n_lines(w, "delivered "), 2);
	wait_s(w, 300);
	expect_int(counts(w).n_mails, 0);
}

static void
lost_before(struct world *w)
{
	two(w, FIRST ENVELOPE "X:\n", 3, 0, 1, 1);
	expect(!rests(w));
}

/* The mail before goes on to a next hop that is silent: the one behind it does not wait for that. */
static void
tried_elsewhere(struct world *w)
{
	peer_says(&w->peers[0], HELLO("PIPELINING") ENVELOPE GO "D:\n" TAKEN ENVELOPE "W: 500\n" GO "D:\n" ENVELOPE "S: 421 4.3.2 going\nX:\n");
	peer_says(&w->peers[0], FRIENDLY);
	peer_says(&w->peers[1], "W: 3000000\nX:\n");
	put(w, 1);
	wait_s(w, 1);
	put(w, 2);
	expect(wait_for_mails(w, 3, 70) >= 0);
	expect_int(w->peers[0].n_connections, 2);
	expect_int(n_lines(w, "delivered "), 2);
	wait_s(w, 1000);
	expect_int(n_lines(w, "delivered "), 3);
	expect_int(counts(w).n_mails, 0);
}

static void
silent_before(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE "W: 700000\nX:\n");
	peer_says(&w->peers[0], FRIENDLY);
	put(w, 2);
	wait_s(w, 590);
	expect_int(n_lines(w, "ambiguous "), 0);
	wait_s(w, 15);
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(w->peers[0].n_mails, 2);
	expect_int(n_lines(w, "delivered "), 1);
	expect(!rests(w));
}

static void
early_before(struct world *w)
{
	two(w, HELLO("PIPELINING") ENVELOPE "W: 500\n" GO "W: 1000\nS: 250 taken\nW: 1000\nX:\n", 2, 0, 1, 1);
	expect(log_has(w, "accepted the mail before its end"));
}

/* --- the next one does --- */

static void
mail_refused(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN "S: 550 5.7.1 no\nS: 503\nS: 503\nC: RSET\n" ENVELOPE "S: 250\nS: 550 5.7.1 no\nS: 503\nS: 503\n", 1, 1, 0, 0);
	expect_int(w->peers[0].n_connections, 1);
}

static void
heard(void *context, const struct recipient_reply *said)
{
	(void)said;
	++*(int *)context;
}

static void
rcpt_refused(struct world *w)
{
	int n_told = 0;

	couriers_set_hearing(w->couriers, &(struct hearing){ .told = heard, .context = &n_told });
	two(w, FIRST ENVELOPE TAKEN "S: 250\nS: 550 5.1.1 who\nS: 554\nC: RSET\n" ENVELOPE "S: 250\nS: 250\nS: 550 5.1.1 who\nS: 554\n", 1, 1, 0, 0);
	expect_int(n_told, 2);
	expect_int(w->peers[0].n_connections, 1);
}

/* Behind it nothing goes ahead until a mail is taken. */
static void
plainly_behind(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE TAKEN "S: 250\nS: 550 5.1.1 who\nS: 554\nC: RSET\n" ENVELOPE "S: 250\nS: 250\nS: 550 5.1.1 who\nS: 554\n"
	    "C: RSET\n" ENVELOPE "S: 250\n" GO "D:\nW: 100\nN:\n" TAKEN PLAIN);
	put(w, 4);
	tell_rest(w, 3);
}

static void
data_refused(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN "S: 250\nS: 250\nS: 451 4.3.0\nC: RSET\n" ENVELOPE "S: 250\n" GO "D:\n" TAKEN, 2, 0, 0, 0);
}

static void
one_is_refused(struct world *w)
{
	peer_says(&w->peers[0], FIRST "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n" TAKEN "S: 250\nS: 550 5.1.1 who\nS: 250\nS: 354\nD:\n" TAKEN);
	put(w, 1);
	put_to(w, "example.com", 2);
	tell_rest(w, 2);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(n_lines(w, "delivered "), 2);
}

static void
all_refused_and_go(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN "S: 250\nS: 550 5.1.1 who\nS: 354\nD:\nS: 250\n", 2, 1, 0, 0);
	expect_int(w->peers[0].n_connections, 1);
}

static void
going(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN "S: 421 4.3.2 enough\nX:\n", 2, 0, 0, 0);
	expect(!rests(w));
}

/* --- a server that does not know it --- */

static void
swallowed(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE TAKEN "W: 400000\nX:\n");
	peer_says(&w->peers[0], HELLO("PIPELINING") ENVELOPE "W: 500\n" GO "D:\nW: 100\nN:\n" TAKEN PLAIN);
	peer_says(&w->peers[0], FIRST ENVELOPE TAKEN GO "D:\n" TAKEN);
	put(w, 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 200);
	put(w, 1);
	expect_int(w->peers[0].n_mails, 1);
	tell_rest(w, 3);
	expect_int(n_lines(w, "nexthop-one-by-one "), 1);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(w->peers[0].n_connections, 2);
	wait_s(w, AHEAD_REST_H * 3600);
	put(w, 2);
	tell_rest(w, 5);
}

static void
hangs_up(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN "X:\n", 2, 0, 0, 0);
	expect_int(n_lines(w, "nexthop-one-by-one "), 1);
}

static void
hangs_up_inside(struct world *w)
{
	two(w, FIRST ENVELOPE TAKEN "S: 250 ok\nX:\n", 2, 0, 0, 0);
	expect_int(n_lines(w, "nexthop-one-by-one "), 1);
}

/* --- a server that is one reply ahead --- */

static void
stray_and_all_well(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 250 stray\n" TAKEN GO, 2, 0, 0, 0);
	expect_int(n_lines(w, "nexthop-one-by-one "), 1);
}

/* The refusal is the first mail's, and so is the second's the first's. */
static void
stray_and_refused(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 250 stray\nS: 550 5.7.1 spam\n" GO "W: 1000\nX:\n", 2, 0, 0, 0);
}

static void
stray_and_none_accepted(struct world *w)
{
	two(w, FIRST ENVELOPE "S: 250 stray\n" TAKEN "S: 250\nS: 550 5.1.1 who\nS: 554 none\nW: 1000\nX:\n", 2, 0, 1, 0);
}

/* What answers its DATA comes late, and would be taken for the answer to the MAIL that is said once more. */
static void
stray_refusal(struct world *w)
{
	peer_says(&w->peers[0], FIRST "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n" TAKEN "S: 500 stray\nS: 250\nS: 451 4.2.1 later\nS: 550 5.1.1 who\n"
	    "W: 50\nS: 554 none\nW: 1000\nX:\n");
	peer_says(&w->peers[0], HELLO("PIPELINING") "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\n" TAKEN);
	put(w, 1);
	put_to(w, "example.com", 2);
	tell_rest(w, 2);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(n_lines(w, "delivered "), 3);
}

/* --- a stop, a reload, an operator --- */

static void
stopped(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE "W: 5000\n" TAKEN GO "D:\n" TAKEN);
	put(w, 3);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(60)));
	expect_int(n_lines(w, "delivered "), 2);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 1);
	couriers_free(w->couriers);
	peer_says(&w->peers[0], FRIENDLY);
	start_couriers(w);
	tell_rest(w, 3);
}

static void
cut_off(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE "W: 500000\n");
	peer_says(&w->peers[0], FRIENDLY);
	put(w, 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(counts(w).n_mails, 2);
	couriers_free(w->couriers);
	start_couriers(w);
	expect(wait_for_mails(w, 2, 5) >= 0);		/* at once: it was not tried */
	tell_rest(w, 3);
}

static void
reloaded(struct world *w)
{
	peer_says(&w->peers[0], FIRST ENVELOPE "W: 5000\n" TAKEN GO "D:\n" TAKEN);
	peer_says(&w->peers[0], FRIENDLY);
	put(w, 3);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_adopt(w->couriers, make_plan(w));
	tell_rest(w, 3);
	expect_int(w->peers[0].n_connections, 2);
}

static void
removed(struct world *w)
{
	struct queue_filter filter = { .is_held_only = false };

	peer_says(&w->peers[0], FIRST ENVELOPE "W: 5000\n" TAKEN GO "D:\n" TAKEN);
	put(w, 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	filter.id = w->id;
	expect_int(queue_remove(w->queue, &filter, instant_after(loop_now(w->loop), span_s(60)), NULL), 1);
	tell_rest(w, 2);		/* on its way it was, and comes as any other */
}

static void
first_again(struct world *w)
{
	peer_says(&w->peers[0], HELLO("PIPELINING") ENVELOPE "W: 500\n" GO "D:\nC: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nX:\n");
	peer_says(&w->peers[0], HELLO("PIPELINING") "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n" "S: 250\n" GO "D:\n" ENVELOPE TAKEN GO "D:\n" TAKEN);
	put(w, 1);
	put_to(w, "example.com", 2);
	put(w, 1);
	expect(wait_for_mails(w, 3, 10) >= 0);
	peer_says(&w->peers[0], FRIENDLY);
	tell_rest(w, 4);
}

static const struct story stories[] = {
	{ .name = "envelope and dot come in one write", .tell = in_one_write, .connections_max = 1 },
	{ .name = "and their answers may come in one", .tell = replies_together, .connections_max = 1 },
	{ .name = "each of many mails goes with the one before", .tell = many, .connections_max = 1 },
	{ .name = "behind the last piece of a large mail", .tell = large, .connections_max = 1 },
	{ .name = "not beyond LIMITS MAILMAX", .tell = mailmax, .connections_max = 1 },
	{ .name = "not while LIMITS RCPTMAX leaves recipients of the mail before", .tell = rcptmax, .connections_max = 1 },
	{ .name = "a mail beyond SIZE is not offered", .tell = too_large, .connections_max = 1 },
	{ .name = "one of many recipients comes whole", .tell = many_recipients, .connections_max = 1 },
	{ .name = "what is introduced waits its turn", .tell = introduced, .connections_max = 1, .identity = IDENTITY_XFORWARD },
	{ .name = "where there is room it goes by a connection of its own", .tell = another_connection, .connections_max = 2 },
	{ .name = "the mail before is refused", .tell = refused_before, .connections_max = 1 },
	{ .name = "it is refused and its transaction left open", .tell = refused_and_open, .connections_max = 1 },
	{ .name = "and even its recipients are", .tell = refused_and_wide_open, .connections_max = 1 },
	{ .name = "the session ends with 421 at its end: the next one was not tried", .tell = going_before, .connections_max = 1 },
	{ .name = "nor does it wait for the mail before then", .tell = going_elsewhere, .connections_max = 1, .n_hops = 2 },
	{ .name = "the session is lost there: one mail is ambiguous", .tell = lost_before, .connections_max = 1 },
	{ .name = "it goes on elsewhere, and the next one does not wait for that", .tell = tried_elsewhere, .connections_max = 1, .n_hops = 2 },
	{ .name = "silence there: the time runs from the dot", .tell = silent_before, .connections_max = 1 },
	{ .name = "a server that accepts before it has the end has not taken it", .tell = early_before, .connections_max = 1 },
	{ .name = "a refused MAIL is asked for once more", .tell = mail_refused, .connections_max = 1 },
	{ .name = "so is a refused recipient, and told of once", .tell = rcpt_refused, .connections_max = 1 },
	{ .name = "behind a refusal nothing goes ahead until a mail is taken", .tell = plainly_behind, .connections_max = 1 },
	{ .name = "a refused DATA is asked for once more", .tell = data_refused, .connections_max = 1 },
	{ .name = "one of two recipients refused is refused", .tell = one_is_refused, .connections_max = 1 },
	{ .name = "nobody accepted and a 354: an empty mail ends it", .tell = all_refused_and_go, .connections_max = 1 },
	{ .name = "a 421 between two mails is nobody's fault", .tell = going, .connections_max = 1 },
	{ .name = "a server that swallows it gets one mail at a time for an hour", .tell = swallowed, .connections_max = 1 },
	{ .name = "so does one that hangs up", .tell = hangs_up, .connections_max = 1 },
	{ .name = "or does so in the middle", .tell = hangs_up_inside, .connections_max = 1 },
	{ .name = "a reply too many is found out where all is accepted", .tell = stray_and_all_well, .connections_max = 1 },
	{ .name = "where the mail before was refused in truth", .tell = stray_and_refused, .connections_max = 1 },
	{ .name = "and where nobody is accepted: it fails nobody", .tell = stray_and_none_accepted, .connections_max = 1 },
	{ .name = "and where the reply too many is a refusal", .tell = stray_refusal, .connections_max = 1 },
	{ .name = "at a stop it is under way", .tell = stopped, .connections_max = 1 },
	{ .name = "cut off it was not tried", .tell = cut_off, .connections_max = 1 },
	{ .name = "at a reload it ends by the old plan", .tell = reloaded, .connections_max = 1 },
	{ .name = "removed while it is under way it comes too late", .tell = removed, .connections_max = 1 },
	{ .name = "not tried it is its destination's first", .tell = first_again, .connections_max = 1 },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
