/*
 * spf_record.h - SPF records read strictly (RFC 7208 3, 4.6, 5, 6, 12)
 *
 * A record can be as long as a TXT record, so its terms are not kept: all of them are checked
 * once, then read one by one.
 */
#ifndef POLICY_SPF_SPF_RECORD_H
#define POLICY_SPF_SPF_RECORD_H

#include "base/endpoint.h"
#include "base/fault.h"
#include "base/str.h"

enum spf_mechanism {
	SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS,
};

struct spf_term {			/* a directive; points into the record */
	struct str		 text;		/* as written, with its qualifier */
	char			 qualifier;	/* '+', '-', '~' or '?' */
	enum spf_mechanism	 mechanism;
	struct str		 domain_spec;	/* "" if there is none; valid (spf_macro.h) */
	struct network		 network;	/* ip4, ip6; bits behind the prefix as written */
	int			 prefix4_bits;	/* a, mx: 0 to 32 and 0 to 128 */
	int			 prefix6_bits;
};

struct spf_record {			/* points into the text of a TXT record */
	struct str	 terms;
	struct str	 redirect;	/* domain-spec; "" if there is none */
	struct str	 exp;
};

/* True if the text of a TXT record begins as an SPF record (4.5). */
bool	spf_record_is(struct str text);

/*
 * Checks all terms of a text for which spf_record_is; what is wrong anywhere is found (4.6).
 * 0, or -1 with a permanent fault that names the term.
 */
int	spf_record_parse(struct str text, struct spf_record *record_out, struct fault *fault_out);

/* The next directive of *terms, which begins as the parsed record's; false behind the last. */
bool	spf_record_next(struct str *terms, struct spf_term *term_out);

#endif
