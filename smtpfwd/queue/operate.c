/*
 * operate.c - what an operator does: list, hold, release, retry, remove
 */
#include "base/arena.h"
#include "base/insist.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "mail/history.h"
#include "smtpfwd/queue/store.h"

enum { YIELD_EVERY = 256 };		/* entries looked at without reading, before others have their turn */

/* --- which mails --- */

static bool
filter_needs_record(const struct queue_filter *filter)
{
	return filter->recipient_domain.len != 0;
}

/* What memory can say. */
static bool
is_at_or_below(struct str name, struct str wanted)
{
	return str_starts(name, wanted) && (name.len == wanted.len || name.at[wanted.len] == '/');
}

static bool
filter_matches_entry(const struct queue_filter *filter, const struct entry *entry)
{
	const struct slot *slot = entry->slots;

	if (entry->is_gone || entry->is_removed || (filter->is_held_only && !entry->is_held && !entry->is_withheld) ||
	    (!mail_id_is_none(&filter->id) && !mail_id_eq(&filter->id, &entry->id)))
		return false;
	if (filter->destination.len == 0)
		return true;
	while (slot != NULL && !is_at_or_below(destination_name(slot->destination), filter->destination))
		slot = slot->next;
	return slot != NULL;
}

/* Only a domain that is not as it is looked up can be equal in another way. */
static bool
is_domain(struct str domain, struct str canonical)
{
	struct arena arena;
	struct str form;
	bool is_equal;

	if (str_is_ascii(domain))
		return str_eq_nocase(domain, canonical);
	arena_init(&arena, 4 * DOMAIN_MAX_BYTES);
	is_equal = domain_canonical(domain, &arena, &form) && str_eq(form, canonical);
	arena_fini(&arena);
	return is_equal;
}

static bool
filter_matches_record(const struct queue_filter *filter, const struct mail_record *mail)
{
	if (filter->recipient_domain.len == 0)
		return true;
	for (int i = 0; i < mail->envelope.n_recipients; i++)
		if (is_domain(mail->envelope.recipients[i].address.domain, filter->recipient_domain))
			return true;
	return false;
}

/*
 * Calls act for each mail that matches, open if is_open or if the filter needs its record; until act returns false, the
 * deadline, or the end.  False: the deadline or a cancel.  n_unread_out: mails that were passed over because they cannot be read.
 */
static bool
walk(struct queue *queue, const struct queue_filter *filter, bool is_open,
    bool (*act)(void *context, struct entry *entry, struct stored *stored), void *context, struct instant deadline,
    int64_t *n_unread_out)
{
	struct cursor cursor;
	struct entry *entry;
	bool goes_on = true, is_in_time = true;
	int n_looked = 0;

	*n_unread_out = 0;
	cursor_open(queue, &cursor);
	if (!mail_id_is_none(&filter->id))	/* no need to walk to it */
		cursor.next = index_find(&queue->index, &filter->id);
	while (goes_on && is_in_time && (entry = cursor_next(queue, &cursor)) != NULL) {
		bool must_read = is_open || filter_needs_record(filter);
		struct stored *stored = NULL;

		if (!mail_id_is_none(&filter->id))
			cursor.next = NULL;
		if (++n_looked % YIELD_EVERY == 0) {
			bool is_there;

			entry_ref(entry);
			fiber_yield();
			is_there = entry->is_in_index;
			entry_unref(entry);	/* it stays in memory while the index has it */
			is_in_time = instant_is_before(os_now(), deadline) && !fiber_is_cancelled();
			if (!is_there)
				continue;
		}
		if (!filter_matches_entry(filter, entry))
			continue;
		entry_ref(entry);
		if (must_read)
			stored = stored_open(queue, entry, deadline, NULL);
		if (must_read && stored == NULL && (entry->is_set_aside || !entry->is_gone))
			++*n_unread_out;
		if ((stored != NULL || !must_read) && filter_matches_entry(filter, entry) &&
		    (stored == NULL || filter_matches_record(filter, &stored->record)))
			goes_on = act(context, entry, stored);
		if (stored != NULL) {
			stored_close(stored);
			is_in_time = instant_is_before(os_now(), deadline) && !fiber_is_cancelled();
		}
		entry_unref(entry);
	}
	cursor_close(queue, &cursor);
	return is_in_time || !goes_on;
}

/* --- listing --- */

struct listed {
	struct stored		*stored;
	struct content_reader	 reader;
};

struct listing {
	struct queue	*queue;
	bool	       (*visit)(void *context, const struct queue_mail_view *mail);
	void		*context;
};

