/*
 * fiber_switch_assembly.c - lays out a new stack as the switch in assembly would have left it
 */
#include <stdint.h>

#include "base/insist.h"
#include "smtpfwd/runtime/fiber_switch.h"

void	fiber_context_begin(void);	/* in the .S file; not to be called */

#if defined(__x86_64__)

struct frame {				/* as fiber_context_switch pushes it, lowest address first */
	uint32_t	 sse_control, x87_control;
	void		*r15, *r14, *r13, *r12, *rbx, *rbp;
	void		*return_to;
	void		*end[2];	/* zeroes: no caller; keeps the stack at a multiple of 16 */
};

static void
frame_fill(struct frame *frame, void (*entry)(void *arg), void *arg)
{
	*frame = (struct frame){
		.sse_control = 0x1f80,	/* all exceptions masked, round to nearest: the ABI's start values */
		.x87_control = 0x037f,
		.r13 = (void *)(uintptr_t)entry,
		.r12 = arg,
		.return_to = (void *)(uintptr_t)fiber_context_begin,
	};
}

_Static_assert(sizeof(struct frame) == 80, "fiber_switch_x86_64.S pops 64 bytes and begins at a multiple of 16");

#elif defined(__aarch64__)

struct frame {				/* as fiber_context_switch stores it, lowest address first */
	void		*x19, *x20, *x21_to_x28[8], *x29, *x30;
	uint64_t	 d8_to_d15[8];
	uint64_t	 fpcr;
	uint64_t	 unused;	/* keeps the stack at a multiple of 16 */
};

static void
frame_fill(struct frame *frame, void (*entry)(void *arg), void *arg)
{
	*frame = (struct frame){
		.x19 = arg,
		.x20 = (void *)(uintptr_t)entry,
		.x30 = (void *)(uintptr_t)fiber_context_begin,
	};
}

_Static_assert(sizeof(struct frame) == 176, "fiber_switch_aarch64.S pops 176 bytes");

#endif

void
fiber_context_make(struct fiber_context *context_out, void *stack_low, size_t stack_bytes,
    void (*entry)(void *arg), void *arg)
{
	uintptr_t top = ((uintptr_t)stack_low + stack_bytes) & ~(uintptr_t)15;
	struct frame *frame;

	insist(stack_bytes > 4096);
	frame = (struct frame *)(top - sizeof(*frame));
	frame_fill(frame, entry, arg);
	context_out->place = frame;
}
