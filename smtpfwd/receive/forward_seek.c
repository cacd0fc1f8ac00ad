/*
 * forward_seek.c - which of its relay's next hops has a mailbox, asked while the client waits (next-hop-by-recipient)
 *
 * Each next hop is asked in a transaction of its own.  That of the first recipient carries the mail; whom another one has
 * is for another transaction of the client's.  One that cannot be asked may have the mailbox: what is known of it stands in
 * for its answer.
 */
#include <stdio.h>

#include "smtpfwd/receive/forward_inside.h"
#include "smtpfwd/receive/mailboxes.h"
#include "smtpfwd/receive/transaction.h"

struct seeking {
	struct session		*session;
	struct forward		*forward;
	const struct recipient	*rcpt;
	const struct forwarding	*forwarding;
	struct instant		 deadline;	/* of all questions */
	const struct online	*none;		/* that says best that there is no such mailbox, and stands; NULL: none does */
	bool			 is_final;	/* the client waits at the dot */
	bool			 is_too_large;	/* it says that of the mail, before the mailbox was asked for */
	bool			 is_all_asked;	/* none was passed by for what is known */
	bool			 was_known;	/* one had the mailbox not long ago */
	struct reply		*reply_out;
};

/* --- the next hop at hand --- */

static void
turn_to(struct forward *forward, const struct forwarding *forwarding, int way)
{
	struct forward_way *there = &forward->others[way];

	if (way == forward->way)
		return;
	forward->others[forward->way] = (struct forward_way){
		.online = forward->online, .n_asked = forward->n_asked, .is_out = forward->is_out,
	};
	forward->online = there->online;
	forward->n_asked = there->n_asked;
	forward->is_out = there->is_out;
	*there = (struct forward_way){ .online = NULL };
	forward->way = way;
	forward->destination = str_of(forwarding->ways[way]);
}

static void
drop_here(struct forward *forward)
{
	online_drop(forward->online);
	forward->online = NULL;
	forward->n_asked = 0;
}

/* What it had is the queue's then. */
static void
give_up_here(struct forward *forward)
{
	snprintf(forward->trouble, sizeof(forward->trouble), "%s", online_trouble(forward->online)->text);
	if (forward->has_carrier && forward->way == forward->carrier)
		forward_fall_back(forward, forward->trouble);
	drop_here(forward);
	forward->is_out = true;
}

void
forward_drop_others(struct forward *forward)
{
	for (int i = 0; i < FORWARDING_WAYS_MAX; i++) {
		online_drop(forward->others[i].online);
		forward->others[i].online = NULL;
		forward->others[i].n_asked = 0;
	}
}

/* --- its answer --- */

/* What a mail that it cannot take says of one of its mailboxes is nothing: that was not asked for. */
static bool
cannot_take(const struct online *online)
{
	const struct reply *reply = online_reply(online);

	return !online_was_rcpt_answered(online) && reply_is_permanent(reply) && (reply->code == 552 || reply->status.subject == 6);
}

static bool
is_none(const struct online *online)
{
	return online_was_rcpt_answered(online) ? outcome_is_elsewhere(online_reply(online), OUTCOME_OF_RCPT) : cannot_take(online);
}

static void
keep_none(struct seeking *s)
{
	const struct online *online = s->forward->online;

	if (online_was_rcpt_answered(online))
		forward_tell_mailboxes(s->session, &s->rcpt->address, QUESTION_RCPT);
	if (s->is_too_large)
		return;
	s->none = online;
	s->is_too_large = cannot_take(online);
	forward_note_refusal(s->forward);
}

static enum forward_end
take(struct seeking *s)
{
	struct forward *forward = s->forward;

	if (!forward->falls_back && !forward->has_carrier) {
		forward->has_carrier = true;
		forward->carrier = forward->way;
	}
	if (forward->has_carrier && forward->carrier == forward->way)
		return FORWARD_TAKEN;
	drop_here(forward);			/* no mail of this transaction goes there */
	*s->reply_out = REPLY(250, 2, 1, 5, "Recipient ok");
	return forward->falls_back ? FORWARD_TAKEN : forward_mix(s->session, s->rcpt, s->forwarding, s->reply_out);
}

/* --- no answer --- */

static enum forward_end
outage(struct seeking *s)
{
	*s->reply_out = mailboxes_outage_reply(s->session, &s->rcpt->address);
	s->forward->refusal = s->forward->trouble;
	if (!reply_is_positive(s->reply_out))
		return FORWARD_REFUSED;
	forward_fall_back(s->forward, s->forward->trouble);
	return FORWARD_TAKEN;
}

