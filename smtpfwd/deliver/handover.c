/*
 * handover.c - one mail's recipients handed over in an open client session
 *
 * DATA and not BDAT, also where CHUNKING is offered: with PIPELINING the round trips are the same but for one,
 * and the dotted form is what every server gets all day; BDAT would earn its place for small mail only, where
 * all goes in one write.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/handover.h"
#include "smtpfwd/deliver/sender.h"
#include "smtpfwd/smtp/limits.h"

enum {
	/* Where the server tells a higher LIMITS RCPTMAX: what is on its way stays bounded (RFC 2920 3.1). */
	BATCH_MAX_RECIPIENTS = 500,
};

/* A step's end while a transaction runs.  GO_ON: look at the reply. */
enum progress { GO_ON, STOP };

struct transaction_run {
	struct handover	*h;
	struct exchange	 x;
	int		*n_ambiguous;
	int		*batch;			/* indexes of recipients in this transaction */
	int		 n_batch;
	int		 n_accepted;
	bool		 is_reset_due;		/* this transaction began with a RSET */
	enum handover_end end;			/* with STOP */
};

/* --- who is in the next transaction --- */

static int
batch_limit(const struct ehlo *ehlo)
{
	if (ehlo->limit_rcptmax == 0)
		return SMTP_RECIPIENTS_LEAST;
	return ehlo->limit_rcptmax < BATCH_MAX_RECIPIENTS ? (int)ehlo->limit_rcptmax : BATCH_MAX_RECIPIENTS;
}

/* True if the recipient's domain is among those of the batch already, or one more is allowed (RFC 9422 RCPTDOMAINMAX). */
static bool
domain_fits(const struct transaction_run *t, int candidate)
{
	const struct offered *all = t->h->recipients;
	uint64_t limit = t->h->client->ehlo.limit_rcptdomainmax, n_domains = 0;
	int i, j;

	if (limit == 0)
		return true;
	for (i = 0; i < t->n_batch; i++) {
		struct str domain = all[t->batch[i]].recipient->address.domain;

		if (str_eq_nocase(domain, all[candidate].recipient->address.domain))
			return true;
		for (j = 0; j < i && !str_eq_nocase(domain, all[t->batch[j]].recipient->address.domain); j++)
			;
		n_domains += j == i;
	}
	return n_domains < limit;
}

static void
pick_batch(struct transaction_run *t)
{
	int limit = batch_limit(&t->h->client->ehlo);
	int i;

	t->n_batch = t->n_accepted = 0;
	for (i = 0; i < t->h->n_recipients && t->n_batch < limit; i++) {
		t->h->recipients[i].is_accepted = false;
		if (!t->h->recipients[i].has_outcome && domain_fits(t, i))
			t->batch[t->n_batch++] = i;
	}
}

/* --- ends --- */

static enum progress
stop(struct transaction_run *t, enum handover_end end)
{
	t->end = end;
	return STOP;
}

/* Of a step that got no answer; trouble is set. */
static enum progress
stop_by_end(struct transaction_run *t, enum exchange_end end)
{
	switch (end) {
	case EXCHANGE_ANSWERED:
		break;
	case EXCHANGE_GONE:
		return stop(t, HANDOVER_SESSION_OVER);
	case EXCHANGE_TROUBLE:
	case EXCHANGE_AMBIGUOUS:
		return stop(t, HANDOVER_TROUBLE);
	case EXCHANGE_UNREADABLE:
		return stop(t, HANDOVER_UNREADABLE);
	case EXCHANGE_CANCELLED:
		return stop(t, HANDOVER_CANCELLED);
	}
	insist(!"an answer is no end");
	return STOP;
}

static enum progress
stop_by_fault(struct transaction_run *t, const struct fault *fault, const char *context)
{
	return stop_by_end(t, exchange_fault(&t->x, fault, context));
}

static void
settle_one(struct transaction_run *t, int i, const struct outcome *outcome)
{
	t->h->recipients[i].outcome = *outcome;
	t->h->recipients[i].has_outcome = true;
	t->h->recipients[i].is_accepted = false;
}

/* The same outcome for all of the batch who have none yet; with only_accepted for those whose RCPT was accepted. */
static void
settle_batch(struct transaction_run *t, const struct outcome *outcome, bool only_accepted)
{
	int i;

	for (i = 0; i < t->n_batch; i++) {
		struct offered *recipient = &t->h->recipients[t->batch[i]];

		if (!recipient->has_outcome && (!only_accepted || recipient->is_accepted))
			settle_one(t, t->batch[i], outcome);
	}
}

