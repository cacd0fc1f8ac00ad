/*
 * test_crash.c - the relay is killed at every call of a scenario that touches disk, network or
 * threads; after it came back, each mail that got a 250 has arrived byte for byte, judged or signed once, or was
 * reported, once; and by the way of its class, not before it was released if that holds it
 *
 * SIM_SEED chooses another world.  The peers' knowledge outlives the crash as notes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/relay/relay.h"
#include "tests/relay/signed.h"
#include "tests/sim/resolver_sim.h"

/* An answer comes late, so that there are crashes while mail waits for it. */
static const char zone[] =
	"25.2.0.192.in-addr.arpa PTR client.example.org\n"
	"client.example.org A 192.0.2.25\n"
	"example.org TXT v=spf1 ip4:192.0.2.25 -all\n"
	"example.org delay 3s\n"
	"_dmarc.example.org TXT v=DMARC1; p=reject\n";
static const struct relay_signer signer = { .domain = "example.org", .selector = "e", .pem = STR(RFC8463_ED25519_PEM) };

static const char LISTS_AT[] = "192.0.2.21:25";		/* mail of the class "list" goes there */
static const char held_key[] = "held to greta@example.com";

enum { LARGE_BYTES = 30 * 1000, GIVE_UP_AFTER_S = 7 * 86400, RELEASED_AFTER_S = 300 };

struct run {
	struct relay	 relay;
	int		 n_left;	/* client fibers */
	bool		 is_recovery;
	struct buf	 large;
	struct resolver_sim names;
};

struct job {
	struct run		*run;
	const char		*subject;
	const char		*recipients[3];
	int			 n_recipients;
	bool			 is_large;
	bool			 is_trusted;	/* its client; the mail is signed */
	int			 after_s;
};

static const struct job jobs[] = {
	{ .subject = "plain", .recipients = { "bob@example.com" }, .n_recipients = 1 },
	{ .subject = "partial", .recipients = { "bob@example.com", "bad@example.com", "later@example.com" }, .n_recipients = 3 },
	{ .subject = "refused", .recipients = { "bad2@example.com" }, .n_recipients = 1, .after_s = 1 },
	{ .subject = "large", .recipients = { "carol@example.com" }, .n_recipients = 1, .is_large = true, .is_trusted = true, .after_s = 1 },
	{ .subject = "while-down", .recipients = { "dave@example.com" }, .n_recipients = 1, .after_s = 100 },
	{ .subject = "while-down-too", .recipients = { "later2@example.com", "erin@example.com" }, .n_recipients = 2, .is_trusted = true, .after_s = 101 },
	{ .subject = "list", .recipients = { "ann@lists.example" }, .n_recipients = 1, .is_trusted = true, .after_s = 110 },
	{ .subject = "held", .recipients = { "greta@example.com" }, .n_recipients = 1, .is_trusted = true, .after_s = 2 },
	{ .subject = "at-the-end", .recipients = { "frank@example.com" }, .n_recipients = 1, .after_s = 400 },
};

enum { N_JOBS = sizeof(jobs) / sizeof(jobs[0]) };

static void
send_one(void *arg)
{
	struct job *job = arg;
	struct run *run = job->run;

	fiber_sleep(instant_after(loop_now(run->relay.loop), span_s(job->after_s)));
	run->relay.client_at = (struct endpoint){ .port = 0 };		/* it connects before others run */
	insist(!job->is_trusted || ip_parse(str_of(TRUSTED_AT), &run->relay.client_at.ip));
	client_send(&run->relay, job->subject, job->recipients, job->n_recipients,
	    job->is_large ? buf_str(&run->large) : STR("Hello.\r\n"));
	run->n_left--;
	mem_free(job);
}

static void
switch_new_server(void *arg)
{
	struct run *run = arg;
	struct endpoint at;

	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	sim_net_host(run->relay.sim, &at.ip, SIM_HOST_UNREACHABLE);
	sim_net_cut(run->relay.sim, &at);
	fiber_sleep(instant_after(loop_now(run->relay.loop), span_s(200)));
	sim_net_host(run->relay.sim, &at.ip, SIM_HOST_UP);
}

/* The new server is away from 50 s to 250 s. */
static void
be_away(void *arg)
{
	struct run *run = arg;

	fiber_sleep(instant_after(loop_now(run->relay.loop), span_s(50)));
	switch_new_server(run);
	run->n_left--;
}

/* The operator; who was killed at it begins anew. */
static void
release_held(void *arg)
{
	struct run *run = arg;
	struct fault fault;

	fiber_sleep(instant_after(loop_now(run->relay.loop), span_s(RELEASED_AFTER_S)));
	if (sim_n_notes(run->relay.sim, "released", str_of(held_key)) == 0) {
		expect_int(sim_n_notes(run->relay.sim, "arrived", str_of(held_key)), 0);
		sim_note(run->relay.sim, "released", str_of(held_key), STR("x"));
	}
	expect(queue_release(run->relay.queue, &(struct queue_filter){ .is_held_only = true }, INSTANT_NEVER, &fault) >= 0);
	run->n_left--;
}

