/*
 * journal.h - a log line as an entry of systemd's journal, with fields that it can be found by
 *
 * journalctl SMTPFWD_ID=4XPRnB2kQ0 is the story of one mail, SMTPFWD_EVENT=deferred all that was deferred.  Only the
 * words of the native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL); os_tell brings them to the socket.
 */
#ifndef RUNTIME_JOURNAL_H
#define RUNTIME_JOURNAL_H

#include "base/buf.h"

#define JOURNAL_SOCKET	"/run/systemd/journal/socket"

enum { JOURNAL_FIELDS_MAX_BYTES = 1024 };	/* of an entry, beside its line */

/*
 * MESSAGE (the line as it is), PRIORITY (RFC 5424's severity), SYSLOG_IDENTIFIER, SMTPFWD_EVENT (its first word) and,
 * if it is about a mail, SMTPFWD_ID.  0, or -1 when the buffer is full.
 */
int	journal_write_entry(struct buf *entry, const char *program, int priority, struct str line);

#endif
