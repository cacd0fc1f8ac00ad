/*
 * octets.h - numbers and texts as little-endian octets in a buffer, and back with care
 *
 * A reader that runs over its end goes bad and gives zeros; ask once, at the end.
 */
#ifndef BASE_OCTETS_H
#define BASE_OCTETS_H

#include "base/arena.h"
#include "base/buf.h"

static inline void
octets_store(char *at, uint64_t value, int n_bytes)
{
	for (int i = 0; i < n_bytes; i++)
		at[i] = (char)(value >> (8 * i));
}

static inline uint64_t
octets_load(const char *at, int n_bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < n_bytes; i++)
		value |= (uint64_t)(uint8_t)at[i] << (8 * i);
	return value;
}

/* Each 0, or -1 when out is full. */
static inline int
octets_put(struct buf *out, uint64_t value, int n_bytes)
{
	char room[8];

	octets_store(room, value, n_bytes);
	return buf_append(out, str_n(room, (size_t)n_bytes));
}

static inline int
octets_put_text(struct buf *out, struct str text)	/* below 64 KB; longer is cut */
{
	struct str kept = str_sub(text, 0, 0xffff);

	return octets_put(out, kept.len, 2) | buf_append(out, kept);
}

struct octets {
	const char	*at, *end;
	bool		 is_bad;
};

static inline struct octets
octets_of(struct str bytes)
{
	return (struct octets){ .at = bytes.at, .end = bytes.at + bytes.len };
}

static inline struct str
octets_take_bytes(struct octets *o, size_t n_bytes)
{
	struct str taken = STR_EMPTY;

	if (o->is_bad || (size_t)(o->end - o->at) < n_bytes) {
		o->is_bad = true;
		return taken;
	}
	taken = str_n(o->at, n_bytes);
	o->at += n_bytes;
	return taken;
}

static inline uint64_t
octets_take(struct octets *o, int n_bytes)
{
	struct str taken = octets_take_bytes(o, (size_t)n_bytes);

	return taken.len != 0 ? octets_load(taken.at, n_bytes) : 0;
}

static inline struct str
octets_take_text(struct octets *o, struct arena *arena)	/* copied */
{
	struct str text = octets_take_bytes(o, (size_t)octets_take(o, 2)), copy = STR_EMPTY;

	if (!arena_copy(arena, text, &copy))
		o->is_bad = true;
	return copy;
}

static inline bool
octets_are_used_up(const struct octets *o)
{
	return !o->is_bad && o->at == o->end;
}

#endif
