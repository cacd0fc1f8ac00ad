/*
 * outage.c - known good, known bad, and what the relay wants for the rest
 */
#include "smtpfwd/recipients/outage.h"

struct reply
outage_reply(enum known known, enum outage_unknown setting)
{
	switch (known) {
	case KNOWN_GOOD:
		return REPLY(250, 2, 1, 5, "Recipient ok");
	case KNOWN_BAD:
		return REPLY(550, 5, 1, 1, "No such mailbox, its server said");
	case KNOWN_NOT:
		break;
	}
	switch (setting) {
	case OUTAGE_ACCEPT:
		return REPLY(250, 2, 1, 5, "Recipient ok");
	case OUTAGE_DEFER:
		break;
	}
	return REPLY(451, 4, 4, 1, "The server of this mailbox cannot be asked now, try again later");
}
