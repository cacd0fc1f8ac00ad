/*
 * test_online.c - the next hop is asked while the client waits, through the whole relay: with one that answers nothing is
 * synced, queued or reported, and its answer is the client's; without one the queue has the mail
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/relay/patient.h"

static const struct relay_signer signer = { .domain = "example.org", .selector = "e", .pem = STR(RFC8463_ED25519_PEM) };

enum { MAILS = 40, LARGE_BYTES = 300 * 1000, LARGE_EVERY = 8 };

struct story {
	struct relay	 relay;
	void		(*tell)(struct story *story);
};

static void
sleep_s(struct story *story, int64_t s)
{
	fiber_sleep(instant_after(loop_now(story->relay.loop), span_s(s)));
}

static int
n_arrived(struct story *story, const char *key)
{
	return sim_n_notes(story->relay.sim, "arrived", str_of(key));
}

static bool
was_told(struct story *story, const char *kind, const char *key, const char *text)
{
	struct str found, bytes;

	return sim_find_note(story->relay.sim, kind, str_of(key), 0, &found, &bytes) && str_find_str(bytes, str_of(text)) >= 0;
}

static int
n_reports(struct story *story)
{
	struct str key, bytes;
	int n = 0;

	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++)
		n += str_find_str(bytes, STR("multipart/report")) >= 0;
	return n;
}

static int64_t
n_syncs(struct story *story)
{
	return sim_disk_n_calls(story->relay.sim, SIM_SYNC) + sim_disk_n_calls(story->relay.sim, SIM_SYNC_DIR);
}

static struct queue_counts
count(struct story *story)
{
	struct queue_counts counts;

	queue_count(story->relay.queue, &counts);
	return counts;
}

static bool
bring(struct story *story, const char *subject, const char *recipient)
{
	return patient_bring(&story->relay, subject, &recipient, 1, STR("Hello.\r\n"));
}

static void
host_is(struct story *story, enum sim_host state)
{
	struct endpoint at;

	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	sim_net_host(story->relay.sim, &at.ip, state);
	if (state != SIM_HOST_UP)
		sim_net_cut(story->relay.sim, &at);
}

/* --- it answers --- */

static void
send_many(struct story *story)
{
	char subject[20], recipient[40];
	struct buf large;

	buf_init(&large, 2 * LARGE_BYTES);
	while (large.len < LARGE_BYTES)
		buf_append(&large, STR("a line of a large mail, which goes to a file while it comes\r\n"));
	for (int i = 0; i < MAILS; i++) {
		const char *recipients[] = { recipient, "bad@example.com" };

		snprintf(subject, sizeof(subject), "m%d", i);
		snprintf(recipient, sizeof(recipient), "r%d@example.com", i);
		expect(patient_bring(&story->relay, subject, recipients, 1 + (i % 3 == 0),
		    i % LARGE_EVERY == 0 ? buf_str(&large) : STR("Hello.\r\n")));
		sleep_s(story, 7);
	}
	buf_fini(&large);
}

static void
tell_answers(struct story *story)
{
	int64_t before = n_syncs(story);

	test_case("with a next hop that answers nothing is synced, queued or reported");
	send_many(story);
	expect_int(sim_n_notes(story->relay.sim, "promised", (struct str){ .at = NULL }), MAILS);
	expect(n_arrived(story, "m0 to r0@example.com") == 1 && n_arrived(story, "m39 to r39@example.com") == 1);
	expect_int(sim_n_notes(story->relay.sim, "arrived", (struct str){ .at = NULL }), MAILS);
	expect_int(n_syncs(story) - before, 0);
	expect_int(count(story).n_put, 0);

	test_case("its no to a recipient is the client's, in its words");
	expect(was_told(story, "refused", "m0 to bad@example.com", "550 5.1.1") && was_told(story, "refused", "m0 to bad@example.com", "no such mailbox"));

	test_case("to the mail too");
	expect(bring(story, "unwanted", "never@example.com"));
	expect(was_told(story, "refused", "unwanted to never@example.com", "554 5.6.0") &&
	    was_told(story, "refused", "unwanted to never@example.com", "this mail is not wanted"));

	test_case("and its not now, until it takes it");
	expect(!bring(story, "patience", "later@example.com"));
	expect(was_told(story, "deferred", "patience to later@example.com", "451 4.2.0") && was_told(story, "deferred", "patience to later@example.com", "not now"));
	expect(!bring(story, "patience", "later@example.com") && bring(story, "patience", "later@example.com"));
	expect_int(n_arrived(story, "patience to later@example.com"), 1);

	test_case("of all that nothing is left behind");
	sleep_s(story, 86400);
	expect_int(n_syncs(story) - before, 0);
	expect_int(count(story).n_put, 0);
	expect_int(n_reports(story), 0);
}

