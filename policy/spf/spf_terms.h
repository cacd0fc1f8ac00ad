/*
 * spf_terms.h - which term of a record matches the client
 */
#ifndef POLICY_SPF_SPF_TERMS_H
#define POLICY_SPF_SPF_TERMS_H

#include "policy/spf/spf_inquiry.h"
#include "policy/spf/spf_record.h"

/*
 * Evaluates the domain's parsed record: *value_out and *mechanism_out say what matches, and are
 * left alone where nothing does.  False with *value_out an error, and the fault set.  Suspends.
 */
bool	spf_evaluate(struct spf_inquiry *c, struct str domain, const struct spf_record *record, enum spf_value *value_out,
	    struct str *mechanism_out);

#endif
