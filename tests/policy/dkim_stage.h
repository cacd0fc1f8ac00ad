/*
 * dkim_stage.h - what tests of DKIM stand on: signed mails and keys from tests/vectors/dkim, and a resolver of them
 */
#ifndef TESTS_POLICY_DKIM_STAGE_H
#define TESTS_POLICY_DKIM_STAGE_H

#include "base/buf.h"
#include "policy/dkim/dkim_verify.h"

struct dkim_stage {
	struct resolver		 resolver;
	struct arena		 files;		/* lives as long as the stage */
	struct arena		 arena;		/* of the mail at hand */
	struct dkim_verifier	*verifier;
	struct dkim_settings	 settings;
	struct timestamp	 now;
	const struct authors	*authors;	/* NULL: nobody says whose signatures go first */
	struct elsewhere	*elsewhere;	/* NULL: all is done here */
	struct str		 keys;		/* lines: name, tab, record */
	/*
	 * Instead of the records of the keys: each may have one "%", which stands for what is behind "p="
	 * there.  NULL: the keys' own.
	 */
	const char		*records[2];
	enum dns_result		 result;	/* of all questions, unless DNS_FOUND */
	bool			 is_secure, is_bogus;
	int			 n_asks, n_questions;	/* so far */
};

void		dkim_stage_init(struct dkim_stage *stage);
void		dkim_stage_fini(struct dkim_stage *stage);

/* NAME.eml; aborts if it is not there. */
struct str	dkim_stage_mail(struct dkim_stage *stage, const char *name);

/* A copy with the first `from` replaced; expects that there is one. */
struct str	dkim_stage_edit(struct dkim_stage *stage, struct str mail, const char *from, const char *to);

/* Begins with a header section. */
struct dkim_verification *dkim_stage_begin(struct dkim_stage *stage, const struct header_section *header, struct arena *arena,
		    struct fault *fault_out);

/* Verifies a mail, its body in chunks of so many bytes; the results live in the arena, which is emptied first. */
struct dkim_result	*dkim_stage_verify(struct dkim_stage *stage, struct str mail, size_t chunk_bytes, int *n_out);

/* Expects a verdict's word, and a reason unless it is NULL. */
void	dkim_stage_expect(const struct dkim_result *result, const char *want, const char *reason);

#endif
