/*
 * intake.c - mail data read off the stream: DATA and BDAT from their command to their answer
 *
 * What becomes of the bytes is in content.c.
 */
#include <stdio.h>

#include "smtpfwd/receive/client_name.h"
#include "smtpfwd/receive/intake.h"
#include "smtpfwd/receive/refusal.h"
#include "smtpfwd/receive/transaction.h"

enum {
	/*
	 * A mail beyond the limit is read and thrown away up to so many times the limit, so that its
	 * sender hears 552; who goes on then (and was told SIZE) is cut off.
	 */
	INTAKE_DISCARD_TIMES = 4,
};

static uint64_t
discard_max_bytes(const struct session *session)
{
	return (uint64_t)session->listener->settings.message_max_bytes * INTAKE_DISCARD_TIMES;
}

/* --- DATA --- */

/* Counts what came, and stops who never ends. */
static int
count_raw(struct session *session, size_t n_bytes)
{
	struct content *content = &session->transaction->content;

	content->n_raw_bytes += n_bytes;
	if (content->failure.code != 0 && content->n_raw_bytes > discard_max_bytes(session))
		return session_turn_away(session, "data", &content->failure, "far beyond the size limit");
	return 0;
}

static int
read_dotted(struct session *session)
{
	struct content *content = &session->transaction->content;
	struct stream *stream = session->stream;

	for (;;) {
		struct str input = stream_input(stream), rest = input, span;
		enum data_step step;

		while ((step = data_decode(&content->decoder, &rest, &span)) == DATA_SPAN)
			content_take(session, span);
		stream_take(stream, input.len - rest.len);
		if (step == DATA_END)
			return 0;
		content_look(content);
		if (count_raw(session, input.len - rest.len) != 0)
			return -1;
		if (session_await_input(session,
		    session_deadline(session, session->listener->settings.data_timeout)) != 0)
			return -1;
	}
}

/*
 * DATA is the last of its round (RFC 2920 3.1).  What waits behind a refused one was sent without looking at
 * the answer; it is mail data, maybe, and a stranger's mail data are not to be obeyed as commands.
 */
static int
refuse_data(struct session *session, const struct reply *reply)
{
	if (stream_has_input(session->stream))
		return session_turn_away(session, "data", reply, "input behind a refused DATA");
	return transaction_is_put_off(session) ? session_reply_idle(session, reply) : session_reply_error(session, reply);
}

int
intake_data(struct session *session)
{
	struct transaction *transaction = session->transaction;
	const struct listener_settings *settings = &session->listener->settings;
	struct fault fault;

	if (transaction == NULL)
		return refuse_data(session, &REFUSAL_NO_MAIL);
	if (transaction->content.is_begun)
		return refuse_data(session, &REPLY(503, 5, 5, 1, "DATA and BDAT do not mix"));
	if (transaction->envelope.n_recipients == 0)
		return refuse_data(session, &REPLY(554, 5, 5, 1, "No valid recipients"));
	content_begin(session, DATA_DOTTED);
	if (session_reply(session, &(struct reply){ .code = 354, .text = STR("End data with <CR><LF>.<CR><LF>") }) != 0)
		return -1;
	if (stream_flush(session->stream, session_deadline(session, settings->command_timeout), &fault) != 0)
		return session_drop(session, "its replies are not taken");
	client_name_find(session);	/* while the data are on their way */
	return read_dotted(session) == 0 ? content_finish(session) : -1;
}

/* --- BDAT --- */

/* Reads a chunk to its end, into the mail or into nothing. */
static int
read_chunk(struct session *session, uint64_t n_bytes, bool is_discarded)
{
	struct stream *stream = session->stream;

	while (n_bytes > 0) {
		struct str piece = str_sub(stream_input(stream), 0, n_bytes), rest = piece, span;

		if (piece.len == 0) {
			if (session_await_input(session,
			    session_deadline(session, session->listener->settings.data_timeout)) != 0)
				return -1;
			continue;
		}
		while (!is_discarded &&
		    data_decode(&session->transaction->content.decoder, &rest, &span) == DATA_SPAN)
			content_take(session, span);
		stream_take(stream, piece.len);
		n_bytes -= piece.len;
		if (!is_discarded && count_raw(session, piece.len) != 0)
			return -1;
	}
	return 0;
}

/* What speaks against a chunk before its bytes are seen; code 0: nothing. */
static struct reply
look_at_bdat(const struct session *session, const struct command_bdat *bdat)
{
	const struct transaction *transaction = session->transaction;
	uint64_t max_bytes = (uint64_t)session->listener->settings.message_max_bytes;

	if (transaction == NULL)
		return REFUSAL_NO_MAIL;
	if (transaction->envelope.n_recipients == 0)
		return REPLY(554, 5, 5, 1, "No valid recipients");
	if (transaction->content.is_spoiled)
		return REPLY(503, 5, 5, 1, "A chunk was refused; send RSET");
	if (bdat->n_bytes > max_bytes || transaction->content.n_raw_bytes + bdat->n_bytes > max_bytes)
		return REPLY(552, 5, 3, 4, "Message is larger than the fixed maximum");
	return (struct reply){ .code = 0 };
}

/* A chunk's bytes come whatever we say, and are not commands (RFC 3030 2). */
static int
refuse_bdat(struct session *session, const struct command_bdat *bdat, const struct reply *reply)
{
	int result;

	if (bdat->n_bytes > discard_max_bytes(session))
		return session_turn_away(session, "data", reply, "far beyond the size limit");
	if (read_chunk(session, bdat->n_bytes, true) != 0)
		return -1;
	if (session->transaction == NULL || session->transaction->envelope.n_recipients == 0 ||
	    session->transaction->content.is_spoiled) {
		result = transaction_is_put_off(session) ? session_reply_idle(session, reply) : session_reply_error(session, reply);
	} else {
		if (!session->transaction->content.is_begun)
			content_begin(session, DATA_COUNTED);
		content_fail(&session->transaction->content, reply, NULL);
		result = content_answer_failure(session);
		session->transaction->content.is_spoiled = true;
	}
	if (bdat->is_last)
		transaction_drop(session);
	return result;
}

int
intake_bdat(struct session *session, const struct command_bdat *bdat)
{
	struct reply reply = look_at_bdat(session, bdat);
	struct content *content;
	struct str span;
	char text[64];
	int len;

	if (reply.code != 0)
		return refuse_bdat(session, bdat, &reply);
	content = &session->transaction->content;
	if (!content->is_begun) {
		content_begin(session, DATA_COUNTED);
		client_name_find(session);
	}
	if (read_chunk(session, bdat->n_bytes, false) != 0)
		return -1;
	if (bdat->is_last) {
		if (data_decode_finish(&content->decoder, &span))
			content_take(session, span);
		return content_finish(session);
	}
	content_look(content);
	if (content->failure.code != 0) {
		content->is_spoiled = true;
		return content_answer_failure(session);
	}
	len = snprintf(text, sizeof(text), "%llu octets received", (unsigned long long)bdat->n_bytes);
	reply = REPLY(250, 2, 0, 0, "");
	reply.text = str_n(text, (size_t)len);
	/* An empty chunk that is not the last brings nothing. */
	return bdat->n_bytes == 0 ? session_reply_idle(session, &reply) : session_reply(session, &reply);
}
