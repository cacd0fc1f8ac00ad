/*
 * findings.c - the checks, and what SPF, DKIM, ARC and DMARC found, as steps
 */
#include "mail/date.h"
#include "policy/sender.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/receive/refusal.h"
#include "smtpfwd/runtime/os.h"

static void
explain_spf(struct explanation *e, const struct spf_result *spf)
{
	json_t *step = step_new(e, "spf");

	step_text(step, "identity", spf->identity == SPF_HELO ? "helo" : "mailfrom");
	step_text(step, "result", spf_value_word(spf->value));
	step_str(step, "sender", spf->sender);
	step_str(step, "domain", spf->domain);
	step_str(step, "mechanism", spf->mechanism);
	step_str(step, "mechanism-domain", spf->mechanism_domain);
	step_str(step, "explanation", spf->explanation);
	step_str(step, "problem", spf->problem);
	step_number(step, "lookups", spf->n_dns_terms);
	step_number(step, "void-lookups", spf->n_void_lookups);
}

static void
step_time(json_t *step, const char *key, int64_t time_s)
{
	char room[DATE_TEXT_MAX];

	if (time_s >= 0 && time_s < INT64_MAX / 1000000)
		step_str(step, key, date_iso_text((struct timestamp){ time_s * 1000000 }, room));
}

static void
explain_dkim(struct explanation *e, const struct dkim_result *dkim)
{
	json_t *step = step_new(e, "dkim");

	step_text(step, "result", dkim_verdict_word(dkim->verdict));
	step_str(step, "reason", dkim->reason);
	step_bool(step, "rest", dkim->is_rest);
	step_str(step, "domain", dkim->domain);
	step_str(step, "selector", dkim->selector);
	step_str(step, "identity", dkim->identity);
	step_str(step, "algorithm", dkim->algorithm);
	step_str(step, "canonicalization", dkim->canonicalization);
	step_str(step, "b", dkim->b_prefix);
	if (dkim->key_bits > 0)
		step_number(step, "key-bits", dkim->key_bits);
	step_time(step, "signed", dkim->signed_at_s);
	step_time(step, "expires", dkim->expires_at_s);
	if (dkim->body_limit_bytes >= 0)
		step_number(step, "body-limit", dkim->body_limit_bytes);
	if (dkim->body_unsigned_bytes > 0)
		step_number(step, "body-unsigned", dkim->body_unsigned_bytes);
	step_bool(step, "testing", dkim->is_testing);
	step_bool(step, "dnssec", dkim->is_key_secure);
}

/* How far an author's policy went: what is published, and what is applied. */
static void
step_policy(json_t *step, const struct dmarc_author *author)
{
	const struct dmarc_record *record = &author->record;

	step_str(step, "record-domain", author->record_domain);
	step_str(step, "organization", author->organization);
	step_bool(step, "usable", record->is_usable);
	step_text(step, "p", dmarc_policy_text(record->p));
	if (record->has_sp)
		step_text(step, "sp", dmarc_policy_text(record->sp));
	if (record->has_np)
		step_text(step, "np", dmarc_policy_text(record->np));
	step_text(step, "adkim", record->is_dkim_strict ? "strict" : "relaxed");
	step_text(step, "aspf", record->is_spf_strict ? "strict" : "relaxed");
	step_bool(step, "testing", record->is_testing);
}

static void
step_author(json_t *step, const struct dmarc_author *author)
{
	step_str(step, "from", author->domain);
	step_text(step, "result", dmarc_verdict_text(author->verdict));
	step_text(step, "reason", author->reason);
	if (author->has_record)
		step_policy(step, author);
	switch (author->verdict) {
	case DMARC_PASS:
		step_text(step, "aligned-by", author->is_aligned_by_spf ? "spf" : "dkim");
		step_str(step, "aligned-domain", author->aligned_domain);
		return;
	case DMARC_FAIL:
		step_text(step, "policy-tag", dmarc_policy_tag_text(author->tag));
		step_text(step, "policy", dmarc_policy_text(author->policy));
		step_text(step, "applied", dmarc_policy_text(author->applied));
		return;
	case DMARC_NONE:
	case DMARC_PERMERROR:
	case DMARC_TEMPERROR:
		return;
	}
}

/* A step for the mail; with several authors, one for each before it. */
static void
explain_dmarc(struct explanation *e, const struct dmarc_result *dmarc)
{
	json_t *step;

	for (int i = 0; dmarc->n_authors > 1 && i < dmarc->n_authors; i++)
		step_author(step_new(e, "dmarc-author"), &dmarc->authors[i]);
	step = step_new(e, "dmarc");
	if (dmarc->deciding != NULL)
		step_author(step, dmarc->deciding);
	step_text(step, "result", dmarc_verdict_text(dmarc->verdict));
	if (dmarc->reason != NULL)
		step_text(step, "reason", dmarc->reason);
	step_number(step, "authors", dmarc->n_authors);
	step_bool(step, "incomplete", dmarc->is_incomplete);
	step_number(step, "lookups", dmarc->n_queries);
}

