/*
 * class_rate.h - one limit of a class as a person writes it: "100 messages/1h per login", "10M bytes/1d per client"
 *
 * What it allows is rate.h's; who has used how much of it is class_rates.h's.
 */
#ifndef POLICY_CLASS_CLASS_RATE_H
#define POLICY_CLASS_CLASS_RATE_H

#include "policy/class/rate.h"

enum class_rate_unit { RATE_OF_MESSAGES, RATE_OF_RECIPIENTS, RATE_OF_BYTES };	/* bytes: of the content, once for all recipients */
enum { CLASS_RATE_UNITS = 3 };

enum class_rate_key {			/* for each of whom it is */
	RATE_PER_CLIENT,		/* its address (rate_client_key); all whose address is not known are one */
	RATE_PER_LOGIN,			/* who has not logged in is not limited by it */
	RATE_PER_SENDER,		/* the reverse-path, which is a claim; with a null one it is the client */
};

struct class_rate {
	enum class_rate_unit	 unit;
	enum class_rate_key	 key;
	struct rate_limit	 limit;
};

/* False: it is none, *why_out is a constant that goes on where the text stood. */
bool		class_rate_read(struct str text, struct class_rate *rate_out, const char **why_out);

/* As one would write it; reads back. */
enum { CLASS_RATE_TEXT_MAX = 80 };
struct str	class_rate_text(const struct class_rate *rate, char room[CLASS_RATE_TEXT_MAX]);

bool		class_rate_eq(const struct class_rate *a, const struct class_rate *b);

#endif
