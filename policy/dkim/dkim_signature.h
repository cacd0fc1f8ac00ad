/*
 * dkim_signature.h - the text of a DKIM-Signature field (RFC 6376 3.5), folded
 */
#ifndef POLICY_DKIM_DKIM_SIGNATURE_H
#define POLICY_DKIM_DKIM_SIGNATURE_H

#include "policy/dkim/dkim_sign_inside.h"

struct dkim_signature_values {		/* what differs from mail to mail */
	const struct signer_selector *selector;
	struct str	 body_hash;	/* bytes */
	const uint8_t	*times;		/* h=: how often each of the signer's names stands there */
	int64_t		 now_s;
};

/* Appends the field up to "b=", which is the last: what is hashed, with nothing behind it. */
void	dkim_signature_unsigned(const struct dkim_signer *signer, const struct dkim_signature_values *values, struct buf *out);

/* Appends the value of b= and the line end. */
void	dkim_signature_value(struct str signature, struct buf *out);

#endif
