/*
 * judging_outcome.c - what becomes of a mail that was judged: what is changed of it, and the words for the log
 */
#include "milter/judging_inside.h"
#include "policy/class_edits.h"
#include "policy/decide_srs.h"
#include "policy/judged.h"
#include "smtpfwd/runtime/os.h"

enum {
	ADDED_MAX_BYTES = CLASS_FIELDS_MAX * CLASS_FIELD_MAX_BYTES,
	PREFIX_MAX_BYTES = 192 * 1024,
	MARK_MAX_BYTES = 1000,
};

_Static_assert((int)SEAL_FIELDS_MAX_BYTES + MARK_MAX_BYTES + (int)CLASSIFY_FIELD_MAX_BYTES + (int)STAMP_FIELDS_MAX_BYTES +
    (int)ADDED_MAX_BYTES <= (int)PREFIX_MAX_BYTES, "room for all fields");

struct stamp_inputs
judging_stamp_inputs(const struct judging *judging)
{
	return (struct stamp_inputs){ .policy = judging->rules->policy, .peer = &judging->peer, .envelope = &judging->envelope,
	    .findings = judging->findings };
}

bool
judging_has_failed(const struct judging *judging)
{
	return judging->has_failed;
}

bool
judging_is_accepted_on_failure(const struct judging *judging)
{
	return judging->rules->accepts_on_failure && judging->has_header && !judging->is_forgery_unknown;
}

/* --- what follows --- */

const struct field_removal *
judging_removals(struct judging *judging, int *n_out)
{
	*n_out = judging->edits.n_removed;
	return fields_removals(&judging->section, &judging->edits, &judging->arena);
}

/* What the class adds, the signature is over. */
static bool
append_added(const struct edits *edits, struct buf *out)
{
	bool has_room = true;

	for (int i = 0; has_room && i < edits->n_added; i++)
		has_room = buf_append(out, edits->added[i].whole) == 0;
	return has_room;
}

static bool
append_prefix(const struct judging *judging, struct buf *out)
{
	const struct policy *policy = judging->rules->policy;
	const struct stamp_inputs inputs = judging_stamp_inputs(judging);
	const char *class_field = policy_class_field(policy);

	return seal_fields(judging->seal, out) == 0 &&
	    (!judging->verdict.is_marked || buf_printf(out, "%s\r\n", policy_verify_rules(policy)->mark_field) == 0) &&
	    stamp_fields(&inputs, out) == 0 && (class_field == NULL || classify_field(&judging->class, class_field, out) == 0) &&
	    append_added(&judging->edits, out);
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

bool
judging_reverse_path(struct judging *judging, struct str *path_out)
{
	struct str text;

	*path_out = STR_EMPTY;
	if (judging->has_failed || judging->class.actions->srs != SRS_WISH_ALWAYS)
		return true;
	if (!decide_srs_sender(judging->rules->policy, os_wall_clock(), &judging->arena, &judging->envelope))
		return false;
	if (address_is_null(&judging->envelope.srs_path))
		return true;
	return address_text(&judging->envelope.srs_path, &judging->arena, &text) &&
	    arena_printf(&judging->arena, path_out, "<%.*s>", STR_ARG(text));
}

void
judging_words(const struct judging *judging, struct buf *out)
{
	const struct stamp_inputs inputs = judging_stamp_inputs(judging);
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
