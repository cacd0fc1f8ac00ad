/*
 * relay.c - the parts joined as in smtpfwd/daemon.c, for the simulated world
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/relay/relay.h"

const char RELAY_AT[] = "192.0.2.1:25", NEW_SERVER_AT[] = "192.0.2.10:25", HOME_AT[] = "192.0.2.20:25", TRUSTED_AT[] = "198.51.100.77";

enum { FIBERS_MAX = 1000, RELAYS_MAX = 8, SIGNERS_MAX = 4, SIGNING_THREADS = 2, SEGMENT_BYTES = 1024 * 1024, IN_MEMORY_MAX_BYTES = 8 * 1024 };

static int
number_behind(struct str line, struct str word)
{
	ptrdiff_t at = str_find_str(line, word);

	return at >= 0 ? atoi(line.at + at + word.len) : 0;
}

static void
write_log(struct log *log, enum log_level level, struct str line)
{
	struct relay *relay = (struct relay *)(void *)((char *)log - offsetof(struct relay, log));

	(void)level;
	relay->n_fell_back += str_starts(line, STR("fell-back id="));
	for (int n = str_starts(line, STR("ambiguous id=")) ? number_behind(line, STR(" rcpts=")) : 0; n > 0; n--)
		sim_note(relay->sim, "ambiguous", STR(""), STR_EMPTY);
	relay->n_expired += str_starts(line, STR("expired id="));
	relay->n_lost_reports += str_starts(line, STR("unreported id=")) && str_find_str(line, STR("it is a report itself")) >= 0;
	if (getenv("RELAY_LOG") != NULL)
		printf("# log: %.*s\n", STR_ARG(line));
}

/* Nobody has a name here; next hops are addresses. */
static void
answer_nothing(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	for (int i = 0; i < n_questions; i++)
		answers_out[i] = (struct dns_answer){ .result = DNS_NO_NAME };
}

static struct resolver no_names = { .ask = answer_nothing };

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	struct relay *relay = context;

	return policy_destination_of(relay->policy, facts->class_name, &recipient->address, relay->destination_room);
}

static const uint64_t seed[2] = { 1, 2 };

static struct policy *
make_policy(const struct relay_plan *plan)
{
	struct dkim_key *keys[SIGNERS_MAX + 1];		/* and the sealer's */
	struct sign_rule rules[SIGNERS_MAX];
	struct policy_settings settings = {
		.hostname = "old.example.com", .relays = plan->rules, .n_relays = plan->n_rules, .outbound = "out",
		.classes = plan->classes, .verify = plan->verify, .dkim_verifier = plan->verify.dkim ? dkim_verifier_new() : NULL,
		.signing = { .keys = keys, .n_keys = plan->n_signers, .rules = rules, .n_rules = plan->n_signers },
	};

	if (plan->srs_secret != NULL)
		settings.srs = (struct policy_srs){ .takes_reports_only = true, .rules = srs_rules_new(&(struct srs_settings){
		    .domain = "fwd.example.com", .secrets = &(struct str){ plan->srs_secret, strlen(plan->srs_secret) }, .n_secrets = 1 }, NULL) };
	insist(plan->n_signers <= SIGNERS_MAX);
	for (int i = 0; i < plan->n_signers; i++) {
		const struct relay_signer *from = &plan->signers[i];
		struct dkim_signer_settings signer = { .domain = from->domain, .n_selectors = 1 };

		keys[i] = dkim_key_new(from->pem, NULL);
		signer.selectors[0] = (struct dkim_selector){ from->selector, keys[i] };
		rules[i] = (struct sign_rule){ .domain = from->domain, .signer = dkim_signer_new(&signer, NULL) };
		insist(keys[i] != NULL && rules[i].signer != NULL);
	}
	if (plan->verify.arc) {
		struct dkim_key *key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);

		keys[settings.signing.n_keys++] = key;
		settings.signing.sealer = arc_sealer_new(&(struct arc_sealer_settings){ .domain = "example.com", .selector = { "arc", key } }, NULL);
	}
	return policy_new(&settings, seed);
}

static struct retry_settings
retry_from(const struct relay_plan *plan, struct span first)
{
	return (struct retry_settings){
		.first = first, .factor = 1.5, .max = span_s(3600), .expire = span_s(5 * 86400), .warn = span_s(4 * 3600),
		.holds_unverified = plan->holds_unverified, .hold_expire = span_s(30 * 86400),
	};
}

static void
start_queue(struct relay *relay, const struct relay_plan *plan)
{
	struct queue_settings settings = {
		.directory = "/spool", .segment_bytes = SEGMENT_BYTES, .content_in_memory_max_bytes = IN_MEMORY_MAX_BYTES,
		.retry = retry_from(plan, span_s(60)),
	};
	struct queue_world world = { .context = relay, .destination_of = destination_of };
	struct fault fault;

	relay->queue = queue_open(relay->loop, &settings, &world, &relay->log, &fault);
	if (relay->queue == NULL)
		printf("# queue_open: %s\n", fault.text);
	insist(relay->queue != NULL);
}

