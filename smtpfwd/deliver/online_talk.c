/*
 * online_talk.c - RCPT and the mail itself of a mail whose client waits, and what the next hop's answers come to
 */
#include "mail/history.h"
#include "smtpfwd/deliver/judge.h"
#include "smtpfwd/deliver/online_inside.h"
#include "smtpfwd/deliver/sender.h"

/* --- the answer --- */

static enum online_end
answer_ourselves(struct online *o, const struct reply *reply)
{
	o->was_rcpt_answered = false;
	online_keep_reply(o, reply);
	return ONLINE_ANSWERED;
}

/* Ours is to mend what the session lacks, and the mail can wait for it: no answer for a client. */
static enum online_end
answered(struct online *o, const char *context)
{
	if (!outcome_is_about_the_session(&o->reply))
		return ONLINE_ANSWERED;
	trouble_of_reply(&o->reply, context, &o->trouble);
	return ONLINE_UNAVAILABLE;
}

/* --- RCPT --- */

/*
 * True if it cannot be said to this next hop.  Without such addresses a mail may be no internationalised one, whatever
 * MAIL said: that is seen at its end.
 */
static bool
lacks_utf8(struct online *o)
{
	struct envelope needed = { .is_smtputf8 = !address_is_ascii(&o->envelope.reverse_path) ||
	    !address_is_ascii(&o->asked.address) || !str_is_ascii(o->asked.orcpt) };

	return trouble_of_lack(&o->held.client->ehlo, &needed, &o->trouble);
}

/* Its session is as good as any for another mail. */
static void
leave_lacking(struct online *o)
{
	o->n_lacking += o->choices != NULL && o->trouble.status.subject == 6;	/* that is known, and not only feared */
	online_pass_over(o);
	online_give_back(o);
}

/* The envelope is said again in another one. */
static void
leave_worn(struct online *o)
{
	if (o->held.client == NULL || !(client_is_worn(o->held.client) || o->held.client->is_broken || online_is_data_said(o)))
		return;
	o->is_open = false;
	held_keep(o->c, &o->held);		/* ends it */
}

static enum online_end
refused_mail(struct online *o, struct instant began)
{
	/* Where we stand for the client, it is the one to be slowed down. */
	if (outcome_is_slow_down(&o->reply) && !o->is_turned_away && !identity_is_seen(o->held.client)) {
		trouble_of_reply(&o->reply, "MAIL", &o->trouble);
		judge_slowed(o->held.next_hop, &o->id, began, &o->trouble);
	}
	o->is_refused = !outcome_is_about_the_session(&o->reply);
	return answered(o, "MAIL");
}

static enum online_end
asked(struct online *o, struct instant began)
{
	struct next_hop *next_hop = o->held.next_hop;

	o->is_seen = sender_is_seen(o->held.client, o->has_identity ? &o->identity : NULL);
	next_hop->last_sign = loop_now(o->c->loop);
	judge_in_time(next_hop, AWAIT_RCPT);
	next_hop_note_told(next_hop, o->held.client, o->has_identity ? &o->identity : NULL);
	if (o->is_refused)
		return refused_mail(o, began);
	if (o->is_changed)
		return ONLINE_UNAVAILABLE;
	o->was_rcpt_answered = true;
	if (reply_is_positive(&o->reply)) {
		if (envelope_add_recipient(&o->envelope, &o->asked, &o->arena))
			return ONLINE_ANSWERED;
		held_drop(&o->held);		/* it has one more than we */
		o->is_open = false;
		return answer_ourselves(o, &REPLY(452, 4, 5, 3, "Too many recipients"));
	}
	/* 552 is what RFC 821 had for it; said to a client it would fail the recipient (RFC 5321 4.5.3.1.10). */
	if (outcome_is_too_many(&o->reply, o->envelope.n_recipients)) {
		o->reply.code = 452;
		o->reply.status = STATUS(4, 5, 3);
	} else
		judge_outcome(next_hop, reply_is_permanent(&o->reply) ? OUTCOME_FAILED : OUTCOME_DEFERRED);
	return answered(o, "RCPT");
}

static bool
is_full_by_limits(const struct online *o)
{
	uint64_t limit = o->held.client->ehlo.limit_rcptmax;

	return limit > 0 && (uint64_t)o->envelope.n_recipients >= limit;
}

/*
 * Whether the mail that was announced is so sure to go on that DATA can go with its only recipient.  Where there are others a
 * refusal could not be told from a reply that nobody asked for without an end of the mail.
 */
