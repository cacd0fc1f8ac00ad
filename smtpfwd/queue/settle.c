/*
 * settle.c - deliveries out and back: what was taken, what became of each recipient, one record
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/history.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum { OUTCOME_WHY_MAX_BYTES = 300 };			/* of a text in a log line */

enum { DELIVERY_ARENA_MAX_BYTES = 16 * 1024 * 1024 };	/* recipients of one delivery, and the taker's own */

struct taken {				/* what stands behind a delivery */
	struct delivery	 delivery;
	struct slot	*slot;
	struct stored	*stored;
	struct content_reader reader;
	struct arena	 arena;
};

static struct taken *
taken_of(const struct delivery *delivery)
{
	return (struct taken *)(void *)((char *)(uintptr_t)delivery - offsetof(struct taken, delivery));
}

/* --- taking --- */

static struct status
last_status(const struct stored *stored, int index)
{
	const struct recipient_state *r = &stored->record.state.recipients[index];

	return r->has_outcome && r->outcome.reply.code == 0 ? r->outcome.status : STATUS_NONE;
}

static bool
delivery_fill(struct taken *t)
{
	const struct mail_record *mail = &t->stored->record;
	struct delivery *d = &t->delivery;
	int n = 0;

	for (int i = 0; i < mail->envelope.n_recipients; i++)
		n += t->stored->slot_of[i] == t->slot ? 1 : 0;
	d->recipients = arena_array(&t->arena, (size_t)n, sizeof(*d->recipients));
	if (n == 0 || d->recipients == NULL ||
	    !arena_copy(&t->arena, destination_name(t->slot->destination), &d->destination))
		return false;
	for (int i = 0; i < mail->envelope.n_recipients; i++)
		if (t->stored->slot_of[i] == t->slot)
			d->recipients[d->n_recipients++] = (struct delivery_recipient){
				.recipient = mail->envelope.recipients[i], .index = i, .last = last_status(t->stored, i),
			};
	d->mail = mail->id;
	d->envelope = &mail->envelope;
	d->facts = &mail->facts;
	d->n_tries = (int)t->slot->n_tries;
	d->expires = instant_on_wall(entry_expires(t->stored->queue, t->stored->entry));
	d->content_bytes = mail->prefix_bytes + mail->content_bytes;
	d->arena = &t->arena;
	return true;
}

/* Ends the slot's time in delivery: due then, or idle while it is held. */
static void
slot_come_back(struct queue *queue, struct slot *slot, struct instant due)
{
	struct entry *entry = slot->entry;

	entry->n_out--;
	queue->counts.n_in_delivery--;
	if (entry->is_held)
		slot_set_idle(&queue->schedule, slot);
	else
		slot_place(&queue->schedule, slot, due, loop_now(queue->loop));
	entry_set_clock(queue, entry);
}

/* Undoes its time in delivery. */
static void
slot_come_back_first(struct queue *queue, struct slot *slot)
{
	struct entry *entry = slot->entry;

	if (entry->is_held) {
		slot_come_back(queue, slot, loop_now(queue->loop));
		return;
	}
	entry->n_out--;
	queue->counts.n_in_delivery--;
	slot_place_first(&queue->schedule, slot, loop_now(queue->loop));
	entry_set_clock(queue, entry);
}

static void
slot_end(struct queue *queue, struct slot *slot)
{
	struct entry *entry = slot->entry;

	queue->counts.n_in_delivery--;
	entry_drop_slot(queue, entry, slot);
	entry_set_clock(queue, entry);
}

