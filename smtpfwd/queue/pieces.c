/*
 * pieces.c - bytes that grow without being moved
 *
 * Each new piece is as large as all before it, within limits: a small mail takes little, and a large one is copied once.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/pieces.h"

enum {
	PIECE_LEAST_BYTES = 2048,	/* a header section, mostly */
	PIECE_MOST_BYTES = 64 * 1024,	/* what is read at once */
};

void
pieces_fini(struct pieces *p)
{
	for (int i = 0; i < p->n; i++)
		mem_free(p->at[i].iov_base);
	mem_free(p->at);
	mem_free(p->caps);
	*p = (struct pieces){ .len = 0 };
}

/* Another piece to fill: one that was emptied, or a new one. */
static void
begin_piece(struct pieces *p, size_t n_wanted)
{
	size_t cap = p->len > n_wanted ? p->len : n_wanted;

	if (p->n_used++ < p->n)
		return;
	if (p->n == p->n_room) {
		p->n_room = p->n_room == 0 ? 8 : 2 * p->n_room;
		p->at = mem_resize_array(p->at, (size_t)p->n_room, sizeof(*p->at));
		p->caps = mem_resize_array(p->caps, (size_t)p->n_room, sizeof(*p->caps));
	}
	cap = cap < PIECE_LEAST_BYTES ? PIECE_LEAST_BYTES : cap > PIECE_MOST_BYTES ? PIECE_MOST_BYTES : cap;
	p->at[p->n] = (struct iovec){ .iov_base = mem_resize_array(NULL, cap, 1), .iov_len = 0 };
	p->caps[p->n++] = cap;
	p->cap += cap;
}

void
pieces_append(struct pieces *p, struct str bytes)
{
	while (bytes.len > 0) {
		int last = p->n_used - 1;
		size_t n_free = last < 0 ? 0 : p->caps[last] - p->at[last].iov_len;
		struct str part = str_sub(bytes, 0, n_free);

		if (n_free == 0) {
			begin_piece(p, bytes.len);
			continue;
		}
		memcpy((char *)p->at[last].iov_base + p->at[last].iov_len, part.at, part.len);
		p->at[last].iov_len += part.len;
		p->len += part.len;
		bytes = str_from(bytes, part.len);
	}
}

struct str
pieces_from(const struct pieces *p, size_t offset)
{
	insist(offset <= p->len);
	for (int i = 0; i < p->n_used; i++) {
		if (offset < p->at[i].iov_len)
			return str_n((const char *)p->at[i].iov_base + offset, p->at[i].iov_len - offset);
		offset -= p->at[i].iov_len;
	}
	return STR_EMPTY;
}

void
pieces_clear(struct pieces *p)
{
	for (int i = 0; i < p->n_used; i++)
		p->at[i].iov_len = 0;
	p->n_used = 0;
	p->len = 0;
}
