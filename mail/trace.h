/*
 * trace.h - the Received field that a relay puts on top of a mail (RFC 5321 4.4)
 *
 * Return-Path is not ours to add: we relay.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "base/buf.h"
#include "mail/envelope.h"
#include "mail/mail_id.h"
#include "mail/peer.h"

enum { TRACE_MAX_BYTES = 4096 };	/* the longest field; parts of others are cut to fit */

/*
 * Appends "Received: from ... by hostname (smtpfwd) with ... id ...; date" with its line ends,
 * folded under 78 columns where its words allow.  "for" stands there only with exactly one
 * recipient, so that no blind copy is told.  Bytes of others cannot leave their place.
 *
 * 0, or -1 when out is full.
 */
int	trace_append_received(const struct peer *peer, const struct envelope *envelope,
	    struct str hostname, const struct mail_id *id, struct timestamp now, struct buf *out);

#endif
