/*
 * spf.h - may this client use this name: check_host() of RFC 7208 for HELO and MAIL FROM
 *
 * What follows from a result is decided elsewhere.
 */
#ifndef POLICY_SPF_SPF_H
#define POLICY_SPF_SPF_H

#include "base/dns.h"
#include "mail/address.h"

enum spf_value {			/* RFC 7208 2.6 */
	SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR,
};

enum spf_identity { SPF_HELO, SPF_MAIL_FROM };

enum {
	/* RFC 7208 4.6.4, over the whole evaluation, includes and redirects too. */
	SPF_DNS_TERMS_MAX = 10,
	SPF_VOID_LOOKUPS_MAX = 2,
	SPF_EXPLANATION_MAX_BYTES = 400,	/* a reply's line has 512 (RFC 5321 4.5.3.1.5); what is longer is cut */
	/* One check needs a few KB as a rule; long records and hostile answers more.  Beyond it: temperror. */
	SPF_ARENA_MAX_BYTES = 1024 * 1024,
};

struct spf_inputs {
	struct ip		 client;
	struct str		 helo;		/* as the client said it; "" for nothing */
	struct str		 receiver;	/* our own name, for explanations */
	struct timestamp	 now;
	struct resolver		*resolver;
	struct instant		 deadline;	/* of the whole check; RFC 7208 4.6.4 wants 20 s or more */
	struct arena		*arena;		/* for all that a check reads, and for its result */
};

struct spf_result {			/* strings live in the arena, or are the inputs' */
	enum spf_value		 value;
	enum spf_identity	 identity;
	struct str		 sender;	/* what was checked, with a local part: "postmaster@HELO" */
	struct str		 domain;	/* of it, as written, or in A-labels; "" if it has none */
	struct str		 mechanism;	/* the term that decided, as written; "default" if none did; "" without a record */
	struct str		 mechanism_domain;	/* whose record it stands in, behind redirects; printable */
	struct str		 explanation;	/* of a fail: the domain's words (6.2), printable ASCII; or "" */
	struct str		 problem;	/* why there is temperror, permerror or none; printable; or "" */
	int			 n_dns_terms;	/* counted, for who measures */
	int			 n_void_lookups;
};

/* "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror" (RFC 8601 2.7.2) */
const char	*spf_value_word(enum spf_value value);

/*
 * Checks the HELO identity (2.3), and that of MAIL FROM (2.4), which for the null reverse-path
 * is postmaster@HELO: the same question as the HELO identity's, for who wants to ask it once.
 *
 * Suspend.  Whatever the DNS or we could not do in time is SPF_TEMPERROR, never worse.  A client
 * without an IP address is SPF_NONE.  Fibers need some 40 KB of stack for the deepest records.
 */
void		 spf_check_helo(const struct spf_inputs *inputs, struct spf_result *result_out);
void		 spf_check_mail_from(const struct spf_inputs *inputs, const struct address *reverse_path,
		    struct spf_result *result_out);

#endif
