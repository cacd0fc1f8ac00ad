/*
 * room.c - the keeper: makes segments ahead of need, takes back those that hold nothing any more
 */
#include <errno.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	SPARES_KEPT_MAX = 4,		/* freed segments kept for reuse; more go back to the disk */
	SHORT_LOOK_MS = 1000,		/* how often the disk is looked at while there is no room */
	TROUBLE_LOOK_MS = 5000,		/* after a file could not be taken back */
	BURY_AT_ONCE = 64,		/* large files removed in one job */
};

struct room_job {
	struct os_job	 job;
	struct queue	*queue;
	struct segment	*segment;	/* made, or to be taken back */
	uint32_t	 number;
	bool		 is_urgent;	/* even where it takes what is to be left free */
	bool		 is_tried;	/* its number is used up */
	bool		 is_to_be_kept, is_kept, is_removed;
	int64_t		 free_bytes;
	struct fault	 fault;
	struct list	 dead_files;
};

void
room_init(struct room *room)
{
	list_init(&room->log);
	list_init(&room->spares);
	list_init(&room->dead_files);
	signal_init(&room->changed);
	signal_init(&room->wanted);
	signal_init(&room->compact);
	room->next_number = 1;
}

void
room_fini(struct queue *queue)
{
	struct room *room = &queue->room;
	struct list_link *link;

	while ((link = list_take_first(&room->log)) != NULL || (link = list_take_first(&room->spares)) != NULL)
		segment_free(LIST_ITEM(link, struct segment, link));
	while ((link = list_take_first(&room->dead_files)) != NULL) {
		(void)dead_file_remove(queue->directory, link);	/* what is left by a failure goes at the next start */
		dead_file_free(link);
	}
}

void
room_want(struct queue *queue)
{
	queue->room.is_wanted = true;
	signal_one(&queue->room.wanted);
}

/* One is the reserve; the next is made while the current one has room still. */
static size_t
n_spares_wanted(const struct queue *queue)
{
	const struct segment *current = queue->commit.current;

	return current != NULL && current->end < current->bytes / 2 ? 1 : 2;
}

/* --- on the crew's thread --- */

static struct room_job *
room_job_of(struct os_job *job)
{
	return (struct room_job *)(void *)((char *)job - offsetof(struct room_job, job));
}

static void
make_run(struct os_job *job)
{
	struct room_job *rj = room_job_of(job);
	struct queue *queue = rj->queue;

	rj->free_bytes = os_free_bytes(queue->directory);
	if (!rj->is_urgent && rj->free_bytes < queue->min_free_bytes + queue->segment_bytes) {
		(void)fault_because(&rj->fault, FAULT_FULL, "too little is free on the disk of %s", queue->directory);
	} else {
		rj->segment = segment_create(queue->directory, rj->number, queue->segment_bytes, &rj->fault);
		rj->is_tried = true;
	}
	rj->free_bytes = os_free_bytes(queue->directory);
}

/*
 * A segment's old records must never come back, and once it is taken back the tombstones behind
 * it may go too: so it is durably marked free, or durably gone, before anything else is freed.
 */
static void
take_back_run(struct os_job *job)
{
	struct room_job *rj = room_job_of(job);
	struct spool_path path, folder;
	int error = -1, gone;

	if (!rj->segment->is_failed) {
		error = segment_write_header(rj->segment, 0, 0);
		if (error == 0)
			error = os_sync_data(rj->segment->fd);
		/* A second try would sync without a fault what the first one lost; and it may have lost its name by then. */
		rj->segment->is_failed = error != 0;
	}
	rj->is_kept = error == 0 && rj->is_to_be_kept;
	if (!rj->is_kept) {
		spool_path_segment(&path, rj->queue->directory, rj->segment->number);
		spool_path(&folder, rj->queue->directory, "segments");
		gone = os_unlink(path.text);
		rj->is_removed = gone == 0 || gone == -ENOENT;	/* removed before, when its folder could not be synced */
		if (rj->is_removed)
			rj->is_removed = os_sync_dir(folder.text) == 0 || error == 0;
	}
	rj->free_bytes = os_free_bytes(rj->queue->directory);
}

static void
bury_run(struct os_job *job)
{
	struct room_job *rj = room_job_of(job);

	LIST_EACH(link, &rj->dead_files) {
		if (dead_file_remove(rj->queue->directory, link) != 0)
			continue;
		list_remove(&rj->dead_files, link);
		dead_file_free(link);
	}
	rj->free_bytes = os_free_bytes(rj->queue->directory);
}

static void
look_run(struct os_job *job)
{
	struct room_job *rj = room_job_of(job);

	rj->free_bytes = os_free_bytes(rj->queue->directory);
}