/* Ends the run when all was sent and the queue is empty, or after a week. */
static void
wait_for_end(void *arg)
{
	struct run *run = arg;
	struct instant until = instant_after(loop_now(run->relay.loop), span_s(GIVE_UP_AFTER_S));
	struct queue_counts counts;

	do {
		fiber_sleep(instant_after(loop_now(run->relay.loop), span_s(20)));
		queue_count(run->relay.queue, &counts);
	} while ((run->n_left > 0 || counts.n_mails > 0) && instant_is_before(loop_now(run->relay.loop), until));
	expect_int(counts.n_mails, 0);
	loop_stop(run->relay.loop);
}

/* As relay_start_judging, and two classes of trusted clients' mail. */
static void
start(struct run *run, struct sim *sim)
{
	static const char *const domains[] = { "example.com" }, *const lists[] = { "@lists.example" }, *const greta[] = { "greta@example.com" };
	const struct relay_rule rule = { .name = "moved", .domains = domains, .n_domains = 1 };
	const struct next_hop_settings new_server = relay_next_hop(NEW_SERVER_AT), home = relay_next_hop(HOME_AT), far = relay_next_hop(LISTS_AT);
	const struct route_settings routes[] = {
		{ .destination = "relay:moved", .next_hops = &new_server, .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) },
		{ .destination = "route:out", .next_hops = &home, .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) },
		{ .destination = "route:lists", .next_hops = &far, .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) },
	};
	struct network trusted;
	struct class_section sections[] = {
		{ .name = "list", .networks = &trusted, .n_networks = 1, .recipients = lists, .n_recipients = 1, .actions.route = "route:lists" },
		{ .name = "seen", .networks = &trusted, .n_networks = 1, .recipients = greta, .n_recipients = 1, .actions.is_held = true },
	};

	insist(network_parse(str_of(TRUSTED_AT), &trusted));
	relay_start_as(&run->relay, sim, &(struct relay_plan){
		.rules = &rule, .n_rules = 1, .routes = routes, .n_routes = 3, .verify = relay_all_checks(), .signers = &signer, .n_signers = 1,
		.classes = { .sections = sections, .n_sections = 2 },
	}, &run->names.resolver);
	new_server_start(&run->relay, NEW_SERVER_AT);
	new_server_start(&run->relay, HOME_AT);
	new_server_start(&run->relay, LISTS_AT);
}

static void
begin(struct run *run, struct sim *sim)
{
	buf_init(&run->large, 2 * LARGE_BYTES);
	for (int i = 0; run->large.len < LARGE_BYTES; i++)
		buf_printf(&run->large, "line %d of many\r\n", i);
	resolver_sim_init(&run->names, zone);
	start(run, sim);
	insist(fiber_start(run->relay.loop, "operator", release_held, run) != NULL);
}

static void
finish(struct run *run)
{
	insist(fiber_start(run->relay.loop, "end", wait_for_end, run) != NULL);
	loop_run(run->relay.loop);
	relay_end(&run->relay);
	buf_fini(&run->large);
}

static void
live(struct sim *sim, void *arg)
{
	struct run run = { .n_left = N_JOBS + 2 };

	begin(&run, sim);
	for (int i = 0; i < N_JOBS; i++) {
		struct job *job = mem_new(sizeof(*job));

		*job = jobs[i];
		job->run = &run;
		insist(fiber_start(run.relay.loop, "client", send_one, job) != NULL);
	}
	insist(fiber_start(run.relay.loop, "away", be_away, &run) != NULL);
	finish(&run);
}

static void
recover(struct sim *sim, void *arg)
{
	struct run run = { .n_left = 1 };
	struct endpoint at;

	/* A crash may have come while the new server was away. */
	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	sim_net_host(sim, &at.ip, SIM_HOST_UP);
	begin(&run, sim);
	finish(&run);
}

static struct str
message_id(struct str mail)
{
	struct str name = STR("\r\nMessage-ID: "), line = STR_EMPTY;
	ptrdiff_t at = str_find_str(mail, name);

	mail = at < 0 ? STR_EMPTY : str_from(mail, (size_t)at + name.len);
	str_take_until(&mail, '\r', &line);
	return line;
}

/*
 * A report at the sender's server that names the recipient and returns the mail's header; and no other: one that was
 * brought twice, because we died before we knew, has the same Message-ID.
 */
