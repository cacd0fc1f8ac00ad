/*
 * forward.c - one transaction's mail goes on to its next hop while its client waits, or falls back to the queue
 *
 * What is sent where is deliver/online's; here stands what its ends mean for the client.
 */
#include <stdio.h>

#include "mail/history.h"
#include "smtpfwd/receive/client_name.h"
#include "smtpfwd/receive/forward_inside.h"
#include "smtpfwd/receive/mailboxes.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/receive/transaction.h"

void
forward_drop(struct forward *forward)
{
	online_drop(forward->online);
	for (int i = 0; i < FORWARDING_WAYS_MAX; i++)
		online_drop(forward->others[i].online);
	*forward = (struct forward){ .online = NULL };
}

size_t
forward_memory_bytes(const struct forward *forward)
{
	size_t n = forward->online != NULL ? online_memory_bytes(forward->online) : 0;

	for (int i = 0; i < FORWARDING_WAYS_MAX; i++)
		if (forward->others[i].online != NULL)
			n += online_memory_bytes(forward->others[i].online);
	return n;
}

void
forward_fall_back(struct forward *forward, const char *why)
{
	if (!forward->falls_back)
		snprintf(forward->why, sizeof(forward->why), "%s", why);
	forward->falls_back = true;
}

static void
fall_back_by_reply(struct forward *forward, const char *step, const struct reply *reply)
{
	char room[FORWARD_WHY_MAX_BYTES];
	struct buf line = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	if (reply_append_line(reply, sizeof(room) / 2, &line) != 0)
		buf_clear(&line);
	if (!forward->falls_back)
		snprintf(forward->why, sizeof(forward->why), "%s: %.*s", step, STR_ARG(buf_str(&line)));
	forward->falls_back = true;
}

/* Nothing more is asked there. */
static void
give_up(struct forward *forward, const char *why)
{
	forward_fall_back(forward, why);
	online_drop(forward->online);
	forward->online = NULL;
	forward->is_out = true;
}

void
forward_spoil(struct session *session, const char *why)
{
	struct forward *forward = &session->transaction->forward;

	if (forward->online != NULL)
		give_up(forward, why);
}

/* --- what the next hop says --- */

struct reply
forward_told(const struct online *online, bool is_final)
{
	struct reply told = *online_reply(online);

	if (reply_is_positive(&told) && (is_final || told.code != 251))
		told.code = 250;
	else if (told.code == 521)		/* RFC 7504 3: that would be of us, for whatever mail */
		told.code = 554;
	else if (told.code == 552 && !is_final && !online_was_rcpt_answered(online))
		told.code = 550;		/* MAIL's, that the mail is too large: at RCPT too many would be read (RFC 5321 4.5.3.1.10) */
	if (told.status.class != told.code / 100)
		told.status = (struct status){ .class = told.code / 100 };
	return told;
}

static bool
is_too_many(const struct reply *reply)
{
	return reply->code == 452 && reply->status.subject == 5 && reply->status.detail == 3;
}

void
forward_note_refusal(struct forward *forward)
{
	snprintf(forward->source, sizeof(forward->source), "%.*s said it", STR_ARG(online_next_hop(forward->online)));
	forward->refusal = forward->source;
}

/*
 * Whom the next hop sees asking: with the client's reverse-path in it, it may be that which it does not like, one of our own
 * domains too (who says that he is ours and is not); and a null one may have one recipient only.
 */
static enum recipient_asker
asker(const struct transaction *transaction)
{
	bool is_alone = address_is_null(&transaction->envelope.reverse_path) && transaction->forward.n_asked == 1;

	return is_alone && !online_is_seen(transaction->forward.online) ? ASKER_OURSELVES : ASKER_CLIENT;
}

void
forward_tell_mailboxes(struct session *session, const struct address *mailbox, enum recipient_question question)
{
	const struct recipient_answer answer = {
		.reply = online_reply(session->transaction->forward.online), .question = question,
		.asker = asker(session->transaction),
	};

	mailboxes_tell(session, session->transaction->forward.destination, mailbox, &answer);
}

/* --- recipients --- */

/* None is taken yet, and those before went another way. */
static void
begin_anew(struct forward *forward, struct str destination, const struct forwarding *forwarding)
{
	uint64_t size_bytes = forward->size_bytes;

	forward_drop(forward);
	*forward = (struct forward){ .size_bytes = size_bytes, .destination = destination, .forwarding = forwarding };
}

bool
forward_prepare_question(struct session *session)
{
	bool was_storing = session->is_storing;
	struct instant began;

	if (session_flush_late(session) != 0)
		return false;
	began = loop_now(fiber_loop());
	session->is_storing = true;
	client_name_find(session);
	session->is_storing = was_storing;
	if (!was_storing)
		stress_pass(session, began);
	return true;
}

