/*
 * judgement.c - one mail that comes in, judged and sealed by policy/ while it streams through
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/history.h"
#include "mail/trace.h"
#include "policy/class_edits.h"
#include "policy/decide.h"
#include "policy/inspect.h"
#include "policy/judged.h"
#include "policy/sender.h"
#include "smtpfwd/receive/judgement.h"
#include "smtpfwd/receive/onward.h"
#include "smtpfwd/receive/refusal.h"
#include "smtpfwd/receive/transaction.h"

enum {
	HEADER_ARENA_MAX_BYTES = 2 * 1024 * 1024,	/* its fields as structs, in an array that doubles; twice */
	MESSAGE_ID_MAX_BYTES = 1000,		/* for the log, which has less room */
	ARENA_MAX_BYTES = INSPECT_ARENA_MAX_BYTES + MESSAGE_ID_MAX_BYTES,
	MARK_MAX_BYTES = 1000,
	ANSWER_LEAST_MS = 1,
	SHORT_WAIT_MS = 1000,		/* with short patience: what is in the DNS's caches or nearby still comes in time */
	/*
	 * DMARC is asked for last, and whoever makes SPF and DKIM slow (his own servers are asked) must not get around it: so it
	 * has this part of the time at least.
	 */
	LAST_PART = 4,
	/* 0.1 ms of hashing as a rule, 0.8 ms at most (dkim_verify.h); then it is the turn of others. */
	TURN_BYTES = INSPECT_CHUNK_MAX_BYTES,
};

_Static_assert((int)SEAL_FIELDS_MAX_BYTES + MARK_MAX_BYTES + (int)CLASSIFY_FIELD_MAX_BYTES + (int)STAMP_FIELDS_MAX_BYTES + (int)TRACE_MAX_BYTES <=
    (int)JUDGEMENT_PREFIX_MAX_BYTES, "room for all fields");

/* The resolver of a mail's checks: what they hold while they wait is weighed too. */
struct weighed_resolver {
	struct resolver		 resolver;
	struct resolver		*below;
	struct session		*session;
	const struct arena	*asker;		/* of the question that is open; NULL: none is */
	bool			 is_refused;	/* a question was not asked: there was no memory to wait with */
};

struct judgement {
	struct arena		 header_arena;	/* until the header is forgotten */
	struct header_section	 edited;
	struct arena		 arena;		/* the findings'; the rest of it too */
	struct str		 message_id;
	struct weighed_resolver	 dns;
	struct fiber_elsewhere	 crew;		/* its uses are those of the wait at hand */
	struct inspection	*inspection;	/* NULL: not begun, or ended */
	const struct findings	*findings;	/* NULL before the end */
	struct mail_class	 class;		/* from the header section on */
	struct seal		*seal;
	struct field_changes	 changes;
	struct survival		 survival;	/* reason NULL: the mail did not come so far */
	bool			 is_marked;
	const char		*held_reason;	/* a constant word; NULL: it is not held */
	bool			 has_short_waits;	/* told once: who lost his patience for SPF still has it for DMARC */
	struct span		 checked_for;	/* so far: waiting for the client is not in it */
	size_t			 n_turn_bytes;	/* since others had a turn */
};

struct judgement *
judgement_new(void)
{
	struct judgement *judgement = mem_new(sizeof(*judgement));

	arena_init(&judgement->header_arena, HEADER_ARENA_MAX_BYTES);
	arena_init(&judgement->arena, ARENA_MAX_BYTES);
	judgement->message_id = STR_EMPTY;
	return judgement;
}

void
judgement_free(struct judgement *judgement)
{
	if (judgement == NULL)
		return;
	inspect_drop(judgement->inspection);
	seal_free(judgement->seal);
	arena_fini(&judgement->header_arena);
	arena_fini(&judgement->arena);
	mem_free(judgement);
}

size_t
judgement_memory_bytes(const struct judgement *judgement)
{
	const struct arena *asker;

	if (judgement == NULL)
		return 0;
	asker = judgement->dns.asker;
	return sizeof(*judgement) + judgement->header_arena.used_bytes + judgement->arena.used_bytes +
	    inspect_memory_bytes(judgement->inspection) + (judgement->seal != NULL ? seal_memory_bytes(judgement->seal) : 0) +
	    (asker != NULL && asker != &judgement->arena ? asker->used_bytes : 0);
}

/* --- checks take time --- */

struct wait {
	struct instant	began, ends;
	bool		was_storing;
};

static struct span
span_max(struct span a, struct span b)
{
	return a.ns > b.ns ? a : b;
}

