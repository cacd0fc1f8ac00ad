/*
 * xtext.h - ENVID, ORCPT and XCLIENT values: text in which other bytes are +HH (RFC 3461 4)
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "base/buf.h"

/* xtext (RFC 3461 4): +HH for what is not printable ASCII, "+" or "=".  0, or -1 malformed or full. */
int	xtext_encode(struct str bytes, struct buf *out);
int	xtext_decode(struct str text, struct buf *out);
bool	xtext_is_valid(struct str text);

#endif
