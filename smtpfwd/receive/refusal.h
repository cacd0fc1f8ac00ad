/*
 * refusal.h - answers to what a client sends that follow from a listener's settings and the bytes alone
 *
 * So that who explains what a session would answer says the same words.
 */
#ifndef RECEIVE_REFUSAL_H
#define RECEIVE_REFUSAL_H

#include "policy/verdict.h"
#include "smtpfwd/smtp/data.h"

/* Large lists of addresses make some 100 KB; other servers stop here or earlier. */
enum { CONTENT_HEADER_MAX_BYTES = 256 * 1024 };

#define REFUSAL_NO_MAIL			REPLY(503, 5, 5, 1, "Send MAIL first")
#define REFUSAL_NO_LOGIN		REPLY(530, 5, 7, 0, "Authentication required")	/* RFC 4954 6 */
#define REFUSAL_TOO_MANY_RECIPIENTS	REPLY(452, 4, 5, 3, "Too many recipients; send the rest in another transaction")
#define REFUSAL_TOO_LARGE		REPLY(552, 5, 3, 4, "Message is larger than the fixed maximum")
#define REFUSAL_HEADER_TOO_LARGE	REPLY(552, 5, 3, 4, "The header section is too large")
#define REFUSAL_TOO_MANY_FIELDS		REPLY(554, 5, 6, 0, "Too many header fields")
#define REFUSAL_NO_ROOM_FOR_CHECKS	REPLY(451, 4, 3, 0, "Cannot check this now; try again later")

/* Whether what the decoder saw so far may stand in a mail; ACTION_ACCEPT or the refusal. */
struct verdict	refusal_of_data(const struct data_decoder *decoder);

#endif
