/*
 * srs_inside.h - what srs.c and srs_rules.c share; not for others
 */
#ifndef POLICY_SRS_SRS_INSIDE_H
#define POLICY_SRS_SRS_INSIDE_H

#include "policy/srs/srs.h"

struct srs_rules {
	struct str	 domain;	/* owned, as are the secrets */
	struct str	 secrets[SRS_SECRETS_MAX];
	int		 n_secrets;
	int		 max_age_days;
	int		 local_max_bytes;
	char		 separator;
};

#endif
