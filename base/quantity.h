/*
 * quantity.h - spans of time and sizes as people write and read them: 200ms, 30s, 2h, 7d; 4096, 64K, 50M
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include "base/instant.h"
#include "base/str.h"

/* Digits and a unit, nothing else.  False: it is none, or does not fit. */
bool		quantity_read_span(struct str text, struct span *span_out);	/* ms, s, m, h, d */
bool		quantity_read_size(struct str text, int64_t *n_bytes_out);	/* no unit, K, M, G: powers of 1024 */

/* In the largest unit of which it is a whole number, so that it reads back; of a span whole ms.  Not negative. */
enum { QUANTITY_TEXT_MAX = 24 };
struct str	quantity_span_text(struct span span, char room[QUANTITY_TEXT_MAX]);
struct str	quantity_size_text(int64_t n_bytes, char room[QUANTITY_TEXT_MAX]);

#endif
