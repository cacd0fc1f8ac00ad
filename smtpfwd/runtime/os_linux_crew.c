/*
 * os_linux_crew.c - os.h on Linux: threads that block on a loop's behalf
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/os.h"

struct job_queue {			/* first in, first out */
	struct os_job	*first;
	struct os_job	**end;		/* where the next one is hung in */
};

struct os_crew {
	struct os_poller	*poller;	/* NULL: nobody to wake */
	pthread_mutex_t		 lock;		/* for what follows */
	pthread_cond_t		 has_work;
	struct job_queue	 todo, done;
	int			 n_asleep;	/* threads, with those that were just woken and do not run yet */
	bool			 is_ending;
	atomic_int		 n_done;	/* so that a look at an empty list takes no lock */

	int			 n_threads;
	const char		*name;		/* of the threads */
	pthread_t		 threads[];
};

static void
job_queue_put(struct job_queue *queue, struct os_job *job)
{
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
}

static struct os_job *
job_queue_take(struct job_queue *queue)
{
	struct os_job *job = queue->first;

	if (job != NULL) {
		queue->first = job->next;
		if (queue->first == NULL)
			queue->end = &queue->first;
		job->next = NULL;
	}
	return job;
}

static void *
crew_work(void *arg)
{
	struct os_crew *crew = arg;
	struct os_job *job;

	(void)pthread_setname_np(pthread_self(), crew->name);
	pthread_mutex_lock(&crew->lock);
	for (;;) {
		while ((job = job_queue_take(&crew->todo)) == NULL && !crew->is_ending) {
			crew->n_asleep++;
			pthread_cond_wait(&crew->has_work, &crew->lock);
			crew->n_asleep--;
		}
		if (job == NULL)
			break;
		pthread_mutex_unlock(&crew->lock);
		job->run(job);
		pthread_mutex_lock(&crew->lock);
		job_queue_put(&crew->done, job);
		atomic_fetch_add(&crew->n_done, 1);
		if (crew->poller == NULL)
			continue;
		/* Whoever wakes wants the lock, and finds it free. */
		pthread_mutex_unlock(&crew->lock);
		os_poller_wake(crew->poller);
		pthread_mutex_lock(&crew->lock);
	}
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

struct os_crew *
os_crew_new(struct os_poller *poller, int n_threads, const char *name)
{
	sigset_t all, before;
	struct os_crew *crew;
	int error = 0;

	insist(n_threads > 0);
	crew = mem_new(sizeof(*crew) + (size_t)n_threads * sizeof(crew->threads[0]));
	crew->poller = poller;
	crew->name = name;
	crew->todo.end = &crew->todo.first;
	crew->done.end = &crew->done.first;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->has_work, NULL);
	/* Signals are the loop thread's; a thread inherits the mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (crew->n_threads < n_threads && error == 0) {
		error = pthread_create(&crew->threads[crew->n_threads], NULL, crew_work, crew);
		if (error == 0)
			crew->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		os_crew_free(crew);
		return NULL;
	}
	return crew;
}

void
os_crew_free(struct os_crew *crew)
{
	if (crew == NULL)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->is_ending = true;
	pthread_cond_broadcast(&crew->has_work);
	pthread_mutex_unlock(&crew->lock);
	for (int i = 0; i < crew->n_threads; i++)
		pthread_join(crew->threads[i], NULL);
	pthread_cond_destroy(&crew->has_work);
	pthread_mutex_destroy(&crew->lock);
	mem_free(crew);
}

void
os_crew_submit(struct os_crew *crew, struct os_job *job)
{
	bool must_wake;

	pthread_mutex_lock(&crew->lock);
	insist(!crew->is_ending);
	job_queue_put(&crew->todo, job);
	must_wake = crew->n_asleep > 0;
	pthread_mutex_unlock(&crew->lock);
	if (must_wake)
		pthread_cond_signal(&crew->has_work);	/* without the lock, or who wakes would wait for it at once */
}

struct os_job *
os_crew_take_done(struct os_crew *crew)
{
	struct os_job *done;

	if (atomic_load(&crew->n_done) == 0)
		return NULL;
	pthread_mutex_lock(&crew->lock);
	done = crew->done.first;
	crew->done.first = NULL;
	crew->done.end = &crew->done.first;
	atomic_store(&crew->n_done, 0);
	pthread_mutex_unlock(&crew->lock);
	return done;
}