static struct str
outcome_in_words(const struct outcome *outcome, struct arena *arena)
{
	struct buf room;
	struct str text = STR_EMPTY;

	if (outcome->reply.code == 0)
		return outcome->text;
	buf_init(&room, OUTCOME_TEXT_MAX_BYTES);
	if (reply_append_line(&outcome->reply, OUTCOME_TEXT_MAX_BYTES / 2, &room) == 0)
		(void)arena_copy(arena, buf_str(&room), &text);
	buf_fini(&room);
	return text;
}

static void
view_recipient(const struct stored *stored, int i, struct arena *arena, struct queue_recipient_view *view)
{
	const struct recipient_state *r = &stored->record.state.recipients[i];
	const struct slot *slot = stored->slot_of[i];
	struct outcome last = stored_last_outcome(stored, i);
	struct instant now = loop_now(stored->queue->loop);

	(void)address_text(&stored->record.envelope.recipients[i].address, arena, &view->address);
	view->destination = slot != NULL ? destination_name(slot->destination) : STR_EMPTY;
	view->last_text = outcome_in_words(&last, arena);
	view->n_tries = (int)r->n_tries;
	switch (r->step) {
	case RECIPIENT_DONE:
		view->state = QUEUE_DONE;
		break;
	case RECIPIENT_FAILED:
		view->state = recipient_is_withheld(stored, i) ? QUEUE_WITHHELD : QUEUE_FAILED;
		break;
	case RECIPIENT_WAITING:
		if (slot != NULL && slot->where == SLOT_OUT)
			view->state = QUEUE_IN_DELIVERY;
		else
			view->state = stored->entry->is_held ? QUEUE_HELD : QUEUE_WAITING;
		if (slot != NULL && view->state == QUEUE_WAITING)
			view->next_try = instant_on_wall(slot_due(slot, now));
		break;
	}
}

static bool
list_one(void *context, struct entry *entry, struct stored *stored)
{
	struct listing *listing = context;
	const struct mail_record *mail = &stored->record;
	struct queue_recipient_view *recipients;
	struct listed listed = { .stored = stored };
	struct queue_mail_view view = {
		.id = entry->id, .envelope = &mail->envelope, .facts = &mail->facts,
		.content_bytes = entry->content_bytes, .is_held = entry->is_held, .is_withheld = entry->is_withheld,
		.expires = instant_on_wall(entry->slots == NULL && entry->is_withheld ?
		    entry_withheld_until(listing->queue, entry) : entry_expires(listing->queue, entry)),
		.n_recipients = mail->envelope.n_recipients, .listed = &listed,
	};
	struct arena arena;
	bool goes_on = true;

	arena_init(&arena, 256 * 1024 * 1024);	/* words of 50,000 recipients */
	recipients = arena_array(&arena, (size_t)view.n_recipients, sizeof(*recipients));
	if (recipients != NULL) {
		for (int i = 0; i < view.n_recipients; i++)
			view_recipient(stored, i, &arena, &recipients[i]);
		view.recipients = recipients;
		goes_on = listing->visit(listing->context, &view);
	}
	arena_fini(&arena);
	return goes_on;
}

int64_t
queue_list(struct queue *queue, const struct queue_filter *filter,
    bool (*visit)(void *context, const struct queue_mail_view *mail), void *context, struct instant deadline)
{
	struct listing listing = { .queue = queue, .visit = visit, .context = context };
	int64_t n_unread;

	return walk(queue, filter, true, list_one, &listing, deadline, &n_unread) ? n_unread : -1;
}

ssize_t
queue_read_listed(struct queue *queue, const struct queue_mail_view *mail, int64_t offset, void *room, size_t n_bytes,
    struct instant deadline, struct fault *fault_out)
{
	insist(mail->listed->stored->queue == queue);
	return stored_read(mail->listed->stored, &mail->listed->reader, offset, room, n_bytes, deadline, fault_out);
}

/* --- changing --- */

struct change {
	struct queue	*queue;
	struct waiter	*waiter;
	int64_t		 n;
};

static void
place_waiting_slots(struct queue *queue, struct entry *entry, bool is_idle)
{
	struct instant now = loop_now(queue->loop);

	for (struct slot *slot = entry->slots; slot != NULL; slot = slot->next) {
		if (slot->where == SLOT_OUT)
			continue;
		if (is_idle)
			slot_set_idle(&queue->schedule, slot);
		else
			slot_place(&queue->schedule, slot, now, now);
	}
}

