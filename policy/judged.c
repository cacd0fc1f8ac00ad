/*
 * judged.c - one line in the log of a mail that was judged
 */
#include "policy/judged.h"

static bool
is_worth_a_line(const struct judged *judged)
{
	if (judged->stamped->findings->why_unchecked == NULL || judged->class->is_of_section || !class_actions_is_none(judged->class->actions))
		return true;
	return (seal_is_signing(judged->seal) || judged->stamped->peer->is_trusted) && strcmp(seal_reason(judged->seal), "no-rule") != 0;
}

static void
put_survival(const struct judged *judged, struct buf *out)
{
	const struct survival *survival = judged->survival;

	if (survival->reason != NULL && judged->stamped->findings->why_unchecked == NULL && buf_append(out, STR(" survives=")) == 0)
		survive_words(survival, out);
	if (survival->is_doomed)
		(void)buf_printf(out, " doomed=%s", survival->reason);
}

static void
put_seal(const struct judged *judged, struct buf *out)
{
	const struct seal *seal = judged->seal;
	bool is_accepted = judged->verdict->action == ACTION_ACCEPT;

	if (seal_is_signing(seal) && is_accepted)
		(void)buf_printf(out, " signed=%.*s", STR_ARG(seal_signer(seal)));
	else if (judged->stamped->peer->is_trusted)
		(void)buf_printf(out, " unsigned=%s", seal_is_signing(seal) ? "failed" : seal_reason(seal));
	if (seal_is_sealing(seal) && is_accepted)
		(void)buf_printf(out, " sealed=%.*s:%d", STR_ARG(seal_sealer(seal)), seal_instance(seal));
	else if (seal_unsealed_reason(seal)[0] != '\0')
		(void)buf_printf(out, " unsealed=\"%s\"", seal_unsealed_reason(seal));
}

bool
judged_words(const struct judged *judged, struct buf *out)
{
	if (!is_worth_a_line(judged))
		return false;
	stamp_words(judged->stamped, judged->verdict, out);
	put_survival(judged, out);
	put_seal(judged, out);
	(void)classify_words(judged->class, out);
	return true;
}
