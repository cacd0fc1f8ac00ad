/*
 * handover.c - one mail's recipients handed over in an open client session
 *
 * DATA and not BDAT, also where CHUNKING is offered: with PIPELINING the round trips are the same but for one,
 * and the dotted form is what every server gets all day; BDAT would earn its place for small mail only, where
 * all goes in one write.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/batch.h"
#include "smtpfwd/deliver/handover_inside.h"
#include "smtpfwd/deliver/sender.h"

/* --- ends --- */

static int
count_left(const struct handover *h)
{
	int i, n_left = 0;

	for (i = 0; i < h->n_recipients; i++)
		n_left += !h->recipients[i].has_outcome;
	return n_left;
}

enum progress
run_stop(struct transaction_run *t, enum handover_end end)
{
	t->end = end;
	return STOP;
}

enum progress
run_stop_by_end(struct transaction_run *t, enum exchange_end end)
{
	switch (end) {
	case EXCHANGE_ANSWERED:
		break;
	case EXCHANGE_GONE:
		return run_stop(t, HANDOVER_SESSION_OVER);
	case EXCHANGE_TROUBLE:
	case EXCHANGE_AMBIGUOUS:
		return run_stop(t, HANDOVER_TROUBLE);
	case EXCHANGE_UNREADABLE:
		return run_stop(t, HANDOVER_UNREADABLE);
	case EXCHANGE_CANCELLED:
		return run_stop(t, HANDOVER_CANCELLED);
	}
	insist(!"an answer is no end");
	return STOP;
}

enum progress
run_stop_by_fault(struct transaction_run *t, const struct fault *fault, const char *context)
{
	return run_stop_by_end(t, exchange_fault(&t->x, fault, context));
}

void
run_settle_one(struct transaction_run *t, int i, const struct outcome *outcome)
{
	t->h->recipients[i].outcome = *outcome;
	t->h->recipients[i].has_outcome = true;
	t->h->recipients[i].is_accepted = false;
}

void
run_settle_batch(struct transaction_run *t, const struct outcome *outcome, bool only_accepted)
{
	int i;

	for (i = 0; i < t->n_batch; i++) {
		struct offered *recipient = &t->h->recipients[t->batch[i]];

		if (!recipient->has_outcome && (!only_accepted || recipient->is_accepted))
			run_settle_one(t, t->batch[i], outcome);
	}
}

struct outcome
run_outcome(const struct transaction_run *t, const struct reply *reply, enum outcome_stage stage)
{
	return outcome_of_reply(reply, stage, t->h->client->ehlo.has_dsn, t->h->remote_mta, t->h->arena);
}

void
run_tell(const struct transaction_run *t, const struct recipient *recipient, const struct reply *reply, bool is_of_content)
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

/* --- the mail --- */

static void
settle_by_final(struct transaction_run *t, const struct reply *reply)
{
	struct outcome outcome = run_outcome(t, reply, OUTCOME_OF_FINAL);

	for (int i = 0; i < t->n_batch && t->n_accepted == 1 && !reply_is_positive(reply); i++) {
		struct offered *recipient = &t->h->recipients[t->batch[i]];

		if (!recipient->is_accepted)
			continue;
		run_tell(t, recipient->recipient, reply, true);
		recipient->is_elsewhere = outcome_is_elsewhere(reply, OUTCOME_OF_FINAL);
	}
	run_settle_batch(t, &outcome, true);
}

/* They are deferred, and may get the mail twice. */
static enum progress
stop_ambiguous(struct transaction_run *t)
{
	struct outcome outcome = outcome_of_trouble(t->x.trouble, t->h->remote_mta, t->h->arena);

	run_settle_batch(t, &outcome, true);
	*t->n_ambiguous = t->n_accepted;
	return run_stop(t, t->x.trouble->is_cancelled ? HANDOVER_CANCELLED : HANDOVER_TROUBLE);
}

static enum progress
send_mail(struct transaction_run *t)
{
	struct reply reply;
	enum exchange_end end;

	/* What comes behind it is the next mail, if this one needs no other transaction. */
	t->x.sequel = count_left(t->h) == t->n_accepted ? t->h->sequel : NULL;
	/* However long the mail took to send: an answer that we do not wait for costs a second copy. */
	end = exchange_content(&t->x, t->h->content, INSTANT_NEVER, &reply);
	if (end == EXCHANGE_AMBIGUOUS)
		return stop_ambiguous(t);
	if (end != EXCHANGE_ANSWERED)
		return run_stop_by_end(t, end);
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
		return run_stop_by_fault(t, &fault, "end of an empty mail");
	return GO_ON;
}

static enum progress
transaction(struct transaction_run *t)
{
	bool is_go;

	if (run_envelope(t, &is_go) == STOP)
		return STOP;
	if (!is_go)
		return GO_ON;
	return t->n_accepted > 0 ? send_mail(t) : send_nothing(t);
}

static enum handover_end
run_transactions(struct transaction_run *t)
{
	int n_left = count_left(t->h);

	while (n_left > 0) {
		int n_left_before = n_left;

		if (!t->is_ahead && !client_is_reusable(t->h->client))
			return HANDOVER_SESSION_OVER;
		t->n_batch = batch_pick(&t->h->client->ehlo, t->h->recipients, t->h->n_recipients, t->batch);
		t->n_accepted = 0;
		if (transaction(t) == STOP)
			return count_left(t->h) == 0 ? HANDOVER_DONE : t->end;
		/* One at least is accepted or refused in each, or RCPT's 452 would not have counted as "too many". */
		n_left = count_left(t->h);
		insist(n_left < n_left_before || t->was_in_vain);
		t->is_ahead = t->was_in_vain = false;
		t->x.n_replies_before = -1;	/* what happens to the session from here on is not of its idle time */
	}
	return HANDOVER_DONE;
}

enum handover_end
handover_run(struct handover *h, struct instant deadline, struct trouble *trouble_out, int *n_ambiguous_out)
{
	struct transaction_run t = {
		.h = h, .n_ambiguous = n_ambiguous_out, .is_ahead = h->is_ahead,
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
				run_settle_one(&t, i, &outcome);
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
