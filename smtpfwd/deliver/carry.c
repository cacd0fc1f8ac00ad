/*
 * carry.c - one delivery, from the queue's hands to the queue's hands
 *
 * Next hops are tried in the site's order until every recipient has an outcome or none is left to try.
 */
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/deliver/carry_inside.h"
#include "smtpfwd/deliver/judge.h"

enum {
	/*
	 * For one mail and all next hops tried: 50 MB over a modem.  Each step has its own timeout; this bounds a
	 * next hop that takes a byte now and then.
	 */
	CARRY_MAX_S = 4 * 3600,
	/* More are for the next try: each that failed is known as down by then. */
	NEXT_HOPS_TRIED_MAX = 5,
	/* So many tries are made for a mail that needs what the next hop lacks: some five minutes, by the default retry. */
	LACKING_TRIES_MIN = 4,
};

static ssize_t
read_content(struct content *content, int64_t offset, void *room, size_t n_bytes, struct instant deadline,
    struct fault *fault_out)
{
	struct errand *e = (struct errand *)(void *)((char *)content - offsetof(struct errand, content));

	return queue_read(e->c->queue, e->delivery, offset, room, n_bytes, deadline, fault_out);
}

/* --- the mail's history --- */

struct history_attempt
errand_attempt(const struct errand *e)
{
	struct history_attempt attempt = held_attempt(e->next_hop, e->held->client, e->delivery->facts->arrived);

	attempt.srs = e->srs;
	return attempt;
}

static void
log_outcome(const struct errand *e, const struct offered *offered)
{
	const struct outcome *outcome = &offered->outcome;
	struct history_attempt attempt = errand_attempt(e);
	char why[256];

	attempt.recipient = &offered->recipient->address;
	if (outcome->reply.code != 0)
		attempt.reply = &outcome->reply;
	else {
		size_t n = outcome->text.len < sizeof(why) ? outcome->text.len : sizeof(why) - 1;

		memcpy(why, outcome->text.at, n);
		why[n] = '\0';
		attempt.why = why;
	}
	switch (outcome->kind) {
	case OUTCOME_DELIVERED:
	case OUTCOME_RELAYED:
		history_delivered(e->c->log, &e->delivery->mail, &attempt);
		break;
	case OUTCOME_DEFERRED:
		history_deferred(e->c->log, &e->delivery->mail, &attempt, (struct span){ 0 });
		break;
	case OUTCOME_FAILED:
		history_failed(e->c->log, &e->delivery->mail, &attempt);
		break;
	}
}

static void
log_ambiguous(const struct errand *e, int n_ambiguous)
{
	struct history_attempt attempt = errand_attempt(e);

	attempt.why = e->trouble.text;
	history_ambiguous(e->c->log, &e->delivery->mail, &attempt, n_ambiguous);
}

/* --- next hops --- */

static int
count_left(const struct errand *e)
{
	int i, n_left = 0;

	for (i = 0; i < e->delivery->n_recipients; i++)
		n_left += !e->offered[i].has_outcome;
	return n_left;
}

static void
mark_tried(struct errand *e, const struct next_hop *next_hop)
{
	choices_mark(e->choices, next_hop, &e->tried);
	e->n_tried++;
}

static void
count_large(struct errand *e, struct next_hop *next_hop)
{
	struct next_hop *before = e->large_at;

	if (!e->is_large || before == next_hop)
		return;
	if (next_hop != NULL) {
		next_hop_use(next_hop);
		next_hop->n_large++;
	}
	e->large_at = next_hop;
	if (before != NULL) {
		before->n_large--;
		room_came_free(before);
		next_hop_leave(before);
	}
}

void
errand_turn_to(struct errand *e, struct next_hop *next_hop)
{
	if (next_hop != NULL)
		next_hop_use(next_hop);
	if (e->next_hop != next_hop && e->n_means_refused < IDENTITY_REFUSALS_MAX)
		e->is_means_refused = false;	/* another one may take it */
	if (e->next_hop != NULL)
		next_hop_leave(e->next_hop);
	e->next_hop = next_hop;
	count_large(e, next_hop);
}

/* The one that may have the mail already is tried before all others. */
static enum choosing
choose(struct errand *e, int *i_out)
{
	enum line line = pass_line(e);

	if (e->n_tried == 0 && (*i_out = again_find(&e->c->again, &e->delivery->mail, e->choices, line)) >= 0)
		return CHOICE_MADE;
	if (pass_is_behind_others(e))
		return CHOICE_ALL_BUSY;
	return choices_choose(e->choices, e->tried, line, i_out);
}

