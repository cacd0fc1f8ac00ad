/*
 * stamp.h - findings told to others: the fields Authentication-Results and Received-SPF, and words for our log
 */
#ifndef POLICY_STAMP_H
#define POLICY_STAMP_H

#include "mail/envelope.h"
#include "mail/peer.h"
#include "policy/findings.h"
#include "policy/policy.h"
#include "policy/verdict.h"

enum {
	STAMP_FIELDS_MAX_BYTES = 64 * 1024,	/* some 32 signatures with their properties; 1 KB as a rule */
	STAMP_WORDS_MAX_BYTES = 1800,		/* a log line (base/log.h) has 2048; no place for all of 32 signatures */
};

struct stamp_inputs {
	const struct policy	*policy;
	const struct peer	*peer;		/* its name_state is iprev's result */
	const struct envelope	*envelope;
	const struct findings	*findings;
};

/*
 * Appends what goes on top of a mail, above Received: Authentication-Results (RFC 8601: iprev, spf for both identities, each
 * dkim signature with header.d, .s, .b, .a and reason, arc, dmarc), Received-SPF where the rules want it.  Nothing for mail
 * that was not checked.  0, or -1 and nothing appended when out is full.
 */
int	stamp_fields(const struct stamp_inputs *inputs, struct buf *out);

/* Appends the value of Authentication-Results alone, folded, without a line end, for ARC-Authentication-Results; else as stamp_fields. */
int	stamp_results(const struct stamp_inputs *inputs, struct buf *out);

/*
 * Appends the findings as key=value words for a log line (base/log.h quotes nothing in them, so every byte of others is made
 * printable and blank-free here): "iprev=pass spf-helo=none spf=pass dkim=pass:example.com:s1,fail:list.example:k dmarc=pass:example.com
 * verdict=accept"; "unchecked=trusted verdict=accept"; "dmarc=fail:example.com:reject verdict=reject:dmarc".  Signatures beyond what a
 * line has room for are "+N", at most STAMP_WORDS_MAX_BYTES in all.
 */
void	stamp_words(const struct stamp_inputs *inputs, const struct verdict *verdict, struct buf *out);

#endif
