/*
 * sender.h - which reverse-path MAIL says: the sender's own, or its SRS form
 *
 * The one place of the rule; how the form is made is policy/decide_srs.h's.
 */
#ifndef DELIVER_SENDER_H
#define DELIVER_SENDER_H

#include "mail/envelope.h"
#include "mail/identity.h"
#include "smtpfwd/deliver/identity.h"

/* This very connection stands for the mail's client (PROXY, XCLIENT), so that SPF asks for its address and not for ours. */
static inline bool
sender_is_seen(const struct client *client, const struct identity *identity)
{
	return identity_is_seen(client) && identity != NULL && identity->client.ip.family != IP_NONE;
}

/* NULL: the reverse-path itself. */
static inline const struct address *
sender_srs(enum srs_mode mode, const struct envelope *envelope, bool is_client_seen)
{
	if (address_is_null(&envelope->srs_path))
		return NULL;
	switch (mode) {
	case SRS_AUTO:
		return envelope->is_sender_ours || is_client_seen ? NULL : &envelope->srs_path;
	case SRS_ALWAYS:
		return &envelope->srs_path;
	case SRS_NEVER:
		return NULL;
	}
	return NULL;
}

#endif
