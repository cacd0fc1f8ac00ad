/*
 * sim_crew.c - jobs of a crew, run on the one thread there is, at moments the seed chooses
 *
 * A job waits, runs all at once, and is said to be done some time later: what it did to
 * the disk is there before its loop hears of it, as with a real thread.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "tests/sim/sim_world.h"

struct turn {				/* of one job */
	struct sim_due	 due;
	struct list_link link;
	struct os_crew	*crew;
	struct os_job	*job;
	int64_t		 ends_ns;
	bool		 has_run;
};

struct os_crew {
	struct list_link link;		/* in process->crews */
	struct os_poller *poller;
	int		 n_threads;
	int64_t		*free_at_ns;	/* when each thread is done with what it has */
	struct list	 turns;		/* struct turn */
	struct os_job	*done, **done_end;
};

struct os_crew *
os_crew_new(struct os_poller *poller, int n_threads, const char *name)
{
	struct os_crew *crew = mem_new(sizeof(*crew));

	(void)name;
	insist(n_threads > 0);
	crew->poller = poller;
	crew->n_threads = n_threads;
	crew->free_at_ns = mem_new_array((size_t)n_threads, sizeof(crew->free_at_ns[0]));
	list_init(&crew->turns);
	crew->done_end = &crew->done;
	list_append(&sim_world()->crews, &crew->link);
	return crew;
}

void
sim_set_job_max(struct sim *sim, struct span job_max)
{
	insist(job_max.ns >= 2);
	sim->options.job_max = job_max;
}

static int64_t
some_time(void)
{
	return 1 + (int64_t)sim_world_dice(DICE_JOBS, (uint64_t)sim_world()->sim->options.job_max.ns / 2);
}

/* Happens twice: when the job runs, and when it is done. */
static void
turn_happens(struct sim_due *due)
{
	struct turn *turn = HEAP_ITEM(&due->room, struct turn, due.room);
	struct os_crew *crew = turn->crew;
	struct sim_process *p = sim_world();

	if (!turn->has_run) {
		turn->has_run = true;
		sim_world_call("job starts", "", 0, 0);
		p->n_jobs_running++;
		turn->job->run(turn->job);
		p->n_jobs_running--;
		sim_due_at(due, turn->ends_ns);
		return;
	}
	sim_world_call("job is done", "", 0, 0);
	turn->job->next = NULL;
	*crew->done_end = turn->job;
	crew->done_end = &turn->job->next;
	list_remove(&crew->turns, &turn->link);
	mem_free(turn);
	if (crew->poller != NULL)
		os_poller_wake(crew->poller);
}

void
os_crew_submit(struct os_crew *crew, struct os_job *job)
{
	struct turn *turn = mem_new(sizeof(*turn));
	int64_t now_ns = sim_world()->now_ns, starts_ns, *free_at_ns = &crew->free_at_ns[0];

	for (int i = 1; i < crew->n_threads; i++)
		if (crew->free_at_ns[i] < *free_at_ns)
			free_at_ns = &crew->free_at_ns[i];
	starts_ns = (*free_at_ns > now_ns ? *free_at_ns : now_ns) + some_time();
	*free_at_ns = turn->ends_ns = starts_ns + some_time();
	turn->due.happen = turn_happens;
	turn->crew = crew;
	turn->job = job;
	list_append(&crew->turns, &turn->link);
	sim_world_trace("submit", "", starts_ns, turn->ends_ns);
	sim_due_at(&turn->due, starts_ns);
}

struct os_job *
os_crew_take_done(struct os_crew *crew)
{
	struct os_job *done = crew->done;

	crew->done = NULL;
	crew->done_end = &crew->done;
	return done;
}

static void
crew_drop(struct os_crew *crew)
{
	struct list_link *link;

	while ((link = list_take_first(&crew->turns)) != NULL)
		mem_free(LIST_ITEM(link, struct turn, link));
	list_remove(&sim_world()->crews, &crew->link);
	mem_free(crew->free_at_ns);
	mem_free(crew);
}

void
os_crew_free(struct os_crew *crew)
{
	int64_t end_ns = 0;

	if (sim_world()->n_jobs_running != 0)
		sim_world_misused("a crew's job frees a crew");
	for (int i = 0; i < crew->n_threads; i++)
		if (crew->free_at_ns[i] > end_ns)
			end_ns = crew->free_at_ns[i];
	if (!list_is_empty(&crew->turns))
		sim_clock_run_until(end_ns);
	insist(list_is_empty(&crew->turns));
	crew_drop(crew);
}

void
sim_crews_free(struct sim_process *p)
{
	while (!list_is_empty(&p->crews))
		crew_drop(LIST_ITEM(list_first(&p->crews), struct os_crew, link));
}