static bool
was_reported_once(const struct sim *sim, struct str subject, struct str recipient)
{
	struct str key, bytes, id = STR_EMPTY;
	char final[200], field[200];

	snprintf(final, sizeof(final), "Final-Recipient: rfc822; %.*s\r\nAction: failed\r\n", STR_ARG(recipient));
	snprintf(field, sizeof(field), "\r\nSubject: %.*s\r\n", STR_ARG(subject));
	for (int i = 0; sim_find_note(sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++) {
		if (!str_ends_nocase(key, STR(" to alice@example.org")) || str_find_str(bytes, str_of(final)) < 0 ||
		    str_find_str(bytes, str_of(field)) < 0)
			continue;
		if (id.len > 0 && !str_eq(message_id(bytes), id))
			return false;
		id = message_id(bytes);
	}
	return id.len > 0;
}

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

static bool
is_trusted(struct str subject)
{
	for (int i = 0; i < N_JOBS; i++)
		if (str_eq(subject, str_of(jobs[i].subject)))
			return jobs[i].is_trusted;
	return false;
}

/* A stranger's mail bears one field of results, and they are good; mail of a trusted client one signature, and it is right. */
static bool
is_sealed(struct str mail, struct str top, bool is_ours, struct dkim_verifier *verifier)
{
	struct resolver names = { .ask = answer_with_key };
	struct header_section header;
	struct arena arena;
	int n_results, n_signatures;

	arena_init(&arena, 100 * 1000);
	insist(header_read(top, &arena, &header) == 0);
	n_results = header_count(&header, STR("Authentication-Results"));
	n_signatures = header_count(&header, STR("DKIM-Signature"));
	arena_fini(&arena);
	if (is_ours)
		return n_results == 0 && n_signatures == 1 && signed_once(mail, "example.org", verifier, &names);
	return n_results == 1 && n_signatures == 0 && str_find_str(top, STR("iprev=pass")) >= 0 &&
	    str_find_str(top, STR("spf=pass")) >= 0 && str_find_str(top, STR("dkim=none")) >= 0 && str_find_str(top, STR("dmarc=pass")) >= 0;
}

static bool
has_arrived(const struct sim *sim, struct str key, struct str promised, bool is_ours, struct dkim_verifier *verifier)
{
	struct str found, bytes;
	int n;

	for (n = 0; sim_find_note(sim, "arrived", key, n, &found, &bytes); n++) {
		/* Below our own fields stands what was sent, to the last byte. */
		if (bytes.len <= promised.len || !str_eq(str_from(bytes, bytes.len - promised.len), promised))
			return false;
		if (!is_sealed(bytes, str_sub(bytes, 0, bytes.len - promised.len), is_ours, verifier))
			return false;
	}
	return n > 0;
}

/* One server is the lists'; no other mail comes there, and theirs nowhere else. */
static bool
went_right(const struct sim *sim, struct str key)
{
	bool is_list = str_ends_nocase(key, STR("@lists.example"));
	struct str found, at;

	for (int i = 0; sim_find_note(sim, "arrived-at", key, i, &found, &at); i++)
		if (str_eq(at, str_of(LISTS_AT)) != is_list)
			return false;
	return true;
}

static void
check(struct sim *sim, void *arg)
{
	struct dkim_verifier *verifier = dkim_verifier_new();
	struct str key, bytes;
	int *n_promised = arg;

	for (int i = 0; sim_find_note(sim, "promised", (struct str){ .at = NULL }, i, &key, &bytes); i++) {
		ptrdiff_t at = str_find_str(key, STR(" to "));
		struct str subject = str_sub(key, 0, (size_t)at), recipient = str_from(key, (size_t)at + 4);
		bool is_fine = str_starts(recipient, STR("bad")) ? was_reported_once(sim, subject, recipient) :
		    has_arrived(sim, key, bytes, is_trusted(subject), verifier);

		(*n_promised)++;
		if (!expect(is_fine))
			printf("#   lost, reported twice, or not sealed as it should be: %.*s\n", STR_ARG(key));
		if (!expect(went_right(sim, key)))
			printf("#   went the way of another class: %.*s\n", STR_ARG(key));
	}
	dkim_verifier_free(verifier);
}

int
main(void)
{
	const char *every = getenv("CRASH_EVERY");
	int n_promised = 0;
	struct sim_story story = {
		.options = { .seed = sim_seed(20261121) }, .live = live, .recover = recover, .check = check, .arg = &n_promised,
		.every = every != NULL ? atoi(every) : 1, .crashes_twice = getenv("CRASH_ONCE") == NULL,
	};
	int64_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_case("killed at every call, nothing that got a 250 is lost (SIM_SEED=%llu)", (unsigned long long)story.options.seed);
	n = sim_crash_everywhere(&story);
	printf("# %lld crashes, %d promises kept\n", (long long)n, n_promised);
	expect(n > 100);
	expect(n_promised > N_JOBS);
	return test_end();
}
