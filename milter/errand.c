/*
 * errand.c - work that threads give to the loop
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "milter/errand.h"

enum { LONG_MS = 2 };			/* what is in the resolver's cache is there by then */

struct errands {
	struct resolver		 door;		/* first: it is cast back */
	struct resolver		*below;
	struct loop		*loop;
	int			 bell;		/* an eventfd: there is something new in what follows */
	struct watch		 bell_watch;
	struct list		 running;	/* of struct running; the loop's thread alone looks at it */
	bool			 is_watched;
	void			(*on_wait)(void *context);	/* or NULL */
	void			*on_wait_context;

	pthread_mutex_t		 lock;		/* of all below */
	struct errand		*first, **last;	/* not yet taken */
	int			 n;		/* taken or not */
	bool			 is_stopping;
};

struct running {			/* on the fiber's stack */
	struct list_link	 link;
	struct fiber		*fiber;
};

/* --- in the threads that have errands --- */

static void
ring(struct errands *errands)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(errands->bell, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	/* EAGAIN: it rings since long. */
}

void
errand_start(struct errands *errands, struct errand *errand)
{
	errand->owner = errands;
	pthread_mutex_init(&errand->lock, NULL);
	pthread_cond_init(&errand->changed, NULL);
	pthread_mutex_lock(&errands->lock);
	if (errands->n == ERRANDS_MAX || errands->is_stopping) {
		errand->is_refused = errand->is_done = true;
	} else {
		bool rings = errands->first != NULL;	/* since one came that is not yet taken */

		errands->n++;
		*errands->last = errand;
		errands->last = &errand->next;
		if (!rings)
			ring(errands);
	}
	pthread_mutex_unlock(&errands->lock);
}

/* With the errand's lock. */
static void
wait_a_moment(struct errand *errand)
{
	const struct errands *errands = errand->owner;
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LONG_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!errand->is_done && error == 0)
		error = pthread_cond_clockwait(&errand->changed, &errand->lock, CLOCK_MONOTONIC, &until);
	if (errand->is_done)
		return;
	pthread_mutex_unlock(&errand->lock);
	errands->on_wait(errands->on_wait_context);
	pthread_mutex_lock(&errand->lock);
}

bool
errand_wait(struct errand *errand)
{
	bool is_refused;

	pthread_mutex_lock(&errand->lock);
	if (!errand->is_done && errand->owner->on_wait != NULL)
		wait_a_moment(errand);
	while (!errand->is_done)
		pthread_cond_wait(&errand->changed, &errand->lock);
	is_refused = errand->is_refused;
	pthread_mutex_unlock(&errand->lock);
	return !is_refused;
}

static void
fini(struct errand *errand)
{
	pthread_cond_destroy(&errand->changed);
	pthread_mutex_destroy(&errand->lock);
}

bool
errand_forget(struct errand *errand)
{
	bool is_done;

	pthread_mutex_lock(&errand->lock);
	is_done = errand->is_done;
	errand->is_forgotten = true;
	pthread_mutex_unlock(&errand->lock);
	if (is_done)
		fini(errand);
	return is_done;
}

void
errands_on_wait(struct errands *errands, void (*call)(void *context), void *context)
{
	errands->on_wait = call;
	errands->on_wait_context = context;
}

/* --- in the loop's thread --- */

static void
check_end(struct errands *errands, int n_ended)
{
	bool is_over;

	pthread_mutex_lock(&errands->lock);
	errands->n -= n_ended;
	is_over = errands->is_stopping && errands->n == 0;
	pthread_mutex_unlock(&errands->lock);
	if (is_over && errands->is_watched) {
		loop_unwatch(errands->loop, errands->bell, &errands->bell_watch);
		errands->is_watched = false;
	}
}

static void
finish(struct errand *errand, bool is_refused)
{
	struct errands *errands = errand->owner;
	bool is_forgotten;

	pthread_mutex_lock(&errand->lock);
	errand->is_refused = is_refused;
	errand->is_done = true;
	is_forgotten = errand->is_forgotten;
	if (!is_forgotten)
		pthread_cond_signal(&errand->changed);	/* behind the unlock the errand may be gone */
	pthread_mutex_unlock(&errand->lock);
	if (is_forgotten) {
		fini(errand);
		errand->end(errand);
	}
	check_end(errands, 1);
}

