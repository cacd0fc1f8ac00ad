/*
 * test_queue.c - mails in and out of the queue, in fake time: bytes, retries, expiry, reports, turns, restarts
 */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/queue/yard.h"

static struct sim *sim;			/* of the case; each has a world of its own */

static void
in_a_world(const char *name, void (*story)(struct yard *yard))
{
	struct sim_options options = { .seed = sim_seed(7), .disk_bytes = 8 * 1024 * 1024 };
	struct yard yard;

	test_case("%s", name);
	sim = sim_new(&options);
	sim_enter(sim);
	yard_init(&yard, sim);
	expect(yard_run(&yard, story));
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

/* Goes on with the same disk in another process's life. */
static void
restart(struct yard *yard, void (*story)(struct yard *yard))
{
	expect(yard_run(yard, story));
}

static int64_t
seconds_until_due(struct yard *yard, int64_t at_most, enum outcome_kind kind)
{
	struct instant began = os_now();
	struct delivery *d = yard_take(yard, at_most, NULL);

	if (d == NULL)
		return -1;
	yard_settle(yard, d, kind);
	return span_to_s(instant_diff(began, os_now()));
}

/* --- bytes --- */

static void
bytes_story(struct yard *yard)
{
	struct buf content, got;
	static const size_t sizes[] = { 0, 1, 4096, 8 * 1024, 8 * 1024 + 1, 300 * 1024 };

	buf_init(&content, 1024 * 1024);
	buf_init(&got, 1024 * 1024);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct delivery *d;
		struct mail_id id;

		buf_clear(&content);
		yard_content(&content, (int)i, sizes[i]);
		id = yard_put(yard, "b@x.example", buf_str(&content));
		expect(!mail_id_is_none(&id));
		d = yard_take(yard, 1, &got);
		if (!expect(d != NULL))
			break;
		expect(mail_id_eq(&d->mail, &id));
		expect_str(d->destination, STR("x.example"));
		expect_str(d->envelope->reverse_path.local, STR("a"));
		expect_str(d->facts->client, STR("192.0.2.7"));
		expect_int(d->n_recipients, 1);
		expect(str_starts(buf_str(&got), STR("Received: by us\r\n")));
		expect_str(str_from(buf_str(&got), STR("Received: by us\r\n").len), buf_str(&content));
		yard_settle(yard, d, OUTCOME_DELIVERED);
	}
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 0);
	expect_int(yard_count(yard).content_bytes, 0);
	buf_fini(&content);
	buf_fini(&got);
}

/* --- retries --- */

static void
backoff_story(struct yard *yard)
{
	static const int64_t waits[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600 };

	(void)yard_put(yard, "b@x.example", STR("hello"));
	expect_int(seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int64_t s = seconds_until_due(yard, 4000, OUTCOME_DEFERRED);

		expect(s >= waits[i] * 8 / 10 - 1 && s <= waits[i]);
	}
}

static void
restart_keeps_time_story(struct yard *yard)
{
	struct delivery *d;

	sim_step_wall_clock(yard->sim, span_s(-40 * 86400));	/* at boot the clock was wrong */
	d = yard_take(yard, 3601, NULL);
	if (expect(d != NULL)) {
		expect_int(d->n_tries, 1);
		yard_settle(yard, d, OUTCOME_DELIVERED);
	}
}

