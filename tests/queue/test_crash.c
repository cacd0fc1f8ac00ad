/*
 * test_crash.c - power is cut at every call on the disk: what was accepted is never lost, what was surely settled
 * never comes back, a report that was paid is not owed again, and bytes are the same
 *
 * SIM_SEED chooses another world, CRASH_STORY and CRASH_AT play a single crash of one story.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/queue/yard.h"

enum {
	N_PUTTERS = 4,
	SETTLED_MAX = 300,
	LARGE_BYTES = 20 * 1024,	/* beyond content_in_memory_max_bytes */
	CONTENT_MAX_BYTES = 64 * 1024,
};

/* The plain program is killed at each call; a sanitizer, six times slower, looks at one of five for its own faults. */
#if defined(__SANITIZE_ADDRESS__)
enum { EVERY_TIMES = 5, CRASHES_LEAST = 20 };
#else
enum { EVERY_TIMES = 1, CRASHES_LEAST = 100 };
#endif

struct plan {				/* what the story is about */
	int		 mails_each;
	int		 n_tries_later;	/* of mail for "later": with many it stays, and compaction carries it along */
	bool		 has_faults;	/* syncs and writes fail now and then */
};

struct crash {
	struct yard	*yard;
	const struct plan *plan;
	int		 number;
	int		 n_putting;
	bool		 is_over;
	int64_t		 n_settled;	/* in this process */
	struct mail_id	 settled[SETTLED_MAX];
};

static struct str
id_str(const struct mail_id *id)
{
	return str_n(id->bytes, sizeof(id->bytes));
}

/* Batches are durable in order: with a mail, all that was settled before it was put. */
static void
note_sure(struct crash *c, int64_t n_settled)
{
	for (int64_t i = 0; i < n_settled; i++)
		sim_note(c->yard->sim, "surely-settled", id_str(&c->settled[i]), STR(""));
}

/* True if it was accepted. */
static bool
put_numbered(struct crash *c, int number)
{
	static const char *const recipients[] = {
		"b@one.example", "b@one.example c@two.example d@two.example", "fail@three.example", "later@two.example",
	};
	size_t n_bytes = number % 6 == 5 ? LARGE_BYTES : 300 + (size_t)(number % 30) * 131;
	int64_t n_settled = c->n_settled;
	struct buf content;
	struct mail_id id;

	buf_init(&content, CONTENT_MAX_BYTES);
	yard_content(&content, number, n_bytes);
	c->yard->is_unverified = number % 8 == 6;	/* of those for fail@ every other one; asked before anything suspends */
	id = yard_put(c->yard, recipients[number % 4], buf_str(&content));
	if (!mail_id_is_none(&id)) {
		sim_note(c->yard->sim, "accepted", id_str(&id), buf_str(&content));
		note_sure(c, n_settled);
	}
	buf_fini(&content);
	return !mail_id_is_none(&id);
}

static void
putter(void *arg)
{
	struct crash *c = arg;
	int first = c->number++ * c->plan->mails_each;

	for (int i = 0; i < c->plan->mails_each; i++)
		for (int n_tries = 0; n_tries < 5 && !put_numbered(c, first + i); n_tries++)
			fiber_sleep(yard_in(1));	/* a client that was told 451 */
	c->n_putting--;
}

static enum outcome_kind
outcome_for(const struct crash *c, const struct delivery *d)
{
	if (str_eq(d->recipients[0].recipient.address.local, STR("fail")))
		return OUTCOME_FAILED;
	if (str_eq(d->recipients[0].recipient.address.local, STR("later")) && d->n_tries < c->plan->n_tries_later)
		return OUTCOME_DEFERRED;
	return OUTCOME_DELIVERED;
}

