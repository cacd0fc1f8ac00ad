/*
 * test_trouble.c - the disk fills, fails and rots: nothing that was accepted is lost, and all goes on by itself
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/queue/yard.h"

enum { CONTENT_BYTES = 4000, N_MAILS = 60 };

static struct sim *sim;

static void
in_that_world(const char *name, struct sim_options options, void (*story)(struct yard *yard), void (*after)(struct yard *yard))
{
	struct yard yard;

	test_case("%s", name);
	sim = sim_new(&options);
	sim_enter(sim);
	yard_init(&yard, sim);
	expect(yard_run(&yard, story));
	if (after != NULL)
		expect(yard_run(&yard, after));
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

static void
in_a_world(const char *name, int64_t disk_bytes, void (*story)(struct yard *yard), void (*after)(struct yard *yard))
{
	in_that_world(name, (struct sim_options){ .seed = sim_seed(11), .disk_bytes = disk_bytes }, story, after);
}

static bool
put_numbered(struct yard *yard, int number, struct fault *fault_out)
{
	char *room = mem_new(CONTENT_BYTES);
	struct mail_id id;

	(void)snprintf(room, CONTENT_BYTES, "%08d", number);
	id = yard_put_from(yard, "a@sender.example", "b@x.example", str_n(room, CONTENT_BYTES), fault_out);
	mem_free(room);
	return !mail_id_is_none(&id);
}

/* Takes all that is due; which numbers they had. */
static int
drain(struct yard *yard, bool *has_number, int n_numbers, enum outcome_kind kind)
{
	struct delivery *d;
	struct buf got;
	int n = 0;

	buf_init(&got, 1024 * 1024);
	while ((d = yard_take(yard, 1, &got)) != NULL) {
		struct str content = str_from(buf_str(&got), STR("Received: by us\r\n").len);
		int number = content.len >= 8 ? atoi(content.at) : -1;

		if (number >= 0 && number < n_numbers)
			has_number[number] = true;
		yard_settle(yard, d, kind);
		n++;
	}
	buf_fini(&got);
	return n;
}

/* --- full --- */

static void
full_story(struct yard *yard)
{
	struct fault fault = { .cause = FAULT_OTHER };
	bool has[1000] = { false };
	int n = 0, n_more = 0;

	while (n < 1000 && put_numbered(yard, n, &fault))
		n++;
	expect(n > 20 && n < 1000);
	expect_int(fault.cause, FAULT_FULL);
	expect(queue_is_full(yard->queue));
	expect(yard_has_logged(yard, "spool_full"));
	fiber_sleep(yard_in(5));
	expect(!put_numbered(yard, 999, &fault));
	expect_int(drain(yard, has, n, OUTCOME_DEFERRED), n);	/* states are written still */
	queue_release_destination(yard->queue, STR("x.example"));
	expect_int(drain(yard, has, n, OUTCOME_DELIVERED), n);
	for (int i = 0; i < n; i++)
		expect(has[i]);
	fiber_sleep(yard_in(5));
	expect(!queue_is_full(yard->queue));			/* and by itself there is room again */
	while (n_more < n && put_numbered(yard, n_more, &fault))
		n_more++;
	expect(n_more > n / 2);
	expect_int(yard_count(yard).n_mails, n_more);
}

static void
others_fill_story(struct yard *yard)
{
	struct fault fault = { .cause = FAULT_OTHER };

	expect(put_numbered(yard, 0, &fault));
	sim_disk_set_bytes(yard->sim, sim_disk_used(yard->sim) + 50 * 1024);	/* below min_free_bytes */
	fiber_sleep(yard_in(10));
	(void)put_numbered(yard, 1, &fault);			/* makes it look */
	fiber_sleep(yard_in(1));
	expect(!put_numbered(yard, 1, &fault));
	expect_int(fault.cause, FAULT_FULL);
	sim_disk_set_bytes(yard->sim, 4 * 1024 * 1024);
	fiber_sleep(yard_in(3));
	expect(put_numbered(yard, 2, &fault));
}