/* False: no next hop is left to try, or it is time to stop; trouble says why. */
static bool
get_session(struct errand *e)
{
	struct next_hop *next_hop;
	int i;

	for (;;) {
		/* A next hop that took all the time leaves none to try another one: that would only look down. */
		if (e->n_tried > 0 && !instant_is_before(loop_now(e->c->loop), e->deadline))
			return false;
		if (e->n_tried >= NEXT_HOPS_TRIED_MAX)
			return false;
		switch (choose(e, &i)) {
		case CHOICE_NONE_LEFT:
			if (e->n_tried == 0)
				choices_tell_down(e->choices, &e->trouble);
			return false;
		case CHOICE_ALL_BUSY:
			if (pass_waits_for_room(e))
				continue;
			trouble_of_text(STATUS(4, 4, 5), "all connections to the next hop are in use", &e->trouble);
			e->is_crowded = true;
			return false;
		case CHOICE_MADE:
			break;
		}
		next_hop = e->choices->at[i].next_hop;
		errand_turn_to(e, next_hop);
		e->sought_at = loop_now(e->c->loop);
		if (pass_open(e, next_hop))
			return true;
		if (e->trouble.is_cancelled) {
			e->is_cancelled = true;
			return false;
		}
		e->is_crowded |= e->trouble.is_full;
		e->is_wanting |= e->trouble.is_ours;
		mark_tried(e, next_hop);
	}
}

static void
count_outcomes(const struct errand *e, struct next_hop *next_hop, const bool *was_settled)
{
	for (int i = 0; i < e->delivery->n_recipients; i++) {
		if (was_settled[i] || !e->offered[i].has_outcome)
			continue;
		if (pass_is_due(e, &e->offered[i]))
			continue;
		pass_conclude(e, i);
		log_outcome(e, &e->offered[i]);
		judge_outcome(next_hop, e->offered[i].outcome.kind);
	}
}

static struct introduction
introduction_here(const struct errand *e, const struct next_hop *next_hop, char id_room[MAIL_ID_TEXT_MAX])
{
	struct introduction introduction = {
		.identity = e->delivery->facts->identity, .rule = next_hop->route->identity,
		.ident = mail_id_text(&e->delivery->mail, id_room),
	};

	if (e->is_means_refused)
		introduction.rule.means = identity_next_means(introduction.rule.means);
	return introduction;
}

/* The next hop has been told of it in this session, and may mean it alone; NULL: nobody. */
static const struct ip *
client_seen(const struct errand *e)
{
	const struct identity *identity = e->delivery->facts->identity;

	return identity != NULL && e->held->client->hello[0] != '\0' ? &identity->client.ip : NULL;
}

/* As a client's mail might have been. */
static void
note_answered_soon(const struct errand *e, struct next_hop *next_hop, struct instant began)
{
	struct instant asked = e->held->was_idle ? began : e->sought_at;

	if (instant_diff(asked, loop_now(e->c->loop)).ns < span_s(AWAIT_SOON_S).ns)
		judge_in_time(next_hop, AWAIT_MAIL);
}

