/*
 * judging_stage.c - what mails of Postfix's are judged with, for tests
 */
#include <sched.h>

#include "base/insist.h"
#include "smtpfwd/runtime/os.h"
#include "tests/milter/judging_stage.h"
#include "tests/policy/dkim_vectors.h"

static const struct network ours = { .ip = { .family = IP_V4, .bytes = { 10 } }, .prefix_bits = 8 };

static struct policy *
make_policy(void)
{
	static const char *const domains[] = { "keep.example" };
	static const struct relay_rule relays[] = { { .name = "keep", .domains = domains, .n_domains = 1 } };
	static const char *const do_edit[] = { "X-Do: edit" }, *const do_hold[] = { "X-Do: hold" }, *const removed[] = { "X-Secret" };
	static const struct header_field added[] = { { .name = { "X-Added", 7 }, .value = { " yes", 4 }, .whole = { "X-Added: yes\r\n", 14 } } };
	static const struct class_section classes[] = {
		{ .name = "edit", .fields = do_edit, .n_fields = 1, .actions = { .removed = removed, .n_removed = 1, .added = added, .n_added = 1 } },
		{ .name = "hold", .fields = do_hold, .n_fields = 1, .actions = { .is_held = true, .verify = CLASS_VERIFY_ON, .message_max_bytes = 2000,
		    .recipients_max = 2 } },
	};
	struct dkim_key *key = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);
	struct dkim_signer_settings signer = { .domain = "example.com", .selectors = { { "e", key } }, .n_selectors = 1 };
	struct sign_rule rule = { .domain = "example.com", .signer = dkim_signer_new(&signer, NULL) };
	struct policy_settings settings = {
		.hostname = "mx.relay.example", .relays = relays, .n_relays = 1,
		.verify = { .spf = true, .dkim = true, .arc = true, .dmarc = DMARC_ENFORCE, .with_received_spf = true, .timeout = span_s(20),
		    .dkim_settings = { .signatures_max = 4, .drift_s = 300 } },
		.dkim_verifier = dkim_verifier_new(), .signing = { .keys = &key, .n_keys = 1, .rules = &rule, .n_rules = 1 },
		.classes = { .sections = classes, .n_sections = 2, .field_name = "X-Traffic-Class" },
	};

	return policy_new(&settings, (uint64_t[]){ 1, 2 });
}

static void
ask_zone(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline, struct arena *arena,
    struct dns_answer *answers_out)
{
	struct judging_stage *stage = (struct judging_stage *)(void *)((char *)resolver - offsetof(struct judging_stage, names));

	fiber_yield();
	dns_ask(stage->answers, questions, n_questions, deadline, arena, answers_out);
}

static void
keep_running(void *arg)
{
	struct judging_stage *stage = arg;

	while (!stage->is_ending)
		(void)fiber_park(INSTANT_NEVER);
	errands_stop(stage->world.errands);
}

static void *
run_loop(void *arg)
{
	loop_run(((struct judging_stage *)arg)->loop);
	return NULL;
}

static void
leave_rules(struct rules *rules)
{
	(void)rules;			/* the stage's */
}

void
judging_stage_begin(struct judging_stage *stage)
{
	struct fault fault;

	*stage = (struct judging_stage){ .names.ask = ask_zone, .world.rules = &stage->place };
	stage->policy = make_policy();
	stage->rules = (struct rules){ .n_holders = 1, .end = leave_rules, .policy = stage->policy, .trust = { .networks = &ours, .n_networks = 1 },
	    .received_max = 50, .sessions_max = 10, .memory_max_bytes = 64 * 1024 * 1024 };
	rules_place_init(&stage->place, &stage->rules);
	stage->loop = loop_new(ERRANDS_MAX, &fault);
	insist(stage->loop != NULL);
	stage->world.errands = errands_new(stage->loop, &fault);
	insist(stage->world.errands != NULL);
	stage->world.resolver = errands_resolver(stage->world.errands, &stage->names);
	stage->crew = os_crew_new(loop_poller(stage->loop), 1, "check");
	insist(stage->crew != NULL);
	fiber_elsewhere_init(&stage->elsewhere, stage->crew);
	stage->world.elsewhere = &stage->elsewhere.elsewhere;
	stage->keeper = fiber_start(stage->loop, "keeper", keep_running, stage);
	insist(stage->keeper != NULL && pthread_create(&stage->thread, NULL, run_loop, stage) == 0);
}

static void
wake_keeper(struct errand *errand)
{
	struct judging_stage *stage = (struct judging_stage *)(void *)((char *)errand - offsetof(struct judging_stage, ending));

	stage->is_ending = true;
	fiber_wake(stage->keeper);
}

void
judging_stage_end(struct judging_stage *stage)
{
	judging_stage_settle(stage);
	stage->ending.run = wake_keeper;
	errand_start(stage->world.errands, &stage->ending);
	pthread_join(stage->thread, NULL);
	insist(errand_forget(&stage->ending));
	errands_free(stage->world.errands);
	os_crew_free(stage->crew);
	loop_free(stage->loop);
	rules_place_fini(&stage->place);
	policy_free(stage->policy);
}

void
judging_stage_settle(struct judging_stage *stage)
{
	while (atomic_load(&stage->rules.n_holders) > 1)
		sched_yield();
	insist(atomic_load(&stage->world.memory_bytes) == 0);
}
