/*
 * explain_content.c - the steps of the mail itself: may it come in, and what goes, comes and is signed
 */
#include "policy/decide.h"
#include "policy/seal.h"
#include "policy/stamp.h"
#include "smtpfwd/explain.h"

enum { HEADER_MAX_BYTES = 256 * 1024 };	/* as sessions have it */

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
	return (struct verdict){ .action = ACTION_REJECT, .reason = reason, .reply = reply };
}

/* What sessions answer to data like these. */
static struct verdict
judge_data(const struct explain_mail *mail)
{
	unsigned found = mail->decoder.found;

	if (mail->is_too_large)
		return refusal("too-large", REPLY(552, 5, 3, 4, "Message is larger than the fixed maximum"));
	if (data_is_refused(&mail->decoder))
		return refusal("bare-line-end", REPLY(554, 5, 6, 0, "Lines must end in CRLF; a bare CR or LF was found"));
	if ((found & DATA_FOUND_NUL) != 0)
		return refusal("NUL", REPLY(554, 5, 6, 0, "A mail must not contain NUL"));
	if ((found & DATA_FOUND_LONG_LINE) != 0)
		return refusal("long-line", REPLY(554, 5, 6, 0, "A line is too long"));
	return (struct verdict){ .action = ACTION_ACCEPT };
}

static bool
explain_data(struct explanation *e, struct header_section *section_out)
{
	struct verdict verdict = judge_data(e->mail);
	json_t *step = step_new(e, "content");

	if (verdict.action == ACTION_ACCEPT && header_read(buf_str(&e->mail->content), e->arena, section_out) != 0)
		verdict = refusal("too-many-fields", REPLY(554, 5, 6, 0, "Too many header fields"));
	else if (verdict.action == ACTION_ACCEPT && section_out->header_bytes > HEADER_MAX_BYTES)
		verdict = refusal("header-too-large", REPLY(552, 5, 3, 4, "The header section is too large"));
	step_number(step, "bytes", (int64_t)e->mail->content.len);
	if (verdict.action == ACTION_ACCEPT) {
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

	buf_init(&fields, STAMP_FIELDS_MAX_BYTES);
	if (verdict->is_marked)
		buf_printf(&fields, "%s\r\n", policy_verify_rules(e->policy)->mark_field);
	stamp_fields(&inputs, &fields);
	explain_added(e, buf_str(&fields));
	buf_fini(&fields);
}

/* The header section as it will be; false at the arena's limit. */
static bool
explain_removed(struct explanation *e, const struct header_section *section, struct header_section *edited_out)
{
	struct edits edits = { .n_removed = 0 };

	if (!seal_edits(e->policy, section, e->arena, &edits))
		return false;
	for (int i = 0; edits.removed != NULL && i < section->n_fields; i++)
		if (edits.removed[i])
			step_str(step_new(e, "removed"), "field", section->fields[i].whole);
	return edits_apply(&edits, section, e->arena, edited_out);
}

void
explain_content(struct explanation *e)
{
	const struct verdict no_room = { .action = ACTION_DEFER, .reason = "no-room", .reply = REPLY(451, 4, 3, 0, "Cannot take this now") };
	struct header_section section, edited;
	const struct findings *findings;
	struct verdict verdict;

	if (!explain_data(e, &section) || !explain_hops(e, &section))
		return;
	findings = explain_checks(e, &section);
	if (findings == NULL) {
		refuse(e, &no_room);
		return;
	}
	if (!explain_decision(e, findings, &verdict))
		return;
	if (!explain_removed(e, &section, &edited)) {
		refuse(e, &no_room);
		return;
	}
	explain_stamps(e, findings, &verdict);
	explain_signing(e, &edited);
}
