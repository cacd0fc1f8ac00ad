/*
 * judging.c - one of Postfix's mails, judged and sealed by policy/ as the relay does it
 */
#include "base/mem.h"
#include "mail/domain.h"
#include "milter/judging_inside.h"
#include "policy/class_bounds.h"
#include "policy/class_edits.h"
#include "policy/decide.h"
#include "smtpfwd/runtime/os.h"

enum {
	HEADER_MAX_BYTES = 1024 * 1024,		/* a field has 100 KB at most in Postfix, by its default */
	/* Of a mail that goes on in spite of a failure, beyond the bound of all; honest mail has 1 KB. */
	FORGED_MAX_BYTES = 32 * 1024,
	/* Fields as structs, twice, beside the findings; recipients; names and values of what is changed. */
	ARENA_MAX_BYTES = INSPECT_ARENA_MAX_BYTES + 8 * 1024 * 1024,
};

/* --- trouble of ours --- */

static void
fail(struct judging *judging, struct reply reply, const char *reason)
{
	if (!judging_goes_on(judging))
		return;
	judging->verdict = (struct verdict){ .action = ACTION_DEFER, .reply = reply, .reason = reason };
	judging->has_failed = true;
}

/* For good: it would be so the next time. */
static void
reject(struct judging *judging, struct reply reply, const char *reason)
{
	if (judging_goes_on(judging))
		judging->verdict = (struct verdict){ .action = ACTION_REJECT, .reply = reply, .reason = reason };
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

void
judging_weigh(struct judging *judging, size_t n_bytes_more)
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
		.n_outside = &judging->n_outside,
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
	bool is_accepted_so = judging->has_failed && judging->rules->accepts_on_failure;
	const struct limited_mail mail = limited_mail(judging, n_bytes_so_far(judging));

	limits_settle(&judging->limits, &mail, is_accepted_so ? ACTION_ACCEPT : judging->verdict.action);
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
	judging_weigh(judging, 0);
	return judging;
}

bool
judging_is_put_off(const struct judging *judging, struct verdict *verdict_out)
{
	*verdict_out = judging->verdict;
	return judging->verdict.action == ACTION_DEFER && !judging->has_failed;
}

void
judging_let_go(struct judging *judging)
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
			judging_let_go(judging);
	judging_let_go(judging);
}

void
judging_recipient(struct judging *judging, struct str path, struct str transport)
{
	struct recipient recipient = { .address = address_of(judging, path, PATH_FORWARD), .orcpt = STR_EMPTY };

	if (judging_goes_on(judging) && !envelope_add_recipient(&judging->envelope, &recipient, &judging->arena))
		fail_for_room(judging);
	judging->n_outside += policy_relay_of(judging->rules->policy, recipient.address.domain) == NULL &&
	    !rules_is_local_transport(judging->rules, transport);
	judging_weigh(judging, 0);
}

/* --- the header --- */

/* Of these nobody else's may stay, also where the mail goes on without having been judged. */
static bool
is_ours_to_say(const struct judging *judging, struct str name)
{
	const char *class_field = policy_class_field(judging->rules->policy);

	return str_eq_nocase(name, STR("Authentication-Results")) || (class_field != NULL && str_eq_nocase(name, str_of(class_field)));
}

/* Of a mail that is not judged: whether it matters for one that goes on all the same, where they are few. */
static bool
is_kept_of_failed(struct judging *judging, struct str name, struct str value)
{
	if (!judging->has_failed || !judging->rules->accepts_on_failure || !is_ours_to_say(judging, name))
		return false;
	judging->forged_bytes += name.len + value.len;
	if (judging->forged_bytes > FORGED_MAX_BYTES)
		judging->is_forgery_unknown = true;
	return !judging->is_forgery_unknown;
}

void
judging_field(struct judging *judging, struct str name, struct str value)
{
	if (!judging_goes_on(judging) && !is_kept_of_failed(judging, name, value)) {
		if (!judging->rules->accepts_on_failure || judging->is_forgery_unknown)
			buf_fini(&judging->header);		/* nobody will read it */
		judging_weigh(judging, 0);
		return;
	}
	if (fields_append(name, value, &judging->header) != 0) {
		judging->is_forgery_unknown = true;	/* where the mail was to go on in spite of a failure */
		reject(judging, REPLY(552, 5, 3, 4, "The header section is too large"), "header-size");
	}
	judging->n_fields++;
	judging_weigh(judging, 0);
}

