/*
 * carry_pass.c - whom one next hop does not have is passed on to the next one, where the relay goes by the recipient
 *
 * The next hops are asked in their order, whichever of them the destination is: that is only where the mailbox is thought
 * to be, whose line it waits in, and before which those that are down need not be asked yet.  Only who is at none of them
 * fails: one that cannot be asked may have the mailbox, and then it waits.  A mailbox may move while its mail waits, so each
 * try asks anew; nothing of it is remembered.  And it may move while they are asked, from the last one to the first: where
 * all said no, those before the last are asked once more.
 */
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/deliver/carry_inside.h"

enum {
	ROOM_WAIT_MAX_S = 60,		/* once others were asked, or before; then it is for the next try */
};

/* --- where to --- */

static uint64_t
bit(int place)
{
	return (uint64_t)1 << place;
}

static bool
are_all_asked(const struct errand *e)
{
	return e->asked == bit(e->route->n_ring) - 1;
}

/* The site of a place of the ring; NULL: there is none any more. */
static struct site *
site_at(const struct errand *e, int place)
{
	return site_get(e->c, e->route->ring[place].destination);
}

static bool
is_down(const struct errand *e, int place)
{
	const struct site *site = site_at(e, place);

	return site != NULL && site->choices != NULL && choices_are_down(site->choices);
}

/* The first one that was not asked, the second time if all were; -1: nobody.  But what is down and stands before home only when all others were. */
static int
next_place(const struct errand *e)
{
	uint64_t asked = are_all_asked(e) && !e->is_again ? bit(e->route->place) : e->asked;
	int later = -1;

	for (int i = 0; i < e->route->n_ring; i++) {
		if ((asked & bit(i)) != 0)
			continue;
		if (i >= e->home->route->place || !is_down(e, i))
			return i;
		if (later < 0)
			later = i;
	}
	return later;
}

/* It has no place in home's line, or not any more. */
static bool
is_away(const struct errand *e)
{
	return e->site != e->home || e->has_left_home;
}

static void
leave_homes_line(struct errand *e)
{
	e->has_left_home = true;		/* it looks for no place there any more */
	e->home->n_holding++;
	room_tell(e->home);
}

static void
leave_site(struct errand *e)
{
	if (e->held->client != NULL)
		held_keep(e->c, e->held);	/* home's next mail begins there */
	if (e->site != e->home)
		site_leave_online(e->site);
	else if (e->asked != 0 && !e->has_left_home)
		leave_homes_line(e);
	e->site = e->home;
}

static void
go_to(struct errand *e, int place, struct site *site)
{
	if (site != e->home)
		site_enter_online(site);
	if (site != e->site)
		leave_site(e);
	errand_turn_to(e, NULL);
	choices_leave(e->choices);
	e->choices = NULL;
	e->site = site;
	if (are_all_asked(e)) {
		e->asked = bit(e->route->place);
		e->is_again = true;
	}
	e->route = &e->route->ring[place];
	e->asked |= bit(place);
	e->tried = 0;
	e->n_tried = 0;
	e->is_crowded = e->has_waited = e->trouble.is_lack = false;
	e->waits_until = instant_after(loop_now(e->c->loop), span_s(ROOM_WAIT_MAX_S));
}

/* --- the beginning and the end --- */

void
pass_begin(struct errand *e)
{
	struct site *first;
	int place;

	if (e->home == NULL || e->home->route->ring == NULL)
		return;
	e->route = e->home->route;
	e->plan = e->route->plan;
	plan_use(e->plan);
	e->refusals = mem_new_array((size_t)e->delivery->n_recipients, sizeof(*e->refusals));
	place = next_place(e);
	first = site_at(e, place);
	if (first != NULL)
		go_to(e, place, first);
}

void
pass_end(struct errand *e)
{
	if (e->plan == NULL)
		return;
	if (is_away(e))
		leave_site(e);
	if (e->has_left_home)
		e->home->n_holding--;
	plan_leave(e->plan);
	mem_free(e->refusals);
}

/* Of another ring it is not known who of it was asked. */
static bool
may_go_on(const struct errand *e)
{
	return e->plan != NULL && (next_place(e) >= 0 || e->c->plan != e->plan);
}

bool
pass_is_due(const struct errand *e, const struct offered *offered)
{
	return offered->has_outcome && offered->is_elsewhere && may_go_on(e);
}

/* --- a session --- */