static void
room_run(struct queue *queue, struct room_job *rj, void (*run)(struct os_job *job))
{
	rj->job.run = run;
	rj->queue = queue;
	fiber_run_on_crew(queue->disk_crew, &rj->job);
	queue->room.free_bytes = rj->free_bytes;
	queue->room.looked_at = loop_now(queue->loop);
}

/* --- on the keeper's fiber --- */

static void
room_set_short(struct queue *queue, bool is_short, const struct fault *why)
{
	struct room *room = &queue->room;

	if (is_short && !room->is_short)
		log_say(queue->log, LOG_LEVEL_WARNING, "spool_full", "%s", why->text);
	else if (!is_short && room->is_short)
		log_say(queue->log, LOG_LEVEL_INFO, "spool_has_room", "%s", queue->directory);
	if (is_short != room->is_short || !is_short)
		signal_all(&room->changed);	/* said once: those who wait ask again */
	room->is_short = is_short;
}

static bool
keeper_make(struct queue *queue)
{
	struct room *room = &queue->room;
	struct room_job rj = { .number = room->next_number };

	if (room->spares.n >= n_spares_wanted(queue)) {
		if (room->is_short)
			room_set_short(queue, false, NULL);
		return false;
	}
	/* What became of mails that were accepted must be written, as long as the disk takes anything. */
	rj.is_urgent = room->spares.n == 0 && commit_must_write(&queue->commit);
	room_run(queue, &rj, make_run);
	room->next_number += rj.is_tried ? 1 : 0;	/* numbers are not used up by looking at a full disk */
	if (rj.segment != NULL)
		list_append(&room->spares, &rj.segment->link);
	room_set_short(queue, rj.segment == NULL, &rj.fault);
	return rj.segment != NULL;
}

static bool
keeper_take_back(struct queue *queue, bool *is_trouble_out)
{
	struct room *room = &queue->room;
	struct list_link *first = list_first(&room->log);
	struct segment *oldest = first != NULL ? LIST_ITEM(first, struct segment, link) : NULL;
	struct room_job rj = { .segment = oldest };

	if (oldest == NULL || oldest == queue->commit.current || oldest->live_bytes > 0 || oldest->n_pins > 0)
		return false;
	rj.is_to_be_kept = room->spares.n < SPARES_KEPT_MAX && oldest->bytes == queue->segment_bytes &&
	    room->free_bytes >= queue->min_free_bytes;
	oldest->n_pins++;
	list_remove(&room->log, &oldest->link);
	room_run(queue, &rj, take_back_run);
	oldest->n_pins--;
	if (rj.is_kept) {
		/* The next to be used: its pages are in memory still, and those of one never written cost eight times the copy. */
		list_prepend(&room->spares, &oldest->link);
		signal_all(&room->changed);
	} else if (rj.is_removed) {
		segment_free(oldest);
	} else {
		list_prepend(&room->log, &oldest->link);
		*is_trouble_out = true;
		return false;
	}
	return true;
}

static bool
keeper_bury(struct queue *queue, bool *is_trouble_out)
{
	struct room_job rj = { .number = 0 };
	struct list_link *link;
	size_t n;

	if (list_is_empty(&queue->room.dead_files))
		return false;
	list_init(&rj.dead_files);
	while (rj.dead_files.n < BURY_AT_ONCE && (link = list_take_first(&queue->room.dead_files)) != NULL)
		list_append(&rj.dead_files, link);
	n = rj.dead_files.n;
	room_run(queue, &rj, bury_run);
	*is_trouble_out |= rj.dead_files.n > 0;
	n -= rj.dead_files.n;
	while ((link = list_take_first(&rj.dead_files)) != NULL)	/* they take room still: again later */
		list_append(&queue->room.dead_files, link);
	return n > 0;
}

void
keeper_run(void *arg)
{
	struct queue *queue = arg;
	struct room *room = &queue->room;

	/* It ends behind clock and compactor, before the committer, who may need a segment to the last. */
	while (!queue->is_stopping || queue->n_fibers > 2 || queue->commit.pending.n > 0 || queue->commit.is_writing) {
		struct instant until = INSTANT_NEVER;
		struct room_job look = { .number = 0 };
		bool is_trouble = false, did_something;

		room->is_wanted = false;
		did_something = keeper_make(queue);
		did_something |= keeper_take_back(queue, &is_trouble);
		did_something |= keeper_bury(queue, &is_trouble);
		if (compact_is_worth_it(queue))
			signal_one(&room->compact);
		if (did_something)
			continue;
		room_run(queue, &look, look_run);
		if (queue->room.free_bytes < queue->min_free_bytes || room->is_short)
			until = instant_after(loop_now(queue->loop), span_ms(SHORT_LOOK_MS));
		else if (is_trouble)
			until = instant_after(loop_now(queue->loop), span_ms(TROUBLE_LOOK_MS));
		if (!room->is_wanted)		/* said while a job ran */
			(void)signal_wait(&room->wanted, until);
	}
	queue_fiber_ends(queue);
}