static struct outcome
outcome_here(const struct transaction_run *t, const struct reply *reply, enum outcome_stage stage)
{
	return outcome_of_reply(reply, stage, t->h->client->ehlo.has_dsn, t->h->remote_mta, t->h->arena);
}

static void
tell(const struct transaction_run *t, const struct recipient *recipient, const struct reply *reply, bool is_of_content)
{
	const struct handover *h = t->h;
	const struct identity *identity = h->introduction != NULL ? h->introduction->identity : NULL;
	bool is_null = h->srs == NULL && address_is_null(&h->envelope->reverse_path);

	if (h->hearing.told == NULL)
		return;
	h->hearing.told(h->hearing.context, &(struct recipient_reply){
		.destination = h->destination, .recipient = &recipient->address, .reply = reply, .is_of_content = is_of_content,
		.is_to_us = is_null && t->n_batch == 1 && !sender_is_seen(h->client, identity),
	});
}

/* --- replies of the envelope's commands, in their order --- */

static enum progress
take_reply(struct transaction_run *t, enum client_step step, const char *name, struct reply *reply_out)
{
	enum exchange_end end = exchange_read(&t->x, step, name, reply_out);

	return end == EXCHANGE_ANSWERED ? GO_ON : stop_by_end(t, end);
}

static enum progress
take_rset(struct transaction_run *t)
{
	struct reply reply;

	if (take_reply(t, CLIENT_RSET, "RSET", &reply) == STOP)
		return STOP;
	if (reply_is_positive(&reply))
		return GO_ON;
	trouble_of_reply(&reply, "RSET", t->x.trouble);
	return stop(t, HANDOVER_TROUBLE);
}

/* A refused MAIL settles the batch; *is_refused_out says so. */
static enum progress
take_mail(struct transaction_run *t, bool *is_refused_out)
{
	struct outcome outcome;
	struct reply reply;

	if (take_reply(t, CLIENT_MAIL, "MAIL", &reply) == STOP)
		return STOP;
	*is_refused_out = !reply_is_positive(&reply);
	if (*is_refused_out) {
		/* Where we stand for the client, it is the one to be slowed down. */
		if (outcome_is_slow_down(&reply) && !identity_is_seen(t->h->client)) {
			trouble_of_reply(&reply, "MAIL", t->x.trouble);
			t->h->is_slowed = true;
		}
		outcome = outcome_here(t, &reply, OUTCOME_OF_MAIL);
		settle_batch(t, &outcome, false);
	}
	return GO_ON;
}

static enum progress
take_rcpt(struct transaction_run *t, int i)
{
	struct outcome outcome;
	struct reply reply;

	if (take_reply(t, CLIENT_RCPT, "RCPT", &reply) == STOP)
		return STOP;
	if (t->h->recipients[i].has_outcome)
		return GO_ON;			/* pipelined behind a refused MAIL */
	tell(t, t->h->recipients[i].recipient, &reply, false);
	if (reply_is_positive(&reply)) {
		t->h->recipients[i].is_accepted = true;
		t->n_accepted++;
	} else if (!outcome_is_too_many(&reply, t->n_accepted)) {
		outcome = outcome_here(t, &reply, OUTCOME_OF_RCPT);
		settle_one(t, i, &outcome);
		t->h->recipients[i].is_elsewhere = outcome_is_elsewhere(&reply, OUTCOME_OF_RCPT);
	}
	return GO_ON;
}

/* A refused DATA settles who was accepted. */
static enum progress
take_data(struct transaction_run *t, bool *is_go_out)
{
	struct outcome outcome;
	struct reply reply;

	if (take_reply(t, CLIENT_DATA, "DATA", &reply) == STOP)
		return STOP;
	*is_go_out = reply_is_positive(&reply);
	if (!*is_go_out && t->n_accepted > 0) {
		outcome = outcome_here(t, &reply, OUTCOME_OF_DATA);
		settle_batch(t, &outcome, true);
	}
	return GO_ON;
}

/* --- who the client is --- */

/* A client that is turned away is an answer as one to MAIL, to all who are left; *is_refused_out says so. */
static enum progress
introduce(struct transaction_run *t, bool *is_refused_out)
{
	struct outcome outcome;
	struct reply reply;
	enum exchange_end end;

	*is_refused_out = false;
	if (t->h->introduction == NULL)
		return GO_ON;
	end = exchange_introduce(&t->x, t->h->introduction, is_refused_out, &reply);
	if (end != EXCHANGE_ANSWERED)
		return stop_by_end(t, end);
	if (*is_refused_out) {
		outcome = outcome_here(t, &reply, OUTCOME_OF_MAIL);
		settle_batch(t, &outcome, false);
	}
	return GO_ON;
}