static void
large_on_full_story(struct yard *yard)
{
	struct fault fault = { .cause = FAULT_OTHER };
	char *room = mem_new(1024 * 1024);
	struct mail_id id;

	sim_disk_fail(yard->sim, SIM_WRITE, 2, 1, ENOSPC);
	id = yard_put_from(yard, "a@b.example", "b@x.example", str_n(room, 1024 * 1024), &fault);
	expect(mail_id_is_none(&id));
	expect_int(fault.cause, FAULT_FULL);
	id = yard_put_from(yard, "a@b.example", "b@x.example", str_n(room, 1024 * 1024), &fault);
	expect(!mail_id_is_none(&id));
	mem_free(room);
}

struct look {				/* at a file, where one may block */
	struct os_job	 job;
	const char	*path;
	int64_t		 n_bytes;	/* -1: there is none */
};

static void
look_run(struct os_job *job)
{
	struct look *look = (struct look *)(void *)job;
	int fd = os_open(look->path, OS_OPEN_READ);

	look->n_bytes = fd >= 0 ? os_file_bytes(fd) : -1;
	if (fd >= 0)
		os_close(fd);
}

/* The record goes bad on the disk while the queue serves: what is left of the mail is kept for people. */
static void
large_damaged_story(struct yard *yard)
{
	char *room = mem_new(1024 * 1024), id_room[MAIL_ID_TEXT_MAX], path[200];
	struct os_crew *crew = os_crew_new(loop_poller(yard->loop), 1, "test");
	struct look look = { .job.run = look_run };
	struct mail_id id;

	queue_hold_back(yard->queue, STR("x.example"), INSTANT_NEVER, "down");
	id = yard_put_from(yard, "a@b.example", "b@x.example", str_n(room, 1024 * 1024), NULL);
	expect(!mail_id_is_none(&id));
	fiber_sleep(yard_in(5));
	for (int64_t at = 4096; at < 4096 + 512; at++)
		sim_disk_flip(yard->sim, "/spool/segments/00000001.seg", at);
	queue_release_destination(yard->queue, STR("x.example"));
	expect(yard_take(yard, 30, NULL) == NULL);
	expect_int(yard_count(yard).n_mails, 0);
	expect(yard_count(yard).n_set_aside > 0);
	expect(yard_count(yard).damaged_bytes > 0);
	snprintf(path, sizeof(path), "/spool/damaged/large-%.*s", STR_ARG(mail_id_text(&id, id_room)));
	look.path = path;
	fiber_run_on_crew(crew, &look.job);
	expect_int(look.n_bytes, 1024 * 1024);
	os_crew_free(crew);
	mem_free(room);
}

static bool
count_listed(void *context, const struct queue_mail_view *mail)
{
	(void)mail;
	++*(int *)context;
	return true;
}

/* Whoever lists is told of what is missing: while the disk does not read, and when a record went bad. */
static void
unread_story(struct yard *yard)
{
	const struct queue_filter everything = { .is_held_only = false };
	struct fault fault;
	int n = 0;

	queue_hold_back(yard->queue, STR("x.example"), INSTANT_NEVER, "down");
	for (int i = 0; i < 3; i++)
		expect(put_numbered(yard, i, NULL));
	fiber_sleep(yard_in(5));
	expect_int(queue_list(yard->queue, &everything, count_listed, &n, yard_in(10)), 0);
	expect_int(n, 3);
	expect_int(queue_list(yard->queue, &everything, count_listed, &n, yard_in(0)), -1);
	expect_int(n, 3 + 1);		/* and there are more */
	n = 3;
	sim_disk_fail(yard->sim, SIM_READ, 1, 1, EIO);
	expect_int(queue_list(yard->queue, &everything, count_listed, &n, yard_in(10)), 1);
	expect_int(n, 3 + 2);
	sim_disk_fail(yard->sim, SIM_READ, 1, 1, EIO);
	expect_int(queue_hold(yard->queue, &everything, yard_in(10), &fault), -1);
	expect_int(fault.kind, FAULT_TEMPORARY);
	expect_int(yard_count(yard).n_held, 2);
	for (int64_t at = 4096; at < 4096 + 512; at++)
		sim_disk_flip(yard->sim, "/spool/segments/00000001.seg", at);
	expect_int(queue_list(yard->queue, &everything, count_listed, &n, yard_in(10)), 1);
	expect_int(queue_list(yard->queue, &everything, count_listed, &n, yard_in(10)), 0);	/* it is set aside now */
	expect_int(n, 3 + 2 + 2 + 2);
}

