/*
 * fiber.c - starting, suspending and waking fibers; when they run is for loop.c
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/fiber_sanitize.h"
#include "smtpfwd/runtime/loop_inside.h"

struct fiber *
fiber_self(void)
{
	struct loop *loop = loop_of_thread();

	return loop != NULL ? loop->current : NULL;
}

struct loop *
fiber_loop(void)
{
	insist(fiber_self() != NULL);
	return loop_of_thread();
}

bool
fiber_is_cancelled(void)
{
	insist(fiber_self() != NULL);
	return fiber_self()->is_cancelled;
}

static void
fiber_make_ready(struct fiber *fiber)
{
	insist(fiber->state == FIBER_PARKED || fiber->state == FIBER_RUNNING);
	fiber->state = FIBER_READY;
	list_append(&fiber->loop->ready, &fiber->link);
}

/*
 * Deadlines are lazy: most are never reached, and a session sets one for every read.  So
 * a wake leaves the alarm where it is, a later deadline does not move it, and an alarm
 * that rings early is set to the deadline that holds by then.
 */
static void
fiber_alarm_ring(struct timer *timer)
{
	struct fiber *fiber = HEAP_ITEM(&timer->room, struct fiber, alarm.room);

	if (fiber->state != FIBER_PARKED || fiber->is_on_crew)
		return;
	if (instant_is_before(fiber->loop->now, fiber->deadline)) {
		timer_set(fiber->loop, &fiber->alarm, fiber->deadline);
		return;
	}
	fiber_make_ready(fiber);
}

/* To the loop's own stack.  Comes back when the fiber is resumed; never, if it has ended. */
static void
fiber_leave(struct fiber *fiber)
{
	struct loop *loop = fiber->loop;

	fiber_sanitize_leave(fiber->state == FIBER_ENDED ? NULL : &fiber->sanitizer_keep,
	    loop->own_stack_low, loop->own_stack_bytes);
	fiber_context_switch(&fiber->context, &loop->context);
	fiber_sanitize_arrive(fiber->sanitizer_keep, &loop->own_stack_low, &loop->own_stack_bytes);
}

/* The first function on a fiber's stack. */
static void
fiber_begin(void *arg)
{
	struct fiber *fiber = arg;

	fiber_sanitize_arrive(NULL, &fiber->loop->own_stack_low, &fiber->loop->own_stack_bytes);
	fiber->run(fiber->arg);
	fiber->state = FIBER_ENDED;
	fiber_leave(fiber);
	insist(!"an ended fiber ran again");
}

static void
fiber_end(struct loop *loop, struct fiber *fiber)
{
	timer_clear(loop, &fiber->alarm);
	fiber_stack_give(&loop->stacks, fiber->stack);
	fiber->stack = NULL;
	fiber->name = "ended";
	list_append(&loop->ended, &fiber->link);
	loop->n_fibers--;
}

void
fiber_resume(struct loop *loop, struct fiber *fiber)
{
	insist(loop->current == NULL);
	insist(fiber->state == FIBER_READY);
	fiber->state = FIBER_RUNNING;
	fiber->n_unparked = 0;
	loop->current = fiber;
	fiber_sanitize_leave(&loop->sanitizer_keep, fiber->stack->low, fiber->stack->bytes);
	fiber_context_switch(&loop->context, &fiber->context);
	fiber_sanitize_arrive(loop->sanitizer_keep, &(const void *){ NULL }, &(size_t){ 0 });
	loop->current = NULL;
	if (fiber->state == FIBER_ENDED)
		fiber_end(loop, fiber);
}

struct fiber *
fiber_start(struct loop *loop, const char *name, void (*run)(void *arg), void *arg)
{
	struct fiber_stack *stack;
	struct fiber *fiber;

	if (loop->n_fibers >= loop->max_fibers)
		return NULL;
	stack = fiber_stack_take(&loop->stacks);
	if (stack == NULL)
		return NULL;
	fiber = loop->ended.n > FIBER_ENDED_KEPT
	    ? LIST_ITEM(list_take_first(&loop->ended), struct fiber, link) : mem_new(sizeof(*fiber));
	*fiber = (struct fiber){
		.loop = loop,
		.name = name,
		.run = run,
		.arg = arg,
		.stack = stack,
		.alarm = { .ring = fiber_alarm_ring },
		.deadline = INSTANT_NEVER,
		.state = FIBER_PARKED,
	};
	fiber_context_make(&fiber->context, stack->low, stack->bytes, fiber_begin, fiber);
	loop->n_fibers++;
	fiber_make_ready(fiber);
	return fiber;
}

static void
fiber_suspend(struct fiber *fiber, struct instant deadline)
{
	struct heap_item *alarm = &fiber->alarm.room;

	fiber->deadline = deadline;
	if (deadline.ns != INSTANT_NEVER.ns && (!heap_has(alarm) || alarm->key > deadline.ns))
		timer_set(fiber->loop, &fiber->alarm, deadline);
	fiber->state = FIBER_PARKED;
	fiber_leave(fiber);
}

enum wake
fiber_park(struct instant deadline)
{
	struct fiber *fiber = fiber_self();

	insist(fiber != NULL);
	if (!fiber->is_cancelled && !fiber->has_wake && instant_is_before(fiber->loop->now, deadline))
		fiber_suspend(fiber, deadline);
	if (fiber->is_cancelled)
		return WAKE_CANCELLED;
	if (fiber->has_wake) {
		fiber->has_wake = false;
		return WAKE_READY;
	}
	return WAKE_TIMED_OUT;
}

