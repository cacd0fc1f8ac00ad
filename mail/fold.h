/*
 * fold.h - words of a header field on lines of 76 columns (RFC 5322 2.2.3)
 *
 * The words are whole and safe already: nothing is escaped here.
 */
#ifndef MAIL_FOLD_H
#define MAIL_FOLD_H

#include "base/buf.h"

enum { FOLD_COLUMNS = 76 };		/* RFC 5322 2.1.1 recommends no more than 78 */

struct fold {
	struct buf	*out;
	size_t		 column;	/* of the line at hand */
	size_t		 len_before;	/* of out */
	bool		 is_full;	/* something did not fit */
};

/* Writes "NAME:"; words follow. */
void	fold_begin(struct fold *f, struct str name, struct buf *out);

/* A word, with a blank or a new line before it; it may be longer than a line. */
void	fold_word(struct fold *f, struct str word);

/* A word within which a line may be broken in front of its single blanks, as in a quoted string. */
void	fold_text(struct fold *f, struct str text);

/* The last line end.  0, or -1 and out as it was before when it was full. */
int	fold_end(struct fold *f);

#endif
