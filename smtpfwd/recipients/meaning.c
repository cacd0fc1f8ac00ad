/*
 * meaning.c - reads a reply for what it says about the mailbox alone
 */
#include "smtpfwd/recipients/meaning.h"

bool
meaning_is_closed(const struct reply *reply)
{
	const struct status *status = &reply->status;

	return reply_is_permanent(reply) && status->class == 5 && status->subject == 2 && (status->detail == 1 || status->detail == 2);
}

enum meaning
meaning_of(const struct recipient_answer *answer)
{
	const struct reply *reply = answer->reply;

	if (answer->question == QUESTION_OTHER)
		return MEANS_NOTHING;
	if (reply->code >= 200 && reply->code < 300)
		return MEANS_GOOD;
	if (!reply_is_permanent(reply))
		return MEANS_NOTHING;
	/* 5.1.2 (no such system), 5.1.3 (syntax), 5.2.x (full, disabled), 5.7.x (policy) pass, or are about something else. */
	if (status_is_no_mailbox(reply->status))
		return MEANS_BAD;
	if (reply->code == 550 && reply->status.class == 0 && answer->question == QUESTION_RCPT && answer->asker == ASKER_OURSELVES)
		return MEANS_BAD_PERHAPS;
	return MEANS_NOTHING;
}
