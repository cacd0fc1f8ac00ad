/*
 * delegation.h - Postfix's policy delegation protocol: what smtpd asks about a client's command, and the action for it
 *
 * SMTPD_POLICY_README: lines "name=value", an empty line at the end, both ways.  The syntax only.
 */
#ifndef MILTER_DELEGATION_H
#define MILTER_DELEGATION_H

#include "base/buf.h"

enum { DELEGATION_REQUEST_MAX_BYTES = 64 * 1024 };	/* some 40 attributes, each a line that SMTP bounds; 1 KB as a rule */

enum delegation_state {
	DELEGATION_PART,		/* more is to come */
	DELEGATION_WHOLE,
	DELEGATION_BROKEN,		/* a line that is no attribute, a NUL, or too long: the connection is to be closed */
};

struct delegation_request {		/* points into what was read; what was not sent is "" or 0 */
	struct str	 request;		/* "smtpd_access_policy"; another one is not for us */
	struct str	 protocol_state;	/* "RCPT", "DATA", "END-OF-MESSAGE" ... */
	struct str	 instance;		/* the same for all questions about one mail */
	struct str	 queue_id;
	struct str	 client_address;
	struct str	 client_name;
	struct str	 helo_name;
	struct str	 sasl_username;
	struct str	 ccert_subject;
	struct str	 sender;		/* "" is the null reverse-path, too */
	struct str	 recipient;
	struct str	 policy_context;
	uint64_t	 size;			/* bytes; as told by SIZE, or counted at the end */
	uint64_t	 recipient_count;	/* 0 before DATA */
};

/*
 * The request at the front of what came so far; *n_bytes_out is what it took.  Attributes come in any order; unknown ones are read
 * over; of one that stands twice the first counts.  A number that is none is 0.
 */
enum delegation_state	delegation_read(struct str bytes, struct delegation_request *request_out, size_t *n_bytes_out);

/*
 * Appends "action=ACTION TEXT" and the empty line; ACTION is what access(5) has on its right side ("DUNNO", "450 4.7.1"), and the text, which may
 * be empty, is made printable.  0, or -1 and nothing appended when out is full.
 */
int	delegation_reply(const char *action, struct str text, struct buf *out);

#endif
