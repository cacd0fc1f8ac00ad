/*
 * fold.c - words of a header field on lines of 76 columns (RFC 5322 2.2.3)
 */
#include "mail/fold.h"

enum { TAB_COLUMNS = 8 };

static void
put(struct fold *f, struct str s)
{
	if (buf_append(f->out, s) != 0)
		f->is_full = true;
	f->column += s.len;
}

void
fold_begin(struct fold *f, struct str name, struct buf *out)
{
	*f = (struct fold){ .out = out, .len_before = out->len };
	put(f, name);
	put(f, STR(":"));
}

void
fold_word(struct fold *f, struct str word)
{
	if (f->column + 1 + word.len > FOLD_COLUMNS && f->column > TAB_COLUMNS) {
		put(f, STR("\r\n\t"));
		f->column = TAB_COLUMNS;
	} else {
		put(f, STR(" "));
	}
	put(f, word);
}

void
fold_text(struct fold *f, struct str text)
{
	struct str word;

	if (!str_take_until(&text, ' ', &word))
		return;
	fold_word(f, word);
	while (str_take_until(&text, ' ', &word)) {
		/* The blank itself goes to the new line, so that unfolding gives the same text. */
		if (f->column + 1 + word.len > FOLD_COLUMNS) {
			put(f, STR("\r\n"));
			f->column = 0;
		}
		put(f, STR(" "));
		put(f, word);
	}
}

int
fold_end(struct fold *f)
{
	put(f, STR("\r\n"));
	if (!f->is_full)
		return 0;
	f->out->len = f->len_before;
	return -1;
}
