/*
 * compact.c - carries what still lives in the oldest segment to the log's end, so that it can be freed
 *
 * Only mails need carrying: a STATE never stands before its MAIL, and the copy holds the state.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	WINDOW_BYTES = 256 * 1024,	/* of the segment, read at once to find records */
	IN_FLIGHT_MAX_BYTES = 4 * 1024 * 1024,	/* copies on their way: settling has its share of each batch */
	LOG_MIN_SEGMENTS = 3,		/* a shorter log is not worth the work */
};

struct compaction {
	struct queue	*queue;
	struct segment	*segment;
	char		*window;
	int64_t		 window_from, window_bytes;
	int64_t		 in_flight_bytes;
	int		 n_in_flight;
	bool		 has_failed;
	struct signal_list done;
};

struct copy_item {
	struct item	 item;
	struct compaction *compaction;
	struct entry	*entry;		/* referenced */
};

/* What copies may take; see room_for in commit.c. */
static int64_t
bytes_available(const struct queue *queue)
{
	const struct segment *current = queue->commit.current;
	int64_t rest = current != NULL ? current->bytes - current->end : 0;

	if (queue->room.spares.n == 0)
		return current != NULL ? rest - current->bytes / 2 : 0;
	return rest + (int64_t)(queue->room.spares.n - 1) * commit_record_max_bytes(queue->segment_bytes);
}

bool
compact_is_worth_it(const struct queue *queue)
{
	const struct room *room = &queue->room;
	struct list_link *first = list_first(&room->log);
	const struct segment *oldest = first != NULL ? LIST_ITEM(first, struct segment, link) : NULL;
	int64_t used = (int64_t)room->log.n * queue->segment_bytes, size = queue->segment_bytes;

	if (room->log.n < LOG_MIN_SEGMENTS || oldest == queue->commit.current || queue->commit.n_failures > 0 ||
	    oldest->live_bytes == 0 || oldest->live_bytes > bytes_available(queue))
		return false;
	/* Half of the log is dead; on a full disk a fifth is enough, for every segment counts. */
	if (room->is_short || room->free_bytes < queue->min_free_bytes)
		return used * 4 > room->live_bytes * 5 + 4 * size && oldest->live_bytes < size - size / 8;
	return used > 2 * room->live_bytes + 2 * size;
}

/* --- one copy --- */

static void
copy_done(struct item *item, const struct place *place, const struct fault *why)
{
	struct copy_item *copy = LIST_ITEM(item, struct copy_item, item);
	struct compaction *c = copy->compaction;
	const struct place nowhere = { .segment = NULL };

	(void)why;
	if (place == NULL) {
		c->has_failed = true;
	} else if (copy->entry->is_in_index) {
		entry_set_mail(c->queue, copy->entry, place);
		entry_set_state(c->queue, copy->entry, &nowhere);
	}
	c->in_flight_bytes -= (int64_t)copy->item.bytes.len;
	c->n_in_flight--;
	signal_all(&c->done);
	entry_unref(copy->entry);
	buf_fini(&copy->item.bytes);
	mem_free(copy);
}

/* All of prefix and content, or as much as stands in the record.  NULL: it cannot be read. */
static char *
copy_read_stream(struct stored *stored, size_t n_bytes)
{
	char *bytes = mem_new_array(n_bytes + 1, 1);
	struct content_reader reader = { .next_offset = 0 };
	size_t n_read = 0;
	ssize_t n = 0;

	while (n_read < n_bytes && (n = stored_read(stored, &reader, (int64_t)n_read, bytes + n_read,
	    n_bytes - n_read, INSTANT_NEVER, NULL)) > 0)
		n_read += (size_t)n;
	if (n_read == n_bytes)
		return bytes;
	mem_free(bytes);
	return NULL;
}

static void
copy_encode(struct compaction *c, struct stored *stored, const char *stream, struct copy_item *copy)
{
	struct mail_record record = stored->record;
	struct mail_state *state = &record.state;
	struct str prefix = str_n(stream, record.prefix_bytes);
	struct str content = record.is_large ? STR_EMPTY : str_n(stream + record.prefix_bytes, (size_t)record.content_bytes);

	record.pays = (struct payment){ .n_recipients = 0 };	/* the paid mail's own record tells it since */
	state->is_held = stored->entry->is_held;
	state->is_warned = stored->entry->is_warned;
	state->is_removed = stored->entry->is_removed;
	state->is_bounced = stored->entry->is_bounced;
	buf_init(&copy->item.bytes, (size_t)commit_record_max_bytes(c->queue->segment_bytes) + RECORD_HEADER_BYTES);
	if (record_encode_mail(&record, prefix, content, outcome_text_max_bytes(state->n_recipients),
	    &copy->item.bytes) == 0)
		return;
	buf_clear(&copy->item.bytes);		/* the texts must go */
	insist(record_encode_mail(&record, prefix, content, 0, &copy->item.bytes) == 0);
}

