/*
 * state.c - what became of a mail as a record, or its tombstone: written behind, and until then the disk's state is an older one
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

struct state_item {
	struct item	 item;
	struct queue	*queue;
	struct entry	*entry;		/* referenced */
	struct stored	*stored;	/* referenced, or NULL: until it is durable, the disk's state is an older one */
	struct segment	*pinned;
	struct waiter	*waiter;
	bool		 is_gone;
};

struct waiter *
waiter_new(void)
{
	struct waiter *waiter = mem_new(sizeof(*waiter));

	waiter->n_refs = 1;
	signal_init(&waiter->done);
	return waiter;
}

void
waiter_unref(struct waiter *waiter)
{
	if (--waiter->n_refs == 0)
		mem_free(waiter);
}

static void
state_done(struct item *item, const struct place *place, const struct fault *why)
{
	struct state_item *si = LIST_ITEM(item, struct state_item, item);

	(void)why;
	insist(place != NULL);		/* it must be written, so it was */
	if (si->entry->is_in_index) {
		if (si->is_gone)
			entry_forget(si->queue, si->entry);
		else
			entry_set_state(si->queue, si->entry, place);
	}
	if (si->pinned != NULL && --si->pinned->n_pins == 0)
		room_want(si->queue);
	if (si->waiter != NULL) {
		si->waiter->n_pending--;
		signal_all(&si->waiter->done);
		waiter_unref(si->waiter);
	}
	if (si->stored != NULL)
		stored_close(si->stored);
	entry_unref(si->entry);
	buf_fini(&si->item.bytes);
	mem_free(si);
}

static struct state_item *
state_item_new(struct queue *queue, struct entry *entry, struct stored *stored, struct segment *pinned,
    struct waiter *waiter)
{
	struct state_item *si = mem_new(sizeof(*si));

	si->item.must_be_written = true;
	si->item.done = state_done;
	buf_init(&si->item.bytes, (size_t)commit_record_max_bytes(queue->segment_bytes) + RECORD_HEADER_BYTES);
	si->queue = queue;
	si->entry = entry;
	entry_ref(entry);
	if (stored != NULL)
		stored_ref(stored);
	si->stored = stored;
	if (pinned != NULL)
		pinned->n_pins++;
	si->pinned = pinned;
	if (waiter != NULL) {
		waiter->n_pending++;
		waiter->n_refs++;
	}
	si->waiter = waiter;
	return si;
}

static void
write_gone(struct queue *queue, struct entry *entry, struct segment *pinned, struct waiter *waiter)
{
	struct state_item *si = state_item_new(queue, entry, NULL, pinned, waiter);

	entry->is_gone = true;
	si->is_gone = true;
	insist(record_encode_gone(&entry->id, &si->item.bytes) == 0);
	entry_drop_slots(queue, entry, false);
	entry_drop_debts(queue, entry);
	entry_set_clock(queue, entry);
	commit_add(&queue->commit, &si->item);
}

void
entry_write_gone(struct queue *queue, struct entry *entry, struct waiter *waiter)
{
	insist(!entry->is_gone && entry->n_out == 0);
	write_gone(queue, entry, NULL, waiter);
}

static bool
mail_is_over(const struct stored *stored)
{
	const struct mail_state *state = &stored->record.state;

	if (stored->entry->n_out > 0)
		return false;
	if (stored->entry->is_removed)
		return true;
	for (int i = 0; i < state->n_recipients; i++)
		if (state->recipients[i].step == RECIPIENT_WAITING)
			return false;
	return state_debts(state) == 0;
}

size_t
outcome_text_max_bytes(int n_recipients)
{
	return n_recipients > OUTCOME_TEXT_MANY ? OUTCOME_TEXT_OF_MANY_MAX_BYTES : OUTCOME_TEXT_MAX_BYTES;
}

void
stored_write(struct stored *stored, struct segment *pinned, struct waiter *waiter)
{
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;
	struct mail_state *state = &stored->record.state;
	struct state_item *si;

	if (entry->is_gone)
		return;
	if (mail_is_over(stored)) {
		write_gone(queue, entry, pinned, waiter);
		return;
	}
	state->version++;
	state->is_held = entry->is_held;
	state->is_warned = entry->is_warned;
	state->is_removed = entry->is_removed;
	state->is_bounced = entry->is_bounced;
	si = state_item_new(queue, entry, stored, pinned, waiter);
	if (record_encode_state(&entry->id, state, outcome_text_max_bytes(state->n_recipients), &si->item.bytes) != 0) {
		buf_clear(&si->item.bytes);	/* very many recipients: the texts must go */
		insist(record_encode_state(&entry->id, state, 0, &si->item.bytes) == 0);
	}
	commit_add(&queue->commit, &si->item);
}
