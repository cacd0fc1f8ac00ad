/*
 * srs.h - rewrites a reverse-path so that SPF passes at the next hop, and back (Sender Rewriting Scheme: SRS0 and SRS1)
 *
 *	u@a.example		forwarded by b.example		SRS0=HHHH=TT=a.example=u@b.example
 *	that one		forwarded by c.example		SRS1=HHHH=b.example==HHHH=TT=a.example=u@c.example
 *	that one		forwarded by d.example		SRS1=HHHH=b.example==HHHH=TT=a.example=u@d.example
 *
 * HHHH is the start of an HMAC-SHA1 in base64, TT the day.  Addresses of PostSRSd, libsrs2 and Mail::SRS with the same
 * secret are ours to undo, and ours theirs.  There is no RFC.  Which mail is rewritten is not decided here; no I/O, no
 * clock.  Rules are immutable: any number of threads may use them at a time.
 *
 * Only the case of ASCII letters may change on the way.  Quotes may come or go around a local part, where it is the same without.
 */
#ifndef POLICY_SRS_SRS_H
#define POLICY_SRS_SRS_H

#include "base/fault.h"
#include "base/instant.h"
#include "mail/address.h"

enum {
	SRS_SECRETS_MAX = 16,		/* a reverse look-up costs an HMAC of each, 1 us */
	SRS_SECRET_MAX_BYTES = 1000,	/* a line of PostSRSd's file */
	SRS_HASH_CHARS = 4,		/* that we write, and the fewest that we believe: two million guesses for one that fits */
	SRS_DAYS = 1024,		/* TT begins anew after so many */
	SRS_MAX_AGE_DAYS = 21,		/* by default, as the others */
	SRS_MAX_AGE_MAX_DAYS = 365,	/* of the setting: no stamp of the last turn of the 1024 days is near */
	SRS_AHEAD_MAX_DAYS = 1,		/* a stamp of tomorrow: another host's clock, or ours was set back over midnight */

	/*
	 * The longest local part that is made, by default: RFC 5321 4.5.3.1.1.  Longer ones often pass (PostSRSd,
	 * libsrs2 and Mail::SRS make them without a limit), but there are servers that refuse them at MAIL (553 5.1.7),
	 * and so lose a mail which a failed SPF would not: what is that long is VERP of senders who sign, and an SRS domain
	 * is never aligned for DMARC.  So the original path is the better one to send.  Who knows his next hops sets more.
	 */
	SRS_LOCAL_MAX_BYTES = 64,
	SRS_DOMAIN_MAX_BYTES = 254 - 1 - SRS_LOCAL_MAX_BYTES,	/* so that the whole path fits RFC 5321 4.5.3.1.3 too */
};

struct srs_settings {
	const char		*domain;	/* of the addresses made: its mail comes to us, and its SPF names us; canonical */
	const struct str	*secrets;	/* the first signs, all verify; not empty */
	int			 n_secrets;
	int			 max_age_days;	/* 0: SRS_MAX_AGE_DAYS */
	char			 separator;	/* behind SRS0 and SRS1: '=', '+' or '-'; 0: '='.  All are understood */
	int			 local_max_bytes;	/* 0: SRS_LOCAL_MAX_BYTES; up to ADDRESS_LOCAL_MAX_BYTES */
};

struct srs_rules;

/* Copies what it keeps.  NULL with a permanent fault for settings outside of their bounds; it shows no secret. */
struct srs_rules *srs_rules_new(const struct srs_settings *settings, struct fault *fault_out);
void		  srs_rules_free(struct srs_rules *rules);	/* wipes the secrets; NULL is nothing */

/*
 * The secrets of a file's text: one a line, taken to its last byte (PostSRSd counts blanks too), empty lines not.
 * They point into the text.  0, or -1 with a permanent fault: none, too many, or too long.
 */
int	srs_secrets_read(struct str text, struct str secrets_out[SRS_SECRETS_MAX], int *n_secrets_out,
	    struct fault *fault_out);

enum srs_forward_result {
	SRS_FORWARD_REWRITTEN,
	SRS_FORWARD_NEEDLESS,		/* no path that SPF could fail for: null, ours already, or without a domain name (a literal) */
	SRS_FORWARD_TOO_LONG,		/* a local part above the limit, and above what came in: send the original */
	SRS_FORWARD_FAILED,		/* ours: the arena's limit.  Temporary */
};

/*
 * The SRS form of a reverse-path.  SRS0 and SRS1 of others become SRS1; what only looks like SRS1 is wrapped as any
 * address.  A domain in U-labels goes in as A-labels, so that the result is ASCII if the local part is.  *address_out is
 * the reverse-path itself unless rewritten; then it points into the arena and to the rules.
 */
enum srs_forward_result	srs_forward(const struct srs_rules *rules, const struct address *reverse_path, struct timestamp now,
			    struct arena *arena, struct address *address_out);

enum srs_reverse_result {
	SRS_REVERSE_UNDONE,
	SRS_REVERSE_NOT_SRS,		/* any other address, in whatever domain */
	SRS_REVERSE_FOREIGN,		/* an SRS address of another domain: nothing we could know about */
	SRS_REVERSE_MALFORMED,		/* of our domain, but nobody makes such */
	SRS_REVERSE_FORGED,		/* no secret of ours made it */
	SRS_REVERSE_EXPIRED,		/* made by one of ours, too long ago; SRS1 has no day of its own and never is */
	SRS_REVERSE_FAILED,		/* ours: the arena's limit.  Temporary */
};

/* The address that the SRS address stands for, in the arena; *address_out is set only when undone. */
enum srs_reverse_result	srs_reverse(const struct srs_rules *rules, const struct address *address, struct timestamp now,
			    struct arena *arena, struct address *address_out);

/* Constant words for the log: "rewritten", "needless", ...; "undone", "not-srs", ... */
const char	*srs_forward_word(enum srs_forward_result result);
const char	*srs_reverse_word(enum srs_reverse_result result);

#endif
