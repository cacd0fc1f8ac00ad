/*
 * fuzz_mx.c - which hosts a domain has, by an answer of the DNS that strangers made up: bounded, in order, never us
 *
 * The input is the domain, then a line for each record: its preference as a byte, and a host's name; addresses of
 * hosts come from their names.
 */
#include "base/dns_wire.h"
#include "mail/domain.h"
#include "smtpfwd/deliver/mx.h"
#include "smtpfwd/runtime/fiber.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim.h"

enum { RECORDS_MAX = 60, ARENA_BYTES = 1024 * 1024 };

static const struct endpoint ours = { .ip = { .family = IP_V4, .bytes = { 203, 0, 113, 1 } }, .port = 25 };

struct scene {
	struct resolver	 resolver;	/* first: the resolver's functions get it */
	struct fuzz	 f;
	unsigned	 choice;
	struct loop	*loop;
	bool		 has_asked_mx;
};

/* As a resolver gives names: lower case, odd bytes as \DDD. */
static bool
read_name(struct str line, struct arena *arena, struct str *name_out)
{
	struct dns_name name;

	return dns_name_of_text(line, &name) && dns_name_text(&name, arena, name_out);
}

static void
answer_mx(struct scene *s, struct arena *arena, struct dns_answer *answer)
{
	static const enum dns_result others[] = { DNS_NO_DATA, DNS_NO_NAME, DNS_UNSETTLED };

	s->has_asked_mx = true;
	answer->ttl_s = (uint32_t)s->choice << 24 | s->choice;
	answer->records = arena_array(arena, RECORDS_MAX, sizeof(*answer->records));
	while (s->f.rest.len > 0 && answer->n_records < RECORDS_MAX) {
		struct dns_record *record = &answer->records[answer->n_records];

		record->preference = (uint16_t)(fuzz_byte(&s->f) * 257);
		answer->n_records += read_name(fuzz_line(&s->f), arena, &record->name);
	}
	answer->result = answer->n_records > 0 ? DNS_FOUND : others[s->choice % 3];
}

/* Of a host: by the first letter of its name one of ours, of nobody, of somebody, or no address. */
static void
answer_address(struct str name, enum dns_type type, struct arena *arena, struct dns_answer *answer)
{
	static const uint8_t addresses[][16] = { { 203, 0, 113, 1 }, { 127, 0, 0, 1 }, { 0 }, { 224, 0, 0, 1 }, { 192, 0, 2, 1 }, { 10, 0, 0, 1 } };
	unsigned which = name.len > 0 ? (uint8_t)name.at[0] % 12u : 0;

	answer->result = which == 6 ? DNS_UNSETTLED : which == 7 ? DNS_NO_NAME : DNS_NO_DATA;
	if (which >= 6 && which <= 8)
		return;
	answer->records = arena_array(arena, 1, sizeof(*answer->records));
	answer->records[0].ip = ip_of_bytes(type == DNS_A ? IP_V4 : IP_V6, addresses[which % 6]);
	answer->n_records = 1;
	answer->result = DNS_FOUND;
}

static void
answer_all(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct scene *s = (struct scene *)(void *)resolver;

	for (int i = 0; i < n_questions; i++) {
		answers_out[i] = (struct dns_answer){ .result = DNS_NO_DATA };
		if (questions[i].type == DNS_MX)
			answer_mx(s, arena, &answers_out[i]);
		else
			answer_address(questions[i].name, questions[i].type, arena, &answers_out[i]);
	}
}

static void
check(const struct mx_query *query, const struct mx_hosts *hosts)
{
	struct status status = hosts->status;

	if (hosts->result != MX_FOUND) {
		insist(status.class == (hosts->result == MX_NEVER ? 5 : 4));
		insist(hosts->why[0] != '\0' && str_is_utf8(str_of(hosts->why)));
		return;
	}
	insist(hosts->n >= 1 && hosts->n <= MX_HOSTS_MAX);
	insist(hosts->ttl.ns >= span_s(MX_TTL_MIN_S).ns && hosts->ttl.ns <= span_s(MX_TTL_MAX_S).ns);
	for (int i = 0; i < hosts->n; i++) {
		const struct mx_host *host = &hosts->hosts[i];

		insist(i == 0 || hosts->hosts[i - 1].preference <= host->preference);
		insist(!str_eq_nocase(host->name, query->hostname));
		insist(host->ip.family != IP_NONE || domain_is_valid(host->name, false));
		insist(host->ip.family == IP_NONE || (mx_may_use(&host->ip, false) && !ip_eq(&host->ip, &ours.ip)));
		for (int j = 0; j < i; j++)
			insist(!str_eq_nocase(hosts->hosts[j].name, host->name));
	}
}

static void
find(void *arg)
{
	struct scene *s = arg;
	struct mx_query query = { .domain = fuzz_line(&s->f), .port = 25, .hostname = STR("relay.example.net"), .ours = &ours, .n_ours = 1 };
	struct mx_hosts hosts = { .n = 0 };
	struct arena arena;

	arena_init(&arena, ARENA_BYTES);
	mx_find(&s->resolver, &query, instant_after(loop_now(s->loop), span_s(30)), &arena, &hosts);
	check(&query, &hosts);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct scene s = { .resolver = { .ask = answer_all } };
	struct sim *sim;

	fuzz_begin(&s.f, bytes, n_bytes, &s.choice);
	sim = sim_new(&(struct sim_options){ .seed = s.choice });
	sim_enter(sim);
	s.loop = loop_new(4, NULL);
	insist(fiber_start(s.loop, "mx", find, &s) != NULL);
	loop_run(s.loop);
	loop_free(s.loop);
	insist(sim_leave(sim) == 0);
	sim_free(sim);
	fuzz_end(&s.f);
	return 0;
}
