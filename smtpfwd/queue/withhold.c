/*
 * withhold.c - what fails of a mail whose sender was not verified: held instead of reported, for a time of its own
 *
 * On the disk such a recipient has failed and its report is owed, as any other's: whether that is withheld is worked out from
 * the mail's facts and the settings of now.  So there is no state between, and a crash finds nothing new.
 */
#include "base/insist.h"
#include "mail/history.h"
#include "smtpfwd/queue/store.h"

bool
entry_withholds(const struct queue *queue, const struct entry *entry)
{
	return queue->retry.holds_unverified && entry->is_unverified && !entry->is_bounced;
}

static void
set_marks(struct queue *queue, struct entry *entry, bool is_held, bool is_withheld)
{
	queue->counts.n_held += (is_held || is_withheld ? 1 : 0) - (entry->is_held || entry->is_withheld ? 1 : 0);
	entry->is_held = is_held;
	entry->is_withheld = is_withheld;
	entry_set_clock(queue, entry);
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

void
withheld_expire(struct stored *stored)
{
	struct mail_state *state = &stored->record.state;
	struct queue *queue = stored->queue;

	for (int i = 0; i < state->n_recipients; i++)
		if (is_unreported(&state->recipients[i]))
			state->recipients[i].paid |= 1u << REPORT_FAILED;
	history_removed(queue->log, &stored->entry->id, "hold-expire");
	entry_set_withheld(queue, stored->entry, false);
	stored_write(stored, NULL, NULL);
}
