/*
 * fiber_stack.h - stacks with a guard page below, kept for the next fiber
 */
#ifndef RUNTIME_FIBER_STACK_H
#define RUNTIME_FIBER_STACK_H

#include <stdbool.h>
#include <stddef.h>

struct fiber_stack {
	struct fiber_stack	*next;	/* in the pool */
	char			*low;	/* first usable byte, above the guard page */
	size_t			 bytes;	/* usable, from low */
	unsigned		 valgrind_id;
};

struct fiber_stack_pool {
	struct fiber_stack	*warm, *cold;	/* cold: its memory was given back, but not its addresses */
	int			 n_warm, n_cold;
};

struct fiber_stack	*fiber_stack_take(struct fiber_stack_pool *pool);	/* NULL: no memory */
void			 fiber_stack_give(struct fiber_stack_pool *pool, struct fiber_stack *stack);
void			 fiber_stack_pool_fini(struct fiber_stack_pool *pool);

/* Gives back the pages of a stack that lie well below `used_low`, an address in it. */
void			 fiber_stack_trim(const struct fiber_stack *stack, const void *used_low);

#endif