static void
clock_steps_story(struct yard *yard)
{
	int64_t s;

	(void)yard_put(yard, "b@x.example", STR("hello"));
	expect_int(seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	sim_step_wall_clock(yard->sim, span_s(-30 * 86400));
	s = seconds_until_due(yard, 61, OUTCOME_DEFERRED);
	expect(s >= 47 && s <= 60);
	sim_step_wall_clock(yard->sim, span_s(60 * 86400));
	s = seconds_until_due(yard, 121, OUTCOME_DELIVERED);
	expect(s >= 95 && s <= 120);
}

static void
deferred_once_story(struct yard *yard)
{
	(void)yard_put(yard, "b@x.example", STR("hello"));
	expect_int(seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
}

static void
down_is_no_try_story(struct yard *yard)
{
	struct delivery *d;
	struct outcome down = { .kind = OUTCOME_DEFERRED, .text = STR("connection refused") };

	(void)yard_put(yard, "b@x.example", STR("hello"));
	for (int i = 0; i < 5; i++) {
		d = yard_take(yard, 61, NULL);
		if (!expect(d != NULL))
			return;
		expect_int(d->n_tries, 0);
		queue_settle(yard->queue, d, &down, true);
	}
}

/* --- ends and reports --- */

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

/* --- destinations --- */

static void
turns_story(struct yard *yard)
{
	struct delivery *d[6];
	static const char *const want[] = { "x.example", "y.example", "x.example", "y.example", "x.example", "x.example" };

	for (int i = 0; i < 4; i++)
		(void)yard_put(yard, "b@x.example", STR("many"));
	(void)yard_put(yard, "b@y.example c@x.example", STR("few"));
	(void)yard_put(yard, "b@y.example", STR("few"));
	for (int i = 0; i < 6; i++) {
		d[i] = yard_take(yard, 1, NULL);
		if (expect(d[i] != NULL))
			expect_str(d[i]->destination, str_of(want[i]));
	}
	for (int i = 1; i < 6; i++)			/* oldest first within one */
		if (i != 3 && i != 1)
			expect(mail_id_cmp(&d[i]->mail, &d[0]->mail) > 0);
	for (int i = 0; i < 6; i++)
		yard_settle(yard, d[i], OUTCOME_DELIVERED);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	expect(yard_take(yard, 1, NULL) == NULL);
}

static void
limit_story(struct yard *yard)
{
	struct delivery *first, *second;

	expect(!queue_limit(yard->queue, STR("x.example"), 2, 2));
	for (int i = 0; i < 4; i++)
		(void)yard_put(yard, "b@x.example", STR("hello"));
	first = yard_take(yard, 1, NULL);
	second = queue_take_same(yard->queue, STR("x.example"), yard_in(1));
	expect(first != NULL && second != NULL);
	expect(yard_take(yard, 1, NULL) == NULL);
	expect(queue_take_same(yard->queue, STR("x.example"), yard_in(1)) == NULL);
	yard_settle(yard, first, OUTCOME_DELIVERED);
	first = yard_take(yard, 1, NULL);
	expect(first != NULL);
	queue_give_back(yard->queue, first, yard_in(5));
	yard_settle(yard, second, OUTCOME_DELIVERED);
	expect(queue_limit(yard->queue, STR("x.example"), QUEUE_NO_LIMIT, QUEUE_NO_LIMIT));
	for (int i = 0; i < 2; i++)
		yard_settle(yard, yard_take(yard, 6, NULL), OUTCOME_DELIVERED);
}

/* Large mails came first, and yet small ones get half of what is given out; and the large ones the other half. */
static void
large_story(struct yard *yard)
{
	enum { MAILS = 3, OUT = 4 };
	struct delivery *d[OUT];
	char *large = mem_new(QUEUE_LARGE_BYTES);

	memset(large, 'x', QUEUE_LARGE_BYTES);
	for (int i = 0; i < MAILS; i++)
		(void)yard_put(yard, "b@x.example", str_n(large, QUEUE_LARGE_BYTES));
	mem_free(large);
	for (int i = 0; i < MAILS; i++)
		(void)yard_put(yard, "b@x.example", STR("hello"));
	expect(queue_limit(yard->queue, STR("x.example"), OUT, OUT / 2));
	for (int i = 0; i < OUT; i++) {
		d[i] = yard_take(yard, 1, NULL);
		expect_int(d[i]->content_bytes >= QUEUE_LARGE_BYTES, i % 2);
	}
	expect(yard_take(yard, 1, NULL) == NULL);
	yard_settle(yard, d[0], OUTCOME_DELIVERED);
	d[0] = yard_take(yard, 1, NULL);
	expect(d[0] != NULL && d[0]->content_bytes < QUEUE_LARGE_BYTES);
	yard_settle(yard, d[2], OUTCOME_DELIVERED);
	expect(yard_take(yard, 1, NULL) == NULL);		/* the last one is large, and two are out */
	yard_settle(yard, d[1], OUTCOME_DELIVERED);
	d[1] = yard_take(yard, 1, NULL);
	expect(d[1] != NULL && d[1]->content_bytes >= QUEUE_LARGE_BYTES);
	expect(!queue_limit(yard->queue, STR("x.example"), QUEUE_NO_LIMIT, QUEUE_NO_LIMIT));
	expect(queue_has_mail(yard->queue, STR("x.example")));
	for (int i = 0; i < OUT; i++)
		if (i != 2)
			yard_settle(yard, d[i], OUTCOME_DELIVERED);
	expect(!queue_has_mail(yard->queue, STR("x.example")));
}

static void
probe_story(struct yard *yard)
{
	struct delivery *d;

	for (int i = 0; i < 5; i++)
		(void)yard_put(yard, "b@x.example", STR("hello"));
	d = yard_take(yard, 1, NULL);
	queue_hold_back(yard->queue, STR("x.example"), yard_in(30), "down");
	queue_settle(yard->queue, d, &(struct outcome){ .kind = OUTCOME_DEFERRED, .text = STR("down") }, true);
	expect(yard_take(yard, 28, NULL) == NULL);
	d = yard_take(yard, 5, NULL);
	expect(d != NULL);
	expect(yard_take(yard, 100, NULL) == NULL);	/* one probe, no more */
	queue_hold_back(yard->queue, STR("x.example"), yard_in(300), "down");
	queue_settle(yard->queue, d, &(struct outcome){ .kind = OUTCOME_DEFERRED, .text = STR("down") }, true);
	expect(yard_take(yard, 295, NULL) == NULL);
	d = yard_take(yard, 10, NULL);
	if (!expect(d != NULL))
		return;
	queue_release_destination(yard->queue, STR("x.example"));	/* it answers */
	yard_settle(yard, d, OUTCOME_DELIVERED);
	for (int i = 0; i < 4; i++) {			/* all at once, whatever their own time */
		d = yard_take(yard, 0, NULL);
		if (expect(d != NULL))
			yard_settle(yard, d, OUTCOME_DELIVERED);
	}
}

static void
released_then_deferred_story(struct yard *yard)
{
	for (int i = 0; i < 3; i++)
		(void)yard_put(yard, "b@x.example", STR("hello"));
	for (int i = 0; i < 3; i++)
		expect_int(seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	queue_release_destination(yard->queue, STR("x.example"));
	for (int i = 0; i < 3; i++)
		expect_int(seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	expect(yard_take(yard, 90, NULL) == NULL);	/* not at once again */
	for (int i = 0; i < 3; i++)
		expect(seconds_until_due(yard, 40, OUTCOME_DELIVERED) >= 0);
}

static struct str
all_to_one(void *context, const struct envelope *envelope, const struct recipient *recipient,
    const struct mail_facts *facts)
{
	return STR("smarthost");
}

static void
reroute_story(struct yard *yard)
{
	const struct queue_world world = { .destination_of = all_to_one };
	struct delivery *d;

	(void)yard_put(yard, "b@x.example c@y.example", STR("hello"));
	(void)yard_put(yard, "b@x.example", STR("hello"));
	for (int i = 0; i < 3; i++)
		expect_int(seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	queue_reconfigure(yard->queue, &yard->settings.retry, &world);
	for (int i = 0; i < 2; i++) {
		d = yard_take(yard, 1, NULL);	/* what they heard elsewhere says nothing of this one */
		if (!expect(d != NULL))
			return;
		expect_str(d->destination, STR("smarthost"));
		expect_int(d->n_recipients, d->envelope->n_recipients);
		yard_settle(yard, d, OUTCOME_DELIVERED);
	}
	expect(yard_take(yard, 200, NULL) == NULL);
	expect_int(yard_count(yard).n_mails, 0);
}

/* --- opening --- */

static void
nothing_story(struct yard *yard)
{
}

static void
opens_badly(const char *name, const char *directory, bool is_in_use)
{
	struct sim_options options = { .seed = sim_seed(9), .disk_bytes = 8 * 1024 * 1024 };
	struct yard yard;
	struct loop *loop;
	struct queue_settings settings;
	int other_lock;

	test_case("%s", name);
	sim = sim_new(&options);
	sim_enter(sim);
	yard_init(&yard, sim);
	expect(yard_run(&yard, nothing_story));
	settings = yard.settings;
	settings.directory = directory;
	other_lock = is_in_use ? os_open("/spool/lock", OS_OPEN_WRITE) : -1;
	expect(!is_in_use || os_lock(other_lock) == 0);
	loop = loop_new(10, NULL);
	expect(queue_open(loop, &settings, &yard.world, &yard.log, &yard.fault) == NULL);
	expect(strstr(yard.fault.text, directory) != NULL);
	loop_free(loop);
	if (is_in_use)
		os_close(other_lock);
	expect(yard_run(&yard, nothing_story));
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

static void
put_too_late_story(struct yard *yard)
{
	struct recipient to = { .address = { .local = STR("b"), .domain = STR("x.example") } };
	struct envelope envelope = { .recipients = &to, .n_recipients = 1 };
	struct mail_facts facts = { .arrived = os_wall_clock() };
	struct draft *draft = draft_new(yard->queue);
	struct fault fault;

	expect_int(queue_put(yard->queue, draft, &envelope, &facts, STR(""), os_now(), &fault), -1);
	expect_int(fault.cause, FAULT_TIMED_OUT);
	draft_discard(draft);
	expect(yard_take(yard, 100, NULL) == NULL);	/* its client was told 451 */
	expect_int(yard_count(yard).n_mails, 0);
}

/* --- several lives of one spool --- */

static void
in_two_lives(const char *name, void (*one)(struct yard *yard), void (*two)(struct yard *yard),
    void (*three)(struct yard *yard))
{
	struct sim_options options = { .seed = sim_seed(8), .disk_bytes = 8 * 1024 * 1024 };
	struct yard yard;

	test_case("%s", name);
	sim = sim_new(&options);
	sim_enter(sim);
	yard_init(&yard, sim);
	restart(&yard, one);
	restart(&yard, two);
	if (three != NULL)
		restart(&yard, three);
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

static void
in_and_out(void)
{
	in_a_world("bytes come out as they went in, whatever their number", bytes_story);
	in_a_world("a destination has its turn, however much waits for another", turns_story);
	in_a_world("no more deliveries are out than the limit", limit_story);
	in_a_world("large mails and others take turns, and are limited apart", large_story);
	in_a_world("a destination that failed is probed by one delivery, and drained when it is back", probe_story);
	in_a_world("what is deferred after a release waits its own time", released_then_deferred_story);
	in_a_world("new routes take what waits", reroute_story);
	in_a_world("a put that timed out is undone", put_too_late_story);
	opens_badly("a spool in use is not opened twice", "/spool", true);
	opens_badly("a spool that cannot be made is a fault that names it", "/nowhere/spool", false);
}

static void
times(void)
{
	in_a_world("waits grow by the factor up to the maximum, with 20 % jitter", backoff_story);
	in_a_world("steps of the wall clock change no waits", clock_steps_story);
	in_a_world("a destination that is down costs a mail no try", down_is_no_try_story);
	in_two_lives("no wait is beyond retry.max after a restart, and tries are kept", deferred_once_story,
	    restart_keeps_time_story, NULL);
	in_a_world("what is deferred too long fails", expiry_story);
	in_a_world("so does what is held back too long", expiry_while_held_back_story);
}

static void
reports(void)
{
	in_a_world("a failure is owed, and paid once", failure_is_owed_story);
	in_a_world("of a mail one report is out at a time", one_report_at_a_time_story);
	in_a_world("a report may pay for some, and the next one for the others", paid_in_parts_story);
	in_two_lives("a debt survives a restart", owed_before_restart_story, owed_after_restart_story, nothing_left_story);
	in_a_world("no report for a null reverse-path, nor where NOTIFY leaves it out", who_gets_no_report_story);
	in_a_world("a relayed report where success was asked for", relayed_story);
	in_two_lives("a delay is owed once", warning_story, not_warned_again_story, NULL);
	in_a_world("a report that could not be stored comes again", unpaid_comes_again_story);
}

int
main(void)
{
	in_and_out();
	times();
	reports();
	return test_end();
}