/* --- one after the other --- */

/* One that is slow leaves time for those behind it. */
static struct instant
deadline_here(const struct seeking *s)
{
	struct instant now = loop_now(fiber_loop());

	if (s->forward->way + 1 == s->forwarding->n_ways || !instant_is_before(now, s->deadline))
		return s->deadline;
	return instant_after(now, (struct span){ instant_diff(now, s->deadline).ns / 2 });
}

/* True: those behind it are to be asked.  Else *end_out is what it came to. */
static bool
goes_on(struct seeking *s, enum forward_end *end_out)
{
	struct forward *forward = s->forward;
	enum online_end end = ONLINE_UNAVAILABLE;
	bool is_positive;

	if (!forward->is_out) {
		if (!forward_put_question(s->session, s->rcpt, deadline_here(s), &end)) {
			*end_out = FORWARD_ENDED;
			return false;
		}
		if (end != ONLINE_ANSWERED)
			give_up_here(forward);
	}
	if (end != ONLINE_ANSWERED) {
		s->is_all_asked = false;
		if (mailboxes_passes_by(s->session, forward->way, &s->rcpt->address))
			return true;
		*end_out = outage(s);
		return false;
	}
	if (is_none(forward->online)) {
		keep_none(s);
		return true;
	}
	is_positive = reply_is_positive(online_reply(forward->online));
	*end_out = forward_answered(s->session, s->rcpt, s->forwarding, s->reply_out);
	if (is_positive)
		*end_out = take(s);
	return false;
}

/* False: none of these has it.  Else *end_out is what it came to. */
static bool
ask_some(struct seeking *s, int from, int to, enum forward_end *end_out)
{
	for (int way = from; way < to; way++) {
		turn_to(s->forward, s->forwarding, way);
		if (!goes_on(s, end_out))
			return true;
	}
	return false;
}

/* A mailbox that is known may have moved while we asked, from the last one to one before: these are asked again. */
static enum forward_end
seek(struct seeking *s, int from)
{
	struct forward *forward = s->forward;
	enum forward_end end = FORWARD_REFUSED;
	int n = s->forwarding->n_ways;

	if (!ask_some(s, from, n, &end) && !(s->was_known && s->is_all_asked && ask_some(s, 0, n - 1, &end))) {
		if (s->is_all_asked) {
			*s->reply_out = forward_told(s->none, s->is_final);
			forward->refusal = forward->source;
		} else
			end = outage(s);
	}
	if (forward->has_carrier)
		turn_to(forward, s->forwarding, forward->carrier);
	return end;
}

enum forward_end
forward_seek(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding, struct reply *reply_out)
{
	struct seeking s = {
		.session = session, .forward = &session->transaction->forward, .rcpt = rcpt, .forwarding = forwarding,
		.is_all_asked = true, .reply_out = reply_out,
	};

	if (!forward_prepare_question(session))
		return FORWARD_ENDED;
	s.was_known = mailboxes_is_known(session, &rcpt->address);
	s.deadline = instant_after(loop_now(fiber_loop()), forwarding->online_timeout);
	return seek(&s, 0);
}

bool
forward_seek_on(struct session *session, const struct forward_mail *mail, struct reply *reply_out, enum forward_end *end_out)
{
	struct transaction *transaction = session->transaction;
	struct forward *forward = &transaction->forward;
	struct seeking s = {
		.session = session, .forward = forward, .rcpt = &transaction->envelope.recipients[0], .forwarding = forward->forwarding,
		.is_final = true, .is_all_asked = true, .reply_out = reply_out,
	};

	if (!forward->has_carrier || forward->carrier + 1 == s.forwarding->n_ways || transaction->envelope.n_recipients != 1)
		return false;
	s.none = forward->online;
	if (!outcome_is_elsewhere(online_reply(s.none), OUTCOME_OF_FINAL))
		return false;
	s.deadline = instant_min(instant_after(loop_now(fiber_loop()), s.forwarding->online_timeout),
	    instant_after(mail->ended, span_s(FORWARD_FINAL_MAX_S)));
	forward->has_carrier = false;
	*end_out = seek(&s, forward->carrier + 1);
	if (*end_out == FORWARD_TAKEN && forward->falls_back)
		*end_out = FORWARD_TO_QUEUE;
	return true;
}