/* --- it does not --- */

static void
tell_outage(struct story *story)
{
	test_case("while it is away, who is known to be there is accepted, and gets the mail when it is back");
	expect(bring(story, "before", "bob@example.com") && bring(story, "before", "bad@example.com"));
	host_is(story, SIM_HOST_UNREACHABLE);
	sleep_s(story, 60);
	expect(bring(story, "meanwhile", "bob@example.com"));
	expect_int(sim_n_notes(story->relay.sim, "promised", STR("meanwhile to bob@example.com")), 1);

	test_case("who is known not to be there is refused, and who is not known may come again");
	expect(bring(story, "meanwhile", "bad@example.com"));
	expect(was_told(story, "refused", "meanwhile to bad@example.com", "550 5.1.1"));
	expect(!bring(story, "meanwhile", "unknown@example.com"));
	expect(was_told(story, "deferred", "meanwhile to unknown@example.com", "451 4.4.1"));
	host_is(story, SIM_HOST_UP);
	sleep_s(story, 600);
	expect_int(n_arrived(story, "meanwhile to bob@example.com"), 1);
	expect(bring(story, "meanwhile", "unknown@example.com"));
	expect_int(n_reports(story), 0);
}

static void
tell_silence(struct story *story)
{
	test_case("a next hop that is lost behind the final dot may have it: it is logged, queued, and brought again");
	expect(bring(story, "hm", "mute@example.com"));
	expect_int(sim_n_notes(story->relay.sim, "ambiguous", STR("")), 1);
	expect_int(story->relay.n_fell_back, 1);
	sleep_s(story, 3600);
	expect_int(n_arrived(story, "hm to mute@example.com"), 2);
	expect_int(count(story).n_put, 1);
	expect_int(count(story).n_mails, 0);
	expect_int(n_reports(story), 0);
}

static void
tell_slow(struct story *story)
{
	struct instant began = os_now();

	test_case("one that takes longer than the client's budget is not waited for");
	expect(bring(story, "first", "bob@example.com"));
	sleep_s(story, 60);
	host_is(story, SIM_HOST_SILENT);
	began = os_now();
	expect(bring(story, "second", "bob@example.com"));
	expect(instant_diff(began, os_now()).ns < span_s(30).ns);
	host_is(story, SIM_HOST_UP);
	sleep_s(story, 3600);
	expect_int(n_arrived(story, "second to bob@example.com"), 1);
	expect_int(sim_n_notes(story->relay.sim, "ambiguous", STR("")), 0);
	expect_int(count(story).n_mails, 0);
}

static void
run_story(void *arg)
{
	struct story *story = arg;

	story->tell(story);
	loop_stop(story->relay.loop);
}

static void
play(void (*tell)(struct story *story))
{
	struct sim_options options = { .seed = sim_seed(20261121) };
	struct sim *sim = sim_new(&options);
	struct story story = { .tell = tell };

	sim_enter(sim);
	relay_start_online(&story.relay, sim, &signer, NULL);
	new_server_start(&story.relay, NEW_SERVER_AT);
	new_server_start(&story.relay, HOME_AT);
	insist(fiber_start(story.relay.loop, "story", run_story, &story) != NULL);
	loop_run(story.relay.loop);
	relay_end(&story.relay);
	sim_leave(sim);
	sim_free(sim);
}

int
main(void)
{
	play(tell_answers);
	play(tell_outage);
	play(tell_silence);
	play(tell_slow);
	return test_end();
}
