/*
 * handover_envelope.c - one transaction from RSET to the answer to DATA, said now or with the mail before
 */
#include "base/mem.h"
#include "smtpfwd/deliver/handover_inside.h"
#include "smtpfwd/deliver/sender.h"

/* --- replies of the envelope's commands, in their order --- */

static enum progress
take_reply(struct transaction_run *t, enum client_step step, const char *name, struct reply *reply_out)
{
	enum exchange_end end;

	if (t->replies != NULL) {
		*reply_out = *t->replies++;
		return GO_ON;
	}
	end = exchange_read(&t->x, step, name, reply_out);
	return end == EXCHANGE_ANSWERED ? GO_ON : run_stop_by_end(t, end);
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
	return run_stop(t, HANDOVER_TROUBLE);
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
		outcome = run_outcome(t, &reply, OUTCOME_OF_MAIL);
		run_settle_batch(t, &outcome, false);
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
	run_tell(t, t->h->recipients[i].recipient, &reply, false);
	if (reply_is_positive(&reply)) {
		t->h->recipients[i].is_accepted = true;
		t->n_accepted++;
	} else if (!outcome_is_too_many(&reply, t->n_accepted)) {
		outcome = run_outcome(t, &reply, OUTCOME_OF_RCPT);
		run_settle_one(t, i, &outcome);
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
		outcome = run_outcome(t, &reply, OUTCOME_OF_DATA);
		run_settle_batch(t, &outcome, true);
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
		return run_stop_by_end(t, end);
	if (*is_refused_out) {
		outcome = run_outcome(t, &reply, OUTCOME_OF_MAIL);
		run_settle_batch(t, &outcome, false);
	}
	return GO_ON;
}

/* --- the envelope --- */

static void
choose_sender(struct handover *h)
{
	const struct identity *identity = h->introduction != NULL ? h->introduction->identity : NULL;

	h->srs = sender_srs(h->srs_mode, h->envelope, sender_is_seen(h->client, identity));
}

static int
write_mail(struct transaction_run *t, struct fault *fault_out)
{
	struct handover *h = t->h;

	/* The answer to DATA may be still to come.  Taken for RSET's it ends the session; taken for MAIL's it would fail the mail. */
	t->is_reset_due = h->client->is_in_transaction || t->is_doubted;
	t->is_doubted = false;
	if (t->is_reset_due && client_write_rset(h->client, t->x.deadline, fault_out) != 0)
		return -1;
	choose_sender(h);
	return client_write_mail(h->client, h->envelope, h->srs != NULL ? h->srs : &h->envelope->reverse_path,
	    (uint64_t)h->content->n_bytes, t->x.deadline, fault_out);
}

/* The replies to an envelope in one write, but to its RSET. */
static enum progress
take_envelope(struct transaction_run *t, bool *is_go_out)
{
	bool is_refused;

	if (take_mail(t, &is_refused) == STOP)
		return STOP;
	for (int i = 0; i < t->n_batch; i++) {
		if (take_rcpt(t, t->batch[i]) == STOP)
			return STOP;
	}
	return take_data(t, is_go_out);
}

/* All in one write (RFC 2920).  *is_go_out: a 354 came, and mail data must follow. */
static enum progress
envelope_pipelined(struct transaction_run *t, bool *is_go_out)
{
	struct client *client = t->h->client;
	struct fault fault;
	int failed = write_mail(t, &fault);
	int i;

	for (i = 0; i < t->n_batch && failed == 0; i++)
		failed = client_write_rcpt(client, t->h->recipients[t->batch[i]].recipient, t->x.deadline, &fault);
	if (failed != 0 || client_write_data(client, t->x.deadline, &fault) != 0 ||
	    client_flush(client, t->x.deadline, &fault) != 0)
		return run_stop_by_fault(t, &fault, "sending the envelope");
	if (t->is_reset_due && take_rset(t) == STOP)
		return STOP;
	return take_envelope(t, is_go_out);
}

/* It is out already: all its replies are read, and looked at as a whole, before one of them is taken. */
static enum progress
envelope_ahead(struct transaction_run *t, bool *is_go_out)
{
	struct reply *replies = mem_new_array((size_t)t->n_batch + 2, sizeof(*replies));
	enum progress progress = GO_ON;
	enum exchange_end end;

	choose_sender(t->h);
	switch (exchange_ahead(&t->x, t->n_batch, t->h->arena, replies, &end)) {
	case AHEAD_IN_STEP:
		t->replies = replies;
		progress = take_envelope(t, is_go_out);
		t->replies = NULL;
		break;
	case AHEAD_AGAIN:
		t->was_in_vain = t->is_doubted = true;
		break;
	case AHEAD_ELSEWHERE:
		progress = run_stop(t, HANDOVER_SESSION_OVER);
		break;
	case AHEAD_NOT_TAKEN:
		t->h->is_ahead_not_taken = true;
		progress = run_stop(t, HANDOVER_SESSION_OVER);
		break;
	case AHEAD_ENDED:
		progress = run_stop_by_end(t, end);
		break;
	}
	mem_free(replies);
	return progress;
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
			return run_stop_by_fault(t, &fault, "RSET");
		if (take_rset(t) == STOP)
			return STOP;
	}
	if (write_mail(t, &fault) != 0 || client_flush(client, t->x.deadline, &fault) != 0)
		return run_stop_by_fault(t, &fault, "MAIL");
	if (take_mail(t, &is_refused) == STOP)
		return STOP;
	if (is_refused)
		return GO_ON;
	for (i = 0; i < t->n_batch; i++) {
		if (client_write_rcpt(client, t->h->recipients[t->batch[i]].recipient, t->x.deadline, &fault) != 0 ||
		    client_flush(client, t->x.deadline, &fault) != 0)
			return run_stop_by_fault(t, &fault, "RCPT");
		if (take_rcpt(t, t->batch[i]) == STOP)
			return STOP;
	}
	if (t->n_accepted == 0)
		return GO_ON;
	if (client_write_data(client, t->x.deadline, &fault) != 0 || client_flush(client, t->x.deadline, &fault) != 0)
		return run_stop_by_fault(t, &fault, "DATA");
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

enum progress
run_envelope(struct transaction_run *t, bool *is_go_out)
{
	enum progress progress;
	bool is_refused;

	*is_go_out = false;
	if (t->is_ahead)
		return envelope_ahead(t, is_go_out);
	if (introduce(t, &is_refused) == STOP)
		return STOP;
	if (is_refused)
		return GO_ON;
	/* The EHLO behind XCLIENT may offer less. */
	if (trouble_of_lack(&t->h->client->ehlo, t->h->envelope, t->x.trouble))
		return run_stop(t, HANDOVER_LACKING);
	progress = (t->h->client->ehlo.has_pipelining ? envelope_pipelined : envelope_in_turn)(t, is_go_out);
	if (progress == STOP && t->h->client->is_out_of_step)
		take_refusals_back(t);
	return progress;
}
