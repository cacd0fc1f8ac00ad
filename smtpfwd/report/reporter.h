/*
 * reporter.h - pays the reports that are owed: each becomes a new mail in the queue
 */
#ifndef REPORT_REPORTER_H
#define REPORT_REPORTER_H

#include "base/log.h"
#include "policy/policy.h"
#include "smtpfwd/queue/queue.h"

struct reporter;

/* Holds the policy while it is used, and signs by it, on the crew's threads; NULL: on the loop. */
struct reporter	*reporter_new(struct loop *loop, struct queue *queue, const struct policy *policy, struct os_crew *signers,
		    struct log *log);
/* The reports that are begun from now on are sent by this policy, which is held.  Does not suspend. */
void		 reporter_adopt(struct reporter *reporter, const struct policy *policy);
void		 reporter_stop(struct reporter *reporter, struct instant deadline);	/* suspends */
void		 reporter_free(struct reporter *reporter);

#endif