/* --- all of them --- */

/* A check that is not made. */
static json_t *
explain_unchecked(struct explanation *e, const char *name, const char *why)
{
	json_t *step = step_new(e, name);

	step_bool(step, "checked", false);
	step_text(step, "why", why);
	return step;
}

/* A chain's sealers from the first on. */
static void
explain_arc(struct explanation *e, const struct arc_result *arc)
{
	json_t *step = step_new(e, "arc"), *sealers = json_array();

	step_text(step, "result", arc_status_word(arc->status));
	step_str(step, "reason", arc->reason);
	step_bool(step, "temporary", arc->is_temporary);
	if (arc->status != ARC_PASS)
		return json_decref(sealers);
	step_number(step, "oldest-pass", arc->oldest_pass);
	for (int i = 0; i < arc->n_sealers; i++)
		json_array_append_new(sealers, json_pack("{s:o, s:o}", "domain", control_json_str(arc->sealers[i].domain),
		    "selector", control_json_str(arc->sealers[i].selector)));
	json_object_set_new(step, "sealers", sealers);
}

/* The mail's author is not known: what SPF would be worth for one. */
static void
explain_dmarc_without_mail(struct explanation *e, const struct findings *findings)
{
	json_t *step = explain_unchecked(e, "dmarc", "no-mail");

	if (findings->has_spf && findings->spf_mail_from.value == SPF_PASS)
		step_str(step, "spf-domain", findings->spf_mail_from.domain);
}

/* Without the mail only SPF can tell. */
static void
explain_sender(struct explanation *e, const struct findings *findings, bool has_mail)
{
	struct sender_proof proof = sender_prove(findings, &e->envelope, &e->peer);
	json_t *step = step_new(e, "sender");

	step_bool(step, "verified", proof.is_verified);
	step_text(step, "reason", proof.is_verified || has_mail ? proof.reason : "no-mail");
	step_bool(step, "bounced", !address_is_null(&e->envelope.reverse_path) &&
	    (proof.is_verified || !e->config->queue.retry.holds_unverified));
}

static void
explain_found(struct explanation *e, const struct findings *findings, bool has_mail)
{
	const char *why = findings->why_unchecked != NULL ? findings->why_unchecked : "off";

	if (findings->has_spf) {
		explain_spf(e, &findings->spf_helo);
		explain_spf(e, &findings->spf_mail_from);
	} else {
		explain_unchecked(e, "spf", why);
	}
	for (int i = 0; i < findings->n_dkim; i++)
		explain_dkim(e, &findings->dkim[i]);
	if (findings->n_dkim == 0)
		explain_unchecked(e, "dkim", !findings->has_dkim ? why : has_mail ? "no-signature" : "no-mail");
	if (findings->has_arc && has_mail)
		explain_arc(e, &findings->arc);
	if (!findings->has_dmarc)
		explain_unchecked(e, "dmarc", why);
	else if (has_mail)
		explain_dmarc(e, &findings->dmarc);
	else
		explain_dmarc_without_mail(e, findings);
	explain_sender(e, findings, has_mail);
}

const struct findings *
explain_checks(struct explanation *e, const struct header_section *section)
{
	const struct header_section nothing = { .n_fields = 0 };
	struct inspect_inputs inputs = { .policy = e->policy, .peer = &e->peer, .envelope = &e->envelope,
	    .header = section != NULL ? section : &nothing, .now = e->now, .resolver = e->resolver, .verify = e->class.actions->verify };
	struct instant deadline = instant_after(os_now(), policy_verify_rules(e->policy)->timeout);
	struct str body = section != NULL ? str_from(buf_str(&e->mail->content), section->body_at) : STR_EMPTY;
	struct inspection *inspection = inspect_begin(&inputs, deadline, e->arena, NULL);
	const struct findings *findings;

	if (inspection == NULL) {
		e->action = ACTION_DEFER;
		e->reply = REFUSAL_NO_ROOM_FOR_CHECKS;
		e->at = "data";
		return NULL;
	}
	for (size_t at = 0; at < body.len && inspect_wants_body(inspection); at += INSPECT_CHUNK_MAX_BYTES)
		inspect_body(inspection, str_sub(body, at, INSPECT_CHUNK_MAX_BYTES));
	findings = inspect_end(inspection, deadline);
	explain_found(e, findings, section != NULL);
	return findings;
}
