/*
 * test_crash_online.c - the relay is killed at every call while its next hop is asked and has the mail, and clients come again
 *
 * Whoever got a 250 has the mail, byte for byte and sealed; a no is the next hop's; nothing is reported; what arrives twice had
 * no answer for its client, or is in the log as ambiguous.  After each kill the next hop is away at first, and what is known of
 * mailboxes must be true, whatever the disk kept of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/relay/patient.h"
#include "tests/relay/signed.h"

#if defined(__SANITIZE_ADDRESS__)
enum { EVERY = 4 };			/* each process costs ten times as much */
#else
enum { EVERY = 1 };
#endif

static const struct relay_signer signer = { .domain = "example.org", .selector = "e", .pem = STR(RFC8463_ED25519_PEM) };

enum { LARGE_BYTES = 30 * 1000, COMES_AGAIN_S = 25, TRIES_MAX = 60, GIVE_UP_AFTER_S = 86400, RECIPIENTS_MAX = 3, AWAY_S = 60 };

struct job {
	const char	*subject;
	const char	*recipients[RECIPIENTS_MAX];
	int		 n_recipients;
	bool		 is_large;
	int		 after_s;
};

static const struct job jobs[] = {
	{ .subject = "plain", .recipients = { "bob@example.com" }, .n_recipients = 1 },
	{ .subject = "partial", .recipients = { "bob@example.com", "bad@example.com", "later@example.com" }, .n_recipients = 3 },
	{ .subject = "unwanted", .recipients = { "never@example.com" }, .n_recipients = 1, .after_s = 1 },
	{ .subject = "large", .recipients = { "carol@example.com" }, .n_recipients = 1, .is_large = true, .after_s = 1 },
	{ .subject = "silence", .recipients = { "mute@example.com" }, .n_recipients = 1, .after_s = 3 },
	{ .subject = "while-down", .recipients = { "bob@example.com", "bad@example.com" }, .n_recipients = 2, .after_s = 100 },
	{ .subject = "while-down-too", .recipients = { "new@example.com" }, .n_recipients = 1, .after_s = 101 },
};

enum { N_JOBS = sizeof(jobs) / sizeof(jobs[0]) };

struct run {
	struct relay	 relay;
	int		 n_left;	/* fibers */
	bool		 is_recovery;
	struct buf	 large;
};

struct client {
	struct run		*run;
	const struct job	*job;
};

static void
sleep_s(struct run *run, int64_t s)
{
	fiber_sleep(instant_after(loop_now(run->relay.loop), span_s(s)));
}

static void
bring(void *arg)
{
	struct client *client = arg;
	struct run *run = client->run;
	const struct job *job = client->job;
	int n_tries = 0;

	sleep_s(run, run->is_recovery ? 2 * AWAY_S : job->after_s);
	while (n_tries++ < TRIES_MAX && !patient_bring(&run->relay, job->subject, job->recipients, job->n_recipients,
	    job->is_large ? buf_str(&run->large) : STR("Hello.\r\n")))
		sleep_s(run, COMES_AGAIN_S);
	expect(n_tries < TRIES_MAX);
	run->n_left--;
	mem_free(client);
}

static void
be_away_for(struct run *run, int64_t s)
{
	struct endpoint at;

	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	sim_net_host(run->relay.sim, &at.ip, SIM_HOST_UNREACHABLE);
	sim_net_cut(run->relay.sim, &at);
	sleep_s(run, s);
	sim_net_host(run->relay.sim, &at.ip, SIM_HOST_UP);
}

static void
be_away(void *arg)
{
	struct run *run = arg;

	sleep_s(run, 50);
	be_away_for(run, 200);
	run->n_left--;
}

/* --- what is known, while nobody can be asked --- */

