/*
 * verify_rcpt.c - has the next hop this mailbox?  Asked before a client hears 250 for mail that goes into the queue
 *
 * How it is asked is deliver/online's, what an answer means recipients/meaning's; here stands whom a question is put to and
 * how often, and what the client hears.
 */
#include <stdio.h>

#include "smtpfwd/receive/mailboxes.h"
#include "smtpfwd/receive/stress.h"
#include "smtpfwd/receive/transaction.h"
#include "smtpfwd/receive/verify_rcpt.h"

enum {
	/* Longer than servers wait that greet slowly to see who talks early (6 s and less); a client has five minutes for a reply. */
	EACH_MAX_S = 10,
	/* Of one transaction: the client may count its five minutes from a RCPT that it sent with a hundred others. */
	ALL_MAX_S = 60,
	/* The session is held for so long while a client pauses. */
	HELD_MAX_S = 1,
	/* What any server takes in one transaction (RFC 5321 4.5.3.1.8). */
	ASKED_MAX = 100,
	ADDRESS_ARENA_MAX_BYTES = 2 * ADDRESS_MAX_BYTES,
};

void
verify_rcpt_drop(struct verify_rcpt *verify)
{
	online_drop(verify->online);
	verify->online = NULL;
}

size_t
verify_rcpt_memory_bytes(const struct verify_rcpt *verify)
{
	return verify->online != NULL ? online_memory_bytes(verify->online) : 0;
}

/* --- no answer --- */

/* The reply stands in the next hop's memory: what is said of it is copied before that goes. */
static void
note_reply(struct verify_rcpt *verify, const char *to)
{
	char room[VERIFY_RCPT_WHY_MAX_BYTES / 2];
	struct buf line = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	if (reply_append_line(online_reply(verify->online), sizeof(room) - 1, &line) != 0)
		buf_clear(&line);
	snprintf(verify->why, sizeof(verify->why), "%.*s said to our own %s: %.*s", STR_ARG(online_next_hop(verify->online)), to,
	    STR_ARG(buf_str(&line)));
}

/* A refusal that another question may follow. */
static void
keep_reply(struct verify_rcpt *verify)
{
	const struct reply *reply = online_reply(verify->online);
	size_t n = reply->text.len < sizeof(verify->refusal_text) ? reply->text.len : sizeof(verify->refusal_text);

	if (n > 0)
		memcpy(verify->refusal_text, reply->text.at, n);
	verify->refusal = *reply;
	verify->refusal.text = str_n(verify->refusal_text, n);
}

static void
give_up(struct verify_rcpt *verify, const char *why)
{
	if (why != NULL)
		snprintf(verify->why, sizeof(verify->why), "%s", why);
	verify_rcpt_drop(verify);
	verify->is_out = true;
}

/* --- the question --- */

static void
begin(struct session *session)
{
	struct transaction *transaction = session->transaction;
	struct verify_rcpt *verify = &transaction->verify;
	/* Of the client nothing is in it but that it may have addresses beyond ASCII. */
	const struct envelope own = { .is_smtputf8 = transaction->envelope.is_smtputf8 };

	verify_rcpt_drop(verify);
	verify->n_asked = 0;
	verify->online = online_new(&(struct online_settings){
		.couriers = session->listener->world->couriers, .destination = verify->destination, .envelope = &own,
		.idle_max = span_s(HELD_MAX_S), .client = session->peer.client.ip,
	});
}

/* Asks, in the session that stands or in another one.  False: the session is to end. */
static bool
put_question(struct session *session, const struct address *mailbox, enum online_end *end_out)
{
	struct silence *silence = &session->listener->gate->listeners->silence;
	struct verify_rcpt *verify = &session->transaction->verify;
	struct instant began, deadline;
	struct span left = { .ns = span_s(ALL_MAX_S).ns - verify->waited.ns };

	if (session_flush_late(session) != 0)
		return false;
	began = loop_now(fiber_loop());
	deadline = instant_after(began, left.ns < span_s(EACH_MAX_S).ns ? left : span_s(EACH_MAX_S));
	/* A session that was given back would have all who were accepted said again. */
	if (verify->online == NULL || verify->n_asked >= ASKED_MAX || instant_diff(verify->asked_at, began).ns >= span_s(HELD_MAX_S).ns)
		begin(session);
	verify->n_asked++;
	session->is_storing = true;
	*end_out = online_rcpt(verify->online, &(struct recipient){ .address = *mailbox }, deadline);
	session->is_storing = false;
	stress_pass(session, began);
	verify->asked_at = loop_now(fiber_loop());
	verify->waited.ns += instant_diff(began, verify->asked_at).ns;
	if (*end_out == ONLINE_UNAVAILABLE && instant_diff(began, verify->asked_at).ns >= span_s(EACH_MAX_S).ns)
		silence_begin(silence, verify->destination, verify->asked_at);
	return *end_out != ONLINE_CANCELLED || session_end_cancelled(session) == 0;
}

