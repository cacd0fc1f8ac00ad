/*
 * rules_source.h - today's policy, for who answers by it: a reload puts another one in its place while others still use the old one
 */
#ifndef MILTER_RULES_SOURCE_H
#define MILTER_RULES_SOURCE_H

#include "policy/policy.h"

struct rules_source {			/* called in the thread of whoever asks for it, at any time */
	const struct policy	*(*hold)(void *context);	/* never NULL; it lives until it is let go */
	void			 (*let_go)(void *context, const struct policy *policy);
	void			  *context;
};

#endif