enum line
pass_line(const struct errand *e)
{
	if (is_away(e))
		return LINE_ONLINE;
	return e->is_large ? LINE_LARGE : LINE_MAIL;
}

bool
pass_open(struct errand *e, struct next_hop *next_hop)
{
	const struct identity *identity = e->delivery->facts->identity;

	if (is_away(e))
		return held_open_online(e->c, next_hop, identity, e->deadline, e->held, &e->trouble);
	return held_open(e->c, e->site, next_hop, identity, e->deadline, e->held, &e->trouble);
}

bool
pass_is_behind_others(const struct errand *e)
{
	return is_away(e) && !e->has_waited && e->site->n_online_waiting > 0 && !choices_are_down(e->choices);
}

/* It comes home from them: put off there, for the place is taken just now, it would have to ask them all anew. */
static bool
has_asked_others(const struct errand *e)
{
	return e->plan != NULL && e->asked != bit(e->route->place);
}

bool
pass_waits_for_room(struct errand *e)
{
	struct instant now = loop_now(e->c->loop), look_again = instant_after(now, span_s(1));

	if (e->c->is_stopping || e->site->choices != e->choices || !instant_is_before(now, e->waits_until))
		return false;
	if (!is_away(e)) {
		if (!has_asked_others(e))
			return false;
		leave_homes_line(e);
	}
	e->has_waited = true;
	e->is_cancelled |= site_wait_for_room(e->site, look_again) == WAKE_CANCELLED;
	return !e->is_cancelled;
}

/*
 * That a mail is too large for one of them, or needs what that lacks, says more than that others do not have the mailbox: it may
 * be there.  What may pass says most.
 */
static int
weight(const struct outcome *outcome)
{
	if (outcome->kind == OUTCOME_DEFERRED)
		return 2;
	return outcome->kind == OUTCOME_FAILED && (outcome->status.subject == 3 || outcome->status.subject == 6);
}

void
pass_conclude(const struct errand *e, int i)
{
	struct offered *offered = &e->offered[i];

	if (e->refusals != NULL && offered->is_elsewhere && weight(&e->refusals[i]) > weight(&offered->outcome))
		offered->outcome = e->refusals[i];
}

/* --- from one to the next --- */

static void
keep_refusal(struct errand *e, int i)
{
	const struct outcome *outcome = &e->offered[i].outcome;

	if (weight(&e->refusals[i]) == 0 || weight(outcome) > weight(&e->refusals[i]))
		e->refusals[i] = *outcome;
}

/* It cannot take such a mail, and so the mailbox was not asked for: another one may have it, and take the mail. */
static void
refuse_by_lack(struct errand *e)
{
	if (!e->trouble.is_lack || e->is_cancelled || !may_go_on(e))
		return;
	for (int i = 0; i < e->delivery->n_recipients; i++) {
		struct offered *offered = &e->offered[i];

		if (offered->has_outcome)
			continue;
		offered->outcome = errand_outcome_left(e, i);
		offered->has_outcome = offered->is_elsewhere = true;
	}
}

static void
log_passed_on(const struct errand *e, const struct offered *offered)
{
	struct history_attempt attempt = errand_attempt(e);

	attempt.recipient = &offered->recipient->address;
	if (offered->outcome.reply.code != 0)
		attempt.reply = &offered->outcome.reply;
	else
		attempt.why = offered->outcome.status.subject == 3 ? "it is larger than this next hop takes" :
		    "it needs what this next hop does not offer (SMTPUTF8, 8BITMIME)";
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

/* One before home went down only now: it is passed over as if that had been known. */
static bool
is_passed_over(const struct errand *e)
{
	return !e->is_again && e->route->place < e->home->route->place && (e->asked & bit(e->home->route->place)) == 0 &&
	    is_down(e, e->route->place);
}

bool
pass_on(struct errand *e)
{
	bool is_over = e->plan != NULL && e->plan == e->c->plan && !e->is_cancelled && is_passed_over(e);
	struct site *next = NULL;
	int n_due = 0;

	refuse_by_lack(e);
	for (int i = 0; i < e->delivery->n_recipients; i++)
		n_due += pass_is_due(e, &e->offered[i]) || (is_over && !e->offered[i].has_outcome);
	if (n_due == 0)
		return false;
	if (is_over)
		e->asked &= ~bit(e->route->place);
	if (!e->is_cancelled && e->c->plan == e->plan)
		next = site_at(e, next_place(e));
	if (!is_over && !e->is_cancelled)
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
	go_to(e, next_place(e), next);
	return true;
}
