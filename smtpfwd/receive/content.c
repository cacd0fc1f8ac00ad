/*
 * content.c - a mail's content on its way from the decoder into the queue
 *
 * The header section is held until it is whole and was judged (judgement.h), and goes on edited; the body is streamed into
 * the draft.  What is wrong with a mail is noted when it is seen, and said at the end: the client hears nothing before.
 */
#include "base/format.h"
#include "mail/history.h"
#include "smtpfwd/receive/refusal.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/receive/transaction.h"

enum {
	CONTENT_HEADER_ARENA_MAX_BYTES = 1024 * 1024,	/* its fields as structs, in an array that doubles */

	CONTENT_PUT_MAX_S = 300,
	/* From the end of data on, all that is waited for: the client waits 10 minutes (RFC 5321 4.5.3.2.6), and some count from before. */
	CONTENT_ANSWER_MAX_S = 570,
};

/* --- what came --- */

void
content_drop(struct content *content)
{
	if (content->draft != NULL)
		draft_discard(content->draft);
	judgement_free(content->judgement);
	buf_fini(&content->header);
	*content = (struct content){ .is_begun = false };
}

struct mail_id
content_id(struct session *session)
{
	struct content *content = &session->transaction->content;

	if (content->draft == NULL)
		content->draft = draft_new(session->listener->world->queue);
	return draft_id(content->draft);
}

void
content_begin(struct session *session, enum data_kind kind)
{
	const struct listener_settings *settings = &session->listener->settings;
	struct content *content = &session->transaction->content;
	bool is_strict = settings->bare_line_end == BARE_LINE_END_REFUSE;

	*content = (struct content){ .is_begun = true, .draft = content->draft };
	data_decoder_init(&content->decoder, &(struct data_settings){
		.kind = kind,
		.line_ends = is_strict ? DATA_LINE_ENDS_STRICT : DATA_LINE_ENDS_REPAIR,
		.line_max_bytes = (size_t)settings->text_line_max_bytes,
	});
	buf_init(&content->header, CONTENT_HEADER_MAX_BYTES);
	content->id = content_id(session);
}

void
content_fail(struct content *content, const struct reply *reply, const char *why)
{
	if (content->failure.code == 0 || (reply_is_temporary(&content->failure) && reply_is_permanent(reply))) {
		content->failure = *reply;
		content->why = why;
		content->is_blameless = content->is_quiet = false;
	}
	if (content->draft != NULL)
		draft_discard(content->draft);
	content->draft = NULL;
	judgement_free(content->judgement);
	content->judgement = NULL;
	buf_fini(&content->header);
}

