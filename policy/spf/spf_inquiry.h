/*
 * spf_inquiry.h - one identity's check: what it asked the DNS, and counted, over all records that it leads to
 *
 * For the files of spf only; spf.h is what others see.
 */
#ifndef POLICY_SPF_SPF_INQUIRY_H
#define POLICY_SPF_SPF_INQUIRY_H

#include "policy/spf/iprev.h"
#include "policy/spf/spf.h"
#include "policy/spf/spf_macro.h"

enum {
	SPF_ESCAPED_BYTES = sizeof("\\046") - 1,
	SPF_ASKED_ROOM_BYTES = SPF_ESCAPED_BYTES * SPF_NAME_MAX_BYTES + 1,
};

struct spf_inquiry {			/* in the arena of its inputs */
	const struct spf_inputs	*in;
	struct spf_macro_values	 values;
	int			 n_dns_terms;
	int			 n_void_lookups;
	struct iprev_result	*names;		/* of the client, once they were asked for */
	struct fault		 fault;		/* of temperror, permerror and none */
};

struct spf_ruling {			/* what check_host() found */
	enum spf_value	 value;
	struct str	 domain;		/* behind redirects */
	struct str	 mechanism;		/* in its record; "" if none matched */
	struct str	 exp;			/* of its record; "" for none */
};

/*
 * check_host() of a domain (RFC 7208 4): once for the domain, and again for each redirect.  In
 * spf.c; an include comes back to it.  Suspends.
 */
enum spf_value	spf_check_host(struct spf_inquiry *c, struct str domain, struct spf_ruling *ruling_out);

/* One question.  A name that cannot be asked for does not exist (RFC 7208 4.3, 4.8).  Suspends. */
void		inquiry_ask(struct spf_inquiry *c, struct str name, enum dns_type type, struct dns_answer *answer_out);

/* Counts a term that needs the DNS.  False, with the fault set, where that is one too many (4.6.4). */
bool		inquiry_count_term(struct spf_inquiry *c);

/* The client's names, asked for once.  NULL at the arena's limit.  Suspends. */
struct iprev_result	*inquiry_names(struct spf_inquiry *c);

/*
 * Makes values ready to expand a valid text in the domain's record.  Asks for the client's names
 * if the text uses "p"; the first such question counts as a term where it is counted (4.6.4).
 * SPF_PASS, or an error with the fault set.  Suspends.
 */
enum spf_value	inquiry_prepare(struct spf_inquiry *c, struct str text, struct str domain, bool is_counted);

/*
 * A valid domain-spec's name, in the arena; what has no form in the DNS is "", which does not
 * exist.  SPF_PASS, or an error with the fault set.  Suspends.
 */
enum spf_value	inquiry_expand(struct spf_inquiry *c, struct str spec, struct str domain, bool is_counted, struct str *name_out);

/* Sets the fault; SPF_TEMPERROR. */
enum spf_value	inquiry_no_room(struct spf_inquiry *c);

/* The start of a name, for a fault. */
struct str	spf_name_shown(struct str name);

/* The name is the parent, or below it. */
bool		spf_name_is_within(struct str name, struct str parent);

/*
 * The name as dns_question wants it: bytes that are not of host names are \DDD.  False for what
 * cannot be a name in the DNS.
 */
bool		spf_name_to_ask(struct str name, char room[SPF_ASKED_ROOM_BYTES], struct str *asked_out);

#endif
