/*
 * story_inside.h - the struct behind story.h; not for anyone outside of the folder
 */
#ifndef STORY_STORY_INSIDE_H
#define STORY_STORY_INSIDE_H

#include <pthread.h>

#include "smtpfwd/story/story.h"
#include "smtpfwd/story/story_files.h"
#include "smtpfwd/story/story_line.h"

struct story_job {
	struct os_job	 job;
	struct story	*story;
};

struct story {
	struct log		 log;
	struct log		*next;
	char			*directory;
	struct timestamp	 born;		/* before any of our lines */
	struct os_crew		*writers;	/* one thread */
	struct os_crew		*readers;	/* one thread; NULL before the start */

	/* The loop's. */
	struct loop		*loop;		/* NULL: not started, or stopped */
	pthread_t		 loop_thread;
	struct timer		 timer;		/* wakes the writer */
	bool			 is_timer_set;

	pthread_mutex_t		 lock;		/* for what follows */
	struct buf		 waiting;	/* kept lines */
	int64_t			 n_missed;	/* that had no room in it, since missed_at */
	struct timestamp	 missed_at;
	int64_t			 n_put, n_put_done;	/* lines that came, and that the writer is done with */
	bool			 is_started;
	bool			 is_wanted;	/* what waits is to be written now */
	bool			 is_job_out;
	int			 i_job;		/* the one to submit next */
	struct story_job	 jobs[2];
	struct story_counts	 counts;
	struct span		 keep;
	int64_t			 max_bytes, reserve_bytes;

	/* The writer's own. */
	struct buf		 writing;	/* kept lines */
	struct buf		 out;		/* text */
	struct story_files	 files;
	int64_t			 n_written, n_dropped;
	int64_t			 n_lost;	/* not told in a gap yet, since lost_at */
	struct timestamp	 lost_at;
	bool			 is_told;	/* trouble, at told_at */
	struct instant		 told_at;
	char			 text[40];	/* of a time; DATE_TEXT_MAX */
	int64_t			 text_second;
};

/* Has what waits written soon. */
void	story_flush(struct story *story);

#endif
