/*
 * session.c - what the files of receive/ share: saying, hearing and knowing in one client's session
 */
#include "mail/history.h"
#include "smtpfwd/receive/session.h"
#include "smtpfwd/receive/transaction.h"
#include "smtpfwd/smtp/limits.h"
#include "smtpfwd/smtp/reply_read.h"

enum {
	REPLY_MAX_BYTES = 16 * SMTP_REPLY_LINE_MAX_BYTES,	/* a next hop's long answer passed on, in lines */
	SESSION_IDLE_MAX = 100,		/* between two mails; a pool's RSETs are fewer */
	LAST_WORD_MAX_S = 5,		/* a client that does not take the last reply is not waited for */
	/* After that replies go out one by one: a client waits for each for 5 minutes (RFC 5321 4.5.3.2), the next may take 2 of them. */
	ROUND_MAX_S = 5,
};

int
session_reply(struct session *session, const struct reply *reply)
{
	struct span wait = session->listener->settings.command_timeout;
	struct buf wire;
	struct fault fault;
	int result;

	buf_init(&wire, REPLY_MAX_BYTES);
	if (reply_write(reply, true, &wire) != 0) {
		struct reply bare = *reply;	/* too long to be shown: its codes say enough */

		buf_clear(&wire);
		bare.text = STR("...");
		reply_write(&bare, true, &wire);
	}
	result = stream_write(session->stream, buf_str(&wire), session_deadline(session, wait), &fault);
	buf_fini(&wire);
	return result == 0 ? 0 : session_drop(session, "its replies are not taken");
}

int
session_reply_error(struct session *session, const struct reply *reply)
{
	session->n_errors++;
	return session_reply(session, reply);
}

void
session_count_idle(struct session *session)
{
	if (++session->n_idle > SESSION_IDLE_MAX)
		session->n_errors++;
}

int
session_reply_idle(struct session *session, const struct reply *reply)
{
	session_count_idle(session);
	return session_reply(session, reply);
}

int
session_end(struct session *session, const struct reply *reply, const char *why)
{
	struct instant until = instant_after(loop_now(fiber_loop()), span_s(LAST_WORD_MAX_S));
	struct fault fault;

	if (session_reply(session, reply) == 0)
		stream_finish(session->stream, until, &fault);
	return session_drop(session, why);
}

int
session_drop(struct session *session, const char *why)
{
	if (session->why == NULL)
		session->why = why;
	return -1;
}

int
session_turn_away(struct session *session, const char *stage, const struct reply *reply, const char *why)
{
	history_rejected(session->listener->world->log, NULL, &session->peer, stage, NULL, NULL, reply, why);
	return session_end(session, reply, why);
}

struct instant
session_deadline(const struct session *session, struct span wait)
{
	return instant_min(session->ends, instant_after(loop_now(fiber_loop()), wait));
}

int
session_end_cancelled(struct session *session)
{
	if (session->is_cut)
		return session_end(session, &REPLY(421, 4, 3, 2, "Too busy to wait for you; try again later"),
		    "it stood still while the listener was nearly full");
	return session_end(session, &REPLY(421, 4, 3, 2, "Service is shutting down; closing"), "we are shutting down");
}

static int
end_for_fault(struct session *session, const struct fault *fault)
{
	bool is_over = !instant_is_before(loop_now(fiber_loop()), session->ends);
	struct reply reply;

	switch (fault->cause) {
	case FAULT_TIMED_OUT:
		reply = is_over ? REPLY(421, 4, 4, 2, "This session took too long; closing") :
		    REPLY(421, 4, 4, 2, "Timeout; closing");
		return session_end(session, &reply, is_over ? "it took too long" : "timeout");
	case FAULT_CANCELLED:
		return session_end_cancelled(session);
	case FAULT_FULL:		/* callers take what they get: a bug, but no reason to abort */
	case FAULT_OTHER:
	case FAULT_CLOSED:
		break;
	}
	return session_drop(session, "connection lost");
}

int
session_flush(struct session *session)
{
	struct fault fault;

	if (stream_flush(session->stream, session_deadline(session, session->listener->settings.command_timeout), &fault) != 0)
		return session_drop(session, "its replies are not taken");
	session->round_began.ns = 0;
	return 0;
}

int
session_flush_late(struct session *session)
{
	if (instant_is_before(loop_now(fiber_loop()), instant_after(session->round_began, span_s(ROUND_MAX_S))))
		return 0;
	return session_flush(session);
}

int
session_await_input(struct session *session, struct instant deadline)
{
	struct fault fault = { .cause = FAULT_OTHER };
	size_t n_before;
	int result;

	n_before = stream_input(session->stream).len;
	/* Who has said more does not wait for us: the replies go together (RFC 2920 3.2), if the first of them is not late. */
	if ((stream_has_more(session->stream) ? session_flush_late : session_flush)(session) != 0)
		return -1;
	session->is_idle = session->transaction == NULL;
	if (session->is_idle && session->listener->gate->listeners->is_stopping)
		fault_because(&fault, FAULT_CANCELLED, "stopping");
	else if (!instant_is_before(loop_now(fiber_loop()), session->ends))	/* who never pauses never waits */
		fault_because(&fault, FAULT_TIMED_OUT, "session_max");
	else if ((result = stream_fill(session->stream, deadline, &fault)) > 0) {
		session->is_idle = false;
		if (session->round_began.ns == 0)
			session->round_began = loop_now(fiber_loop());
		session->n_bytes += stream_input(session->stream).len - n_before;
		return 0;
	} else if (result == 0) {
		session->is_idle = false;
		session_drop(session, "the client hung up");
		(void)session_flush(session);	/* it may have closed its own side only, and listen */
		return -1;
	}
	session->is_idle = false;
	return end_for_fault(session, &fault);
}

void
session_judge_client(struct session *session)
{
	const struct listener_settings *settings = &session->listener->settings;
	const struct ip *ip = &session->peer.client.ip;

	/* A client of unknown address (IP_NONE) is in no network. */
	session->peer.is_trusted = networks_find(settings->networks, settings->n_networks, ip) >= 0 ||
	    session->has_listed_name;
	session->may_xclient = networks_find(settings->xclient_from, settings->n_xclient_from, ip) >= 0;
}

const struct ehlo *
session_offer(const struct session *session)
{
	const struct users *users = session->listener->gate->listeners->users;
	bool has_scram = users != NULL && users_n_scram(users) > 0;

	return &session->listener->offered[session->peer.tls.is_on][session->may_xclient][has_scram];
}

struct class_evidence
session_class_evidence(const struct session *session)
{
	return (struct class_evidence){
		.peer = &session->peer,
		.listener_class = session->listener->settings.class_name,
		/* A certificate names who speaks, not for whom. */
		.certificate_name = session->is_told_by_xclient ? STR_EMPTY : session->peer.tls.verified_name,
	};
}

void
session_forget_greeting(struct session *session)
{
	transaction_drop(session);
	session->offered = NULL;
	session->is_greeted = false;
	session->peer.is_esmtp = false;
	session_set_helo(session, STR_EMPTY);
}

void
session_set_helo(struct session *session, struct str helo)
{
	buf_clear(&session->helo);
	/* A command line is shorter than the buffer's limit. */
	buf_append(&session->helo, helo);
	session->peer.helo = buf_str(&session->helo);
}