/* --- the answer --- */

enum said {
	SAID_GOOD,
	SAID_BAD,			/* there is none, or it takes nothing: the client's 5xx */
	SAID_NOTHING,			/* of the mailbox */
	SAID_TOGETHER,			/* nothing, and it may be for those that were asked about before it */
	SAID_BARE,			/* 550 without a status: there is none, or it does not like us */
};

/* 452 4.5.3, and servers that let a mail with a null reverse-path have one recipient: alone it may be answered for. */
static bool
may_be_for_others(const struct verify_rcpt *verify, const struct reply *reply)
{
	return verify->n_asked > 1 && (reply->code == 452 || reply_is_permanent(reply));
}

/* RFC 6531 3.5: no mail could be brought to such an address. */
static bool
is_no_utf8(const struct reply *reply, const struct address *mailbox)
{
	return reply_is_permanent(reply) && status_eq(reply->status, STATUS(5, 6, 7)) && !address_is_ascii(mailbox);
}

static enum said
read_answer(struct session *session, const struct address *mailbox)
{
	struct verify_rcpt *verify = &session->transaction->verify;
	const struct reply *reply = online_reply(verify->online);
	const struct recipient_answer answer = { .reply = reply, .question = QUESTION_RCPT, .asker = ASKER_OURSELVES };

	enum meaning meaning = meaning_of(&answer);

	if (meaning != MEANS_GOOD)
		note_reply(verify, "RCPT");
	if (meaning != MEANS_GOOD && meaning != MEANS_BAD && may_be_for_others(verify, reply))
		return SAID_TOGETHER;
	if (mailboxes_tell(session, verify->destination, mailbox, &answer) == KNOWN_BAD || meaning == MEANS_BAD ||
	    meaning_is_closed(reply) || is_no_utf8(reply, mailbox))
		return SAID_BAD;
	if (meaning == MEANS_BAD_PERHAPS)
		return SAID_BARE;
	return meaning == MEANS_GOOD ? SAID_GOOD : SAID_NOTHING;
}

/* MAIL was refused, which is the answer to all; or it is deliver's own. */
static enum said
read_other_answer(struct verify_rcpt *verify, const struct address *mailbox)
{
	const struct reply *reply = online_reply(verify->online);

	if (is_no_utf8(reply, mailbox)) {
		snprintf(verify->why, sizeof(verify->why), "%.*s has no SMTPUTF8", STR_ARG(online_next_hop(verify->online)));
		return SAID_BAD;
	}
	note_reply(verify, "MAIL");
	if (may_be_for_others(verify, reply) && reply->code == 452)
		return SAID_TOGETHER;
	give_up(verify, NULL);
	return SAID_NOTHING;
}

/* False: the session is to end. */
static bool
ask(struct session *session, const struct address *mailbox, enum said *said_out)
{
	struct verify_rcpt *verify = &session->transaction->verify;
	enum online_end end;

	*said_out = SAID_NOTHING;
	if (!put_question(session, mailbox, &end))
		return false;
	switch (end) {
	case ONLINE_ANSWERED:
		*said_out = online_was_rcpt_answered(verify->online) ? read_answer(session, mailbox) : read_other_answer(verify, mailbox);
		return true;
	case ONLINE_UNAVAILABLE:
	case ONLINE_AMBIGUOUS:			/* a mail's only */
		give_up(verify, online_trouble(verify->online)->text);
		return true;
	case ONLINE_CANCELLED:
		break;
	}
	return false;
}

static bool
ask_alone(struct session *session, const struct address *mailbox, enum said *said_out)
{
	begin(session);
	return ask(session, mailbox, said_out);
}