static struct wait
begin_wait(const struct judgement *judgement, struct session *session, struct span most)
{
	struct wait wait = { .began = loop_now(fiber_loop()) };

	if (judgement->has_short_waits && most.ns > span_ms(SHORT_WAIT_MS).ns)
		most = span_ms(SHORT_WAIT_MS);
	wait.ends = session_deadline(session, most);
	wait.was_storing = session->is_storing;
	session->is_storing = true;	/* the client does not stand still: it waits for us */
	return wait;
}

/*
 * What is ready sooner than ANSWER_LEAST_MS was in a cache.  Of what took longer than a short wait, some may have been answered and
 * some not: it tells nothing.  Nor does what waited for a crew, too.
 */
static void
listen_for_answers(const struct judgement *judgement, struct session *session, const struct wait *wait, struct instant now)
{
	struct patience *patience = &session->listener->gate->checks;
	struct span took = instant_diff(wait->began, now);

	if (judgement->crew.n_uses > 0)
		return;
	if (took.ns >= span_ms(ANSWER_LEAST_MS).ns && took.ns < span_ms(SHORT_WAIT_MS).ns && instant_is_before(now, wait->ends))
		patience_hear(patience, now);
	else if (!judgement->has_short_waits && took.ns > 0 && !instant_is_before(now, wait->ends))
		patience_lose(patience, &session->peer.client.ip, wait->began, now);
}

/* False: we are stopping, and what was not found out says nothing of the DNS. */
static bool
end_wait(struct judgement *judgement, struct session *session, const struct wait *wait)
{
	struct instant now = loop_now(fiber_loop());

	session->is_storing = wait->was_storing;
	judgement->checked_for.ns += instant_diff(wait->began, now).ns;
	if (fiber_is_cancelled())
		return false;
	listen_for_answers(judgement, session, wait, now);
	judgement->crew.n_uses = 0;
	return true;
}

static void
defer(struct verdict *verdict, struct reply reply, const char *reason)
{
	*verdict = (struct verdict){ .action = ACTION_DEFER, .reply = reply, .reason = reason };
}

static void
defer_for_room(struct verdict *verdict)
{
	defer(verdict, REFUSAL_NO_ROOM_FOR_CHECKS, "memory-of-checks");
}

static void
defer_for_memory(struct verdict *verdict)
{
	defer(verdict, REPLY(451, 4, 3, 2, "Too busy; try again later"), "memory");
}

static void
defer_for_stop(struct verdict *verdict)
{
	defer(verdict, REPLY(451, 4, 3, 2, "Service is shutting down; try again later"), "cut-off");
}

/* One mail's checks may read a megabyte from the DNS, and wait with it for the next answer. */
static void
ask_weighed(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct weighed_resolver *dns = (struct weighed_resolver *)(void *)resolver;

	dns->asker = arena;
	if (transaction_fits(dns->session)) {
		dns_ask(dns->below, questions, n_questions, deadline, arena, answers_out);
	} else {
		dns->is_refused = true;
		for (int i = 0; i < n_questions; i++)
			answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED, .why = "too busy" };
	}
	dns->asker = NULL;
}

/* --- the header section --- */

static void
keep_message_id(struct judgement *judgement, const struct header_section *section)
{
	int at = header_find(section, STR("Message-ID"), 0);

	if (at >= 0 && !arena_copy(&judgement->arena, str_sub(str_trim(section->fields[at].value), 0, MESSAGE_ID_MAX_BYTES),
	    &judgement->message_id))
		judgement->message_id = STR_EMPTY;
}

static bool
check(struct judgement *judgement, struct session *session, const struct header_section *section, struct verdict *verdict)
{
	const struct transaction *transaction = session->transaction;
	struct inspect_inputs inputs = {
		.policy = transaction->policy, .peer = &session->peer, .envelope = &transaction->envelope, .header = section,
		.now = os_wall_clock(), .rest = fiber_yield, .verify = judgement->class.actions->verify,
	};
	struct wait wait;
	struct fault fault;

	judgement->dns = (struct weighed_resolver){ .resolver.ask = ask_weighed, .below = session->listener->world->resolver, .session = session };
	if (judgement->dns.below != NULL)
		inputs.resolver = &judgement->dns.resolver;
	fiber_elsewhere_init(&judgement->crew, session->listener->world->signers);
	inputs.elsewhere = &judgement->crew.elsewhere;
	judgement->has_short_waits = patience_is_short(&session->listener->gate->checks, &session->peer.client.ip, loop_now(fiber_loop()));
	wait = begin_wait(judgement, session, policy_verify_rules(transaction->policy)->timeout);
	judgement->inspection = inspect_begin(&inputs, wait.ends, &judgement->arena, &fault);
	if (!end_wait(judgement, session, &wait))
		defer_for_stop(verdict);
	else if (judgement->dns.is_refused)
		defer_for_memory(verdict);
	else if (judgement->inspection == NULL)
		defer_for_room(verdict);
	return verdict->action == ACTION_ACCEPT;
}

