/*
 * test_owed.c - the end of a mail's time, and the reports that are owed to its sender, in fake time
 *
 * What a report says is test_reports' (tests/report) matter.
 */
#include "base/mem.h"
#include "tests/queue/yard.h"

static struct owed *
take_owed(struct yard *yard, int64_t seconds)
{
	return queue_take_owed(yard->queue, yard_in(seconds));
}

static int
pay_with_report(struct yard *yard, struct owed *owed)
{
	struct recipient to = { .address = owed->envelope->reverse_path };
	struct envelope envelope = { .recipients = &to, .n_recipients = 1 };
	struct mail_facts facts = { .arrived = os_wall_clock(), .is_report = true };
	struct draft *draft = draft_new(yard->queue);

	expect_int(draft_append(draft, STR("it failed"), yard_in(10), NULL), 0);
	if (queue_pay(yard->queue, owed, draft, &envelope, &facts, STR(""), yard_in(10), NULL) == 0)
		return 0;
	draft_discard(draft);
	return -1;
}

/* Each report names those it paid for, and nobody is forgotten. */
static void
paid_in_parts_story(struct yard *yard)
{
	struct owed *owed;

	yard_put(yard, "b@x.example c@x.example d@x.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	owed = take_owed(yard, 5);
	if (!expect(owed != NULL))
		return;
	expect_int(owed->n_recipients, 3);
	owed->n_recipients = 2;
	expect_int(pay_with_report(yard, owed), 0);
	owed = take_owed(yard, 5);
	if (!expect(owed != NULL))
		return;
	expect_int(owed->n_recipients, 1);
	expect_int(owed->recipients[0].index, 2);
	expect_int(pay_with_report(yard, owed), 0);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_owed, 0);
	expect_int(yard_count(yard).n_mails, 2);		/* the reports */
}

