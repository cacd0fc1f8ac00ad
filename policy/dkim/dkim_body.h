/*
 * dkim_body.h - the body of a mail under verification: can it be checked, and what are the hashes of it that signatures want?
 *
 * Canonicalized by dkim_canon, as what we sign is: libopendkim takes three times as long, buffers words of any length, loses bytes
 * next to a bare CR or LF and does not say what l= leaves out (RFC 6376 8.2).
 */
#ifndef POLICY_DKIM_DKIM_BODY_H
#define POLICY_DKIM_DKIM_BODY_H

#include <openssl/types.h>

#include "policy/dkim/dkim_canon.h"
#include "policy/dkim/dkim_key.h"

enum {
	DKIM_BODY_FORMS_MAX = 6,	/* different ones */
	DKIM_LINE_MAX_BYTES = 1024 * 1024,	/* 998 by RFC 5322 2.1.1 */
};

struct dkim_body_form {			/* what a signature wants of the body */
	enum dkim_canon	 canon;
	int64_t		 limit_bytes;	/* l=; -1: all of it */
};

struct dkim_body;

/* Never NULL.  sha256 is that hash; it outlives the body. */
struct dkim_body	*dkim_body_new(const EVP_MD *sha256, const struct dkim_body_form *forms, int n_forms);
void			 dkim_body_free(struct dkim_body *body);		/* NULL is nothing */
size_t			 dkim_body_memory_bytes(const struct dkim_body *body);	/* of NULL 0 */

/* Takes the next bytes.  NULL, or why the body cannot be checked, a constant; then nothing but dkim_body_free follows. */
const char		*dkim_body_take(struct dkim_body *body, struct str chunk);

/* A last line that has not ended is ended (RFC 6376 3.4.3). */
void			 dkim_body_end(struct dkim_body *body);

/* Behind the end, of the i-th form.  NULL: the body is shorter than its limit. */
const uint8_t		*dkim_body_hash(const struct dkim_body *body, int i);
/* The canonical length of the whole. */
int64_t			 dkim_body_bytes(const struct dkim_body *body, int i);

#endif
