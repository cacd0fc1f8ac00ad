/*
 * inquiries.h - a socket at which programs ask one question after another, and hear an answer to each
 *
 * Postfix's processes keep such connections open: they ask, wait, and ask again.  What a question is, and the answer to it,
 * is for whoever opens it: socketmap_server.h, policy_server.h.  A fiber for each connection; when there are too many, the one that was silent
 * for longest is closed for the new one, for Postfix comes again by itself where it finds a connection closed.
 */
#ifndef MILTER_INQUIRIES_H
#define MILTER_INQUIRIES_H

#include "base/buf.h"
#include "base/log.h"
#include "smtpfwd/runtime/fiber.h"

enum {
	INQUIRIES_CONNECTIONS_MAX = 2000,	/* a Postfix process each; a fiber and its stack in memory */
};

struct inquiry_kind {
	const char	*name;			/* of fibers, and in the log: a constant */
	size_t		 question_max_bytes;	/* what is longer is none */
	size_t		 answer_max_bytes;
	/*
	 * Looks at what came so far.  Appends the answer to the question at the front, and returns how many bytes that took; 0: more is to
	 * come; -1: that is no question, and the connection is closed.  Does not suspend.
	 */
	ptrdiff_t	(*answer)(void *context, struct str bytes, struct instant now, struct buf *out);
};

struct inquiries;

/* Serves on a listening socket, TCP or unix, which it takes over, with a fault too.  The kind, its context and the log outlive it. */
struct inquiries	*inquiries_open(struct loop *loop, int listener, const struct inquiry_kind *kind, void *context, struct log *log,
			    struct fault *fault_out);

/* Takes no more connections, and ends those that are open: answers that are under way still go out, if they go at once.  Suspends until all ended. */
void			 inquiries_stop(struct inquiries *inquiries);
void			 inquiries_free(struct inquiries *inquiries);	/* stopped; NULL is nothing */

const char		*inquiries_name(const struct inquiries *inquiries);		/* its kind's */
int			 inquiries_n_connections(const struct inquiries *inquiries);
int64_t			 inquiries_n_answered(const struct inquiries *inquiries);	/* questions, since it was opened */

#endif
