/*
 * recipients.h - what is known of mailboxes, kept over restarts: knowledge.h and its file joined by a fiber
 *
 * Who asks and tells never waits: the table is in memory.  What changed is appended to the file by a thread every few
 * seconds.  A disk that is full, read-only or slow costs only what a restart then does not know.
 */
#ifndef RECIPIENTS_RECIPIENTS_H
#define RECIPIENTS_RECIPIENTS_H

#include "base/log.h"
#include "smtpfwd/recipients/knowledge.h"
#include "smtpfwd/runtime/fiber.h"

struct recipients;

struct recipients_settings {
	const char		*path;		/* of the file; copied.  PATH.new is ours too */
	struct knowledge_bounds	 bounds;
	int64_t			 reserve_bytes;	/* of the disk: with less room nothing is written */
};

/* Reads the file, for these relays.  What is wrong with it is logged and not known.  Blocks; NULL and a fault without a thread. */
struct recipients *recipients_new(struct loop *loop, const struct recipients_settings *settings, const char *const *relays,
		    int n_relays, struct log *log, struct fault *fault_out);

/* To be asked, told and looked at, on the loop's thread; valid until recipients_free. */
struct knowledge *recipients_knowledge(struct recipients *recipients);

/* At reload; the path stays. */
void		 recipients_set(struct recipients *recipients, const struct recipients_settings *settings, const char *const *relays,
		    int n_relays);

/* Writes what waits.  False when the disk did not take it by the deadline: then it must not be freed.  Suspends. */
bool		 recipients_stop(struct recipients *recipients, struct instant deadline);
void		 recipients_free(struct recipients *recipients);	/* after a recipients_stop that was true; NULL is nothing */

#endif