/* --- the envelope --- */

static int
write_mail(struct transaction_run *t, struct fault *fault_out)
{
	struct handover *h = t->h;
	const struct identity *identity = h->introduction != NULL ? h->introduction->identity : NULL;

	t->is_reset_due = h->client->is_in_transaction;
	if (t->is_reset_due && client_write_rset(h->client, t->x.deadline, fault_out) != 0)
		return -1;
	h->srs = sender_srs(h->srs_mode, h->envelope, sender_is_seen(h->client, identity));
	return client_write_mail(h->client, h->envelope, h->srs != NULL ? h->srs : &h->envelope->reverse_path,
	    (uint64_t)h->content->n_bytes, t->x.deadline, fault_out);
}

/* All in one write (RFC 2920).  *is_go_out: a 354 came, and mail data must follow. */
static enum progress
envelope_pipelined(struct transaction_run *t, bool *is_go_out)
{
	struct client *client = t->h->client;
	struct fault fault;
	bool is_refused;
	int failed = write_mail(t, &fault);
	int i;

	for (i = 0; i < t->n_batch && failed == 0; i++)
		failed = client_write_rcpt(client, t->h->recipients[t->batch[i]].recipient, t->x.deadline, &fault);
	if (failed != 0 || client_write_data(client, t->x.deadline, &fault) != 0 ||
	    client_flush(client, t->x.deadline, &fault) != 0)
		return stop_by_fault(t, &fault, "sending the envelope");
	if ((t->is_reset_due && take_rset(t) == STOP) || take_mail(t, &is_refused) == STOP)
		return STOP;
	for (i = 0; i < t->n_batch; i++) {
		if (take_rcpt(t, t->batch[i]) == STOP)
			return STOP;
	}
	return take_data(t, is_go_out);
}

/* One command after the other, for servers without PIPELINING. */
static enum progress
envelope_in_turn(struct transaction_run *t, bool *is_go_out)
{
	struct client *client = t->h->client;
	struct fault fault;
	bool is_refused;
	int i;

	*is_go_out = false;
	if (client->is_in_transaction) {
		if (client_write_rset(client, t->x.deadline, &fault) != 0 || client_flush(client, t->x.deadline, &fault) != 0)
			return stop_by_fault(t, &fault, "RSET");
		if (take_rset(t) == STOP)
			return STOP;
	}
	if (write_mail(t, &fault) != 0 || client_flush(client, t->x.deadline, &fault) != 0)
		return stop_by_fault(t, &fault, "MAIL");
	if (take_mail(t, &is_refused) == STOP)
		return STOP;
	if (is_refused)
		return GO_ON;
	for (i = 0; i < t->n_batch; i++) {
		if (client_write_rcpt(client, t->h->recipients[t->batch[i]].recipient, t->x.deadline, &fault) != 0 ||
		    client_flush(client, t->x.deadline, &fault) != 0)
			return stop_by_fault(t, &fault, "RCPT");
		if (take_rcpt(t, t->batch[i]) == STOP)
			return STOP;
	}
	if (t->n_accepted == 0)
		return GO_ON;
	if (client_write_data(client, t->x.deadline, &fault) != 0 || client_flush(client, t->x.deadline, &fault) != 0)
		return stop_by_fault(t, &fault, "DATA");
	return take_data(t, is_go_out);
}

/* Whom it refused may be another one than we took it for: our doubt bounces nobody's mail.  What was put off may wait. */
static void
take_refusals_back(struct transaction_run *t)
{
	for (int i = 0; i < t->n_batch; i++) {
		struct offered *recipient = &t->h->recipients[t->batch[i]];

		if (recipient->has_outcome && recipient->outcome.kind == OUTCOME_FAILED)
			recipient->has_outcome = recipient->is_elsewhere = false;
	}
}

/* --- the mail --- */

static void
settle_by_final(struct transaction_run *t, const struct reply *reply)
{
	struct outcome outcome = outcome_here(t, reply, OUTCOME_OF_FINAL);

	for (int i = 0; i < t->n_batch && t->n_accepted == 1 && !reply_is_positive(reply); i++) {
		struct offered *recipient = &t->h->recipients[t->batch[i]];

		if (!recipient->is_accepted)
			continue;
		tell(t, recipient->recipient, reply, true);
		recipient->is_elsewhere = outcome_is_elsewhere(reply, OUTCOME_OF_FINAL);
	}
	settle_batch(t, &outcome, true);
}

