/*
 * relayed.c - mails relayed in the simulated world, for a count of the instructions that each takes
 *
 *	relayed [SCENARIO...]		prints the name of each and its number of mails
 *
 * Each scenario is a world of its own, always the same.  Its mails come in two equal rounds: the first warms all up.  At the
 * end of a round valgrind's callgrind, if it is there, writes down what was executed since it last did: of the second under
 * the scenario's name.  What that says is for tests/count/run.
 */
#include <stdio.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_DUMP_STATS_AT(name)	((void)(name))
#endif

#include "base/insist.h"
#include "policy/dkim/dkim_sign.h"
#include "tests/bench/message.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/relay/relay.h"
#include "tests/sim/resolver_sim.h"

enum {
	CLIENTS = 10, MAILS_EACH = 20, MAILS = CLIENTS * MAILS_EACH,	/* of a round */
	MAIL_BYTES = 4096, ROOM_MAX_BYTES = 1 << 20, SEED = 20261121,
};

struct scenario {
	const char	*name;
	bool		 is_pipelined;		/* all mails of a client in one session; else a session each, a command a time */
	bool		 is_online, is_judged;
	bool		 is_drained;		/* what is counted begins when all mails are in the queue */
};

static const struct scenario scenarios[] = {
	{ .name = "single" },
	{ .name = "pipelined", .is_pipelined = true },
	{ .name = "online", .is_online = true },
	{ .name = "drained", .is_drained = true },
	/* The last: OpenSSL is what has chance in it, and leaves a heap that is not always the same. */
	{ .name = "judged", .is_judged = true },
};

struct count {
	const struct scenario	*scenario;
	struct relay		 relay;
	struct buf		 mail;		/* each is the same */
	int			 n_clients;	/* that bring mail */
};

/* --- the mail --- */

#define ZONE \
	"25.2.0.192.in-addr.arpa PTR client.example.org\n" \
	"client.example.org A 192.0.2.25\n" \
	"example.org TXT v=spf1 ip4:192.0.2.0/24 -all\n" \
	"k._domainkey.example.org TXT " RFC8463_RSA_RECORD "\n" \
	"_dmarc.example.org TXT v=DMARC1; p=reject\n"

static const char client_at[] = "192.0.2.25";

/* Appends the field that goes on top. */
static void
sign(struct str mail, struct buf *out)
{
	struct dkim_key *key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	const struct dkim_signer_settings settings = { .domain = "example.org", .selectors = { { "k", key } }, .n_selectors = 1, .without_time = true };
	struct dkim_signer *signer = dkim_signer_new(&settings, NULL);
	struct dkim_signing *signing;
	struct header_section header;
	struct arena arena;

	arena_init(&arena, ROOM_MAX_BYTES);
	insist(header_read(mail, &arena, &header) == 0);
	signing = dkim_signing_new(signer, &header, (struct timestamp){ 0 }, NULL);
	insist(signing != NULL);
	dkim_signing_body(signing, str_from(mail, header.body_at));
	dkim_signing_ready(signing);
	insist(dkim_signing_sign(signing, NULL) == 0);
	insist(dkim_signing_fields(signing, out) == 0);
	dkim_signing_free(signing);
	dkim_signer_free(signer);
	dkim_key_free(key);
	arena_fini(&arena);
}

static void
make_mail(struct count *count)
{
	struct buf text;

	buf_init(&text, ROOM_MAX_BYTES);
	buf_init(&count->mail, ROOM_MAX_BYTES);
	message_write_from(STR("example.org"), 1, MAIL_BYTES, &text);
	if (count->scenario->is_judged)
		sign(buf_str(&text), &count->mail);
	insist(buf_append(&count->mail, buf_str(&text)) == 0);
	buf_fini(&text);
}

/* --- who brings it --- */

static void
bring_singly(struct count *count)
{
	static const char *const commands[] = { "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.com>" };

	for (int i = 0; i < MAILS_EACH; i++)
		insist(client_talk(&count->relay, commands, 2, buf_str(&count->mail)) == 250);
}

static void
bring_pipelined(struct count *count)
{
	struct wire wire;

	insist(client_open(&count->relay, &wire) == 250);
	for (int i = 0; i < MAILS_EACH; i++) {
		insist(client_ask(&wire, STR("MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")) == 250);
		insist(client_ask(&wire, STR_EMPTY) == 250);
		insist(client_ask(&wire, STR_EMPTY) == 354);
		insist(wire_write(&wire, buf_str(&count->mail)));
		insist(client_ask(&wire, STR(".\r\n")) == 250);
	}
	stream_close(wire.stream);
}

static void
run_client(void *arg)
{
	struct count *count = arg;

	if (count->scenario->is_pipelined)
		bring_pipelined(count);
	else
		bring_singly(count);
	count->n_clients--;
}

