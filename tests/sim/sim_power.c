/*
 * sim_power.c - power cuts, runs in child processes, and a crash at every call of a story
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/insist.h"
#include "tests/sim/sim_world.h"

enum {
	RUN_MAX_S = 120,		/* of real time: a run takes milliseconds, so this one hangs */
	DOWN_TIME_US = 1500000,		/* of the calendar, until the machine is up again */
};

static const char *const rule_names[] = { "by seed", "kept", "lost", "torn", "reordered", "scrambled" };

void
sim_power_cut(struct sim *sim)
{
	struct sim_machine *m = sim->machine;
	struct sim_loss loss = { .rule = sim->options.rule, .dice = sim_dice_roll(&m->power_dice) };

	insist(sim->process == NULL);
	if (loss.rule == SIM_RULE_BY_SEED)
		loss.rule = SIM_RULE_KEPT + (enum sim_rule)(sim_dice_roll(&loss.dice) % SIM_RULE_SCRAMBLED);
	for (int i = 1; i < m->disk.n_inodes; i++)
		if (m->disk.inodes[i].is_used && !m->disk.inodes[i].is_dir)
			volume_lose(&m->disk, i, &loss);
	volume_lose_names(&m->disk, &loss);
	volume_forget_unnamed(&m->disk);
	m->wall_base_us += DOWN_TIME_US;
	m->latest_rule = loss.rule;
}

_Noreturn static void
run_in_child(struct sim *sim, int64_t crash_at, sim_scenario *scenario, void *arg)
{
	struct sim_machine *m = sim->machine;
	struct test_counts before = test_counts();

	alarm(RUN_MAX_S);
	sim_process_begin(sim, crash_at);
	scenario(sim, arg);
	sim_process_end(sim);
	m->counts.n_held = test_counts().n_held - before.n_held;
	m->counts.n_missed = test_counts().n_missed - before.n_missed;
	m->has_ended = true;
	fflush(stdout);
	_exit(0);
}

enum sim_end
sim_run(struct sim *sim, int64_t crash_at, sim_scenario *scenario, void *arg)
{
	struct sim_machine *m = sim->machine;
	pid_t child;
	int status;

	insist(sim->process == NULL);
	m->power_dice += (uint64_t)crash_at * 0x9e3779b97f4a7c15;	/* each crash of a story loses in its own way */
	m->counts = (struct test_counts){ 0 };
	m->has_ended = m->has_crashed = false;
	fflush(stdout);
	child = fork();
	insist(child >= 0);
	if (child == 0)
		run_in_child(sim, crash_at, scenario, arg);
	if (waitpid(child, &status, 0) != child)
		abort();
	test_add_counts(m->counts);
	if (m->has_ended)
		return SIM_ENDED;
	if (m->has_crashed) {
		sim_power_cut(sim);
		return SIM_CRASHED;
	}
	test_add_counts((struct test_counts){ .n_missed = 1 });
	printf("# sim: the run did not end by itself: %s %d, last call #%lld %s, crash at %lld, seed %llu\n",
	    WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	    (long long)m->n_calls, m->last_call, (long long)crash_at, (unsigned long long)sim->options.seed);
	sim_power_cut(sim);
	return SIM_FAILED;
}

/* Live, crash, recover, check.  True if the crash came about. */
static bool
play(const struct sim_story *story, int64_t crash_at)
{
	struct sim *sim = sim_new(&story->options);
	struct test_counts before = test_counts();
	bool has_crashed = sim_run(sim, crash_at, story->live, story->arg) == SIM_CRASHED;
	char last_call[sizeof(sim->machine->last_call)];
	enum sim_rule rule = sim->machine->latest_rule;
	int64_t again = 0;

	if (!has_crashed && crash_at != 0) {	/* the story has fewer calls than that */
		sim_free(sim);
		return false;
	}
	strcpy(last_call, sim->machine->last_call);
	if (has_crashed && story->crashes_twice) {
		again = 1 + (int64_t)(sim_dice_roll(&sim->machine->power_dice) % 40);
		if (sim_run(sim, again, story->recover, story->arg) != SIM_CRASHED)
			again = 0;
	}
	if (story->recover != NULL)
		sim_run(sim, 0, story->recover, story->arg);
	if (story->check != NULL)
		story->check(sim, story->arg);
	if (test_counts().n_missed != before.n_missed)
		printf("# sim: so it was with seed %llu, crash at call %lld (%s), unsynced writes %s, recovery crashed at %lld\n",
		    (unsigned long long)story->options.seed, (long long)crash_at, last_call, rule_names[rule],
		    (long long)again);
	sim_free(sim);
	return has_crashed;
}

int64_t
sim_crash_everywhere(const struct sim_story *story)
{
	int every = story->every > 1 ? story->every : 1;
	uint64_t dice = story->options.seed ^ 0x65766572;
	int64_t n_crashes = 0;

	play(story, 0);
	for (int64_t at = 1 + (int64_t)(sim_dice_roll(&dice) % (uint64_t)every);;
	    at += every == 1 ? 1 : 1 + (int64_t)(sim_dice_roll(&dice) % (uint64_t)(2 * every - 1))) {
		struct test_counts before = test_counts();

		if (!play(story, at))
			break;
		n_crashes++;
		if (test_counts().n_missed > before.n_missed + 20) {
			printf("# sim: too much is broken to go on\n");
			break;
		}
	}
	return n_crashes;
}
