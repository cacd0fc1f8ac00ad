/*
 * ahead.h - asks the DNS for what a mail's checks will ask for, before they do: then it is in the resolver's cache
 *
 * The checks ask one thing behind the other, and for DMARC's records last of all, when the mail has come and Postfix waits.
 */
#ifndef MILTER_AHEAD_H
#define MILTER_AHEAD_H

#include "policy/inspect.h"

/* The records that SPF begins with. */
void	ahead_ask_for_spf(const struct inspect_inputs *inputs, struct instant deadline);

/* The author's policy.  False: something was not settled, and it is no use to wait for that once more.  Both suspend. */
bool	ahead_ask_for_dmarc(const struct inspect_inputs *inputs, struct instant deadline);

#endif
