/*
 * onward.c - how a mail would go on: asked of the next hop or queued, and what of its proofs holds there
 *
 * What next hops would say is not asked.
 */
#include "policy/class_edits.h"
#include "policy/decide.h"
#include "policy/seal.h"
#include "smtpfwd/deliver/sender.h"
#include "smtpfwd/deliver/view.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/ctl/show.h"

/* --- recipients --- */

/* As receive/forward.c: what is asked while the client waits goes one way, all else another. */
static void
mix(const struct explanation *e, const struct forwarding *forwarding, json_t *step, struct verdict *verdict)
{
	step_bool(step, "other-way", true);
	if (forwarding != NULL && !forwarding->queues_mixed && e->peer.login.len == 0)
		*verdict = (struct verdict){ .action = ACTION_DEFER, .reason = "mixed",
		    .reply = REPLY(452, 4, 5, 3, "It goes another way; send to this recipient in another transaction") };
}

void
explain_way(struct explanation *e, const struct address *recipient, json_t *step, struct verdict *verdict)
{
	const struct forwarding *forwarding = policy_forwarding_of(e->policy, recipient->domain);
	bool is_online = forwarding != NULL && forwarding->is_online;
	char room[POLICY_DESTINATION_MAX];
	struct str way = is_online ? policy_destination_of(e->policy, STR_EMPTY, recipient, room) : STR_EMPTY;

	if (e->envelope.n_recipients == 0) {
		e->way = way;
		e->forwarding = is_online ? forwarding : NULL;
	} else if (!str_eq(way, e->way)) {
		mix(e, e->forwarding != NULL ? e->forwarding : forwarding, step, verdict);
	}
	if (forwarding == NULL || verdict->action != ACTION_ACCEPT)
		return;
	step_text(step, "mode", is_online ? "online" : "queue");
	step_bool(step, "by-recipient", forwarding->is_by_recipient);
	if (is_online) {
		step_number(step, "online-timeout", span_to_s(forwarding->online_timeout));
		step_text(step, "online-4xx", forwarding->queues_4xx ? "queue" : "pass");
	}
}

void
explain_show_way(const json_t *step)
{
	const char *deferred = show_text(step, "online-4xx");

	if (deferred[0] != '\0')
		printf("\n%-10s  it has %llds, then the mail is queued; %s", "", show_number(step, "online-timeout"),
		    strcmp(deferred, "queue") == 0 ? "so is what it defers" : "that it defers is passed on");
	if (json_is_true(json_object_get(step, "by-recipient")))
		printf("\n%-10s  the first of them that has the mailbox takes the mail", "");
	if (json_is_true(json_object_get(step, "other-way")))
		printf("\n%-10s  it goes another way than the one before: the whole mail is queued", "");
}

/* --- the mail --- */

/* The best that a next hop sees of it, as receive/onward.c; by configuration, for no session is there. */
static struct survival_inputs
look_ahead(const struct explanation *e)
{
	struct survival_inputs best = { .view = VIEW_UNKNOWN };
	char room[POLICY_DESTINATION_MAX];

	for (int i = 0; i < e->envelope.n_recipients; i++) {
		const struct address *recipient = &e->envelope.recipients[i].address;
		const struct route_settings *route = explain_route(e->config, policy_destination_of(e->policy, str_of(e->class.match.name), recipient, room));
		const struct identity identity = identity_of_peer(&e->peer);
		struct survival_inputs one = { .view = VIEW_UNKNOWN };

		if (route != NULL) {
			one.view = view_by_rule(&(struct identity_rule){ .means = route->identity, .has_login = route->login != NULL }, &identity);
			one.is_rewritten = sender_srs(route->srs, &e->envelope, one.view != VIEW_OF_US) != NULL;
		}
		if (i == 0 || survive_hope(one.view, one.is_rewritten) > survive_hope(best.view, best.is_rewritten))
			best = one;
	}
	return best;
}

