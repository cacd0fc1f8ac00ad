/*
 * story_line.h - one line of a story: "2026-11-21T04:46:13.123456Z delivered id=... to=..."
 */
#ifndef STORY_STORY_LINE_H
#define STORY_STORY_LINE_H

#include "base/buf.h"
#include "mail/mail_id.h"

enum { STORY_TIME_BYTES = 27 };		/* the text of a time */

/* The id that stands as a line's first key; an empty str if none does.  line: without the time. */
struct str	story_line_id(struct str line);

/* Cuts off the time and the blank behind it.  False: this is no whole line. */
bool		story_line_take_time(struct str *line, struct str *time_out);

/* The value of a key that needs no quotes, such as "report"; empty if there is none. */
struct str	story_line_value(struct str line, const char *key);

/*
 * Takes the next KEY=VALUE of a line, behind its event.  The value comes as it was before it was logged (at most as
 * long), in value.  False at the end, and where a line was cut.
 */
bool		story_line_take_pair(struct str *rest, struct str *key_out, struct buf *value);

#endif
