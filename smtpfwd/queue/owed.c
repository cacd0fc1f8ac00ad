/*
 * owed.c - reports that we owe senders: kept until they are paid, paid once
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum { OWED_ARENA_MAX_BYTES = 64 * 1024 * 1024 };	/* recipients of one report, and the reporter's own */

struct owing {				/* what stands behind an owed */
	struct owed	 owed;
	struct debt	*debt;
	struct stored	*stored;
	struct content_reader reader;
	struct arena	 arena;
};

static struct owing *
owing_of(const struct owed *owed)
{
	return (struct owing *)(void *)((char *)(uintptr_t)owed - offsetof(struct owing, owed));
}

unsigned
state_debts(const struct mail_state *state)
{
	unsigned kinds = 0;

	for (int i = 0; i < state->n_recipients; i++)
		kinds |= state->recipients[i].owed & ~state->recipients[i].paid;
	return kinds;
}

void
debts_add(struct queue *queue, struct entry *entry, unsigned kinds)
{
	if ((kinds & 1u << REPORT_FAILED) != 0 && entry_withholds(queue, entry)) {
		if (!entry->is_gone)
			entry_set_withheld(queue, entry, true);
		kinds &= ~(1u << REPORT_FAILED);
	}
	for (struct debt *debt = entry->debts; debt != NULL; debt = debt->next)
		if (!debt->is_out)		/* one that is out does not cover what failed since */
			kinds &= ~(1u << debt->kind);
	for (unsigned kind = REPORT_FAILED; kind <= REPORT_RELAYED; kind++) {
		struct debt *debt;

		if ((kinds & 1u << kind) == 0)
			continue;
		debt = mem_new(sizeof(*debt));
		debt->entry = entry;
		debt->kind = (enum report_kind)kind;
		debt->next = entry->debts;
		entry->debts = debt;
		queue->counts.n_owed++;
		list_append(&queue->debts, &debt->link);
		signal_one(&queue->owed);
	}
}

/* Of a mail one report is out at a time: the next one tells whom that left over, and who failed since. */
static bool
is_one_out(const struct entry *entry)
{
	for (const struct debt *debt = entry->debts; debt != NULL; debt = debt->next)
		if (debt->is_out)
			return true;
	return false;
}

/* It was out: gone for good, or to come again later. */
static void
debt_end(struct queue *queue, struct debt *debt)
{
	struct debt **at = &debt->entry->debts;

	while (*at != debt)
		at = &(*at)->next;
	*at = debt->next;
	queue->counts.n_owed--;
	mem_free(debt);
	signal_one(&queue->owed);	/* another of this mail may be next */
}

static void
debt_later(struct queue *queue, struct debt *debt)
{
	if (debt->entry->is_gone) {
		debt_end(queue, debt);
		return;
	}
	debt->is_out = false;
	debt->due = instant_after(loop_now(queue->loop), span_s(TROUBLE_WAIT_S));
	list_append(&queue->debts_later, &debt->link);
	signal_one(&queue->owed);
}

/* The first that may go out: of those that wait on for another of their mail there are few. */
static struct debt *
debt_first(struct list *debts, struct instant now)
{
	LIST_EACH(link, debts) {
		struct debt *debt = LIST_ITEM(link, struct debt, link);

		if (debt->due.ns > now.ns)	/* nor are those behind it due */
			return NULL;
		if (is_one_out(debt->entry))
			continue;
		list_remove(debts, link);
		return debt;
	}
	return NULL;
}

static struct debt *
debt_take(struct queue *queue, struct instant now)
{
	/* What failed before may fail again, and after a failure nobody is tried for some time: the others go first. */
	struct debt *debt = debt_first(&queue->debts, now);

	if (debt == NULL)
		debt = debt_first(&queue->debts_later, now);
	if (debt == NULL)
		return NULL;
	debt->due = (struct instant){ 0 };
	debt->is_out = true;
	return debt;
}

/* When to look again; what is due and waits for another of its mail is told by that one's end. */
static struct instant
next_due(const struct queue *queue, struct instant now)
{
	LIST_EACH(link, &queue->debts_later) {
		const struct debt *debt = LIST_ITEM(link, struct debt, link);

		if (debt->due.ns > now.ns)
			return debt->due;
	}
	return INSTANT_NEVER;
}

