/*
 * test_recipients.c - what is known outlives the process: restarts, reloads, damage, trouble with the disk, crashes
 */
#include <errno.h>
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/recipients/known_file.h"
#include "smtpfwd/recipients/recipients.h"
#include "tests/expect.h"
#include "tests/sim/log_sim.h"
#include "tests/sim/sim.h"

#define FILE_PATH	"/spool/recipients"

enum { STOP_WITHIN_S = 60 };

struct scene {
	struct sim		*sim;
	struct loop		*loop;
	struct log_sim		 log;
	struct recipients	*recipients;
	struct knowledge	*k;
	int64_t			 reserve_bytes;
	bool			 is_kept;	/* a crash loses no write */
	void			(*run)(struct scene *s);
};

static const char *const relays[] = { "new", "old" };

static void
pass_time(struct scene *s, int64_t seconds)
{
	fiber_sleep(instant_after(loop_now(s->loop), span_s(seconds)));
}

static void
tell(struct scene *s, const char *relay, const char *text, bool is_good)
{
	struct reply yes = REPLY(250, 2, 1, 5, "ok"), no = REPLY(550, 5, 1, 1, "no");
	struct address address;

	insist(address_parse(str_of(text), true, &address));
	knowledge_tell(s->k, str_of(relay), &address, &(struct recipient_answer){ .reply = is_good ? &yes : &no,
	    .question = QUESTION_RCPT, .asker = ASKER_CLIENT }, os_wall_clock());
}

static int
ask(struct scene *s, const char *relay, const char *text)
{
	struct address address;

	insist(address_parse(str_of(text), true, &address));
	return knowledge_ask(s->k, str_of(relay), &address, os_wall_clock());
}

static void
run(void *arg)
{
	struct scene *s = arg;

	s->run(s);
	expect(recipients_stop(s->recipients, instant_after(loop_now(s->loop), span_s(STOP_WITHIN_S))));
	loop_stop(s->loop);
}

static void
live_inside(struct scene *s, void (*what)(struct scene *s))
{
	struct recipients_settings settings = { .path = FILE_PATH, .reserve_bytes = s->reserve_bytes,
	    .bounds = { .good_max = 20000, .bad_max = 100, .good_keep = span_s(KNOWLEDGE_GOOD_KEEP_S), .bad_keep = span_s(KNOWLEDGE_BAD_KEEP_S) } };

	s->loop = loop_new(10, NULL);
	log_sim_init(&s->log, LOG_LEVEL_WARNING);
	s->recipients = recipients_new(s->loop, &settings, relays, 2, &s->log.log, NULL);
	insist(s->recipients != NULL);
	s->k = recipients_knowledge(s->recipients);
	s->run = what;
	insist(fiber_start(s->loop, "test", run, s) != NULL);
	loop_run(s->loop);
	recipients_free(s->recipients);
	loop_free(s->loop);
	log_sim_fini(&s->log);
}

static void
live(struct scene *s, void (*what)(struct scene *s))
{
	sim_enter(s->sim);
	live_inside(s, what);
	expect_int(sim_leave(s->sim), 0);	/* nothing is left open */
}

static int
n_trouble(const struct scene *s)
{
	return log_sim_n(&s->log, "recipients-trouble", "");
}

/* --- restarts and reloads --- */

static void
tells(struct scene *s)
{
	tell(s, "new", "bob@x.example", true);
	tell(s, "new", "nobody@x.example", false);
	tell(s, "old", "bob@x.example", false);
	tell(s, "old", "gone@x.example", true);
	pass_time(s, 20);
	tell(s, "new", "ann@x.example", true);
}

static void
knows(struct scene *s)
{
	struct address gone;

	test_case("what was told is known after a restart, the last seconds too");
	expect_int(n_trouble(s), 0);
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "new", "nobody@x.example"), KNOWN_BAD);
	expect_int(ask(s, "old", "bob@x.example"), KNOWN_BAD);
	expect_int(ask(s, "new", "ann@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "old", "gone@x.example"), KNOWN_GOOD);
	insist(address_parse(STR("gone@x.example"), true, &gone));
	expect(knowledge_set(s->k, STR("old"), &gone, KNOWN_NOT, os_wall_clock(), os_wall_clock()));
	pass_time(s, 6);
}

static void
knows_later(struct scene *s)
{
	test_case("what was forgotten stays forgotten, what was bad is unknown two hours later");
	expect_int(ask(s, "old", "gone@x.example"), KNOWN_NOT);
	pass_time(s, KNOWLEDGE_BAD_KEEP_S);
	expect_int(ask(s, "new", "nobody@x.example"), KNOWN_NOT);
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);

	test_case("a reload keeps what relays stay, and forgets the others");
	tell(s, "old", "bob@x.example", true);
	recipients_set(s->recipients, &(struct recipients_settings){ .bounds = { .good_max = 20000, .bad_max = 100,
	    .good_keep = span_s(KNOWLEDGE_GOOD_KEEP_S), .bad_keep = span_s(60) } }, (const char *const []){ "new", "third" }, 2);
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "old", "bob@x.example"), KNOWN_NOT);
	tell(s, "third", "bob@x.example", true);
	pass_time(s, 6);
}

