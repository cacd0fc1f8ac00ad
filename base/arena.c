/*
 * arena.c - memory that dies together: blocks of growing size, cut from the front
 */
#include <stdarg.h>
#include <stdalign.h>

#include "base/arena.h"
#include "base/format.h"
#include "base/mem.h"

enum {
	BLOCK_FIRST_BYTES = 1000,	/* an idle session's arena stays small */
	BLOCK_MAX_BYTES = 64000,	/* later blocks double up to this; beyond, waste outgrows the gain */
};

struct arena_block {
	struct arena_block	*older;
	size_t			 used;		/* bytes of room in use */
	size_t			 cap;
	alignas(max_align_t) char room[];
};

void
arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

void
arena_fini(struct arena *a)
{
	struct arena_block *block = a->blocks;

	while (block != NULL) {
		struct arena_block *older = block->older;

		mem_free(block);
		block = older;
	}
	arena_init(a, a->max_bytes);
}

/* A new block with room for n bytes at least; what is left in the one before is given up. */
static struct arena_block *
add_block(struct arena *a, size_t n_bytes)
{
	struct arena_block *block;
	size_t cap = a->blocks != NULL ? a->blocks->cap * 2 : BLOCK_FIRST_BYTES;

	if (cap > BLOCK_MAX_BYTES)
		cap = BLOCK_MAX_BYTES;
	if (cap < n_bytes)
		cap = n_bytes;
	block = mem_resize_array(NULL, sizeof(*block) + cap, 1);	/* zeroed as it is given out */
	*block = (struct arena_block){ .older = a->blocks, .cap = cap };
	a->blocks = block;
	return block;
}

/* Not zeroed. */
static char *
take(struct arena *a, size_t n_bytes)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *block = a->blocks;
	size_t n_rounded;
	char *memory;

	if (n_bytes == 0)
		n_bytes = 1;
	if (n_bytes > a->max_bytes - a->used_bytes)
		return NULL;
	n_rounded = (n_bytes + align - 1) / align * align;
	if (n_rounded < n_bytes)
		return NULL;
	if (block == NULL || block->cap - block->used < n_rounded)
		block = add_block(a, n_rounded);
	memory = block->room + block->used;
	block->used += n_rounded;
	/* The limit is reached at the limit, not a rounding before it. */
	a->used_bytes += n_rounded > a->max_bytes - a->used_bytes ? n_bytes : n_rounded;
	return memory;
}

void *
arena_alloc(struct arena *a, size_t n_bytes)
{
	char *memory = take(a, n_bytes);

	return memory != NULL ? memset(memory, 0, n_bytes != 0 ? n_bytes : 1) : NULL;
}

void *
arena_array(struct arena *a, size_t n, size_t item_bytes)
{
	size_t n_bytes;

	if (__builtin_mul_overflow(n, item_bytes, &n_bytes))
		return NULL;
	return arena_alloc(a, n_bytes);
}

bool
arena_copy(struct arena *a, struct str s, struct str *copy_out)
{
	char *room;

	if (s.len == SIZE_MAX)
		return false;
	room = take(a, s.len + 1);
	if (room == NULL)
		return false;
	if (s.len != 0)
		memcpy(room, s.at, s.len);
	room[s.len] = '\0';
	*copy_out = str_n(room, s.len);
	return true;
}

bool
arena_printf(struct arena *a, struct str *text_out, const char *format, ...)
{
	va_list args;
	char *room;
	int printed;

	va_start(args, format);
	printed = format_vtext(NULL, 0, format, args);
	va_end(args);
	if (printed < 0)
		return false;
	room = take(a, (size_t)printed + 1);
	if (room == NULL)
		return false;
	va_start(args, format);
	format_vtext(room, (size_t)printed + 1, format, args);
	va_end(args);
	*text_out = str_n(room, (size_t)printed);
	return true;
}
