/*
 * fiber_switch_ucontext.c - the switch by swapcontext, for machines without one in assembly
 *
 * Slower (it saves the signal mask by a system call) and 1 KB more on each stack.
 */
#include <stdint.h>
#include <ucontext.h>

#include "base/insist.h"
#include "smtpfwd/runtime/fiber_switch.h"

struct start {				/* at the top of a new stack */
	ucontext_t	 context;
	void		(*entry)(void *arg);
	void		*arg;
};

/* makecontext passes ints only, so the pointer comes in two halves. */
static void
begin(unsigned high, unsigned low)
{
	struct start *start = (struct start *)(uintptr_t)(((uint64_t)high << 32) | low);

	start->entry(start->arg);
	insist(!"an entry returned");
}

void
fiber_context_make(struct fiber_context *context_out, void *stack_low, size_t stack_bytes,
    void (*entry)(void *arg), void *arg)
{
	uintptr_t top = (uintptr_t)stack_low + stack_bytes;
	struct start *start;
	uint64_t address;

	insist(stack_bytes > 8192);
	start = (struct start *)((top - sizeof(*start)) & ~(uintptr_t)63);
	start->entry = entry;
	start->arg = arg;
	insist(getcontext(&start->context) == 0);
	start->context.uc_stack.ss_sp = stack_low;
	start->context.uc_stack.ss_size = (size_t)((uintptr_t)start - (uintptr_t)stack_low);
	start->context.uc_link = NULL;
	address = (uint64_t)(uintptr_t)start;
	makecontext(&start->context, (void (*)(void))(uintptr_t)begin, 2,
	    (unsigned)(address >> 32), (unsigned)address);
	context_out->place = &start->context;
}

void
fiber_context_switch(struct fiber_context *from, struct fiber_context *to)
{
	ucontext_t here;

	from->place = &here;
	insist(swapcontext(&here, to->place) == 0);
}
