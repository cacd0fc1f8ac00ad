/*
 * judging_checks.c - a mail's checks: done by errands on the loop, begun when the header is whole and awaited when there is no going on without
 *
 * The errands use a judging beside the thread that has it: each holds it.
 */
#include "milter/ahead.h"
#include "milter/judging_inside.h"
#include "policy/decide.h"
#include "smtpfwd/runtime/os.h"

enum {
	LAST_PART = 4,			/* of the time for the checks DMARC has this part at least, whatever SPF and DKIM took */
	IN_VAIN_WAIT_S = 1,		/* ... but for what the DNS did not tell when it was asked ahead */
};

enum { CHECK, AHEAD_OF_SPF, AHEAD_OF_DMARC };

_Static_assert(AHEAD_OF_DMARC + 1 == (int)JUDGING_ERRANDS, "an errand each");

static struct judging *
judging_with(struct errand *errand)
{
	return ((struct judging_errand *)(void *)errand)->judging;
}

static void
check(struct judging *judging)
{
	struct fault fault;

	judging->inspection = inspect_begin(&judging->inputs, judging->deadline, &judging->findings_arena, &fault);
}

static void
run_check(struct errand *errand)
{
	struct judging *judging = judging_with(errand);

	judging->inputs.elsewhere = judging->world->elsewhere;
	check(judging);
}

static void
run_ahead_of_spf(struct errand *errand)
{
	struct judging *judging = judging_with(errand);

	ahead_ask_for_spf(&judging->inputs, judging->deadline);
}

static void
run_ahead_of_dmarc(struct errand *errand)
{
	struct judging *judging = judging_with(errand);

	judging->is_dmarc_in_vain = !ahead_ask_for_dmarc(&judging->inputs, judging->deadline);
}

static void
end_errand(struct errand *errand)
{
	judging_let_go(judging_with(errand));
}

/* The checks last: what is asked ahead is asked then already, and they need not ask once more. */
static void
start_errands(struct judging *judging)
{
	static void (*const runs[JUDGING_ERRANDS])(struct errand *errand) =
	    { [CHECK] = run_check, [AHEAD_OF_SPF] = run_ahead_of_spf, [AHEAD_OF_DMARC] = run_ahead_of_dmarc };

	judging->is_checking = true;
	atomic_fetch_add(&judging->n_holders, JUDGING_ERRANDS);
	for (int i = JUDGING_ERRANDS - 1; i >= 0; i--) {
		judging->errands[i] = (struct judging_errand){ .errand = { .run = runs[i], .end = end_errand }, .judging = judging };
		errand_start(judging->world->errands, &judging->errands[i].errand);
	}
}

static bool
needs_dns(const struct judging *judging)
{
	const struct verify_rules *rules = policy_verify_rules(judging->rules->policy);

	return class_verify_why_not(judging->class.actions->verify, &judging->peer) == NULL && (rules->spf || rules->dkim || rules->arc);
}

void
judging_begin_checks(struct judging *judging)
{
	const struct verify_rules *rules = policy_verify_rules(judging->rules->policy);

	judging->deadline = instant_after(os_now(), rules->timeout);
	judging->inputs = (struct inspect_inputs){
		.policy = judging->rules->policy, .peer = &judging->peer, .envelope = &judging->envelope, .header = &judging->section,
		.now = os_wall_clock(), .resolver = judging->world->resolver, .verify = judging->class.actions->verify,
	};
	if (!needs_dns(judging)) {
		check(judging);		/* finds that there is nothing to be checked */
		return;
	}
	judging_weigh(judging, JUDGING_CHECKS_BYTES);
	if (judging_goes_on(judging))
		start_errands(judging);
}

bool
judging_await_checks(struct judging *judging)
{
	if (judging->is_checking && !errand_wait(&judging->errands[CHECK].errand))
		judging_fail(judging, "cut-off");
	else if (judging_goes_on(judging) && judging->has_header && judging->inspection == NULL)
		judging_fail(judging, "memory");
	return judging_goes_on(judging) && judging->has_header;
}

static struct instant
last_deadline(const struct judging *judging)
{
	struct instant now = os_now();
	struct span last = { policy_verify_rules(judging->rules->policy)->timeout.ns / LAST_PART };
	struct instant least = instant_after(now, last);

	if (judging->is_dmarc_in_vain)
		return instant_min(least, instant_after(now, span_s(IN_VAIN_WAIT_S)));
	return instant_is_before(least, judging->deadline) ? judging->deadline : least;
}

void
judging_end_checks(struct judging *judging)
{
	if (judging->is_checking)
		(void)errand_wait(&judging->errands[AHEAD_OF_DMARC].errand);
	judging->findings = inspect_end(judging->inspection, last_deadline(judging));
	judging->inspection = NULL;
	if (judging->is_checking && errands_are_stopped(judging->world->errands))
		judging_fail(judging, "cut-off");	/* what was not found out says nothing of the DNS */
	else
		decide_mail(policy_verify_rules(judging->rules->policy), judging->findings, &judging->arena, &judging->verdict);
}
