/*
 * queue.c - opens and closes the spool, and the small parts of the front door
 */
#include "smtpfwd/queue/queue.h"

#include <errno.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	DEADLINE_OF_CLOSE_S = 30,	/* for what is not durable yet, where the caller named none */
	N_FIBERS = 4,
};

void
queue_fiber_ends(struct queue *queue)
{
	queue->n_fibers--;
	room_want(queue);
	signal_one(&queue->commit.work);
	signal_all(&queue->fibers_ended);
}

/* --- opening --- */

static struct queue *
queue_new(struct loop *loop, const struct queue_settings *settings, const struct queue_world *world, struct log *log)
{
	struct queue *queue = mem_new(sizeof(*queue));
	size_t n = strlen(settings->directory);

	queue->loop = loop;
	queue->log = log;
	queue->world = *world;
	queue->retry = settings->retry;
	queue->directory = mem_new(n + 1);
	memcpy(queue->directory, settings->directory, n);
	queue->lock = -1;
	queue->segment_bytes = settings->segment_bytes > 0 ? settings->segment_bytes : SEGMENT_DEFAULT_BYTES;
	if (queue->segment_bytes < SEGMENT_MIN_BYTES)
		queue->segment_bytes = SEGMENT_MIN_BYTES;
	queue->segment_bytes &= ~(int64_t)(SEGMENT_HEADER_BYTES - 1);
	queue->content_in_memory_max_bytes = settings->content_in_memory_max_bytes > 0 ?
	    settings->content_in_memory_max_bytes : CONTENT_IN_MEMORY_DEFAULT_BYTES;
	if (queue->content_in_memory_max_bytes > queue->segment_bytes / 4)	/* a record must fit, with its envelope */
		queue->content_in_memory_max_bytes = queue->segment_bytes / 4;
	queue->min_free_bytes = settings->min_free_bytes > 0 ? settings->min_free_bytes : MIN_FREE_DEFAULT_BYTES;
	room_init(&queue->room);
	index_init(&queue->index);
	schedule_init(&queue->schedule, loop);
	commit_init(&queue->commit, queue, NULL);
	heap_init(&queue->clock);
	signal_init(&queue->clock_changed);
	queue->clock_next = (struct instant){ INT64_MIN };
	list_init(&queue->debts);
	list_init(&queue->debts_later);
	signal_init(&queue->owed);
	list_init(&queue->payments);
	list_init(&queue->cursors);
	signal_init(&queue->fibers_ended);
	os_random(&queue->random, sizeof(queue->random));
	queue->random |= 1;
	return queue;
}

/* The spool's own name must outlive a power cut too. */
static int
sync_parent(const struct queue *queue)
{
	struct str directory = str_of(queue->directory);
	struct spool_path path;
	ptrdiff_t slash;
	int error;

	while (directory.len > 1 && directory.at[directory.len - 1] == '/')
		directory.len--;
	slash = str_rfind(directory, '/');
	if (slash <= 0)
		(void)snprintf(path.text, sizeof(path.text), "%s", slash == 0 ? "/" : ".");
	else
		(void)snprintf(path.text, sizeof(path.text), "%.*s", (int)slash, directory.at);
	error = os_sync_dir(path.text);
	return error == -EACCES || error == -EPERM ? 0 : error;	/* made by somebody else, then, long ago */
}

static int
make_directories(const struct queue *queue, struct fault *fault_out)
{
	static const char *const names[] = { "segments", "large", "damaged" };
	struct spool_path path;
	int error = os_make_dir(queue->directory);

	if (error != 0)
		return spool_fault(fault_out, error, "make", queue->directory);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		spool_path(&path, queue->directory, names[i]);
		error = os_make_dir(path.text);
		if (error != 0)
			return spool_fault(fault_out, error, "make", path.text);
	}
	error = os_sync_dir(queue->directory);
	if (error == 0)
		error = sync_parent(queue);
	return error != 0 ? spool_fault(fault_out, error, "sync", queue->directory) : 0;
}

