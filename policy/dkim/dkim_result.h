/*
 * dkim_result.h - what verification says of one signature (RFC 8601 2.7.1)
 */
#ifndef POLICY_DKIM_DKIM_RESULT_H
#define POLICY_DKIM_DKIM_RESULT_H

#include "base/str.h"

enum dkim_verdict {			/* the words of RFC 8601 2.7.1; none is for a mail without signatures */
	DKIM_PASS,
	DKIM_FAIL,			/* checked, and wrong */
	DKIM_POLICY,			/* not accepted here: too weak, too large, too many, a part of the body only */
	DKIM_NEUTRAL,			/* malformed, or of a kind that cannot be checked here */
	DKIM_TEMPERROR,			/* asking again later can help */
	DKIM_PERMERROR,			/* no key, a key that is not for this, expired, From not signed ... */
};

struct dkim_result {
	enum dkim_verdict verdict;
	struct str	 reason;	/* printable, a few words; empty for a plain pass */
	/* Of the signature, printable, bounded; empty or 0 where it could not be read or was not looked at. */
	struct str	 domain;	/* header.d, as written */
	struct str	 selector;	/* header.s */
	struct str	 identity;	/* header.i, as written; "@" and the domain if it had none */
	struct str	 algorithm;	/* header.a: "rsa-sha256", "ed25519-sha256"; "rsa-sha1" never passes */
	struct str	 canonicalization;	/* "relaxed/simple", as it was understood */
	struct str	 signed_fields;	/* h=, as written; each item is a name */
	struct str	 b_prefix;	/* header.b (RFC 6008): 8 characters or what tells it from the others */
	int		 key_bits;	/* 0 if the key was not read */
	int64_t		 signed_at_s;	/* t=, since 1970; -1: not said */
	int64_t		 expires_at_s;	/* x= */
	int64_t		 body_limit_bytes;	/* l=; -1: the signature is for the whole body */
	int64_t		 body_unsigned_bytes;	/* of the canonical body, what l= leaves out; 0 if not checked */
	bool		 is_testing;	/* the key says t=y: RFC 6376 3.6.1 wants such mail treated as unsigned */
	bool		 is_key_secure;	/* its record was validated by DNSSEC */
	bool		 is_rest;	/* stands for all signatures beyond the maximum; it has a reason only */
};

/* "pass", "fail", "policy", "neutral", "temperror", "permerror" */
const char	*dkim_verdict_word(enum dkim_verdict verdict);

#endif