/* The header section is whole, so this is final. */
static void
classify_mail(struct judgement *judgement, struct session *session, const struct header_section *section)
{
	struct class_evidence evidence = session_class_evidence(session);

	evidence.envelope = &session->transaction->envelope;
	evidence.header = section;
	judgement->class = classify(session->transaction->policy, &evidence);
	transaction_settle_class(session, &judgement->class);
	allowance_settle(session, &judgement->class);
}

static void
seal(struct judgement *judgement, const struct session *session, const struct header_section *section, struct verdict *verdict)
{
	const struct policy *policy = session->transaction->policy;
	const struct class_actions *actions = judgement->class.actions;
	struct seal_inputs inputs = {
		.policy = policy, .source = classify_sign_source(&judgement->class, &session->peer), .sign_as = actions->sign_as,
		.header = &judgement->edited, .now = os_wall_clock(),
		.is_checked = class_verify_why_not(actions->verify, &session->peer) == NULL,
	};
	struct edits edits;

	if (!seal_edits(policy, section, &judgement->header_arena, &edits) ||
	    !class_edits(actions, section, &judgement->header_arena, &edits) ||
	    !edits_apply(&edits, section, &judgement->header_arena, &judgement->edited)) {
		defer_for_room(verdict);
		return;
	}
	judgement->seal = seal_new(&inputs);
	seal_changes(policy, section, &edits, seal_is_signing(judgement->seal), &judgement->changes);
	class_edits_change(actions, section, &edits, &judgement->changes);
}

void
judgement_header(struct judgement *judgement, struct session *session, struct str bytes, struct verdict *verdict_out)
{
	const struct policy *policy = session->transaction->policy;
	struct header_section section;

	*verdict_out = (struct verdict){ .action = ACTION_ACCEPT };
	if (header_read(bytes, &judgement->header_arena, &section) != 0) {
		*verdict_out = (struct verdict){ .action = ACTION_REJECT, .reply = REFUSAL_TOO_MANY_FIELDS };
		return;
	}
	keep_message_id(judgement, &section);
	if (!transaction_fits(session)) {	/* who waits for the DNS waits with all of this */
		defer_for_memory(verdict_out);
		return;
	}
	classify_mail(judgement, session, &section);
	decide_header(policy, &section, session->listener->settings.received_max, verdict_out);
	if (verdict_out->action == ACTION_ACCEPT)
		decide_class(policy, &judgement->class, &session->transaction->envelope, verdict_out);
	if (verdict_out->action == ACTION_ACCEPT)
		allowance_ask(session, verdict_out);
	if (verdict_out->action == ACTION_ACCEPT && check(judgement, session, &section, verdict_out))
		seal(judgement, session, &section, verdict_out);
}

const struct header_section *
judgement_edited(const struct judgement *judgement)
{
	return &judgement->edited;
}

void
judgement_forget_header(struct judgement *judgement)
{
	judgement->edited = (struct header_section){ .n_fields = 0 };
	arena_fini(&judgement->header_arena);
}

struct str
judgement_message_id(const struct judgement *judgement)
{
	return judgement->message_id;
}

const char *
judgement_class(const struct judgement *judgement)
{
	return judgement->class.match.name;
}

/* --- the body --- */

void
judgement_body(struct judgement *judgement, struct str piece)
{
	bool is_checked = inspect_wants_body(judgement->inspection);
	bool is_signed = seal_is_signing(judgement->seal) || seal_is_sealing(judgement->seal);

	while (piece.len > 0 && (is_checked || is_signed)) {
		struct str part = str_sub(piece, 0, TURN_BYTES - judgement->n_turn_bytes);

		if (is_checked)
			inspect_body(judgement->inspection, part);
		if (is_signed)
			seal_body(judgement->seal, part);
		piece = str_from(piece, part.len);
		judgement->n_turn_bytes += part.len;
		if (judgement->n_turn_bytes == TURN_BYTES) {
			judgement->n_turn_bytes = 0;
			fiber_yield();
		}
	}
}

/* --- the end --- */

static struct stamp_inputs
stamp_inputs(const struct judgement *judgement, const struct session *session, const struct envelope *envelope)
{
	return (struct stamp_inputs){ .policy = session->transaction->policy, .peer = &session->peer,
	    .envelope = envelope, .findings = judgement->findings };
}

