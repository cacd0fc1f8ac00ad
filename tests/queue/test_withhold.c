/*
 * test_withhold.c - what fails of a sender who was not verified: held, not reported, not lost; in fake time
 */
#include "base/mem.h"
#include "tests/queue/yard.h"

static const struct queue_filter everything, held = { .is_held_only = true };

static struct owed *
take_owed(struct yard *yard, int64_t seconds)
{
	return queue_take_owed(yard->queue, yard_in(seconds));
}

static void
expect_owed(struct yard *yard, enum report_kind kind, int n_recipients)
{
	struct owed *owed = take_owed(yard, 5);

	if (!expect(owed != NULL))
		return;
	expect_int(owed->kind, kind);
	expect_int(owed->n_recipients, n_recipients);
	expect_int(queue_pay(yard->queue, owed, NULL, NULL, NULL, STR(""), yard_in(10), NULL), 0);
	fiber_sleep(yard_in(1));
}

struct seen {
	int	 n, n_withheld, n_waiting, n_done, n_marked;
	bool	 has_text;
	int64_t	 expires_s;		/* from now */
};

static bool
see(void *context, const struct queue_mail_view *mail)
{
	struct seen *seen = context;

	seen->n++;
	seen->n_marked += mail->is_withheld;
	seen->expires_s = span_to_s(timestamp_diff(os_wall_clock(), mail->expires));
	for (int i = 0; i < mail->n_recipients; i++) {
		const struct queue_recipient_view *view = &mail->recipients[i];

		seen->n_withheld += view->state == QUEUE_WITHHELD;
		seen->n_waiting += view->state == QUEUE_WAITING;
		seen->n_done += view->state == QUEUE_DONE;
		if (view->state == QUEUE_WITHHELD)
			seen->has_text = str_find_str(view->last_text, STR("no such user")) >= 0;
	}
	return true;
}

static struct seen
look(struct yard *yard, const struct queue_filter *filter)
{
	struct seen seen = { .n = 0 };

	expect_int(queue_list(yard->queue, filter, see, &seen, yard_in(10)), 0);
	return seen;
}

static void
put_and_fail(struct yard *yard)
{
	yard->is_unverified = true;
	(void)yard_put(yard, "b@x.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	fiber_sleep(yard_in(1));
}

static void
failure_story(struct yard *yard)
{
	struct seen seen;

	put_and_fail(yard);
	expect(take_owed(yard, 100) == NULL);
	seen = look(yard, &held);
	expect_int(seen.n, 1);
	expect_int(seen.n_marked, 1);
	expect_int(seen.n_withheld, 1);
	expect(seen.has_text);
	expect(seen.expires_s > 10 * 86400 && seen.expires_s <= 11 * 86400);
	expect_int(yard_count(yard).n_held, 1);
	expect_int(yard_count(yard).n_owed, 0);
	expect(yard_has_logged(yard, "held ") && yard_has_logged(yard, "unverified-sender"));
}

static void
still_held_story(struct yard *yard)
{
	struct seen seen = look(yard, &held);

	expect_int(seen.n, 1);
	expect_int(seen.n_withheld, 1);
	expect(seen.has_text);
	expect_int(yard_count(yard).n_held, 1);
	expect(take_owed(yard, 3600) == NULL);
	expect(yard_take(yard, 3600, NULL) == NULL);
}

static void
time_is_over_story(struct yard *yard)
{
	struct instant put = os_now();

	fiber_sleep(yard_in(10 * 86400));
	expect_int(look(yard, &held).n, 1);
	while (yard_count(yard).n_mails > 0 && instant_diff(put, os_now()).ns < span_s(20 * 86400).ns)
		fiber_sleep(yard_in(3600));
	expect_int(yard_count(yard).n_mails, 0);
	expect_int(yard_count(yard).n_held, 0);
	expect(span_to_s(instant_diff(put, os_now())) <= 11 * 86400 + 3600);
	expect(yard_has_logged(yard, "removed ") && yard_has_logged(yard, "hold-expire"));
	expect(take_owed(yard, 100) == NULL);
}

static void
nothing_left_story(struct yard *yard)
{
	expect_int(yard_count(yard).n_mails, 0);
	expect(yard_take(yard, 1, NULL) == NULL);
	expect(take_owed(yard, 1) == NULL);
}

/* --- the operator --- */

static void
release_story(struct yard *yard)
{
	expect_int(queue_release(yard->queue, &held, yard_in(10), NULL), 1);
	expect_int(queue_release(yard->queue, &held, yard_in(10), NULL), 0);
	expect_int(yard_count(yard).n_held, 0);
}

static void
fails_again_story(struct yard *yard)
{
	struct delivery *d = yard_take(yard, 1, NULL);

	expect_int(look(yard, &everything).n_withheld, 0);
	if (!expect(d != NULL))
		return;
	expect_int(d->n_recipients, 1);
	yard_settle(yard, d, OUTCOME_FAILED);
	fiber_sleep(yard_in(1));
	still_held_story(yard);
	expect_int(queue_release(yard->queue, &everything, yard_in(10), NULL), 1);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
}

/* Released when it was too old to be tried for long. */
static void
release_late_story(struct yard *yard)
{
	struct delivery *d;

	put_and_fail(yard);
	fiber_sleep(yard_in(5 * 86400));
	release_story(yard);
	d = yard_take(yard, 1, NULL);
	if (expect(d != NULL))
		yard_settle(yard, d, OUTCOME_DEFERRED);
	expect_int(yard_seconds_until_due(yard, 100, OUTCOME_DELIVERED) > 0, true);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
}

static void
bounce_story(struct yard *yard)
{
	put_and_fail(yard);
	(void)yard_put(yard, "c@y.example", STR("waits"));
	expect_int(queue_bounce(yard->queue, &everything, yard_in(10), NULL), 1);
	expect_int(yard_count(yard).n_held, 0);
	expect_int(yard_count(yard).n_owed, 1);
}

static void
bounced_story(struct yard *yard)
{
	expect_owed(yard, REPORT_FAILED, 1);
	expect_int(yard_count(yard).n_mails, 1);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
}

static void
remove_story(struct yard *yard)
{
	put_and_fail(yard);
	expect_int(queue_remove(yard->queue, &held, yard_in(10), NULL), 1);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_held, 0);
	nothing_left_story(yard);
}

