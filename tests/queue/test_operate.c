/*
 * test_operate.c - what an operator does to the queue, in fake time: holds, retries, removals, listings, reading
 */
#include "base/mem.h"
#include "tests/queue/yard.h"

static void
nothing_left_story(struct yard *yard)
{
	expect(yard_take(yard, 1, NULL) == NULL);
	expect(queue_take_owed(yard->queue, yard_in(1)) == NULL);
	expect_int(yard_count(yard).n_mails, 0);
}

static struct str
all_to_one(void *context, const struct envelope *envelope, const struct recipient *recipient,
    const struct mail_facts *facts)
{
	return STR("smarthost");
}

static const struct queue_filter everything;

static void
hold_story(struct yard *yard)
{
	struct queue_filter filter = { .recipient_domain = STR("X.example") };

	(void)yard_put(yard, "b@x.example", STR("hello"));
	(void)yard_put(yard, "b@y.example", STR("hello"));
	expect_int(queue_hold(yard->queue, &filter, yard_in(10), NULL), 1);
	expect_int(yard_count(yard).n_held, 1);
}

static void
held_after_restart_story(struct yard *yard)
{
	struct delivery *d = yard_take(yard, 1, NULL);
	struct queue_filter held = { .is_held_only = true };

	if (expect(d != NULL)) {
		expect_str(d->destination, STR("y.example"));
		yard_settle(yard, d, OUTCOME_DELIVERED);
	}
	expect(yard_take(yard, 3 * 86400, NULL) == NULL);	/* nor does it expire */
	expect_int(yard_count(yard).n_held, 1);
	expect_int(queue_release(yard->queue, &held, yard_in(10), NULL), 1);
	expect_int(queue_release(yard->queue, &held, yard_in(10), NULL), 0);
	d = yard_take(yard, 1, NULL);
	if (expect(d != NULL))
		yard_settle(yard, d, OUTCOME_DELIVERED);
}

/* As one that an operator holds, but from the start. */
static void
comes_held_story(struct yard *yard)
{
	yard->comes_held = true;
	(void)yard_put(yard, "b@x.example", STR("hello"));
	yard->comes_held = false;
	(void)yard_put(yard, "b@y.example", STR("hello"));
	expect_int(yard_count(yard).n_held, 1);
	expect_int(yard_count(yard).n_mails, 2);
}

static void
retry_now_story(struct yard *yard)
{
	struct queue_filter filter = { .destination = STR("x.example") };

	(void)yard_put(yard, "b@x.example c@y.example", STR("hello"));
	for (int i = 0; i < 2; i++)
		expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DEFERRED), 0);
	expect_int(queue_retry_now(yard->queue, &filter, yard_in(10), NULL), 1);
	expect_int(yard_seconds_until_due(yard, 1, OUTCOME_DELIVERED), 0);
}

static void
remove_story(struct yard *yard)
{
	struct queue_filter filter = { .id = yard_put(yard, "b@x.example", STR("hello")) };
	struct delivery *d;

	expect_int(queue_remove(yard->queue, &filter, yard_in(10), NULL), 1);
	expect_int(yard_count(yard).n_mails, 0);
	expect(yard_take(yard, 1, NULL) == NULL);
	filter.id = yard_put(yard, "b@x.example", STR("hello"));
	d = yard_take(yard, 1, NULL);
	expect_int(queue_remove(yard->queue, &filter, yard_in(10), NULL), 1);
	expect_int(yard_count(yard).n_mails, 1);
	yard_settle(yard, d, OUTCOME_DEFERRED);		/* the delivery it was in is over: now it goes */
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 0);
	filter.id = yard_put(yard, "b@x.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_FAILED);
	expect_int(queue_remove(yard->queue, &filter, yard_in(10), NULL), 1);
	expect(queue_take_owed(yard->queue, yard_in(100)) == NULL);		/* no report */
	expect_int(queue_remove(yard->queue, &filter, yard_in(10), NULL), 0);
}

/* What waited of a mail in delivery is dropped with the mail, and new routes do not ask for it. */
static void
remove_then_reroute_story(struct yard *yard)
{
	const struct queue_world world = { .destination_of = all_to_one };
	struct queue_filter filter = { .id = yard_put(yard, "b@x.example c@y.example", STR("hello")) };
	struct delivery *d = yard_take(yard, 1, NULL);

	if (!expect(d != NULL))
		return;
	expect_int(queue_remove(yard->queue, &filter, yard_in(10), NULL), 1);
	queue_reconfigure(yard->queue, &yard->settings.retry, &world);
	fiber_sleep(yard_in(1));
	expect(yard_take(yard, 1, NULL) == NULL);
	yard_settle(yard, d, OUTCOME_DEFERRED);
	fiber_sleep(yard_in(1));
	expect_int(yard_count(yard).n_mails, 0);
}

struct seen {
	int	 n;
	struct arena arena;
	struct queue_recipient_view view[3];
};

static bool
see(void *context, const struct queue_mail_view *mail)
{
	struct seen *seen = context;

	for (int i = 0; i < mail->n_recipients && seen->n < 3; i++, seen->n++) {
		struct queue_recipient_view *view = &seen->view[seen->n];

		*view = mail->recipients[i];
		(void)arena_copy(&seen->arena, view->address, &view->address);
		(void)arena_copy(&seen->arena, view->destination, &view->destination);
		(void)arena_copy(&seen->arena, view->last_text, &view->last_text);
	}
	return true;
}

