/*
 * mails.h - mails of a measurement that were made before, as signer.c makes them: from a file that is our standard input
 *
 * Each stands behind a line with its length in bytes.
 */
#ifndef BENCH_MAILS_H
#define BENCH_MAILS_H

#include "base/str.h"

struct mails {				/* for the life of the process */
	struct str	*all;
	long		 n;
};

/* False, and a line on stderr: it is no such file. */
bool		mails_read(struct mails *mails);

/* The mail of a number; they come round again and again. */
struct str	mails_get(const struct mails *mails, long number);

/* The address in its field From, which begins a line "From: <"; empty: there is none. */
struct str	mails_author(struct str mail);

#endif