static int
lock_spool(struct queue *queue, struct fault *fault_out)
{
	struct spool_path path;
	int error;

	spool_path(&path, queue->directory, "lock");
	queue->lock = os_open(path.text, OS_OPEN_CREATE_OR_WRITE);
	if (queue->lock < 0)
		return spool_fault(fault_out, queue->lock, "open", path.text);
	error = os_lock(queue->lock);
	if (error == -EWOULDBLOCK)
		return fault_permanent(fault_out, "%s is in use by another process", queue->directory);
	return error != 0 ? spool_fault(fault_out, error, "lock", path.text) : 0;
}

static int
start_fibers(struct queue *queue, struct fault *fault_out)
{
	if (loop_poller(queue->loop) == NULL ||
	    (queue->commit.crew = os_crew_new(loop_poller(queue->loop), 1, "commit")) == NULL ||
	    (queue->disk_crew = os_crew_new(loop_poller(queue->loop), DISK_CREW_THREADS, "disk")) == NULL)
		return fault_temporary(fault_out, "no threads for the disk");
	queue->n_fibers = N_FIBERS;
	if (fiber_start(queue->loop, "committer", commit_run, queue) == NULL ||
	    fiber_start(queue->loop, "keeper", keeper_run, queue) == NULL ||
	    fiber_start(queue->loop, "compactor", compactor_run, queue) == NULL ||
	    fiber_start(queue->loop, "clock", clock_run, queue) == NULL)
		return fault_temporary(fault_out, "no fibers for the queue");
	return 0;
}

/* The first segments are made before anyone is served: a spool that cannot take mail is said at once. */
static void
make_first_spares(struct queue *queue)
{
	struct room *room = &queue->room;

	room->free_bytes = os_free_bytes(queue->directory);
	room->looked_at = loop_now(queue->loop);
	while (room->spares.n < 2 && room->free_bytes >= queue->min_free_bytes + queue->segment_bytes) {
		struct segment *segment = segment_create(queue->directory, room->next_number, queue->segment_bytes, NULL);

		room->next_number++;
		if (segment == NULL)
			break;
		list_append(&room->spares, &segment->link);
		room->free_bytes = os_free_bytes(queue->directory);
	}
}

static void
queue_free(struct queue *queue)
{
	const struct place nowhere = { .segment = NULL };
	struct list_link *link;

	while ((link = list_first(&queue->index.by_age)) != NULL) {
		struct entry *entry = LIST_ITEM(link, struct entry, by_age);

		entry->is_gone = true;
		entry_set_clock(queue, entry);
		entry_drop_slots(queue, entry, true);
		entry_drop_debts(queue, entry);
		entry_set_mail(queue, entry, &nowhere);
		entry_set_state(queue, entry, &nowhere);
		index_remove(&queue->index, entry);
		entry->stored = NULL;
		entry_unref(entry);
	}
	payments_forget(queue);
	schedule_fini(&queue->schedule);
	if (queue->commit.crew != NULL)
		os_crew_free(queue->commit.crew);
	if (queue->disk_crew != NULL)
		os_crew_free(queue->disk_crew);
	room_fini(queue);
	index_fini(&queue->index);
	heap_fini(&queue->clock);
	commit_fini(&queue->commit);
	if (queue->lock >= 0)
		os_close(queue->lock);
	mem_free(queue->directory);
	mem_free(queue);
}

struct queue *
queue_open(struct loop *loop, const struct queue_settings *settings, const struct queue_world *world,
    struct log *log, struct fault *fault_out)
{
	struct queue *queue;

	if (strlen(settings->directory) > SPOOL_DIRECTORY_MAX_BYTES) {
		(void)fault_permanent(fault_out, "the spool's path is longer than %d bytes", SPOOL_DIRECTORY_MAX_BYTES);
		return NULL;
	}
	queue = queue_new(loop, settings, world, log);
	if (make_directories(queue, fault_out) != 0 || lock_spool(queue, fault_out) != 0 ||
	    queue_recover(queue, fault_out) != 0) {
		queue_free(queue);
		return NULL;
	}
	make_first_spares(queue);
	if (start_fibers(queue, fault_out) != 0) {
		queue_free(queue);
		return NULL;
	}
	return queue;
}

