/*
 * content.c - a mail's content on its way from the decoder into the queue
 *
 * Streamed into the draft; only the header section is kept beside it, to be judged.  What is wrong with a
 * mail is noted when it is seen, and said at the end: the client hears nothing before.
 */
#include <stdio.h>

#include "mail/history.h"
#include "mail/trace.h"
#include "policy/decide.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/receive/transaction.h"

enum {
	/* Large lists of addresses make some 100 KB; other servers stop here or earlier. */
	CONTENT_HEADER_MAX_BYTES = 256 * 1024,
	CONTENT_HEADER_ARENA_MAX_BYTES = 1024 * 1024,	/* its fields as structs, in an array that doubles */

	/* The client waits 10 minutes for the answer (RFC 5321 4.5.3.2.6). */
	CONTENT_PUT_MAX_S = 300,
};

/* --- what came --- */

void
content_drop(struct content *content)
{
	if (!content->is_begun)
		return;
	if (content->draft != NULL)
		draft_discard(content->draft);
	buf_fini(&content->header);
	*content = (struct content){ .is_begun = false };
}

void
content_begin(struct session *session, enum data_kind kind)
{
	const struct listener_settings *settings = &session->listener->settings;
	struct content *content = &session->transaction->content;
	bool is_strict = settings->bare_line_end == BARE_LINE_END_REFUSE;

	*content = (struct content){ .is_begun = true };
	data_decoder_init(&content->decoder, &(struct data_settings){
		.kind = kind,
		.line_ends = is_strict ? DATA_LINE_ENDS_STRICT : DATA_LINE_ENDS_REPAIR,
		.line_max_bytes = (size_t)settings->text_line_max_bytes,
	});
	buf_init(&content->header, CONTENT_HEADER_MAX_BYTES);
	content->draft = draft_new(session->listener->world->queue);
	content->id = draft_id(content->draft);
}

void
content_fail(struct content *content, const struct reply *reply, const char *why)
{
	if (content->failure.code == 0 || (reply_is_temporary(&content->failure) && reply_is_permanent(reply))) {
		content->failure = *reply;
		content->why = why;
	}
	if (content->draft != NULL)
		draft_discard(content->draft);
	content->draft = NULL;
	buf_fini(&content->header);
}

/* Whether the section ended before the buffer did, by a line that is no field. */
static bool
has_header_ended(const struct content *content)
{
	struct header_section section;
	struct arena arena;
	bool has_ended;

	arena_init(&arena, CONTENT_HEADER_ARENA_MAX_BYTES);
	has_ended = header_read(buf_str(&content->header), &arena, &section) == 0 && !section.is_cut;
	arena_fini(&arena);
	return has_ended;
}

static void
keep_header(struct content *content, struct str span)
{
	struct buf *header = &content->header;

	while (span.len > 0 && !content->has_header) {
		ptrdiff_t line_end = str_find(span, '\n');
		struct str piece = str_sub(span, 0, line_end >= 0 ? (size_t)line_end + 1 : span.len);

		if (buf_append(header, piece) != 0) {
			if (!has_header_ended(content)) {
				content_fail(content, &REPLY(552, 5, 3, 4, "The header section is too large"), NULL);
				return;
			}
			content->has_header = true;
		}
		span = str_from(span, piece.len);
		if (str_eq(buf_str(header), STR("\r\n")) || str_ends_nocase(buf_str(header), STR("\r\n\r\n")))
			content->has_header = true;
	}
}

void
content_take(struct session *session, struct str span)
{
	const struct listener_settings *settings = &session->listener->settings;
	struct content *content = &session->transaction->content;
	struct fault fault;

	if (content->failure.code != 0)
		return;
	if (content->decoder.n_bytes > (uint64_t)settings->message_max_bytes) {
		content_fail(content, &REPLY(552, 5, 3, 4, "Message is larger than the fixed maximum"), NULL);
		return;
	}
	keep_header(content, span);
	if (content->failure.code != 0)
		return;
	if (draft_append(content->draft, span, session_deadline(session, settings->data_timeout), &fault) == 0) {
		if (!transaction_fits(session)) {
			content_fail(content, &REPLY(451, 4, 3, 2, "Too busy; try again later"), "memory of all transactions");
			transaction_fits(session);	/* it weighs less now */
		}
		return;
	}
	if (fault.cause == FAULT_FULL)
		content_fail(content, &REPLY(452, 4, 3, 1, "Out of storage; try again later"), "queue full");
	else
		content_fail(content, &REPLY(451, 4, 3, 0, "Cannot store this now; try again later"), "draft");
}

void
content_look(struct content *content)
{
	unsigned found = content->decoder.found;

	if (data_is_refused(&content->decoder))
		content_fail(content, &REPLY(554, 5, 6, 0, "Lines must end in CRLF; a bare CR or LF was found"),
		    "bare line end");
	if ((found & DATA_FOUND_NUL) != 0)	/* RFC 5322 4: obsolete, and no relay carries it unharmed */
		content_fail(content, &REPLY(554, 5, 6, 0, "A mail must not contain NUL"), "NUL");
	if ((found & DATA_FOUND_LONG_LINE) != 0)
		content_fail(content, &REPLY(554, 5, 6, 0, "A line is too long"), "long line");
}

/* --- the mail at its end --- */

