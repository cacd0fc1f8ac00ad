/*
 * received_spf.h - the Received-SPF field (RFC 7208 9.1), which says how a check by SPF went
 */
#ifndef MAIL_RECEIVED_SPF_H
#define MAIL_RECEIVED_SPF_H

#include "base/buf.h"
#include "base/endpoint.h"

struct received_spf {			/* what is empty is not written; bytes of others are any bytes */
	const char	*result;	/* "pass", "fail", "softfail", "neutral", "none", "temperror", "permerror" */
	struct str	 comment;	/* for people */
	struct ip	 client;
	struct str	 envelope_from;
	struct str	 helo;
	const char	*identity;	/* "mailfrom" or "helo": which one was checked */
	struct str	 receiver;	/* our name */
	struct str	 mechanism;	/* that matched */
	struct str	 problem;	/* for an error */
};

/* Appends the field with its line ends, folded.  0, or -1 and nothing appended when out is full. */
int	received_spf_append(const struct received_spf *spf, struct buf *out);

#endif
