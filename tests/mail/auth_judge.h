/*
 * auth_judge.h - the authres package as the judge of what we write into Authentication-Results
 */
#ifndef TESTS_MAIL_AUTH_JUDGE_H
#define TESTS_MAIL_AUTH_JUDGE_H

#include <stdio.h>

#include "base/str.h"

struct auth_judge {
	FILE	*questions;		/* to it */
	FILE	*answers;
	int	 n_told;
};

void	auth_judge_open(struct auth_judge *judge);

/* want: lines "method=result", "reason=...", "ptype.name=value", in order. */
void	auth_judge_tell(struct auth_judge *judge, struct str field, struct str want);

/* Expects that it read all as wanted, in the case at hand. */
void	auth_judge_close(struct auth_judge *judge);

#endif