/* A file that cannot be removed takes room; it is not left for the next start. */
static void
large_unlink_fails_story(struct yard *yard)
{
	char *room = mem_new(1024 * 1024), id_room[MAIL_ID_TEXT_MAX], path[200];
	struct os_crew *crew = os_crew_new(loop_poller(yard->loop), 1, "test");
	struct look look = { .job.run = look_run, .path = path };
	struct mail_id id = yard_put_from(yard, "a@b.example", "b@x.example", str_n(room, 1024 * 1024), NULL);
	struct delivery *d = yard_take(yard, 30, NULL);

	snprintf(path, sizeof(path), "/spool/large/%.*s", STR_ARG(mail_id_text(&id, id_room)));
	sim_disk_fail(yard->sim, SIM_UNLINK, 1, 2, EIO);
	if (expect(d != NULL))
		yard_settle(yard, d, OUTCOME_DELIVERED);
	fiber_sleep(yard_in(1));
	fiber_run_on_crew(crew, &look.job);
	expect_int(look.n_bytes, 1024 * 1024);
	fiber_sleep(yard_in(30));
	fiber_run_on_crew(crew, &look.job);
	expect_int(look.n_bytes, -1);
	os_crew_free(crew);
	mem_free(room);
}

/* --- failing --- */

static void
sync_fails_story(struct yard *yard)
{
	struct fault fault = { .cause = FAULT_FULL };
	bool has[10] = { false };

	for (int i = 0; i < 3; i++)
		(void)put_numbered(yard, i, NULL);
	sim_disk_fail(yard->sim, SIM_SYNC, 1, 1, EIO);
	expect(!put_numbered(yard, 3, &fault));
	expect_int(fault.cause, FAULT_OTHER);
	expect_int(fault.kind, FAULT_TEMPORARY);
	expect(yard_has_logged(yard, "commit_failed"));
	fiber_sleep(yard_in(1));
	expect(put_numbered(yard, 4, &fault));			/* in another segment */
	expect_int(drain(yard, has, 10, OUTCOME_DEFERRED), 4);
	expect(!has[3]);
}

static void
sync_failed_before_story(struct yard *yard)
{
	bool has[10] = { false };

	queue_release_destination(yard->queue, STR("x.example"));
	expect_int(drain(yard, has, 10, OUTCOME_DELIVERED), 4);
	expect(has[0] && has[1] && has[2] && !has[3] && has[4]);	/* not even if its bytes are there */
	expect_int(yard_count(yard).n_set_aside, 0);
}

static void
settle_fails_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };

	for (int i = 0; i < 5; i++)
		(void)put_numbered(yard, i, NULL);
	sim_disk_fail(yard->sim, SIM_SYNC, 1, 2, EIO);
	expect_int(drain(yard, has, 5, OUTCOME_DELIVERED), 5);
	fiber_sleep(yard_in(100));
	expect_int(yard_count(yard).n_mails, 0);
}

static void
disk_gone_for_a_while_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };
	struct fault fault;
	int n = 0;

	for (int i = 0; i < 5; i++)
		(void)put_numbered(yard, i, NULL);
	sim_disk_fail(yard->sim, SIM_WRITE, 1, 12, EIO);
	expect_int(drain(yard, has, 5, OUTCOME_DELIVERED), 5);
	expect(!put_numbered(yard, 5, &fault));
	while (n++ < 100 && !put_numbered(yard, 6, &fault))
		fiber_sleep(yard_in(10));
	expect(n > 1 && n < 100);
	expect_int(yard_count(yard).n_mails, 1);
}

static void
nothing_left_but_one_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };

	expect_int(drain(yard, has, N_MAILS, OUTCOME_DELIVERED), 1);
	expect(has[6]);
}

static void
nothing_left_story(struct yard *yard)
{
	expect_int(yard_count(yard).n_mails, 0);
	expect(yard_take(yard, 1, NULL) == NULL);
}

/* --- reuse --- */