/* It is held as long as any that failed by then, also by whoever reads of it in the log. */
static void
fails_late_story(struct yard *yard)
{
	put_and_fail(yard);
	fiber_sleep(yard_in(10 * 86400));
	release_story(yard);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	fiber_sleep(yard_in(2 * 3600));
	expect(look(yard, &held).expires_s > 9 * 86400);
}

static void
held_long_story(struct yard *yard)
{
	struct seen seen = look(yard, &held);

	expect_int(seen.n_withheld, 1);
	expect(seen.expires_s > 9 * 86400 && seen.expires_s <= 10 * 86400);
}

/* A hold of the operator's stops the other's time. */
static void
hold_story(struct yard *yard)
{
	put_and_fail(yard);
	expect_int(queue_hold(yard->queue, &everything, yard_in(10), NULL), 1);
	expect_int(yard_count(yard).n_held, 1);
	fiber_sleep(yard_in(15 * 86400));
	expect_int(look(yard, &held).n, 1);
	expect_int(queue_release(yard->queue, &everything, yard_in(10), NULL), 1);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
}

/* --- some of the recipients --- */

static void
some_story(struct yard *yard)
{
	struct outcome outcomes[2] = {
		{ .kind = OUTCOME_DELIVERED, .reply = REPLY(250, 2, 0, 0, "ok") },
		{ .kind = OUTCOME_FAILED, .reply = REPLY(550, 5, 1, 1, "no such user"), .status = STATUS(5, 1, 1) },
	};
	struct seen seen;

	yard->is_unverified = true;
	(void)yard_put(yard, "b@x.example c@x.example d@y.example", STR("hello"));
	for (int i = 0; i < 2; i++) {
		struct delivery *d = yard_take(yard, 1, NULL);

		if (!expect(d != NULL))
			return;
		if (d->n_recipients == 2)
			queue_settle(yard->queue, d, outcomes, false);
		else
			yard_settle(yard, d, OUTCOME_DEFERRED);
	}
	seen = look(yard, &held);
	expect_int(seen.n_done, 1);
	expect_int(seen.n_withheld, 1);
	expect_int(seen.n_waiting, 1);
}

