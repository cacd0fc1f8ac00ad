/*
 * judging.c - one of Postfix's mails, judged and sealed by policy/ as the relay does it
 *
 * Errands on the loop use a judging beside the thread that has it: so it is freed by the last of them.
 */
#include "base/mem.h"
#include "mail/domain.h"
#include "milter/ahead.h"
#include "milter/judging.h"
#include "policy/decide.h"
#include "policy/judged.h"
#include "smtpfwd/runtime/os.h"

enum {
	HEADER_MAX_BYTES = 1024 * 1024,		/* Postfix takes 100 KB by its default (header_size_limit is a field's) */
	/* Fields as structs, twice, beside the findings; recipients; names and values of what is changed. */
	ARENA_MAX_BYTES = INSPECT_ARENA_MAX_BYTES + 8 * 1024 * 1024,
	CHECKS_BYTES = 64 * 1024,	/* what checks that run are taken for: stacks, answers, keys */
	PREFIX_MAX_BYTES = 176 * 1024,
	MARK_MAX_BYTES = 1000,
	LAST_PART = 4,			/* of the time for the checks DMARC has this part at least, whatever SPF and DKIM took */
	IN_VAIN_WAIT_S = 1,		/* ... but for what the DNS did not tell when it was asked ahead */
};

_Static_assert((int)SEAL_FIELDS_MAX_BYTES + MARK_MAX_BYTES + (int)CLASSIFY_FIELD_MAX_BYTES + (int)STAMP_FIELDS_MAX_BYTES <= (int)PREFIX_MAX_BYTES,
    "room for all fields");

enum { CHECK, AHEAD_OF_SPF, AHEAD_OF_DMARC, JUDGING_ERRANDS };

struct judging_errand {
	struct errand	 errand;
	struct judging	*judging;
};

struct judging {
	struct judging_world	*world;
	struct rules		*rules;		/* held */
	atomic_int		 n_holders;	/* errands that run are some */
	size_t			 weighed_bytes;	/* in the world's sum */

	struct arena		 arena;
	struct peer		 peer;
	struct envelope		 envelope;
	struct buf		 header;	/* what section points into */
	struct header_section	 section, edited;
	struct edits		 edits;
	bool			 has_header;
	struct mail_class	 class;		/* as far as it is known, where limits ask for it; else behind the header */
	struct limits		 limits;
	int64_t			 n_body_bytes;
	struct seal		*seal;
	struct survival		 survival;	/* where Postfix sends it is not known here: none */

	struct judging_errand	 errands[JUDGING_ERRANDS];
	bool			 is_checking;	/* they were started */
	struct inspect_inputs	 inputs;
	struct instant		 deadline;	/* of the checks, but for the last part */
	struct arena		 findings_arena;	/* checking's while it runs */
	struct inspection	*inspection;	/* NULL: not begun, no room, or ended */
	bool			 is_dmarc_in_vain;	/* asked ahead it was not settled */
	const struct findings	*findings;	/* NULL before the end */

	struct verdict		 verdict;	/* other than ACTION_ACCEPT: nothing more is looked at */
	bool			 has_failed;
};

/* --- trouble of ours --- */

static bool
goes_on(const struct judging *judging)
{
	return judging->verdict.action == ACTION_ACCEPT;
}

static void
fail(struct judging *judging, struct reply reply, const char *reason)
{
	if (!goes_on(judging))
		return;
	judging->verdict = (struct verdict){ .action = ACTION_DEFER, .reply = reply, .reason = reason };
	judging->has_failed = true;
}

void
judging_fail(struct judging *judging, const char *reason)
{
	fail(judging, REPLY(451, 4, 3, 2, "Too busy; try again later"), reason);
}

static void
fail_for_room(struct judging *judging)
{
	judging_fail(judging, "memory");
}

/* What strangers can make large; not while the checks run. */
static void
weigh(struct judging *judging, size_t n_bytes_more)
{
	size_t now = judging->header.cap + judging->arena.used_bytes + n_bytes_more, sum;

	sum = atomic_fetch_add(&judging->world->memory_bytes, now - judging->weighed_bytes) + now - judging->weighed_bytes;
	if (now > judging->weighed_bytes && sum > judging->rules->memory_max_bytes)
		fail_for_room(judging);
	judging->weighed_bytes = now;
}

