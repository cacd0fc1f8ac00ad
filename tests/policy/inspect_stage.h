/*
 * inspect_stage.h - what tests of judging a whole mail stand on: a policy, a zone with keys, mails signed by our own signer
 */
#ifndef TESTS_POLICY_INSPECT_STAGE_H
#define TESTS_POLICY_INSPECT_STAGE_H

#include "base/buf.h"
#include "policy/inspect.h"
#include "tests/policy/zone.h"

enum { INSPECT_STAGE_WORDS_MAX = 2048 };

enum dns_trouble {
	TROUBLE_NONE, TROUBLE_SERVFAIL, TROUBLE_BOGUS, TROUBLE_HUGE,
	TROUBLE_DEAD,			/* 10 s go by, and there is no answer */
};

struct inspect_stage {
	struct resolver		 resolver;	/* the zone's answers, but for names in trouble */
	struct zone		 zone;
	struct buf		 zone_text;
	enum dns_trouble	 trouble;
	const char		*troubled;	/* names that end so */
	struct instant		 clock;		/* goes on where servers are dead; at a deadline nothing is settled */
	struct arena		 mails;		/* made here; lives as long as the stage */
	struct arena		 arena;		/* the inspection's */
	struct dkim_key		*rsa, *ed25519;	/* selectors "r" and "e" of every domain that has them in the zone */
	struct policy		*policy;
	/* Of the mail at hand; inspect_stage_reset's are example.com's own. */
	struct verify_rules	 rules;		/* take effect by inspect_stage_set_rules */
	struct peer		 peer;
	enum class_verify	 verify;	/* by its class */
	struct envelope		 envelope;
	struct timestamp	 now;
	size_t			 chunk_bytes;	/* the body comes in pieces of so many */
	size_t			 arena_max_bytes;
	struct instant		 deadline;	/* of begin; end has as much again */
	bool			 is_without_resolver;
	char			 words[INSPECT_STAGE_WORDS_MAX];
};

void		inspect_stage_init(struct inspect_stage *stage);
void		inspect_stage_fini(struct inspect_stage *stage);

/* All rules on and DMARC enforced; mail of alice@example.com from 192.0.2.1, mail.example.com. */
void		inspect_stage_reset(struct inspect_stage *stage);
void		inspect_stage_set_rules(struct inspect_stage *stage);
void		inspect_stage_set_client(struct inspect_stage *stage, const char *ip, const char *helo);
void		inspect_stage_set_reverse_path(struct inspect_stage *stage, const char *address);	/* "": null */

/* "r": by RSA, "e": by Ed25519, both, one above the other; "s" makes both canonicalizations simple, "x": it expired long ago. */
struct str	inspect_stage_sign(struct inspect_stage *stage, const char *domain, const char *how, struct str mail);

/*
 * The mail through all checks, its header gone as soon as it may be; NULL where there was no room.  The findings are in
 * stage->arena, emptied first.
 */
const struct findings *inspect_stage_inspect(struct inspect_stage *stage, struct str mail);

/* The same, as stamp_words of the findings with decide_mail's verdict, until the next. */
struct str	inspect_stage_judge(struct inspect_stage *stage, struct str mail);

#endif
