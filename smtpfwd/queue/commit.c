/*
 * commit.c - collects records into batches and brings them to the disk
 */
#include "smtpfwd/queue/commit.h"

#include <errno.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	RETRY_FIRST_MS = 1000,		/* after a failed batch; doubles */
	RETRY_MAX_MS = 30000,
	LOOK_AGAIN_MS = 1000,		/* for room, when there is none */
	START_MAX_SKIPS = 2000,		/* the rest is told by the next one */
	START_MAX_BYTES = 64 * 1024,
	WRITE_MAX_PIECES = 1000,	/* IOV_MAX is 1024 */
};

struct batch {				/* what the crew's thread gets to do */
	struct os_job	 job;
	struct list	 items;
	struct segment	*segment;
	bool		 is_new;	/* its header is to be written first */
	uint64_t	 generation, stamp, number;
	struct buf	 start;		/* the START record of a new one */
	uint32_t	 n_skips;	/* told by it */
	int64_t		 end;		/* behind the last record */
	int		 error;		/* 0 or -errno */
};

void
commit_init(struct commit *commit, struct queue *queue, struct os_crew *crew)
{
	*commit = (struct commit){ .queue = queue, .crew = crew, .next_generation = 1, .next_batch = 1 };
	list_init(&commit->pending);
	signal_init(&commit->work);
	signal_init(&commit->room);
}

void
commit_fini(struct commit *commit)
{
	insist(list_is_empty(&commit->pending));
	mem_free(commit->skips);
}

int64_t
item_bytes(const struct item *item)
{
	return (int64_t)(item->bytes.len + item->rest.len);
}

void
commit_add(struct commit *commit, struct item *item)
{
	list_append(&commit->pending, &item->link);
	commit->pending_bytes += item_bytes(item);
	signal_one(&commit->work);
}

bool
commit_is_behind(const struct commit *commit)
{
	return commit->pending_bytes > COMMIT_BACKLOG_MAX_BYTES || commit->pending.n > COMMIT_BACKLOG_MAX_RECORDS;
}

bool
commit_must_write(const struct commit *commit)
{
	struct list_link *first = list_first(&commit->pending);

	return first != NULL && LIST_ITEM(first, struct item, link)->must_be_written;
}

void
commit_skip(struct commit *commit, uint64_t generation, int64_t from, int64_t to)
{
	commit->skips = mem_resize_array(commit->skips, commit->n_skips + 1, sizeof(*commit->skips));
	commit->skips[commit->n_skips++] = (struct skip){ .generation = generation, .from = from, .to = to };
}

/* --- on the crew's thread --- */

struct writing {			/* pieces collected for one call */
	int		 fd;
	int64_t		 offset;	/* of the first of them */
	size_t		 n_bytes;
	int		 n, error;
	struct iovec	 pieces[WRITE_MAX_PIECES];
};

static void
write_collected(struct writing *w)
{
	if (w->error == 0 && w->n > 0)
		w->error = spool_write(w->fd, w->pieces, w->n, w->offset);
	w->offset += (int64_t)w->n_bytes;
	w->n_bytes = 0;
	w->n = 0;
}

static void
write_piece(struct writing *w, const void *bytes, size_t n_bytes)
{
	if (w->n == WRITE_MAX_PIECES)
		write_collected(w);
	w->pieces[w->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes };
	w->n_bytes += n_bytes;
}

static int
batch_write(struct batch *batch, int64_t from)
{
	struct writing *w = mem_new(sizeof(*w));
	int error;

	*w = (struct writing){ .fd = batch->segment->fd, .offset = from };
	if (batch->is_new)
		write_piece(w, batch->start.at, batch->start.len);
	LIST_EACH(link, &batch->items) {
		struct item *item = LIST_ITEM(link, struct item, link);

		if (item->is_refused)
			continue;
		insist(item->offset == w->offset + (int64_t)w->n_bytes);
		write_piece(w, item->bytes.at, item->bytes.len);
		for (int i = 0; i < item->rest.n_used; i++)
			write_piece(w, item->rest.at[i].iov_base, item->rest.at[i].iov_len);
	}
	write_collected(w);
	error = w->error;
	mem_free(w);
	return error;
}