static void
knows_relays(struct scene *s)
{
	test_case("records of relays that there are not are passed over");
	expect_int(ask(s, "third", "bob@x.example"), KNOWN_NOT);
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);
	expect_int(n_trouble(s), 0);
}

/* --- size --- */

static int64_t
file_bytes(void)
{
	int fd = os_open(FILE_PATH, OS_OPEN_READ);
	int64_t n = fd >= 0 ? os_file_bytes(fd) : -1;

	if (fd >= 0)
		os_close(fd);
	return n;
}

static void
attack(struct scene *s)
{
	char text[60];

	test_case("the file stays below about twice what is known, however many names are tried");
	for (int i = 0; i < 30000; i++) {
		snprintf(text, sizeof(text), "made-up-name-%d@x.example", i);
		tell(s, "new", text, false);
		if (i % 100 == 0) {
			snprintf(text, sizeof(text), "good-%d@x.example", i);
			tell(s, "new", text, true);
		}
		if (i % 1000 == 999) {
			pass_time(s, 6);
			expect(file_bytes() < 2 * knowledge_live_bytes(s->k) + 64 * 1024 + 1000 * 60);
		}
	}
	expect_int(n_trouble(s), 0);
	test_case("a file is written anew while entries come and go");
	for (int i = 0; i < 15000; i++) {
		snprintf(text, sizeof(text), "many-%d@x.example", i);
		tell(s, "new", text, true);
	}
	knowledge_forget_all(s->k, STR("old"));
	tell(s, "old", "late@x.example", true);
	knowledge_forget_all(s->k, STR("old"));		/* and so all is written anew */
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "meanwhile-%d@x.example", i);
		tell(s, "new", text, true);
		pass_time(s, 0);
		fiber_sleep(instant_after(loop_now(s->loop), span_ms(40)));
	}
}

static void
knows_all(struct scene *s)
{
	char text[60];
	int n = 0;

	for (int i = 0; i < 15000; i++) {
		snprintf(text, sizeof(text), "many-%d@x.example", i);
		n += ask(s, "new", text) == KNOWN_GOOD;
	}
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "meanwhile-%d@x.example", i);
		n += ask(s, "new", text) == KNOWN_GOOD;
	}
	expect_int(n, 15300);
	expect_int(ask(s, "old", "late@x.example"), KNOWN_NOT);
	expect_int(ask(s, "new", "made-up-name-29999@x.example"), KNOWN_BAD);
	expect_int(n_trouble(s), 0);
}

/* --- trouble --- */

static void
meets_full_disk(struct scene *s)
{
	test_case("a full disk costs nothing while we run, is told once, and all is written when there is room");
	tell(s, "new", "bob@x.example", true);
	pass_time(s, 6);
	sim_disk_fail(s->sim, SIM_WRITE, 1, 20, ENOSPC);
	for (int i = 0; i < 30; i++) {
		tell(s, "new", "ann@x.example", i % 2 == 0);
		pass_time(s, 6);
	}
	expect_int(n_trouble(s), 1);
	expect_int(ask(s, "new", "ann@x.example"), KNOWN_BAD);
	sim_disk_heal(s->sim);
	pass_time(s, 70);
	tell(s, "new", "eve@x.example", true);
	pass_time(s, 6);
}

static void
knows_after_full_disk(struct scene *s)
{
	expect_int(n_trouble(s), 0);
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "new", "ann@x.example"), KNOWN_BAD);
	expect_int(ask(s, "new", "eve@x.example"), KNOWN_GOOD);

	test_case("with less room than the reserve nothing is written");
	tell(s, "new", "sue@x.example", true);
}

static void
knows_not_all(struct scene *s)
{
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "new", "sue@x.example"), KNOWN_NOT);
}

