/*
 * test_life.c - long lives and bad days in fake time: delay, expiry, a full disk, a disk that fails
 */
#include <errno.h>
#include <stdio.h>

#include "tests/expect.h"
#include "tests/relay/stage.h"

static const char *const bob[] = { "bob@example.com" };

/* How many mails reached alice's server that have all these parts. */
static int
n_reports(struct story *story, const char *action, const char *subject, const char *reason)
{
	struct str key, bytes;
	int n = 0;

	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++)
		n += str_ends_nocase(key, STR(" to alice@example.org")) && str_find_str(bytes, str_of(action)) >= 0 &&
		    str_find_str(bytes, str_of(subject)) >= 0 && str_find_str(bytes, str_of(reason)) >= 0;
	return n;
}

static void
tell_expiry(struct story *story)
{
	set_new_server(story, SIM_HOST_UNREACHABLE);
	test_case("a mail that cannot go out waits, and its sender is told after 4 hours");
	expect_int(client_send(&story->relay, "patience", bob, 1, STR("Hello.\r\n")), 250);
	sleep_for(story, span_s(60));
	expect_int(client_send(&story->relay, "never-tried", bob, 1, STR("Hello.\r\n")), 250);
	sleep_for(story, span_s(4 * 3600 - 600));
	expect_int(n_reports(story, "", "", ""), 0);
	sleep_for(story, span_s(1200));
	expect_int(n_reports(story, "", "", ""), 2);
	expect_int(n_reports(story, "Action: delayed", "Subject: patience", "Final-Recipient: rfc822; bob@example.com"), 1);
	expect_int(n_reports(story, "Will-Retry-Until: ", "Subject: patience", "No route to host"), 1);
	expect_int(n_mails(story), 2);

	test_case("a mail that was never tried itself is told the reason too");
	expect_int(n_reports(story, "Action: delayed", "Subject: never-tried", "No route to host"), 1);

	test_case("once only");
	sleep_for(story, span_s(4 * 86400));
	expect_int(n_reports(story, "", "", ""), 2);
	expect_int(n_mails(story), 2);

	test_case("after 5 days it fails and is reported, and the queue forgets it");
	sleep_for(story, span_s(86400));
	expect_int(n_reports(story, "", "", ""), 4);
	expect_int(story->relay.n_expired, 2);
	expect_int(n_reports(story, "Action: failed", "Subject: patience", "No route to host"), 1);
	expect_int(n_reports(story, "Action: failed", "Subject: never-tried", "No route to host"), 1);
	expect_int(n_mails(story), 0);
}

static void
tell_return(struct story *story)
{
	struct instant back;

	set_new_server(story, SIM_HOST_UNREACHABLE);
	test_case("when a next hop is back after a day its queue drains at once, not at its next try");
	for (int i = 0; i < 10; i++)
		expect_int(client_send(&story->relay, "wait", bob, 1, STR("Hello.\r\n")), 250);
	sleep_for(story, span_s(86400));
	expect_int(n_mails(story), 10);
	set_new_server(story, SIM_HOST_UP);
	back = loop_now(story->relay.loop);
	while (n_mails(story) > 0 && span_to_s(instant_diff(back, loop_now(story->relay.loop))) < 7200)
		sleep_for(story, span_s(5));
	/* A next hop that was down for long is looked at every five minutes or so. */
	expect(span_to_s(instant_diff(back, loop_now(story->relay.loop))) <= 400);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("wait to bob@example.com")), 10);
}

