/*
 * store.h - the struct behind queue.h, and what the files of this folder ask of each other
 *
 * Not for anyone outside of the folder.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include "smtpfwd/queue/commit.h"
#include "smtpfwd/queue/index.h"
#include "smtpfwd/queue/schedule.h"

enum {
	/* Content that is larger goes to a file of its own, and is never whole in memory. */
	CONTENT_IN_MEMORY_DEFAULT_BYTES = 256 * 1024,
	/* A record up to this size is read whole, with its content. */
	RECORD_READ_WHOLE_BYTES = 64 * 1024,
	RECORD_READ_META_BYTES = 4 * 1024,	/* ... and of a larger one this much first: most envelopes and prefixes */
	MIN_FREE_DEFAULT_BYTES = 32 * 1024 * 1024,
	DISK_CREW_THREADS = 2,		/* reads, large content, the making of segments: not behind a sync */
	/* An unpaid report comes again, and a record that could not be read is tried again, after ... */
	TROUBLE_WAIT_S = 60,
};

/* The segments of the log, and those to come. */
struct room {
	struct list	 log;		/* struct segment by generation, oldest first; the last may be written */
	struct list	 spares;	/* free, durable, to be used next */
	uint32_t	 next_number;
	int64_t		 free_bytes;	/* of the disk, as of the last look */
	struct instant	 looked_at;	/* when that was */
	bool		 is_wanted;	/* there may be something to do for the keeper */
	bool		 is_short;	/* a segment that is wanted could not be made */
	struct signal_list changed;	/* spares came, or cannot come */
	struct signal_list wanted;	/* the keeper's: something to do */
	struct signal_list compact;	/* the compactor's */
	struct list	 dead_files;	/* large files to be removed, struct dead_file */
	int64_t		 live_bytes;	/* in all segments */
};

struct queue {
	struct loop		*loop;
	struct log		*log;
	struct queue_world	 world;
	struct retry_settings	 retry;
	char			*directory;
	int			 lock;		/* a file */
	int64_t			 segment_bytes, content_in_memory_max_bytes, min_free_bytes;
	struct os_crew		*disk_crew;
	struct room		 room;
	struct commit		 commit;
	struct index		 index;
	struct schedule		 schedule;
	struct heap		 clock;		/* entries by when their age matters */
	struct signal_list	 clock_changed;
	struct instant		 clock_next;	/* what the clock's fiber sleeps until */
	struct instant		 let_go_again;	/* before that nothing is let go: nothing could be */
	struct list		 debts;		/* struct debt: to be paid now */
	struct list		 debts_later;	/* after trouble: by their time */
	struct signal_list	 owed;		/* fibers that wait for a debt */
	struct list		 payments;	/* payment.c's, found by recovery */
	struct list		 cursors;	/* of walks over all mails */
	struct queue_counts	 counts;	/* those that are counted as they happen */
	uint64_t		 random;	/* of a small generator: jitter needs no secrets */
	uint8_t			 epoch;		/* of the routes; grows when they change */
	bool			 is_rerouting;
	bool			 is_stopping;
	int			 n_fibers;	/* our own: committer, keeper, compactor, clock */
	struct signal_list	 fibers_ended;
};

/* --- entries (entry.c) --- */

struct entry	*entry_new(const struct mail_id *id);
void		 entry_ref(struct entry *entry);
void		 entry_unref(struct entry *entry);		/* the last frees */
void		 entry_set_mail(struct queue *queue, struct entry *entry, const struct place *place);
void		 entry_set_state(struct queue *queue, struct entry *entry, const struct place *place);
void		 entry_drop_slots(struct queue *queue, struct entry *entry, bool with_out);
void		 entry_drop_slot(struct queue *queue, struct entry *entry, struct slot *slot);
void		 entry_drop_debts(struct queue *queue, struct entry *entry);
/* Its tombstone is durable, or its record is lost: out of the index, its places are dead. */
void		 entry_forget(struct queue *queue, struct entry *entry);
struct instant	 entry_expires(const struct queue *queue, const struct entry *entry);
struct timestamp instant_on_wall(struct instant at);		/* by the clocks of now */
/* Its slots, held state or age marks changed: sets or clears its place in the clock. */
void		 entry_set_clock(struct queue *queue, struct entry *entry);
struct slot	*entry_find_slot(const struct entry *entry, const struct destination *destination);
struct slot	*entry_add_slot(struct queue *queue, struct entry *entry, struct destination *destination);
uint64_t	 queue_random(struct queue *queue);

