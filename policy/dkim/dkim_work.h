/*
 * dkim_work.h - how long the signatures of a header take to be checked, so that who waits beside them can be spared
 */
#ifndef POLICY_DKIM_DKIM_WORK_H
#define POLICY_DKIM_DKIM_WORK_H

#include "mail/header.h"
#include "policy/dkim/dkim_lookup.h"

/*
 * About so many microseconds of CPU: the library goes through the header for each well-formed signature, and for each of its names
 * through all fields; those that are not refused are verified with their keys.
 */
uint64_t	dkim_work_us(const struct dkim_signature *signatures, int n_signatures, const struct header_section *header);

#endif