static void
batch_run(struct os_job *job)
{
	struct batch *batch = (struct batch *)(void *)((char *)job - offsetof(struct batch, job));
	struct segment *segment = batch->segment;
	struct item *last = NULL;
	int64_t from = segment->end;

	batch->end = from + (int64_t)batch->start.len;
	LIST_EACH(link, &batch->items) {
		struct item *item = LIST_ITEM(link, struct item, link);

		record_seal(item->bytes.at, batch->stamp, batch->number, 0);
		item->is_refused = !record_is_sound(item->bytes.at, NULL);
		if (item->is_refused)
			continue;
		item->offset = batch->end;
		batch->end += item_bytes(item);
		last = item;
	}
	if (batch->is_new)
		record_seal(batch->start.at, batch->stamp, batch->number, last == NULL ? RECORD_LAST_OF_BATCH : 0);
	if (last != NULL)
		record_seal(last->bytes.at, batch->stamp, batch->number, RECORD_LAST_OF_BATCH);
	/* The header goes with the batch: until both are synced the file counts as free, or nobody was told 250. */
	if (batch->is_new)
		batch->error = segment_write_header(segment, batch->generation, batch->stamp);
	if (batch->error == 0)
		batch->error = batch_write(batch, from);
	if (batch->error == 0)
		batch->error = os_sync_data(segment->fd);
}

/* --- on the committer's fiber --- */

static struct item *
pending_take(struct commit *commit, struct item *item)
{
	list_remove(&commit->pending, &item->link);
	commit->pending_bytes -= item_bytes(item);
	return item;
}

/* All new mail that waits is refused; what must be written stays. */
static void
fail_new_mail(struct commit *commit, const struct fault *why)
{
	LIST_EACH(link, &commit->pending) {
		struct item *item = LIST_ITEM(link, struct item, link);

		if (!item->must_be_written)
			pending_take(commit, item)->done(item, NULL, why);
	}
	signal_all(&commit->room);
}

static bool
fits_current(const struct commit *commit, const struct item *item, int64_t batch_bytes)
{
	const struct segment *current = commit->current;

	return current != NULL && current->end + batch_bytes + item_bytes(item) <= current->bytes;
}

enum room_answer { ROOM_IS_THERE, ROOM_MAY_COME, ROOM_IS_NONE };

/*
 * Whether an item may be written now.  One spare is the reserve of what must be written; copies
 * may use half of the very last segment, for they free another.
 */
static enum room_answer
room_for(const struct commit *commit, const struct item *item, int64_t batch_bytes)
{
	const struct room *room = &commit->queue->room;
	const struct segment *current = commit->current;
	bool fits = fits_current(commit, item, batch_bytes);
	size_t n_wanted = (item->is_new_mail || item->is_copy ? 1 : 0) + (fits ? 0 : 1);

	if (item->is_new_mail && room->free_bytes < commit->queue->min_free_bytes)
		return ROOM_IS_NONE;
	if (room->spares.n >= n_wanted)
		return ROOM_IS_THERE;
	if (item->is_copy && fits && current->end + batch_bytes + item_bytes(item) <= current->bytes / 2)
		return ROOM_IS_THERE;
	return room->is_short ? ROOM_IS_NONE : ROOM_MAY_COME;
}

/* True when the first that waits can be written. */
static bool
commit_find_room(struct commit *commit)
{
	struct queue *queue = commit->queue;
	struct item *first = LIST_ITEM(list_first(&commit->pending), struct item, link);
	struct instant now = loop_now(queue->loop);
	struct fault why;

	if (commit->retry_at.ns > now.ns) {		/* the disk failed a moment ago */
		(void)fault_temporary(&why, "the disk failed; it is tried again soon");
		fail_new_mail(commit, &why);
		if (list_is_empty(&commit->pending))
			return false;
		(void)signal_wait(&commit->work, commit->retry_at);
		return false;
	}
	switch (room_for(commit, first, 0)) {
	case ROOM_IS_THERE:
		return true;
	case ROOM_IS_NONE:
		(void)fault_because(&why, FAULT_FULL, "no room on the disk of %s", queue->directory);
		fail_new_mail(commit, &why);
		break;
	case ROOM_MAY_COME:
		break;
	}
	room_want(queue);
	if (!list_is_empty(&commit->pending))
		(void)signal_wait(&queue->room.changed, instant_after(now, span_ms(LOOK_AGAIN_MS)));
	return false;
}