static void
run(void *arg)
{
	struct errand *errand = arg;
	struct errands *errands = errand->owner;
	struct running running = { .fiber = fiber_self() };

	list_append(&errands->running, &running.link);
	errand->run(errand);
	list_remove(&errands->running, &running.link);
	finish(errand, fiber_is_cancelled());
}

static struct errand *
take(struct errands *errands)
{
	struct errand *first;

	pthread_mutex_lock(&errands->lock);
	first = errands->first;
	errands->first = NULL;
	errands->last = &errands->first;
	pthread_mutex_unlock(&errands->lock);
	return first;
}

static void
hear_bell(struct watch *watch, unsigned what)
{
	struct errands *errands = (struct errands *)(void *)((char *)watch - offsetof(struct errands, bell_watch));
	bool are_stopped = errands_are_stopped(errands);
	uint64_t count;

	(void)what;
	if (read(errands->bell, &count, sizeof(count)) < 0)
		return;
	for (struct errand *errand = take(errands), *next; errand != NULL; errand = next) {
		next = errand->next;	/* one that is done is gone */
		if (are_stopped || fiber_start(errands->loop, "errand", run, errand) == NULL)
			finish(errand, true);
	}
}

/* --- the resolver --- */

struct question {			/* an errand: one call of dns_ask */
	struct errand			 errand;
	const struct dns_question	*questions;
	int				 n_questions;
	struct instant			 deadline;
	struct arena			*arena;
	struct dns_answer		*answers;
};

static void
ask_below(struct errand *errand)
{
	struct question *question = (struct question *)(void *)errand;

	dns_ask(errand->owner->below, question->questions, question->n_questions, question->deadline, question->arena, question->answers);
}

static void
unsettle(struct dns_answer *answers, int n, const char *why)
{
	for (int i = 0; i < n; i++) {
		answers[i] = (struct dns_answer){ .result = DNS_UNSETTLED };
		strncpy(answers[i].why, why, sizeof(answers[i].why) - 1);
	}
}

static void
ask(struct resolver *door, const struct dns_question *questions, int n_questions, struct instant deadline, struct arena *arena,
    struct dns_answer *answers_out)
{
	struct errands *errands = (struct errands *)(void *)door;
	struct question question = { .errand.run = ask_below, .questions = questions, .n_questions = n_questions, .deadline = deadline,
	    .arena = arena, .answers = answers_out };

	if (n_questions == 0)
		return;
	if (fiber_self() != NULL) {
		dns_ask(errands->below, questions, n_questions, deadline, arena, answers_out);
		return;
	}
	errand_start(errands, &question.errand);
	if (!errand_wait(&question.errand))
		unsettle(answers_out, n_questions, "too many ask at once");
	(void)errand_forget(&question.errand);
}

struct resolver *
errands_resolver(struct errands *errands, struct resolver *below)
{
	errands->below = below;
	return &errands->door;
}

/* --- begin and end --- */

struct errands *
errands_new(struct loop *loop, struct fault *fault_out)
{
	struct errands *errands = mem_new(sizeof(*errands));
	int error;

	*errands = (struct errands){ .door.ask = ask, .loop = loop, .bell_watch.notice = hear_bell };
	errands->last = &errands->first;
	list_init(&errands->running);
	pthread_mutex_init(&errands->lock, NULL);
	errands->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	error = errands->bell < 0 ? -errno : loop_watch(loop, errands->bell, &errands->bell_watch);
	if (error == 0) {
		errands->is_watched = true;
		return errands;
	}
	fault_temporary(fault_out, "an eventfd: %s", strerror(-error));
	errands_free(errands);
	return NULL;
}

void
errands_stop(struct errands *errands)
{
	pthread_mutex_lock(&errands->lock);
	errands->is_stopping = true;
	pthread_mutex_unlock(&errands->lock);
	LIST_EACH(link, &errands->running)
		fiber_cancel(LIST_ITEM(link, struct running, link)->fiber);
	check_end(errands, 0);
}

bool
errands_are_stopped(struct errands *errands)
{
	bool are_stopped;

	pthread_mutex_lock(&errands->lock);
	are_stopped = errands->is_stopping;
	pthread_mutex_unlock(&errands->lock);
	return are_stopped;
}

void
errands_free(struct errands *errands)
{
	if (errands == NULL)
		return;
	if (errands->bell >= 0)
		close(errands->bell);
	pthread_mutex_destroy(&errands->lock);
	mem_free(errands);
}
