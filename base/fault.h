/*
 * fault.h - why something failed, and whether trying again can help
 *
 * A function that can fail returns 0, or -1 with *fault_out set.  In doubt a fault
 * is temporary: our trouble never bounces someone's mail.  A peer's answer is not a
 * fault but a struct reply.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

enum fault_kind {
	FAULT_TEMPORARY,		/* trying again later can help */
	FAULT_PERMANENT,		/* it cannot */
};

enum fault_cause {			/* what callers tell apart; the text says the rest */
	FAULT_OTHER,
	FAULT_TIMED_OUT,		/* the deadline passed */
	FAULT_CLOSED,			/* the peer closed or reset the connection */
	FAULT_CANCELLED,		/* our own fiber is to end */
	FAULT_FULL,			/* a limit of ours or the disk */
};

struct fault {
	enum fault_kind		 kind;
	enum fault_cause	 cause;
	char			 text[240];	/* one printable line; bytes of others are escaped */
};

/* Each sets *fault_out (if not NULL) and returns -1, so that a caller can return it. */
int	fault_temporary(struct fault *fault_out, const char *format, ...)
	    __attribute__((format(printf, 2, 3), cold));
int	fault_permanent(struct fault *fault_out, const char *format, ...)
	    __attribute__((format(printf, 2, 3), cold));
int	fault_because(struct fault *fault_out, enum fault_cause cause, const char *format, ...)
	    __attribute__((format(printf, 3, 4), cold));	/* temporary */

/* Puts "CONTEXT: " before the text; returns -1. */
int	fault_prefix(struct fault *fault, const char *format, ...)
	    __attribute__((format(printf, 2, 3), cold));

#endif
