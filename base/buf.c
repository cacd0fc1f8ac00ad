/*
 * buf.c - bytes that grow, up to a hard maximum
 */
#include "base/buf.h"
#include "base/format.h"
#include "base/insist.h"
#include "base/mem.h"

enum { BUF_FIRST_BYTES = 256 };		/* most lines fit; malloc rounds less up anyway */

void
buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){ .max = max_bytes };
}

void
buf_fini(struct buf *b)
{
	mem_free(b->at);
	buf_init(b, b->max);
}

static char *
grow(struct buf *b, size_t n_bytes)
{
	size_t cap;

	insist(b->len <= b->max);
	if (n_bytes > b->max - b->len)
		return NULL;
	if (b->at == NULL || n_bytes > b->cap - b->len) {
		cap = b->cap > b->max / 2 ? b->max : b->cap * 2;	/* doubled: appends cost O(1) each */
		if (cap < BUF_FIRST_BYTES)
			cap = b->max < BUF_FIRST_BYTES ? b->max : BUF_FIRST_BYTES;
		if (cap < b->len + n_bytes)
			cap = b->len + n_bytes;
		b->at = mem_resize_array(b->at, cap != 0 ? cap : 1, 1);
		b->cap = cap;
	}
	return b->at + b->len;
}

static inline char *
room_for(struct buf *b, size_t n_bytes)
{
	/* Where there is room, as there is mostly, no more is asked.  (A full buffer may have a byte beyond its maximum.) */
	if (b->at != NULL && n_bytes <= b->cap - b->len && n_bytes <= b->max - b->len && b->len <= b->max)
		return b->at + b->len;
	return grow(b, n_bytes);
}

char *
buf_room(struct buf *b, size_t n_bytes)
{
	return room_for(b, n_bytes);
}

void
buf_added(struct buf *b, size_t n_bytes)
{
	insist(n_bytes <= b->cap - b->len);
	b->len += n_bytes;
}

int
buf_append(struct buf *b, struct str s)
{
	char *room;

	if (s.len == 0)
		return 0;
	room = room_for(b, s.len);
	if (room == NULL)
		return -1;
	memcpy(room, s.at, s.len);
	b->len += s.len;
	return 0;
}

int
buf_append_char(struct buf *b, char c)
{
	char *room = room_for(b, 1);

	if (room == NULL)
		return -1;
	*room = c;
	b->len++;
	return 0;
}

int
buf_vprintf(struct buf *b, const char *format, va_list args)
{
	size_t n_room = b->cap - b->len, n_bytes;
	va_list again;
	int printed;

	va_copy(again, args);
	printed = format_vtext(n_room > 0 ? b->at + b->len : NULL, n_room, format, again);
	va_end(again);
	if (printed < 0)
		return -1;
	n_bytes = (size_t)printed;
	if (buf_room(b, n_bytes) == NULL)
		return -1;
	if (n_bytes >= n_room) {
		/* It wants a place for its NUL, which the maximum does not count. */
		if (b->cap - b->len == n_bytes) {
			b->at = mem_resize_array(b->at, b->cap + 1, 1);
			b->cap++;
		}
		format_vtext(b->at + b->len, n_bytes + 1, format, args);
	}
	b->len += n_bytes;
	return 0;
}

int
buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int result;

	va_start(args, format);
	result = buf_vprintf(b, format, args);
	va_end(args);
	return result;
}

void
buf_consume(struct buf *b, size_t n_bytes)
{
	insist(n_bytes <= b->len);
	b->len -= n_bytes;
	if (b->len != 0 && n_bytes != 0)
		memmove(b->at, b->at + n_bytes, b->len);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
}

void
buf_shrink(struct buf *b)
{
	if (b->len != 0)
		return;
	mem_free(b->at);
	b->at = NULL;
	b->cap = 0;
}