/* A delivery seen by the next hop, which keeps what it got. */
static void
deliver(struct crash *c, const char *note, struct delivery *d, struct buf *content)
{
	enum outcome_kind kind = outcome_for(c, d);
	struct mail_id id = d->mail;
	bool is_whole_mail = d->n_recipients == d->envelope->n_recipients;

	if (kind != OUTCOME_DEFERRED) {
		char key[100];
		int n = snprintf(key, sizeof(key), "%.12s%.*s", (const char *)id.bytes, STR_ARG(d->destination));

		(void)n;
		memcpy(key, id.bytes, sizeof(id.bytes));
		memcpy(key + sizeof(id.bytes), d->destination.at, d->destination.len);
		sim_note(c->yard->sim, note, str_n(key, sizeof(id.bytes) + d->destination.len), buf_str(content));
	}
	yard_settle(c->yard, d, kind);
	if (kind == OUTCOME_DELIVERED && is_whole_mail && c->n_settled < SETTLED_MAX)
		c->settled[c->n_settled++] = id;
}

static void
taker(void *arg)
{
	struct crash *c = arg;
	struct delivery *d;
	struct buf content;

	buf_init(&content, CONTENT_MAX_BYTES);
	while (!c->is_over)
		if ((d = yard_take(c->yard, 5, &content)) != NULL)
			deliver(c, "delivered", d, &content);
	buf_fini(&content);
	c->n_putting--;
}

static void
pay_one(struct crash *c, struct owed *owed)
{
	struct recipient to = { .address = owed->envelope->reverse_path };
	struct envelope envelope = { .recipients = &to, .n_recipients = 1 };
	struct mail_facts facts = { .arrived = os_wall_clock(), .is_report = true };
	struct draft *draft = draft_new(c->yard->queue);
	struct mail_id paid = owed->mail, report = draft_id(draft);
	struct buf content;

	expect(!owed->facts->is_unverified || sim_n_notes(c->yard->sim, "bounced", (struct str){ .at = NULL }) > 0);
	buf_init(&content, CONTENT_MAX_BYTES);
	(void)buf_printf(&content, "Subject: failed\r\n\r\n");
	(void)buf_append(&content, id_str(&paid));
	if (draft_append(draft, buf_str(&content), yard_in(60), NULL) != 0 || queue_pay(c->yard->queue, owed, draft,
	    &envelope, &facts, STR("Received: by us\r\n"), yard_in(60), NULL) != 0) {
		draft_discard(draft);
	} else {
		sim_note(c->yard->sim, "paid", id_str(&paid), STR(""));
		sim_note(c->yard->sim, "accepted", id_str(&report), buf_str(&content));
	}
	buf_fini(&content);
}

static void
payer(void *arg)
{
	struct crash *c = arg;
	struct owed *owed;

	while (!c->is_over)
		if ((owed = queue_take_owed(c->yard->queue, yard_in(5))) != NULL)
			pay_one(c, owed);
	c->n_putting--;
}

/* Has what is withheld tried again: it fails, and is withheld once more. */
static void
operator(void *arg)
{
	const struct queue_filter held = { .is_held_only = true };
	struct crash *c = arg;

	while (!c->is_over) {
		(void)queue_release(c->yard->queue, &held, yard_in(60), NULL);
		fiber_sleep(yard_in(40));
	}
	c->n_putting--;
}

/* A disk that fails now and then, and is full for a moment. */
static void
troubler(void *arg)
{
	struct crash *c = arg;

	while (c->n_putting > 1) {
		enum sim_disk_call call = sim_random(c->yard->sim, 2) == 0 ? SIM_SYNC : SIM_WRITE;

		sim_disk_fail(c->yard->sim, call, 1 + (int)sim_random(c->yard->sim, 4), 1,
		    sim_random(c->yard->sim, 3) == 0 ? 28 : 5);		/* ENOSPC, EIO */
		fiber_sleep(instant_after(os_now(), span_ms(50)));
	}
	c->n_putting--;
}

