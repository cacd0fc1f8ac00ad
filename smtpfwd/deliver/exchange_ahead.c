/*
 * exchange_ahead.c - the replies to an envelope that went out with the end of the mail before
 */
#include "smtpfwd/deliver/exchange.h"

static enum exchange_end
read_one(struct exchange *x, enum client_step step, const char *name, struct arena *arena, struct reply *reply_out)
{
	enum exchange_end end = exchange_read(x, step, name, reply_out);

	if (end == EXCHANGE_ANSWERED && !arena_copy(arena, reply_out->text, &reply_out->text))
		reply_out->text = STR_EMPTY;
	return end;
}

static enum exchange_end
read_all(struct exchange *x, int n_recipients, struct arena *arena, struct reply *replies_out)
{
	enum exchange_end end = read_one(x, CLIENT_MAIL, "MAIL", arena, replies_out);

	for (int i = 0; i < n_recipients && end == EXCHANGE_ANSWERED; i++)
		end = read_one(x, CLIENT_RCPT, "RCPT", arena, &replies_out[i + 1]);
	return end == EXCHANGE_ANSWERED ? read_one(x, CLIENT_DATA, "DATA", arena, &replies_out[n_recipients + 1]) : end;
}

enum ahead_reading
exchange_ahead(struct exchange *x, int n_recipients, struct arena *arena, struct reply *replies_out, enum exchange_end *end_out)
{
	/* Some servers leave the transaction of a mail open that they refused: MAIL is out of order then. */
	bool was_open = x->client->is_in_transaction;

	*end_out = read_all(x, n_recipients, arena, replies_out);
	if (*end_out == EXCHANGE_CANCELLED || x->client->is_closing)
		return AHEAD_ENDED;
	if (*end_out != EXCHANGE_ANSWERED)
		return AHEAD_NOT_TAKEN;
	if (!reply_is_positive(&replies_out[n_recipients + 1]))
		return AHEAD_AGAIN;
	if (reply_is_positive(&replies_out[0]))
		return AHEAD_IN_STEP;
	/* What would be sent now might go to recipients of the mail before. */
	x->client->is_broken = true;
	trouble_of_text(STATUS(4, 5, 0), "the next hop breaks the protocol: it refused MAIL and wants mail data", x->trouble);
	return was_open ? AHEAD_ELSEWHERE : AHEAD_NOT_TAKEN;
}