static void
reuse_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 10; i++)
			(void)put_numbered(yard, i, NULL);
		expect_int(drain(yard, has, N_MAILS, OUTCOME_DELIVERED), 10);
	}
	fiber_sleep(yard_in(1));
	expect(yard_count(yard).disk_bytes <= 7 * YARD_SEGMENT_BYTES);	/* freed ones are used again */
	(void)put_numbered(yard, 42, NULL);
}

static void
reused_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };

	expect_int(yard_count(yard).n_mails, 1);
	expect_int(drain(yard, has, N_MAILS, OUTCOME_DELIVERED), 1);
	expect(has[42]);
}

/* A segment whose mark, removal and folder fail in turn is never written again: its file has no name any more. */
static void
take_back_fails_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };

	for (int i = 0; i < 10; i++)
		(void)put_numbered(yard, i, NULL);
	sim_disk_fail(yard->sim, SIM_SYNC_DIR, 1, 1, EIO);
	expect_int(drain(yard, has, N_MAILS, OUTCOME_DELIVERED), 10);
	fiber_sleep(yard_in(30));
	for (int i = 10; i < 40; i++) {
		sim_disk_fail(yard->sim, SIM_SYNC_DIR, 1, 1, EIO);
		sim_disk_fail(yard->sim, SIM_SYNC, 2 + i % 3, 1, EIO);
		(void)put_numbered(yard, i, NULL);
		(void)drain(yard, has, N_MAILS, OUTCOME_DELIVERED);
	}
	sim_disk_fail(yard->sim, SIM_SYNC_DIR, 1000000, 1, EIO);
	sim_disk_fail(yard->sim, SIM_SYNC, 1000000, 1, EIO);
	fiber_sleep(yard_in(60));
	expect_int(yard_count(yard).n_mails, 0);
	expect(yard_count(yard).n_segments <= 2);	/* none is stuck at the log's beginning */
	for (int i = 40; i < N_MAILS; i++)
		expect(put_numbered(yard, i, NULL));
}

static void
taken_back_story(struct yard *yard)
{
	bool has[N_MAILS] = { false };

	expect_int(drain(yard, has, N_MAILS, OUTCOME_DELIVERED), N_MAILS - 40);
}

/* --- a disk that stays full --- */

static void
looks_in_vain_story(struct yard *yard)
{
	struct fault fault = { .cause = FAULT_OTHER };
	int n = 0;

	while (n < 1000 && put_numbered(yard, n, &fault))
		n++;
	fiber_sleep(yard_in(10000));
	sim_disk_set_bytes(yard->sim, 4 * 1024 * 1024);
	fiber_sleep(yard_in(10));
	for (int i = 0; i < 20; i++)
		expect(put_numbered(yard, n++, &fault));
}

/* --- compaction --- */

static bool
hold_every_tenth(int number)
{
	return number % 10 == 3;
}

static void
compact_story(struct yard *yard)
{
	struct delivery *d;
	struct buf got;

	buf_init(&got, 100 * 1024);
	for (int i = 0; i < 10 * N_MAILS; i++) {
		(void)put_numbered(yard, i, NULL);
		d = yard_take(yard, 1, &got);
		if (!expect(d != NULL))
			break;
		yard_settle(yard, d, hold_every_tenth(i) ? OUTCOME_DEFERRED : OUTCOME_DELIVERED);
	}
	buf_fini(&got);
	fiber_sleep(yard_in(5));
	/* 60 mails of 4 KB live: 8 segments' worth; 600 were written, 75 segments' worth. */
	expect_int(yard_count(yard).n_mails, N_MAILS);
	expect(yard_count(yard).n_segments <= 22);
}

static void
compacted_story(struct yard *yard)
{
	bool has[10 * N_MAILS] = { false };
	struct delivery *d;

	expect_int(yard_count(yard).n_mails, N_MAILS);
	expect_int(yard_count(yard).n_set_aside, 0);
	queue_release_destination(yard->queue, STR("x.example"));
	d = yard_take(yard, 1, NULL);
	if (expect(d != NULL)) {
		expect_int(d->n_tries, 1);			/* its state came along */
		queue_give_back(yard->queue, d, yard_in(0));
	}
	expect_int(drain(yard, has, 10 * N_MAILS, OUTCOME_DELIVERED), N_MAILS);
	for (int i = 0; i < 10 * N_MAILS; i++)
		expect(has[i] == hold_every_tenth(i));
}