struct next_hop_settings
relay_next_hop(const char *at)
{
	struct endpoint e;

	insist(endpoint_parse(str_of(at), &e));
	return (struct next_hop_settings){ .written = at, .ip = e.ip, .port = e.port };
}

static struct courier_plan *
plan_couriers(const struct relay_plan *plan)
{
	struct courier_settings settings = {
		.hostname = "old.example.com", .routes = plan->routes, .n_routes = plan->n_routes, .deliveries_max = 20, .idle_max = span_s(10),
		.connect_timeout = span_s(30), .greeting_timeout = span_s(300), .mail_timeout = span_s(300), .rcpt_timeout = span_s(300),
		.data_timeout = span_s(120), .block_timeout = span_s(180), .final_timeout = span_s(600),
	};
	struct courier_plan *couriers;
	struct fault fault;

	couriers = courier_plan_new(&settings, &fault);
	insist(couriers != NULL);
	return couriers;
}

static void
start_couriers(struct relay *relay, const struct relay_plan *plan)
{
	struct fault fault;

	relay->couriers = couriers_new(relay->loop, relay->queue, &no_names, plan_couriers(plan), &relay->log, &fault);
	insist(relay->couriers != NULL);
}

/* --- what is known of mailboxes --- */

static void
learn(void *context, const struct recipient_reply *said)
{
	const struct relay *relay = context;
	const struct recipient_answer answer = {
		.reply = said->reply, .question = said->is_of_content ? QUESTION_CONTENT : QUESTION_RCPT,
		.asker = said->is_to_us ? ASKER_OURSELVES : ASKER_CLIENT,
	};

	if (str_starts(said->destination, STR("relay:")))
		knowledge_tell(recipients_knowledge(relay->recipients), forwarding_name(said->destination), said->recipient, &answer,
		    os_wall_clock());
}

static const struct recipients_settings recipients_settings = { .path = "/spool/recipients", .bounds = { 2000, 500,
	{ KNOWLEDGE_GOOD_KEEP_S * INT64_C(1000000000) }, { KNOWLEDGE_BAD_KEEP_S * INT64_C(1000000000) } } };

static void
start_recipients(struct relay *relay, const struct relay_plan *plan)
{
	const char *names[RELAYS_MAX];
	int n = 0;

	for (int i = 0; i < plan->n_rules; i++) {
		const struct forwarding *forwarding = &plan->rules[i].forwarding;

		insist(n + 1 + forwarding->n_ways <= RELAYS_MAX);
		if (!forwarding->is_by_recipient)
			names[n++] = plan->rules[i].name;
		for (int k = 0; k < forwarding->n_ways; k++)
			names[n++] = forwarding_name(str_of(forwarding->ways[k])).at;
	}
	relay->recipients = recipients_new(relay->loop, &recipients_settings, names, n, &relay->log, NULL);
	insist(relay->recipients != NULL);
	couriers_set_hearing(relay->couriers, &(struct hearing){ .told = learn, .context = relay });
}

/* --- listeners --- */

static struct listener_settings
listen_at(struct relay *relay)
{
	insist(network_parse(str_of(TRUSTED_AT), &relay->trusted));
	return (struct listener_settings){
		.name = "mx", .addresses = &relay->at, .n_addresses = 1, .class_name = "incoming", .message_max_bytes = 10 << 20,
		.recipients_max = 1000, .connections_max = 500, .connections_per_address_max = 500, .errors_max = 20, .received_max = 50,
		.command_timeout = span_s(300), .data_timeout = span_s(180), .session_max = span_s(3600),
		.networks = &relay->trusted, .n_networks = 1,
	};
}

static void
hold_policy(void *policy)
{
	(void)policy_hold(policy);
}

static void
release_policy(void *policy)
{
	policy_free(policy);
}

static struct receive_world
world_of(struct relay *relay)
{
	return (struct receive_world){ .queue = relay->queue, .couriers = relay->couriers,
	    .knowledge = recipients_knowledge(relay->recipients), .policy = relay->policy, .log = &relay->log,
	    .resolver = relay->names, .signers = relay->signers, .rates = relay->rates,
	    .held = relay->policy, .hold = hold_policy, .release = release_policy };
}

static void
start_listeners(struct relay *relay)
{
	struct listener_settings settings;
	struct receive_world world = world_of(relay);
	struct fault fault;
	int socket;

	insist(endpoint_parse(str_of(RELAY_AT), &relay->at));
	settings = listen_at(relay);
	socket = os_listen(&relay->at, 100);
	insist(socket >= 0);
	relay->listeners = listeners_new(relay->loop, &settings, 1, &socket, &world, &fault);
	insist(relay->listeners != NULL);
}

