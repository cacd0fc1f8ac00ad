/*
 * class.c - which class a mail is of, and by what it was found
 */
#include "smtpfwd/control/control.h"
#include "smtpfwd/explain/explain.h"

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

void
explain_class(struct explanation *e, const struct header_section *section)
{
	struct class_evidence evidence = { .peer = &e->peer, .listener_class = e->listener->class_name, .certificate_name = e->peer.tls.verified_name,
	    .envelope = &e->envelope, .header = section };
	json_t *step = step_new(e, "class");

	e->class = classify(e->policy, &evidence);
	step_text(step, "class", e->class.match.name);
	step_bool(step, "section", e->class.is_of_section);
	step_reason(step, "peer", &e->class.match.peer);
	step_reason(step, "mail", &e->class.match.mail);
	step_text(step, "direction", mail_direction_text(e->class.direction));
	step_limits(e, step);
	if (section == NULL)
		step_bool(step, "without-header", true);
}
