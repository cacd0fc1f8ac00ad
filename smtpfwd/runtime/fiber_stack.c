/*
 * fiber_stack.c - stacks with a guard page below, kept for the next fiber
 *
 * Only pages that were touched cost memory: a session that waits costs one.  Two areas of
 * addresses a stack; the kernel's default of 65,530 a process allows some 32,000 fibers.
 */
#include <stdint.h>
#include <sys/mman.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high)	0
#define VALGRIND_STACK_DEREGISTER(id)		((void)(id))
#endif

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/fiber_sanitize.h"
#include "smtpfwd/runtime/fiber_stack.h"

enum {
#ifdef FIBER_HAS_ASAN
	STACK_BYTES = 256 * 1024,	/* frames are far larger with the sanitizer's red zones */
#else
	STACK_BYTES = 128 * 1024,	/* deepest seen: 15 KB in a library, 13 KB in an RSA handshake */
#endif
	GUARD_BYTES = 4096 * 4,		/* no frame of ours reaches over it: -Wframe-larger-than=16384 */
	WARM_MAX = 64,			/* stacks whose pages are kept: 64 * 16 KB at most in practice */
	COLD_MAX = 1024,		/* stacks whose addresses are kept; the rest is unmapped */
	TRIM_KEEP_BYTES = 4096,		/* below the lowest address in use: red zone, signal frames */
	PAGE_BYTES = 4096,		/* granularity of trimming; larger pages make madvise refuse, which does no harm */
};

static struct fiber_stack *
fiber_stack_map(void)
{
	struct fiber_stack *stack;
	char *map;

	map = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	/* Huge pages would make each stack 2 MB. */
	(void)madvise(map, GUARD_BYTES + STACK_BYTES, MADV_NOHUGEPAGE);
	if (mprotect(map, GUARD_BYTES, PROT_NONE) != 0) {
		munmap(map, GUARD_BYTES + STACK_BYTES);
		return NULL;
	}
	stack = mem_new(sizeof(*stack));
	stack->low = map + GUARD_BYTES;
	stack->bytes = STACK_BYTES;
	stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->low, stack->low + stack->bytes);
	return stack;
}

static void
fiber_stack_unmap(struct fiber_stack *stack)
{
	char *map = stack->low - GUARD_BYTES;

	VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
	insist(munmap(map, GUARD_BYTES + STACK_BYTES) == 0);
	mem_free(stack);
}

struct fiber_stack *
fiber_stack_take(struct fiber_stack_pool *pool)
{
	struct fiber_stack *stack;

	if (pool->warm != NULL) {
		stack = pool->warm;
		pool->warm = stack->next;
		pool->n_warm--;
	} else if (pool->cold != NULL) {
		stack = pool->cold;
		pool->cold = stack->next;
		pool->n_cold--;
	} else {
		stack = fiber_stack_map();
		if (stack == NULL)
			return NULL;
	}
	stack->next = NULL;
	/* The last fiber left its frames' red zones behind; its end never returned through them. */
	fiber_sanitize_unpoison(stack->low, stack->bytes);
	return stack;
}

void
fiber_stack_give(struct fiber_stack_pool *pool, struct fiber_stack *stack)
{
	if (pool->n_warm < WARM_MAX) {
		stack->next = pool->warm;
		pool->warm = stack;
		pool->n_warm++;
	} else if (pool->n_cold < COLD_MAX) {
		fiber_sanitize_unpoison(stack->low, stack->bytes);
		(void)madvise(stack->low, stack->bytes, MADV_DONTNEED);
		stack->next = pool->cold;
		pool->cold = stack;
		pool->n_cold++;
	} else {
		fiber_stack_unmap(stack);
	}
}

void
fiber_stack_pool_fini(struct fiber_stack_pool *pool)
{
	struct fiber_stack *stack;

	while ((stack = pool->warm) != NULL) {
		pool->warm = stack->next;
		fiber_stack_unmap(stack);
	}
	while ((stack = pool->cold) != NULL) {
		pool->cold = stack->next;
		fiber_stack_unmap(stack);
	}
	pool->n_warm = pool->n_cold = 0;
}

void
fiber_stack_trim(const struct fiber_stack *stack, const void *used_low)
{
#ifdef FIBER_HAS_ASAN
	/* Locals may live outside of the stack there, and memory does not matter. */
	(void)stack;
	(void)used_low;
#else
	uintptr_t low = (uintptr_t)stack->low;
	uintptr_t high = ((uintptr_t)used_low - TRIM_KEEP_BYTES) & ~(uintptr_t)(PAGE_BYTES - 1);

	insist((uintptr_t)used_low > low && (uintptr_t)used_low < low + stack->bytes);
	if (high > low)
		(void)madvise(stack->low, high - low, MADV_DONTNEED);
#endif
}
