/*
 * transaction.c - one mail on its way in: its envelope, by MAIL and RCPT
 *
 * Whom a client may send to is judged in policy/decide; here stands what the protocol and the
 * listener's limits say.
 */
#include "base/mem.h"
#include "mail/history.h"
#include "policy/decide.h"
#include "policy/decide_srs.h"
#include "smtpfwd/receive/refusal.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/receive/transaction.h"

enum {
	/*
	 * An envelope's memory: its fixed part, and for each recipient an address, an ORCPT and its
	 * share of an array that doubles.  Most take a tenth of it.
	 */
	ENVELOPE_FIXED_MAX_BYTES = 32 * 1024,
	ENVELOPE_RECIPIENT_MAX_BYTES = ADDRESS_MAX_BYTES + ENVELOPE_ORCPT_MAX_BYTES + 4 * sizeof(struct recipient),

	/* A list ten times as long as one mail may have is gone through, each refusal with its reply; then it is an endless one. */
	LIST_MAX_TIMES = 10,

	UNDONE_ARENA_MAX_BYTES = 16 * 1024,	/* an SRS address undone, and its ORCPT */
};

/* Refuses MAIL: one log line, one reply. */
static int
refuse_mail(struct session *session, const struct command_mail *mail, const struct reply *reply, const char *why)
{
	history_rejected(session->listener->world->log, NULL, &session->peer, "mail", &mail->reverse_path, NULL,
	    reply, why);
	session->is_put_off = reply_is_temporary(reply);
	return session->is_put_off ? session_reply_idle(session, reply) : session_reply_error(session, reply);
}

/* By a limit of its class. */
static int
put_off_mail(struct session *session, const struct command_mail *mail, const struct verdict *verdict)
{
	if (!verdict->is_quiet)
		return refuse_mail(session, mail, &verdict->reply, verdict->reason);
	session->is_put_off = true;
	return session_reply_idle(session, &verdict->reply);
}

static bool
copy_envelope(const struct command_mail *mail, struct arena *arena, struct envelope *envelope_out)
{
	*envelope_out = (struct envelope){
		.ret = mail->ret,
		.is_smtputf8 = mail->is_smtputf8,
	};
	return address_copy(arena, &mail->reverse_path, &envelope_out->reverse_path) &&
	    arena_copy(arena, mail->envid, &envelope_out->envid);
}

static struct class_evidence
class_evidence(const struct session *session)
{
	struct class_evidence evidence = session_class_evidence(session);

	evidence.envelope = &session->transaction->envelope;
	return evidence;
}

static void
begin_class(struct session *session)
{
	struct transaction *transaction = session->transaction;
	struct class_evidence evidence = class_evidence(session);

	class_bounds_begin(&transaction->bounds, transaction->policy, &evidence);
}

/* By the first recipient, with which a next hop is told the sender before there is more: of most mail it is the only one. */
static void
guess_srs(struct session *session, const struct recipient *rcpt)
{
	struct transaction *transaction = session->transaction;
	struct class_evidence evidence = class_evidence(session);
	struct recipient first = *rcpt;
	struct envelope envelope = envelope_alone(&transaction->envelope, &first);

	if (transaction->has_srs_wish)
		return;
	evidence.envelope = &envelope;
	transaction->envelope.srs_wish = classify(transaction->policy, &evidence).actions->srs;
	transaction->has_srs_wish = true;
}

static bool
has_room_by_class(struct session *session)
{
	struct class_evidence evidence = class_evidence(session);

	return class_bounds_take_recipient(&session->transaction->bounds, session->transaction->policy, &evidence);
}

static bool
has_room_for(struct session *session, const struct recipient *rcpt)
{
	struct class_evidence evidence = class_evidence(session);

	return class_bounds_take_this(&session->transaction->bounds, session->transaction->policy, &evidence, rcpt);
}

void
transaction_settle_class(struct session *session, const struct mail_class *class)
{
	struct transaction *transaction = session->transaction;
	struct envelope *envelope = &transaction->envelope;
	const struct class_actions *actions = class->actions;

	class_bounds_settle(&transaction->bounds, actions);
	if (envelope->srs_wish != actions->srs && !address_is_null(&envelope->srs_path))
		forward_spoil(session, "its header makes it of a class with another srs");
	envelope->srs_wish = actions->srs;
}

bool
transaction_is_too_large(const struct session *session, uint64_t n_bytes, struct reply *reply_out, const char **why_out)
{
	*reply_out = REFUSAL_TOO_LARGE;
	*why_out = NULL;
	if (n_bytes > (uint64_t)session->listener->settings.message_max_bytes)
		return true;
	*reply_out = CLASS_BOUNDS_TOO_LARGE;
	*why_out = "class";
	return class_bounds_is_too_large(&session->transaction->bounds, n_bytes);
}

