/*
 * batch.h - which of a mail's recipients are in its next transaction
 */
#ifndef DELIVER_BATCH_H
#define DELIVER_BATCH_H

#include "smtpfwd/deliver/handover.h"

enum {
	/* Where the server tells a higher LIMITS RCPTMAX: what is on its way stays bounded (RFC 2920 3.1). */
	BATCH_MAX_RECIPIENTS = 500,
};

/* How many recipients a transaction may have (LIMITS RCPTMAX). */
int	batch_limit(const struct ehlo *ehlo);

/* Those without an outcome, in their order, as many as the server's LIMITS allow: how many; batch has room for BATCH_MAX_RECIPIENTS indexes. */
int	batch_pick(const struct ehlo *ehlo, struct offered *recipients, int n_recipients, int *batch);

#endif