void
relay_reload(struct relay *relay, const struct relay_plan *plan, struct span first)
{
	struct retry_settings retry = retry_from(plan, first);
	struct queue_world queue_world = { .context = relay, .destination_of = destination_of };
	struct courier_plan *couriers = plan_couriers(plan);
	struct listener_settings settings = listen_at(relay);
	struct policy *old = relay->policy;
	const int no_socket = -1;
	struct receive_world world;
	struct fault fault;

	relay->policy = make_policy(plan);
	class_rates_adopt(relay->rates, plan->classes.sections, plan->classes.n_sections);
	world = world_of(relay);
	insist(listeners_adopt(relay->listeners, &settings, 1, &no_socket, &world, &fault) == 0);
	couriers_adopt(relay->couriers, couriers);
	reporter_adopt(relay->reporter, relay->policy);
	queue_reconfigure(relay->queue, &retry, &queue_world);
	policy_free(old);
}

void
relay_start_as(struct relay *relay, struct sim *sim, const struct relay_plan *plan, struct resolver *names)
{
	struct fault fault;

	*relay = (struct relay){ .sim = sim, .log = { .level = LOG_LEVEL_DEBUG, .write = write_log } };
	list_init(&relay->servers);
	relay->loop = loop_new(FIBERS_MAX, &fault);
	insist(relay->loop != NULL);
	relay->names = names != NULL ? names : &no_names;
	relay->signers = os_crew_new(loop_poller(relay->loop), SIGNING_THREADS, "sign");
	relay->policy = make_policy(plan);
	relay->rates = class_rates_new(seed);
	class_rates_adopt(relay->rates, plan->classes.sections, plan->classes.n_sections);
	start_queue(relay, plan);
	start_couriers(relay, plan);
	start_recipients(relay, plan);
	relay->reporter = reporter_new(relay->loop, relay->queue, relay->policy, relay->signers, &relay->log);
	start_listeners(relay);
}

static void
start_usual(struct relay *relay, struct sim *sim, struct relay_plan *plan, struct resolver *names, struct forwarding forwarding)
{
	static const char *const domains[] = { "example.com" };
	const struct relay_rule rule = { .name = "moved", .domains = domains, .n_domains = 1, .forwarding = forwarding };
	struct next_hop_settings new_server = relay_next_hop(NEW_SERVER_AT), home = relay_next_hop(HOME_AT);
	struct route_settings routes[] = {
		{ .destination = "relay:moved", .next_hops = &new_server, .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) },
		{ .destination = "route:out", .next_hops = &home, .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) },
	};

	plan->rules = &rule;
	plan->n_rules = 1;
	plan->routes = routes;
	plan->n_routes = 2;
	relay_start_as(relay, sim, plan, names);
}

void
relay_start(struct relay *relay, struct sim *sim)
{
	start_usual(relay, sim, &(struct relay_plan){ .n_signers = 0 }, NULL, (struct forwarding){ .is_online = false });
}

struct verify_rules
relay_all_checks(void)
{
	return (struct verify_rules){
		.spf = true, .dkim = true, .arc = true, .dmarc = DMARC_STAMP, .timeout = span_s(20), .dkim_settings = { .signatures_max = 5, .drift_s = 300 },
	};
}

void
relay_start_judging(struct relay *relay, struct sim *sim, const struct relay_signer *signer, struct resolver *names)
{
	start_usual(relay, sim, &(struct relay_plan){ .verify = relay_all_checks(), .signers = signer, .n_signers = 1 }, names,
	    (struct forwarding){ .is_online = false });
}

void
relay_start_online(struct relay *relay, struct sim *sim, const struct relay_signer *signer, struct resolver *names)
{
	start_usual(relay, sim, &(struct relay_plan){ .verify = relay_all_checks(), .signers = signer, .n_signers = 1 }, names,
	    (struct forwarding){ .is_online = true, .online_timeout = span_s(20) });
}

void
relay_start_withholding(struct relay *relay, struct sim *sim, struct resolver *names)
{
	start_usual(relay, sim, &(struct relay_plan){ .verify = relay_all_checks(), .holds_unverified = true }, names,
	    (struct forwarding){ .is_online = false });
}

static void
stop_parts(void *arg)
{
	struct relay *relay = arg;
	struct instant deadline = instant_after(loop_now(relay->loop), span_s(60));

	listeners_stop(relay->listeners, deadline);
	couriers_stop(relay->couriers, deadline);
	reporter_stop(relay->reporter, deadline);
	deadline = instant_after(loop_now(relay->loop), span_s(60));	/* the disk has its own time */
	insist(queue_stop(relay->queue, deadline, NULL) == 0);
	insist(recipients_stop(relay->recipients, deadline));
	servers_stop(relay);
	loop_stop(relay->loop);
}

void
relay_stop(struct relay *relay)
{
	insist(fiber_start(relay->loop, "stop", stop_parts, relay) != NULL);
	loop_run(relay->loop);
}

void
relay_end(struct relay *relay)
{
	relay_stop(relay);
	relay_free(relay);
}

void
relay_free(struct relay *relay)
{
	listeners_free(relay->listeners);
	reporter_free(relay->reporter);
	couriers_free(relay->couriers);
	queue_close(relay->queue);
	recipients_free(relay->recipients);
	policy_free(relay->policy);
	class_rates_free(relay->rates);
	os_crew_free(relay->signers);
	loop_run(relay->loop);		/* until the servers' sessions have ended, too */
	servers_free(relay);
	loop_free(relay->loop);
}