static bool
owed_fill(struct owing *o)
{
	const struct mail_record *mail = &o->stored->record;
	struct owed *owed = &o->owed;
	unsigned bit = 1u << o->debt->kind;
	struct outcome *last;
	int n = 0;

	for (int i = 0; i < mail->state.n_recipients; i++)
		n += (mail->state.recipients[i].owed & ~mail->state.recipients[i].paid & bit) != 0 ? 1 : 0;
	owed->recipients = arena_array(&o->arena, (size_t)n, sizeof(*owed->recipients));
	if (n == 0 || owed->recipients == NULL)
		return false;
	for (int i = 0; i < mail->state.n_recipients; i++) {
		const struct recipient_state *r = &mail->state.recipients[i];

		if ((r->owed & ~r->paid & bit) == 0)
			continue;
		owed->recipients[owed->n_recipients] = (struct owed_recipient){
			.recipient = mail->envelope.recipients[i], .index = i,
			.outcome = stored_last_outcome(o->stored, i), .last_try = r->last_try,
		};
		last = &owed->recipients[owed->n_recipients++].outcome;
		if (!arena_copy(&o->arena, last->text, &last->text))
			last->text = STR_EMPTY;
	}
	owed->mail = mail->id;
	owed->kind = o->debt->kind;
	owed->envelope = &mail->envelope;
	owed->facts = &mail->facts;
	owed->expires = instant_on_wall(entry_expires(o->stored->queue, o->stored->entry));
	owed->content_bytes = mail->prefix_bytes + mail->content_bytes;
	owed->arena = &o->arena;
	return true;
}

static struct owed *
owed_open(struct queue *queue, struct debt *debt, struct instant deadline)
{
	struct entry *entry = debt->entry;
	struct stored *stored;
	struct owing *o;
	struct fault fault;

	entry_ref(entry);
	stored = stored_open(queue, entry, deadline, &fault);
	if (stored == NULL) {
		debt_later(queue, debt);
		entry_unref(entry);
		return NULL;
	}
	o = mem_new(sizeof(*o));
	o->debt = debt;
	o->stored = stored;
	arena_init(&o->arena, OWED_ARENA_MAX_BYTES);
	if (!owed_fill(o)) {			/* nothing left of it */
		debt_end(queue, debt);
		stored_close(stored);
		arena_fini(&o->arena);
		mem_free(o);
		o = NULL;
	}
	entry_unref(entry);
	return o != NULL ? &o->owed : NULL;
}

struct owed *
queue_take_owed(struct queue *queue, struct instant deadline)
{
	for (;;) {
		struct instant now = loop_now(queue->loop);
		struct debt *debt = fiber_is_cancelled() ? NULL : debt_take(queue, now);
		struct owed *owed;
		enum wake wake;

		if (debt != NULL) {
			owed = owed_open(queue, debt, deadline);
			if (owed != NULL)
				return owed;
			continue;
		}
		wake = signal_wait(&queue->owed, instant_min(deadline, next_due(queue, now)));
		if (wake == WAKE_CANCELLED || (wake == WAKE_TIMED_OUT && !instant_is_before(os_now(), deadline)))
			return NULL;
	}
}

ssize_t
queue_read_owed(struct queue *queue, const struct owed *owed, int64_t offset, void *room, size_t n_bytes,
    struct instant deadline, struct fault *fault_out)
{
	struct owing *o = owing_of(owed);

	(void)queue;
	return stored_read(o->stored, &o->reader, offset, room, n_bytes, deadline, fault_out);
}

/* The report is durable, and with it that these are paid; the mail's own record of it follows. */
void
debt_is_paid(struct stored *stored, struct debt *debt, const uint32_t *recipients, uint32_t n_recipients,
    struct segment *report_segment)
{
	enum report_kind kind = debt->kind;

	for (uint32_t i = 0; i < n_recipients; i++)
		stored->record.state.recipients[recipients[i]].paid |= 1u << kind;
	debt_end(stored->queue, debt);
	if (!stored->entry->is_removed)		/* who was left for the next report */
		debts_add(stored->queue, stored->entry, state_debts(&stored->record.state) & 1u << kind);
	stored_write(stored, report_segment, NULL);
}

void
debt_is_unpaid(struct stored *stored, struct debt *debt)
{
	debt_later(stored->queue, debt);
}

static void
owing_free(struct owing *o)
{
	stored_close(o->stored);
	arena_fini(&o->arena);
	mem_free(o);
}

int
queue_pay(struct queue *queue, struct owed *owed, struct draft *draft, const struct envelope *envelope,
    const struct mail_facts *facts, struct str prefix, struct instant deadline, struct fault *fault_out)
{
	struct owing *o = owing_of(owed);
	uint32_t *recipients = mem_new_array((size_t)owed->n_recipients, sizeof(*recipients));
	struct put_plan plan = {
		.draft = draft, .envelope = envelope, .facts = facts, .prefix = prefix, .debt = o->debt,
		.paid = o->stored, .paid_recipients = recipients, .n_paid_recipients = (uint32_t)owed->n_recipients,
	};
	int result = 0;

	for (int i = 0; i < owed->n_recipients; i++)
		recipients[i] = (uint32_t)owed->recipients[i].index;
	if (draft == NULL)
		debt_is_paid(o->stored, o->debt, recipients, plan.n_paid_recipients, NULL);
	else
		result = put_mail(queue, &plan, deadline, fault_out);
	mem_free(recipients);
	owing_free(o);
	return result;
}

void
queue_give_back_owed(struct queue *queue, struct owed *owed)
{
	struct owing *o = owing_of(owed);

	debt_later(queue, o->debt);
	owing_free(o);
}