bool
transaction_is_put_off(const struct session *session)
{
	const struct transaction *transaction = session->transaction;

	if (transaction == NULL)
		return session->is_put_off;
	return transaction->envelope.n_recipients == 0 && transaction->n_deferred > 0;
}

int
transaction_mail(struct session *session, const struct command_mail *mail)
{
	const struct listener_settings *settings = &session->listener->settings;
	struct transaction *transaction;
	struct verdict verdict;
	int result;
	struct reply reply;
	const char *why;

	if (!session->is_greeted)
		return session_reply_error(session, &REPLY(503, 5, 5, 1, "Send EHLO or HELO first"));
	if (session->transaction != NULL)
		return session_reply_error(session, &REPLY(503, 5, 5, 1, "A transaction is open already"));
	if (settings->auth == LISTEN_AUTH_REQUIRED && session->peer.login.len == 0)
		return refuse_mail(session, mail, &REFUSAL_NO_LOGIN, NULL);
	if (mail->has_size && mail->size_bytes > (uint64_t)settings->message_max_bytes)
		return refuse_mail(session, mail, &REFUSAL_TOO_LARGE, NULL);	/* RFC 1870 6.1 */
	if (queue_is_full(session->listener->world->queue))
		return refuse_mail(session, mail, &REPLY(452, 4, 3, 1, "Out of storage; try again later"), "queue full");

	transaction = mem_new(sizeof(*transaction));
	arena_init(&transaction->arena, ENVELOPE_FIXED_MAX_BYTES +
	    (size_t)settings->recipients_max * ENVELOPE_RECIPIENT_MAX_BYTES);
	transaction->policy = policy_hold(session->listener->gate->listeners->policy);
	transaction->forward.size_bytes = mail->has_size ? mail->size_bytes : 0;
	session->transaction = transaction;
	session->is_put_off = false;
	if (!copy_envelope(mail, &transaction->arena, &transaction->envelope) ||
	    !decide_srs_sender(transaction->policy, os_wall_clock(), &transaction->arena, &transaction->envelope)) {
		transaction_drop(session);
		return refuse_mail(session, mail, &REPLY(451, 4, 3, 0, "Cannot take this now"), "envelope's memory limit");
	}
	if (!transaction_fits(session)) {
		transaction_drop(session);
		return refuse_mail(session, mail, &REPLY(451, 4, 3, 2, "Too busy; try again later"), "memory of all transactions");
	}
	begin_class(session);
	if (mail->has_size && transaction_is_too_large(session, mail->size_bytes, &reply, &why)) {
		transaction_drop(session);
		return refuse_mail(session, mail, &reply, why);
	}
	allowance_mail(session, &verdict);
	if (verdict.action != ACTION_ACCEPT) {
		result = put_off_mail(session, mail, &verdict);
		transaction_drop(session);
		return result;
	}
	return session_reply(session, &REPLY(250, 2, 1, 0, "Sender ok"));
}

/* For now, whoever says so. */
static int
reply_later(struct session *session, const struct reply *reply)
{
	/* As many as a mail may have can be put off, in an outage; then it is an endless list, and each a line of the log. */
	if (session->transaction->n_deferred++ >= session->listener->settings.recipients_max)
		return session_reply_idle(session, reply);
	return session_reply(session, reply);
}

static int
refuse_rcpt(struct session *session, const struct recipient *rcpt, const struct reply *reply, const char *why)
{
	history_rejected(session->listener->world->log, NULL, &session->peer, "rcpt",
	    &session->transaction->envelope.reverse_path, &rcpt->address, reply, why);
	if (!reply_is_permanent(reply))
		return reply_later(session, reply);
	allowance_refused_rcpt(session, rcpt);
	return session_reply_error(session, reply);
}

/* RFC 5321 4.5.3.1.10; a client with a long list hears it a thousand times, the log once. */
static int
refuse_too_many(struct session *session, const struct recipient *rcpt, const char *why)
{
	const struct reply reply = REFUSAL_TOO_MANY_RECIPIENTS;

	if (session->transaction->n_beyond++ > session->listener->settings.recipients_max * LIST_MAX_TIMES)
		return session_reply_idle(session, &reply);
	if (session->transaction->n_beyond > 1)
		return session_reply(session, &reply);
	return refuse_rcpt(session, rcpt, &reply, why);
}

