/*
 * test_crew.c - jobs on other threads, and fibers that wait for them
 */
#include <stdatomic.h>
#include <unistd.h>

#include "base/list.h"
#include "smtpfwd/runtime/fiber.h"
#include "tests/expect.h"

enum { N_FIBERS = 200, N_JOBS = 20 };

struct scene {
	struct loop	*loop;
	struct os_crew	*crew;
	struct fiber	*fiber;
	int		 n_done;
	bool		 did_others_run;
	atomic_int	 order;
};

struct sum_job {
	struct os_job	 job;
	struct scene	*scene;
	int		 number;
	int		 square;
	int		 turn;
};

static void
square(struct os_job *job)
{
	struct sum_job *mine = LIST_ITEM(job, struct sum_job, job);

	mine->square = mine->number * mine->number;
	mine->turn = atomic_fetch_add(&mine->scene->order, 1);
}

static void
runs_jobs(void *arg)
{
	struct scene *s = arg;
	struct sum_job job;
	int n_right = 0;

	for (int i = 0; i < N_JOBS; i++) {
		job = (struct sum_job){ .job = { .run = square }, .scene = s, .number = i };
		fiber_run_on_crew(s->crew, &job.job);
		n_right += job.square == i * i;
	}
	if (n_right == N_JOBS)
		s->n_done++;
}

static void
test_jobs(int n_threads)
{
	struct scene s = { .n_done = 0 };

	test_case("%d fibers have jobs run by a crew of %d", N_FIBERS, n_threads);
	s.loop = loop_new(N_FIBERS, NULL);
	s.crew = os_crew_new(loop_poller(s.loop), n_threads, "test");
	for (int i = 0; i < N_FIBERS; i++)
		fiber_start(s.loop, "runs jobs", runs_jobs, &s);
	loop_run(s.loop);
	expect_int(s.n_done, N_FIBERS);
	os_crew_free(s.crew);
	loop_free(s.loop);
}

static void
dawdle(struct os_job *job)
{
	usleep(20000);
	square(job);
}

static void
waits_though_cancelled(void *arg)
{
	struct scene *s = arg;
	struct sum_job job = { .job = { .run = dawdle }, .scene = s, .number = 7 };

	fiber_run_on_crew(s->crew, &job.job);
	expect_int(job.square, 49);
	expect(s->did_others_run);
	expect_int(fiber_park(INSTANT_NEVER), WAKE_CANCELLED);
}

static void
cancels_and_wakes(void *arg)
{
	struct scene *s = arg;

	fiber_wake(s->fiber);
	fiber_cancel(s->fiber);
	s->did_others_run = true;
}

static void
test_cancel(void)
{
	struct scene s = { .n_done = 0 };

	test_case("a cancelled fiber waits for its job, and others run meanwhile");
	s.loop = loop_new(2, NULL);
	s.crew = os_crew_new(loop_poller(s.loop), 1, "test");
	s.fiber = fiber_start(s.loop, "waits", waits_though_cancelled, &s);
	fiber_start(s.loop, "cancels", cancels_and_wakes, &s);
	loop_run(s.loop);
	os_crew_free(s.crew);
	loop_free(s.loop);
}

static void
test_order(void)
{
	struct scene s = { .n_done = 0 };
	struct sum_job jobs[N_JOBS];
	struct os_job *done;
	int n = 0;

	test_case("a crew of one keeps the order, and its end waits for all jobs");
	s.crew = os_crew_new(NULL, 1, "test");
	for (int i = 0; i < N_JOBS; i++) {
		jobs[i] = (struct sum_job){ .job = { .run = square }, .scene = &s, .number = i };
		os_crew_submit(s.crew, &jobs[i].job);
	}
	while (atomic_load(&s.order) < N_JOBS / 2)
		usleep(100);
	for (done = os_crew_take_done(s.crew); done != NULL; done = done->next)
		expect(done == &jobs[n++].job);
	os_crew_free(s.crew);
	for (int i = 0; i < N_JOBS; i++)
		expect_int(jobs[i].turn, i);
}

int
main(void)
{
	test_jobs(1);
	test_jobs(4);
	test_cancel();
	test_order();
	return test_end();
}