static struct delivery *
deliver_slot(struct queue *queue, struct slot *slot, struct instant deadline)
{
	struct entry *entry = slot->entry;
	struct taken *t = NULL;
	struct fault fault = { .kind = FAULT_TEMPORARY };
	struct stored *stored;

	entry->n_out++;
	queue->counts.n_in_delivery++;
	entry_ref(entry);
	stored = stored_open(queue, entry, deadline, &fault);
	if (stored == NULL) {
		if (entry->is_gone) {
			slot_end(queue, slot);
		} else {
			log_say(queue->log, LOG_LEVEL_ERROR, "unreadable", "%s", fault.text);
			slot_come_back(queue, slot, instant_after(loop_now(queue->loop), span_s(TROUBLE_WAIT_S)));
		}
		entry_unref(entry);
		return NULL;
	}
	t = mem_new(sizeof(*t));
	t->slot = slot;
	t->stored = stored;
	arena_init(&t->arena, DELIVERY_ARENA_MAX_BYTES);
	if (entry->is_removed || entry->is_held || !delivery_fill(t)) {
		/* Removed, held, or routed elsewhere while it was read. */
		if (entry->is_held && !entry->is_removed)
			slot_come_back(queue, slot, loop_now(queue->loop));
		else
			slot_end(queue, slot);
		if (entry->is_removed)
			stored_write(stored, NULL, NULL);
		arena_fini(&t->arena);
		mem_free(t);
		stored_close(stored);
		t = NULL;
	}
	entry_unref(entry);
	return t != NULL ? &t->delivery : NULL;
}

struct delivery *
queue_take(struct queue *queue, struct instant deadline)
{
	for (;;) {
		struct delivery *delivery = NULL;
		struct slot *slot = NULL;
		enum wake wake;

		if (fiber_is_cancelled())
			return NULL;
		if (commit_is_behind(&queue->commit)) {		/* the disk has trouble: what is out is enough */
			wake = signal_wait(&queue->commit.room, deadline);
		} else if ((slot = schedule_take(&queue->schedule, loop_now(queue->loop))) != NULL) {
			delivery = deliver_slot(queue, slot, deadline);
			if (delivery != NULL)
				return delivery;
			wake = WAKE_READY;
		} else {
			wake = signal_wait(&queue->schedule.takers, deadline);
		}
		if (wake != WAKE_READY || (slot != NULL && !instant_is_before(os_now(), deadline))) {
			if (schedule_has_ready(&queue->schedule))
				signal_one(&queue->schedule.takers);	/* a wake that was for us is for another */
			return NULL;
		}
	}
}

struct delivery *
queue_take_same(struct queue *queue, struct str destination, struct instant deadline)
{
	struct destination *d = destination_find(&queue->schedule, destination);
	struct slot *slot;

	if (d == NULL || commit_is_behind(&queue->commit))
		return NULL;
	slot = schedule_take_of(&queue->schedule, d, loop_now(queue->loop));
	return slot != NULL ? deliver_slot(queue, slot, deadline) : NULL;
}

struct delivery *
queue_take_next(struct queue *queue, struct delivery *before, bool only_if_full, struct instant deadline)
{
	struct slot *out = taken_of(before)->slot, *slot;
	struct delivery *delivery;

	if (commit_is_behind(&queue->commit))
		return NULL;
	slot = schedule_take_next(&queue->schedule, out, only_if_full, loop_now(queue->loop));
	if (slot == NULL)
		return NULL;
	delivery = deliver_slot(queue, slot, deadline);
	if (delivery == NULL)
		schedule_take_back_place(&queue->schedule, out, loop_now(queue->loop));
	return delivery;
}

ssize_t
queue_read(struct queue *queue, const struct delivery *delivery, int64_t offset, void *room, size_t n_bytes,
    struct instant deadline, struct fault *fault_out)
{
	struct taken *t = taken_of(delivery);

	(void)queue;
	return stored_read(t->stored, &t->reader, offset, room, n_bytes, deadline, fault_out);
}

/* --- settling --- */

bool
recipient_wants(const struct mail_record *mail, int index, enum report_kind kind)
{
	unsigned notify = mail->envelope.recipients[index].notify;

	if (address_is_null(&mail->envelope.reverse_path))	/* RFC 5321 4.5.5: never to a null reverse-path */
		return false;
	switch (kind) {
	case REPORT_FAILED:
		return notify == NOTIFY_UNSET || (notify & NOTIFY_FAILURE) != 0;
	case REPORT_DELAYED:
		return notify == NOTIFY_UNSET || (notify & NOTIFY_DELAY) != 0;
	case REPORT_RELAYED:
		return (notify & NOTIFY_SUCCESS) != 0;	/* RFC 3461 5.2.2: only where it was asked for */
	}
	return false;
}