static size_t
checks_bytes(const struct judging *judging)
{
	return judging->findings_arena.used_bytes + inspect_memory_bytes(judging->inspection) +
	    (judging->seal != NULL ? seal_memory_bytes(judging->seal) : 0);
}

/* --- its class, and the limits of rate of that --- */

/* With the header or without (NULL).  Whether that is the mail's, whatever is still to come. */
static bool
classify_mail(struct judging *judging, const struct header_section *section)
{
	const struct class_evidence evidence = {
		.peer = &judging->peer,
		.listener_class = rules_listener_class(judging->rules, judging->peer.listener),
		.certificate_name = judging->peer.tls.verified_name,
		.envelope = &judging->envelope,
		.header = section,
	};

	judging->class = classify(judging->rules->policy, &evidence);
	return classify_is_settled(judging->rules->policy, &evidence);
}

static struct limited_mail
limited_mail(const struct judging *judging, int64_t n_bytes)
{
	return (struct limited_mail){ .class = &judging->class, .peer = &judging->peer, .envelope = &judging->envelope, .n_bytes = n_bytes };
}

static int64_t
n_bytes_so_far(const struct judging *judging)
{
	return (int64_t)judging->header.len + judging->n_body_bytes;
}

static void
ask_limits(struct judging *judging, int64_t n_bytes, bool uses)
{
	const struct limited_mail mail = limited_mail(judging, n_bytes);

	(uses ? limits_use : limits_ask)(&judging->limits, &mail, &judging->arena, &judging->verdict);
}

static void
settle_limits(struct judging *judging)
{
	bool goes_on_all_the_same = judging->has_failed && judging->rules->accepts_on_failure;
	const struct limited_mail mail = limited_mail(judging, n_bytes_so_far(judging));

	limits_settle(&judging->limits, &mail, goes_on_all_the_same ? ACTION_ACCEPT : judging->verdict.action);
}

/* --- begin and end --- */

