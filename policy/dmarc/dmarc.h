/*
 * dmarc.h - may this mail say that it is from its author's domain?  DMARC by RFC 9989
 *
 * SPF and DKIM were checked before; here their domains are compared with the authors', and the
 * domain's policy is found by a walk up the DNS.  What is done to the mail is dmarc_disposition's word.
 */
#ifndef POLICY_DMARC_DMARC_H
#define POLICY_DMARC_DMARC_H

#include "base/dns.h"
#include "mail/auth_results.h"
#include "mail/author.h"
#include "policy/dmarc/dmarc_record.h"

enum {
	DMARC_NAME_MAX_BYTES = 253,	/* of a name in the DNS, written without its last dot (RFC 1035 3.1) */
	DMARC_WALK_MAX = 8,		/* queries of a walk (4.10) */
	DMARC_IDENTIFIERS_MAX = 24,	/* of one mail; each may cost a walk.  SPF is one, the first of DKIM are taken */
};

enum dmarc_evidence {			/* what SPF or DKIM found about a domain */
	DMARC_EVIDENCE_NONE,		/* nothing good: fail, softfail, neutral, none, policy, permerror */
	DMARC_EVIDENCE_PASS,
	DMARC_EVIDENCE_UNSETTLED,	/* temperror: it may pass later */
};

struct dmarc_identifier {		/* for SPF the domain of MAIL FROM (of HELO for a null one); for DKIM d= */
	enum dmarc_evidence	 evidence;
	struct str		 domain;	/* in any form (domain.h) */
};

struct dmarc_input {
	const struct authors			*authors;
	struct dmarc_identifier			 spf;
	const struct dmarc_identifier		*dkim;		/* one for each signature */
	int					 n_dkim;
};

enum dmarc_verdict {			/* in order of weight: the result of several authors is the last of theirs */
	DMARC_PASS,
	DMARC_NONE,			/* no record, or no author who could have one */
	DMARC_PERMERROR,		/* a From or a record that cannot be judged */
	DMARC_TEMPERROR,		/* DNS did not settle it */
	DMARC_FAIL,
};

enum dmarc_policy_tag { DMARC_TAG_P, DMARC_TAG_SP, DMARC_TAG_NP };

struct dmarc_author {			/* the judgement of one author domain */
	struct str		 domain;
	enum dmarc_verdict	 verdict;
	const char		*reason;	/* a constant; why, unless the verdict is pass */
	bool			 has_record;	/* what follows holds only then */
	struct dmarc_record	 record;	/* its texts live in the arena */
	struct str		 record_domain;	/* where it was found: the author's, its organization's or the public suffix's */
	struct str		 organization;	/* "" if not known */
	struct str		 aligned_domain;	/* for a pass: whose evidence it is */
	bool			 is_aligned_by_spf;	/* no signature passed that is aligned; else by DKIM */
	bool			 is_dkim_unsettled;	/* with that: one may have */
	enum dmarc_policy	 otherwise;	/* for a pass: the least that would be applied if nothing had passed */
	enum dmarc_policy_tag	 tag;		/* for a fail: whose policy applies */
	enum dmarc_policy	 policy;	/* for a fail: as published, by that tag */
	enum dmarc_policy	 applied;	/* for a fail: one less while the domain tests; else none */
	enum dmarc_policy	 at_stake;	/* for a temperror: the most that could be applied once it is settled; else none */
};

struct dmarc_result {
	enum dmarc_verdict	 verdict;	/* of the mail */
	const char		*reason;	/* a constant; NULL for pass */
	const struct dmarc_author *deciding;	/* whose verdict it is, or who was first; NULL without authors */
	enum dmarc_policy	 applied;	/* the strictest of authors who failed */
	bool			 is_incomplete;	/* there are authors whom nobody judged */
	struct dmarc_author	 authors[AUTHOR_DOMAINS_MAX];
	int			 n_authors;
	int			 n_queries;	/* asked of the resolver */
};

/*
 * Judges a mail.  Several authors are each judged; all must pass for the mail to pass, and the
 * strictest policy of those who fail applies (11.5).  A From that is malformed never passes.
 *
 * Asks for a walk for each author, one for each identifier that could align by its name (until
 * one does) and for all authors together, all questions of a walk at once; one question more for an author who fails where np
 * differs from sp.  Suspends until the answers or the deadline; what is open then is temperror, as
 * is the arena's limit.
 */
void	dmarc_check(const struct dmarc_input *input, struct resolver *resolver, struct instant deadline,
	    struct arena *arena, struct dmarc_result *result_out);

enum dmarc_mode {			/* the setting `dmarc` */
	DMARC_OFF,			/* dmarc_check is not called */
	DMARC_STAMP,			/* what was found is written, and nothing done */
	DMARC_ENFORCE,
};

enum dmarc_disposition {
	DMARC_DELIVER,
	DMARC_MARK,			/* deliver, marked as suspicious */
	DMARC_DEFER,			/* 4xx: it may be judged later */
	DMARC_REJECT,			/* 5xx */
};

/*
 * What to do.  Only a fail with an applied policy of reject rejects, and only a temperror that a policy hangs on defers; more
 * authors than are judged are marked, since who hides a name among many has a reason.
 */
enum dmarc_disposition	dmarc_disposition(const struct dmarc_result *result, enum dmarc_mode mode);

/*
 * The one result for Authentication-Results: the mail's, with the deciding author as header.from; for a fail the policy that applies,
 * after sp, np and t (policy.dmarc); the record's p and, where it is another's, its domain (polrec.p, polrec.domain).  False at the arena's limit.
 */
bool	dmarc_auth_result(const struct dmarc_result *result, struct arena *arena, struct auth_result *auth_out);

/* The words of RFC 8601: "pass", "none", "permerror", "temperror", "fail"; "p", "sp", "np". */
const char	*dmarc_verdict_text(enum dmarc_verdict verdict);
const char	*dmarc_policy_tag_text(enum dmarc_policy_tag tag);

#endif