static enum handover_end
hand_over(struct errand *e, struct next_hop *next_hop)
{
	char id_room[MAIL_ID_TEXT_MAX];
	struct introduction introduction = introduction_here(e, next_hop, id_room);
	struct handover h = {
		.client = e->held->client, .was_idle = e->held->was_idle, .envelope = e->delivery->envelope,
		.introduction = &introduction, .srs_mode = next_hop->route->srs, .content = &e->content, .recipients = e->offered, .n_recipients = e->delivery->n_recipients,
		.arena = e->delivery->arena, .hearing = e->c->hearing, .destination = e->site->destination,
		.is_ahead = ahead_take_begun(e->ahead),
		/* Of a ring, what was refused goes on to the next one before this mail is over. */
		.sequel = e->plan == NULL ? ahead_sequel(e->ahead, e->delivery) : NULL,
	};
	struct instant began = loop_now(e->c->loop);
	struct history_attempt attempt = errand_attempt(e);
	enum handover_end end;
	int n_ambiguous;

	/* Outcomes outlive the session, and that may be all that kept the next hop. */
	if (!arena_copy(e->delivery->arena, next_hop->host, &h.remote_mta))
		h.remote_mta = STR_EMPTY;
	history_delivering(e->c->log, &e->delivery->mail, &attempt, count_left(e));
	end = handover_run(&h, e->deadline, &e->trouble, &n_ambiguous);
	e->was_reached = true;
	e->srs = h.srs;
	if (end == HANDOVER_DONE)
		next_hop_note_told(next_hop, h.client, introduction.identity);
	if (h.is_ahead_not_taken)
		ahead_rest(next_hop, &e->trouble);
	e->is_means_refused |= introduction.is_means_refused;
	e->n_means_refused += introduction.is_means_refused;
	if (n_ambiguous > 0) {
		log_ambiguous(e, n_ambiguous);
		again_note(&e->c->again, &e->delivery->mail, next_hop);
	}
	if (end == HANDOVER_TROUBLE || h.is_slowed || (n_ambiguous > 0 && !e->trouble.is_cancelled))
		judge_strike(next_hop, &e->delivery->mail, client_seen(e), began, &e->trouble);
	else if (end == HANDOVER_DONE && n_ambiguous == 0) {
		judge_answer(next_hop, began);
		note_answered_soon(e, next_hop, began);
	}
	return end;
}

/* Offers who is left in the session at hand.  False: no more to be done. */
static bool
offer(struct errand *e)
{
	struct next_hop *next_hop = e->held->next_hop;
	int n_recipients = e->delivery->n_recipients, i;
	bool *was_settled = mem_new_array((size_t)n_recipients, sizeof(*was_settled));
	enum handover_end end;

	for (i = 0; i < n_recipients; i++)
		was_settled[i] = e->offered[i].has_outcome;
	end = hand_over(e, next_hop);
	count_outcomes(e, next_hop, was_settled);
	mem_free(was_settled);
	e->held->was_idle = true;
	if ((end != HANDOVER_DONE && end != HANDOVER_LACKING) || !(client_is_reusable(e->held->client) || ahead_stands(e->ahead))) {
		held_drop(e->held);
		ahead_let_go(e->ahead);
	} else if (e->held->client->stands_for_one && end == HANDOVER_DONE)
		held_keep(e->c, e->held);	/* ends it: the next mail is of somebody else */
	switch (end) {
	case HANDOVER_DONE:
		return false;
	case HANDOVER_SESSION_OVER:
		return true;
	case HANDOVER_TROUBLE:
		mark_tried(e, next_hop);
		ahead_leave(e->ahead);
		return true;
	case HANDOVER_LACKING:
		mark_tried(e, next_hop);
		if (e->held->client != NULL)
			held_keep(e->c, e->held);
		return true;
	case HANDOVER_UNREADABLE:
		return false;
	case HANDOVER_CANCELLED:
		e->is_cancelled = true;
		return false;
	}
	return false;
}

/* --- the end --- */

struct outcome
errand_outcome_left(const struct errand *e, int i)
{
	struct str host = e->next_hop != NULL ? e->next_hop->host : STR_EMPTY;

	if (e->trouble.is_lack && e->delivery->n_tries + 1 >= LACKING_TRIES_MIN)
		return outcome_of_lack(&e->trouble, e->delivery->recipients[i].last, host, e->delivery->arena);
	return outcome_of_trouble(&e->trouble, host, e->delivery->arena);
}

void
errand_end_left(struct errand *e)
{
	for (int i = 0; i < e->delivery->n_recipients; i++) {
		struct offered *offered = &e->offered[i];

		if (offered->has_outcome)
			continue;
		offered->outcome = errand_outcome_left(e, i);
		offered->has_outcome = true;
		log_outcome(e, offered);
		if (e->trouble.is_lack)
			judge_outcome(e->next_hop, offered->outcome.kind);
	}
}

static void
settle(struct errand *e)
{
	int n = e->delivery->n_recipients, n_left = count_left(e), i;
	bool is_down = n_left > 0 && !e->was_reached && e->choices != NULL && choices_are_down(e->choices);
	struct outcome *outcomes;

	/* Where there is no room it is for the queue to wait for some, and not for a courier. */
	if (n_left == n && (e->is_cancelled || (e->is_crowded && !e->was_reached && !e->is_wanting))) {
		queue_give_back(e->c->queue, e->delivery, loop_now(e->c->loop));
		return;
	}
	errand_end_left(e);
	outcomes = mem_new_array((size_t)n, sizeof(*outcomes));
	for (i = 0; i < n; i++)
		outcomes[i] = e->offered[i].outcome;
	/* Who is cut off because we stop has not had a try of his own either. */
	queue_settle(e->c->queue, e->delivery, outcomes, is_down || e->is_cancelled || e->is_unfound);
	mem_free(outcomes);
}

