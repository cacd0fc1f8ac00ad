/*
 * storm_operator.c - what the operator of a storm's relay does with its queue
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/relay/storm.h"

enum { OPERATOR_PATIENCE_S = 300, BOUNCED_MAX = 100 };

static uint64_t
dice(const struct storm *storm, uint64_t below)
{
	return sim_random(storm->relay.sim, below);
}

static struct instant
operators_patience(struct storm *storm)
{
	return instant_after(loop_now(storm->relay.loop), span_s(OPERATOR_PATIENCE_S));
}

static void
wait_for(struct storm *storm, int s_min, int s_spread)
{
	fiber_sleep(instant_after(loop_now(storm->relay.loop), span_s(s_min + (int64_t)dice(storm, (uint64_t)s_spread))));
}

void
operator_holds_and_releases(struct storm *storm)
{
	struct queue *queue = storm->relay.queue;
	struct fault fault;
	struct queue_filter filter = { .recipient_domain = STR_EMPTY };
	int domain = (int)dice(storm, STORM_OUTSIDE + 1);
	char name[20];

	snprintf(name, sizeof(name), "d%d.example", domain);
	if (dice(storm, 4) != 0)
		filter.recipient_domain = str_of(name);
	else
		domain = -1;
	queue_hold(queue, &filter, operators_patience(storm), &fault);
	wait_for(storm, 5, 300);
	/* However the disk does: what is held stays held until somebody releases it. */
	classes_let_go(storm->ledger, domain);
	storm->n_releasing++;
	while (queue_release(queue, &filter, operators_patience(storm), &fault) < 0)
		wait_for(storm, 5, 10);
	storm->n_releasing--;
	classes_let_go(storm->ledger, domain);	/* what came meanwhile, too */
}

void
operator_retries(struct storm *storm)
{
	struct queue_filter filter = { .recipient_domain = STR_EMPTY };
	struct fault fault;

	queue_retry_now(storm->relay.queue, &filter, operators_patience(storm), &fault);
	couriers_check_now(storm->relay.couriers, STR_EMPTY);
}

/* --- one mail --- */

static struct storm_mail *
mail_of(struct storm *storm, const struct queue_mail_view *view, int index, struct storm_recipient **recipient_out)
{
	const struct address *address = &view->envelope->recipients[index].address;
	struct storm_mail *mail = NULL;
	struct buf text;

	buf_init(&text, 200);
	buf_append(&text, address->local);
	buf_append_char(&text, '@');
	buf_append(&text, address->domain);
	*recipient_out = ledger_find(storm->ledger, buf_str(&text), &mail, NULL);
	buf_fini(&text);
	return mail;
}

struct choice {
	struct storm	*storm;
	uint64_t	 n_before;	/* mails to pass over */
	bool		 is_to_be_withheld;
	struct storm_mail *mail;	/* NULL: none is found yet */
	struct mail_id	 id;
};

/* Reports are left alone: the ledger could not know that one was owed and removed. */
static bool
choose(void *context, const struct queue_mail_view *view)
{
	struct choice *choice = context;
	struct storm_recipient *recipient;

	if (view->facts->is_report || (choice->is_to_be_withheld && !view->is_withheld) || choice->n_before-- > 0)
		return true;
	choice->mail = mail_of(choice->storm, view, 0, &recipient);
	choice->id = view->id;
	return choice->mail == NULL;
}

static bool
choose_one(struct storm *storm, bool is_to_be_withheld, struct choice *choice)
{
	struct queue_filter filter = { .is_held_only = is_to_be_withheld };

	*choice = (struct choice){ .storm = storm, .n_before = dice(storm, 20), .is_to_be_withheld = is_to_be_withheld };
	queue_list(storm->relay.queue, &filter, choose, choice, operators_patience(storm));
	return choice->mail != NULL;
}

void
operator_removes(struct storm *storm)
{
	struct choice choice;
	struct fault fault;

	if (!choose_one(storm, false, &choice))
		return;
	choice.mail->is_removed = true;
	storm->ledger->counts.n_removed += queue_remove(storm->relay.queue, &(struct queue_filter){ .id = choice.id },
	    operators_patience(storm), &fault) > 0;
}

void
operator_sees_to_the_withheld(struct storm *storm)
{
	struct storm_counts *counts = &storm->ledger->counts;
	struct queue *queue = storm->relay.queue;
	struct queue_filter filter = { .is_held_only = true };
	struct choice choice;
	struct fault fault;
	uint64_t what = dice(storm, 4);

	if (!choose_one(storm, true, &choice))
		return;
	filter.id = choice.id;
	choice.mail->is_bounced |= what < 2;
	choice.mail->is_removed |= what == 2;
	if (what < 2)
		counts->n_bounced += queue_bounce(queue, &filter, operators_patience(storm), &fault) > 0;
	else if (what == 2)
		counts->n_let_off += queue_remove(queue, &filter, operators_patience(storm), &fault) > 0;
	else
		counts->n_let_off += queue_release(queue, &filter, operators_patience(storm), &fault) > 0;
}

/* --- the end --- */

struct last_look {
	struct storm	*storm;
	struct mail_id	 to_bounce[BOUNCED_MAX];
	int		 n_to_bounce;
};

static bool
look_at_last(void *context, const struct queue_mail_view *view)
{
	struct last_look *look = context;
	struct storm *storm = look->storm;
	bool is_to_be_bounced = look->n_to_bounce < BOUNCED_MAX && dice(storm, 2) == 0;

	for (int i = 0; i < view->n_recipients; i++) {
		struct storm_recipient *recipient;
		struct storm_mail *mail;

		if (view->recipients[i].state != QUEUE_WITHHELD || (mail = mail_of(storm, view, i, &recipient)) == NULL)
			continue;
		mail->is_bounced |= is_to_be_bounced;
		recipient->n_withheld += !is_to_be_bounced;
		storm->ledger->counts.n_withheld++;
	}
	if (is_to_be_bounced)
		look->to_bounce[look->n_to_bounce++] = view->id;
	return true;
}

void
operator_ends(struct storm *storm)
{
	struct queue_filter filter = { .is_held_only = true };
	struct last_look look = { .storm = storm };
	struct fault fault;

	expect_int(queue_list(storm->relay.queue, &filter, look_at_last, &look, INSTANT_NEVER), 0);
	for (int i = 0; i < look.n_to_bounce; i++) {
		filter.id = look.to_bounce[i];
		expect_int(queue_bounce(storm->relay.queue, &filter, INSTANT_NEVER, &fault), 1);
		storm->ledger->counts.n_bounced++;
	}
}