/* --- damage --- */

static void
damage_fill_story(struct yard *yard)
{
	for (int i = 0; i < 20; i++)
		(void)put_numbered(yard, i, NULL);
}

static void
damaged_story(struct yard *yard)
{
	bool *has = yard->arg;

	(void)drain(yard, has, N_MAILS, OUTCOME_DELIVERED);
}

static void
count_file(void *context, const char *name)
{
	(void)name;
	++*(int *)context;
}

static int
n_files_set_aside(void)
{
	int n = 0;

	(void)os_list_dir("/spool/damaged", count_file, &n);
	return n;
}

/* One bit of the first segment turns over while nobody looks. */
static void
damage_at(int64_t at)
{
	struct sim_options options = { .seed = sim_seed(12), .disk_bytes = 4 * 1024 * 1024 };
	bool has[N_MAILS] = { false };
	struct yard yard;
	int n = 0;

	sim = sim_new(&options);
	sim_enter(sim);
	yard_init(&yard, sim);
	expect(yard_run(&yard, damage_fill_story));
	expect_int(sim_leave(sim), 0);
	sim_disk_flip(sim, "/spool/segments/00000001.seg", at);
	sim_enter(sim);
	yard.arg = has;
	expect(yard_run(&yard, damaged_story));
	for (int i = 0; i < 20; i++)
		n += has[i] ? 1 : 0;
	if (n < 20) {
		expect_int(n, 19);
		expect(yard_has_logged(&yard, "damaged_record"));
		expect(n_files_set_aside() == 1);
	}
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

static void
greatest_number(void *context, const char *name)
{
	int *greatest = context, number = atoi(name);

	*greatest = number > *greatest ? number : *greatest;
}

static void
full_for_long(void)
{
	struct sim_options options = { .seed = sim_seed(13), .disk_bytes = 800 * 1024 };
	struct yard yard;
	int greatest = 0;

	test_case("a disk that stays full uses up no numbers of segments");
	sim = sim_new(&options);
	sim_enter(sim);
	yard_init(&yard, sim);
	expect(yard_run(&yard, looks_in_vain_story));
	(void)os_list_dir("/spool/segments", greatest_number, &greatest);
	expect(greatest > 5 && greatest < 100);
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	in_a_world("a full disk refuses new mail, takes what becomes of the old, and resumes", 800 * 1024, full_story, NULL);
	in_a_world("what others put on the disk counts too", 4 * 1024 * 1024, others_fill_story, NULL);
	in_a_world("large content on a full disk is refused, and leaves nothing behind", 4 * 1024 * 1024,
	    large_on_full_story, NULL);
	in_a_world("a damaged record's large content is set aside with it", 8 * 1024 * 1024, large_damaged_story, NULL);
	in_that_world("a listing and a change tell how many mails could not be read",
	    (struct sim_options){ .seed = sim_seed(11), .uncached_percent = 100 }, unread_story, NULL);
	in_a_world("large content that cannot be removed is removed later", 8 * 1024 * 1024, large_unlink_fails_story, NULL);
	in_a_world("after a failed sync the mail does not exist, and the next one does", 4 * 1024 * 1024,
	    sync_fails_story, sync_failed_before_story);
	in_a_world("what was settled is written again after failed syncs", 4 * 1024 * 1024, settle_fails_story,
	    nothing_left_story);
	in_a_world("a disk that fails for a while is waited for", 4 * 1024 * 1024, disk_gone_for_a_while_story,
	    nothing_left_but_one_story);
	in_a_world("segments are used again, and their old records stay dead", 4 * 1024 * 1024, reuse_story, reused_story);
	in_a_world("a segment that could not be taken back is never written again", 8 * 1024 * 1024, take_back_fails_story,
	    taken_back_story);
	full_for_long();
	in_a_world("compaction keeps every mail and its state", 8 * 1024 * 1024, compact_story, compacted_story);
	test_case("a bit that turns over costs at most one mail, which is reported and set aside");
	for (int64_t at = 1; at < YARD_SEGMENT_BYTES; at += 61)
		damage_at(at);
	return test_end();
}