/* Kept as it can be written: bounded, in the mail's arena. */
static void
keep_outcome(struct stored *stored, struct recipient_state *r, const struct outcome *outcome)
{
	size_t max = outcome_text_max_bytes(stored->record.state.n_recipients);
	struct arena *arena = &stored->arena;

	r->outcome = *outcome;
	r->has_outcome = arena_copy(arena, str_sub(outcome->reply.text, 0, max), &r->outcome.reply.text) &&
	    arena_copy(arena, str_sub(outcome->remote_mta, 0, OUTCOME_REMOTE_MAX_BYTES), &r->outcome.remote_mta) &&
	    arena_copy(arena, str_sub(outcome->text, 0, max), &r->outcome.text);
	if (outcome->reply.code < 0 || outcome->reply.code > 599)
		r->outcome.reply.code = 0;
}

static void
recipient_end(struct stored *stored, int index, enum recipient_step step, enum report_kind kind)
{
	struct recipient_state *r = &stored->record.state.recipients[index];
	struct entry *entry = stored->entry;

	r->step = step;
	stored->slot_of[index] = NULL;
	r->paid |= r->owed & 1u << REPORT_DELAYED;	/* nobody wants to hear of a delay that is over */
	if (kind == REPORT_RELAYED && recipient_wants(&stored->record, index, kind) && entry_withholds(stored->queue, entry)) {
		history_unreported(stored->queue->log, &entry->id, "success", "its sender was not verified");
	} else if (kind != REPORT_DELAYED && recipient_wants(&stored->record, index, kind)) {
		r->owed |= 1u << kind;
		if (!entry->is_removed)
			debts_add(stored->queue, entry, 1u << kind);
	}
}

static const char *
why_unreported(const struct mail_record *mail)
{
	if (mail->facts.is_report)
		return "it is a report itself, which its sender will not see";
	return address_is_null(&mail->envelope.reverse_path) ? "its reverse-path is null" : "NOTIFY asks for none";
}

void
recipient_fail(struct stored *stored, int index, const struct outcome *outcome)
{
	struct recipient_state *r = &stored->record.state.recipients[index];

	keep_outcome(stored, r, outcome);
	r->outcome.kind = OUTCOME_FAILED;
	stored->queue->counts.n_failed++;
	if (!recipient_wants(&stored->record, index, REPORT_FAILED))
		history_unreported(stored->queue->log, &stored->entry->id, "failure", why_unreported(&stored->record));
	else if (entry_withholds(stored->queue, stored->entry) && !stored->entry->is_withheld && !stored->entry->is_removed)
		history_held(stored->queue->log, &stored->entry->id, "unverified-sender");
	recipient_end(stored, index, RECIPIENT_FAILED, REPORT_FAILED);
}

void
recipient_expire(struct stored *stored, int index, const struct outcome *last)
{
	const struct mail_record *mail = &stored->record;
	struct outcome outcome = *last;
	struct history_attempt attempt = {
		.recipient = &mail->envelope.recipients[index].address, .next_hop = last->remote_mta,
		.reply = last->reply.code != 0 ? &last->reply : NULL,
		.delay = instant_diff(stored->entry->arrived, loop_now(stored->queue->loop)),
	};
	char why[OUTCOME_WHY_MAX_BYTES];

	if (outcome.status.class != 5)
		outcome.status = STATUS(4, 4, 7);	/* RFC 3463 3.5: delivery time expired */
	if (outcome.text.len == 0)
		outcome.text = STR("delivery time expired");
	snprintf(why, sizeof(why), "%.*s", STR_ARG(outcome.text));
	attempt.why = attempt.reply == NULL ? why : NULL;
	history_expired(stored->queue->log, &stored->entry->id, &attempt);
	recipient_fail(stored, index, &outcome);
}

static void
settle_recipient(struct taken *t, int index, const struct outcome *outcome, bool is_destination_down,
    struct span wait, struct instant now)
{
	struct stored *stored = t->stored;
	struct queue *queue = stored->queue;
	struct recipient_state *r = &stored->record.state.recipients[index];