static void
meets_read_only(struct scene *s)
{
	test_case("in a spool that is read-only what was known is known, and what is told is until the end");
	expect_int(ask(s, "new", "bob@x.example"), KNOWN_GOOD);
	tell(s, "new", "tom@x.example", true);
	pass_time(s, 600);
	expect_int(ask(s, "new", "tom@x.example"), KNOWN_GOOD);
	expect(n_trouble(s) >= 1);
}

static void
meets_damage(struct scene *s)
{
	test_case("of a damaged file the beginning is known, it is said, and the file is written anew");
	expect_int(n_trouble(s), 1);
	expect_int(ask(s, "new", "a0@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "new", "a99@x.example"), KNOWN_NOT);
	tell(s, "new", "a99@x.example", true);
}

static void
knows_after_damage(struct scene *s)
{
	expect_int(n_trouble(s), 0);
	expect_int(ask(s, "new", "a0@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "new", "a99@x.example"), KNOWN_GOOD);
}

static void
tells_a_hundred(struct scene *s)
{
	char text[40];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "a%d@x.example", i);
		tell(s, "new", text, true);
	}
}

static void
meets_foreign_file(struct scene *s)
{
	test_case("a file of another kind or version is not read, but written anew");
	expect_int(n_trouble(s), 1);
	expect_int(ask(s, "new", "a0@x.example"), KNOWN_NOT);
	tell(s, "new", "a0@x.example", true);
}

static void
knows_after_foreign_file(struct scene *s)
{
	expect_int(n_trouble(s), 0);
	expect_int(ask(s, "new", "a0@x.example"), KNOWN_GOOD);
}

static void
steps_clock(struct scene *s)
{
	test_case("a clock that was a year ahead leaves nothing behind that stays for a year");
	sim_step_wall_clock(s->sim, span_s(365 * 86400));
	tell(s, "new", "nobody@x.example", false);
	pass_time(s, 10);
}

static void
knows_after_step(struct scene *s)
{
	expect_int(ask(s, "new", "nobody@x.example"), KNOWN_BAD);
	pass_time(s, KNOWLEDGE_BAD_KEEP_S + 60);
	expect_int(ask(s, "new", "nobody@x.example"), KNOWN_NOT);
}

static void
step_back(struct scene *s)
{
	sim_enter(s->sim);
	sim_step_wall_clock(s->sim, span_s(-365 * 86400));
	(void)sim_leave(s->sim);
}

/* Half a second after a write began that takes longer. */
static void
ends_while_it_writes(struct scene *s)
{
	test_case("what is told while the disk is slow to take what was told before is written at the end, too");
	tell(s, "new", "early@x.example", true);
	sim_set_job_max(s->sim, span_s(25));
	fiber_sleep(instant_after(loop_now(s->loop), span_ms(5500)));
	tell(s, "new", "last@x.example", true);
}

static void
knows_the_last(struct scene *s)
{
	expect_int(ask(s, "new", "early@x.example"), KNOWN_GOOD);
	expect_int(ask(s, "new", "last@x.example"), KNOWN_GOOD);
}

/* --- crashes --- */

enum { CRASH_NAMES = 6 };

/* Each name is good from the start, and then turns about.  All of it is true of "ok-N", so nothing else may be known. */
static void
tells_while_it_crashes(struct scene *s)
{
	char text[40];

	for (int i = 0; i < 3 * CRASH_NAMES; i++) {
		snprintf(text, sizeof(text), "ok-%d@x.example", i % CRASH_NAMES);
		tell(s, "new", text, true);
		snprintf(text, sizeof(text), "no-%d@x.example", i % CRASH_NAMES);
		tell(s, "new", text, false);
		pass_time(s, 6);
		if (i == CRASH_NAMES) {
			sim_note(s->sim, "early", STR("e"), STR_EMPTY);
			knowledge_forget_all(s->k, STR("old"));
			tell(s, "old", "x@x.example", true);
			knowledge_forget_all(s->k, STR("old"));
		}
	}
}

static void
knows_after_crash(struct scene *s)
{
	char text[40];
	int n = 0, n_wrong = 0;

	for (int i = 0; i < CRASH_NAMES; i++) {
		snprintf(text, sizeof(text), "ok-%d@x.example", i);
		n += ask(s, "new", text) == KNOWN_GOOD;
		n_wrong += ask(s, "new", text) == KNOWN_BAD;
		snprintf(text, sizeof(text), "no-%d@x.example", i);
		n += ask(s, "new", text) == KNOWN_BAD;
		n_wrong += ask(s, "new", text) == KNOWN_GOOD;
	}
	n_wrong += ask(s, "old", "ok-0@x.example") != KNOWN_NOT;
	expect_int(n_wrong, 0);
	/* After a kill, without a power cut, all but the last seconds are known. */
	if (sim_n_notes(s->sim, "early", STR("e")) > 0 && s->is_kept)
		expect_int(n, 2 * CRASH_NAMES);
	tell(s, "new", "after@x.example", true);
}

static void
knows_the_rest(struct scene *s)
{
	expect_int(ask(s, "new", "after@x.example"), KNOWN_GOOD);
	expect_int(n_trouble(s), 0);
}

static void
make_spool(void)
{
	expect(os_make_dir("/spool") == 0 && os_sync_dir("/") == 0);
}

static void
crash_live(struct sim *sim, void *arg)
{
	struct scene s = { .sim = sim };

	(void)arg;
	make_spool();
	live_inside(&s, tells_while_it_crashes);
}

static void
crash_recover(struct sim *sim, void *arg)
{
	struct scene s = { .sim = sim, .is_kept = *(int *)arg == SIM_RULE_KEPT };

	make_spool();
	live_inside(&s, knows_after_crash);
	live_inside(&s, knows_the_rest);
}

static void
crash_check(struct sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
}

static void
test_crashes(void)
{
	int rule = SIM_RULE_BY_SEED;

	for (int i = 0; i < 2; i++) {
		struct sim_story story = { .options = { .seed = sim_seed(7), .may_block = true }, .live = crash_live,
		    .recover = crash_recover, .check = crash_check, .arg = &rule };

		rule = i == 0 ? SIM_RULE_BY_SEED : SIM_RULE_KEPT;
		story.options.rule = (enum sim_rule)rule;
		test_case("killed at any call, %s, what is known is true", i == 0 ? "by a power cut" : "and the machine runs on");
		expect(sim_crash_everywhere(&story) > 20);
	}
}

/* --- all of them --- */

static void
overwrite(struct scene *s, int64_t offset, const char *bytes)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = strlen(bytes) };
	int fd;

	sim_enter(s->sim);
	fd = os_open(FILE_PATH, OS_OPEN_WRITE);
	insist(fd >= 0);
	insist(os_pwritev(fd, &piece, 1, offset < 0 ? os_file_bytes(fd) + offset : offset) == (ssize_t)piece.iov_len);
	os_close(fd);
	(void)sim_leave(s->sim);
}

