/*
 * exchange.c - the steps of a transaction in an open client session, and what their ends mean
 */
#include "base/mem.h"
#include "smtpfwd/deliver/exchange.h"

enum {
	PIECE_BYTES = 65536,		/* of content at a time: also what a slow next hop holds of our memory */
};

enum exchange_end
exchange_fault(struct exchange *x, const struct fault *fault, const char *context)
{
	struct status status = fault->cause == FAULT_CLOSED || fault->cause == FAULT_TIMED_OUT ?
	    STATUS(4, 4, 2) : STATUS(4, 5, 0);

	trouble_of_fault(fault, status, context, x->trouble);
	if (fault->cause == FAULT_CANCELLED)
		return EXCHANGE_CANCELLED;
	if (fault->cause == FAULT_CLOSED && x->n_replies_before >= 0 && x->client->n_replies == x->n_replies_before)
		return EXCHANGE_GONE;
	return EXCHANGE_TROUBLE;
}

static enum exchange_end
answered(struct exchange *x, const struct reply *reply, const char *name)
{
	if (reply->code != 421)
		return EXCHANGE_ANSWERED;
	trouble_of_reply(reply, name, x->trouble);
	if (x->n_replies_before >= 0 && x->client->n_replies == x->n_replies_before + 1)
		return EXCHANGE_GONE;		/* the 421 of an idle session that crossed our command */
	return EXCHANGE_TROUBLE;
}

enum exchange_end
exchange_read(struct exchange *x, enum client_step step, const char *name, struct reply *reply_out)
{
	struct fault fault;

	if (client_read(x->client, step, x->deadline, reply_out, &fault) != 0 ||
	    (reply_is_permanent(reply_out) && client_is_ahead(x->client, &fault)))
		return exchange_fault(x, &fault, name);
	return answered(x, reply_out, name);
}

/* --- the mail --- */

static enum exchange_end
unreadable(struct exchange *x, const struct fault *fault)
{
	trouble_of_fault(fault, STATUS(4, 3, 0), "reading the mail", x->trouble);
	x->client->is_broken = true;	/* never send the dot behind half a mail */
	return fault->cause == FAULT_CANCELLED ? EXCHANGE_CANCELLED : EXCHANGE_UNREADABLE;
}

/* ANSWERED: go on, or with *is_refused_out do not. */
static enum exchange_end
send_pieces(struct exchange *x, struct content *content, char *room, size_t n_room, struct reply *reply_out, bool *is_refused_out,
    bool *has_sequel_out)
{
	int64_t offset = 0;
	struct fault fault;

	*is_refused_out = *has_sequel_out = false;
	while (offset < content->n_bytes) {
		ssize_t n = content->read(content, offset, room, n_room, x->deadline, &fault);
		int sent;

		if (n == 0)
			fault_temporary(&fault, "it ends after %lld of %lld bytes", (long long)offset, (long long)content->n_bytes);
		if (n <= 0)
			return unreadable(x, &fault);
		offset += n;
		if (offset >= content->n_bytes && x->sequel != NULL)
			*has_sequel_out = x->sequel->find(x->sequel);
		sent = client_content(x->client, str_n(room, (size_t)n), x->deadline, reply_out, &fault);
		if (sent < 0)
			return exchange_fault(x, &fault, "mail data");
		if (sent > 0) {
			*is_refused_out = true;
			return answered(x, reply_out, "mail data");
		}
	}
	return EXCHANGE_ANSWERED;
}

static int
write_sequel(struct exchange *x, struct instant final_deadline, struct fault *fault_out)
{
	if (client_write_end(x->client, final_deadline, fault_out) != 0)
		return -1;
	return x->sequel->write(x->sequel, final_deadline, fault_out);
}

/* The dot, maybe with what follows it, and its answer. */
static enum exchange_end
end_content(struct exchange *x, bool has_sequel, struct instant final_deadline, struct reply *reply_out)
{
	bool is_ambiguous = true;
	struct fault fault;

	if ((!has_sequel || write_sequel(x, final_deadline, &fault) == 0) &&
	    client_finish(x->client, final_deadline, reply_out, &is_ambiguous, &fault) == 0)
		return answered(x, reply_out, "end of the mail");
	if (!is_ambiguous)
		return exchange_fault(x, &fault, "end of the mail");
	trouble_of_fault(&fault, STATUS(4, 4, 2), "the mail was sent, but whether it was accepted is not known", x->trouble);
	return EXCHANGE_AMBIGUOUS;
}

enum exchange_end
exchange_content(struct exchange *x, struct content *content, struct instant final_deadline, struct reply *reply_out)
{
	size_t n_room = content->n_bytes < PIECE_BYTES ? (size_t)content->n_bytes : PIECE_BYTES;
	char *room = mem_resize_array(NULL, n_room > 0 ? n_room : 1, 1);	/* not zeroed */
	bool is_refused, has_sequel;
	enum exchange_end end = send_pieces(x, content, room, n_room, reply_out, &is_refused, &has_sequel);

	mem_free(room);
	if (end != EXCHANGE_ANSWERED || is_refused)
		return end;
	return end_content(x, has_sequel, final_deadline, reply_out);
}
