/*
 * content.c - the steps of the mail itself: may it come in, and what goes, comes and is signed
 */
#include "policy/class_edits.h"
#include "policy/decide.h"
#include "policy/seal.h"
#include "policy/stamp.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/receive/refusal.h"

static void
refuse(struct explanation *e, const struct verdict *verdict)
{
	e->action = verdict->action;
	e->reply = verdict->reply;
	e->at = "data";
}

/* --- may it come in? --- */

static struct verdict
refusal(const char *reason, struct reply reply)
{
	return (struct verdict){ .action = ACTION_REJECT, .reply = reply, .reason = reason };
}

/* A session answers what it sees first; an error in the header section, where that is whole, comes before one of the body. */
static struct verdict
judge_bytes(struct explanation *e, struct header_section *section_out)
{
	const struct explain_mail *mail = e->mail;
	bool is_header_seen = !data_is_refused(&mail->decoder) && !mail->is_too_large;

	if (header_read(buf_str(&mail->content), e->arena, section_out) != 0) {
		*section_out = (struct header_section){ .is_cut = true };
		return refusal("too many fields", REFUSAL_TOO_MANY_FIELDS);
	}
	section_out->is_cut &= !is_header_seen;		/* all there is of the mail is the header section */
	if (section_out->header_bytes > CONTENT_HEADER_MAX_BYTES && !e->is_milter)
		return refusal("header too large", REFUSAL_HEADER_TOO_LARGE);
	if (mail->is_too_large)
		return refusal("too large", REFUSAL_TOO_LARGE);
	return refusal_of_data(&mail->decoder);
}

static bool
explain_bytes(struct explanation *e, struct header_section *section_out)
{
	struct verdict verdict = judge_bytes(e, section_out);
	json_t *step = step_new(e, "content");

	step_number(step, "bytes", (int64_t)e->mail->content.len);
	if (!section_out->is_cut) {
		step_number(step, "header-bytes", (int64_t)section_out->header_bytes);
		step_number(step, "fields", section_out->n_fields);
	}
	step_verdict(step, &verdict);
	if (verdict.action != ACTION_ACCEPT)
		refuse(e, &verdict);
	return verdict.action == ACTION_ACCEPT;
}

static bool
explain_hops(struct explanation *e, const struct header_section *section)
{
	json_t *step = step_new(e, "hops");
	struct verdict verdict;

	decide_header(e->policy, section, e->listener->received_max, &verdict);
	step_number(step, "received", header_count(section, STR("Received")));
	step_number(step, "most", e->listener->received_max);
	step_verdict(step, &verdict);
	if (verdict.action != ACTION_ACCEPT)
		refuse(e, &verdict);
	return verdict.action == ACTION_ACCEPT;
}

/* --- what is done with it --- */

static bool
explain_decision(struct explanation *e, const struct findings *findings, struct verdict *verdict_out)
{
	json_t *step = step_new(e, "decision");

	decide_mail(policy_verify_rules(e->policy), findings, e->arena, verdict_out);
	step_verdict(step, verdict_out);
	step_bool(step, "marked", verdict_out->is_marked);
	if (verdict_out->action != ACTION_ACCEPT)
		refuse(e, verdict_out);
	return verdict_out->action == ACTION_ACCEPT;
}

static void
explain_added(struct explanation *e, struct str fields)
{
	struct header_section section;

	if (header_read(fields, e->arena, &section) == 0)
		for (int i = 0; i < section.n_fields; i++)
			step_str(step_new(e, "added"), "field", section.fields[i].whole);
}

static void
explain_stamps(struct explanation *e, const struct findings *findings, const struct verdict *verdict)
{
	struct stamp_inputs inputs = { .policy = e->policy, .peer = &e->peer, .envelope = &e->envelope, .findings = findings };
	struct buf fields;

	buf_init(&fields, STAMP_FIELDS_MAX_BYTES + CLASSIFY_FIELD_MAX_BYTES);
	if (verdict->is_marked)
		buf_printf(&fields, "%s\r\n", policy_verify_rules(e->policy)->mark_field);
	stamp_fields(&inputs, &fields);
	if (policy_class_field(e->policy) != NULL)
		classify_field(&e->class, policy_class_field(e->policy), &fields);
	explain_added(e, buf_str(&fields));
	buf_fini(&fields);
}

static void
explain_removed(struct explanation *e, const struct header_section *section, const struct edits *edits)
{
	for (int i = 0; edits->removed != NULL && i < section->n_fields; i++)
		if (edits->removed[i])
			step_str(step_new(e, "removed"), "field", section->fields[i].whole);
}

/* It is decided by what was found; now by what is left of that behind us, and what is done to it. */
static void
explain_handling(struct explanation *e, const struct header_section *section, const struct findings *findings, struct verdict *verdict)
{
	const struct verdict no_room = { .action = ACTION_DEFER, .reply = REFUSAL_NO_ROOM_FOR_CHECKS };
	struct header_section edited;
	struct edits edits;
	struct seal *seal;

	if (!seal_edits(e->policy, section, e->arena, &edits) || !class_edits(e->class.actions, section, e->arena, &edits) ||
	    !edits_apply(&edits, section, e->arena, &edited)) {
		refuse(e, &no_room);
		return;
	}
	seal = explain_seal(e, &edited);
	if (findings->has_arc)
		seal_found(seal, &findings->arc, STR_EMPTY);
	if (explain_survival(e, findings, section, &edits, seal, verdict)) {
		decide_hold(&e->class, verdict);
		e->is_held = verdict->is_held;
		explain_removed(e, section, &edits);
		for (int i = 0; i < edits.n_added; i++)
			step_str(step_new(e, "added"), "field", edits.added[i].whole);
		explain_stamps(e, findings, verdict);
		explain_signing(e, seal, findings);
	} else {
		refuse(e, verdict);
	}
	seal_free(seal);
}

/* Refused before its header was looked at: where it would go is said by what was known of its class. */
static void
explain_unread(struct explanation *e)
{
	struct class_evidence evidence = explain_evidence(e);

	e->class = classify(e->policy, &evidence);
	explain_destinations(e);
}

void
explain_content(struct explanation *e)
{
	struct header_section section;
	const struct findings *findings;
	struct verdict verdict;

	if (!explain_bytes(e, &section)) {
		explain_unread(e);
		if (!section.is_cut && section.header_bytes <= CONTENT_HEADER_MAX_BYTES)
			explain_hops(e, &section);
		return;
	}
	explain_class(e, &section);
	if (!explain_hops(e, &section) || !explain_bounds(e))
		return;
	findings = explain_checks(e, &section);
	if (findings == NULL)
		return;
	if (explain_decision(e, findings, &verdict))
		explain_handling(e, &section, findings, &verdict);
}
