/*
 * decide.c - may it be relayed, does it go round in a circle, and does its author's domain want it refused
 */
#include <string.h>

#include "policy/decide.h"

enum { OWN_PASSES_MAX = 3 };

static void
accept(struct verdict *verdict)
{
	*verdict = (struct verdict){ .action = ACTION_ACCEPT };
}

static void
reject(struct verdict *verdict, const char *reason, struct reply reply)
{
	*verdict = (struct verdict){ .action = ACTION_REJECT, .reply = reply, .reason = reason };
}

static bool
has_way(const struct policy *policy, struct str class_name, const struct address *recipient)
{
	char room[POLICY_DESTINATION_MAX];

	return !str_eq(policy_destination_of(policy, class_name, recipient, room), STR("none"));
}

void
decide_recipient(const struct policy *policy, const struct peer *peer,
    const struct envelope *envelope, const struct address *recipient, bool has_class_route, struct verdict *verdict_out)
{
	if (policy_relay_of(policy, recipient->domain) != NULL) {
		accept(verdict_out);
		return;
	}
	if (!peer->is_trusted) {
		reject(verdict_out, "relay-denied", REPLY(550, 5, 7, 1, "we do not relay for this domain"));
		return;
	}
	if (!has_class_route && !has_way(policy, STR_EMPTY, recipient)) {
		reject(verdict_out, "no-route", REPLY(550, 5, 4, 4, "no relay has this domain and there is no outbound route"));
		return;
	}
	accept(verdict_out);
}

void
decide_class_recipients(const struct mail_class *class, const struct envelope *envelope, struct verdict *verdict_out)
{
	int most = class->actions->recipients_max;

	accept(verdict_out);
	if (most > 0 && envelope->n_recipients > most)
		reject(verdict_out, "class-recipients", REPLY(554, 5, 5, 3, "too many recipients for mail of its class"));
}

void
decide_class(const struct policy *policy, const struct mail_class *class, const struct envelope *envelope,
    struct verdict *verdict_out)
{
	const struct class_actions *actions = class->actions;

	decide_class_recipients(class, envelope, verdict_out);
	if (verdict_out->action != ACTION_ACCEPT)
		return;
	/* With an outbound route all have a way. */
	for (int i = 0; !policy_has_outbound(policy) && actions->route == NULL && i < envelope->n_recipients; i++)
		if (!has_way(policy, str_of(class->match.name), &envelope->recipients[i].address)) {
			reject(verdict_out, "no-route", REPLY(554, 5, 4, 4, "there is no outbound route for mail of its class"));
			return;
		}
}

void
decide_hold(const struct mail_class *class, struct verdict *verdict)
{
	if (!class->actions->is_held || verdict->action != ACTION_ACCEPT || verdict->is_held)
		return;
	verdict->is_held = true;
	verdict->reason = "class";
}

/*
 * A Received field that says "by US" is one that we made, or a forgery that only hurts its
 * sender.  The words before "by" are the client's; a HELO name has no blanks, so the first "by"
 * that stands alone is the field's own (RFC 5321 4.4).
 */
static bool
received_is_ours(struct str value, struct str hostname)
{
	struct str word;
	bool is_behind_by = false;

	while (str_take_word(&value, &word)) {
		word = str_trim(word);
		if (word.len > 0 && word.at[word.len - 1] == ';')
			word.len--;		/* "by HOST; date" */
		if (is_behind_by)
			return str_eq_nocase(word, hostname);
		is_behind_by = str_eq_nocase(word, STR("by"));
	}
	return false;
}

void
decide_header(const struct policy *policy, const struct header_section *header, int received_max,
    struct verdict *verdict_out)
{
	struct str hostname = str_of(policy_hostname(policy));
	int n_received = 0, n_ours = 0;

