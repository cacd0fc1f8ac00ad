/*
 * fake_online.h - next hops that answer as a test says, behind online.h, for tests of receiving alone
 *
 * What comes of an order is a letter:
 *	+	250		3	354, which is no answer		4, 5	such a refusal
 *	f	452 4.5.3	m, n	a refusal of MAIL, 5.1.1, 5.7.1	s	250 after 2 s
 *	b	a bare 550	p, c	554 5.7.1, 552 5.2.2		8	550 5.6.7, deliver's own
 *	u	unavailable	?	ambiguous			w	waits for its end, or the deadline
 *	d	251		1	521			l	552 to MAIL
 *	6	550 5.6.0 to MAIL	7	553 5.6.7
 *	o	5 of a destination that ends with /one, w of others
 */
#ifndef TESTS_RECEIVE_FAKE_ONLINE_H
#define TESTS_RECEIVE_FAKE_ONLINE_H

#include "base/log.h"
#include "smtpfwd/deliver/online.h"

enum { FAKE_ONLINE_SAID_MAX_BYTES = 4096 };

struct couriers {			/* stands for all next hops */
	struct loop	*loop;
	const char	*rcpts;		/* what comes of each RCPT in turn; the last one for all that follow */
	char		 mail;
	bool		 is_seen;
	enum client_view view;		/* as it was the last time */
	int		 n_open;	/* onlines: 0 at the end, or one leaked */
	struct span	 budget, final_budget;	/* of the latest order */
	char		 said[FAKE_ONLINE_SAID_MAX_BYTES];	/* "new DEST from rcpt ... mail next rcpt ... send ... drop", what was asked for */
	size_t		 n_said;
};

int	fake_online_n_open(const struct couriers *couriers);

#endif
