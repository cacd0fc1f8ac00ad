/*
 * decide_srs.c - SRS where it meets mail: which recipient is undone, and the form of a reverse-path
 */
#include "mail/xtext.h"
#include "policy/decide_srs.h"

static void
reject(struct verdict *verdict, const char *reason, struct reply reply)
{
	*verdict = (struct verdict){ .action = ACTION_REJECT, .reply = reply, .reason = reason };
}

/* "" where it has no such form: an address in UTF-8 (RFC 6533 3 has another), or one that is too long. */
static bool
make_orcpt(const struct address *address, struct arena *arena, struct str *orcpt_out)
{
	struct str text;
	struct buf wire;
	bool is_done = true;

	*orcpt_out = STR_EMPTY;
	if (!address_is_ascii(address))
		return true;
	if (!address_text(address, arena, &text))
		return false;
	buf_init(&wire, ENVELOPE_ORCPT_MAX_BYTES);
	if (buf_append(&wire, STR("rfc822;")) == 0 && xtext_encode(text, &wire) == 0)
		is_done = arena_copy(arena, buf_str(&wire), orcpt_out);
	buf_fini(&wire);
	return is_done;
}

/* What its sender gets back is a report of mail that we forwarded, so its reverse-path is null (RFC 3464 2). */
static void
decide_undone(const struct policy *policy, const struct envelope *envelope, const struct recipient *undone,
    struct verdict *verdict_out)
{
	char room[POLICY_DESTINATION_MAX];

	if (policy_srs(policy)->takes_reports_only && !address_is_null(&envelope->reverse_path))
		reject(verdict_out, "srs-no-report", REPLY(550, 5, 7, 1, "This address takes only reports, whose reverse-path is null"));
	else if (str_eq(policy_destination_of(policy, STR_EMPTY, &undone->address, room), STR("none")))
		reject(verdict_out, "no-route", REPLY(550, 5, 4, 4, "no relay has this domain and there is no outbound route"));
	else
		*verdict_out = (struct verdict){ .action = ACTION_ACCEPT };
}

bool
decide_srs_recipient(const struct policy *policy, const struct envelope *envelope, const struct recipient *recipient,
    struct timestamp now, struct arena *arena, struct recipient *undone_out, struct verdict *verdict_out)
{
	const struct srs_rules *rules = policy_srs(policy)->rules;
	struct recipient undone = *recipient;

	if (rules == NULL)
		return false;
	switch (srs_reverse(rules, &recipient->address, now, arena, &undone.address)) {
	case SRS_REVERSE_NOT_SRS:
	case SRS_REVERSE_FOREIGN:
		return false;
	case SRS_REVERSE_MALFORMED:
		reject(verdict_out, "srs-malformed", REPLY(550, 5, 1, 1, "No such address here"));
		return true;
	case SRS_REVERSE_FORGED:
		reject(verdict_out, "srs-forged", REPLY(550, 5, 1, 1, "No such address here"));
		return true;
	case SRS_REVERSE_EXPIRED:
		reject(verdict_out, "srs-expired", REPLY(550, 5, 1, 1, "This address was for reports, and is too old for them"));
		return true;
	case SRS_REVERSE_UNDONE:
		if (undone.orcpt.len == 0 && !make_orcpt(&recipient->address, arena, &undone.orcpt))
			break;
		decide_undone(policy, envelope, &undone, verdict_out);
		*undone_out = undone;
		return true;
	case SRS_REVERSE_FAILED:
		break;
	}
	*verdict_out = (struct verdict){ .action = ACTION_DEFER, .reason = "srs-failed",
	    .reply = REPLY(451, 4, 3, 0, "Cannot read this address now; try again later") };
	return true;
}

bool
decide_srs_sender(const struct policy *policy, struct timestamp now, struct arena *arena, struct envelope *envelope)
{
	const struct srs_rules *rules = policy_srs(policy)->rules;

	if (rules == NULL)
		return true;
	switch (srs_forward(rules, &envelope->reverse_path, now, arena, &envelope->srs_path)) {
	case SRS_FORWARD_REWRITTEN:
		envelope->is_sender_ours = policy_is_ours(policy, envelope->reverse_path.domain);
		return address_copy(arena, &envelope->srs_path, &envelope->srs_path);	/* the policy may go before the mail */
	case SRS_FORWARD_NEEDLESS:
	case SRS_FORWARD_TOO_LONG:
		envelope->srs_path = (struct address){ .local = STR_EMPTY };
		return true;
	case SRS_FORWARD_FAILED:
		break;
	}
	envelope->srs_path = (struct address){ .local = STR_EMPTY };
	return false;
}
