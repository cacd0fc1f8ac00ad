/*
 * batch.c - which of a mail's recipients are in its next transaction
 */
#include "smtpfwd/deliver/batch.h"
#include "smtpfwd/smtp/limits.h"

int
batch_limit(const struct ehlo *ehlo)
{
	if (ehlo->limit_rcptmax == 0)
		return SMTP_RECIPIENTS_LEAST;
	return ehlo->limit_rcptmax < BATCH_MAX_RECIPIENTS ? (int)ehlo->limit_rcptmax : BATCH_MAX_RECIPIENTS;
}

/* True if the recipient's domain is among those of the batch already, or one more is allowed (RFC 9422 RCPTDOMAINMAX). */
static bool
domain_fits(const struct ehlo *ehlo, const struct offered *all, const int *batch, int n_batch, int candidate)
{
	uint64_t limit = ehlo->limit_rcptdomainmax, n_domains = 0;
	int i, j;

	if (limit == 0)
		return true;
	for (i = 0; i < n_batch; i++) {
		struct str domain = all[batch[i]].recipient->address.domain;

		if (str_eq_nocase(domain, all[candidate].recipient->address.domain))
			return true;
		for (j = 0; j < i && !str_eq_nocase(domain, all[batch[j]].recipient->address.domain); j++)
			;
		n_domains += j == i;
	}
	return n_domains < limit;
}

int
batch_pick(const struct ehlo *ehlo, struct offered *recipients, int n_recipients, int *batch)
{
	int limit = batch_limit(ehlo), n_batch = 0;

	for (int i = 0; i < n_recipients && n_batch < limit; i++) {
		recipients[i].is_accepted = false;
		if (!recipients[i].has_outcome && domain_fits(ehlo, recipients, batch, n_batch, i))
			batch[n_batch++] = i;
	}
	return n_batch;
}
