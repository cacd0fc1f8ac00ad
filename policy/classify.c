/*
 * classify.c - class and direction of a mail
 */
#include "policy/classify.h"

#define OUTSIDERS_CLASS	"incoming"	/* of who may not relay, where no section says otherwise */

const char *
classify_service(const struct listener_class *classes, int n_classes, struct str daemon_name)
{
	static const char *const built_in[] = { "incoming", "local", "application", "list" };

	for (int i = 0; i < n_classes; i++)
		if (str_eq(daemon_name, str_of(classes[i].listener)))
			return classes[i].class_name;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (str_eq_nocase(daemon_name, str_of(built_in[i])))
			return built_in[i];
	return "local";
}

const char *
mail_direction_text(enum mail_direction direction)
{
	switch (direction) {
	case DIRECTION_INBOUND:
		return "inbound";
	case DIRECTION_OUTBOUND:
		return "outbound";
	case DIRECTION_INTERNAL:
		return "internal";
	}
	return "inbound";
}

static enum mail_direction
find_direction(const struct policy *policy, const struct class_evidence *evidence)
{
	const struct envelope *envelope = evidence->envelope;

	if (!evidence->peer->is_trusted)
		return DIRECTION_INBOUND;
	if (evidence->n_outside != NULL)
		return *evidence->n_outside > 0 ? DIRECTION_OUTBOUND : DIRECTION_INTERNAL;
	for (int i = 0; envelope != NULL && i < envelope->n_recipients; i++)
		if (policy_relay_of(policy, envelope->recipients[i].address.domain) == NULL)
			return DIRECTION_OUTBOUND;
	return DIRECTION_INTERNAL;
}

struct mail_class
classify(const struct policy *policy, const struct class_evidence *evidence)
{
	const struct class_rules *rules = policy_class_rules(policy);
	struct mail_class class = { .direction = find_direction(policy, evidence) };

	class.is_of_section = class_rules_find(rules, evidence, &class.match);
	if (!class.is_of_section && evidence->peer->is_trusted)
		class.match = (struct class_match){ .name = evidence->listener_class,
		    .peer = { .word = "listener", .criterion = evidence->peer->listener } };
	else if (!class.is_of_section)
		class.match = (struct class_match){ .name = OUTSIDERS_CLASS, .peer = { .word = "outsider", .criterion = STR_EMPTY } };
	class.actions = class_rules_actions(rules, str_of(class.match.name));
	return class;
}

/* --- before its class is known --- */

static int64_t
larger_limit(int64_t a, int64_t b)
{
	return a == 0 || b == 0 ? 0 : a > b ? a : b;
}

static void
look_at(struct class_outlook *outlook, const struct class_actions *actions, bool is_first)
{
	int most = actions->recipients_max;

	outlook->message_max_bytes = is_first ? actions->message_max_bytes : larger_limit(outlook->message_max_bytes, actions->message_max_bytes);
	outlook->recipients_max = is_first ? most : (int)larger_limit(outlook->recipients_max, most);
	if (most > 0 && (outlook->recipients_floor == 0 || most < outlook->recipients_floor))
		outlook->recipients_floor = most;
	outlook->has_route |= actions->route != NULL;
}

struct class_outlook
classify_outlook(const struct policy *policy, const struct class_evidence *evidence)
{
	const struct class_rules *rules = policy_class_rules(policy);
	const struct class_actions *possible[CLASS_SECTIONS_MAX];
	struct class_outlook outlook = { .has_route = false };
	bool is_settled;
	int n = class_rules_find_possible(rules, evidence, possible, &is_settled);

	for (int i = 0; i < n; i++)
		look_at(&outlook, possible[i], i == 0);
	if (!is_settled)
		look_at(&outlook, class_rules_actions(rules, str_of(evidence->peer->is_trusted ? evidence->listener_class : OUTSIDERS_CLASS)), n == 0);
	return outlook;
}

bool
classify_is_settled(const struct policy *policy, const struct class_evidence *evidence)
{
	const struct class_actions *possible[CLASS_SECTIONS_MAX];
	bool is_found;
	int n = class_rules_find_possible(policy_class_rules(policy), evidence, possible, &is_found);

	return n == 0 || (n == 1 && is_found);
}

/* --- what follows --- */

static bool
is_named(const struct mail_class *class)
{
	return class->is_of_section && strcmp(class->match.peer.word, "listener") != 0;
}

enum sign_source
classify_sign_source(const struct mail_class *class, const struct peer *peer)
{
	switch (class->actions->signing) {
	case CLASS_SIGNING_OFF:
		return SIGN_SOURCE_CLASS_OFF;
	case CLASS_SIGNING_ON:
		if (is_named(class))
			return SIGN_SOURCE_CLASS;
		break;
	case CLASS_SIGNING_AUTO:
		break;
	}
	return peer->is_trusted ? SIGN_SOURCE_TRUSTED : SIGN_SOURCE_OUTSIDE;
}

static const char *
comma(const struct mail_class *class)
{
	return class->match.mail.word != NULL ? "," : "";
}

static const char *
mail_word(const struct mail_class *class)
{
	return class->match.mail.word != NULL ? class->match.mail.word : "";
}

int
classify_words(const struct mail_class *class, struct buf *out)
{
	size_t said;

	if (buf_printf(out, "%sclass=%s class-by=%s%s%s direction=%s", out->len > 0 ? " " : "", class->match.name,
	    class->match.peer.word, comma(class), mail_word(class), mail_direction_text(class->direction)) != 0)
		return -1;
	said = out->len;
	if (!class_actions_is_none(class->actions) &&
	    (buf_append(out, STR(" class-sets=")) != 0 || class_actions_words(class->actions, out) != 0))
		out->len = said;	/* titles may be long; the class is in the configuration */
	return 0;
}

int
classify_field(const struct mail_class *class, const char *field_name, struct buf *out)
{
	return buf_printf(out, "%s: %s; direction=%s; by=%s%s%s\r\n", field_name, class->match.name,
	    mail_direction_text(class->direction), class->match.peer.word, comma(class), mail_word(class));
}