static void
live_story(struct yard *yard)
{
	struct crash c = { .yard = yard, .plan = yard->arg, .n_putting = N_PUTTERS };

	for (int i = 0; i < N_PUTTERS; i++)
		fiber_start(yard->loop, "putter", putter, &c);
	fiber_start(yard->loop, "taker", taker, &c);
	fiber_start(yard->loop, "payer", payer, &c);
	fiber_start(yard->loop, "operator", operator, &c);
	if (c.plan->has_faults) {
		c.n_putting++;
		fiber_start(yard->loop, "troubler", troubler, &c);
	}
	while (c.n_putting > 0)
		fiber_sleep(yard_in(1));
	fiber_sleep(yard_in(200));		/* what was deferred comes again */
	c.number = 1000;
	(void)put_numbered(&c, 1001);
	(void)put_numbered(&c, 1001 + 4);
	(void)put_numbered(&c, 1001 + 10);
	c.is_over = true;
	c.n_putting = 3;
	while (c.n_putting > 0)
		fiber_sleep(yard_in(1));
}

static const struct queue_filter everything;

/* What is withheld then is all there is left, and is reported after all: so none of it was lost. */
static void
recover_story(struct yard *yard)
{
	const struct plan plan = { .n_tries_later = 0 };
	struct crash c = { .yard = yard, .plan = &plan };
	struct delivery *d;
	struct owed *owed;
	struct buf content;

	buf_init(&content, CONTENT_MAX_BYTES);
	while (yard_count(yard).n_mails > 0) {
		struct instant until = yard_in(1);

		while ((owed = queue_take_owed(yard->queue, until)) != NULL) {
			sim_note(yard->sim, "owed-again", id_str(&owed->mail), STR(""));
			pay_one(&c, owed);
		}
		if ((d = yard_take(yard, 3600, &content)) != NULL) {
			sim_note(yard->sim, "given-again", id_str(&d->mail), STR(""));
			deliver(&c, "delivered", d, &content);
		}
		fiber_sleep(yard_in(1));
		if (yard_count(yard).n_mails > 0 && yard_count(yard).n_mails == yard_count(yard).n_held) {
			sim_note(yard->sim, "bounced", STR(""), STR(""));	/* a recovery before this one may have */
			expect(queue_bounce(yard->queue, &everything, yard_in(60), NULL) > 0);
		}
	}
	buf_fini(&content);
	sim_note(yard->sim, "recovered", STR(""), STR(""));
}

static void
run_story(struct sim *sim, void (*story)(struct yard *yard), void *plan)
{
	struct yard yard;

	yard_init(&yard, sim);
	yard.arg = plan;
	if (!expect(yard_run(&yard, story)))
		printf("# %s\n", yard.fault.text);
	yard_fini(&yard);
}

static void live(struct sim *sim, void *arg) { run_story(sim, live_story, arg); }
static void recover(struct sim *sim, void *arg) { run_story(sim, recover_story, arg); }

/* The nth "delivered" note of a mail and destination, any n: the bytes are what was accepted. */
static bool
was_delivered(const struct sim *sim, struct str id, const char *destination, struct str accepted)
{
	char key[100];
	struct str bytes, found_key;
	size_t n = strlen(destination);

	memcpy(key, id.at, id.len);
	memcpy(key + id.len, destination, n);
	if (!sim_find_note(sim, "delivered", str_n(key, id.len + n), 0, &found_key, &bytes))
		return false;
	expect(str_ends_nocase(bytes, accepted) && str_starts(bytes, STR("Received: by us\r\n")));
	return true;
}

/* It was paid, but power went before the payer was told so. */
static bool
has_report(const struct sim *sim, struct str id)
{
	struct str key, content;

	for (int i = 0; sim_find_note(sim, "delivered", (struct str){ .at = NULL }, i, &key, &content); i++)
		if (content.len >= id.len && str_eq(str_from(content, content.len - id.len), id))
			return true;
	return false;
}