/* Is it the mailbox?  One that was accepted before is asked about again, by itself as that was.  False: the session is to end. */
static bool
ask_whether_it_is_us(struct session *session, const struct address *mailbox, enum said *said_out)
{
	struct verify_rcpt *verify = &session->transaction->verify;
	char why[VERIFY_RCPT_WHY_MAX_BYTES];
	struct address accepted;
	struct arena arena;
	bool goes_on = true;

	arena_init(&arena, ADDRESS_ARENA_MAX_BYTES);
	*said_out = SAID_NOTHING;
	if (mailboxes_own_accepted(session, verify->destination, &arena, &accepted) && !address_eq(&accepted, mailbox)) {
		memcpy(why, verify->why, sizeof(why));
		goes_on = ask_alone(session, &accepted, said_out);
		memcpy(verify->why, why, sizeof(why));
		*said_out = *said_out == SAID_GOOD && mailboxes_tell(session, verify->destination, mailbox, &(struct recipient_answer){
		    .reply = &verify->refusal, .question = QUESTION_RCPT, .asker = ASKER_OURSELVES }) == KNOWN_BAD ? SAID_BAD : SAID_NOTHING;
	}
	arena_fini(&arena);
	return goes_on;
}

/* As often as it takes.  False: the session is to end. */
static bool
find_out(struct session *session, const struct address *mailbox, enum said *said_out)
{
	struct verify_rcpt *verify = &session->transaction->verify;

	if (!ask(session, mailbox, said_out) || (*said_out == SAID_TOGETHER && !ask_alone(session, mailbox, said_out)))
		return false;
	if (*said_out == SAID_BAD || *said_out == SAID_BARE)
		keep_reply(verify);
	return *said_out != SAID_BARE || ask_whether_it_is_us(session, mailbox, said_out);
}

/* --- which next hop --- */

/* Another one: what was found out about one says nothing of the other. */
static void
turn_to(struct verify_rcpt *verify, struct str destination)
{
	if (str_eq(verify->destination, destination))
		return;
	verify_rcpt_drop(verify);
	*verify = (struct verify_rcpt){ .destination = destination, .waited = verify->waited };
}

/* False: the session is to end. */
static bool
ask_at(struct session *session, struct str destination, const struct address *mailbox, enum said *said_out)
{
	struct verify_rcpt *verify = &session->transaction->verify;

	*said_out = SAID_NOTHING;
	turn_to(verify, destination);
	if (!verify->is_out && verify->waited.ns >= span_s(ALL_MAX_S).ns)
		give_up(verify, "its next hop took too long to answer for recipients before it");
	if (!verify->is_out && silence_is_on(&session->listener->gate->listeners->silence, destination, loop_now(fiber_loop())))
		give_up(verify, "its next hop did not answer in time a little while ago");
	return verify->is_out || find_out(session, mailbox, said_out);
}

/* In their order: does one of them have it?  There is none only if all say so. */
static bool
ask_all(struct session *session, const struct forwarding *forwarding, const struct address *mailbox, enum said *said_out)
{
	const struct verify_rcpt *verify = &session->transaction->verify;
	bool is_sure = true;

	for (int i = 0; i < forwarding->n_ways; i++) {
		if (!ask_at(session, str_of(forwarding->ways[i]), mailbox, said_out))
			return false;
		if (*said_out == SAID_GOOD)
			return true;
		if (*said_out == SAID_BAD && meaning_is_closed(&verify->refusal))
			return true;		/* it is there, and takes nothing */
		is_sure &= *said_out == SAID_BAD;
	}
	if (!is_sure)
		*said_out = SAID_NOTHING;
	return true;
}

/* --- what the client hears --- */

/* In the next hop's words; 550 and a status, whatever of the two it said. */
static struct reply
refusal(const struct reply *said)
{
	struct reply reply = *said;

	reply.code = 550;
	if (reply.status.class != 5)
		reply.status = STATUS(5, 1, 1);
	return reply;
}

int
verify_rcpt(struct session *session, const struct address *mailbox, struct reply *reply_out)
{
	const struct policy *policy = session->transaction->policy;
	const struct forwarding *forwarding = policy_forwarding_of(policy, mailbox->domain);
	char room[POLICY_DESTINATION_MAX];
	enum said said = SAID_NOTHING;

	*reply_out = REPLY(250, 2, 1, 5, "Recipient ok");
	if (mailboxes_is_fresh(session, mailbox))
		return 0;
	if (!(forwarding->is_by_recipient ? ask_all(session, forwarding, mailbox, &said) :
	    ask_at(session, policy_destination_of(policy, STR_EMPTY, mailbox, room), mailbox, &said)))	/* a relay's: the policy's text */
		return -1;
	if (said == SAID_BAD)
		*reply_out = refusal(&session->transaction->verify.refusal);
	else if (said != SAID_GOOD)
		*reply_out = mailboxes_outage_reply(session, mailbox);
	if (reply_is_temporary(reply_out) && !session->transaction->verify.is_out)
		session_count_idle(session);	/* it cost the next hop a question */
	return 0;
}