static void
step_survival(json_t *step, const struct survival *survival)
{
	static const char *const words[] = { [SPF_IS_LOST] = "no", [SPF_MAY_SURVIVE] = "maybe", [SPF_SURVIVES] = "yes" };

	step_str(step, "dkim", survival->signature);
	step_text(step, "spf", words[survival->spf]);
	step_bool(step, "doomed", survival->is_doomed);
	step_text(step, "why", survival->reason);
}

/* Where nobody knows whom the next hop sees, what would be if it saw us is told too. */
static void
explain_unseen(struct survival_inputs inputs, json_t *step)
{
	struct survival survival;

	if (inputs.view != VIEW_UNKNOWN)
		return;
	inputs.view = VIEW_OF_US;
	survive(&inputs, &survival);
	step_bool(step, "doomed-if-unseen", survival.is_doomed);
}

bool
explain_survival(struct explanation *e, const struct findings *findings, const struct header_section *section,
    const struct edits *edits, struct seal *seal, struct verdict *verdict)
{
	static const char *const modes[] = { [DOOMED_SEND] = "send", [DOOMED_REJECT] = "reject", [DOOMED_HOLD] = "hold" };
	const struct verify_rules *rules = policy_verify_rules(e->policy);
	struct str signer = seal_signer(seal);
	ptrdiff_t colon = str_find(signer, ':');
	struct survival_inputs inputs = look_ahead(e);
	struct field_changes changes;
	struct survival survival;
	json_t *step;

	if (findings->why_unchecked != NULL || e->is_milter)
		return true;
	seal_changes(e->policy, section, edits, seal_is_signing(seal), &changes);
	class_edits_change(e->class.actions, section, edits, &changes);
	inputs.policy = e->policy;
	inputs.findings = findings;
	inputs.envelope = &e->envelope;
	inputs.changes = &changes;
	inputs.signer = colon > 0 ? str_sub(signer, 0, (size_t)colon) : signer;
	inputs.is_sealed = seal_is_sealing(seal);
	survive(&inputs, &survival);
	decide_doomed(rules, findings, &survival, e->arena, verdict);
	step = step_new(e, "survival");
	step_survival(step, &survival);
	explain_unseen(inputs, step);
	step_text(step, "forward-doomed", modes[rules->doomed]);
	step_bool(step, "held", verdict->is_held);
	e->is_held = verdict->is_held;
	step_verdict(step, verdict);
	return verdict->action == ACTION_ACCEPT;
}

void
explain_show_survival(const json_t *step)
{
	static const struct { const char *why, *text; } texts[] = {
		{ "spf-only", "only SPF speaks for its author, and the next hop sees this relay" },
		{ "spf-rewritten", "only SPF speaks for its author, and MAIL says an SRS address" },
		{ "signature-broken", "the author's signature covers fields that change here" },
	};
	const char *spf = show_text(step, "spf"), *mode = show_text(step, "forward-doomed");
	bool has_dkim = show_text(step, "dkim")[0] != '\0';

	printf("%-10s  ", "Survives");
	if (has_dkim)
		show_member("DKIM of ", step, "dkim");
	if (strcmp(spf, "yes") == 0)
		printf("%sSPF", has_dkim ? ", " : "");
	else if (strcmp(spf, "maybe") == 0)
		printf("%sSPF perhaps", has_dkim ? ", " : "");
	else if (!has_dkim)
		fputs("nothing", stdout);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(show_text(step, "why"), texts[i].why) == 0)
			printf(": %s,\n%-10s  and by DMARC it is to be refused there", texts[i].text, "");
	if (json_is_true(json_object_get(step, "doomed-if-unseen")))
		printf("\n%-10s  where the next hop sees this relay, by DMARC it is to be refused", "");
	if (json_is_true(json_object_get(step, "doomed")) || json_is_true(json_object_get(step, "doomed-if-unseen")))
		printf("\n%-10s  forward-doomed = %s", "", mode);
	putchar('\n');
}
