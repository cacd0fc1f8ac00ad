/*
 * class.c - which class a mail is of, and by what it was found
 */
#include <stdio.h>

#include "policy/decide.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/ctl/show.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/receive/refusal.h"

enum { SETS_MAX_BYTES = 1000 };		/* with a route's and a section's title */

/* {"by": "network", "criterion": "10.0.0.40/32"} */
static void
step_reason(json_t *step, const char *key, const struct class_reason *reason)
{
	json_t *told;

	if (reason->word == NULL)
		return;
	told = json_pack("{s:s}", "by", reason->word);
	step_str(told, "criterion", reason->criterion);
	json_object_set_new(step, key, told);
}

/* What is used of them only a running daemon knows. */
static void
step_limits(const struct explanation *e, json_t *step)
{
	const struct class_actions *actions = e->class.actions;
	char room[CLASS_RATE_TEXT_MAX];
	json_t *limits = json_array();

	for (int i = 0; i < actions->n_rates; i++) {
		json_t *limit = json_object();
		const struct class_rate *rate = &actions->rates[i];

		step_str(limit, "limit", class_rate_text(rate, room));
		step_bool(limit, "applies", rate->key != RATE_PER_LOGIN || e->peer.login.len > 0);
		json_array_append_new(limits, limit);
	}
	if (json_array_size(limits) > 0)
		json_object_set(step, "limits", limits);
	json_decref(limits);
}

struct class_evidence
explain_evidence(const struct explanation *e)
{
	return (struct class_evidence){ .peer = &e->peer, .listener_class = e->listener->class_name, .certificate_name = e->peer.tls.verified_name,
	    .envelope = &e->envelope };
}

/* As the log tells it. */
static void
step_sets(json_t *step, const struct class_actions *actions)
{
	struct buf words;

	buf_init(&words, SETS_MAX_BYTES);
	if (class_actions_words(actions, &words) == 0)
		step_str(step, "sets", buf_str(&words));
	buf_fini(&words);
}

void
explain_class(struct explanation *e, const struct header_section *section)
{
	struct class_evidence evidence = explain_evidence(e);
	json_t *step = step_new(e, "class");

	evidence.header = section;
	e->class = classify(e->policy, &evidence);
	e->envelope.srs_wish = e->class.actions->srs;
	class_bounds_settle(&e->bounds, e->class.actions);
	step_text(step, "class", e->class.match.name);
	step_bool(step, "section", e->class.is_of_section);
	step_reason(step, "peer", &e->class.match.peer);
	step_reason(step, "mail", &e->class.match.mail);
	step_text(step, "direction", mail_direction_text(e->class.direction));
	step_sets(step, e->class.actions);
	step_limits(e, step);
	if (section == NULL)
		step_bool(step, "without-header", true);
	explain_destinations(e);
}

bool
explain_bounds(struct explanation *e)
{
	struct verdict verdict;
	json_t *step;

	decide_class(e->policy, &e->class, &e->envelope, &verdict);
	if (verdict.action == ACTION_ACCEPT && class_bounds_is_too_large(&e->bounds, e->mail->content.len))
		verdict = (struct verdict){ .action = ACTION_REJECT, .reason = "class", .reply = CLASS_BOUNDS_TOO_LARGE };
	if (verdict.action == ACTION_ACCEPT)
		return true;
	step = step_new(e, "bounds");
	step_verdict(step, &verdict);
	e->action = verdict.action;
	e->reply = verdict.reply;
	e->at = "data";
	return false;
}

/* --- for people --- */

static void
say(const char *before, const json_t *step, const char *key)
{
	if (show_text(step, key)[0] != '\0')
		show_member(before, step, key);
}

/* "network 10.0.0.40/32", "field Precedence: bulk" */
static void
say_reason(const char *before, const json_t *reason)
{
	if (reason == NULL)
		return;
	show_member(before, reason, "by");
	say(" ", reason, "criterion");
}

static void
show_limit(const json_t *limit)
{
	printf("\n%-10s  ", "");
	show_member("limit ", limit, "limit");
	fputs(json_is_true(json_object_get(limit, "applies")) ? "" : " (it has not logged in: not limited by it)", stdout);
}

void
explain_show_class(const json_t *step)
{
	const json_t *limit;
	size_t i;

	printf("%-10s  ", "Class");
	show_member("", step, "class");
	say_reason(": ", json_object_get(step, "peer"));
	say_reason(", ", json_object_get(step, "mail"));
	show_member("; ", step, "direction");
	say("; it sets ", step, "sets");
	fputs(json_is_true(json_object_get(step, "without-header")) ? "; a header may change it" : "", stdout);
	json_array_foreach(json_object_get(step, "limits"), i, limit)
		show_limit(limit);
	putchar('\n');
}