struct cursor {				/* of a walk that suspends; its entry may go meanwhile */
	struct list_link link;
	struct entry	*next;
};
void	cursor_open(struct queue *queue, struct cursor *cursor);
struct entry	*cursor_next(struct queue *queue, struct cursor *cursor);	/* NULL: the end */
void	cursor_close(struct queue *queue, struct cursor *cursor);

void	queue_fiber_ends(struct queue *queue);		/* said by each of our fibers, as its last word */

/* --- open mails (stored.c) --- */

struct stored {				/* a mail read back from the log, while somebody needs it */
	struct queue	*queue;
	struct entry	*entry;
	int		 n_refs;
	bool		 is_loading, is_bad;
	struct fault	 fault;		/* why it is bad */
	struct signal_list loaded;
	struct arena	 arena;
	struct mail_record record;	/* its state is that of now, not of the disk */
	struct slot    **slot_of;	/* each recipient's slot while it waits; else NULL */
	uint8_t		 epoch;		/* of slot_of */
	struct place	 place;		/* where content is read; pinned */
	uint32_t	 stream_offset;	/* of prefix and inline content, from the record's start */
	char		*bytes;		/* the whole record if it is small, else NULL */
	int		 large_fd;	/* -1: not open */
};

/*
 * Opens the mail of an entry, reading it unless it is open.  Suspends.  NULL with a fault: the record cannot be
 * read now (temporary), or it is damaged (permanent; it was set aside and the entry is forgotten), or the mail is gone.
 */
struct stored	*stored_open(struct queue *queue, struct entry *entry, struct instant deadline, struct fault *fault_out);
void		 stored_ref(struct stored *stored);
void		 stored_close(struct stored *stored);
/*
 * What became of a recipient at its last try; for one that was never tried, why its destination is held back.
 * The texts live until the next suspension.
 */
struct outcome	 stored_last_outcome(const struct stored *stored, int index);
/* Which recipient waits in which slot, by the routes of now; makes and drops slots. */
void		 stored_match_slots(struct stored *stored, struct instant now);
/* Before slots that are not out are dropped: no recipient waits in one any more. */
void		 stored_forget_slots(struct stored *stored);

struct content_reader {			/* checks while it is read from front to end */
	int64_t		 next_offset;
	uint32_t	 crc;
};
ssize_t		 stored_read(struct stored *stored, struct content_reader *reader, int64_t offset, void *room,
		    size_t n_bytes, struct instant deadline, struct fault *fault_out);

/* When a recipient is due by what the disk says; never further away than retry.max. */
struct instant	 recipient_due(const struct queue *queue, struct timestamp next_try, struct instant now);

/* --- what became of a mail (state.c, settle.c) --- */

struct waiter {				/* of a record; NULL fiber: nobody waits any more */
	struct fiber	*fiber;
	int		 n_pending;
	struct signal_list done;
	int		 n_refs;
};

/*
 * Writes the mail's state as it is in stored, or its tombstone if all is done.  Written behind.  pinned (or NULL)
 * keeps a segment until that is durable, waiter (or NULL) counts it.
 */
void	stored_write(struct stored *stored, struct segment *pinned, struct waiter *waiter);
/* The same for a mail that need not be open: only a tombstone. */
void	entry_write_gone(struct queue *queue, struct entry *entry, struct waiter *waiter);
struct waiter	*waiter_new(void);
void		 waiter_unref(struct waiter *waiter);
void	recipient_fail(struct stored *stored, int index, const struct outcome *outcome);
/* Its time is over (RFC 5321 4.5.4.1): it fails with what became of it last. */
void		 recipient_expire(struct stored *stored, int index, const struct outcome *last);
bool	recipient_wants(const struct mail_record *mail, int index, enum report_kind kind);
size_t	outcome_text_max_bytes(int n_recipients);

/* --- what fails of an unverified sender (withhold.c) --- */

