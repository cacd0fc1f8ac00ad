/*
 * online_talk.c - what is said to the next hop for a mail whose client waits, and what its answers come to
 */
#include "mail/history.h"
#include "smtpfwd/deliver/judge.h"
#include "smtpfwd/deliver/online_inside.h"

enum {
	/* Commands on their way at once, when an envelope is said again: what is unread stays bounded (RFC 2920 3.1). */
	GROUP_MAX = 100,
};

/* --- the answer --- */

static void
keep_reply(struct online *o, const struct reply *reply)
{
	size_t n = reply->text.len < sizeof(o->reply_text) ? reply->text.len : sizeof(o->reply_text);

	if (n > 0)
		memcpy(o->reply_text, reply->text.at, n);
	o->reply = *reply;
	o->reply.text = str_n(o->reply_text, n);
}

static enum online_end
answer_ourselves(struct online *o, const struct reply *reply)
{
	keep_reply(o, reply);
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

/* --- the envelope, step by step --- */

/* A step is a recipient's index, that of who is asked now behind the last, or: */
enum { STEP_RSET = -2, STEP_MAIL = -1 };

static int
write_step(struct online *o, int step, struct fault *fault_out)
{
	struct client *client = o->held.client;

	if (step == STEP_RSET)
		return client_write_rset(client, o->deadline, fault_out);
	if (step == STEP_MAIL)
		return client_write_mail(client, &o->envelope, &o->envelope.reverse_path, o->size_bytes, o->deadline, fault_out);
	return client_write_rcpt(client, step < o->envelope.n_recipients ? &o->envelope.recipients[step] : &o->asked,
	    o->deadline, fault_out);
}

static void
take_mail(struct online *o, const struct reply *reply)
{
	if (reply_is_positive(reply)) {
		o->is_open = true;
	} else if (o->envelope.n_recipients == 0) {
		o->is_refused = true;
		keep_reply(o, reply);
	} else {
		o->is_changed = true;
		trouble_of_reply(reply, "MAIL, said again", &o->trouble);
	}
}

static void
take_rcpt(struct online *o, int i, const struct reply *reply)
{
	if (!o->is_open || o->is_changed)
		return;				/* pipelined behind what was refused */
	if (i == o->envelope.n_recipients) {
		keep_reply(o, reply);
	} else if (!reply_is_positive(reply)) {
		o->is_changed = true;
		trouble_of_reply(reply, "RCPT, said again", &o->trouble);
	}
}

static enum exchange_end
read_step(struct online *o, struct exchange *x, int step)
{
	enum client_step kind = step == STEP_RSET ? CLIENT_RSET : step == STEP_MAIL ? CLIENT_MAIL : CLIENT_RCPT;
	const char *name = step == STEP_RSET ? "RSET" : step == STEP_MAIL ? "MAIL" : "RCPT";
	struct reply reply;
	enum exchange_end end = exchange_read(x, kind, name, &reply);

	if (end != EXCHANGE_ANSWERED)
		return end;
	if (step == STEP_MAIL)
		take_mail(o, &reply);
	else if (step != STEP_RSET)
		take_rcpt(o, step, &reply);
	else if (!reply_is_positive(&reply)) {
		trouble_of_reply(&reply, name, &o->trouble);
		return EXCHANGE_TROUBLE;
	}
	return EXCHANGE_ANSWERED;
}

static enum exchange_end
say_group(struct online *o, struct exchange *x, int from, int to)
{
	enum exchange_end end = EXCHANGE_ANSWERED;
	struct fault fault;

	for (int i = from; i < to; i++)
		if (write_step(o, i, &fault) != 0)
			return exchange_fault(x, &fault, "sending the envelope");
	if (client_flush(x->client, o->deadline, &fault) != 0)
		return exchange_fault(x, &fault, "sending the envelope");
	for (int i = from; i < to && end == EXCHANGE_ANSWERED; i++)
		end = read_step(o, x, i);
	return end;
}

static struct exchange
exchange_here(struct online *o)
{
	return (struct exchange){
		.client = o->held.client, .deadline = o->deadline, .n_replies_before = o->n_replies_before,
		.trouble = &o->trouble,
	};
}

/* What of the envelope the session does not know yet; together where the next hop takes that.  ANSWERED: see is_refused, is_changed. */
static enum exchange_end
say_envelope(struct online *o, bool with_asked)
{
	struct exchange x = exchange_here(o);
	int from = o->envelope.n_recipients, to = from + with_asked;
	enum exchange_end end = EXCHANGE_ANSWERED;

	if (!o->is_open)
		from = x.client->is_in_transaction ? STEP_RSET : STEP_MAIL;
	while (from < to && end == EXCHANGE_ANSWERED && !o->is_refused && !o->is_changed) {
		int n = x.client->ehlo.has_pipelining ? GROUP_MAX : 1;

		if (n > to - from)
			n = to - from;
		end = say_group(o, &x, from, from + n);
		from += n;
	}
	return end;
}

/* True: look for another session and try again.  What the budget cut short proves nothing of the next hop. */
static bool
goes_on(struct online *o, enum exchange_end end, const struct mail_id *id, struct instant began)
{
	bool may_retry = end == EXCHANGE_GONE || (end == EXCHANGE_TROUBLE && !online_is_late(o));

	if (end == EXCHANGE_TROUBLE && may_retry) {
		judge_strike(o->held.next_hop, id, began, &o->trouble);
		online_pass_over(o);
	}
	held_drop(&o->held);
	o->is_open = false;
	return may_retry;
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
	o->is_open = false;
	held_keep(o->c, &o->held);
}

static enum online_end
refused_mail(struct online *o, struct instant began)
{
	if (outcome_is_slow_down(&o->reply)) {
		trouble_of_reply(&o->reply, "MAIL", &o->trouble);
		judge_strike(o->held.next_hop, &o->id, began, &o->trouble);
	}
	o->is_refused = !outcome_is_about_the_session(&o->reply);
	return answered(o, "MAIL");
}

static enum online_end
asked(struct online *o, struct instant began)
{
	struct next_hop *next_hop = o->held.next_hop;

	next_hop->last_sign = loop_now(o->c->loop);
	if (o->is_refused)
		return refused_mail(o, began);
	if (o->is_changed)
		return ONLINE_UNAVAILABLE;
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

enum online_end
online_ask(struct online *o)
{
	struct instant began = loop_now(o->c->loop);
	enum exchange_end end;

	if (o->is_refused)
		return ONLINE_ANSWERED;
	for (;;) {
		if (!online_seek(o))
			break;
		if (lacks_utf8(o)) {
			leave_lacking(o);
			continue;
		}
		if (is_full_by_limits(o))
			return answer_ourselves(o, &REPLY(452, 4, 5, 3, "Too many recipients for the next hop"));
		end = say_envelope(o, true);
		if (end == EXCHANGE_ANSWERED)
			return asked(o, began);
		if (!goes_on(o, end, &o->id, began))
			return ONLINE_UNAVAILABLE;
	}
	if (o->n_lacking > 0 && o->n_lacking == o->n_tried)
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

	attempt.why = o->trouble.text;
	history_ambiguous(o->c->log, &id, &attempt, o->envelope.n_recipients);
}

static enum online_end
taken_or_refused(struct online *o, struct instant began)
{
	enum outcome_kind kind = reply_is_positive(&o->reply) ? OUTCOME_DELIVERED :
	    reply_is_permanent(&o->reply) ? OUTCOME_FAILED : OUTCOME_DEFERRED;

	o->is_open = false;			/* whatever it was, the transaction is over */
	if (kind == OUTCOME_DELIVERED)
		log_delivered(o);
	judge_answer(o->held.next_hop, began);
	for (int i = 0; i < o->envelope.n_recipients; i++)
		judge_outcome(o->held.next_hop, kind);
	return ONLINE_ANSWERED;
}

static enum online_end
lost_at_the_dot(struct online *o, const struct mail_id *id, struct instant began)
{
	log_ambiguous(o);
	if (!o->trouble.is_cancelled)
		judge_strike(o->held.next_hop, id, began, &o->trouble);
	held_drop(&o->held);
	o->is_open = false;
	return ONLINE_AMBIGUOUS;
}

/* What speaks against sending it at all.  False: nothing. */
static bool
cannot_send(struct online *o, enum online_end *end_out)
{
	const struct ehlo *ehlo = &o->held.client->ehlo;
	const struct envelope needed = { .is_8bit = o->mail.is_8bit, .is_smtputf8 = o->mail.is_smtputf8 };
	struct outcome outcome;

	if (trouble_of_lack(ehlo, &needed, &o->trouble)) {
		*end_out = ONLINE_UNAVAILABLE;	/* the queue tries others, and believes it when it is told so again */
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
	struct reply reply;
	struct fault fault;
	enum exchange_end end;

	if (client_write_data(x->client, o->deadline, &fault) != 0 || client_flush(x->client, o->deadline, &fault) != 0)
		return exchange_fault(x, &fault, "DATA");
	end = exchange_read(x, CLIENT_DATA, "DATA", &reply);
	if (end == EXCHANGE_ANSWERED)
		keep_reply(o, &reply);
	return end;
}

/* The envelope, as far as it is not known there, DATA and the mail.  ANSWERED: the reply is kept, or is_changed. */
static enum exchange_end
say_mail(struct online *o, bool *is_refused_out)
{
	struct exchange x = exchange_here(o);
	enum exchange_end end = say_envelope(o, false);
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
		keep_reply(o, &reply);
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
			return ONLINE_UNAVAILABLE;
		if (cannot_send(o, &own))
			return own;
		attempt = held_attempt(o->held.next_hop, o->held.client, o->mail.arrived);
		history_delivering(o->c->log, &id, &attempt, o->envelope.n_recipients);
		end = say_mail(o, &is_refused);
		if (end == EXCHANGE_ANSWERED)
			break;
		if (end == EXCHANGE_AMBIGUOUS)
			return lost_at_the_dot(o, &id, began);
		if (!goes_on(o, end, &id, began))
			return ONLINE_UNAVAILABLE;
	}
	if (o->is_changed)
		return ONLINE_UNAVAILABLE;
	return is_refused && answered(o, "DATA") == ONLINE_UNAVAILABLE ? ONLINE_UNAVAILABLE : taken_or_refused(o, began);
}
