/*
 * fake_queue.h - a queue in memory behind queue.h's putting side, for tests of receiving alone
 */
#ifndef TESTS_RECEIVE_FAKE_QUEUE_H
#define TESTS_RECEIVE_FAKE_QUEUE_H

#include "smtpfwd/queue/queue.h"

enum { FAKE_MAILS_MAX = 64 };

struct fake_mail {
	struct arena		 arena;
	struct envelope		 envelope;
	struct str		 prefix, content;
	struct mail_facts	 facts;		/* strings in the arena */
	struct mail_id		 id;
};

struct queue {
	struct fake_mail	*mails[FAKE_MAILS_MAX];
	int			 n_mails;
	int			 n_drafts;	/* open ones: 0 at the end, or one leaked */
	int			 n_made;
	int64_t			 most_bytes;	/* the largest draft ever */
	bool			 is_full;
	enum fault_cause	 append_fails, put_fails;
	bool			 does_append_fail, does_put_fail;
};

void	fake_queue_fini(struct queue *queue);

#endif