static struct sim *
new_world(uint64_t seed)
{
	struct sim_options options = { .seed = sim_seed(seed), .may_block = true, .short_percent = -1 };
	struct sim *sim = sim_new(&options);

	sim_disk_make_dir(sim, "/spool");
	return sim;
}

static void
test_life(void)
{
	struct scene s = { .sim = new_world(1) };

	live(&s, tells);
	live(&s, knows);
	live(&s, knows_later);
	live(&s, knows_relays);
	live(&s, attack);
	live(&s, knows_all);
	live(&s, ends_while_it_writes);
	live(&s, knows_the_last);
	sim_free(s.sim);
}

static void
test_trouble(void)
{
	struct scene s = { .sim = new_world(2) };

	live(&s, meets_full_disk);
	s.reserve_bytes = INT64_MAX / 4;
	live(&s, knows_after_full_disk);
	s.reserve_bytes = 0;
	live(&s, knows_not_all);
	sim_disk_fail(s.sim, SIM_OPEN, 1, 1000, EROFS);
	sim_disk_fail(s.sim, SIM_WRITE, 1, 1000, EROFS);
	sim_disk_fail(s.sim, SIM_OPEN, 2, 1000, EROFS);		/* the first one reads */
	live(&s, meets_read_only);
	sim_disk_heal(s.sim);
	live(&s, tells_a_hundred);
	overwrite(&s, -3000, "\xff");
	live(&s, meets_damage);
	live(&s, knows_after_damage);
	overwrite(&s, 0, "smtpfwd recipients 2");
	live(&s, meets_foreign_file);
	live(&s, knows_after_foreign_file);
	live(&s, steps_clock);
	step_back(&s);
	live(&s, knows_after_step);
	sim_free(s.sim);
}

int
main(void)
{
	test_life();
	test_trouble();
	test_crashes();
	return test_end();
}