/* Nothing of it is reported now. */
bool	entry_withholds(const struct queue *queue, const struct entry *entry);
/* All count it as held once, and set its clock. */
void	entry_set_held(struct queue *queue, struct entry *entry, bool is_held);
void	entry_unmark(struct queue *queue, struct entry *entry);		/* neither */
void	entry_set_withheld(struct queue *queue, struct entry *entry, bool is_withheld);
struct instant	entry_withheld_until(const struct queue *queue, const struct entry *entry);
bool	recipient_is_withheld(const struct stored *stored, int index);
/* It waits no longer to be thought of: by today's settings its sender is told. */
void	entry_bounce(struct queue *queue, struct entry *entry);
/* Those that failed wait again, as if they had not been tried; false: none did.  The caller writes it. */
bool	withheld_wait_again(struct stored *stored);
/* Its time is over: it is removed, and logged. */
void	withheld_expire(struct stored *stored);
/* There is room for another mail that comes in held. */
bool	held_has_room(const struct queue *queue);
/* More is withheld than may be. */
bool	withheld_is_too_much(const struct queue *queue);
/* Removes the oldest until a tenth is free.  Suspends. */
void	withheld_let_go(struct queue *queue);

/* --- debts (owed.c) --- */

struct debt {
	struct list_link link;
	struct entry	*entry;
	struct debt	*next;		/* of the same mail */
	enum report_kind kind;
	bool		 is_out;	/* somebody writes the report */
	struct instant	 due;
};
/* Adds what the state of a mail owes and is not known yet. */
void	debts_add(struct queue *queue, struct entry *entry, unsigned kinds);
unsigned state_debts(const struct mail_state *state);		/* bits of what is owed and not paid */
/* Payments that recovery found (payment.c): kept, entered into a state that was read, dropped at the end. */
void	payment_keep(struct queue *queue, const struct payment *payment);
void	payments_enter(struct queue *queue, const struct mail_id *mail, struct mail_state *state);
void	payments_forget(struct queue *queue);
void	debt_is_paid(struct stored *stored, struct debt *debt, const uint32_t *recipients, uint32_t n_recipients,
	    struct segment *report_segment);
void	debt_is_unpaid(struct stored *stored, struct debt *debt);

/* --- drafts (draft.c) --- */

struct draft {
	struct queue	*queue;
	struct mail_id	 id;
	struct pieces	 content;	/* all of it, or what is not in the file yet */
	int64_t		 content_bytes;
	uint32_t	 crc;		/* of all that was appended */
	int		 large_fd;	/* -1: all is in memory */
	int64_t		 large_bytes;	/* in the file */
	bool		 has_file;	/* to be removed if nothing comes of it */
};
/* Brings large content to the disk for good.  Suspends. */
int	draft_finish(struct draft *draft, struct fault *fault_out);
void	draft_free(struct draft *draft);		/* without removing its file */
/* Removes a large file some time soon. */
void	large_remove(struct queue *queue, const struct mail_id *id);
int	dead_file_remove(const char *directory, const struct list_link *link);	/* blocks; of room.dead_files: 0 or -errno */
void	dead_file_free(struct list_link *link);

/* Encodes a mail and hands it to commit: what queue_put and queue_pay share (put.c). */
struct put_plan {
	struct draft		*draft;
	const struct envelope	*envelope;
	const struct mail_facts	*facts;
	struct str		 prefix;
	struct debt		*debt;		/* paid by it, or NULL */
	struct stored		*paid;		/* that debt's mail, open */
	const uint32_t		*paid_recipients;
	uint32_t		 n_paid_recipients;
};
int	put_mail(struct queue *queue, const struct put_plan *plan, struct instant deadline, struct fault *fault_out);

/* --- room (room.c, compact.c): what the keeper's fiber does --- */
void	room_init(struct room *room);
void	room_fini(struct queue *queue);
void	keeper_run(void *queue);
void	room_want(struct queue *queue);			/* wakes the keeper */
bool	compact_is_worth_it(const struct queue *queue);
void	compactor_run(void *queue);			/* another fiber: its copies may need the keeper to make room */

/* --- age (age.c) --- */
void	clock_run(void *queue);

/* --- damage (damaged.c): blocks --- */
/* Copies bytes of a segment to spool/damaged, to be kept; false if that failed. */
bool	damaged_keep(struct queue *queue, struct segment *segment, int64_t from, int64_t to);
/* Blocks: the content of a mail whose record is lost goes to damaged/large-ID. */
bool	damaged_keep_large(struct queue *queue, const struct mail_id *id);
/* Counts what is kept already.  At the end of recovery. */
void	damaged_measure(struct queue *queue);
void	damaged_report(struct queue *queue, const struct segment *segment, int64_t from, int64_t to, const char *why);

/* --- recovery (recover.c): blocks --- */
int	queue_recover(struct queue *queue, struct fault *fault_out);

#endif