/* Known or not, but never the wrong one. */
static void
expect_answer(struct run *run, const char *recipient, int known)
{
	char command[100];
	struct wire wire;
	int code;

	snprintf(command, sizeof(command), "RCPT TO:<%s>\r\n", recipient);
	if (client_open(&run->relay, &wire) == 250 && client_ask(&wire, STR("MAIL FROM:<alice@example.org>\r\n")) == 250) {
		code = client_ask(&wire, str_of(command));
		if (!expect(code == known || code == 451))
			printf("#   %s: %d\n", recipient, code);
		sim_note(run->relay.sim, code == known ? "known" : "unknown", str_of(recipient), STR_EMPTY);
	}
	if (wire.stream != NULL)
		stream_close(wire.stream);
}

static void
ask_in_outage(void *arg)
{
	struct run *run = arg;

	expect_answer(run, "bob@example.com", 250);
	expect_answer(run, "carol@example.com", 250);
	expect_answer(run, "mute@example.com", 250);
	expect_answer(run, "bad@example.com", 550);
	expect_answer(run, "nobody@example.com", 451);
	run->n_left--;
}

static void
be_away_at_first(void *arg)
{
	struct run *run = arg;

	be_away_for(run, AWAY_S);
	run->n_left--;
}

/* --- a life --- */

static void
wait_for_end(void *arg)
{
	struct run *run = arg;
	struct instant until = instant_after(loop_now(run->relay.loop), span_s(GIVE_UP_AFTER_S));
	struct queue_counts counts;

	do {
		sleep_s(run, 20);
		queue_count(run->relay.queue, &counts);
	} while ((run->n_left > 0 || counts.n_mails > 0) && instant_is_before(loop_now(run->relay.loop), until));
	expect_int(counts.n_mails, 0);
	loop_stop(run->relay.loop);
}

static void
start(struct run *run, const char *name, void (*what)(void *arg))
{
	insist(fiber_start(run->relay.loop, name, what, run) != NULL);
	run->n_left++;
}

static void
live_once(struct sim *sim, bool is_recovery)
{
	struct run run = { .is_recovery = is_recovery };

	buf_init(&run.large, 2 * LARGE_BYTES);
	for (int i = 0; run.large.len < LARGE_BYTES; i++)
		buf_printf(&run.large, "line %d of many\r\n", i);
	relay_start_online(&run.relay, sim, &signer, NULL);
	new_server_start(&run.relay, NEW_SERVER_AT);
	new_server_start(&run.relay, HOME_AT);
	insist(ip_parse(str_of(TRUSTED_AT), &run.relay.client_at.ip));
	for (int i = 0; i < N_JOBS; i++) {
		struct client *client = mem_new(sizeof(*client));

		*client = (struct client){ .run = &run, .job = &jobs[i] };
		insist(fiber_start(run.relay.loop, "client", bring, client) != NULL);
		run.n_left++;
	}
	start(&run, "away", is_recovery ? be_away_at_first : be_away);
	if (is_recovery)
		start(&run, "ask", ask_in_outage);
	insist(fiber_start(run.relay.loop, "end", wait_for_end, &run) != NULL);
	loop_run(run.relay.loop);
	relay_end(&run.relay);
	buf_fini(&run.large);
}

static void
live(struct sim *sim, void *arg)
{
	live_once(sim, false);
}

static void
recover(struct sim *sim, void *arg)
{
	live_once(sim, true);
}

/* --- what came of it --- */

struct tally {
	struct dkim_verifier	*verifier;
	int			 n_promised, n_refused, n_twice, n_known;
};

static void
answer_with_key(struct resolver *resolver, const struct dns_question *questions, int n, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	(void)resolver, (void)questions, (void)deadline;
	for (int i = 0; i < n; i++) {
		answers_out[i] = (struct dns_answer){ .result = DNS_FOUND, .n_records = 1, .records = arena_array(arena, 1, sizeof(struct dns_record)) };
		insist(answers_out[i].records != NULL);
		answers_out[i].records[0].text = STR(RFC8463_ED25519_RECORD);
	}
}

