/*
 * conf_words.h - a configuration file as words and marks; for conf_text.c alone
 */
#ifndef BASE_CONF_WORDS_H
#define BASE_CONF_WORDS_H

#include "base/buf.h"

enum conf_mark {
	CONF_FILE_END,
	CONF_LINE_END,
	CONF_WORD,			/* quotes removed, variables filled in */
	CONF_OPEN,			/* { */
	CONF_CLOSE,			/* } */
	CONF_OPEN_ROUND,		/* ( */
	CONF_CLOSE_ROUND,		/* ) */
	CONF_COMMA,
	CONF_SET,			/* = */
	CONF_ADD,			/* += */
	CONF_STRAY,			/* a mark that the language has not; left out after its complaint */
};

struct conf_words {
	struct str	 rest;
	bool		 is_in_comment;
	struct buf	 word;		/* the last one */
	char		 complaint[200];	/* about the last mark; empty if it is right */
};

void	conf_words_init(struct conf_words *words, struct str text);
void	conf_words_fini(struct conf_words *words);

enum conf_mark	conf_words_next(struct conf_words *words);

#endif
