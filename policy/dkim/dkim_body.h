/*
 * dkim_body.h - looks at a body on its way to the library: is it one that can be checked, how long is it
 *
 * The library loses bytes next to a bare CR or LF and buffers words of any length; and it
 * does not say what l= leaves out (RFC 6376 8.2), so the canonical length is counted here.
 */
#ifndef POLICY_DKIM_DKIM_BODY_H
#define POLICY_DKIM_DKIM_BODY_H

#include "base/str.h"

struct dkim_body {			/* zeroed at the beginning but for the first */
	bool		 is_counted;	/* the canonical length is wanted */
	/* The length of the body so far, whole lines only (RFC 6376 3.4.3, 3.4.4). */
	uint64_t	 simple_bytes, relaxed_bytes;
	/* Empty lines that count only if something follows. */
	uint64_t	 simple_blank_lines, relaxed_blank_lines;
	/* Of the line at hand. */
	uint64_t	 line_simple_bytes, line_relaxed_bytes;
	bool		 line_has_space;	/* blanks that count only if something follows */
	bool		 has_cr;	/* the last byte was one */
	const char	*trouble;		/* why it cannot be checked, a constant; NULL: it can */
};

/* Takes the next bytes; false if the body cannot be checked. */
bool	dkim_body_take(struct dkim_body *body, struct str chunk, size_t line_max_bytes);

/* What must be added to end the last line: "", or CR LF. */
struct str	dkim_body_missing_end(const struct dkim_body *body);

/* The canonical length of the whole, if it was to be counted; the last line has ended. */
uint64_t	dkim_body_bytes(const struct dkim_body *body, bool is_relaxed);

#endif