static bool
is_sure(const struct online *o)
{
	bool lacks_dsn = !o->held.client->ehlo.has_dsn && (o->asked.notify & NOTIFY_SUCCESS) != 0;

	return o->is_announced && o->envelope.n_recipients == 0 && o->held.next_hop->n_sent_in_row >= ONLINE_SURE_MAILS && !lacks_dsn;
}

enum online_end
online_ask(struct online *o)
{
	struct instant began = loop_now(o->c->loop);
	enum exchange_end end;

	o->was_rcpt_answered = false;
	if (o->is_refused)
		return ONLINE_ANSWERED;
	leave_worn(o);
	for (;;) {
		if (!online_seek(o))
			break;
		if (lacks_utf8(o)) {
			leave_lacking(o);
			continue;
		}
		if (is_full_by_limits(o))
			return answer_ourselves(o, &REPLY(452, 4, 5, 3, "Too many recipients for the next hop"));
		end = online_say_envelope(o, true, is_sure(o));
		if (end == EXCHANGE_ANSWERED)
			return asked(o, began);
		if (!online_goes_on(o, end, &o->id, began))
			return o->is_refused ? ONLINE_ANSWERED : ONLINE_UNAVAILABLE;
	}
	if (o->is_refused)			/* at the door */
		return ONLINE_ANSWERED;
	if (online_all_lack(o))
		return answer_ourselves(o,		/* RFC 6531 3.5 */
		    &REPLY(550, 5, 6, 7, "The next hop does not take internationalised mail (SMTPUTF8)"));
	return ONLINE_UNAVAILABLE;
}

/* --- the mail --- */

static void
log_delivered(struct online *o)
{
	struct history_attempt attempt = held_attempt(o->held.next_hop, o->held.client, o->mail.arrived);
	struct mail_id id = draft_id(o->mail.draft);

	attempt.srs = o->srs;
	attempt.reply = &o->reply;
	for (int i = 0; i < o->envelope.n_recipients; i++) {
		attempt.recipient = &o->envelope.recipients[i].address;
		history_delivered(o->c->log, &id, &attempt);
	}
}

static void
log_ambiguous(struct online *o)
{
	struct history_attempt attempt = held_attempt(o->held.next_hop, o->held.client, o->mail.arrived);
	struct mail_id id = draft_id(o->mail.draft);

	attempt.srs = o->srs;
	attempt.why = o->trouble.text;
	history_ambiguous(o->c->log, &id, &attempt, o->envelope.n_recipients);
}

static enum online_end
taken_or_refused(struct online *o, struct instant began)
{
	enum outcome_kind kind = reply_is_positive(&o->reply) ? OUTCOME_DELIVERED :
	    reply_is_permanent(&o->reply) ? OUTCOME_FAILED : OUTCOME_DEFERRED;

	o->is_open = false;			/* whatever it was, the transaction is over */
	if (o->held.next_hop->n_sent_in_row < ONLINE_SURE_MAILS)
		o->held.next_hop->n_sent_in_row++;
	if (kind == OUTCOME_DELIVERED)
		log_delivered(o);
	judge_answer(o->held.next_hop, began);
	judge_in_time(o->held.next_hop, AWAIT_MAIL);
	for (int i = 0; i < o->envelope.n_recipients; i++)
		judge_outcome(o->held.next_hop, kind);
	return ONLINE_ANSWERED;
}

static enum online_end
lost_at_the_dot(struct online *o, const struct mail_id *id, struct instant began)
{
	log_ambiguous(o);
	again_note(&o->c->again, id, o->held.next_hop);
	if (!o->trouble.is_cancelled) {
		online_in_vain(o, o->held.next_hop, id);
		judge_strike(o->held.next_hop, id, &o->client, began, &o->trouble);
	}
	held_drop(&o->held);
	o->is_open = false;
	return ONLINE_AMBIGUOUS;
}

static bool
wants_success(const struct envelope *envelope)
{
	for (int i = 0; i < envelope->n_recipients; i++)
		if ((envelope->recipients[i].notify & NOTIFY_SUCCESS) != 0)
			return true;
	return false;
}

static bool
lacks_for_mail(struct online *o)
{
	const struct envelope needed = { .is_8bit = o->mail.is_8bit, .is_smtputf8 = o->mail.is_smtputf8 };

	return trouble_of_lack(&o->held.client->ehlo, &needed, &o->trouble);
}

