/*
 * classify.c - class and direction of a mail
 */
#include "policy/classify.h"

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
	for (int i = 0; envelope != NULL && i < envelope->n_recipients; i++)
		if (policy_relay_of(policy, envelope->recipients[i].address.domain) == NULL)
			return DIRECTION_OUTBOUND;
	return DIRECTION_INTERNAL;
}

struct mail_class
classify(const struct policy *policy, const struct class_evidence *evidence)
{
	struct mail_class class = { .direction = find_direction(policy, evidence) };

	class.is_of_section = class_rules_find(policy_class_rules(policy), evidence, &class.match);
	if (class.is_of_section)
		return class;
	if (evidence->peer->is_trusted)
		class.match = (struct class_match){ .name = evidence->listener_class,
		    .peer = { .word = "listener", .criterion = evidence->peer->listener } };
	else
		class.match = (struct class_match){ .name = "incoming", .peer = { .word = "outsider", .criterion = STR_EMPTY } };
	return class;
}

static bool
is_named(const struct mail_class *class)
{
	return class->is_of_section && strcmp(class->match.peer.word, "listener") != 0;
}

enum sign_source
classify_sign_source(const struct mail_class *class, const struct peer *peer)
{
	switch (class->match.signing) {
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
	return buf_printf(out, "%sclass=%s class-by=%s%s%s direction=%s", out->len > 0 ? " " : "", class->match.name,
	    class->match.peer.word, comma(class), mail_word(class), mail_direction_text(class->direction));
}

int
classify_field(const struct mail_class *class, const char *field_name, struct buf *out)
{
	return buf_printf(out, "%s: %s; direction=%s; by=%s%s%s\r\n", field_name, class->match.name,
	    mail_direction_text(class->direction), class->match.peer.word, comma(class), mail_word(class));
}