	insist(r->step == RECIPIENT_WAITING);
	if (!is_destination_down)
		r->last_try = os_wall_clock();
	switch (outcome->kind) {
	case OUTCOME_DELIVERED:
		queue->counts.n_delivered++;
		keep_outcome(stored, r, outcome);
		recipient_end(stored, index, RECIPIENT_DONE, REPORT_DELAYED);
		break;
	case OUTCOME_RELAYED:
		queue->counts.n_delivered++;
		keep_outcome(stored, r, outcome);
		recipient_end(stored, index, RECIPIENT_DONE, REPORT_RELAYED);
		break;
	case OUTCOME_FAILED:
		recipient_fail(stored, index, outcome);
		break;
	case OUTCOME_DEFERRED:
		queue->counts.n_deferred++;
		r->n_tries += is_destination_down ? 0 : 1;
		if (entry_expires(queue, stored->entry).ns <= now.ns && !stored->entry->is_held) {
			recipient_expire(stored, index, outcome);
			break;
		}
		keep_outcome(stored, r, outcome);
		r->next_try = timestamp_after(os_wall_clock(), wait);
		break;
	}
}

/* The next try: by the backoff, but the last one is no later than the mail's end. */
static struct span
next_wait(struct queue *queue, const struct taken *t, bool is_destination_down, struct instant now)
{
	uint32_t n_tries = t->slot->n_tries + (is_destination_down ? 0 : 1);
	struct span wait = retry_wait(&queue->retry, n_tries > 0 ? n_tries : 1, queue_random(queue));
	struct span left = instant_diff(now, entry_expires(queue, t->stored->entry));

	return left.ns > 0 && left.ns < wait.ns ? left : wait;
}

static void
taken_free(struct taken *t)
{
	struct stored *stored = t->stored;

	arena_fini(&t->arena);
	mem_free(t);
	stored_close(stored);
}

void
queue_settle(struct queue *queue, struct delivery *delivery, const struct outcome *outcomes, bool is_destination_down)
{
	struct taken *t = taken_of(delivery);
	struct stored *stored = t->stored;
	struct slot *slot = t->slot;
	struct instant now = loop_now(queue->loop);
	struct span wait = next_wait(queue, t, is_destination_down, now);
	const struct mail_state *state = &stored->record.state;
	bool is_waiting = false;

	slot->n_tries += is_destination_down ? 0 : 1;
	for (int i = 0; i < delivery->n_recipients; i++)
		settle_recipient(t, delivery->recipients[i].index, &outcomes[i], is_destination_down, wait, now);
	for (int i = 0; i < state->n_recipients && !is_waiting; i++)
		is_waiting = stored->slot_of[i] == slot;
	if (is_waiting)
		slot_come_back(queue, slot, instant_after(now, wait));
	else
		slot_end(queue, slot);
	stored_write(stored, NULL, NULL);
	taken_free(t);
}

void
queue_settle_part(struct queue *queue, struct delivery *delivery, const struct outcome *outcomes, const bool *is_over)
{
	struct taken *t = taken_of(delivery);
	int n_left = 0;

	for (int i = 0; i < delivery->n_recipients; i++) {
		if (!is_over[i]) {
			delivery->recipients[n_left++] = delivery->recipients[i];
			continue;
		}
		insist(outcomes[i].kind != OUTCOME_DEFERRED);
		settle_recipient(t, delivery->recipients[i].index, &outcomes[i], false, (struct span){ 0 }, loop_now(queue->loop));
	}
	insist(n_left > 0);
	if (n_left == delivery->n_recipients)
		return;
	delivery->n_recipients = n_left;
	stored_write(t->stored, NULL, NULL);
}

static void
give_back(struct queue *queue, struct taken *t)
{
	if (t->stored->entry->is_removed)
		stored_write(t->stored, NULL, NULL);
	taken_free(t);
}

void
queue_give_back(struct queue *queue, struct delivery *delivery, struct instant at)
{
	struct taken *t = taken_of(delivery);

	slot_come_back(queue, t->slot, at);
	give_back(queue, t);
}

void
queue_give_back_first(struct queue *queue, struct delivery *delivery)
{
	struct taken *t = taken_of(delivery);

	slot_come_back_first(queue, t->slot);
	give_back(queue, t);
}

void
queue_give_back_next(struct queue *queue, struct delivery *next, struct delivery *before)
{
	schedule_take_back_place(&queue->schedule, taken_of(before)->slot, loop_now(queue->loop));
	queue_give_back_first(queue, next);
}
