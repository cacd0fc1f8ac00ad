/*
 * dkim_judge.h - libopendkim as the judge of what we signed: it has the keys' records and says how many signatures are right
 */
#ifndef TESTS_POLICY_DKIM_JUDGE_H
#define TESTS_POLICY_DKIM_JUDGE_H

#include "policy/dkim/dkim_key.h"

struct dkim_judge;

/* For it the time is always now_s. */
struct dkim_judge	*dkim_judge_new(uint64_t now_s);
void			 dkim_judge_free(struct dkim_judge *judge);

/* The record of the key's public half, by its selector in any domain; it is the judge's. */
const char		*dkim_judge_add(struct dkim_judge *judge, const char *selector, const struct dkim_key *key);

/* How many signatures of the domain it takes for right. */
int			 dkim_judge_n_right(struct dkim_judge *judge, const char *domain, struct str mail);

#endif
