/*
 * exchange_identity.c - before MAIL the next hop is told who the client is, and what the ends of that mean
 */
#include "smtpfwd/deliver/exchange.h"

/* As a fault of any step; a 421 too, and one that crossed our first command in an idle session says nothing. */
static enum exchange_end
lost(struct exchange *x, const struct fault *fault, const char *context)
{
	enum exchange_end end = exchange_fault(x, fault, context);

	if (end == EXCHANGE_TROUBLE && x->client->is_closing && x->n_replies_before >= 0 &&
	    x->client->n_replies == x->n_replies_before + 1)
		return EXCHANGE_GONE;
	return end;
}

/*
 * The next hop served us so far: if it hangs up when it hears of the client, by 421 or without a word, that is the client's
 * trouble, and others are to be served.
 */
static enum exchange_end
hung_up(struct exchange *x, const struct fault *fault, const struct reply *reply, bool was_open)
{
	enum exchange_end end = lost(x, fault, "XCLIENT");

	if (x->client->is_closing)		/* by a 421, which says why */
		trouble_of_reply(reply, "XCLIENT", x->trouble);
	x->trouble->is_to_client = end == EXCHANGE_TROUBLE && fault->cause == FAULT_CLOSED && !was_open;
	return end;
}

static enum exchange_end
tell(struct exchange *x, struct introduction *in, bool *is_turned_away_out, struct reply *reply_out)
{
	bool was_open = x->client->is_in_transaction;	/* then RSET goes before */
	struct fault fault;

	*is_turned_away_out = false;
	switch (identity_tell(x->client, in->identity, &in->rule, x->deadline, reply_out, &fault)) {
	case IDENTITY_TOLD:
	case IDENTITY_NOT_POSSIBLE:
		break;
	case IDENTITY_REFUSED:
		trouble_of_reply(reply_out, "XCLIENT", x->trouble);
		in->is_means_refused = true;
		in->rule.means = identity_next_means(in->rule.means);
		return x->client->is_half_introduced ? EXCHANGE_GONE : EXCHANGE_ANSWERED;
	case IDENTITY_TURNED_AWAY:
		*is_turned_away_out = true;
		x->client->is_broken = true;
		break;
	case IDENTITY_LOST:
		return hung_up(x, &fault, reply_out, was_open);
	}
	return EXCHANGE_ANSWERED;
}

enum exchange_end
exchange_introduce(struct exchange *x, struct introduction *in, bool *is_turned_away_out, struct reply *reply_out)
{
	enum exchange_end end = tell(x, in, is_turned_away_out, reply_out);
	struct fault fault;
	struct reply reply;

	if (end != EXCHANGE_ANSWERED || *is_turned_away_out)
		return end;
	switch (identity_forward(x->client, in->identity, &in->rule, in->ident, x->deadline, &reply, &fault)) {
	case IDENTITY_TOLD:
	case IDENTITY_NOT_POSSIBLE:
	case IDENTITY_REFUSED:		/* it is for their log only */
	case IDENTITY_TURNED_AWAY:
		break;
	case IDENTITY_LOST:
		return lost(x, &fault, "XFORWARD");
	}
	return EXCHANGE_ANSWERED;
}
