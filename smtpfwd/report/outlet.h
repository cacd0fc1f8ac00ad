/*
 * outlet.h - where the bytes of a report go: into its draft, and past its signature
 */
#ifndef REPORT_OUTLET_H
#define REPORT_OUTLET_H

#include "policy/seal.h"
#include "smtpfwd/queue/queue.h"

struct outlet {
	struct draft	*draft;
	struct seal	*seal;		/* NULL: the bytes are the header section's, which it knows */
};

/* As draft_append; lets other fibers run in between if there is much to sign.  Suspends. */
int	outlet_append(struct outlet *outlet, struct str bytes, struct instant deadline, struct fault *fault_out);

#endif
