/*
 * mem.c - memory, or the end
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"

enum {
	/* What glibc keeps at hand for each thread (tcache) is no longer than this, and its calloc passes that by before 2.41. */
	AT_HAND_MAX_BYTES = 1032,
};

void *
mem_new(size_t n_bytes)
{
	return mem_new_array(1, n_bytes);
}

void *
mem_new_array(size_t n, size_t item_bytes)
{
	size_t n_bytes;
	void *memory;

	/* malloc(0) may give NULL, which callers are promised not to see. */
	if (!__builtin_mul_overflow(n, item_bytes, &n_bytes) && n_bytes <= AT_HAND_MAX_BYTES) {
		memory = malloc(n_bytes != 0 ? n_bytes : 1);
		insist(memory != NULL);
		__asm__("" : "+r" (memory));	/* or the compiler makes it a calloc */
		return memset(memory, 0, n_bytes);
	}
	memory = calloc(n, item_bytes);
	insist(memory != NULL);
	return memory;
}

void *
mem_resize_array(void *old, size_t n, size_t item_bytes)
{
	void *memory;

	if (n == 0 || item_bytes == 0) {
		free(old);
		return NULL;
	}
	memory = reallocarray(old, n, item_bytes);
	insist(memory != NULL);
	return memory;
}

void
mem_free(void *memory)
{
	free(memory);
}