/* By its subject: which destinations a numbered mail has (see put_numbered). */
static void
check_mail(const struct sim *sim, struct str id, struct str content)
{
	int number = -1;
	bool is_report = !str_starts(content, STR("Subject: mail "));

	if (is_report) {
		expect(was_delivered(sim, id, "sender.example", content));
		return;
	}
	number = (int)strtol(content.at + strlen("Subject: mail "), NULL, 10);
	switch (number % 4) {
	case 0:
		expect(was_delivered(sim, id, "one.example", content));
		break;
	case 1:
		expect(was_delivered(sim, id, "one.example", content));
		expect(was_delivered(sim, id, "two.example", content));
		break;
	case 2:
		expect(sim_n_notes(sim, "paid", id) >= 1 || has_report(sim, id));
		break;
	case 3:
		expect(was_delivered(sim, id, "two.example", content));
		break;
	}
}

static void
check(struct sim *sim, void *arg)
{
	struct str id, content;
	struct test_counts before = test_counts();

	if (sim_n_notes(sim, "recovered", (struct str){ .at = NULL }) == 0)
		return;				/* it ended before the crash, and nothing was recovered */
	for (int i = 0; sim_find_note(sim, "accepted", (struct str){ .at = NULL }, i, &id, &content); i++)
		check_mail(sim, id, content);
	for (int i = 0; sim_find_note(sim, "surely-settled", (struct str){ .at = NULL }, i, &id, &content); i++)
		expect_int(sim_n_notes(sim, "given-again", id), 0);
	for (int i = 0; sim_find_note(sim, "paid", (struct str){ .at = NULL }, i, &id, &content); i++)
		expect(sim_n_notes(sim, "paid", id) == 1);
	if (test_counts().n_missed != before.n_missed)
		printf("# in the world of seed %llu after %lld calls\n", (unsigned long long)sim_seed(1),
		    (long long)sim_n_calls(sim));
}

/* One crash of a world that showed something. */
static int
play_one(const struct sim_story *story, int64_t crash_at)
{
	struct sim *sim = sim_new(&story->options);

	test_case("one crash");
	sim_run(sim, crash_at, live, story->arg);
	sim_run(sim, 0, recover, story->arg);
	check(sim, NULL);
	sim_free(sim);
	return test_end();
}

int
main(void)
{
	static const struct {
		const char	*name;
		struct plan	 plan;
		int		 every;
		bool		 crashes_twice;
	} stories[] = {
		{ .name = "nothing is lost, undone or paid twice, wherever the power is cut",
		    .plan = { .mails_each = 7, .n_tries_later = 2 }, .every = 1 },
		{ .name = "nor when it is cut again while recovering",
		    .plan = { .mails_each = 7, .n_tries_later = 2 }, .every = 2, .crashes_twice = true },
		{ .name = "nor when syncs and writes failed before",
		    .plan = { .mails_each = 7, .n_tries_later = 2, .has_faults = true }, .every = 2 },
		{ .name = "nor while compaction carries mails along",
		    .plan = { .mails_each = 40, .n_tries_later = 20 }, .every = 11, .crashes_twice = true },
	};
	struct sim_story story = {
		.options = { .disk_bytes = 8 * 1024 * 1024 }, .live = live, .recover = recover, .check = check,
	};
	const char *only = getenv("CRASH_STORY"), *at = getenv("CRASH_AT");

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		struct plan plan = stories[i].plan;
		int64_t n;

		if (only != NULL && (size_t)atoi(only) != i)
			continue;
		story.options.seed = sim_seed(20261) + i;
		story.arg = &plan;
		story.every = stories[i].every * EVERY_TIMES;
		story.crashes_twice = stories[i].crashes_twice;
		if (at != NULL)
			return play_one(&story, strtoll(at, NULL, 10));
		test_case("%s", stories[i].name);
		n = sim_crash_everywhere(&story);
		expect(n > CRASHES_LEAST);
		printf("# %lld crashes\n", (long long)n);
	}
	return test_end();
}
