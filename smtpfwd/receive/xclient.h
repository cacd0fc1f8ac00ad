/*
 * xclient.h - XCLIENT: a client we trust tells on whose behalf it speaks (Postfix's XCLIENT_README)
 */
#ifndef RECEIVE_XCLIENT_H
#define RECEIVE_XCLIENT_H

#include "smtpfwd/receive/session.h"

/*
 * Obeyed, if session->may_xclient: peer is what the command says, rights are judged anew by the new
 * address, and the session begins again with its greeting.  HELO, PROTO and LOGIN are forgotten unless they
 * stand in the same command; the name too, where the address changes.
 */
int	xclient_obey(struct session *session, const struct command_xclient *xclient);

#endif
