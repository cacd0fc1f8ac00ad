/*
 * log.h - one readable line per event: key=value, values quoted where needed
 *
 *	log_begin(&line, log, LOG_LEVEL_INFO, "delivered");
 *	log_str(&line, "id", id);
 *	log_int(&line, "size", n_bytes);
 *	log_end(&line);
 *
 * gives    delivered id=4XPRnB2kQ0 size=4096
 *
 * Only makes lines; who keeps them (stderr, syslog, a file) is behind struct log,
 * which never blocks the caller.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/instant.h"
#include "base/str.h"

enum log_level {
	LOG_LEVEL_ERROR,		/* an administrator must act */
	LOG_LEVEL_WARNING,		/* something is wrong and may pass by itself */
	LOG_LEVEL_INFO,			/* the life of mails and next hops */
	LOG_LEVEL_DEBUG,
};

struct log {
	_Atomic enum log_level	 level;	/* lines above it are not made; a reload sets it while others log */
	/* Takes one line without its end.  Must not block; copies what it keeps. */
	void	       (*write)(struct log *log, enum log_level level, struct str line);
};

enum { LOG_LINE_MAX_BYTES = 2048 };	/* a longer line is cut and ends in "..." */

struct log_line {
	struct log	*log;		/* NULL: below the level, nothing is made */
	enum log_level	 level;
	size_t		 len;
	bool		 is_cut;
	char		 text[LOG_LINE_MAX_BYTES];
};

void	log_begin(struct log_line *line, struct log *log, enum log_level level, const char *event);
void	log_str(struct log_line *line, const char *key, struct str value);	/* escaped, quoted if it has blanks */
void	log_text(struct log_line *line, const char *key, const char *value);	/* the same of a C string */
void	log_int(struct log_line *line, const char *key, int64_t value);
void	log_span(struct log_line *line, const char *key, struct span value);	/* 12ms, 3.4s, 2h5m */
void	log_words(struct log_line *line, struct str words);	/* key=value words that the caller made, as they are */
void	log_end(struct log_line *line);

/* A line of one text: event text="..." */
void	log_say(struct log *log, enum log_level level, const char *event, const char *format, ...)
	    __attribute__((format(printf, 4, 5)));

#endif