/* Those that wait go on as if nothing were held; a release brings back only who failed. */
static void
some_wait_story(struct yard *yard)
{
	struct delivery *d;

	expect(yard_seconds_until_due(yard, 200, OUTCOME_DELIVERED) >= 0);
	expect_int(look(yard, &held).n_withheld, 1);
	expect_int(queue_release(yard->queue, &everything, yard_in(10), NULL), 1);
	d = yard_take(yard, 1, NULL);
	if (!expect(d != NULL && d->n_recipients == 1))
		return;
	expect_str(d->recipients[0].recipient.address.local, STR("c"));
	yard_settle(yard, d, OUTCOME_FAILED);
	fiber_sleep(yard_in(1));
	expect_int(look(yard, &held).n_withheld, 1);
}

/* What waits too long fails, and is held with the others; none is lost before its hold is over. */
static void
expires_story(struct yard *yard)
{
	struct delivery *d;

	yard->is_unverified = true;
	(void)yard_put(yard, "b@x.example c@y.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	while ((d = yard_take(yard, 4000, NULL)) != NULL)
		yard_settle(yard, d, OUTCOME_DEFERRED);
	expect_int(look(yard, &held).n_withheld, 2);
	expect(yard_has_logged(yard, "unreported ") && yard_has_logged(yard, "kind=delay"));
	expect(take_owed(yard, 1) == NULL);
}

/* --- other kinds, and other senders --- */

static void
success_story(struct yard *yard)
{
	yard->is_unverified = true;
	(void)yard_put(yard, "+b@x.example", STR("wants to hear of success"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_RELAYED);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
	expect(yard_has_logged(yard, "kind=success"));
}

static void
nobody_to_tell_story(struct yard *yard)
{
	yard->is_unverified = true;
	(void)yard_put_from(yard, "", "b@x.example", STR("of nobody"), NULL);
	(void)yard_put(yard, "!b@x.example", STR("asked for none"));
	for (int i = 0; i < 2; i++)
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
}

static void
verified_story(struct yard *yard)
{
	(void)yard_put(yard, "b@x.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	expect_int(look(yard, &held).n, 0);
	expect_owed(yard, REPORT_FAILED, 1);
	nothing_left_story(yard);
}

/* --- the setting --- */

static void
setting_story(struct yard *yard)
{
	struct retry_settings retry = yard->settings.retry;

	put_and_fail(yard);
	retry.holds_unverified = false;
	queue_reconfigure(yard->queue, &retry, &yard->world);
	expect_owed(yard, REPORT_FAILED, 1);
	nothing_left_story(yard);
	expect_int(yard_count(yard).n_held, 0);
	put_and_fail(yard);
	yard->settings.retry.holds_unverified = true;
}

/* One that was open, and so went by the new routes before its turn. */
static void
setting_while_open_story(struct yard *yard)
{
	struct retry_settings retry = yard->settings.retry;
	struct delivery *d;

	yard->is_unverified = true;
	(void)yard_put(yard, "b@x.example c@y.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	d = yard_take(yard, 1, NULL);
	retry.holds_unverified = false;
	queue_reconfigure(yard->queue, &retry, &yard->world);
	expect_int(look(yard, &held).n_withheld, 1);
	fiber_sleep(yard_in(1));
	expect_owed(yard, REPORT_FAILED, 1);
	if (expect(d != NULL))
		yard_settle(yard, d, OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
}

static void
owed_then_held_story(struct yard *yard)
{
	expect_int(look(yard, &held).n_withheld, 1);
	yard->settings.retry.holds_unverified = false;
}

static void
held_then_owed_story(struct yard *yard)
{
	expect_owed(yard, REPORT_FAILED, 1);
	nothing_left_story(yard);
}

/* --- the bound --- */

static void
put_and_fail_several(struct yard *yard, int n)
{
	for (int i = 0; i < n; i++)
		put_and_fail(yard);
}

static void
flood_story(struct yard *yard)
{
	struct mail_id first, last;

	yard->settings.retry.hold_max_mails = 4;
	queue_reconfigure(yard->queue, &yard->settings.retry, &yard->world);
	yard->is_unverified = true;
	first = yard_put(yard, "b@x.example", STR("the oldest"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	put_and_fail_several(yard, 3);
	expect_int(look(yard, &held).n, 4);
	put_and_fail(yard);
	last = yard_put(yard, "b@x.example", STR("the newest"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	fiber_sleep(yard_in(1));
	expect_int(look(yard, &held).n, 4);
	expect_int(look(yard, &(struct queue_filter){ .id = first }).n, 0);
	expect_int(look(yard, &(struct queue_filter){ .id = last }).n, 1);
	expect_int(yard_count(yard).n_withheld, 4);
	expect_int(yard_count(yard).n_held, 4);
	expect_int(yard_count(yard).n_let_go, 2);
	expect(yard_has_logged(yard, "removed ") && yard_has_logged(yard, "by=hold-max"));
}

static void
flood_goes_on_story(struct yard *yard)
{
	expect_int(look(yard, &held).n, 4);
	put_and_fail(yard);
	expect_int(look(yard, &held).n, 4);
	expect(take_owed(yard, 1) == NULL);
	yard->settings.retry.hold_max_mails = 2;
}

static void
less_room_story(struct yard *yard)
{
	fiber_sleep(yard_in(1));
	expect_int(look(yard, &held).n, 2);
	expect_int(yard_count(yard).n_mails, 2);
}

/* A mail that brings the content beyond the bound takes more with it than itself. */
static void
large_flood_story(struct yard *yard)
{
	struct buf content;

	yard->settings.retry.hold_max_bytes = 100 * 1024;
	queue_reconfigure(yard->queue, &yard->settings.retry, &yard->world);
	buf_init(&content, 64 * 1024);
	yard_content(&content, 1, 20 * 1000);
	yard->is_unverified = true;
	for (int i = 0; i < 40; i++) {
		(void)yard_put(yard, "b@x.example", buf_str(&content));
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
		fiber_sleep(yard_in(1));
		expect(yard_count(yard).withheld_bytes <= 100 * 1024);
	}
	expect_int(look(yard, &held).n, 4);
	fiber_sleep(yard_in(600));
	expect_int(look(yard, &held).n, 4);
	expect(yard_count(yard).n_segments < 8);
	buf_fini(&content);
}

static void
large_left_story(struct yard *yard)
{
	expect_int(look(yard, &held).n, 4);
	expect(yard_count(yard).withheld_bytes > 80 * 1000);
	expect_int(queue_release(yard->queue, &held, yard_in(10), NULL), 4);
	expect_int(yard_count(yard).withheld_bytes, 0);
	expect_int(queue_remove(yard->queue, &everything, yard_in(10), NULL), 4);
	fiber_sleep(yard_in(1));
	nothing_left_story(yard);
}

/* What an operator holds is wanted, and stays beside a whole bound of others. */
static void
wanted_story(struct yard *yard)
{
	put_and_fail_several(yard, 2);
	expect_int(queue_hold(yard->queue, &everything, yard_in(10), NULL), 2);
	yard->settings.retry.hold_max_mails = 1;
	queue_reconfigure(yard->queue, &yard->settings.retry, &yard->world);
	put_and_fail_several(yard, 3);
	expect_int(look(yard, &held).n, 3);
	expect_int(yard_count(yard).n_withheld, 1);
	expect_int(queue_remove(yard->queue, &held, yard_in(10), NULL), 3);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_withheld, 0);
	expect_int(yard_count(yard).n_held, 0);
}

/* Only who failed is let go of a mail that others wait for. */
static void
let_go_of_some_story(struct yard *yard)
{
	struct delivery *d;

	yard->is_unverified = true;
	(void)yard_put(yard, "b@x.example c@y.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	d = yard_take(yard, 1, NULL);
	fiber_sleep(yard_in(1));
	yard->settings.retry.hold_max_mails = 1;
	queue_reconfigure(yard->queue, &yard->settings.retry, &yard->world);
	put_and_fail_several(yard, 1);
	expect_int(look(yard, &held).n, 1);
	expect(yard_has_logged(yard, "unreported ") && yard_has_logged(yard, "hold-max"));
	if (expect(d != NULL))
		yard_settle(yard, d, OUTCOME_DEFERRED);
}

static void
some_go_on_story(struct yard *yard)
{
	expect_int(look(yard, &held).n, 1);
	expect_int(yard_count(yard).n_mails, 2);
	expect(yard_seconds_until_due(yard, 200, OUTCOME_DELIVERED) >= 0);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 1);
}

/* --- what comes in held --- */

static void
comes_held_story(struct yard *yard)
{
	yard->comes_held = true;
	yard->settings.retry.hold_max_mails = 2;
	queue_reconfigure(yard->queue, &yard->settings.retry, &yard->world);
	for (int i = 0; i < 2; i++)
		(void)yard_put(yard, "b@x.example", STR("held"));
	expect_int(yard_count(yard).n_came_held, 2);
}

static void
no_more_comes_story(struct yard *yard)
{
	struct fault fault = { .cause = FAULT_OTHER };
	struct mail_id id = yard_put_from(yard, "a@sender.example", "b@x.example", STR("too much"), &fault);

	expect(mail_id_is_none(&id));
	expect_int(fault.cause, FAULT_FULL);
	expect_int(yard_count(yard).n_came_held, 2);
	expect_int(look(yard, &held).n, 2);
	expect(yard_take(yard, 20 * 86400, NULL) == NULL);
	yard->comes_held = false;
	(void)yard_put(yard, "b@x.example", STR("any other"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	yard->comes_held = true;
	expect_int(queue_release(yard->queue, &held, yard_in(10), NULL), 2);
	expect_int(yard_count(yard).n_came_held, 0);
	id = yard_put(yard, "b@x.example", STR("one more"));
	expect(!mail_id_is_none(&id));
	for (int i = 0; i < 2; i++)
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
}

static void
one_is_held_story(struct yard *yard)
{
	expect_int(yard_count(yard).n_came_held, 1);
	expect_int(queue_remove(yard->queue, &held, yard_in(10), NULL), 1);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_came_held, 0);
	nothing_left_story(yard);
}

/* --- compaction --- */

/* Enough goes by for the segments to be turned over while one is held. */
static void
turn_over_story(struct yard *yard)
{
	struct buf content;

	put_and_fail(yard);
	yard->is_unverified = false;
	buf_init(&content, 64 * 1024);
	yard_content(&content, 1, 6000);
	for (int i = 0; i < 60; i++) {
		(void)yard_put(yard, "d@y.example", buf_str(&content));
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	}
	fiber_sleep(yard_in(600));
	expect(yard_count(yard).n_segments < 8);
	buf_fini(&content);
}

int
main(void)
{
	yard_lives("a failure is held with its reason and not reported, over restarts", failure_story, still_held_story, still_held_story);
	yard_lives("until its own time is over", put_and_fail, time_is_over_story, nothing_left_story);
	yard_lives("a release tries it again, also behind a restart", put_and_fail, release_story, fails_again_story);
	yard_lives("a late release gives it time", release_late_story, NULL, NULL);
	yard_lives("and where it fails again, a time of its own, over a restart", fails_late_story, held_long_story, NULL);
	yard_lives("the operator bounces it after all, also behind a restart", bounce_story, bounced_story, nothing_left_story);
	yard_lives("the operator removes it", remove_story, nothing_left_story, NULL);
	yard_lives("the operator's own hold is another", hold_story, NULL, NULL);
	yard_lives("of several recipients each goes its way", some_story, some_wait_story, still_held_story);
	yard_lives("what expires is held too, and nobody is told of a delay", expires_story, NULL, NULL);
	yard_lives("nobody is told of success", success_story, NULL, NULL);
	yard_lives("where nobody is to be told nothing is held", nobody_to_tell_story, NULL, NULL);
	yard_lives("a sender who was verified is told", verified_story, NULL, NULL);
	yard_lives("another setting has it reported, or held at the next start", setting_story, owed_then_held_story, held_then_owed_story);
	yard_lives("also where the mail is open just then", setting_while_open_story, NULL, NULL);
	yard_lives("of more than may be held the oldest goes, also at a start", flood_story, flood_goes_on_story, less_room_story);
	yard_lives("also by its size, and the disk has its room back", large_flood_story, large_left_story, nothing_left_story);
	yard_lives("what the operator holds stays", wanted_story, nothing_left_story, NULL);
	yard_lives("who waits in such a mail waits on", let_go_of_some_story, some_go_on_story, NULL);
	yard_lives("what comes in held is bounded too, and refused beyond", comes_held_story, no_more_comes_story, one_is_held_story);
	yard_lives("compaction carries it along", turn_over_story, still_held_story, NULL);
	return test_end();
}
