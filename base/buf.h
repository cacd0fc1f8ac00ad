/*
 * buf.h - bytes that grow, up to a hard maximum
 *
 * Keeps no memory while empty until the first append, so that an idle owner
 * costs the struct only.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
	char	*at;			/* owned */
	size_t	 len;			/* bytes in use */
	size_t	 cap;			/* bytes allocated */
	size_t	 max;			/* never grows beyond this many bytes */
};

void	buf_init(struct buf *b, size_t max_bytes);
void	buf_fini(struct buf *b);		/* frees; b is as after buf_init */

/* 0, or -1 and nothing appended when the maximum would be passed. */
int	buf_append(struct buf *b, struct str s);
int	buf_append_char(struct buf *b, char c);
int	buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int	buf_vprintf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/*
 * Room for at least n more bytes, to be filled by the caller, who then says
 * how many with buf_added.  NULL when the maximum would be passed.
 */
char	*buf_room(struct buf *b, size_t n_bytes);
void	 buf_added(struct buf *b, size_t n_bytes);

/* Drops n bytes at the front (n <= len) or all of them; the memory is kept. */
void	buf_consume(struct buf *b, size_t n_bytes);
void	buf_clear(struct buf *b);

/* Gives memory back if the buffer is empty. */
void	buf_shrink(struct buf *b);

static inline struct str
buf_str(const struct buf *b)
{
	return (struct str){ .at = b->at, .len = b->len };
}

#endif
