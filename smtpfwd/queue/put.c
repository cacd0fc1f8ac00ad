/*
 * put.c - a mail goes in: encoded, committed, and only then told to the client
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	LOOK_AT_ROOM_EVERY_S = 5,	/* while mail comes in; others may fill the disk too */
	COPIED_CONTENT_MAX_BYTES = 16 * 1024,	/* longer content is written from where it is */
};

struct putting {			/* a MAIL record on its way; of the fiber that waits and of the committer */
	struct item	 item;
	struct queue	*queue;
	int		 n_refs;
	bool		 is_done, is_abandoned, comes_held;
	struct fault	 fault;
	int		 result;
	struct signal_list done;
	struct entry	*entry;
	struct debt	*debt;		/* paid by it, or NULL */
	struct stored	*paid;
	uint32_t	*paid_recipients;
	uint32_t	 n_paid_recipients;
};

static void
putting_unref(struct putting *p)
{
	if (--p->n_refs > 0)
		return;
	buf_fini(&p->item.bytes);
	pieces_fini(&p->item.rest);
	mem_free(p->paid_recipients);
	if (p->paid != NULL)
		stored_close(p->paid);
	mem_free(p);
}

/* The mail exists. */
static void
putting_succeeded(struct putting *p, const struct place *place)
{
	struct queue *queue = p->queue;
	struct entry *entry = p->entry;
	struct instant now = loop_now(queue->loop);

	index_add(&queue->index, entry);
	entry_set_mail(queue, entry, place);
	queue->counts.content_bytes += entry->content_bytes;
	if (p->is_abandoned && p->debt == NULL) {	/* its client was told 451: not to come as a surprise */
		entry_drop_slots(queue, entry, false);
		entry_write_gone(queue, entry, NULL);
		return;
	}
	queue->counts.n_put++;
	for (struct slot *slot = entry->slots; slot != NULL && !p->comes_held; slot = slot->next)
		slot_place(&queue->schedule, slot, now, now);
	entry_set_held(queue, entry, p->comes_held);
	if (p->debt != NULL)
		debt_is_paid(p->paid, p->debt, p->paid_recipients, p->n_paid_recipients, place->segment);
}

static void
putting_done(struct item *item, const struct place *place, const struct fault *why)
{
	struct putting *p = LIST_ITEM(item, struct putting, item);

	p->is_done = true;
	buf_fini(&p->item.bytes);
	pieces_fini(&p->item.rest);
	if (place != NULL) {
		putting_succeeded(p, place);
	} else {
		p->fault = *why;
		p->result = -1;
		entry_drop_slots(p->queue, p->entry, false);
		if (p->entry->is_large)
			large_remove(p->queue, &p->entry->id);
		if (p->debt != NULL)
			debt_is_unpaid(p->paid, p->debt);
		entry_unref(p->entry);
	}
	signal_all(&p->done);
	putting_unref(p);
}

/* Long content becomes the item's as it is. */
static int
encode(const struct mail_record *record, struct str prefix, struct draft *draft, int64_t max_bytes, struct item *item)
{
	static const char zeros[RECORD_ALIGN_BYTES] = { 0 };
	struct buf *bytes = &item->bytes;
	size_t n_zeros;

	if (record->is_large)
		return record_encode_mail(record, prefix, STR_EMPTY, 0, bytes);
	if (record_encode_mail_start(record, prefix, 0, bytes, &n_zeros) != 0 ||
	    (int64_t)(bytes->len + draft->content.len + n_zeros) > max_bytes)
		return -1;
	if (draft->content.len > COPIED_CONTENT_MAX_BYTES) {
		item->rest = draft->content;
		draft->content = (struct pieces){ .len = 0 };
		pieces_append(&item->rest, str_n(zeros, n_zeros));
		return 0;
	}
	for (int i = 0; i < draft->content.n_used; i++)
		(void)buf_append(bytes, str_n(draft->content.at[i].iov_base, draft->content.at[i].iov_len));
	return buf_append(bytes, str_n(zeros, n_zeros));
}

static int
putting_encode(struct putting *p, const struct put_plan *plan, struct fault *fault_out)
{
	struct draft *draft = plan->draft;
	int64_t max_bytes = commit_record_max_bytes(p->queue->segment_bytes);
	struct mail_record record = {
		.id = draft->id,
		.facts = *plan->facts,
		.envelope = *plan->envelope,
		.state.n_recipients = plan->envelope->n_recipients,
		.state.is_held = plan->facts->comes_held,
		.prefix_bytes = (uint32_t)plan->prefix.len,
		.content_bytes = draft->content_bytes,
		.content_crc = draft->crc,
		.is_large = draft->has_file,
	};

	if (plan->debt != NULL)
		record.pays = (struct payment){
			.mail = plan->paid->entry->id, .kind = plan->debt->kind,
			.recipients = p->paid_recipients, .n_recipients = p->n_paid_recipients,
		};
	max_bytes -= (int64_t)plan->envelope->n_recipients * RECIPIENT_STATE_ROOM_BYTES;
	buf_init(&p->item.bytes, max_bytes > 0 ? (size_t)max_bytes : 0);
	if (plan->envelope->n_recipients > ENVELOPE_RECIPIENTS_MAX ||
	    encode(&record, plan->prefix, draft, max_bytes, &p->item) != 0)
		return fault_permanent(fault_out, "the mail does not fit a segment of the spool");
	return 0;
}

