/*
 * again.h - which next hop may have a mail already, for it gave no answer to its end (RFC 1047)
 *
 * The next try goes there first: a server that knows the mail by its Message-ID takes it once only, and another one
 * would surely be a second one to have it.  A preference and no promise: it is forgotten with the process, and where
 * too many came after it.  A next hop that takes nobody's mail any more, after a reload say, is not kept for it.
 */
#ifndef DELIVER_AGAIN_H
#define DELIVER_AGAIN_H

#include "mail/mail_id.h"
#include "smtpfwd/deliver/choices.h"

struct again { struct list mails; };	/* the oldest first */

void	again_init(struct again *again);
void	again_note(struct again *again, const struct mail_id *mail, struct next_hop *next_hop);

/* Its place among the choices, if it is there, up and has room of that kind; it is forgotten then.  Else -1. */
int	again_find(struct again *again, const struct mail_id *mail, const struct choices *choices, enum line line);

/* True if it is to be tried at another next hop first. */
bool	again_is_elsewhere(const struct again *again, const struct mail_id *mail, const struct next_hop *next_hop);

void	again_forget_unlisted(struct again *again);	/* next hops that no site has */
void	again_forget(struct again *again);	/* all */

#endif
