/*
 * dmarc_record.h - a DMARC policy record as a domain publishes it (RFC 9989 4.7, 4.8)
 *
 * Where it is found and whom it is for is dmarc.h's.
 */
#ifndef POLICY_DMARC_DMARC_RECORD_H
#define POLICY_DMARC_DMARC_RECORD_H

#include "base/str.h"

enum dmarc_policy {			/* in order: the later is the stricter */
	DMARC_POLICY_NONE,
	DMARC_POLICY_QUARANTINE,
	DMARC_POLICY_REJECT,
};

enum dmarc_psd {
	DMARC_PSD_UNKNOWN,		/* u, the default */
	DMARC_PSD_NO,			/* n: this is the organizational domain of all below */
	DMARC_PSD_YES,			/* y: a public suffix; each domain one label below is an organization */
};

enum {					/* of fo, as bits */
	DMARC_REPORT_IF_ALL_FAIL = 1,	/* 0, the default */
	DMARC_REPORT_IF_ANY_FAILS = 2,	/* 1 */
	DMARC_REPORT_DKIM = 4,		/* d */
	DMARC_REPORT_SPF = 8,		/* s */
};

struct dmarc_record {
	enum dmarc_policy p, sp, np;	/* sp is p, and np is sp, where they do not stand there */
	bool		 has_sp, has_np;
	bool		 is_usable;	/* false: no policy that could be applied (4.10.1); all else holds */
	bool		 is_dkim_strict, is_spf_strict;
	bool		 is_testing;	/* t=y */
	bool		 is_sampled;	/* pct= below 100: who still goes by RFC 7489 does less to a part of the mail */
	enum dmarc_psd	 psd;
	unsigned	 fo;		/* bits */
	struct str	 rua, ruf;	/* lists of URIs as published, in the text; "" for none */
};

/*
 * True for a DMARC record: one whose first tag is v=DMARC1.  Of the other tags the first of a
 * name counts; unknown and malformed ones are passed over, ri and rf too.  A record whose
 * p is missing or malformed, or whose sp or np is malformed, is one of p=none if rua has a URI, else not usable
 * (4.10.1).
 */
bool	dmarc_record_parse(struct str text, struct dmarc_record *record_out);

/* "none", "quarantine", "reject" */
const char	*dmarc_policy_text(enum dmarc_policy policy);

/* What is to be done to a mail that fails while the domain tests: one level less (4.7, t). */
enum dmarc_policy	dmarc_policy_below(enum dmarc_policy policy);

#endif