static struct entry *
entry_of_plan(struct queue *queue, const struct put_plan *plan)
{
	struct entry *entry = entry_new(&plan->draft->id);
	const struct envelope *envelope = plan->envelope;
	struct span age = timestamp_diff(plan->facts->arrived, os_wall_clock());

	entry->arrived = (struct instant){ os_now().ns - (age.ns > 0 ? age.ns : 0) };
	entry->content_bytes = plan->draft->content_bytes + (int64_t)plan->prefix.len;
	entry->is_large = plan->draft->has_file;
	entry->is_unverified = plan->facts->is_unverified;
	entry->came_held = plan->facts->comes_held;
	entry->epoch = queue->epoch;
	for (int i = 0; i < envelope->n_recipients; i++) {
		struct str name = queue->world.destination_of(queue->world.context, envelope,
		    &envelope->recipients[i], plan->facts);
		struct destination *destination = destination_get(&queue->schedule, name);

		if (destination->found == NULL)
			destination->found = entry_add_slot(queue, entry, destination);
	}
	for (struct slot *slot = entry->slots; slot != NULL; slot = slot->next)
		slot->destination->found = NULL;
	return entry;
}

static int
put_wait(struct putting *p, struct instant deadline, struct fault *fault_out)
{
	while (!p->is_done) {
		enum wake wake = signal_wait(&p->done, deadline);

		if (wake == WAKE_READY || p->is_done)
			continue;
		p->is_abandoned = true;
		return fault_because(fault_out, wake == WAKE_CANCELLED ? FAULT_CANCELLED : FAULT_TIMED_OUT,
		    "the disk did not confirm in time");
	}
	if (p->result != 0 && fault_out != NULL)
		*fault_out = p->fault;
	return p->result;
}

/* Room for what this mail takes, as far as can be said now. */
static int
put_wait_for_room(struct queue *queue, struct instant deadline, struct fault *fault_out)
{
	if (queue->is_stopping)
		return fault_temporary(fault_out, "the queue is closing");
	if (instant_after(queue->room.looked_at, span_s(LOOK_AT_ROOM_EVERY_S)).ns <= loop_now(queue->loop).ns)
		room_want(queue);
	if (queue_is_full(queue))
		return fault_because(fault_out, FAULT_FULL, "no room on the disk of %s", queue->directory);
	while (commit_is_behind(&queue->commit))
		if (signal_wait(&queue->commit.room, deadline) != WAKE_READY)
			return fault_because(fault_out, FAULT_TIMED_OUT, "the disk is behind");
	return 0;
}

static int
put_begin(struct queue *queue, const struct put_plan *plan, struct instant deadline, struct putting **p_out,
    struct fault *fault_out)
{
	struct draft *draft = plan->draft;
	struct putting *p;

	insist(plan->envelope->n_recipients > 0);
	if (plan->facts->comes_held && !held_has_room(queue))
		return fault_because(fault_out, FAULT_FULL, "as much is held as may be");
	if (put_wait_for_room(queue, deadline, fault_out) != 0 || draft_finish(draft, fault_out) != 0)
		return -1;
	p = mem_new(sizeof(*p));
	p->queue = queue;
	p->n_refs = 1;
	p->comes_held = plan->facts->comes_held;
	p->item.is_new_mail = true;
	p->item.done = putting_done;
	signal_init(&p->done);
	if (plan->debt != NULL) {
		p->paid_recipients = mem_new_array(plan->n_paid_recipients, sizeof(uint32_t));
		memcpy(p->paid_recipients, plan->paid_recipients, plan->n_paid_recipients * sizeof(uint32_t));
		p->n_paid_recipients = plan->n_paid_recipients;
	}
	if (putting_encode(p, plan, fault_out) != 0) {
		putting_unref(p);
		return -1;
	}
	if (plan->debt != NULL) {
		p->debt = plan->debt;
		p->paid = plan->paid;
		stored_ref(p->paid);
	}
	p->entry = entry_of_plan(queue, plan);
	draft->has_file = false;		/* the record's now */
	p->n_refs++;
	commit_add(&queue->commit, &p->item);
	*p_out = p;
	return 0;
}

int
put_mail(struct queue *queue, const struct put_plan *plan, struct instant deadline, struct fault *fault_out)
{
	struct putting *p = NULL;
	int result;

	if (put_begin(queue, plan, deadline, &p, fault_out) != 0) {
		if (plan->debt != NULL)
			debt_is_unpaid(plan->paid, plan->debt);
		return -1;
	}
	pieces_fini(&plan->draft->content);	/* it is in the record */
	result = put_wait(p, deadline, fault_out);
	if (result == 0)
		draft_free(plan->draft);
	putting_unref(p);
	return result;
}

int
queue_put(struct queue *queue, struct draft *draft, const struct envelope *envelope, const struct mail_facts *facts,
    struct str prefix, struct instant deadline, struct fault *fault_out)
{
	struct put_plan plan = { .draft = draft, .envelope = envelope, .facts = facts, .prefix = prefix };

	return put_mail(queue, &plan, deadline, fault_out);
}

bool
queue_is_full(const struct queue *queue)
{
	const struct room *room = &queue->room;
	const struct segment *current = queue->commit.current;
	bool has_rest = current != NULL && current->end < current->bytes - current->bytes / 8;

	if (room->free_bytes < queue->min_free_bytes)
		return true;
	/* One spare is the reserve of what must be written. */
	return room->is_short && room->spares.n < (has_rest ? 1u : 2u);
}