static void
batch_collect(struct commit *commit, struct batch *batch)
{
	int64_t bytes = 0;
	int n = 0;

	LIST_EACH(link, &commit->pending) {
		struct item *item = LIST_ITEM(link, struct item, link);
		int64_t n_bytes = item_bytes(item);

		if (n > 0 && (n == BATCH_MAX_RECORDS || bytes + n_bytes > BATCH_MAX_BYTES ||
		    !fits_current(commit, item, bytes + (int64_t)batch->start.len) ||
		    room_for(commit, item, bytes + (int64_t)batch->start.len) != ROOM_IS_THERE))
			break;
		list_append(&batch->items, &pending_take(commit, item)->link);
		bytes += n_bytes;
		n++;
	}
}

/* Takes a spare as the segment to be written from now on. */
static void
batch_begin_segment(struct commit *commit, struct batch *batch)
{
	struct room *room = &commit->queue->room;
	struct segment *segment = LIST_ITEM(list_take_first(&room->spares), struct segment, link);

	if (commit->current != NULL)
		commit_skip(commit, commit->current->generation, commit->current->end, INT64_MAX);
	batch->is_new = true;
	segment->generation = commit->next_generation++;
	os_random(&segment->stamp, sizeof(segment->stamp));
	segment->end = SEGMENT_HEADER_BYTES;
	batch->n_skips = commit->n_skips;
	if (batch->n_skips > START_MAX_SKIPS)
		batch->n_skips = START_MAX_SKIPS;
	while (batch->n_skips > 0 && (int64_t)(batch->n_skips * sizeof(struct skip)) > segment->bytes / START_SHARE)
		batch->n_skips--;
	insist(record_encode_start(commit->skips, batch->n_skips, &batch->start) == 0);
	list_append(&room->log, &segment->link);
	commit->current = segment;
	room_want(commit->queue);
}

static void
batch_succeeded(struct commit *commit, struct batch *batch)
{
	struct list_link *link;
	struct fault why;

	commit->queue->counts.n_commits++;
	commit->n_failures = 0;
	batch->segment->end = batch->end;
	if (batch->is_new) {
		commit->n_skips -= batch->n_skips;
		if (commit->n_skips > 0)
			memmove(commit->skips, commit->skips + batch->n_skips, commit->n_skips * sizeof(*commit->skips));
	}
	while ((link = list_take_first(&batch->items)) != NULL) {
		struct item *item = LIST_ITEM(link, struct item, link);
		struct place place = {
			.segment = batch->segment,
			.at = (uint32_t)(item->offset / RECORD_ALIGN_BYTES),
			.bytes = (uint32_t)item_bytes(item),
		};

		if (item->is_refused) {
			insist(!item->must_be_written);
			(void)fault_temporary(&why, "a record did not read back before it was written");
			item->done(item, NULL, &why);
			continue;
		}
		item->done(item, &place, NULL);
	}
}

/*
 * After a failed sync nobody knows what is on the disk, and the next sync would not tell
 * (the kernel reports it once).  So the segment is left as it is, all behind its durable end
 * is told to be passed over, and what must be written goes to another one.
 */