/* Whom policy accepts: the next hop may be asked first. */
static int
forward_to(struct session *session, const struct recipient *rcpt, const struct recipient *taken)
{
	struct transaction *transaction = session->transaction;
	struct reply reply;

	switch (forward_rcpt(session, taken, &reply)) {
	case FORWARD_REFUSED:
		return refuse_rcpt(session, rcpt, &reply, transaction->forward.refusal);
	case FORWARD_ENDED:
		return -1;
	case FORWARD_TAKEN:
	case FORWARD_DELIVERED:			/* a mail's only, as is the next */
	case FORWARD_TO_QUEUE:
		break;
	}
	if (envelope_add_recipient(&transaction->envelope, taken, &transaction->arena))
		return session_reply(session, &reply);
	forward_spoil(session, "envelope's memory limit");
	return refuse_too_many(session, rcpt, "envelope's memory limit");
}

/* Judges and takes a recipient; with an SRS address of ours it is whom that stands for.  The arena holds who that is. */
static int
take_rcpt(struct session *session, const struct recipient *rcpt, struct arena *arena)
{
	struct transaction *transaction = session->transaction;
	struct envelope *envelope = &transaction->envelope;
	struct verdict verdict = { .action = ACTION_ACCEPT };
	struct recipient taken = *rcpt;
	bool is_undone = decide_srs_recipient(transaction->policy, envelope, rcpt, os_wall_clock(), arena, &taken, &verdict);

	if (!is_undone)
		decide_recipient(transaction->policy, &session->peer, envelope, &rcpt->address, transaction->bounds.has_route, &verdict);
	if (verdict.action != ACTION_ACCEPT)
		return refuse_rcpt(session, rcpt, &verdict.reply, verdict.reason);
	if (!has_room_for(session, &taken))
		return refuse_too_many(session, rcpt, "class");
	if (is_undone)
		history_undone(session->listener->world->log, &session->peer, &envelope->reverse_path, &rcpt->address,
		    &taken.address);
	guess_srs(session, &taken);
	return forward_to(session, rcpt, &taken);
}

int
transaction_rcpt(struct session *session, const struct recipient *rcpt)
{
	struct transaction *transaction = session->transaction;
	struct envelope *envelope;
	struct verdict verdict;
	struct arena arena;
	int result;

	if (transaction == NULL)
		return transaction_is_put_off(session) ? session_reply_idle(session, &REFUSAL_NO_MAIL) : session_reply_error(session, &REFUSAL_NO_MAIL);
	if (transaction->content.is_begun)	/* RFC 3030 2: no RCPT behind BDAT */
		return session_reply_error(session, &REPLY(503, 5, 5, 1, "Recipients come before the data"));
	envelope = &transaction->envelope;
	if (!envelope->is_smtputf8 && (!address_is_ascii(&rcpt->address) || !str_is_ascii(rcpt->orcpt)))
		return refuse_rcpt(session, rcpt,	/* RFC 6531 3.5, of ORCPT RFC 6533 3 */
		    &REPLY(553, 5, 6, 7, "An internationalised address needs SMTPUTF8"), NULL);
	if (envelope->n_recipients >= session->listener->settings.recipients_max)
		return refuse_too_many(session, rcpt, NULL);
	if (!has_room_by_class(session))
		return refuse_too_many(session, rcpt, "class");
	if (!transaction_fits(session))
		return refuse_too_many(session, rcpt, "memory of all transactions");
	allowance_rcpt(session, rcpt, &verdict);
	if (verdict.action != ACTION_ACCEPT)
		return verdict.is_quiet ? reply_later(session, &verdict.reply) : refuse_rcpt(session, rcpt, &verdict.reply, verdict.reason);
	arena_init(&arena, UNDONE_ARENA_MAX_BYTES);
	result = take_rcpt(session, rcpt, &arena);
	arena_fini(&arena);
	return result;
}

bool
transaction_fits(struct session *session)
{
	struct listeners *listeners = session->listener->gate->listeners;
	struct transaction *transaction = session->transaction;
	const struct content *content = &transaction->content;
	int64_t n_bytes = (int64_t)(sizeof(*transaction) + transaction->arena.used_bytes + content->header.cap +
	    judgement_memory_bytes(content->judgement) + forward_memory_bytes(&transaction->forward) + verify_rcpt_memory_bytes(&transaction->verify));

	if (content->draft != NULL)
		n_bytes += (int64_t)draft_memory_bytes(content->draft);
	listeners->transactions_bytes += n_bytes - transaction->n_bytes;
	transaction->n_bytes = n_bytes;
	stress_look(session->listener->gate);
	return listeners->transactions_bytes <= listeners->transactions_max_bytes;
}

void
transaction_drop(struct session *session)
{
	struct transaction *transaction = session->transaction;

	if (transaction == NULL)
		return;
	allowance_end(session);
	session->transaction = NULL;
	session->listener->gate->listeners->transactions_bytes -= transaction->n_bytes;
	forward_drop(&transaction->forward);
	verify_rcpt_drop(&transaction->verify);
	content_drop(&transaction->content);
	policy_free(transaction->policy);
	arena_fini(&transaction->arena);
	mem_free(transaction);
}