static void
say(const struct judgement *judgement, const struct session *session, const struct verdict *verdict)
{
	struct stamp_inputs inputs = stamp_inputs(judgement, session, &session->transaction->envelope);
	const struct judged judged = { .stamped = &inputs, .verdict = verdict, .survival = &judgement->survival,
	    .seal = judgement->seal, .class = &judgement->class };
	struct buf words;

	buf_init(&words, STAMP_WORDS_MAX_BYTES);
	if (judged_words(&judged, &words))
		history_judged(session->listener->world->log, &session->transaction->content.id, buf_str(&words));
	buf_fini(&words);
}

/* A set of ARC says what was found. */
static void
tell_findings(struct judgement *judgement, const struct session *session, struct verdict *verdict)
{
	struct stamp_inputs inputs = stamp_inputs(judgement, session, &session->transaction->envelope);
	struct buf results;

	if (!seal_is_sealing(judgement->seal))
		return;
	buf_init(&results, STAMP_FIELDS_MAX_BYTES);
	if (stamp_results(&inputs, &results) == 0)
		seal_found(judgement->seal, &judgement->findings->arc, buf_str(&results));
	else
		defer_for_room(verdict);
	buf_fini(&results);
}

static int
sign_on_crew(void *context, struct fault *fault_out)
{
	return seal_sign(context, fault_out);
}

static void
sign(struct judgement *judgement, struct session *session, struct verdict *verdict)
{
	const struct receive_world *world = session->listener->world;
	struct str who = seal_is_signing(judgement->seal) ? seal_signer(judgement->seal) : seal_sealer(judgement->seal);
	struct fault fault;

	if (!seal_is_signing(judgement->seal) && !seal_is_sealing(judgement->seal))
		return;
	seal_ready(judgement->seal);
	if (fiber_call_on_crew(world->signers, sign_on_crew, judgement->seal, &fault) == 0)
		return;
	log_say(world->log, LOG_LEVEL_WARNING, "cannot-sign", "%.*s: %s", STR_ARG(who), fault.text);
	defer(verdict, REPLY(451, 4, 3, 0, "Cannot sign this now; try again later"), "signing");
}

void
judgement_end(struct judgement *judgement, struct session *session, struct verdict *verdict_out)
{
	struct transaction *transaction = session->transaction;
	const struct verify_rules *rules = policy_verify_rules(transaction->policy);
	struct span left = { rules->timeout.ns - judgement->checked_for.ns };
	struct wait wait = begin_wait(judgement, session, span_max(left, (struct span){ rules->timeout.ns / LAST_PART }));

	judgement->findings = inspect_end(judgement->inspection, wait.ends);
	judgement->inspection = NULL;
	if (!end_wait(judgement, session, &wait))
		defer_for_stop(verdict_out);
	else if (judgement->dns.is_refused)
		defer_for_memory(verdict_out);
	else
		decide_mail(rules, judgement->findings, &transaction->arena, verdict_out);
	if (verdict_out->action == ACTION_ACCEPT)
		tell_findings(judgement, session, verdict_out);
	if (verdict_out->action == ACTION_ACCEPT)
		onward_judge(session, &judgement->class, judgement->findings, &judgement->changes, judgement->seal, &judgement->survival, verdict_out);
	decide_hold(&judgement->class, verdict_out);
	if (verdict_out->action == ACTION_ACCEPT)
		sign(judgement, session, verdict_out);
	judgement->is_marked = verdict_out->is_marked;
	judgement->held_reason = verdict_out->is_held ? verdict_out->reason : NULL;
	say(judgement, session, verdict_out);
}

bool
judgement_proves_sender(const struct judgement *judgement, const struct session *session)
{
	return sender_prove(judgement->findings, &session->transaction->envelope, &session->peer).is_verified;
}

bool
judgement_is_held(const struct judgement *judgement)
{
	return judgement->held_reason != NULL;
}

const char *
judgement_held_reason(const struct judgement *judgement)
{
	return judgement->held_reason;
}

int
judgement_prefix(const struct judgement *judgement, const struct session *session, const struct envelope *stored,
    struct timestamp now, struct buf *out)
{
	const struct transaction *transaction = session->transaction;
	const char *mark = policy_verify_rules(transaction->policy)->mark_field;
	const char *class_field = policy_class_field(transaction->policy);
	struct stamp_inputs inputs = stamp_inputs(judgement, session, stored);

	if (seal_fields(judgement->seal, out) != 0)
		return -1;
	if (judgement->is_marked && buf_printf(out, "%s\r\n", mark) != 0)
		return -1;
	if (stamp_fields(&inputs, out) != 0)
		return -1;
	if (class_field != NULL && classify_field(&judgement->class, class_field, out) != 0)
		return -1;
	return trace_append_received(&session->peer, &transaction->envelope, str_of(policy_hostname(transaction->policy)),
	    &transaction->content.id, now, out);
}