static void
batch_failed(struct commit *commit, struct batch *batch)
{
	struct queue *queue = commit->queue;
	struct list again;
	struct list_link *link;
	struct fault why;
	struct spool_path path;
	int64_t wait_ms = RETRY_FIRST_MS << (commit->n_failures < 5 ? commit->n_failures : 5);

	spool_path_segment(&path, queue->directory, batch->segment->number);
	(void)spool_fault(&why, batch->error, "write", path.text);
	log_say(queue->log, LOG_LEVEL_ERROR, "commit_failed", "%s", why.text);
	commit->n_failures++;
	commit->retry_at = instant_after(loop_now(queue->loop), span_ms(wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS));
	if (commit->n_failures == 1)			/* another place on the disk may do */
		commit->retry_at = loop_now(queue->loop);
	batch->segment->is_failed = true;
	commit_skip(commit, batch->segment->generation, batch->segment->end, INT64_MAX);
	commit->current = NULL;
	list_init(&again);
	while ((link = list_take_first(&batch->items)) != NULL) {
		struct item *item = LIST_ITEM(link, struct item, link);

		if (item->must_be_written)
			list_prepend(&again, link);
		else
			item->done(item, NULL, &why);
	}
	while ((link = list_take_first(&again)) != NULL) {	/* in front, in their old order */
		list_prepend(&commit->pending, link);
		commit->pending_bytes += item_bytes(LIST_ITEM(link, struct item, link));
	}
	room_want(queue);
}

static void
commit_batch(struct commit *commit)
{
	struct batch *batch = mem_new(sizeof(*batch));
	struct item *first = LIST_ITEM(list_first(&commit->pending), struct item, link);

	batch->job.run = batch_run;
	list_init(&batch->items);
	buf_init(&batch->start, START_MAX_BYTES);
	if (!fits_current(commit, first, 0))
		batch_begin_segment(commit, batch);
	batch_collect(commit, batch);
	batch->segment = commit->current;
	batch->generation = commit->current->generation;
	batch->stamp = commit->current->stamp;
	batch->number = commit->next_batch++;
	batch->segment->n_pins++;
	commit->is_writing = true;
	fiber_run_on_crew(commit->crew, &batch->job);
	commit->is_writing = false;
	batch->segment->n_pins--;
	if (batch->error == 0)
		batch_succeeded(commit, batch);
	else
		batch_failed(commit, batch);
	signal_all(&commit->room);
	buf_fini(&batch->start);
	mem_free(batch);
}

void
commit_run(void *arg)
{
	struct queue *queue = arg;
	struct commit *commit = &queue->commit;

	/* The last of our fibers to end: the others may still have something to write. */
	while (!queue->is_stopping || queue->n_fibers > 1 || !list_is_empty(&commit->pending)) {
		if (list_is_empty(&commit->pending)) {
			if (queue->is_stopping)
				room_want(queue);	/* the keeper ends when all is written, and then we do */
			(void)signal_wait(&commit->work, INSTANT_NEVER);
		} else if (commit_find_room(commit))
			commit_batch(commit);
	}
	queue_fiber_ends(queue);
}

int64_t
commit_record_max_bytes(int64_t segment_bytes)
{
	int64_t bytes = segment_bytes - SEGMENT_HEADER_BYTES - segment_bytes / START_SHARE - 2 * RECORD_HEADER_BYTES;

	return bytes < RECORD_MAX_BYTES ? bytes : RECORD_MAX_BYTES;
}

int
commit_end(struct commit *commit)
{
	struct segment *segment = commit->current;
	struct buf bytes;
	struct iovec piece;
	int error = 0;

	insist(list_is_empty(&commit->pending) && !commit->is_writing);
	if (segment == NULL)
		return 0;
	buf_init(&bytes, RECORD_HEADER_BYTES);
	insist(record_encode_end(&bytes) == 0);
	if (segment->end + (int64_t)bytes.len <= segment->bytes) {
		record_seal(bytes.at, segment->stamp, commit->next_batch++, RECORD_LAST_OF_BATCH);
		piece = (struct iovec){ .iov_base = bytes.at, .iov_len = bytes.len };
		error = spool_write(segment->fd, &piece, 1, segment->end);
		if (error == 0)
			error = os_sync_data(segment->fd);
	}
	buf_fini(&bytes);
	return error;
}