/* The first failure of a mail. */
static void
fail_by(struct content *content, const struct verdict *verdict)
{
	content_fail(content, &verdict->reply, verdict->reason);
	content->is_blameless = verdict->is_blameless;
	content->is_quiet = verdict->is_quiet;
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

/* Takes of the span what belongs to the section.  True when that is whole. */
static bool
keep_header(struct content *content, struct str *span)
{
	struct buf *header = &content->header;

	while (span->len > 0) {
		ptrdiff_t line_end = str_find(*span, '\n');
		struct str piece = str_sub(*span, 0, line_end >= 0 ? (size_t)line_end + 1 : span->len);

		if (buf_append(header, piece) != 0) {
			if (has_header_ended(content))
				return true;
			content_fail(content, &REFUSAL_HEADER_TOO_LARGE, NULL);
			return false;
		}
		*span = str_from(*span, piece.len);
		if (str_eq(buf_str(header), STR("\r\n")) || str_ends_nocase(buf_str(header), STR("\r\n\r\n")))
			return true;
	}
	return false;
}

static bool
append(struct session *session, struct str bytes)
{
	struct content *content = &session->transaction->content;
	struct instant deadline = session_deadline(session, session->listener->settings.data_timeout);
	struct fault fault;

	if (draft_append(content->draft, bytes, deadline, &fault) == 0)
		return true;
	if (fault.cause == FAULT_FULL)
		content_fail(content, &REPLY(452, 4, 3, 1, "Out of storage; try again later"), "queue full");
	else
		content_fail(content, &REPLY(451, 4, 3, 0, "Cannot store this now; try again later"), "draft");
	return false;
}

static void
weigh(struct session *session)
{
	if (transaction_fits(session))
		return;
	content_fail(&session->transaction->content, &REPLY(451, 4, 3, 2, "Too busy; try again later"), "memory of all transactions");
	transaction_fits(session);	/* it weighs less now */
}

/* Fields that stand side by side as they came go at once. */
static bool
append_edited(struct session *session, const struct header_section *edited)
{
	struct str together = STR_EMPTY;

	for (int i = 0; i < edited->n_fields; i++) {
		struct str field = edited->fields[i].whole;

		if (together.len > 0 && together.at + together.len == field.at) {
			together.len += field.len;
			continue;
		}
		if (together.len > 0 && !append(session, together))
			return false;
		together = field;
	}
	return together.len == 0 || append(session, together);
}

static void
take_body(struct session *session, struct str bytes)
{
	struct content *content = &session->transaction->content;

	if (bytes.len == 0)
		return;
	judgement_body(content->judgement, bytes);
	append(session, bytes);
}

static void
look_at_size(struct session *session)
{
	struct content *content = &session->transaction->content;
	struct reply reply;
	const char *why;

	if (transaction_is_too_large(session, content->decoder.n_bytes, &reply, &why))
		content_fail(content, &reply, why);
}

/*
 * The header section is whole, or the mail is.  One that is ended by a line that is no field gets the empty line that is due
 * (RFC 5322 2.1): some readers pass over such a line, and would take what follows for fields, results in our name among them.
 */
static void
take_header(struct session *session)
{
	struct content *content = &session->transaction->content;
	const struct header_section *edited;
	struct verdict verdict;
	struct str start;

	header_name_mailbox_line(&content->header);
	start = buf_str(&content->header);
	content->judgement = judgement_new();
	judgement_header(content->judgement, session, start, &verdict);
	if (verdict.action != ACTION_ACCEPT) {
		fail_by(content, &verdict);
		return;
	}
	look_at_size(session);			/* of a class that is known now */
	if (content->failure.code != 0)
		return;
	edited = judgement_edited(content->judgement);
	if (!append_edited(session, edited))
		return;
	if ((edited->has_empty_line || edited->body_at < start.len) && !append(session, STR("\r\n")))
		return;
	take_body(session, str_from(start, edited->body_at));
	if (content->failure.code != 0)
		return;
	judgement_forget_header(content->judgement);
	buf_fini(&content->header);
}

void
content_take(struct session *session, struct str span)
{
	struct content *content = &session->transaction->content;

	if (content->failure.code != 0)
		return;
	if (session->transaction->envelope.is_smtputf8)
		utf8_fields_take(&content->utf8_fields, span);
	look_at_size(session);
	if (content->failure.code == 0 && content->judgement == NULL && keep_header(content, &span))
		take_header(session);
	if (content->failure.code == 0 && content->judgement != NULL)
		take_body(session, span);
	if (content->failure.code == 0)
		weigh(session);
}

void
content_look(struct content *content)
{
	struct verdict verdict = refusal_of_data(&content->decoder);

	if (verdict.action != ACTION_ACCEPT)
		content_fail(content, &verdict.reply, verdict.reason);
}

/* --- the mail at its end --- */

static void
judge(struct session *session)
{
	struct content *content = &session->transaction->content;
	struct verdict verdict;

	if (content->judgement == NULL)		/* all of it is header */
		take_header(session);
	if (content->failure.code != 0)
		return;
	allowance_use(session, &verdict);
	if (verdict.action == ACTION_ACCEPT)
		judgement_end(content->judgement, session, &verdict);
	if (verdict.action != ACTION_ACCEPT)
		fail_by(content, &verdict);
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
 * Some clients ask for SMTPUTF8 with each mail.  One that is ASCII in its addresses and fields is no internationalised mail
 * (RFC 6531 3.2 speaks of those), so any next hop can have it, or with an 8-bit text any with 8BITMIME.
 */
static bool
is_international(const struct transaction *transaction)
{
	const struct envelope *envelope = &transaction->envelope;

	if (!envelope->is_smtputf8)
		return false;
	for (int i = 0; i < envelope->n_recipients; i++)
		if (!address_is_ascii(&envelope->recipients[i].address) || !str_is_ascii(envelope->recipients[i].orcpt))
			return true;
	return transaction->content.utf8_fields.are_found || !address_is_ascii(&envelope->reverse_path);
}

static enum mail_hold
hold_of(const struct judgement *judgement)
{
	const char *reason = judgement_held_reason(judgement);

	return reason == NULL ? HOLD_NOT : strcmp(reason, "class") == 0 ? HOLD_BY_CLASS : HOLD_DOOMED;
}

/* The queue gets the mail; suspends until it is durable. */
static void
put(struct session *session, const struct forward_mail *mail)
{
	const struct listener *listener = session->listener;
	struct content *content = &session->transaction->content;
	char client_room[IP_TEXT_MAX];
	const struct identity identity = identity_of_peer(&session->peer);
	struct mail_facts facts = {
		.arrived = mail->arrived,
		.class_name = str_of(judgement_class(content->judgement)),
		.client = ip_text(&session->peer.client.ip, client_room),
		.listener = str_of(listener->settings.name),
		.identity = &identity,
		.is_from_trusted = session->peer.is_trusted,
		.is_unverified = !judgement_proves_sender(content->judgement, session),
		.comes_held = hold_of(content->judgement),
	};
	struct instant deadline = instant_min(instant_after(loop_now(fiber_loop()), span_s(CONTENT_PUT_MAX_S)),
	    instant_after(mail->ended, span_s(CONTENT_ANSWER_MAX_S)));
	struct fault fault;

	if (queue_put(listener->world->queue, content->draft, mail->envelope, &facts, mail->prefix, deadline, &fault) == 0)
		content->draft = NULL;		/* the queue's now */
	else if (fault.cause == FAULT_FULL)
		content_fail(content, &REPLY(452, 4, 3, 1, "Out of storage; try again later"), "queue full");
	else
		content_fail(content, &REPLY(451, 4, 3, 0, "Cannot store this now; try again later"), "queue");
}

/* To the next hop, if the client waits for that one's answer, or to the queue.  0, or -1: the session is to end. */
static int
give_away(struct session *session, const struct forward_mail *mail)
{
	struct transaction *transaction = session->transaction;
	struct content *content = &transaction->content;
	struct reply reply;

	if (judgement_is_held(content->judgement)) {
		put(session, mail);
		return 0;
	}
	switch (forward_mail(session, mail, &reply)) {
	case FORWARD_DELIVERED:
		content->answer = reply;
		draft_discard(content->draft);
		content->draft = NULL;
		return 0;
	case FORWARD_REFUSED:
		content_fail(content, &reply, transaction->forward.refusal);
		return 0;
	case FORWARD_TO_QUEUE:
	case FORWARD_TAKEN:			/* a recipient's only */
		put(session, mail);
		return 0;
	case FORWARD_ENDED:
		break;
	}
	return -1;
}

/* Our fields come on top, and it goes on.  0, or -1: the session is to end. */
static int
hand_on(struct session *session, struct instant ended)
{
	struct transaction *transaction = session->transaction;
	struct content *content = &transaction->content;
	struct envelope kept;
	struct forward_mail mail = { .draft = &content->draft, .envelope = &kept, .arrived = os_wall_clock(), .ended = ended };
	struct buf prefix;
	int result = 0;

	mark_8bit(transaction);
	kept = transaction->envelope;
	kept.is_smtputf8 = is_international(transaction);
	buf_init(&prefix, JUDGEMENT_PREFIX_MAX_BYTES);
	if (judgement_prefix(content->judgement, session, &kept, mail.arrived, &prefix) != 0) {
		content_fail(content, &REPLY(451, 4, 3, 0, "Cannot store this now; try again later"), "the fields on top are too long");
	} else {
		mail.prefix = buf_str(&prefix);
		result = give_away(session, &mail);
	}
	buf_fini(&prefix);
	return result;
}

int
content_answer_failure(struct session *session)
{
	const struct content *content = &session->transaction->content;

	if (!content->is_quiet)
		history_rejected(session->listener->world->log, &content->id, &session->peer, "data",
		    &session->transaction->envelope.reverse_path, NULL, &content->failure, content->why);
	if (reply_is_temporary(&content->failure) || content->is_blameless)
		return session_reply_idle(session, &content->failure);
	return session_reply_error(session, &content->failure);
}

static int
answer_success(struct session *session)
{
	const struct transaction *transaction = session->transaction;
	struct reply reply = transaction->content.answer;
	char text[sizeof("queued as ") + MAIL_ID_TEXT_MAX], room[MAIL_ID_TEXT_MAX];
	struct str id = mail_id_text(&transaction->content.id, room);
	int len = format_text(text, sizeof(text), "queued as %.*s", STR_ARG(id));

	if (reply.code == 0) {
		reply = REPLY(250, 2, 0, 0, "");
		reply.text = str_n(text, (size_t)len);
	}
	history_accepted(session->listener->world->log, &transaction->content.id, &session->peer,
	    &transaction->envelope, transaction->content.decoder.n_bytes, judgement_message_id(transaction->content.judgement));
	if (judgement_is_held(transaction->content.judgement))
		history_held(session->listener->world->log, &transaction->content.id, judgement_held_reason(transaction->content.judgement));
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
	struct instant ended = loop_now(fiber_loop());
	int result = 0;

	session->is_storing = true;
	content_look(content);
	if (content->failure.code == 0)
		judge(session);
	if (content->failure.code == 0)
		result = hand_on(session, ended);
	session->is_storing = false;
	stress_pass(session, ended);
	if (result != 0)
		return result;			/* the session ends, and the transaction with it */
	result = content->failure.code != 0 ? content_answer_failure(session) : answer_success(session);
	transaction_drop(session);
	return result;
}