static void
begin_seal(struct judging *judging)
{
	const struct seal_inputs inputs = {
		.policy = judging->rules->policy, .source = classify_sign_source(&judging->class, &judging->peer), .sign_as = judging->class.actions->sign_as,
		.header = &judging->edited, .now = os_wall_clock(),
		.is_checked = class_verify_why_not(judging->class.actions->verify, &judging->peer) == NULL,
	};

	judging->seal = seal_new(&inputs);
}

static bool
edit_header(struct judging *judging)
{
	const struct class_actions *actions = judging->class.actions;

	return seal_edits(judging->rules->policy, &judging->section, &judging->arena, &judging->edits) &&
	    class_edits(actions, &judging->section, &judging->arena, &judging->edits) &&
	    edits_apply(&judging->edits, &judging->section, &judging->arena, &judging->edited);
}

static void
check_size(struct judging *judging)
{
	int64_t max_bytes = judging->class.actions->message_max_bytes;

	if (max_bytes > 0 && n_bytes_so_far(judging) > max_bytes)
		reject(judging, CLASS_BOUNDS_TOO_LARGE, "class-size");
}

static void
decide_by_header(struct judging *judging)
{
	decide_header(judging->rules->policy, &judging->section, judging->rules->received_max, &judging->verdict);
	if (judging_goes_on(judging))
		decide_class_recipients(&judging->class, &judging->envelope, &judging->verdict);
	check_size(judging);
	if (judging_goes_on(judging))
		ask_limits(judging, n_bytes_so_far(judging), false);
}

/* Reads it, and takes away what nobody else may say.  False: the mail does not go on. */
static bool
read_header(struct judging *judging)
{
	if (buf_append(&judging->header, STR("\r\n")) != 0) {
		fail_for_room(judging);
		return false;
	}
	if (header_read(buf_str(&judging->header), &judging->arena, &judging->section) != 0) {
		reject(judging, REPLY(554, 5, 6, 0, "Too many header fields"), "many-fields");
		return false;
	}
	/* Behind a field that we do not see others could hide. */
	if (judging->section.n_fields != judging->n_fields) {
		reject(judging, REPLY(554, 5, 6, 0, "A header that cannot be read"), "odd-header");
		return false;
	}
	(void)classify_mail(judging, &judging->section);
	judging->has_header = edit_header(judging);
	if (!judging->has_header)
		fail_for_room(judging);
	return judging->has_header;
}

void
judging_header(struct judging *judging)
{
	bool is_read;

	if (!judging_goes_on(judging) && !judging->has_failed)
		return;
	is_read = read_header(judging);
	judging_weigh(judging, 0);
	if (!is_read || !judging_goes_on(judging))
		return;
	decide_by_header(judging);
	if (!judging_goes_on(judging))
		return;
	begin_seal(judging);
	judging_begin_checks(judging);
}

/* --- the body --- */

static bool
is_sealed(const struct judging *judging)
{
	return seal_is_signing(judging->seal) || seal_is_sealing(judging->seal);
}

/* It is looked at, and not only counted. */
static bool
reads_body(struct judging *judging)
{
	return judging_goes_on(judging) && judging_await_checks(judging) && (inspect_wants_body(judging->inspection) || is_sealed(judging));
}

static bool
counts_body(const struct judging *judging)
{
	return judging->has_header && (judging->class.actions->message_max_bytes > 0 || limits_count_bytes(&judging->limits, &judging->class));
}

bool
judging_wants_body(struct judging *judging)
{
	return judging_goes_on(judging) && (counts_body(judging) || reads_body(judging));
}

void
judging_body(struct judging *judging, struct str piece)
{
	judging->n_body_bytes += (int64_t)piece.len;
	check_size(judging);
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
	judging_weigh(judging, checks_bytes(judging));
}

/* --- the end --- */

static void
tell_findings(struct judging *judging)
{
	const struct stamp_inputs inputs = judging_stamp_inputs(judging);
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
	if (judging_goes_on(judging) && judging->has_header)
		ask_limits(judging, n_bytes_so_far(judging), true);
	if (judging_goes_on(judging) && judging_await_checks(judging)) {
		judging_end_checks(judging);
		if (judging_goes_on(judging) && seal_is_sealing(judging->seal))
			tell_findings(judging);
		decide_hold(&judging->class, &judging->verdict);
		if (judging_goes_on(judging))
			sign(judging);
	} else if (judging_goes_on(judging)) {
		judging_fail(judging, "no-header");	/* the server left its end out */
	}
	settle_limits(judging);
	*verdict_out = judging->verdict;
}