static void
begin(struct session *session)
{
	struct transaction *transaction = session->transaction;
	const struct identity identity = identity_of_peer(&session->peer);

	transaction->forward.online = online_new(&(struct online_settings){
		.couriers = session->listener->world->couriers, .destination = transaction->forward.destination,
		.envelope = &transaction->envelope, .size_bytes = transaction->forward.size_bytes,
		.identity = &identity, .id = content_id(session),
	});
}

/* The next hop cannot be asked: what is known of the mailbox decides, and the mail will have to wait for it. */
static enum forward_end
outage(struct session *session, const struct recipient *rcpt, struct reply *reply_out)
{
	*reply_out = mailboxes_outage_reply(session, &rcpt->address);
	session->transaction->forward.refusal = session->transaction->forward.why;
	return reply_is_positive(reply_out) ? FORWARD_TAKEN : FORWARD_REFUSED;
}

enum forward_end
forward_answered(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding, struct reply *reply_out)
{
	struct forward *forward = &session->transaction->forward;

	*reply_out = forward_told(forward->online, false);
	if (online_was_rcpt_answered(forward->online))
		forward_tell_mailboxes(session, &rcpt->address, QUESTION_RCPT);
	if (reply_is_positive(reply_out))
		return FORWARD_TAKEN;
	if (reply_is_temporary(reply_out) && forwarding->queues_4xx && !is_too_many(reply_out)) {
		fall_back_by_reply(forward, "RCPT", reply_out);
		*reply_out = REPLY(250, 2, 1, 5, "Recipient ok");
		return FORWARD_TAKEN;
	}
	forward_note_refusal(forward);
	return FORWARD_REFUSED;
}

/* It came in the same round (RFC 2920 3.1: as its last command). */
static bool
is_data_next(const struct session *session)
{
	return str_eq_nocase(str_sub(stream_input(session->stream), 0, 6), STR("DATA\r\n"));
}

bool
forward_put_question(struct session *session, const struct recipient *rcpt, struct instant deadline, enum online_end *end_out)
{
	struct forward *forward = &session->transaction->forward;
	struct instant began = loop_now(fiber_loop());
	bool was_storing = session->is_storing;		/* at the end of the mail all of it is one wait (content_finish) */

	session->is_storing = true;
	if (forward->online == NULL)
		begin(session);
	forward->n_asked++;
	if (is_data_next(session) && !forward->forwarding->is_by_recipient && !forward->falls_back)
		online_announce_mail(forward->online);
	*end_out = online_rcpt(forward->online, rcpt, deadline);
	session->is_storing = was_storing;
	if (!was_storing)
		stress_pass(session, began);
	return *end_out != ONLINE_CANCELLED || session_end_cancelled(session) == 0;
}

/* Whom the next hop may be asked for: asks. */
static enum forward_end
ask(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding, struct reply *reply_out)
{
	struct forward *forward = &session->transaction->forward;
	enum online_end end;

	if (forward->is_out)
		return outage(session, rcpt, reply_out);
	if (!forward_prepare_question(session) ||
	    !forward_put_question(session, rcpt, instant_after(loop_now(fiber_loop()), forwarding->online_timeout), &end))
		return FORWARD_ENDED;
	if (end == ONLINE_ANSWERED)
		return forward_answered(session, rcpt, forwarding, reply_out);
	give_up(forward, online_trouble(forward->online)->text);
	return outage(session, rcpt, reply_out);
}

/* Its mail will go into the queue: nobody is asked, or only whether there is such a mailbox. */
static enum forward_end
take_for_queue(struct session *session, const struct recipient *rcpt, struct reply *reply_out)
{
	struct transaction *transaction = session->transaction;
	const struct forwarding *forwarding = policy_forwarding_of(transaction->policy, rcpt->address.domain);

	*reply_out = REPLY(250, 2, 1, 5, "Recipient ok");
	if (forwarding == NULL || !forwarding->verifies_recipients || session->listener->world->couriers == NULL)
		return FORWARD_TAKEN;
	if (verify_rcpt(session, &rcpt->address, reply_out) != 0)
		return FORWARD_ENDED;
	transaction->forward.refusal = transaction->verify.why;
	return reply_is_positive(reply_out) ? FORWARD_TAKEN : FORWARD_REFUSED;
}

/*
 * Recipients that do not go one way (RFC 5321 4.5.3.1.10: the client brings the others by themselves).  Who logged in is a
 * mail program, which brings a mail once: 452 is an error to its user.
 */