/* The Message-ID is among the bytes of content->header. */
static void
judge(struct session *session, struct str *message_id_out)
{
	const struct listener *listener = session->listener;
	struct content *content = &session->transaction->content;
	struct verdict verdict = { .action = ACTION_ACCEPT };
	struct header_section section;
	struct arena arena;
	int at;

	arena_init(&arena, CONTENT_HEADER_ARENA_MAX_BYTES);
	if (header_read(buf_str(&content->header), &arena, &section) != 0) {
		content_fail(content, &REPLY(554, 5, 6, 0, "Too many header fields"), NULL);
		arena_fini(&arena);
		return;
	}
	at = header_find(&section, STR("Message-ID"), 0);
	if (at >= 0)
		*message_id_out = str_trim(section.fields[at].value);
	decide_header(session->transaction->policy, &section, listener->settings.received_max, &verdict);
	if (verdict.action != ACTION_ACCEPT)
		content_fail(content, &verdict.reply, verdict.reason);
	arena_fini(&arena);
}

/*
 * The data tell, not BODY.  8-bit data without BODY=8BITMIME are relayed, marked as what they are: refusing
 * them would lose mail that every server takes.  7-bit data with it are not marked: some clients say it of each mail,
 * and a next hop without 8BITMIME can have those (RFC 6152 3).  An 8-bit header field without SMTPUTF8 is just as opaque.
 */
static void
mark_8bit(struct transaction *transaction)
{
	transaction->envelope.is_8bit = (transaction->content.decoder.found & DATA_FOUND_8BIT) != 0;
}

/*
 * Some clients ask for SMTPUTF8 with each mail.  One that is ASCII in all its parts is no internationalised mail
 * (RFC 6531 3.2 speaks of those), so any next hop can have it.
 */
static bool
is_international(const struct envelope *envelope)
{
	if (!envelope->is_smtputf8)
		return false;
	for (int i = 0; i < envelope->n_recipients; i++)
		if (!address_is_ascii(&envelope->recipients[i].address) || !str_is_ascii(envelope->recipients[i].orcpt))
			return true;
	return envelope->is_8bit || !address_is_ascii(&envelope->reverse_path);
}

/* Puts the mail into the queue, Received on top; suspends until it is durable. */
static void
store(struct session *session)
{
	const struct listener *listener = session->listener;
	struct transaction *transaction = session->transaction;
	struct content *content = &transaction->content;
	struct timestamp now = os_wall_clock();
	char client_room[IP_TEXT_MAX];
	struct mail_facts facts = {
		.arrived = now,
		.class_name = str_of(listener->settings.class_name),
		.client = ip_text(&session->peer.client.ip, client_room),
		.listener = str_of(listener->settings.name),
		.is_from_trusted = session->peer.is_trusted,
	};
	struct instant deadline = instant_after(loop_now(fiber_loop()), span_s(CONTENT_PUT_MAX_S));
	struct envelope kept;
	struct buf prefix;
	struct fault fault;

	mark_8bit(transaction);
	kept = transaction->envelope;
	kept.is_smtputf8 = is_international(&kept);
	buf_init(&prefix, TRACE_MAX_BYTES);
	if (trace_append_received(&session->peer, &transaction->envelope, str_of(policy_hostname(transaction->policy)),
	    &content->id, now, &prefix) != 0)
		content_fail(content, &REPLY(451, 4, 3, 0, "Cannot store this now; try again later"), "Received is too long");
	else if (queue_put(listener->world->queue, content->draft, &kept, &facts, buf_str(&prefix), deadline, &fault) == 0)
		content->draft = NULL;		/* the queue's now */
	else if (fault.cause == FAULT_FULL)
		content_fail(content, &REPLY(452, 4, 3, 1, "Out of storage; try again later"), "queue full");
	else
		content_fail(content, &REPLY(451, 4, 3, 0, "Cannot store this now; try again later"), "queue");
	buf_fini(&prefix);
}

int
content_answer_failure(struct session *session)
{
	const struct content *content = &session->transaction->content;

	history_rejected(session->listener->world->log, &content->id, &session->peer, "data",
	    &session->transaction->envelope.reverse_path, NULL, &content->failure, content->why);
	if (reply_is_temporary(&content->failure))
		return session_reply_idle(session, &content->failure);
	return session_reply_error(session, &content->failure);
}

static int
answer_success(struct session *session, int64_t n_bytes, struct str message_id)
{
	const struct transaction *transaction = session->transaction;
	struct reply reply = REPLY(250, 2, 0, 0, "");
	char text[sizeof("queued as ") + MAIL_ID_TEXT_MAX], room[MAIL_ID_TEXT_MAX];
	struct str id = mail_id_text(&transaction->content.id, room);
	int len = snprintf(text, sizeof(text), "queued as %.*s", STR_ARG(id));

	reply.text = str_n(text, (size_t)len);
	history_accepted(session->listener->world->log, &transaction->content.id, &session->peer,
	    &transaction->envelope, (uint64_t)n_bytes, message_id);
	session->n_errors = session->n_idle = 0;
	stress_begin(session);
	session->n_mails++;
	session->listener->gate->n_mails++;
	return session_reply(session, &reply);
}

int
content_finish(struct session *session)
{
	struct content *content = &session->transaction->content;
	struct str message_id = STR_EMPTY;
	int64_t n_bytes = 0;
	int result;

	session->is_storing = true;
	content_look(content);
	if (content->failure.code == 0)
		judge(session, &message_id);
	if (content->failure.code == 0) {
		n_bytes = draft_content_bytes(content->draft);
		store(session);
	}
	result = content->failure.code != 0 ? content_answer_failure(session) :
	    answer_success(session, n_bytes, message_id);
	transaction_drop(session);
	session->is_storing = false;
	return result;
}
