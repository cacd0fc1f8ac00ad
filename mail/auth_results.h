/*
 * auth_results.h - the Authentication-Results field (RFC 8601): ours written, those in our name found
 *
 * What is true of a mail is for who asks; nothing here judges.
 */
#ifndef MAIL_AUTH_RESULTS_H
#define MAIL_AUTH_RESULTS_H

#include "base/buf.h"
#include "mail/header.h"

struct auth_property {			/* "ptype.name=value"; one with an empty value is not written */
	const char	*ptype;		/* "smtp", "header", "policy", "polrec" */
	const char	*name;
	struct str	 value;		/* a stranger's, any bytes */
};

struct auth_result {			/* "method=result reason=... properties" */
	const char			*method;	/* "iprev", "spf", "dkim", "dmarc" */
	const char			*result;
	struct str			 reason;	/* "" for none; any bytes */
	const struct auth_property	*properties;
	int				 n_properties;
};

enum {
	AUTH_VALUE_MAX_BYTES = 900,	/* a value as written: its line stays below the 998 of RFC 5322 2.1.1; cut beyond */
	AUTH_REASON_MAX_BYTES = 400,	/* what a person reads; cut beyond */
};

/*
 * Appends "Authentication-Results: ID; ..." with its line ends, folded; "none" for no results
 * (RFC 8601 2.2).  The version is left out, being 1.  Values are written as a token or an
 * address where they are one, else as quoted strings; control characters and malformed UTF-8 are
 * "?" then, and all of UTF-8 where allow_utf8 is false.
 *
 * 0, or -1 and nothing appended when out is full.
 */
int	auth_results_append(struct str authserv_id, const struct auth_result *results, int n_results,
	    bool allow_utf8, struct buf *out);

/*
 * True for a field Authentication-Results that bears our authserv-id, or cannot be read and
 * mentions it in some form, so that a reader less strict than we are might find it: such a field
 * is to be removed from mail of strangers (RFC 8601 5).  Case, comments, folding, quotes, a version, a last dot,
 * encoded words and U-labels hide nothing.  *why_out is then a constant.
 *
 * The arena takes some multiple of the field's bytes and may be emptied after each; at its limit the field is
 * taken for ours.
 */
bool	auth_results_is_ours(const struct header_field *field, struct str authserv_id, struct arena *arena,
	    const char **why_out);

#endif
