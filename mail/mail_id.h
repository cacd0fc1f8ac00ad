/*
 * mail_id.h - the name of a mail from its first log line to its last
 *
 * 56 bits of microseconds and 40 random ones: unique through time and over restarts, and ids
 * sort by their age, as bytes and as text.
 */
#ifndef MAIL_MAIL_ID_H
#define MAIL_MAIL_ID_H

#include "base/instant.h"
#include "base/str.h"

struct mail_id {
	uint8_t	 bytes[12];		/* as stored; all zero: no mail */
};

enum {
	MAIL_ID_RANDOM_BYTES = 5,
	MAIL_ID_TEXT_BYTES = 17,	/* letters and digits, case counts; always as many */
	MAIL_ID_TEXT_MAX = MAIL_ID_TEXT_BYTES + 1,
};

struct mail_id	 mail_id_make(struct timestamp now, const uint8_t random[MAIL_ID_RANDOM_BYTES]);

struct str	 mail_id_text(const struct mail_id *id, char room[MAIL_ID_TEXT_MAX]);
bool		 mail_id_parse(struct str text, struct mail_id *id_out);
struct timestamp mail_id_time(const struct mail_id *id);	/* when it was made */

static inline bool
mail_id_eq(const struct mail_id *a, const struct mail_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Less, equal or greater than 0: the older is the less. */
static inline int
mail_id_cmp(const struct mail_id *a, const struct mail_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static inline bool
mail_id_is_none(const struct mail_id *id)
{
	return mail_id_eq(id, &(struct mail_id){ .bytes = { 0 } });
}

#endif