static void
settle_all(struct errand *e, const struct outcome *outcome)
{
	int i;

	for (i = 0; i < e->delivery->n_recipients; i++) {
		if (e->offered[i].has_outcome)		/* from where it was before */
			continue;
		e->offered[i].outcome = *outcome;
		e->offered[i].has_outcome = true;
		log_outcome(e, &e->offered[i]);
	}
}

/*
 * Nobody takes such mail by today's configuration, but somebody did when it came in.  What was taken out may be back at
 * the next reload: a mistake in a file returns nobody's mail.
 */
static void
settle_without_route(struct errand *e)
{
	struct outcome outcome = outcome_of_text(OUTCOME_DEFERRED, STATUS(4, 3, 5), str_eq(e->delivery->destination, STR("none")) ?
	    STR("no relay section takes this domain any more, and no outbound route is set") :
	    STR("the section that this mail was to go by is not in the configuration any more"), STR_EMPTY);

	settle_all(e, &outcome);
}

/* Where it would go is not known now, or is nowhere: the site says why. */
static void
settle_unfound(struct errand *e)
{
	struct status status = e->site->status;
	struct outcome outcome;
	struct str why;

	if (e->site->is_gone) {
		settle_without_route(e);
		return;
	}
	if (status.class == 0) {		/* who asked for all was cut off */
		status = STATUS(4, 4, 3);
		why = STR("its mail hosts are not known yet");
	} else if (!arena_copy(e->delivery->arena, str_of(e->site->why), &why))
		why = STR("its mail hosts cannot be found");
	outcome = outcome_of_text(status.class == 5 ? OUTCOME_FAILED : OUTCOME_DEFERRED, status, why, STR_EMPTY);
	e->is_unfound = true;
	settle_all(e, &outcome);
}

/* True with choices; else it is settled, or cancelled. */
static bool
find_choices(struct errand *e)
{
	if (e->site == NULL) {
		settle_without_route(e);
		return false;
	}
	if (!site_find(e->site, e->deadline)) {
		e->is_cancelled = fiber_is_cancelled();
		if (!e->is_cancelled)
			settle_unfound(e);
		return false;
	}
	e->choices = e->site->choices;
	choices_use(e->choices);
	return true;
}

static void
begin(struct errand *e, struct couriers *c, struct site *site, struct delivery *delivery, struct held *held, struct ahead *ahead)
{
	*e = (struct errand){
		.c = c, .home = site, .site = site, .delivery = delivery, .held = held, .ahead = ahead,
		.content = { .n_bytes = delivery->content_bytes, .read = read_content },
		.is_large = delivery->content_bytes >= QUEUE_LARGE_BYTES,
		.deadline = instant_after(loop_now(c->loop), span_s(CARRY_MAX_S)),
	};
	e->offered = mem_new_array((size_t)delivery->n_recipients, sizeof(*e->offered));
	for (int i = 0; i < delivery->n_recipients; i++)
		e->offered[i].recipient = &delivery->recipients[i].recipient;
	if (site != NULL && e->is_large) {
		site->n_large++;
		room_tell(site);
	}
	pass_begin(e);
}

static void
end(struct errand *e)
{
	settle(e);
	pass_end(e);
	errand_turn_to(e, NULL);
	choices_leave(e->choices);
	if (e->home != NULL && e->is_large)
		e->home->n_large--;
	mem_free(e->offered);
	mem_free(e);
}

void
carry(struct couriers *c, struct site *site, struct delivery *delivery, struct held *held, struct ahead *ahead)
{
	struct errand *e = mem_new(sizeof(*e));

	begin(e, c, site, delivery, held, ahead);
	do {
		if (!find_choices(e))
			break;
		if (held->client != NULL && again_is_elsewhere(&c->again, &delivery->mail, held->next_hop))
			held_keep(c, held);
		if (held->client != NULL)
			errand_turn_to(e, held->next_hop);
		while ((held->client != NULL || get_session(e)) && offer(e))
			;
	} while (pass_on(e));
	end(e);
}
