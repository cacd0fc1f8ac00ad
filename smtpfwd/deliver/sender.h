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

/* The mail's own wish stands above what its way says. */
static inline enum srs_mode
sender_mode(enum srs_mode of_way, enum srs_wish wish)
{
	switch (wish) {
	case SRS_WISH_NONE:
		return of_way;
	case SRS_WISH_AUTO:
		return SRS_AUTO;
	case SRS_WISH_ALWAYS:
		return SRS_ALWAYS;
	case SRS_WISH_NEVER:
		return SRS_NEVER;
	}
	return of_way;
}

/* NULL: the reverse-path itself. */
static inline const struct address *
sender_srs(enum srs_mode mode, const struct envelope *envelope, bool is_client_seen)
{
	if (address_is_null(&envelope->srs_path))
		return NULL;
	switch (sender_mode(mode, envelope->srs_wish)) {
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