static void
list_story(struct yard *yard)
{
	struct seen seen = { .n = 0 };
	struct delivery *d;
	int64_t wait;

	arena_init(&seen.arena, 100000);
	(void)yard_put(yard, "b@x.example c@y.example d@z.example", STR("hello"));
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DEFERRED);
	yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
	d = yard_take(yard, 1, NULL);
	queue_list(yard->queue, &everything, see, &seen, yard_in(10));
	expect_int(seen.n, 3);
	for (int i = 0; i < 3; i++) {
		struct queue_recipient_view *view = &seen.view[i];

		if (view->state == QUEUE_WAITING) {
			expect(str_find_str(view->last_text, STR("450 4.2.1 not now")) == 0);
			wait = span_to_s(timestamp_diff(os_wall_clock(), view->next_try));
			expect(wait >= 47 && wait <= 60);
			expect_int(view->n_tries, 1);
		} else if (view->state == QUEUE_IN_DELIVERY) {
			expect_str(view->destination, d->destination);
		} else {
			expect_int(view->state, QUEUE_DONE);
		}
	}
	yard_settle(yard, d, OUTCOME_DELIVERED);
	arena_fini(&seen.arena);
}

/* --- a mail that was released when it was too old already --- */

enum { DAY_S = 86400, LONGEST_WAIT_S = 3600 };	/* expire and retry.max of the yard */

static void
held_too_long_story(struct yard *yard)
{
	(void)yard_put(yard, "b@x.example", STR("hello"));
	expect_int(queue_hold(yard->queue, &everything, yard_in(10), NULL), 1);
	fiber_sleep(yard_in(2 * DAY_S));
	queue_hold_back(yard->queue, STR("x.example"), yard_in(30 * DAY_S), "down");
	expect_int(queue_release(yard->queue, &everything, yard_in(10), NULL), 1);
	fiber_sleep(yard_in(LONGEST_WAIT_S / 3));
	expect_int(yard_count(yard).n_failed, 0);
}

static void
lives_on_story(struct yard *yard)
{
	queue_hold_back(yard->queue, STR("x.example"), yard_in(30 * DAY_S), "down");
	fiber_sleep(yard_in(LONGEST_WAIT_S / 3));
	expect_int(yard_count(yard).n_failed, 0);
	expect_int(yard_count(yard).n_mails, 1);
	fiber_sleep(yard_in(LONGEST_WAIT_S / 2));
	expect_int(yard_count(yard).n_failed, 1);	/* but not for ever */
}

/* --- reading --- */

struct reading {
	struct yard	*yard;
	struct delivery	*delivery;	/* settled within the visit; NULL: none */
	struct buf	 got;
	int		 n;
};

static bool
read_it(void *context, const struct queue_mail_view *mail)
{
	struct reading *reading = context;
	struct fault fault;
	char room[1000];
	ssize_t n;

	reading->n++;
	if (reading->delivery != NULL) {
		yard_settle(reading->yard, reading->delivery, OUTCOME_DELIVERED);
		fiber_sleep(yard_in(5));
		expect_int(yard_count(reading->yard).n_mails, 0);
	}
	while ((n = queue_read_listed(reading->yard->queue, mail, (int64_t)reading->got.len, room, sizeof(room), yard_in(10), &fault)) > 0)
		expect_int(buf_append(&reading->got, str_n(room, (size_t)n)), 0);
	expect_int(n, 0);
	return true;
}

static void
read_story(struct yard *yard)
{
	static const size_t sizes[] = { 0, 5000, 100 * 1024 };	/* the last one is a file of its own */
	struct buf content;

	buf_init(&content, 1024 * 1024);
	for (int i = 0; i < 3; i++) {
		struct reading reading = { .yard = yard };
		struct queue_filter filter = { .id = { .bytes = { 0 } } };

		buf_init(&reading.got, 1024 * 1024);
		buf_clear(&content);
		yard_content(&content, i, sizes[i]);
		filter.id = yard_put(yard, "b@x.example", buf_str(&content));
		queue_list(yard->queue, &filter, read_it, &reading, yard_in(10));
		expect_int(reading.n, 1);
		expect(str_ends_nocase(buf_str(&reading.got), buf_str(&content)) && reading.got.len >= content.len);
		buf_fini(&reading.got);
		yard_settle(yard, yard_take(yard, 1, NULL), OUTCOME_DELIVERED);
		fiber_sleep(yard_in(1));
	}
	buf_fini(&content);
}

static void
read_settled_story(struct yard *yard)
{
	struct reading reading = { .yard = yard };
	struct buf content;

	buf_init(&content, 1024 * 1024);
	buf_init(&reading.got, 1024 * 1024);
	yard_content(&content, 1, 5000);
	(void)yard_put(yard, "b@x.example", buf_str(&content));
	reading.delivery = yard_take(yard, 1, NULL);
	queue_list(yard->queue, &everything, read_it, &reading, yard_in(60));
	expect_int(reading.n, 1);
	expect(str_ends_nocase(buf_str(&reading.got), buf_str(&content)) && content.len > 0);
	buf_fini(&content);
	buf_fini(&reading.got);
}

int
main(void)
{
	yard_lives("a hold survives a restart, until it is released", hold_story, held_after_restart_story, nothing_left_story);
	yard_lives("so does that of a mail that comes in held", comes_held_story, held_after_restart_story, nothing_left_story);
	yard_lives("a mail released when it was too old has time left, after a restart too", held_too_long_story, lives_on_story, NULL);
	yard_lives("retry now is now", retry_now_story, NULL, NULL);
	yard_lives("what is removed is gone, after its delivery if it is in one", remove_story, nothing_left_story, NULL);
	yard_lives("what is removed stays so under new routes", remove_then_reroute_story, NULL, NULL);
	yard_lives("a listing tells what became of each recipient", list_story, NULL, NULL);
	yard_lives("a listed mail can be read", read_story, NULL, NULL);
	yard_lives("also when it is settled meanwhile", read_settled_story, NULL, NULL);
	return test_end();
}
