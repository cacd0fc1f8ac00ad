/*
 * recipients_commands.h - what an operator can do about what is known of recipients: list, import, forget
 *
 * recipients-list: "address" (with "relay", if it is not the one that takes its domain), or "relay", or nothing for all.
 * Answers with "recipient" for each: "relay", "address", "known" (good, bad, and of one asked for, unknown), "told", "until";
 * then, unless an address was asked for, with "relay" for each: "name", "good", "bad", and how many of either had to "go"
 * before their time for want of room since the start ("good-gone", "bad-gone").  A next hop that takes every name shows
 * there: none are bad, and good ones had to go.
 *
 * A relay that goes by the recipient is known by its next hops, "relay/next-hop" each: its title alone is all of them, and an
 * address has a "recipient" of each.
 *
 * recipients-import: "addresses", a list, and "relay" as above: they are known to be good, as of now; or with "known":
 * "bad", to be bad.  Answers with "refused" for each that is not ("address", "why"), then "imported", a number.
 *
 * recipients-forget: "address" and "relay" as above, or "relay", or "all": true.  Answers with "forgotten", a number.
 */
#ifndef CONTROL_RECIPIENTS_COMMANDS_H
#define CONTROL_RECIPIENTS_COMMANDS_H

#include "smtpfwd/control/control.h"
#include "smtpfwd/recipients/knowledge.h"

struct recipients_commands {		/* context of the commands; outlives the control */
	struct knowledge	*knowledge;
	struct log		*log;
	/* The relay that takes a domain's mail, or NULL. */
	const char	       *(*relay_of)(void *context, struct str domain);
	void			*relay_of_context;
};

enum { RECIPIENTS_COMMANDS_N = 3 };
void	recipients_commands_fill(struct recipients_commands *context, struct control_command commands_out[RECIPIENTS_COMMANDS_N]);

#endif
