/*
 * refusal.c - bytes that no mail may have
 */
#include "smtpfwd/receive/refusal.h"

static struct verdict
refuse(const char *reason, struct reply reply)
{
	return (struct verdict){ .action = ACTION_REJECT, .reply = reply, .reason = reason };
}

struct verdict
refusal_of_data(const struct data_decoder *decoder)
{
	if (data_is_refused(decoder))
		return refuse("bare line end", REPLY(554, 5, 6, 0, "Lines must end in CRLF; a bare CR or LF was found"));
	if ((decoder->found & DATA_FOUND_NUL) != 0)	/* RFC 5322 4: obsolete, and no relay carries it unharmed */
		return refuse("NUL", REPLY(554, 5, 6, 0, "A mail must not contain NUL"));
	if ((decoder->found & DATA_FOUND_LONG_LINE) != 0)
		return refuse("long line", REPLY(554, 5, 6, 0, "A line is too long"));
	return (struct verdict){ .action = ACTION_ACCEPT };
}
