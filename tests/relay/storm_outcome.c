/*
 * storm_outcome.c - which mail a client of a storm brings to whom, and what came of it
 *
 * A client does as RFC 5321 wants it: who was refused for good is not tried again, nor who took the mail; all others are.
 */
#include "tests/relay/storm.h"

enum { AGAIN_MIN_MS = 30 * 1000, AGAIN_SPREAD_MS = 600 * 1000 };

bool
outcome_is_open(const struct storm_mail *mail, const struct storm_recipient *recipient)
{
	return mail->n_tries < STORM_TRIES_MAX && recipient->n_promised == 0 && !recipient->is_rejected;
}

static bool
is_open(const struct storm_mail *mail)
{
	for (int i = 0; i < mail->n_recipients; i++)
		if (outcome_is_open(mail, &mail->recipients[i]))
			return true;
	return false;
}

void
outcome_count_open(struct storm *storm)
{
	for (int i = 0; i < storm->n_until; i++)
		storm->n_open += is_open(&storm->ledger->mails[i]);
}

int
outcome_next_mail(struct storm *storm, bool wants_ours, bool wants_others)
{
	struct storm_ledger *ledger = storm->ledger;
	int64_t now_ms = storm_now_ms(storm);

	for (int i = storm->first_open; i < storm->n_until; i++) {
		struct storm_mail *mail = &ledger->mails[i];

		if (i == storm->first_open && !is_open(mail))
			storm->first_open++;
		if ((mail->origin == ORIGIN_OURS ? wants_ours : wants_others) && !mail->is_busy && mail->again_ms <= now_ms && is_open(mail))
			return i;
	}
	return -1;
}

bool
outcome_of_rcpt(struct storm *storm, int number, int index, int code)
{
	struct storm_counts *counts = &storm->ledger->counts;
	struct storm_mail *mail = &storm->ledger->mails[number];
	struct storm_recipient *recipient = &mail->recipients[index];

	/* What is no report to an SRS address will never be one: to say "not now" were wrong, but for limits of rate (450). */
	counts->n_strange += mail->returns > RETURN_GOOD && code / 10 == 45 && code != 450;
	if (code == 550) {
		recipient->is_rejected = true;
		counts->n_unreturned += mail->returns > RETURN_GOOD;
		counts->n_rejected += mail->returns <= RETURN_GOOD;
	}
	return code == 250;
}

/* The relay's own refusals of mail (DMARC's by some configurations) are 550; 554 is a next hop's. */
void
outcome_of_mail(struct storm *storm, int number, unsigned taken, bool has_sent_all, int code)
{
	struct storm_mail *mail = &storm->ledger->mails[number];

	for (int i = 0; i < mail->n_recipients && has_sent_all; i++) {
		struct storm_recipient *r = &mail->recipients[i];

		if ((taken >> i & 1) == 0)
			continue;
		r->n_unanswered += code == 0;
		r->is_rejected |= code == 554;
		storm->ledger->counts.n_rejected += code == 554;
		if (code != 250)
			continue;
		r->n_promised++;
		r->promised_ms = storm_now_ms(storm);
		storm->ledger->counts.n_waited_for += r->domain != 2 && r->domain != STORM_OUTSIDE;
	}
	mail->is_busy = false;
	mail->n_tries++;
	mail->again_ms = storm_now_ms(storm) + AGAIN_MIN_MS + (int64_t)sim_random(storm->relay.sim, AGAIN_SPREAD_MS);
	storm->n_open -= !is_open(mail);	/* it was, when its client began */
	storm->ledger->counts.n_refused_by_relay += code >= 400;
}