/* --- closing --- */

int
queue_stop(struct queue *queue, struct instant deadline, struct fault *fault_out)
{
	queue->is_stopping = true;
	signal_all(&queue->clock_changed);
	signal_one(&queue->room.compact);
	room_want(queue);
	signal_one(&queue->commit.work);
	while (queue->n_fibers > 0) {
		if (signal_wait(&queue->fibers_ended, deadline) != WAKE_READY && queue->n_fibers > 0)
			return fault_because(fault_out, FAULT_TIMED_OUT, "the disk did not take all that was to be written");
	}
	return 0;
}

void
queue_close(struct queue *queue)
{
	if (queue->n_fibers > 0 && fiber_self() != NULL)
		(void)queue_stop(queue, instant_after(os_now(), span_s(DEADLINE_OF_CLOSE_S)), NULL);
	if (queue->n_fibers > 0) {
		/* The disk does not take it: the next start delivers again what could not be said to be done. */
		log_say(queue->log, LOG_LEVEL_ERROR, "closed_early", "%zu records could not be written",
		    queue->commit.pending.n);
		return;			/* its fibers live on, so its memory must */
	}
	(void)commit_end(&queue->commit);
	queue_free(queue);
}

void
queue_reconfigure(struct queue *queue, const struct retry_settings *retry, const struct queue_world *world)
{
	queue->retry = *retry;
	queue->world = *world;
	queue->epoch++;
	queue->is_rerouting = true;
	signal_all(&queue->clock_changed);
}

void
queue_reserve(struct queue *queue, int64_t min_free_bytes)
{
	queue->min_free_bytes = min_free_bytes > 0 ? min_free_bytes : MIN_FREE_DEFAULT_BYTES;
}

/* --- destinations --- */

bool
queue_limit(struct queue *queue, struct str destination, int n_at_once, int n_large_at_once)
{
	return schedule_limit(&queue->schedule, destination, n_at_once, n_large_at_once, loop_now(queue->loop));
}

void
queue_prefer(struct queue *queue, struct str destination)
{
	schedule_prefer(&queue->schedule, destination, loop_now(queue->loop));
}

bool
queue_has_mail(const struct queue *queue, struct str destination)
{
	const struct destination *d = destination_find(&queue->schedule, destination);

	return d != NULL && d->n_slots > 0;
}

void
queue_hold_back(struct queue *queue, struct str destination, struct instant until, const char *why)
{
	schedule_hold_back(&queue->schedule, destination, until, why, loop_now(queue->loop));
}

void
queue_release_destination(struct queue *queue, struct str destination)
{
	schedule_release(&queue->schedule, destination, loop_now(queue->loop));
}

bool
queue_is_held_back(const struct queue *queue, struct str destination)
{
	const struct destination *d = destination_find(&queue->schedule, destination);

	return d != NULL && d->is_held_back;
}

void
queue_each_destination(const struct queue *queue,
    void (*visit)(void *context, const struct destination_counts *d), void *context)
{
	LIST_EACH(link, &queue->schedule.all) {
		const struct destination *d = LIST_ITEM(link, struct destination, by_name);
		struct destination_counts counts = {
			.name = destination_name(d), .n_waiting = d->n_slots - d->n_out, .n_out = d->n_out,
			.is_held_back = d->is_held_back,
		};

		visit(context, &counts);
	}
}

void
queue_count(const struct queue *queue, struct queue_counts *counts_out)
{
	struct list_link *first = list_first(&queue->index.by_age);
	const struct room *room = &queue->room;

	*counts_out = queue->counts;
	counts_out->n_mails = (int64_t)queue->index.n;
	counts_out->n_segments = (int64_t)room->log.n;
	counts_out->disk_bytes = (int64_t)(room->log.n + room->spares.n) * queue->segment_bytes;
	counts_out->free_bytes = room->free_bytes;
	counts_out->is_full = queue_is_full(queue);
	if (first != NULL)
		counts_out->oldest = mail_id_time(&LIST_ITEM(first, struct entry, by_age)->id);
}