enum forward_end
forward_mix(struct session *session, const struct recipient *rcpt, const struct forwarding *forwarding, struct reply *reply_out)
{
	struct forward *forward = &session->transaction->forward;
	enum forward_end end;

	if (!forwarding->queues_mixed && session->peer.login.len == 0) {
		*reply_out = REPLY(452, 4, 5, 3, "It goes another way; send to this recipient in another transaction");
		forward->refusal = NULL;
		return FORWARD_REFUSED;
	}
	end = take_for_queue(session, rcpt, reply_out);
	if (end == FORWARD_TAKEN)
		forward_fall_back(forward, "its recipients go different ways");
	return end;
}

enum forward_end
forward_rcpt(struct session *session, const struct recipient *rcpt, struct reply *reply_out)
{
	struct transaction *transaction = session->transaction;
	struct forward *forward = &transaction->forward;
	const struct policy *policy = transaction->policy;
	const struct forwarding *forwarding = policy_forwarding_of(policy, rcpt->address.domain);
	const struct forwarding *asked = forwarding;	/* whose next hop is; NULL: nobody's */
	char room[POLICY_DESTINATION_MAX];

	if (forwarding == NULL || !forwarding->is_online || session->listener->world->couriers == NULL)
		asked = NULL;
	if (forward->forwarding != asked) {
		if (transaction->envelope.n_recipients > 0)
			return forward_mix(session, rcpt, forward->forwarding != NULL ? forward->forwarding : forwarding, reply_out);
		/* A relay's destination is the policy's text. */
		begin_anew(forward, asked != NULL ? policy_destination_of(policy, STR_EMPTY, &rcpt->address, room) : STR_EMPTY, asked);
	}
	if (asked == NULL)
		return take_for_queue(session, rcpt, reply_out);
	return asked->is_by_recipient ? forward_seek(session, rcpt, asked, reply_out) : ask(session, rcpt, asked, reply_out);
}

/* --- the mail --- */

static enum online_end
send(struct session *session, const struct forward_mail *mail)
{
	struct forward *forward = &session->transaction->forward;
	struct instant deadline = instant_after(loop_now(fiber_loop()), forward->forwarding->online_timeout);
	struct instant final = instant_after(mail->ended, span_s(FORWARD_FINAL_MAX_S));

	return online_send(forward->online, &(struct online_mail){
		.draft = *mail->draft, .prefix = mail->prefix, .arrived = mail->arrived,
		.is_8bit = mail->envelope->is_8bit, .is_smtputf8 = mail->envelope->is_smtputf8,
	}, instant_min(deadline, final), final);
}

/* Said to the end of data. */
static enum forward_end
answered_mail(struct session *session, struct reply *reply_out)
{
	struct transaction *transaction = session->transaction;
	struct forward *forward = &transaction->forward;
	const struct reply *reply = online_reply(forward->online);

	*reply_out = forward_told(forward->online, true);
	if (reply_is_positive(reply))
		return FORWARD_DELIVERED;
	if (reply_is_permanent(reply) && transaction->envelope.n_recipients == 1)
		forward_tell_mailboxes(session, &transaction->envelope.recipients[0].address, QUESTION_CONTENT);
	if (reply_is_temporary(reply) && forward->forwarding->queues_4xx) {
		fall_back_by_reply(forward, "the end of data", reply);
		return FORWARD_TO_QUEUE;
	}
	forward_note_refusal(forward);
	return FORWARD_REFUSED;
}

static enum forward_end
hand_over(struct session *session, const struct forward_mail *mail, struct reply *reply_out)
{
	struct forward *forward = &session->transaction->forward;

	if (session_flush(session) != 0)
		return FORWARD_ENDED;
	switch (send(session, mail)) {
	case ONLINE_ANSWERED:
		return answered_mail(session, reply_out);
	case ONLINE_UNAVAILABLE:
	case ONLINE_AMBIGUOUS:			/* that is in the log already */
		give_up(forward, online_trouble(forward->online)->text);
		return FORWARD_TO_QUEUE;
	case ONLINE_CANCELLED:
		break;
	}
	*mail->draft = NULL;
	session_end_cancelled(session);
	return FORWARD_ENDED;
}

enum forward_end
forward_mail(struct session *session, const struct forward_mail *mail, struct reply *reply_out)
{
	const struct transaction *transaction = session->transaction;
	struct forward *forward = &session->transaction->forward;
	enum forward_end end = FORWARD_TO_QUEUE;

	forward_drop_others(forward);
	if (forward->online != NULL && !forward->falls_back)
		end = hand_over(session, mail, reply_out);
	while (end == FORWARD_REFUSED && forward_seek_on(session, mail, reply_out, &end) && end == FORWARD_TAKEN)
		end = hand_over(session, mail, reply_out);
	if (end == FORWARD_TO_QUEUE && forward->falls_back)
		history_fell_back(session->listener->world->log, &transaction->content.id, forward->destination, forward->why);
	return end;
}
