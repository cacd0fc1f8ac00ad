/*
 * withhold.c - what fails of a mail whose sender was not verified: held instead of reported, for a time of its own
 *
 * On the disk such a recipient has failed and its report is owed, as any other's: whether that is withheld is worked out from
 * the mail's facts and the settings of now.  So there is no state between, and a crash finds nothing new.
 *
 * Whoever forges senders decides how much of it comes, so it has a bound of its own: new mail never waits for its room.
 */
#include "base/insist.h"
#include "mail/history.h"
#include "smtpfwd/queue/store.h"

enum { LOOKED_AT_ONCE = 256 };		/* entries, before others have their turn */

bool
entry_withholds(const struct queue *queue, const struct entry *entry)
{
	return queue->retry.holds_unverified && entry->is_unverified && !entry->is_bounced;
}

static void
count_marks(struct queue *queue, const struct entry *entry, int sign)
{
	queue->counts.n_held += entry->is_held || entry->is_withheld ? sign : 0;
	if (entry->is_withheld && !entry->is_held) {
		queue->counts.n_withheld += sign;
		queue->counts.withheld_bytes += sign * entry->content_bytes;
	}
	if (entry->came_held && entry->is_held) {
		queue->counts.n_came_held += sign;
		queue->counts.came_held_bytes += sign * entry->content_bytes;
	}
}

static void
set_marks(struct queue *queue, struct entry *entry, bool is_held, bool is_withheld)
{
	count_marks(queue, entry, -1);
	entry->is_held = is_held;
	entry->is_withheld = is_withheld;
	count_marks(queue, entry, 1);
	entry_set_clock(queue, entry);
	if (is_withheld && withheld_is_too_much(queue) && instant_is_before(queue->let_go_again, queue->clock_next))
		signal_all(&queue->clock_changed);
}

void
entry_unmark(struct queue *queue, struct entry *entry)
{
	set_marks(queue, entry, false, false);
}

void
entry_set_held(struct queue *queue, struct entry *entry, bool is_held)
{
	set_marks(queue, entry, is_held, entry->is_withheld);
}

void
entry_set_withheld(struct queue *queue, struct entry *entry, bool is_withheld)
{
	set_marks(queue, entry, entry->is_held, is_withheld);
}

struct instant
entry_withheld_until(const struct queue *queue, const struct entry *entry)
{
	return instant_after(entry_expires(queue, entry), queue->retry.hold_expire);
}

static bool
is_unreported(const struct recipient_state *r)
{
	return r->step == RECIPIENT_FAILED && (r->owed & ~r->paid & 1u << REPORT_FAILED) != 0;
}

bool
recipient_is_withheld(const struct stored *stored, int index)
{
	return stored->entry->is_withheld && is_unreported(&stored->record.state.recipients[index]);
}

void
entry_bounce(struct queue *queue, struct entry *entry)
{
	entry_set_withheld(queue, entry, false);
	debts_add(queue, entry, 1u << REPORT_FAILED);
}

/* Some failed by other settings, and a report of them is on the way: then it cannot be told who is in it. */
static bool
has_failure_debt(const struct entry *entry)
{
	for (const struct debt *debt = entry->debts; debt != NULL; debt = debt->next)
		if (debt->kind == REPORT_FAILED)
			return true;
	return false;
}

bool
withheld_wait_again(struct stored *stored)
{
	struct mail_state *state = &stored->record.state;

	if (has_failure_debt(stored->entry))
		return false;
	for (int i = 0; i < state->n_recipients; i++) {
		struct recipient_state *r = &state->recipients[i];

		if (!is_unreported(r))
			continue;
		r->step = RECIPIENT_WAITING;
		r->owed &= ~(1u << REPORT_FAILED);
		r->n_tries = 0;
		r->next_try = (struct timestamp){ 0 };
	}
	entry_set_withheld(stored->queue, stored->entry, false);
	stored_match_slots(stored, loop_now(stored->queue->loop));
	return true;
}

/* Nobody is told of who failed; who waits still waits on. */
static void
end_hold(struct stored *stored, const char *why)
{
	struct mail_state *state = &stored->record.state;
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;

	for (int i = 0; i < state->n_recipients; i++)
		if (is_unreported(&state->recipients[i]))
			state->recipients[i].paid |= 1u << REPORT_FAILED;
	if (entry->slots == NULL)
		history_removed(queue->log, &entry->id, why);
	else
		history_unreported(queue->log, &entry->id, "failure", why);
	entry_set_withheld(queue, entry, false);
	stored_write(stored, NULL, NULL);
}

void
withheld_expire(struct stored *stored)
{
	end_hold(stored, "hold-expire");
}

/* --- the bound --- */

static bool
is_more_than(int64_t n, int64_t max, bool with_room)
{
	return max > 0 && n > max - (with_room ? max / 10 : 0);
}

static bool
is_full(const struct queue *queue, bool with_room)
{
	return is_more_than(queue->counts.n_withheld, queue->retry.hold_max_mails, with_room) ||
	    is_more_than(queue->counts.withheld_bytes, queue->retry.hold_max_bytes, with_room);
}

bool
withheld_is_too_much(const struct queue *queue)
{
	return is_full(queue, false);
}

/* Its sender was verified and it can still be delivered, so none of it is removed: what is more waits at its client. */
bool
held_has_room(const struct queue *queue)
{
	return (queue->retry.hold_max_mails == 0 || queue->counts.n_came_held < queue->retry.hold_max_mails) &&
	    (queue->retry.hold_max_bytes == 0 || queue->counts.came_held_bytes < queue->retry.hold_max_bytes);
}

static void
let_go(struct queue *queue, struct entry *entry)
{
	struct stored *stored;

	entry_ref(entry);
	stored = stored_open(queue, entry, INSTANT_NEVER, NULL);
	if (stored != NULL && entry->is_withheld && !entry->is_held && !entry->is_gone && !entry->is_removed) {
		end_hold(stored, "hold-max");
		queue->counts.n_let_go++;
	}
	if (stored != NULL)
		stored_close(stored);
	entry_unref(entry);
}

/* A tenth at once: each time all mails are walked over, most of which may only wait. */
void
withheld_let_go(struct queue *queue)
{
	struct cursor cursor;
	struct entry *entry;
	int n_looked = 0;

	cursor_open(queue, &cursor);
	while (!queue->is_stopping && is_full(queue, true) && (entry = cursor_next(queue, &cursor)) != NULL) {
		if (entry->is_withheld && !entry->is_held && !entry->is_gone && !entry->is_removed)
			let_go(queue, entry);
		if (++n_looked % LOOKED_AT_ONCE == 0)
			fiber_yield();
	}
	cursor_close(queue, &cursor);
	queue->let_go_again = withheld_is_too_much(queue) ? instant_after(loop_now(queue->loop), span_s(TROUBLE_WAIT_S)) : (struct instant){ 0 };
}
