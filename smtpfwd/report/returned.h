/*
 * returned.h - what a report returns of the mail it is about: all of it or its header section
 */
#ifndef REPORT_RETURNED_H
#define REPORT_RETURNED_H

#include "smtpfwd/report/outlet.h"

struct returned {
	bool		 is_full;	/* else the header section */
	bool		 is_8bit;	/* there are bytes beyond ASCII in what is returned */
	int64_t		 n_bytes;	/* from the mail's first on */
	struct str	 message_id;	/* of the mail, with its brackets, safe to be written; "" for none */
	struct str	 subject;	/* on one line, as it stands there; "" for none */
};

/* Reads the mail to learn that; strings are in owed's arena.  Suspends.  0 or -1. */
int	returned_look(struct queue *queue, const struct owed *owed, struct instant deadline,
	    struct returned *returned_out, struct fault *fault_out);

/* Appends what is returned to the report, in quoted-printable if is_quoted.  Suspends.  0 or -1. */
int	returned_copy(struct queue *queue, const struct owed *owed, const struct returned *returned, bool is_quoted,
	    struct outlet *outlet, struct instant deadline, struct fault *fault_out);

#endif
