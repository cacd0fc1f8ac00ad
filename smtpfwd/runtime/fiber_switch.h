/*
 * fiber_switch.h - leaving one stack and going on with another
 *
 * Two bodies, chosen at link: assembly (fiber_switch_assembly.c with an .S file), and
 * ucontext for other machines.  Address sanitizers and pools are the caller's.
 */
#ifndef RUNTIME_FIBER_SWITCH_H
#define RUNTIME_FIBER_SWITCH_H

#include <stddef.h>

struct fiber_context {
	void	*place;			/* where on its own stack the rest is kept; at offset 0, the assembly knows */
};

/* A context that begins with entry(arg) on the given stack; entry must never return. */
void	fiber_context_make(struct fiber_context *context_out, void *stack_low, size_t stack_bytes,
	    void (*entry)(void *arg), void *arg);

/* Keeps where we are in *from, and goes on where *to was kept; returns when somebody switches back. */
void	fiber_context_switch(struct fiber_context *from, struct fiber_context *to);

#endif