static void
copy_mail(struct compaction *c, struct entry *entry)
{
	struct queue *queue = c->queue;
	struct copy_item *copy;
	struct stored *stored;
	size_t n_bytes;
	char *stream;

	entry_ref(entry);
	stored = stored_open(queue, entry, INSTANT_NEVER, NULL);
	if (stored == NULL) {
		c->has_failed |= !entry->is_gone;
		entry_unref(entry);
		return;
	}
	n_bytes = stored->record.prefix_bytes + (stored->record.is_large ? 0 : (size_t)stored->record.content_bytes);
	stream = copy_read_stream(stored, n_bytes);
	/* Much may have happened since: only what lives here still is copied, with its state of now. */
	if (stream != NULL && !entry->is_gone && !queue->is_stopping && entry->mail.segment == c->segment) {
		copy = mem_new(sizeof(*copy));
		copy->compaction = c;
		copy->entry = entry;
		entry_ref(entry);
		copy->item.is_copy = true;
		copy->item.done = copy_done;
		copy_encode(c, stored, stream, copy);
		c->in_flight_bytes += (int64_t)copy->item.bytes.len;
		c->n_in_flight++;
		commit_add(&queue->commit, &copy->item);
	}
	c->has_failed |= stream == NULL;
	mem_free(stream);
	stored_close(stored);
	entry_unref(entry);
}

/* --- the walk --- */

struct window_job {
	struct os_job	 job;
	struct compaction *compaction;
	ssize_t		 result;
};

static void
window_run(struct os_job *job)
{
	struct window_job *wj = (struct window_job *)(void *)((char *)job - offsetof(struct window_job, job));
	struct compaction *c = wj->compaction;

	wj->result = spool_read(c->segment->fd, c->window, WINDOW_BYTES, c->window_from);
}

/* The bytes of a record's beginning at an offset, or NULL at the end. */
static const char *
window_at(struct compaction *c, int64_t offset)
{
	struct window_job wj = { .job.run = window_run, .compaction = c };
	int64_t need = RECORD_HEADER_BYTES + RECORD_ALIGN_BYTES * 2;

	if (offset + RECORD_HEADER_BYTES > c->segment->end)
		return NULL;
	if (offset < c->window_from || offset + need > c->window_from + c->window_bytes) {
		c->window_from = offset;
		fiber_run_on_crew(c->queue->disk_crew, &wj.job);
		c->window_bytes = wj.result > 0 ? wj.result : 0;
		if (c->window_bytes < RECORD_HEADER_BYTES)
			return NULL;
	}
	return c->window + (offset - c->window_from);
}

static void
compact_wait(struct compaction *c, int64_t until_bytes)
{
	while (c->n_in_flight > 0 && c->in_flight_bytes > until_bytes)
		(void)signal_wait(&c->done, INSTANT_NEVER);
}

static void
compact_walk(struct compaction *c)
{
	int64_t offset = SEGMENT_HEADER_BYTES;
	struct record_header header;
	struct mail_id id;
	const char *bytes;

	while (!c->has_failed && !c->queue->is_stopping && (bytes = window_at(c, offset)) != NULL) {
		struct entry *entry = NULL;

		if (!record_read_header(bytes, c->segment->stamp, &header)) {
			offset += RECORD_ALIGN_BYTES;	/* damage, reported long ago */
			continue;
		}
		if (header.type == RECORD_MAIL && header.meta_length >= 2 + sizeof(id.bytes) &&
		    c->window_from + c->window_bytes - offset >= RECORD_HEADER_BYTES + 2 + (int64_t)sizeof(id.bytes) &&
		    record_mail_id(bytes, &header, &id))
			entry = index_find(&c->queue->index, &id);
		if (entry != NULL && !entry->is_gone && entry->mail.segment == c->segment &&
		    place_offset(&entry->mail) == offset) {
			copy_mail(c, entry);
			compact_wait(c, IN_FLIGHT_MAX_BYTES);
		}
		offset += record_span_bytes(header.length);
	}
	compact_wait(c, 0);
}

static void
compact_oldest(struct queue *queue)
{
	struct compaction c = {
		.queue = queue,
		.segment = LIST_ITEM(list_first(&queue->room.log), struct segment, link),
		.window = mem_new_array(WINDOW_BYTES, 1),
	};

	signal_init(&c.done);
	c.segment->n_pins++;
	compact_walk(&c);
	c.segment->n_pins--;
	mem_free(c.window);
	if (c.has_failed && !queue->is_stopping)	/* trouble with the disk: not at once again */
		(void)fiber_sleep(instant_after(loop_now(queue->loop), span_s(1)));
}

void
compactor_run(void *arg)
{
	struct queue *queue = arg;

	while (!queue->is_stopping) {
		if (compact_is_worth_it(queue)) {
			compact_oldest(queue);
			room_want(queue);	/* the segment may be free now */
			fiber_yield();
		} else {
			(void)signal_wait(&queue->room.compact, INSTANT_NEVER);
		}
	}
	queue_fiber_ends(queue);
}