static const char *
wrong_with_arrivals(const struct sim *sim, struct str key, struct str promised, struct tally *tally)
{
	struct resolver names = { .ask = answer_with_key };
	struct str found, bytes;

	for (int n = 0; sim_find_note(sim, "arrived", key, n, &found, &bytes); n++) {
		if (promised.len > 0 && (bytes.len <= promised.len || !str_eq(str_from(bytes, bytes.len - promised.len), promised)))
			return "not what was sent";
		if (!signed_once(bytes, "example.org", tally->verifier, &names))
			return "not sealed";
	}
	return NULL;
}

static const char *
wrong_with(const struct sim *sim, struct str key, struct str recipient, struct tally *tally)
{
	int n_arrived = sim_n_notes(sim, "arrived", key), n_promised = sim_n_notes(sim, "promised", key), n_refused = sim_n_notes(sim, "refused", key);
	int n_unanswered = sim_n_notes(sim, "sent", key) - sim_n_notes(sim, "answered", key);
	bool is_bad = str_starts(recipient, STR("bad")) || str_starts(recipient, STR("never"));
	struct str found, promised = STR_EMPTY;

	(void)sim_find_note(sim, "promised", key, 0, &found, &promised);
	tally->n_promised += n_promised;
	tally->n_refused += n_refused;
	tally->n_twice += n_arrived > 1;
	if (n_promised + n_refused != 1)
		return "its client has no answer, or two";
	if (is_bad != (n_refused > 0))
		return is_bad ? "promised" : "refused";
	if (is_bad && n_arrived > 0)
		return "refused, and delivered";
	if (n_promised > 0 && n_arrived == 0)
		return "lost";
	/* A kill may come between the next hop's 250 and the record of it, for mail of the queue. */
	if (n_arrived > n_promised + n_unanswered + sim_n_notes(sim, "ambiguous", STR("")) &&
	    !str_starts(key, STR("while-down")) && !str_starts(key, STR("silence")))
		return "delivered more often than anything explains";
	return wrong_with_arrivals(sim, key, promised, tally);
}

static void
check(struct sim *sim, void *arg)
{
	struct tally *tally = arg;
	struct str key, bytes;
	char room[200];

	for (int i = 0; i < N_JOBS; i++)
		for (int j = 0; j < jobs[i].n_recipients; j++) {
			const char *wrong;

			snprintf(room, sizeof(room), "%s to %s", jobs[i].subject, jobs[i].recipients[j]);
			wrong = wrong_with(sim, str_of(room), str_of(jobs[i].recipients[j]), tally);
			if (!expect(wrong == NULL))
				printf("#   %s: %s\n", room, wrong);
		}
	for (int i = 0; sim_find_note(sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++)
		if (!expect(str_find_str(bytes, STR("multipart/report")) < 0))
			printf("#   reported: %.*s\n", STR_ARG(key));
	tally->n_known += sim_n_notes(sim, "known", (struct str){ .at = NULL });
}

int
main(void)
{
	const char *every = getenv("CRASH_EVERY");
	struct tally tally = { .verifier = dkim_verifier_new() };
	struct sim_story story = {
		.options = { .seed = sim_seed(20261121) }, .live = live, .recover = recover, .check = check, .arg = &tally,
		.every = every != NULL ? atoi(every) : EVERY, .crashes_twice = getenv("CRASH_ONCE") == NULL,
	};
	int64_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_case("killed at every call while clients wait for the next hop, each has the answer that is true (SIM_SEED=%llu)",
	    (unsigned long long)story.options.seed);
	n = sim_crash_everywhere(&story);
	printf("# %lld crashes; %d promises kept, %d refusals, %d mails arrived twice, %d mailboxes known in outages\n", (long long)n,
	    tally.n_promised, tally.n_refused, tally.n_twice, tally.n_known);
	expect(n > 100);
	expect(tally.n_promised > N_JOBS && tally.n_twice > 0 && tally.n_known > 0);
	dkim_verifier_free(tally.verifier);
	return test_end();
}
