/*
 * yard.h - a queue in the simulated world, with short words for what tests do to it
 */
#ifndef TESTS_QUEUE_YARD_H
#define TESTS_QUEUE_YARD_H

#include "base/buf.h"
#include "smtpfwd/queue/queue.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

struct yard {
	struct sim	*sim;
	struct loop	*loop;
	struct queue	*queue;		/* NULL: it could not be opened, see fault */
	struct fault	 fault;
	struct queue_settings settings;
	struct queue_world world;
	struct log	 log;
	struct buf	 lines;		/* what was logged, each line with \n */
	void	       (*story)(struct yard *yard);
	void		*arg;
	bool		 is_unverified;	/* the senders of mails put from now on */
	bool		 comes_held;	/* what is put */
};

enum { YARD_SEGMENT_BYTES = 32 * 1024 };	/* so that a few mails fill one */

/* Settings for tests: small segments, retry first 60 s, factor 2, max 1 h, expire 1 d, warn 4 h; failed mail of senders that were not verified is held 10 d more. */
void	yard_init(struct yard *yard, struct sim *sim);
void	yard_fini(struct yard *yard);

/* Opens the queue, runs the story on a fiber, stops and closes.  Inside a world.  False: it did not open. */
bool	yard_run(struct yard *yard, void (*story)(struct yard *yard));

/* A case: a new world and a story for each life of one spool; two and three may be NULL. */
void	yard_lives(const char *name, void (*one)(struct yard *yard), void (*two)(struct yard *yard),
	    void (*three)(struct yard *yard));

bool	yard_has_logged(const struct yard *yard, const char *text);

struct instant	yard_in(int64_t seconds);		/* a deadline from now on */

/* Puts a mail from a@sender.example to the recipients, "b@x.example c@y.example !never@z.example"; none on failure. */
struct mail_id	yard_put(struct yard *yard, const char *recipients, struct str content);
struct mail_id	yard_put_from(struct yard *yard, const char *from, const char *recipients, struct str content,
		    struct fault *fault_out);
/* The same content for the same number and size. */
void		yard_content(struct buf *out, int number, size_t n_bytes);

/* Takes what is due within some seconds; its content, whole, into out (may be NULL).  NULL: nothing. */
struct delivery	*yard_take(struct yard *yard, int64_t seconds, struct buf *out);
void		yard_settle(struct yard *yard, struct delivery *delivery, enum outcome_kind kind);
/* Waits for a delivery at most so long and settles it so; after how many seconds it came, -1: none did. */
int64_t		yard_seconds_until_due(struct yard *yard, int64_t at_most, enum outcome_kind kind);
struct queue_counts	yard_count(struct yard *yard);

#endif
