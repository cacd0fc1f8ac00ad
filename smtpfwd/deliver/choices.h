/*
 * choices.h - the next hops of one site, in the order to try them
 *
 * Immutable once made: who carries a mail holds on to the ones it began with.  Those of the least rank that are up take
 * all; a busy one is no reason to go to a reserve.  Within a rank they take turns, or the least busy is taken.
 */
#ifndef DELIVER_CHOICES_H
#define DELIVER_CHOICES_H

#include "base/list.h"
#include "smtpfwd/deliver/next_hop.h"

struct site;

struct choice {
	struct next_hop	*next_hop;
	struct site	*site;		/* whose it is */
	unsigned	 rank;
	struct list_link listed;	/* of the next hop; in a list only while the site goes by these choices */
	struct list_link waiting[LINE_N_KINDS];	/* of the next hop: the site waits for room there */
};

struct choices {
	int		 n_users;
	bool		 by_least_busy;
	unsigned	 turn;
	int		 n;
	struct choice	 at[];		/* by rank */
};

struct choices	*choices_new(int n, bool by_least_busy);	/* one user; next hops are put in by choices_put */
void		 choices_put(struct choices *choices, int i, struct next_hop *next_hop, unsigned rank);
void		 choices_use(struct choices *choices);
void		 choices_leave(struct choices *choices);	/* the last one frees */

/* A site goes by them, or no more: its next hops know. */
void		 choices_list(struct choices *choices, struct site *site);
void		 choices_unlist(struct choices *choices);

/* The site waits for room of that kind at those that it would use now; or no more.  Its place in line is kept. */
void		 choices_wait(struct choices *choices, enum line line);
void		 choices_stop_waiting(struct choices *choices, enum line line);
bool		 choices_are_waiting(const struct choices *choices);	/* in any line */

/* Other sites stand in line where it would go now, and something is under way there that will end. */
bool		 choices_have_a_line(const struct choices *choices);

enum choosing {
	CHOICE_MADE,
	CHOICE_ALL_BUSY,		/* who is left has no room */
	CHOICE_NONE_LEFT,		/* all are down or tried */
};

/* Number i is up and has room of that kind. */
bool		 choices_has_room(const struct choices *choices, int i, enum line line);

/* Room of that kind; bit i of tried: not number i. */
enum choosing	 choices_choose(struct choices *choices, uint64_t tried, enum line line, int *i_out);

/* Of these those that are up and not worth a client's wait now, as bits. */
uint64_t	 choices_vain(const struct choices *choices);
/* Those where the wait for room would be, but for the tried: they gave no sign of life since then. */
uint64_t	 choices_silent(const struct choices *choices, uint64_t tried, struct instant since);
bool		 choices_has_left(const struct choices *choices, uint64_t tried);	/* one that is up */
bool		 choices_are_down(const struct choices *choices);	/* all of them */
void		 choices_tell_down(const struct choices *choices, struct trouble *trouble_out);	/* and why */

/* Adds the next hop to those tried. */
void		 choices_mark(const struct choices *choices, const struct next_hop *next_hop, uint64_t *tried);

/* Mails that those that would be used now have room for together; -1: all are down. */
int		 choices_room(const struct choices *choices, int *n_large_out);

#endif
