/*
 * onward.h - what is known of the way that a mail will go, while its client still waits, and what follows
 */
#ifndef RECEIVE_ONWARD_H
#define RECEIVE_ONWARD_H

#include "policy/classify.h"
#include "policy/seal.h"
#include "policy/survive.h"
#include "smtpfwd/receive/session.h"

/*
 * What of the transaction's mail, which was accepted by what was found, holds behind us, and what is done where that is too
 * little (decide_doomed).  By what the best of its next hops sees: what is lost there is lost for all recipients.
 */
void	onward_judge(struct session *session, const struct mail_class *class, const struct findings *findings, const struct field_changes *changes,
	    const struct seal *seal, struct survival *survival_out, struct verdict *verdict);

#endif