	for (int at = header_find(header, STR("Received"), 0); at >= 0;
	    at = header_find(header, STR("Received"), at + 1)) {
		n_received++;
		if (received_is_ours(header->fields[at].value, hostname))
			n_ours++;
	}
	if (n_received > received_max) {
		reject(verdict_out, "too-many-hops", REPLY(554, 5, 4, 6, "too many hops, this mail may be looping"));
		return;
	}
	/*
	 * Once may be honest: a mailbox behind the new server that forwards back to an address of ours.
	 * What came through here OWN_PASSES_MAX times goes in a circle.
	 */
	if (n_ours >= OWN_PASSES_MAX) {
		reject(verdict_out, "loop", REPLY(554, 5, 4, 6, "this mail came through here before, it is looping"));
		return;
	}
	accept(verdict_out);
}

static struct str
policy_text(const struct dmarc_result *dmarc, struct arena *arena)
{
	struct str text;

	if (dmarc->deciding != NULL &&
	    arena_printf(arena, &text, "The DMARC policy of %.*s does not let this mail in", STR_ARG(dmarc->deciding->record_domain)))
		return text;
	return STR("The DMARC policy of its author's domain does not let this mail in");
}

void
decide_mail(const struct verify_rules *rules, const struct findings *findings, struct arena *arena,
    struct verdict *verdict_out)
{
	struct reply refusal = REPLY(550, 5, 7, 26, "");

	accept(verdict_out);
	if (!findings->has_dmarc)
		return;
	switch (dmarc_disposition(&findings->dmarc, rules->dmarc)) {
	case DMARC_DELIVER:
		return;
	case DMARC_MARK:
		verdict_out->is_marked = true;
		verdict_out->reason = "dmarc";
		return;
	case DMARC_DEFER:
		*verdict_out = (struct verdict){ .action = ACTION_DEFER, .reason = "dmarc-unsettled",
		    .reply = REPLY(451, 4, 4, 3, "The DNS did not tell the DMARC policy of this mail's author; try again later") };
		return;
	case DMARC_REJECT:
		refusal.text = policy_text(&findings->dmarc, arena);
		reject(verdict_out, "dmarc", refusal);
		return;
	}
}

/* 5.7.20: no signature is right; 5.7.22: some are, but not one of the author's domain; 5.7.21: one is, and cannot go on as it is. */
static struct reply
doomed_reply(const struct findings *findings, const struct survival *survival, struct arena *arena)
{
	const struct dmarc_author *author = findings->dmarc.deciding;
	struct reply reply = REPLY(550, 5, 7, 20, "This mail is forwarded, and DMARC has it refused there: sign it with DKIM");
	struct str domain = author != NULL ? author->domain : STR_EMPTY;
	bool is_broken = strcmp(survival->reason, "signature-broken") == 0;

	for (int i = 0; i < findings->n_dkim; i++)
		if (findings->dkim[i].verdict == DKIM_PASS)
			reply.status.detail = is_broken ? 21 : 22;
	if (is_broken)
		reply.text = STR("This mail is forwarded, and DMARC has it refused there: its signature covers fields that every relay"
		    " changes (Authentication-Results, Received)");
	else if (domain.len > 0)
		(void)arena_printf(arena, &reply.text, "This mail is forwarded, and the DMARC policy of %.*s has it refused there, because"
		    " only SPF speaks for it: sign it with DKIM for %.*s", STR_ARG(domain), STR_ARG(domain));
	return reply;
}

void
decide_doomed(const struct verify_rules *rules, const struct findings *findings, const struct survival *survival,
    struct arena *arena, struct verdict *verdict)
{
	if (!survival->is_doomed)
		return;
	switch (rules->doomed) {
	case DOOMED_SEND:
		return;
	case DOOMED_REJECT:
		reject(verdict, "forward-doomed", doomed_reply(findings, survival, arena));
		verdict->is_blameless = true;
		return;
	case DOOMED_HOLD:
		verdict->is_held = true;
		verdict->reason = "forward-doomed";
		return;
	}
}
