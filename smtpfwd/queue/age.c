/*
 * age.c - the clock: mails that wait too long are warned about, then fail; routes are looked at anew; room among the withheld is made
 */
#include "base/insist.h"
#include "mail/history.h"
#include "smtpfwd/queue/store.h"

/* True if a delay report is owed now to somebody. */
static bool
warn_recipients(struct stored *stored)
{
	struct mail_state *state = &stored->record.state;
	bool is_owed = false;

	for (int i = 0; i < state->n_recipients; i++) {
		struct recipient_state *r = &state->recipients[i];

		if (r->step != RECIPIENT_WAITING || !recipient_wants(&stored->record, i, REPORT_DELAYED))
			continue;
		if (entry_withholds(stored->queue, stored->entry)) {
			history_unreported(stored->queue->log, &stored->entry->id, "delay", "its sender was not verified");
			return false;
		}
		r->owed |= 1u << REPORT_DELAYED;
		is_owed = true;
	}
	return is_owed;
}

static void
age_warn(struct stored *stored)
{
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;

	entry->is_warned = true;
	if (warn_recipients(stored)) {
		debts_add(queue, entry, 1u << REPORT_DELAYED);
		stored_write(stored, NULL, NULL);
	}
	entry_set_clock(queue, entry);
}

/* What waits fails; what is out is judged when it comes back. */
static void
age_expire(struct stored *stored)
{
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;
	struct mail_state *state = &stored->record.state;
	struct slot *slot, *next;
	bool has_failed = false;

	for (int i = 0; i < state->n_recipients; i++) {
		struct recipient_state *r = &state->recipients[i];
		struct outcome last = stored_last_outcome(stored, i);

		slot = stored->slot_of[i];
		if (r->step != RECIPIENT_WAITING || (slot != NULL && slot->where == SLOT_OUT))
			continue;
		recipient_expire(stored, i, &last);
		has_failed = true;
	}
	for (slot = entry->slots; slot != NULL; slot = next) {
		next = slot->next;
		if (slot->where != SLOT_OUT)
			entry_drop_slot(queue, entry, slot);
	}
	entry_set_clock(queue, entry);
	if (heap_has(&entry->clock) && entry->slots != NULL)	/* all that is left is out */
		heap_remove(&queue->clock, &entry->clock);
	if (has_failed)
		stored_write(stored, NULL, NULL);
}

/* An entry's time has come. */
static void
age_look(struct queue *queue, struct entry *entry)
{
	struct instant now = loop_now(queue->loop);
	struct stored *stored;
	struct fault fault;

	entry_ref(entry);
	stored = stored_open(queue, entry, INSTANT_NEVER, &fault);
	if (stored == NULL) {
		if (heap_has(&entry->clock))
			heap_move(&queue->clock, &entry->clock, instant_after(now, span_s(TROUBLE_WAIT_S)).ns);
		entry_unref(entry);
		return;
	}
	if (entry->is_gone || entry->is_held || entry->is_removed)
		entry_set_clock(queue, entry);
	else if (entry->slots == NULL && entry->is_withheld && entry_withheld_until(queue, entry).ns <= now.ns)
		withheld_expire(stored);
	else if (entry->slots != NULL && entry_expires(queue, entry).ns <= now.ns)
		age_expire(stored);
	else if (entry->slots != NULL && queue->retry.warn.ns > 0 && !entry->is_warned &&
	    instant_after(entry->arrived, queue->retry.warn).ns <= now.ns)
		age_warn(stored);
	else
		entry_set_clock(queue, entry);
	stored_close(stored);
	entry_unref(entry);
}

/* No wait is beyond the maximum of today. */
static void
shorten_waits(struct queue *queue, struct entry *entry)
{
	struct instant now = loop_now(queue->loop), latest = instant_after(now, queue->retry.max);

	for (struct slot *slot = entry->slots; slot != NULL; slot = slot->next)
		if (slot->where == SLOT_LATER && instant_is_before(latest, slot_due(slot, now)))
			slot_place(&queue->schedule, slot, latest, now);
}

/* Routes changed: each mail is opened once, which gives it slots by the new ones. */
static void
reroute_all(struct queue *queue)
{
	struct cursor cursor;
	struct entry *entry;

	queue->is_rerouting = false;
	cursor_open(queue, &cursor);
	while (!queue->is_stopping && !queue->is_rerouting && (entry = cursor_next(queue, &cursor)) != NULL) {
		struct stored *stored;

		if (entry->is_withheld && !entry->is_gone && !entry_withholds(queue, entry))
			entry_bounce(queue, entry);
		if (entry->is_gone || entry->epoch == queue->epoch)	/* gone, or opened meanwhile */
			continue;
		entry_ref(entry);
		stored = stored_open(queue, entry, INSTANT_NEVER, NULL);
		if (stored != NULL)
			stored_close(stored);
		shorten_waits(queue, entry);
		entry_set_clock(queue, entry);
		entry_unref(entry);
		fiber_yield();
	}
	cursor_close(queue, &cursor);
}

void
clock_run(void *arg)
{
	struct queue *queue = arg;

	while (!queue->is_stopping) {
		struct heap_item *least = heap_least(&queue->clock);

		if (queue->is_rerouting) {
			reroute_all(queue);
		} else if (withheld_is_too_much(queue) && !instant_is_before(loop_now(queue->loop), queue->let_go_again)) {
			withheld_let_go(queue);
		} else if (least != NULL && least->key <= loop_now(queue->loop).ns) {
			age_look(queue, HEAP_ITEM(least, struct entry, clock));
			fiber_yield();
		} else {
			queue->clock_next = least != NULL ? (struct instant){ least->key } : INSTANT_NEVER;
			if (withheld_is_too_much(queue))
				queue->clock_next = instant_min(queue->clock_next, queue->let_go_again);
			(void)signal_wait(&queue->clock_changed, queue->clock_next);
			queue->clock_next = (struct instant){ INT64_MIN };
		}
	}
	queue_fiber_ends(queue);
}
