/*
 * online_client.h - clients that bring mails to a next hop and wait for its answers, for stories on the stage
 */
#ifndef TESTS_DELIVER_ONLINE_CLIENT_H
#define TESTS_DELIVER_ONLINE_CLIENT_H

#include "smtpfwd/deliver/online.h"
#include "tests/deliver/stage.h"

struct client_of_ours {			/* brings mails, one after the other */
	struct world	*w;
	int		 n_mails;
	int		 n_recipients;	/* of each; 0: one */
	int		 think_ms;	/* between the recipients and the mail */
	int		 pause_ms;	/* after each mail */
	int		 budget_s;	/* of each answer but the last; 0: 60 */
	struct span	 idle_max;
	bool		 is_introduced;
	uint8_t		 last_byte;	/* of its address; 0: none is known */
	bool		 hangs_up;	/* instead of sending */
	const char	*destination;	/* NULL: relay:x */

	struct fiber	*fiber;
	bool		 is_over;
	int		 n_taken, n_refused, n_unavailable, n_ambiguous, n_cancelled;
	struct span	 longest;	/* of what it waited for an end */
	char		 trouble[400];	/* the last */
};

/* All peers take all mail. */
void	friendly(struct world *w);

void		wait_ms(struct world *w, int ms);
struct instant	in_s(const struct world *w, int seconds);	/* a deadline */

/* Brings all its mails, and counts how they end: in a fiber of its own, or while the caller waits. */
void	begin(struct client_of_ours *us);
void	wait_for(struct client_of_ours *us);
void	bring(struct client_of_ours *us);

/* A mail of this client's of which nothing was asked yet; the caller's to drop. */
struct online	*new_online(struct client_of_ours *us);

/* Connections to all next hops that are in use; lines that the first peer heard and that begin with `what`. */
int	n_busy(struct world *w);
int	n_heard(const struct world *w, const char *what);

#endif