void
fiber_wake(struct fiber *fiber)
{
	insist(fiber->state != FIBER_ENDED);
	insist(fiber->loop == loop_of_thread() || !fiber->loop->is_running);
	fiber->has_wake = true;
	if (fiber->state == FIBER_PARKED && !fiber->is_on_crew)
		fiber_make_ready(fiber);
}

void
fiber_cancel(struct fiber *fiber)
{
	insist(fiber->state != FIBER_ENDED);
	insist(fiber->loop == loop_of_thread() || !fiber->loop->is_running);
	fiber->is_cancelled = true;
	if (fiber->state == FIBER_PARKED && !fiber->is_on_crew)
		fiber_make_ready(fiber);
}

void
fiber_yield(void)
{
	struct fiber *fiber = fiber_self();

	insist(fiber != NULL);
	fiber_make_ready(fiber);
	fiber_leave(fiber);
}

void
fiber_breathe(void)
{
	struct fiber *fiber = fiber_self();

	insist(fiber != NULL);
	if (++fiber->n_unparked >= FIBER_UNPARKED_MAX)
		fiber_yield();
}

enum wake
fiber_sleep(struct instant until)
{
	bool was_woken = false;
	enum wake wake;

	if (!instant_is_before(fiber_loop()->now, until) && !fiber_is_cancelled())
		fiber_yield();		/* so that a loop of sleeps in the past starves nobody */
	while ((wake = fiber_park(until)) == WAKE_READY)
		was_woken = true;
	if (was_woken)
		fiber_self()->has_wake = true;
	return wake;
}

void
fiber_trim_stack(void)
{
	struct fiber *fiber = fiber_self();

	insist(fiber != NULL);
	fiber_stack_trim(fiber->stack, __builtin_frame_address(0));
}

/* --- jobs of a crew --- */

struct fiber_job {			/* on the stack of the fiber that waits for it */
	struct os_job	 job;
	struct os_job	*inner;
	struct fiber	*fiber;
	bool		 is_done;
};

static void
fiber_job_run(struct os_job *job)
{
	struct fiber_job *mine = LIST_ITEM(job, struct fiber_job, job);

	mine->inner->run(mine->inner);
}

void
fiber_job_done(struct os_job *job)
{
	struct fiber_job *mine = LIST_ITEM(job, struct fiber_job, job);

	insist(job->run == fiber_job_run);	/* else it was submitted past fiber_run_on_crew */
	mine->is_done = true;
	mine->fiber->is_on_crew = false;
	fiber_make_ready(mine->fiber);
}

static struct loop_crew *
loop_find_crew(struct loop *loop, struct os_crew *crew)
{
	for (int i = 0; i < loop->n_crews; i++) {
		if (loop->crews[i].crew == crew)
			return &loop->crews[i];
	}
	insist(loop->n_crews < LOOP_CREWS_MAX);
	loop->crews[loop->n_crews] = (struct loop_crew){ .crew = crew };
	return &loop->crews[loop->n_crews++];
}

void
fiber_run_on_crew(struct os_crew *crew, struct os_job *job)
{
	struct fiber *fiber = fiber_self();
	struct fiber_job mine = {
		.job = { .run = fiber_job_run },
		.inner = job,
		.fiber = fiber,
	};

	insist(fiber != NULL);
	loop_find_crew(fiber->loop, crew)->n_jobs++;
	fiber->is_on_crew = true;
	os_crew_submit(crew, &mine.job);
	fiber_suspend(fiber, INSTANT_NEVER);
	insist(mine.is_done);
}

struct crew_call {
	struct os_job	 job;
	int	       (*call)(void *context, struct fault *fault_out);
	void		*context;
	struct fault	*fault_out;
	int		 status;
};

static void
crew_call_run(struct os_job *job)
{
	struct crew_call *call = LIST_ITEM(job, struct crew_call, job);

	call->status = call->call(call->context, call->fault_out);
}

int
fiber_call_on_crew(struct os_crew *crew, int (*call)(void *context, struct fault *fault_out), void *context,
    struct fault *fault_out)
{
	struct crew_call mine = { .job.run = crew_call_run, .call = call, .context = context, .fault_out = fault_out };

	if (crew == NULL)
		return call(context, fault_out);
	fiber_run_on_crew(crew, &mine.job);
	return mine.status;
}

struct elsewhere_work {
	struct os_job	 job;
	void	       (*work)(void *arg);
	void		*arg;
};

static void
elsewhere_work_run(struct os_job *job)
{
	struct elsewhere_work *mine = LIST_ITEM(job, struct elsewhere_work, job);

	mine->work(mine->arg);
}

static void
fiber_elsewhere_run(struct elsewhere *elsewhere, void (*work)(void *arg), void *arg)
{
	struct fiber_elsewhere *mine = LIST_ITEM(elsewhere, struct fiber_elsewhere, elsewhere);
	struct elsewhere_work job = { .job.run = elsewhere_work_run, .work = work, .arg = arg };

	mine->n_uses++;
	if (mine->crew != NULL)
		fiber_run_on_crew(mine->crew, &job.job);
	else
		work(arg);
}

void
fiber_elsewhere_init(struct fiber_elsewhere *elsewhere, struct os_crew *crew)
{
	*elsewhere = (struct fiber_elsewhere){ .elsewhere.run = fiber_elsewhere_run, .crew = crew };
}