/*
 * While it was held it could not be delivered, so it does not fail the moment it is released:
 * it has at least the longest wait between two tries left.
 */
static void
give_time(struct queue *queue, struct entry *entry, struct mail_state *state)
{
	struct instant least = instant_after(loop_now(queue->loop), queue->retry.max);
	struct instant expires = entry_expires(queue, entry);

	if (!instant_is_before(expires, least))
		return;
	entry->arrived.ns += instant_diff(expires, least).ns;
	state->lives_until = instant_on_wall(least);	/* across a restart */
}

static bool
set_held(struct change *change, struct entry *entry, struct stored *stored, bool is_held)
{
	struct queue *queue = change->queue;

	bool waits_again = !is_held && entry->is_withheld && withheld_wait_again(stored);

	if (entry->is_held == is_held && !waits_again)
		return true;
	entry_set_held(queue, entry, is_held);
	if (!is_held)
		give_time(queue, entry, &stored->record.state);
	place_waiting_slots(queue, entry, is_held);
	entry_set_clock(queue, entry);
	stored_write(stored, NULL, change->waiter);
	if (is_held)
		history_held(queue->log, &entry->id, "operator");
	else
		history_released(queue->log, &entry->id, "operator");
	change->n++;
	return true;
}

static bool
hold_one(void *context, struct entry *entry, struct stored *stored)
{
	return set_held(context, entry, stored, true);
}

static bool
release_one(void *context, struct entry *entry, struct stored *stored)
{
	return set_held(context, entry, stored, false);
}

static bool
bounce_one(void *context, struct entry *entry, struct stored *stored)
{
	struct change *change = context;

	if (!entry->is_withheld)
		return true;
	entry->is_bounced = true;
	entry_bounce(change->queue, entry);
	stored_write(stored, NULL, change->waiter);
	history_released(change->queue->log, &entry->id, "bounce");
	change->n++;
	return true;
}

static bool
retry_one(void *context, struct entry *entry, struct stored *stored)
{
	struct change *change = context;

	(void)stored;
	if (!entry->is_held && entry->slots != NULL) {
		place_waiting_slots(change->queue, entry, false);
		change->n++;
	}
	return true;
}

static bool
remove_one(void *context, struct entry *entry, struct stored *stored)
{
	struct change *change = context;
	struct queue *queue = change->queue;

	entry->is_removed = true;
	entry_set_withheld(queue, entry, false);
	entry_drop_debts(queue, entry);
	if (stored != NULL)
		stored_forget_slots(stored);
	entry_drop_slots(queue, entry, false);
	entry_set_clock(queue, entry);
	if (entry->n_out == 0 && stored == NULL)
		entry_write_gone(queue, entry, change->waiter);
	else
		stored_write(stored, NULL, change->waiter);	/* a tombstone, or the mark that survives a restart */
	history_removed(queue->log, &entry->id, "operator");
	change->n++;
	return true;
}

static int64_t
change_all(struct queue *queue, const struct queue_filter *filter, bool is_open,
    bool (*act)(void *context, struct entry *entry, struct stored *stored), struct instant deadline,
    struct fault *fault_out)
{
	struct change change = { .queue = queue, .waiter = waiter_new() };
	int64_t n_unread;
	bool is_in_time = walk(queue, filter, is_open, act, &change, deadline, &n_unread);
	int64_t result = change.n;

	while (is_in_time && change.waiter->n_pending > 0)
		is_in_time = signal_wait(&change.waiter->done, deadline) == WAKE_READY || change.waiter->n_pending == 0;
	if (!is_in_time)
		result = fault_because(fault_out, FAULT_TIMED_OUT, "not all could be done in time; %lld mails were begun",
		    (long long)change.n);
	else if (n_unread > 0)
		result = fault_temporary(fault_out, "%lld mails could not be read, as the log says, and are left as they are; it was done "
		    "to %lld others", (long long)n_unread, (long long)change.n);
	waiter_unref(change.waiter);
	return result;
}

int64_t
queue_hold(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out)
{
	return change_all(queue, filter, true, hold_one, deadline, fault_out);
}

int64_t
queue_release(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out)
{
	return change_all(queue, filter, true, release_one, deadline, fault_out);
}

int64_t
queue_bounce(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out)
{
	return change_all(queue, filter, true, bounce_one, deadline, fault_out);
}

int64_t
queue_retry_now(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out)
{
	return change_all(queue, filter, false, retry_one, deadline, fault_out);
}

int64_t
queue_remove(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out)
{
	return change_all(queue, filter, true, remove_one, deadline, fault_out);
}
