/*
 * carry_pass.c - whom one next hop does not have is passed on to the next one, where the relay goes by the recipient
 *
 * A delivery goes around the ring of the relay's next hops, from that of its destination on.  Only who is at none of them
 * fails: one that cannot be asked may have the mailbox, and then it waits.  A mailbox may move while its mail waits, so each
 * try goes around anew; nothing of it is remembered.
 */
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/deliver/carry_inside.h"

enum {
	/* The queue knows of room at the first next hop only; a little later there may be some at the next ones too. */
	ROOM_WAIT_MAX_S = 30,
	ROOM_LOOK_MS = 200,
};

void
pass_begin(struct errand *e)
{
	if (e->home == NULL || e->home->route->next == NULL)
		return;
	e->route = e->home->route;
	e->plan = e->route->plan;
	plan_use(e->plan);
	e->refusals = mem_new_array((size_t)e->delivery->n_recipients, sizeof(*e->refusals));
}

static void
leave_site(struct errand *e)
{
	if (e->site == e->home)
		return;
	if (e->held->client != NULL)
		held_keep(e->c, e->held);	/* home's next mail begins there */
	site_leave_online(e->site);
	e->site = e->home;
}

void
pass_end(struct errand *e)
{
	if (e->plan == NULL)
		return;
	leave_site(e);
	plan_leave(e->plan);
	mem_free(e->refusals);
}

/* Of another ring it is not known who of it was asked. */
bool
pass_is_due(const struct errand *e, const struct offered *offered)
{
	return e->plan != NULL && offered->has_outcome && offered->is_elsewhere && offered->outcome.kind == OUTCOME_FAILED &&
	    (e->n_passed + 1 < e->route->n_ring || e->c->plan != e->plan);
}

bool
pass_waits_for_room(struct errand *e)
{
	struct instant now = loop_now(e->c->loop);

	if (e->site == e->home || e->c->is_stopping || !instant_is_before(now, e->waits_until))
		return false;
	e->is_cancelled |= fiber_sleep(instant_after(now, span_ms(ROOM_LOOK_MS))) == WAKE_CANCELLED;
	return !e->is_cancelled;
}

void
pass_conclude(const struct errand *e, int i)
{
	struct offered *offered = &e->offered[i];

	if (e->n_passed > 0 && offered->outcome.kind == OUTCOME_FAILED && offered->is_elsewhere &&
	    e->refusals[i].status.subject == 3)
		offered->outcome = e->refusals[i];
}

/* --- from one to the next --- */

/* That a mail is too large for one of them says more than that others do not have the mailbox. */
static void
keep_refusal(struct errand *e, int i)
{
	const struct outcome *outcome = &e->offered[i].outcome;

	if (e->n_passed == 0 || e->refusals[i].status.subject != 3)
		e->refusals[i] = *outcome;
}

static void
log_passed_on(const struct errand *e, const struct offered *offered)
{
	struct history_attempt attempt = errand_attempt(e);

	attempt.recipient = &offered->recipient->address;
	if (offered->outcome.reply.code != 0)
		attempt.reply = &offered->outcome.reply;
	else
		attempt.why = "it is larger than this next hop takes";
	history_passed_on(e->c->log, &e->delivery->mail, &attempt);
}

/* What is delivered is settled now: going around takes time, and a crash would deliver it again. */
static void
settle_delivered(struct errand *e)
{
	int n = e->delivery->n_recipients, n_left = 0;
	bool *is_over = mem_new_array((size_t)n, sizeof(*is_over));
	struct outcome *outcomes = mem_new_array((size_t)n, sizeof(*outcomes));

	for (int i = 0; i < n; i++) {
		const struct offered *offered = &e->offered[i];

		outcomes[i] = offered->outcome;
		is_over[i] = offered->has_outcome &&
		    (offered->outcome.kind == OUTCOME_DELIVERED || offered->outcome.kind == OUTCOME_RELAYED);
	}
	queue_settle_part(e->c->queue, e->delivery, outcomes, is_over);
	for (int i = 0; i < n; i++) {
		if (is_over[i])
			continue;
		e->offered[n_left] = e->offered[i];
		e->offered[n_left].recipient = &e->delivery->recipients[n_left].recipient;
		e->refusals[n_left++] = e->refusals[i];
	}
	mem_free(outcomes);
	mem_free(is_over);
}

static void
go_to(struct errand *e, struct site *next)
{
	site_enter_online(next);
	if (e->held->client != NULL)
		held_keep(e->c, e->held);
	errand_turn_to(e, NULL);
	choices_leave(e->choices);
	e->choices = NULL;
	leave_site(e);
	e->site = next;
	e->route = e->route->next;
	e->n_passed++;
	e->tried = 0;
	e->n_tried = 0;
	e->is_means_refused = e->is_crowded = false;
	e->waits_until = instant_after(loop_now(e->c->loop), span_s(ROOM_WAIT_MAX_S));
}

bool
pass_on(struct errand *e)
{
	struct site *next = NULL;
	int n_due = 0;

	for (int i = 0; i < e->delivery->n_recipients; i++)
		n_due += pass_is_due(e, &e->offered[i]);
	if (n_due == 0)
		return false;
	if (!e->is_cancelled && e->c->plan == e->plan)
		next = site_get(e->c, e->route->next->destination);
	if (!e->is_cancelled)
		errand_end_left(e);
	for (int i = 0; i < e->delivery->n_recipients; i++) {
		struct offered *offered = &e->offered[i];

		if (!pass_is_due(e, offered))
			continue;
		log_passed_on(e, offered);
		keep_refusal(e, i);
		offered->has_outcome = offered->is_elsewhere = false;
	}
	if (next == NULL) {
		if (!e->is_cancelled)
			trouble_of_text(STATUS(4, 3, 5), "its relay's next hops were changed while they were asked", &e->trouble);
		return false;
	}
	settle_delivered(e);
	go_to(e, next);
	return true;
}