/*
 * Nobody can have it now.  What all lack is better said to who waits than reported later; RFC 6531 3.5 has code and status of
 * a header section beyond ASCII, RFC 6152 3 those of 8-bit data.
 */
static enum online_end
not_sent(struct online *o)
{
	if (!online_all_lack(o))
		return ONLINE_UNAVAILABLE;
	if (o->trouble.status.detail == 7)
		return answer_ourselves(o, &REPLY(554, 5, 6, 9, "The next hop does not take internationalised mail (SMTPUTF8)"));
	return answer_ourselves(o, &REPLY(554, 5, 6, 3, "The next hop does not take 8-bit mail (8BITMIME)"));
}

/* What speaks against sending it at all.  False: nothing. */
static bool
cannot_send(struct online *o, enum online_end *end_out)
{
	const struct ehlo *ehlo = &o->held.client->ehlo;
	struct outcome outcome;

	if (!ehlo->has_dsn && wants_success(&o->envelope)) {
		trouble_of_text(STATUS(4, 3, 3), "the next hop reports no success (DSN)", &o->trouble);
		*end_out = ONLINE_UNAVAILABLE;
		return true;
	}
	if (!outcome_of_size(ehlo, o->content.n_bytes, STR_EMPTY, &outcome))
		return false;
	*end_out = answer_ourselves(o, &REPLY(552, 5, 3, 4, "The mail is larger than the next hop takes"));
	return true;
}

static enum exchange_end
say_data(struct online *o, struct exchange *x)
{
	bool was_said = online_is_data_said(o);
	struct reply reply;
	struct fault fault;
	enum exchange_end end;

	if (!was_said && (client_write_data(x->client, o->deadline, &fault) != 0 || client_flush(x->client, o->deadline, &fault) != 0))
		return exchange_fault(x, &fault, "DATA");
	end = exchange_read(x, CLIENT_DATA, "DATA", &reply);
	if (end == EXCHANGE_ANSWERED)
		online_keep_reply(o, &reply);
	if (!was_said || end != EXCHANGE_ANSWERED || !reply_is_positive(&reply) || !client_is_stale(x->client))
		return end;
	/* It was idle since then, and nothing of the mail was said: that it went away is no trouble. */
	x->n_replies_before = x->client->n_replies;
	fault_because(&fault, FAULT_CLOSED, "the next hop ended the session behind its answer to DATA");
	return exchange_fault(x, &fault, "DATA");
}

/* The envelope, as far as it is not known there, DATA and the mail.  ANSWERED: the reply is kept, or is_changed. */
static enum exchange_end
say_mail(struct online *o, bool *is_refused_out)
{
	struct exchange x = online_exchange(o);
	enum exchange_end end = online_say_envelope(o, false, false);
	struct reply reply;

	*is_refused_out = false;
	if (end != EXCHANGE_ANSWERED || o->is_changed)
		return end;
	end = say_data(o, &x);
	if (end != EXCHANGE_ANSWERED)
		return end;
	*is_refused_out = !reply_is_positive(&o->reply);
	if (*is_refused_out)
		return end;
	end = exchange_content(&x, &o->content, o->final_deadline, &reply);
	if (end == EXCHANGE_ANSWERED)
		online_keep_reply(o, &reply);
	return end;
}

enum online_end
online_hand_over(struct online *o)
{
	struct mail_id id = draft_id(o->mail.draft);
	struct instant began = loop_now(o->c->loop);
	struct history_attempt attempt;
	enum online_end own;
	enum exchange_end end;
	bool is_refused;

	for (;;) {
		if (!online_seek(o))
			return not_sent(o);
		if (lacks_for_mail(o)) {
			leave_lacking(o);
			continue;
		}
		if (cannot_send(o, &own))
			return own;
		attempt = held_attempt(o->held.next_hop, o->held.client, o->mail.arrived);
		history_delivering(o->c->log, &id, &attempt, o->envelope.n_recipients);
		end = say_mail(o, &is_refused);
		if (end == EXCHANGE_ANSWERED)
			break;
		if (end == EXCHANGE_AMBIGUOUS)
			return lost_at_the_dot(o, &id, began);
		if (!online_goes_on(o, end, &id, began))
			return ONLINE_UNAVAILABLE;
	}
	if (o->is_changed)
		return ONLINE_UNAVAILABLE;
	return is_refused && answered(o, "DATA") == ONLINE_UNAVAILABLE ? ONLINE_UNAVAILABLE : taken_or_refused(o, began);
}