/* Postfix takes what RFC 5321 does not know: a local part alone, which is its own, or none too well-formed. */
static struct address
address_of(const struct judging *judging, struct str path, enum path_kind kind)
{
	struct str rest = path, inside = path;
	struct address address;
	const char *why;
	ptrdiff_t at;

	if (address_parse_path(&rest, kind, true, &address, &why) && rest.len == 0)
		return address;
	if (inside.len > 0 && inside.at[0] == '<')
		inside = str_from(inside, 1);
	if (inside.len > 0 && inside.at[inside.len - 1] == '>')
		inside.len--;
	if (inside.len == 0)
		return (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
	at = str_rfind(inside, '@');
	if (at > 0 && domain_is_valid(str_from(inside, (size_t)at + 1), true))
		return (struct address){ .local = str_sub(inside, 0, (size_t)at), .domain = str_from(inside, (size_t)at + 1) };
	return (struct address){ .local = inside, .domain = str_of(policy_hostname(judging->rules->policy)) };
}

static void
ask_at_mail(struct judging *judging, uint64_t size_bytes)
{
	if (classify_mail(judging, NULL))
		ask_limits(judging, size_bytes == 0 || size_bytes > INT64_MAX ? 1 : (int64_t)size_bytes, false);
}

struct judging *
judging_new(struct judging_world *world, const struct judging_start *start)
{
	struct judging *judging = mem_new(sizeof(*judging));
	struct address from;

	judging->world = world;
	judging->rules = rules_hold(world->rules);
	atomic_init(&judging->n_holders, 1);
	arena_init(&judging->arena, ARENA_MAX_BYTES);
	arena_init(&judging->findings_arena, INSPECT_ARENA_MAX_BYTES);
	buf_init(&judging->header, HEADER_MAX_BYTES);
	judging->verdict = (struct verdict){ .action = ACTION_ACCEPT };
	judging->envelope = (struct envelope){ .envid = STR_EMPTY, .is_smtputf8 = start->is_smtputf8 };
	from = address_of(judging, start->path, PATH_REVERSE);
	judging->limits.rates = world->rates;
	if (!client_read(&start->macros, start->helo, &judging->rules->trust, &judging->arena, &judging->peer) ||
	    !address_copy(&judging->arena, &from, &judging->envelope.reverse_path))
		fail_for_room(judging);
	else if (world->rates != NULL && !locked_rates_are_none(world->rates))
		ask_at_mail(judging, start->size_bytes);
	weigh(judging, 0);
	return judging;
}

bool
judging_is_put_off(const struct judging *judging, struct verdict *verdict_out)
{
	*verdict_out = judging->verdict;
	return judging->verdict.action == ACTION_DEFER && !judging->has_failed;
}

static void
let_go(struct judging *judging)
{
	if (atomic_fetch_sub(&judging->n_holders, 1) > 1)
		return;
	inspect_drop(judging->inspection);
	seal_free(judging->seal);
	buf_fini(&judging->header);
	arena_fini(&judging->findings_arena);
	arena_fini(&judging->arena);
	atomic_fetch_sub(&judging->world->memory_bytes, judging->weighed_bytes);
	rules_release(judging->rules);
	mem_free(judging);
}

void
judging_free(struct judging *judging)
{
	if (judging == NULL)
		return;
	for (int i = 0; judging->is_checking && i < JUDGING_ERRANDS; i++)
		if (errand_forget(&judging->errands[i].errand))
			let_go(judging);
	let_go(judging);
}

void
judging_recipient(struct judging *judging, struct str path)
{
	struct recipient recipient = { .address = address_of(judging, path, PATH_FORWARD), .orcpt = STR_EMPTY };

	if (goes_on(judging) && !envelope_add_recipient(&judging->envelope, &recipient, &judging->arena))
		fail_for_room(judging);
	weigh(judging, 0);
}

/* --- the header --- */

void
judging_field(struct judging *judging, struct str name, struct str value)
{
	if (goes_on(judging) && fields_append(name, value, &judging->header) != 0)
		fail_for_room(judging);
	weigh(judging, 0);
}

static void
begin_seal(struct judging *judging)
{
	const struct seal_inputs inputs = {
		.policy = judging->rules->policy, .source = classify_sign_source(&judging->class, &judging->peer),
		.header = &judging->edited, .now = os_wall_clock(), .is_checked = !judging->peer.is_trusted,
	};

	judging->seal = seal_new(&inputs);
}

static struct judging *
judging_with(struct errand *errand)
{
	return ((struct judging_errand *)(void *)errand)->judging;
}

static void
check(struct judging *judging)
{
	struct fault fault;

	judging->inspection = inspect_begin(&judging->inputs, judging->deadline, &judging->findings_arena, &fault);
}

static void
run_check(struct errand *errand)
{
	check(judging_with(errand));
}

static void
run_ahead_of_spf(struct errand *errand)
{
	struct judging *judging = judging_with(errand);

	ahead_ask_for_spf(&judging->inputs, judging->deadline);
}

static void
run_ahead_of_dmarc(struct errand *errand)
{
	struct judging *judging = judging_with(errand);

	judging->is_dmarc_in_vain = !ahead_ask_for_dmarc(&judging->inputs, judging->deadline);
}

static void
end_errand(struct errand *errand)
{
	let_go(judging_with(errand));
}

/* The checks last: what is asked ahead is asked then already, and they need not ask once more. */
static void
start_errands(struct judging *judging)
{
	static void (*const runs[JUDGING_ERRANDS])(struct errand *errand) =
	    { [CHECK] = run_check, [AHEAD_OF_SPF] = run_ahead_of_spf, [AHEAD_OF_DMARC] = run_ahead_of_dmarc };

	judging->is_checking = true;
	atomic_fetch_add(&judging->n_holders, JUDGING_ERRANDS);
	for (int i = JUDGING_ERRANDS - 1; i >= 0; i--) {
		judging->errands[i] = (struct judging_errand){ .errand = { .run = runs[i], .end = end_errand }, .judging = judging };
		errand_start(judging->world->errands, &judging->errands[i].errand);
	}
}

static bool
needs_dns(const struct judging *judging)
{
	const struct verify_rules *rules = policy_verify_rules(judging->rules->policy);

	return !judging->peer.is_trusted && (rules->spf || rules->dkim || rules->arc);
}

static void
begin_checks(struct judging *judging)
{
	const struct verify_rules *rules = policy_verify_rules(judging->rules->policy);

	judging->deadline = instant_after(os_now(), rules->timeout);
	judging->inputs = (struct inspect_inputs){
		.policy = judging->rules->policy, .peer = &judging->peer, .envelope = &judging->envelope, .header = &judging->section,
		.now = os_wall_clock(), .resolver = judging->world->resolver,
	};
	if (!needs_dns(judging)) {
		check(judging);		/* finds that there is nothing to be checked */
		return;
	}
	weigh(judging, CHECKS_BYTES);
	if (goes_on(judging))
		start_errands(judging);
}

void
judging_header(struct judging *judging)
{
	if (goes_on(judging) && buf_append(&judging->header, STR("\r\n")) != 0)
		fail_for_room(judging);
	if (!goes_on(judging))
		return;
	if (header_read(buf_str(&judging->header), &judging->arena, &judging->section) != 0) {
		judging->verdict = (struct verdict){ .action = ACTION_REJECT, .reply = REPLY(554, 5, 6, 0, "Too many header fields"),
		    .reason = "many-fields" };
		return;
	}
	if (!seal_edits(judging->rules->policy, &judging->section, &judging->arena, &judging->edits) ||
	    !edits_apply(&judging->edits, &judging->section, &judging->arena, &judging->edited)) {
		fail_for_room(judging);
		return;
	}
	judging->has_header = true;
	(void)classify_mail(judging, &judging->section);
	decide_header(judging->rules->policy, &judging->section, judging->rules->received_max, &judging->verdict);
	if (goes_on(judging))
		ask_limits(judging, n_bytes_so_far(judging), false);
	if (goes_on(judging))
		begin_seal(judging);
	if (goes_on(judging))
		begin_checks(judging);
}

/* --- the body --- */

/* Blocks.  False: the mail does not go on. */
static bool
await_checks(struct judging *judging)
{
	if (judging->is_checking && !errand_wait(&judging->errands[CHECK].errand))
		judging_fail(judging, "cut-off");
	else if (goes_on(judging) && judging->has_header && judging->inspection == NULL)
		fail_for_room(judging);
	return goes_on(judging) && judging->has_header;
}

static bool
is_sealed(const struct judging *judging)
{
	return seal_is_signing(judging->seal) || seal_is_sealing(judging->seal);
}

/* It is looked at, and not only counted. */
static bool
reads_body(struct judging *judging)
{
	return goes_on(judging) && await_checks(judging) && (inspect_wants_body(judging->inspection) || is_sealed(judging));
}

bool
judging_wants_body(struct judging *judging)
{
	return goes_on(judging) && (limits_count_bytes(&judging->limits, &judging->class) || reads_body(judging));
}

void
judging_body(struct judging *judging, struct str piece)
{
	judging->n_body_bytes += (int64_t)piece.len;
	if (!reads_body(judging))
		return;
	while (piece.len > 0) {
		struct str part = str_sub(piece, 0, INSPECT_CHUNK_MAX_BYTES);

		if (inspect_wants_body(judging->inspection))
			inspect_body(judging->inspection, part);
		if (is_sealed(judging))
			seal_body(judging->seal, part);
		piece = str_from(piece, part.len);
	}
	weigh(judging, checks_bytes(judging));
}

/* --- the end --- */

static struct stamp_inputs
stamp_inputs(const struct judging *judging)
{
	return (struct stamp_inputs){ .policy = judging->rules->policy, .peer = &judging->peer, .envelope = &judging->envelope,
	    .findings = judging->findings };
}

static struct instant
last_deadline(const struct judging *judging)
{
	struct instant now = os_now();
	struct span last = { policy_verify_rules(judging->rules->policy)->timeout.ns / LAST_PART };
	struct instant least = instant_after(now, last);

	if (judging->is_dmarc_in_vain)
		return instant_min(least, instant_after(now, span_s(IN_VAIN_WAIT_S)));
	return instant_is_before(least, judging->deadline) ? judging->deadline : least;
}

static void
end_checks(struct judging *judging)
{
	if (judging->is_checking)
		(void)errand_wait(&judging->errands[AHEAD_OF_DMARC].errand);
	judging->findings = inspect_end(judging->inspection, last_deadline(judging));
	judging->inspection = NULL;
	if (judging->is_checking && errands_are_stopped(judging->world->errands))
		judging_fail(judging, "cut-off");	/* what was not found out says nothing of the DNS */
	else
		decide_mail(policy_verify_rules(judging->rules->policy), judging->findings, &judging->arena, &judging->verdict);
}

static void
tell_findings(struct judging *judging)
{
	const struct stamp_inputs inputs = stamp_inputs(judging);
	struct buf results;

	buf_init(&results, STAMP_FIELDS_MAX_BYTES);
	if (stamp_results(&inputs, &results) == 0)
		seal_found(judging->seal, &judging->findings->arc, buf_str(&results));
	else
		fail_for_room(judging);
	buf_fini(&results);
}

static void
sign(struct judging *judging)
{
	struct fault fault;

	if (!is_sealed(judging))
		return;
	seal_ready(judging->seal);
	if (seal_sign(judging->seal, &fault) != 0)
		fail(judging, REPLY(451, 4, 3, 0, "Cannot sign this now; try again later"), "signing");
}

void
judging_end(struct judging *judging, struct verdict *verdict_out)
{
	if (goes_on(judging) && judging->has_header)
		ask_limits(judging, n_bytes_so_far(judging), true);
	if (goes_on(judging) && await_checks(judging)) {
		end_checks(judging);
		if (goes_on(judging) && seal_is_sealing(judging->seal))
			tell_findings(judging);
		if (goes_on(judging))
			sign(judging);
	} else if (goes_on(judging)) {
		judging_fail(judging, "no-header");	/* the server left its end out */
	}
	settle_limits(judging);
	*verdict_out = judging->verdict;
}

bool
judging_has_failed(const struct judging *judging)
{
	return judging->has_failed;
}

bool
judging_is_accepted_on_failure(const struct judging *judging)
{
	return judging->rules->accepts_on_failure;
}

/* --- what follows --- */

const struct field_removal *
judging_removals(struct judging *judging, int *n_out)
{
	static const struct field_removal none[1];

	*n_out = judging->has_header ? judging->edits.n_removed : 0;
	return judging->has_header ? fields_removals(&judging->section, &judging->edits, &judging->arena) : none;
}

static bool
append_prefix(const struct judging *judging, struct buf *out)
{
	const struct policy *policy = judging->rules->policy;
	const struct stamp_inputs inputs = stamp_inputs(judging);
	const char *class_field = policy_class_field(policy);

	return seal_fields(judging->seal, out) == 0 &&
	    (!judging->verdict.is_marked || buf_printf(out, "%s\r\n", policy_verify_rules(policy)->mark_field) == 0) &&
	    stamp_fields(&inputs, out) == 0 && (class_field == NULL || classify_field(&judging->class, class_field, out) == 0);
}

const struct field_insertion *
judging_insertions(struct judging *judging, int *n_out)
{
	static const struct field_insertion none[1];
	const struct field_insertion *insertions = NULL;
	struct buf prefix;

	*n_out = 0;
	if (judging->has_failed)
		return none;
	buf_init(&prefix, PREFIX_MAX_BYTES);
	if (append_prefix(judging, &prefix))
		insertions = fields_insertions(buf_str(&prefix), &judging->arena, n_out);
	buf_fini(&prefix);
	return insertions;
}

static const char *
action_word(enum action action)
{
	switch (action) {
	case ACTION_ACCEPT:
		return "accept";
	case ACTION_REJECT:
		return "reject";
	case ACTION_DEFER:
		return "defer";
	}
	return "defer";
}

void
judging_words(const struct judging *judging, struct buf *out)
{
	const struct stamp_inputs inputs = stamp_inputs(judging);
	struct str reason = str_of(judging->verdict.reason), rest = reason, word = STR_EMPTY;	/* "rate, 17 times since the last line" */
	const struct judged judged = { .stamped = &inputs, .verdict = &judging->verdict, .survival = &judging->survival, .seal = judging->seal,
	    .class = &judging->class };

	if (judging->findings != NULL && judged_words(&judged, out))
		return;
	(void)str_take_until(&rest, ',', &word);
	(void)buf_printf(out, "verdict=%s%s%.*s", action_word(judging->verdict.action), reason.len > 0 ? ":" : "", STR_ARG(word));
	if (word.len < reason.len)
		(void)buf_printf(out, " why=\"%.*s\"", STR_ARG(reason));
	if (judging->has_header)
		(void)classify_words(&judging->class, out);
}

const struct peer *
judging_peer(const struct judging *judging)
{
	return &judging->peer;
}

const struct envelope *
judging_envelope(const struct judging *judging)
{
	return &judging->envelope;
}
