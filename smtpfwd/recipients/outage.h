/*
 * outage.h - what a client hears about a recipient while the next hop cannot be asked: a pure function
 */
#ifndef RECIPIENTS_OUTAGE_H
#define RECIPIENTS_OUTAGE_H

#include "smtpfwd/recipients/meaning.h"

enum outage_unknown {			/* the relay's setting for recipients of whom nothing is known */
	OUTAGE_DEFER,			/* the client keeps the mail: nothing that we took has to be bounced later */
	OUTAGE_ACCEPT,
};

/* 250: accepted, to be queued; 550 5.1.1; 451 4.4.1.  The text is constant. */
struct reply	outage_reply(enum known known, enum outage_unknown setting);

#endif
