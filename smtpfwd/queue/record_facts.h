/*
 * record_facts.h - the facts in a MAIL record, as bytes and back; for record.c only
 */
#ifndef QUEUE_RECORD_FACTS_H
#define QUEUE_RECORD_FACTS_H

#include "base/octets.h"
#include "smtpfwd/queue/queue.h"

enum {
	/* Of a text of the client's identity; no next hop can be told more (RFC 5321 4.5.3.1.2; smtp/introduce.h). */
	FACTS_IDENTITY_TEXT_MAX_BYTES = 255,
};

/* True if there are facts with tags: the record says so in its flags, for without them it is as it always was. */
bool	record_has_more_facts(const struct mail_facts *facts);

/* All but the flags.  0, or other than 0 when out is full. */
int	record_put_facts(const struct mail_facts *facts, struct buf *out);

/* All but the flags; o goes bad where that cannot be. */
void	record_take_facts(struct octets *o, bool has_more, struct arena *arena, struct mail_facts *facts_out);

#endif