/* Several writers may take reports, but of one mail one at a time: nobody is told twice. */
static void
one_report_at_a_time_story(struct yard *yard)
{
	struct owed *first, *other, *second;
	struct mail_id id = yard_put(yard, "b@x.example c@y.example", STR("hello"));

	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	first = take_owed(yard, 1);
	if (!expect(first != NULL))
		return;
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);	/* the other destination, while that is out */
	expect(take_owed(yard, 5) == NULL);
	(void)yard_put(yard, "d@x.example", STR("another"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	other = take_owed(yard, 1);		/* another mail's does not wait for it */
	if (!expect(other != NULL))
		return;
	expect(!mail_id_eq(&other->mail, &id));
	expect_int(pay_with_report(yard, first), 0);
	second = take_owed(yard, 1);
	if (!expect(second != NULL))
		return;
	expect(mail_id_eq(&second->mail, &id));
	expect_int(second->n_recipients, 1);
	expect_int(pay_with_report(yard, second), 0);

	/* One that could not be made comes again, and does not keep others up meanwhile. */
	queue_give_back_owed(yard->queue, other);
	expect(take_owed(yard, 1) == NULL);
	for (int i = 0; i < 2; i++)		/* the reports */
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	fiber_sleep(yard_in(300));
	id = yard_put(yard, "e@x.example", STR("a third"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	for (int i = 0; i < 2; i++) {		/* nor does it later: what may fail again is not first */
		other = take_owed(yard, 1);
		if (!expect(other != NULL))
			return;
		expect_int(mail_id_eq(&other->mail, &id), i == 0);
		expect_int(pay_with_report(yard, other), 0);
	}
	expect_int(yard_count(yard).n_owed, 0);
}

static void
failure_is_owed_story(struct yard *yard)
{
	struct mail_id id = yard_put(yard, "b@x.example c@x.example", STR("hello"));
	struct delivery *d = yard_take(yard, 1, NULL);
	struct outcome outcomes[2] = {
		{ .kind = OUTCOME_DELIVERED, .reply = REPLY(250, 2, 0, 0, "ok") },
		{ .kind = OUTCOME_FAILED, .reply = REPLY(550, 5, 1, 1, "no such\nuser"), .status = STATUS(5, 1, 1),
		    .remote_mta = STR("mx.x.example") },
	};
	struct owed *owed;

	queue_settle(yard->queue, d, outcomes, false);
	owed = take_owed(yard, 1);
	if (!expect(owed != NULL))
		return;
	expect(mail_id_eq(&owed->mail, &id));
	expect_int(owed->kind, REPORT_FAILED);
	expect_int(owed->n_recipients, 1);
	expect_str(owed->recipients[0].recipient.address.local, STR("c"));
	expect_int(owed->recipients[0].index, 1);
	expect_str(owed->recipients[0].outcome.reply.text, STR("no such\nuser"));
	expect_str(owed->recipients[0].outcome.remote_mta, STR("mx.x.example"));
	expect_int(pay_with_report(yard, owed), 0);
	d = yard_take(yard, 1, NULL);
	if (expect(d != NULL)) {
		expect(address_is_null(&d->envelope->reverse_path));
		expect(d->facts->is_report);
		yard_settle(yard, d, OUTCOME_FAILED);		/* a report that fails is the end of it */
	}
	expect(take_owed(yard, 100) == NULL);
	expect_int(yard_count(yard).n_mails, 0);
}

static void
owed_before_restart_story(struct yard *yard)
{
	(void)yard_put(yard, "b@x.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
}

static void
owed_after_restart_story(struct yard *yard)
{
	struct owed *owed = take_owed(yard, 1);

	if (!expect(owed != NULL))
		return;
	expect_str(owed->recipients[0].outcome.reply.text, STR("no such user"));
	expect_int(queue_pay(yard->queue, owed, NULL, NULL, NULL, STR(""), yard_in(10), NULL), 0);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 0);
}

static void
nothing_left_story(struct yard *yard)
{
	expect_int(yard_count(yard).n_mails, 0);
	expect(yard_take(yard, 1, NULL) == NULL);
	expect(take_owed(yard, 1) == NULL);
}

static void
who_gets_no_report_story(struct yard *yard)
{
	(void)yard_put_from(yard, "", "b@x.example", STR("of nobody"), NULL);
	(void)yard_put(yard, "!b@x.example", STR("asked for none"));
	(void)yard_put(yard, "+b@x.example", STR("asked for success only"));
	for (int i = 0; i < 3; i++)
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	expect(take_owed(yard, 1) == NULL);
	expect_int(yard_count(yard).n_mails, 0);
}

static void
relayed_story(struct yard *yard)
{
	struct owed *owed;

	(void)yard_put(yard, "+b@x.example c@x.example", STR("one asked for success"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_RELAYED);
	owed = take_owed(yard, 1);
	if (!expect(owed != NULL))
		return;
	expect_int(owed->kind, REPORT_RELAYED);
	expect_int(owed->n_recipients, 1);
	expect_str(owed->recipients[0].recipient.address.local, STR("b"));
	expect_int(pay_with_report(yard, owed), 0);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 0);
}

static void
expiry_story(struct yard *yard)
{
	struct instant began = os_now();
	struct delivery *d;
	struct owed *owed;
	int n = 0;

	(void)yard_put(yard, "~b@x.example", STR("hello"));	/* NOTIFY=FAILURE: no delay report */
	while (n < 100 && (d = yard_take(yard, 4000, NULL)) != NULL) {
		yard_settle(yard, d, OUTCOME_DEFERRED);
		n++;
	}
	expect(n > 20 && n < 40);		/* every 48 to 60 minutes, for a day */
	owed = take_owed(yard, 1);
	if (!expect(owed != NULL))
		return;
	expect_int(owed->kind, REPORT_FAILED);
	expect_str(owed->recipients[0].outcome.reply.text, STR("not now"));
	expect_int(owed->recipients[0].outcome.kind, OUTCOME_FAILED);
	expect(span_to_s(instant_diff(began, os_now())) >= 86400);
	expect_int(queue_pay(yard->queue, owed, NULL, NULL, NULL, STR(""), yard_in(1), NULL), 0);
}

static void
expiry_while_held_back_story(struct yard *yard)
{
	struct owed *owed;

	(void)yard_put(yard, "!x@y.example ~b@x.example", STR("hello"));
	queue_hold_back(yard->queue, STR("x.example"), yard_in(30 * 86400), "down");
	queue_hold_back(yard->queue, STR("y.example"), yard_in(30 * 86400), "down");
	expect(take_owed(yard, 86390) == NULL);
	owed = take_owed(yard, 20);
	if (!expect(owed != NULL))
		return;
	expect_int(owed->n_recipients, 1);
	expect_int(owed->recipients[0].outcome.status.detail, 7);
	expect_int(queue_pay(yard->queue, owed, NULL, NULL, NULL, STR(""), yard_in(1), NULL), 0);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 0);
	queue_release_destination(yard->queue, STR("x.example"));
	queue_release_destination(yard->queue, STR("y.example"));
}

static void
warning_story(struct yard *yard)
{
	struct owed *owed;

	(void)yard_put(yard, "b@x.example ~c@x.example", STR("hello"));
	(void)yard_put_from(yard, "", "b@x.example", STR("of nobody"), NULL);
	queue_hold_back(yard->queue, STR("x.example"), yard_in(20 * 3600), "down");
	expect(take_owed(yard, 4 * 3600 - 10) == NULL);
	owed = take_owed(yard, 20);
	if (!expect(owed != NULL))
		return;
	expect_int(owed->kind, REPORT_DELAYED);
	expect_int(owed->n_recipients, 1);
	expect_str(owed->recipients[0].recipient.address.local, STR("b"));
	expect_int(pay_with_report(yard, owed), 0);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	expect(take_owed(yard, 10 * 3600) == NULL);		/* once */
	queue_release_destination(yard->queue, STR("x.example"));
}

static void
not_warned_again_story(struct yard *yard)
{
	expect(take_owed(yard, 6 * 3600) == NULL);
	expect_int(yard_count(yard).n_mails, 2);
}

static void
unpaid_comes_again_story(struct yard *yard)
{
	struct owed *owed;

	(void)yard_put(yard, "b@x.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	owed = take_owed(yard, 1);
	fiber_sleep(yard_in(1));			/* what was settled is durable */
	sim_disk_fail(yard->sim, SIM_SYNC, 1, 1, 5);
	expect_int(pay_with_report(yard, owed), -1);
	expect(take_owed(yard, 50) == NULL);
	owed = take_owed(yard, 20);
	if (expect(owed != NULL))
		expect_int(pay_with_report(yard, owed), 0);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	expect(yard_take(yard, 1, NULL) == NULL);	/* the report whose sync failed does not go out too */
}

int
main(void)
{
	yard_lives("what is deferred too long fails", expiry_story, NULL, NULL);
	yard_lives("so does what is held back too long", expiry_while_held_back_story, NULL, NULL);
	yard_lives("a failure is owed, and paid once", failure_is_owed_story, NULL, NULL);
	yard_lives("of a mail one report is out at a time", one_report_at_a_time_story, NULL, NULL);
	yard_lives("a report may pay for some, and the next one for the others", paid_in_parts_story, NULL, NULL);
	yard_lives("a debt survives a restart", owed_before_restart_story, owed_after_restart_story, nothing_left_story);
	yard_lives("no report for a null reverse-path, nor where NOTIFY leaves it out", who_gets_no_report_story, NULL, NULL);
	yard_lives("a relayed report where success was asked for", relayed_story, NULL, NULL);
	yard_lives("a delay is owed once", warning_story, not_warned_again_story, NULL);
	yard_lives("a report that could not be stored comes again", unpaid_comes_again_story, NULL, NULL);
	return test_end();
}