static void
sleep_a_second(struct count *count)
{
	fiber_sleep(instant_after(loop_now(count->relay.loop), span_s(1)));
}

static void
bring(struct count *count)
{
	count->n_clients = CLIENTS;
	for (int i = 0; i < CLIENTS; i++)
		insist(fiber_start(count->relay.loop, "client", run_client, count) != NULL);
	while (count->n_clients > 0)
		sleep_a_second(count);
}

/* --- a scenario --- */

static void
next_hop_is(struct count *count, enum sim_host state)
{
	struct endpoint at;

	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	sim_net_host(count->relay.sim, &at.ip, state);
	if (state != SIM_HOST_UP)
		sim_net_cut(count->relay.sim, &at);
}

static bool
have_arrived(struct count *count, int n)
{
	struct queue_counts counts;

	queue_count(count->relay.queue, &counts);
	return counts.n_mails == 0 && sim_n_notes(count->relay.sim, "arrived", (struct str){ .at = NULL }) == n;
}

static void
run_rounds(void *arg)
{
	struct count *count = arg;
	const struct scenario *scenario = count->scenario;

	for (int round = 1; round <= 2; round++) {
		if (scenario->is_drained)
			next_hop_is(count, SIM_HOST_UNREACHABLE);
		bring(count);
		if (scenario->is_drained) {
			CALLGRIND_DUMP_STATS_AT("queued");
			next_hop_is(count, SIM_HOST_UP);
		}
		while (!have_arrived(count, round * MAILS))
			sleep_a_second(count);
		CALLGRIND_DUMP_STATS_AT(round == 1 ? "warm" : scenario->name);
	}
	loop_stop(count->relay.loop);
}

/* The scenario was what it is said to be. */
static void
check(struct count *count)
{
	const struct scenario *scenario = count->scenario;
	struct queue_counts counts;
	struct str key, mail;

	queue_count(count->relay.queue, &counts);
	insist(counts.n_put == (scenario->is_online ? 0 : 2 * MAILS));
	insist(sim_find_note(count->relay.sim, "arrived", (struct str){ .at = NULL }, 0, &key, &mail));
	insist((str_find_str(mail, STR("dkim=pass")) >= 0) == scenario->is_judged);
	insist((str_find_str(mail, STR("dmarc=pass")) >= 0) == scenario->is_judged);
	insist(str_find_str(mail, buf_str(&count->mail)) >= 0);
}

static void
start(struct count *count, struct sim *sim, struct resolver *names)
{
	static const char *const domains[] = { "example.com" };
	const struct relay_rule rule = { .name = "moved", .domains = domains, .n_domains = 1,
	    .forwarding = { .is_online = count->scenario->is_online, .online_timeout = span_s(20) } };
	const struct next_hop_settings new_server = relay_next_hop(NEW_SERVER_AT), home = relay_next_hop(HOME_AT);
	const struct route_settings routes[] = {
		{ .destination = "relay:moved", .next_hops = &new_server, .n_next_hops = 1, .connections_max = CLIENTS, .check_interval = span_s(1) },
		{ .destination = "route:out", .next_hops = &home, .n_next_hops = 1, .connections_max = CLIENTS, .check_interval = span_s(1) },
	};
	struct relay_plan plan = { .rules = &rule, .n_rules = 1, .routes = routes, .n_routes = 2 };

	if (count->scenario->is_judged) {
		plan.verify = relay_all_checks();
		plan.verify.arc = false;	/* a seal is an RSA signature, of no interest here, and half of the instructions */
	}
	relay_start_as(&count->relay, sim, &plan, names);
	insist(ip_parse(str_of(client_at), &count->relay.client_at.ip));
	new_server_start(&count->relay, NEW_SERVER_AT);
}

static void
play(const struct scenario *scenario)
{
	/* No chance: one call more of anything would change all that come behind it. */
	struct sim_options options = { .seed = SEED, .short_percent = -1, .uncached_percent = -1 };
	struct count count = { .scenario = scenario };
	struct sim *sim = sim_new(&options);
	struct resolver_sim names;

	make_mail(&count);
	resolver_sim_init(&names, ZONE);
	sim_enter(sim);
	start(&count, sim, &names.resolver);
	insist(fiber_start(count.relay.loop, "rounds", run_rounds, &count) != NULL);
	loop_run(count.relay.loop);
	check(&count);
	relay_end(&count.relay);
	sim_leave(sim);
	sim_free(sim);
	buf_fini(&count.mail);
	printf("%s %d\n", scenario->name, MAILS);
}

static bool
is_wanted(const struct scenario *scenario, char **words)
{
	if (*words == NULL)
		return true;
	for (; *words != NULL; words++)
		if (str_eq(str_of(*words), str_of(scenario->name)))
			return true;
	return false;
}

int
main(int argc, char **argv)
{
	(void)argc;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (is_wanted(&scenarios[i], argv + 1))
			play(&scenarios[i]);
	return 0;
}
