/*
 * test_queue.c - mails in and out of the queue, in fake time: bytes, retries, turns, restarts
 */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/queue/yard.h"

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
	expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int64_t s = yard_seconds_until_due(yard, 4000, OUTCOME_DEFERRED);

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
	expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	sim_step_wall_clock(yard->sim, span_s(-30 * 86400));
	s = yard_seconds_until_due(yard, 61, OUTCOME_DEFERRED);
	expect(s >= 47 && s <= 60);
	sim_step_wall_clock(yard->sim, span_s(60 * 86400));
	s = yard_seconds_until_due(yard, 121, OUTCOME_DELIVERED);
	expect(s >= 95 && s <= 120);
}

static void
deferred_once_story(struct yard *yard)
{
	(void)yard_put(yard, "b@x.example", STR("hello"));
	expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
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

/* --- a part of a delivery --- */

static void
part_story(struct yard *yard)
{
	const struct outcome outcomes[] = { { .kind = OUTCOME_DEFERRED }, { .kind = OUTCOME_DELIVERED }, { .kind = OUTCOME_DEFERRED } };
	struct delivery *d;

	(void)yard_put(yard, "b@x.example c@x.example d@x.example e@y.example", STR("hello"));
	d = yard_take(yard, 1, NULL);
	if (d != NULL && d->n_recipients == 1) {	/* y.example's came first */
		yard_settle(yard, d, OUTCOME_DELIVERED);
		d = yard_take(yard, 1, NULL);
	}
	if (!expect(d != NULL) || !expect_int(d->n_recipients, 3))
		return;
	queue_settle_part(yard->queue, d, outcomes, (const bool[]){ false, true, false });
	expect_int(d->n_recipients, 2);
	expect_str(d->recipients[0].recipient.address.local, STR("b"));
	expect_str(d->recipients[1].recipient.address.local, STR("d"));
	expect_int(yard_count(yard).n_delivered, 2);
	expect_int(yard_count(yard).n_in_delivery, 1);
	queue_settle_part(yard->queue, d, outcomes, (const bool[]){ false, false });
	expect_int(d->n_recipients, 2);
	queue_give_back(yard->queue, d, yard_in(0));
}

static void
rest_story(struct yard *yard)
{
	struct delivery *d = yard_take(yard, 1, NULL);

	if (!expect(d != NULL) || !expect_int(d->n_recipients, 2))
		return;
	expect_str(d->recipients[0].recipient.address.local, STR("b"));
	expect_str(d->recipients[1].recipient.address.local, STR("d"));
	expect_int(d->n_tries, 0);
	queue_settle_part(yard->queue, d, &(const struct outcome){ .kind = OUTCOME_DELIVERED }, (const bool[]){ true, false });
	yard_settle(yard, d, OUTCOME_DELIVERED);
}

static void
no_rest_story(struct yard *yard)
{
	expect(yard_take(yard, 100, NULL) == NULL);
	expect_int(yard_count(yard).n_mails, 0);
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

/* One after the other through one place, and none beside it. */
static void
next_story(struct yard *yard)
{
	struct delivery *d[3], *large;
	char *content = mem_new(QUEUE_LARGE_BYTES);
	struct mail_id second;

	(void)queue_limit(yard->queue, STR("x.example"), 1, 0);
	for (int i = 0; i < 3; i++)
		(void)yard_put(yard, "b@x.example", STR("hello"));
	d[0] = yard_take(yard, 1, NULL);
	d[1] = queue_take_next(yard->queue, d[0], true, yard_in(1));
	expect(d[1] != NULL && yard_take(yard, 1, NULL) == NULL);
	second = d[1]->mail;
	yard_settle(yard, d[0], OUTCOME_DELIVERED);
	expect(yard_take(yard, 1, NULL) == NULL);		/* the place is the second one's */
	queue_give_back_first(yard->queue, d[1]);
	d[1] = yard_take(yard, 1, NULL);
	expect(d[1] != NULL && mail_id_eq(&d[1]->mail, &second));
	(void)queue_limit(yard->queue, STR("x.example"), 2, 0);
	expect(queue_take_next(yard->queue, d[1], true, yard_in(1)) == NULL);	/* there is room beside it */
	d[2] = queue_take_next(yard->queue, d[1], false, yard_in(1));
	expect(d[2] != NULL);
	memset(content, 'x', QUEUE_LARGE_BYTES);
	(void)yard_put(yard, "b@x.example", str_n(content, QUEUE_LARGE_BYTES));
	mem_free(content);
	expect(queue_take_next(yard->queue, d[2], false, yard_in(1)) == NULL);	/* no large one in a small one's place */
	yard_settle(yard, d[1], OUTCOME_DELIVERED);
	yard_settle(yard, d[2], OUTCOME_DEFERRED);
	expect(queue_limit(yard->queue, STR("x.example"), 1, 1));
	large = yard_take(yard, 1, NULL);
	expect(large != NULL && large->content_bytes >= QUEUE_LARGE_BYTES);
	yard_settle(yard, large, OUTCOME_DELIVERED);
	d[2] = yard_take(yard, 10000, NULL);
	expect(d[2] != NULL && yard_take(yard, 1, NULL) == NULL);
	yard_settle(yard, d[2], OUTCOME_DELIVERED);
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
		expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	queue_release_destination(yard->queue, STR("x.example"));
	for (int i = 0; i < 3; i++)
		expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	expect(yard_take(yard, 90, NULL) == NULL);	/* not at once again */
	for (int i = 0; i < 3; i++)
		expect(yard_seconds_until_due(yard, 40, OUTCOME_DELIVERED) >= 0);
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
		expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
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
	struct sim *sim;

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

static void
in_and_out(void)
{
	yard_lives("a part of a delivery is settled, and over a restart the rest comes", part_story, rest_story, no_rest_story);
	yard_lives("bytes come out as they went in, whatever their number", bytes_story, NULL, NULL);
	yard_lives("a destination has its turn, however much waits for another", turns_story, NULL, NULL);
	yard_lives("no more deliveries are out than the limit", limit_story, NULL, NULL);
	yard_lives("the next one may have the place of the one before, and is the first again when it is given back", next_story, NULL, NULL);
	yard_lives("large mails and others take turns, and are limited apart", large_story, NULL, NULL);
	yard_lives("a destination that failed is probed by one delivery, and drained when it is back", probe_story, NULL, NULL);
	yard_lives("what is deferred after a release waits its own time", released_then_deferred_story, NULL, NULL);
	yard_lives("new routes take what waits", reroute_story, NULL, NULL);
	yard_lives("a put that timed out is undone", put_too_late_story, NULL, NULL);
	opens_badly("a spool in use is not opened twice", "/spool", true);
	opens_badly("a spool that cannot be made is a fault that names it", "/nowhere/spool", false);
}

static void
times(void)
{
	yard_lives("waits grow by the factor up to the maximum, with 20 % jitter", backoff_story, NULL, NULL);
	yard_lives("steps of the wall clock change no waits", clock_steps_story, NULL, NULL);
	yard_lives("a destination that is down costs a mail no try", down_is_no_try_story, NULL, NULL);
	yard_lives("no wait is beyond retry.max after a restart, and tries are kept", deferred_once_story,
	    restart_keeps_time_story, NULL);
}

int
main(void)
{
	in_and_out();
	times();
	return test_end();
}