static void
tell_full_disk(struct story *story)
{
	int code = 250, n_taken = 0;

	set_new_server(story, SIM_HOST_UNREACHABLE);
	test_case("a disk that fills up: clients are told 452, what was taken stays");
	sim_disk_set_bytes(story->relay.sim, sim_disk_used(story->relay.sim) + 200 * 1024);
	for (int i = 0; i < 3000 && code == 250; i++) {
		code = client_send(&story->relay, "much", bob, 1, STR("Hello.\r\n"));
		n_taken += code == 250;
	}
	expect_int(code, 452);
	expect_int(n_mails(story), n_taken);

	test_case("with the disk full the mail that waits still goes out");
	set_new_server(story, SIM_HOST_UP);
	for (int i = 0; i < 100 && n_mails(story) > 0; i++)
		sleep_for(story, span_s(10));
	expect_int(n_mails(story), 0);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("much to bob@example.com")), n_taken);

	test_case("with room again new mail is taken, by itself");
	sim_disk_set_bytes(story->relay.sim, 100 << 20);
	code = 0;
	for (int i = 0; i < 100 && code != 250; i++) {
		sleep_for(story, span_s(10));
		code = client_send(&story->relay, "again", bob, 1, STR("Hello.\r\n"));
	}
	expect_int(code, 250);
}

static void
tell_failing_sync(struct story *story)
{
	int n_refused = 0, n_taken = 0, code;

	test_case("a failed sync: who waits gets 451, the next mail is stored elsewhere, nothing is lost");
	expect_int(client_send(&story->relay, "before", bob, 1, STR("Hello.\r\n")), 250);
	sleep_for(story, span_s(60));	/* it is delivered and settled: the next sync is for a new mail */
	sim_disk_fail(story->relay.sim, SIM_SYNC, 1, 1, EIO);
	for (int i = 0; i < 5; i++) {
		code = client_send(&story->relay, "during", bob, 1, STR("Hello.\r\n"));
		n_refused += code == 451;
		n_taken += code == 250;
	}
	expect(n_refused >= 1);
	expect_int(n_refused + n_taken, 5);
	sleep_for(story, span_s(600));
	expect_int(n_mails(story), 0);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("before to bob@example.com")), 1);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("during to bob@example.com")), n_taken);
}

static void
tell_clock(struct story *story)
{
	set_new_server(story, SIM_HOST_UNREACHABLE);
	test_case("a wall clock that jumps by a month expires nothing and stops nothing");
	expect_int(client_send(&story->relay, "timeless", bob, 1, STR("Hello.\r\n")), 250);
	sim_step_wall_clock(story->relay.sim, span_s(30 * 86400));
	sleep_for(story, span_s(600));
	expect_int(n_mails(story), 1);
	sim_step_wall_clock(story->relay.sim, span_s(-60 * 86400));
	sleep_for(story, span_s(600));
	set_new_server(story, SIM_HOST_UP);
	sleep_for(story, span_s(600));
	expect_int(n_mails(story), 0);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("timeless to bob@example.com")), 1);
	expect_int(n_reports(story, "", "", ""), 0);
}

static void
tell_8bit_report(struct story *story)
{
	static const char *const nobody[] = { "bad@example.com" };
	struct buf body;

	buf_init(&body, 200 * 1024);
	while (body.len < 100 * 1024)		/* too large to be returned whole */
		buf_append(&body, STR("Gr\xc3\xbc\xc3\x9f" "e\r\n"));
	test_case("a report that returns only ASCII fields of an 8-bit mail does not ask for 8BITMIME");
	expect_int(client_send(&story->relay, "large", nobody, 1, buf_str(&body)), 250);
	sleep_for(story, span_s(60));
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<alice@"), STR("BODY=8BITMIME")), 1);
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR("")), 1);
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR("BODY=8BITMIME")), 0);

	test_case("one that returns it whole does");
	expect_int(client_send(&story->relay, "small", nobody, 1, STR("Gr\xc3\xbc\xc3\x9f" "e\r\n")), 250);
	sleep_for(story, span_s(60));
	expect_int(n_commands(story, "mail", STR("MAIL FROM:<>"), STR("BODY=8BITMIME")), 1);
	buf_fini(&body);
}

int
main(void)
{
	uint64_t seed = sim_seed(7);

	play(seed, tell_expiry);
	play(seed, tell_return);
	play(seed, tell_full_disk);
	play(seed, tell_failing_sync);
	play(seed, tell_clock);
	play(seed, tell_8bit_report);
	return test_end();
}
