/*
 * policy_server.h - whether a client may have more mail now, for a Postfix that asks by check_policy_service: the rate limits of classes
 *
 * Asked at MAIL, RCPT and DATA it says what would be in the way, and at the end of the mail (smtpd_end_of_data_restrictions) it counts
 * it: a message, its recipients, its bytes.  Until there nothing is counted, so that the same mail may come again.
 *
 * Postfix tells it neither the header nor, of several recipients, who they are: the class is that of the client and the
 * reverse-path.  policy_context, where Postfix has it, is the listener's name, as daemon_name is for the milter.
 */
#ifndef MILTER_POLICY_SERVER_H
#define MILTER_POLICY_SERVER_H

#include "base/log.h"
#include "milter/inquiries.h"
#include "milter/locked_rates.h"
#include "milter/rules.h"

struct policy_desk {			/* the context of policy_server */
	struct rules_place	*rules;
	struct locked_rates	*rates;
	struct log		*log;
};

/* As inquiry_kind.answer wants it.  What is not understood, or is none of the four, is not ours to stop: "DUNNO". */
ptrdiff_t	policy_answer(const struct rules *rules, struct locked_rates *rates, struct log *log, struct str bytes, struct instant now,
		    struct buf *out);

extern const struct inquiry_kind	policy_server;

#endif
