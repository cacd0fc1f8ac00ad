/*
 * mem.c - memory, or the end
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"

void *
mem_new(size_t n_bytes)
{
	return mem_new_array(1, n_bytes);
}

void *
mem_new_array(size_t n, size_t item_bytes)
{
	/* calloc(0) may give NULL, which callers are promised not to see. */
	void *memory = calloc(n != 0 ? n : 1, item_bytes != 0 ? item_bytes : 1);

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