/* They are deferred, and may get the mail twice. */
static enum progress
stop_ambiguous(struct transaction_run *t)
{
	struct outcome outcome = outcome_of_trouble(t->x.trouble, t->h->remote_mta, t->h->arena);

	settle_batch(t, &outcome, true);
	*t->n_ambiguous = t->n_accepted;
	return stop(t, t->x.trouble->is_cancelled ? HANDOVER_CANCELLED : HANDOVER_TROUBLE);
}

static enum progress
send_mail(struct transaction_run *t)
{
	struct reply reply;
	/* However long the mail took to send: an answer that we do not wait for costs a second copy. */
	enum exchange_end end = exchange_content(&t->x, t->h->content, INSTANT_NEVER, &reply);

	if (end == EXCHANGE_AMBIGUOUS)
		return stop_ambiguous(t);
	if (end != EXCHANGE_ANSWERED)
		return stop_by_end(t, end);
	settle_by_final(t, &reply);
	return GO_ON;
}

/*
 * A 354 though nobody was accepted: with PIPELINING an empty mail ends it (RFC 2920 3.1), whatever the answer.
 * Where MAIL itself was refused a server that goes on is not to be trusted with a dot.
 */
static enum progress
send_nothing(struct transaction_run *t)
{
	bool is_ambiguous;
	struct reply reply;
	struct fault fault;

	if (!t->h->client->is_in_transaction) {
		t->h->client->is_broken = true;
		return GO_ON;
	}
	if (client_finish(t->h->client, t->x.deadline, &reply, &is_ambiguous, &fault) != 0)
		return stop_by_fault(t, &fault, "end of an empty mail");
	return GO_ON;
}

static enum progress
transaction(struct transaction_run *t)
{
	bool is_go = false, is_refused;

	if (introduce(t, &is_refused) == STOP)
		return STOP;
	if (is_refused)
		return GO_ON;
	/* The EHLO behind XCLIENT may offer less. */
	if (trouble_of_lack(&t->h->client->ehlo, t->h->envelope, t->x.trouble))
		return stop(t, HANDOVER_LACKING);
	if ((t->h->client->ehlo.has_pipelining ? envelope_pipelined : envelope_in_turn)(t, &is_go) == STOP) {
		if (t->h->client->is_out_of_step)
			take_refusals_back(t);
		return STOP;
	}
	if (!is_go)
		return GO_ON;
	return t->n_accepted > 0 ? send_mail(t) : send_nothing(t);
}

static int
count_left(const struct handover *h)
{
	int i, n_left = 0;

	for (i = 0; i < h->n_recipients; i++)
		n_left += !h->recipients[i].has_outcome;
	return n_left;
}

static enum handover_end
run_transactions(struct transaction_run *t)
{
	int n_left = count_left(t->h);

	while (n_left > 0) {
		int n_left_before = n_left;

		if (!client_is_reusable(t->h->client))
			return HANDOVER_SESSION_OVER;
		pick_batch(t);
		if (transaction(t) == STOP)
			return count_left(t->h) == 0 ? HANDOVER_DONE : t->end;
		/* One at least is accepted or refused in each, or RCPT's 452 would not have counted as "too many". */
		n_left = count_left(t->h);
		insist(n_left < n_left_before);
		t->x.n_replies_before = -1;	/* what happens to the session from here on is not of its idle time */
	}
	return HANDOVER_DONE;
}

enum handover_end
handover_run(struct handover *h, struct instant deadline, struct trouble *trouble_out, int *n_ambiguous_out)
{
	struct transaction_run t = {
		.h = h, .n_ambiguous = n_ambiguous_out,
		.x = {
			.client = h->client, .deadline = deadline, .trouble = trouble_out,
			.n_replies_before = h->was_idle ? h->client->n_replies : -1,
		},
	};
	struct outcome outcome;
	enum handover_end end;
	int i;

	*n_ambiguous_out = 0;
	if (trouble_of_lack(&h->client->ehlo, h->envelope, trouble_out))
		return HANDOVER_LACKING;
	if (outcome_of_size(&h->client->ehlo, h->content->n_bytes, h->remote_mta, &outcome)) {
		for (i = 0; i < h->n_recipients; i++) {
			if (!h->recipients[i].has_outcome) {
				settle_one(&t, i, &outcome);
				h->recipients[i].is_elsewhere = true;
			}
		}
		return HANDOVER_DONE;
	}
	t.batch = mem_new_array(BATCH_MAX_RECIPIENTS, sizeof(*t.batch));
	end = run_transactions(&t);
	mem_free(t.batch);
	return end;
}
