/*
 * resolver.c - a struct resolver for threads that block: one loop in a thread of its own asks for all of them
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "milter/resolver.h"

struct wait {				/* one call of dns_ask, on the stack of its thread until is_done */
	struct wait			*next;
	struct thread_resolver		*owner;
	const struct dns_question	*questions;
	int				 n_questions;
	struct instant			 deadline;
	struct arena			*arena;
	struct dns_answer		*answers;
	pthread_cond_t			 changed;
	bool				 is_done;
};

struct thread_resolver {
	struct resolver		 door;		/* first: it is cast back */
	struct resolver_source	 source;
	struct resolver		*below;
	struct loop		*loop;
	pthread_t		 thread;
	int			 bell;		/* an eventfd: there is something new in what follows */
	struct watch		 bell_watch;
	struct fiber		*server;	/* takes the waits; the loop's thread alone looks at it */

	pthread_mutex_t		 lock;		/* of all below, and of each wait's is_done */
	struct wait		*first, **last;	/* not yet taken */
	int			 n_waits;	/* taken or not */
	bool			 is_stopping;
};

static void
unsettle(struct dns_answer *answers, int n, const char *why)
{
	for (int i = 0; i < n; i++) {
		answers[i] = (struct dns_answer){ .result = DNS_UNSETTLED };
		strncpy(answers[i].why, why, sizeof(answers[i].why) - 1);
	}
}

/* --- in the threads that ask --- */

static void
ring(struct thread_resolver *resolver)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(resolver->bell, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	/* EAGAIN: it rings since long. */
}

static void
ask_and_block(struct resolver *door, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct thread_resolver *resolver = (struct thread_resolver *)(void *)door;
	struct wait wait = { .owner = resolver, .questions = questions, .n_questions = n_questions, .deadline = deadline,
	    .arena = arena, .answers = answers_out };

	if (n_questions == 0)
		return;
	pthread_mutex_lock(&resolver->lock);
	insist(!resolver->is_stopping);
	if (resolver->n_waits == THREAD_RESOLVER_WAITS_MAX) {
		pthread_mutex_unlock(&resolver->lock);
		unsettle(answers_out, n_questions, "too many ask at once");
		return;
	}
	pthread_cond_init(&wait.changed, NULL);
	resolver->n_waits++;
	*resolver->last = &wait;
	resolver->last = &wait.next;
	ring(resolver);
	while (!wait.is_done)
		pthread_cond_wait(&wait.changed, &resolver->lock);
	pthread_mutex_unlock(&resolver->lock);
	pthread_cond_destroy(&wait.changed);
}

/* --- in the loop's thread --- */

static void
finish(struct wait *wait)
{
	struct thread_resolver *resolver = wait->owner;

	pthread_mutex_lock(&resolver->lock);
	resolver->n_waits--;
	wait->is_done = true;
	pthread_cond_signal(&wait->changed);	/* behind the unlock the wait may be gone */
	pthread_mutex_unlock(&resolver->lock);
}

static void
answer(void *arg)
{
	struct wait *wait = arg;
	struct thread_resolver *resolver = wait->owner;

	dns_ask(resolver->below, wait->questions, wait->n_questions, wait->deadline, wait->arena, wait->answers);
	finish(wait);
	fiber_wake(resolver->server);
}

static void
hear_bell(struct watch *watch, unsigned what)
{
	struct thread_resolver *resolver = (struct thread_resolver *)(void *)((char *)watch - offsetof(struct thread_resolver, bell_watch));
	uint64_t count;

	(void)what;
	if (read(resolver->bell, &count, sizeof(count)) > 0)
		fiber_wake(resolver->server);
}

/* What came since; *is_over_out: nothing is open, and nothing will come. */
static struct wait *
take(struct thread_resolver *resolver, bool *is_over_out)
{
	struct wait *first;

	pthread_mutex_lock(&resolver->lock);
	first = resolver->first;
	resolver->first = NULL;
	resolver->last = &resolver->first;
	*is_over_out = resolver->is_stopping && resolver->n_waits == 0;
	pthread_mutex_unlock(&resolver->lock);
	return first;
}

static void
serve(void *arg)
{
	struct thread_resolver *resolver = arg;
	bool is_over;

	for (;;) {
		struct wait *next;

		for (struct wait *wait = take(resolver, &is_over); wait != NULL; wait = next) {
			next = wait->next;	/* a wait that is done is gone */
			if (fiber_start(resolver->loop, "asking", answer, wait) != NULL)
				continue;
			unsettle(wait->answers, wait->n_questions, "there is no memory to ask with");
			finish(wait);
			fiber_wake(resolver->server);	/* look again whether all is over */
		}
		if (is_over)
			break;
		fiber_park(INSTANT_NEVER);
	}
	loop_unwatch(resolver->loop, resolver->bell, &resolver->bell_watch);
}

static void *
run(void *arg)
{
	struct thread_resolver *resolver = arg;

	loop_run(resolver->loop);	/* until no fiber is left: serve is the last */
	return NULL;
}

/* --- begin and end --- */

struct resolver *
thread_resolver_door(struct thread_resolver *resolver)
{
	return &resolver->door;
}

static void
free_parts(struct thread_resolver *resolver)
{
	if (resolver->below != NULL)
		resolver->source.close(resolver->below);
	if (resolver->loop != NULL)
		loop_free(resolver->loop);
	if (resolver->bell >= 0)
		close(resolver->bell);
	pthread_mutex_destroy(&resolver->lock);
	mem_free(resolver);
}

/* 0, or -1 and a fault; the thread runs at the end of it. */
static int
start(struct thread_resolver *resolver, struct fault *fault_out)
{
	int error;

	resolver->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (resolver->bell < 0)
		return fault_temporary(fault_out, "eventfd: %s", strerror(errno));
	resolver->loop = loop_new(THREAD_RESOLVER_WAITS_MAX + 1, fault_out);
	if (resolver->loop == NULL)
		return -1;
	resolver->below = resolver->source.open(resolver->source.context, resolver->loop, fault_out);
	if (resolver->below == NULL)
		return -1;
	error = loop_watch(resolver->loop, resolver->bell, &resolver->bell_watch);
	if (error != 0)
		return fault_temporary(fault_out, "cannot watch an eventfd: %s", strerror(-error));
	resolver->server = fiber_start(resolver->loop, "questions", serve, resolver);
	insist(resolver->server != NULL);	/* a loop's first; without memory at the start there is no going on */
	error = pthread_create(&resolver->thread, NULL, run, resolver);
	insist(error == 0);			/* the same */
	return 0;
}

struct thread_resolver *
thread_resolver_new(const struct resolver_source *source, struct fault *fault_out)
{
	struct thread_resolver *resolver = mem_new(sizeof(*resolver));

	resolver->door.ask = ask_and_block;
	resolver->source = *source;
	resolver->bell = -1;
	resolver->bell_watch.notice = hear_bell;
	resolver->last = &resolver->first;
	pthread_mutex_init(&resolver->lock, NULL);
	if (start(resolver, fault_out) == 0)
		return resolver;
	free_parts(resolver);
	return NULL;
}

void
thread_resolver_free(struct thread_resolver *resolver)
{
	if (resolver == NULL)
		return;
	pthread_mutex_lock(&resolver->lock);
	resolver->is_stopping = true;
	ring(resolver);
	pthread_mutex_unlock(&resolver->lock);
	pthread_join(resolver->thread, NULL);
	insist(resolver->n_waits == 0);
	free_parts(resolver);
}
