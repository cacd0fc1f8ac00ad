/*
 * online_envelope.c - who the client is, MAIL and RCPT, said to the next hop of a mail whose client waits, and said again
 */
#include "smtpfwd/deliver/judge.h"
#include "smtpfwd/deliver/online_inside.h"
#include "smtpfwd/deliver/sender.h"

enum {
	/* Commands on their way at once, when an envelope is said again: what is unread stays bounded (RFC 2920 3.1). */
	GROUP_MAX = 100,
};

void
online_keep_reply(struct online *o, const struct reply *reply)
{
	size_t n = reply->text.len < sizeof(o->reply_text) ? reply->text.len : sizeof(o->reply_text);

	if (n > 0)
		memcpy(o->reply_text, reply->text.at, n);
	o->reply = *reply;
	o->reply.text = str_n(o->reply_text, n);
}

/* --- the envelope, step by step --- */

/* A step is a recipient's index, that of who is asked now behind the last, or: */
enum { STEP_RSET = -2, STEP_MAIL = -1 };

/* By what this very session was told, when its MAIL comes. */
static const struct address *
choose_sender(struct online *o)
{
	bool is_client_seen = sender_is_seen(o->held.client, o->has_identity ? &o->identity : NULL);

	o->srs = sender_srs(o->held.next_hop->route->srs, &o->envelope, is_client_seen);
	return o->srs != NULL ? o->srs : &o->envelope.reverse_path;
}

static int
write_step(struct online *o, int step, struct fault *fault_out)
{
	struct client *client = o->held.client;

	if (step == STEP_RSET)
		return client_write_rset(client, o->deadline, fault_out);
	if (step == STEP_MAIL)
		return client_write_mail(client, &o->envelope, choose_sender(o), o->size_bytes, o->deadline, fault_out);
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
		online_keep_reply(o, reply);
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
		online_keep_reply(o, reply);
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
say_group(struct online *o, struct exchange *x, int from, int to, bool with_data)
{
	enum exchange_end end = EXCHANGE_ANSWERED;
	struct fault fault;

	for (int i = from; i < to; i++)
		if (write_step(o, i, &fault) != 0)
			return exchange_fault(x, &fault, "sending the envelope");
	if (with_data && client_write_data(x->client, o->deadline, &fault) != 0)
		return exchange_fault(x, &fault, "sending the envelope");
	if (client_flush(x->client, o->deadline, &fault) != 0)
		return exchange_fault(x, &fault, "sending the envelope");
	for (int i = from; i < to && end == EXCHANGE_ANSWERED; i++)
		end = read_step(o, x, i);
	return end;
}

/*
 * DATA went along, and nobody is there whom the mail could go to.  A server that refuses it is where it was before; one that goes
 * on all the same (RFC 2920 3.1) waits for a mail, and is left.  Another answer shows that there is a reply too many.
 */
static enum exchange_end
take_data_back(struct online *o, struct exchange *x)
{
	struct reply reply;
	enum exchange_end end = exchange_read(x, CLIENT_DATA, "DATA", &reply);

	if (end != EXCHANGE_ANSWERED && x->client->is_out_of_step) {
		o->is_refused = false;		/* what refused MAIL or the recipient may have been the answer to something else */
		return end;
	}
	if (end != EXCHANGE_ANSWERED || reply_is_positive(&reply))
		x->client->is_broken = true;
	return EXCHANGE_ANSWERED;
}

/* --- who the client is --- */

/* ANSWERED: go on, unless is_refused or is_changed. */
static enum exchange_end
introduce(struct online *o, struct exchange *x)
{
	char room[MAIL_ID_TEXT_MAX];
	struct introduction introduction = {
		.identity = o->has_identity ? &o->identity : NULL, .rule = o->rule,
		.ident = mail_id_is_none(&o->mail_id) ? STR_EMPTY : mail_id_text(&o->mail_id, room),
	};
	struct reply reply;
	bool is_turned_away;
	enum exchange_end end = exchange_introduce(x, &introduction, &is_turned_away, &reply);

	o->rule = introduction.rule;
	if (introduction.is_means_refused) {
		o->is_means_refused = true;
		o->means_refused_by = o->held.next_hop;
		o->n_means_refused++;
	}
	o->is_turned_away = end == EXCHANGE_ANSWERED && is_turned_away;
	if (o->is_turned_away)
		take_mail(o, &reply);
	return end;
}

/* --- the envelope, as far as it is to be said --- */

struct exchange
online_exchange(struct online *o)
{
	return (struct exchange){
		.client = o->held.client, .deadline = o->deadline, .n_replies_before = o->n_replies_before,
		.trouble = &o->trouble,
	};
}

enum exchange_end
online_say_envelope(struct online *o, bool with_asked, bool with_data)
{
	struct exchange x = online_exchange(o);
	int from = o->envelope.n_recipients, to = from + with_asked;
	enum exchange_end end = EXCHANGE_ANSWERED;

	if (!o->is_open) {
		end = introduce(o, &x);
		from = x.client->is_in_transaction ? STEP_RSET : STEP_MAIL;
	}
	while (from < to && end == EXCHANGE_ANSWERED && !o->is_refused && !o->is_changed) {
		int n = x.client->ehlo.has_pipelining ? GROUP_MAX : 1;

		if (n > to - from)
			n = to - from;
		end = say_group(o, &x, from, from + n, with_data && x.client->ehlo.has_pipelining && from + n == to);
		from += n;
	}
	/* What it said stands, also where it hangs up then and does not answer to the rest. */
	if ((o->is_refused || o->is_changed) && (end == EXCHANGE_TROUBLE || end == EXCHANGE_GONE))
		return EXCHANGE_ANSWERED;
	if (end == EXCHANGE_ANSWERED && online_is_data_said(o) && with_asked && !(o->is_open && reply_is_positive(&o->reply)))
		return take_data_back(o, &x);
	return end;
}

/* A large mail may well take longer than a client has, with a next hop that listens all the time. */
static bool
is_in_vain(const struct online *o, enum exchange_end end)
{
	return end == EXCHANGE_TROUBLE && o->trouble.reply_code == 0 &&
	    !(o->order == ORDER_SEND && o->content.n_bytes >= QUEUE_LARGE_BYTES);
}

bool
online_goes_on(struct online *o, enum exchange_end end, const struct mail_id *id, struct instant began)
{
	bool may_retry = end == EXCHANGE_GONE || (end == EXCHANGE_TROUBLE && !online_is_late(o) && !online_is_turned_away(o));

	if (end == EXCHANGE_TROUBLE && may_retry) {
		judge_strike(o->held.next_hop, id, &o->client, began, &o->trouble);
		online_pass_over(o);
	} else if (is_in_vain(o, end))
		online_in_vain(o, o->held.next_hop, id);
	held_drop(&o->held);
	o->is_open = false;
	return may_retry;
}
