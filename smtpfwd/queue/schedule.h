/*
 * schedule.h - which delivery is next: preferred destinations before others, in turn, oldest due first within one
 *
 * A slot is one mail's part for one destination.  It is due, later, released, out or idle
 * (held).  Large mails of a destination stand in a line of their own: they may be limited
 * apart, and the two lines take turns.  Everything is O(log n) in the slots of one destination, or better.  Knows no disk.
 */
#ifndef QUEUE_SCHEDULE_H
#define QUEUE_SCHEDULE_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/runtime/sync.h"

struct entry;

enum slot_where {
	SLOT_IDLE,			/* held by the operator, or not placed yet */
	SLOT_DUE,			/* in the destination's list of due ones */
	SLOT_LATER,			/* in its heap of later ones, or of released ones */
	SLOT_OUT,			/* in delivery */
};

struct slot {
	struct entry	*entry;
	struct slot	*next;		/* of the same mail */
	struct destination *destination;
	union {
		struct list_link due;
		struct heap_item later;	/* in whichever of the two heaps */
	} room;
	uint32_t	 n_tries;	/* the most of its recipients */
	uint32_t	 n_recipients;	/* as matched last; only while the mail is open */
	enum slot_where	 where : 8;
	bool		 is_probe : 1;	/* given out while the destination is held back */
	bool		 is_succeeded : 1;	/* out, but its place is another one's already */
	bool		 is_large : 1;
};

enum { HELD_WHY_MAX_BYTES = 160 };

struct line {				/* of a destination: its large mails, or the others */
	struct list	 due;
	struct heap	 later;
	struct heap	 released;	/* their time was later, but the destination is back */
	int64_t		 n_out;
	int		 limit;		/* of n_out */
};

enum { LINE_SMALL, LINE_LARGE, N_LINES };

struct destination {
	struct list_link by_name;	/* of all destinations, any order */
	struct list_link ready;		/* it has something to give; in the one list or the other */
	struct heap_item wake;		/* when to look at it again */
	struct line	 lines[N_LINES];
	int		 turn;		/* the line that gives next if both can */
	int64_t		 n_slots;
	int64_t		 n_out;
	int		 limit;		/* of n_out; QUEUE_NO_LIMIT */
	bool		 is_preferred;
	bool		 is_held_back;
	char		 held_why[HELD_WHY_MAX_BYTES];	/* for people; "" when not held back */
	bool		 is_probe_out;
	struct instant	 held_until;
	struct slot	*found;		/* scratch of whoever matches recipients with slots */
	size_t		 name_bytes;
	char		 name[];
};

struct schedule {
	struct map	 by_name;
	struct list	 all;
	struct list	 preferred;	/* destinations that are ready, the next one first */
	struct list	 ready;		/* those that come after these */
	struct heap	 wakes;
	struct signal_list takers;	/* fibers that wait for something to be due */
	struct loop	*loop;
	struct timer	 timer;		/* for the least of wakes */
	struct instant	 rings;		/* what it is set to; INSTANT_NEVER: not set */
};

void	schedule_init(struct schedule *schedule, struct loop *loop);
void	schedule_fini(struct schedule *schedule);	/* no slot is left */

/* The destination of this name, made if there is none.  One without slots, limit or hold is freed by itself. */
struct destination	*destination_get(struct schedule *schedule, struct str name);
struct destination	*destination_find(const struct schedule *schedule, struct str name);	/* NULL: none */
static inline struct str destination_name(const struct destination *d) { return str_n(d->name, d->name_bytes); }

/* A new slot, idle. */
struct slot	*slot_new(struct schedule *schedule, struct entry *entry, struct destination *destination, bool is_large);
void		 slot_free(struct schedule *schedule, struct slot *slot);	/* from wherever it is */
void		 slot_place(struct schedule *schedule, struct slot *slot, struct instant due, struct instant now);
void		 slot_place_first(struct schedule *schedule, struct slot *slot, struct instant now);	/* due, before all others of its kind */
void		 slot_set_idle(struct schedule *schedule, struct slot *slot);

/* True if schedule_take would give one. */
static inline bool schedule_has_ready(const struct schedule *s) { return !list_is_empty(&s->preferred) || !list_is_empty(&s->ready); }

/* The next slot, now out; NULL: nothing is due.  The second: of this destination only. */
struct slot	*schedule_take(struct schedule *schedule, struct instant now);
struct slot	*schedule_take_of(struct schedule *schedule, struct destination *destination, struct instant now);

/*
 * The next slot of the destination in the place of one that is out and about to end: that counts no more among those that are out.
 * NULL: nothing is due, it is a probe, or (only_if_full) there is room for others beside it, and they may go by themselves.
 */
struct slot	*schedule_take_next(struct schedule *schedule, struct slot *before, bool only_if_full, struct instant now);

/* It counts again. */
void		 schedule_take_back_place(struct schedule *schedule, struct slot *before, struct instant now);

/* True if the destination has something to give now. */
bool	schedule_limit(struct schedule *schedule, struct str name, int limit, int limit_large, struct instant now);
void	schedule_prefer(struct schedule *schedule, struct str name, struct instant now);
void	schedule_hold_back(struct schedule *schedule, struct str name, struct instant until, const char *why,
	    struct instant now);
void	schedule_release(struct schedule *schedule, struct str name, struct instant now);

/* When the slot is due; an instant in the past if it is already. */
struct instant	slot_due(const struct slot *slot, struct instant now);

/* The wait before try number n_tries + 1 (n_tries >= 1): between 80 and 100 % of the backoff, by random of 64 bits. */
struct span	retry_wait(const struct retry_settings *retry, uint32_t n_tries, uint64_t random);

#endif
