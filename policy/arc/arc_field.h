/*
 * arc_field.h - one field of ARC (RFC 8617 4.1), read strictly: ARC-Authentication-Results, ARC-Message-Signature, ARC-Seal
 *
 * Nothing here looks at the mail, at other fields or at a key.
 */
#ifndef POLICY_ARC_ARC_FIELD_H
#define POLICY_ARC_ARC_FIELD_H

#include "base/instant.h"
#include "mail/header.h"
#include "policy/dkim/dkim_canon.h"
#include "policy/dkim/dkim_key.h"
#include "policy/dkim/dkim_public.h"

enum {
	ARC_INSTANCES_MAX = 50,		/* RFC 8617 4.2.1 */
	ARC_FIELD_MAX_BYTES = 16 * 1024,	/* of a signature or seal; real ones have 1 KB */
	ARC_NAMES_MAX = 256,		/* in h=; real ones have 10 to 40 */
	ARC_NAMES_MAX_BYTES = 4000,	/* all of h=, as of DKIM: each name is compared with each field */
	ARC_B_MAX_BYTES = 1024,		/* base64 of RSA-4096 is 684 */
};

enum arc_status {			/* of a chain: RFC 8617 4.4 */
	ARC_NONE,
	ARC_PASS,
	ARC_FAIL,
};

/* "none", "pass", "fail" */
const char	*arc_status_word(enum arc_status status);

enum arc_kind {
	ARC_RESULTS,			/* ARC-Authentication-Results: what a forwarder found */
	ARC_MESSAGE,			/* ARC-Message-Signature: the mail as it left */
	ARC_SEAL,			/* ARC-Seal: all fields of ARC so far */
};
enum { ARC_KINDS = 3 };

const char	*arc_kind_name(enum arc_kind kind);

struct arc_field {
	const struct header_field *from;	/* the caller's */
	int		 instance;	/* 1 to ARC_INSTANCES_MAX; 0: it says none of them */
	const char	*trouble;	/* why it cannot be checked, a constant; NULL: it can */

	/* Of a signature or seal; empty where it could not be read. */
	struct str	 domain, selector;	/* d=, s=: valid domain names */
	enum dkim_public_type key_type;	/* that a= wants */
	struct str	 b;		/* bytes */
	struct str	 b_written;	/* all between b's "=" and ";", in the field: left out when the field is hashed for itself */
	enum arc_status	 cv;		/* of a seal */
	enum dkim_canon	 header_canon, body_canon;	/* of a message signature, as all below */
	struct str	 body_hash;	/* DKIM_HASH_BYTES */
	struct str	*names;		/* h= */
	int		 n_names;
};

/*
 * Reads a field.  What it gives points into the field or stands in the arena.  drift_s: by how many seconds clocks may differ,
 * for x=.  False only at the arena's limit.
 */
bool	arc_field_read(enum arc_kind kind, const struct header_field *field, struct timestamp now, int drift_s, struct arena *arena,
	    struct arc_field *field_out);

/*
 * Gives its canonical form to the sink, as it is signed by itself: without the value of b= and without a line end (RFC 6376
 * 3.7).  A field with trouble has none.
 */
void	arc_field_hash(const struct arc_field *field, enum dkim_canon canon, struct dkim_sink sink);

#endif
