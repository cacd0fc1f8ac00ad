/*
 * test_story.c - lines of mails are kept, bounded, and found again, whatever happens to the process and the disk
 */
#include <errno.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/list.h"
#include "mail/date.h"
#include "smtpfwd/story/story.h"
#include "smtpfwd/story/story_files.h"
#include "smtpfwd/story/story_line.h"
#include "tests/expect.h"
#include "tests/sim/log_sim.h"
#include "tests/sim/sim.h"

enum { DAY_S = 86400, MAX_BYTES = 1024 * 1024, PATIENCE_S = 60 };

struct scene {
	struct sim		*sim;
	struct loop		*loop;
	struct log_sim		 behind;	/* the log that lines are handed on to */
	struct story		*story;
	struct story_told	 told;
	struct mail_id		 mail, report, other;
	char			 text[3][MAIL_ID_TEXT_MAX];
	void			(*run)(struct scene *s);
};

static struct instant
soon(const struct scene *s)
{
	return instant_after(loop_now(s->loop), span_s(PATIENCE_S));
}

static void
pass_time(struct scene *s, int64_t seconds)
{
	fiber_sleep(instant_after(loop_now(s->loop), span_s(seconds)));
}

static void
make_id(struct mail_id *id_out, char text_out[MAIL_ID_TEXT_MAX], uint8_t n)
{
	uint8_t random[MAIL_ID_RANDOM_BYTES] = { 1, 2, 3, 4, n };

	*id_out = mail_id_make(os_wall_clock(), random);
	mail_id_text(id_out, text_out);
}

static void
say(struct scene *s, enum log_level level, const char *event, const char *id, const char *key, const char *value)
{
	struct log_line line;

	log_begin(&line, story_log(s->story), level, event);
	if (id != NULL)
		log_text(&line, "id", id);
	log_text(&line, key, value);
	log_end(&line);
}

/* The events of a mail's story, parted by blanks; a fault's text in brackets. */
static const char *
events(struct scene *s, const struct mail_id *id, char room[400])
{
	struct str rest, line, time, word;
	struct fault fault;
	size_t len = 0;

	room[0] = '\0';
	if (story_look_up(s->story, id, soon(s), &s->told, &fault) != 0)
		snprintf(room, 400, "(%s)", fault.text);
	for (rest = buf_str(&s->told.lines); str_take_until(&rest, '\n', &line) && len < 300;) {
		expect(story_line_take_time(&line, &time));
		expect(str_take_word(&line, &word));
		len += (size_t)snprintf(room + len, 400 - len, "%s%.*s", len > 0 ? " " : "", STR_ARG(word));
	}
	buf_fini(&s->told.lines);
	return room;
}

/* --- a process that keeps stories --- */

static void
run(void *arg)
{
	struct scene *s = arg;

	s->run(s);
	loop_stop(s->loop);
}

static void
open_story(struct scene *s)
{
	struct story_settings settings = { .directory = "/spool/trace", .keep = span_s(8 * DAY_S), .max_bytes = MAX_BYTES };

	s->loop = loop_new(10, NULL);
	log_sim_init(&s->behind, LOG_LEVEL_WARNING);
	s->story = story_new(&settings, &s->behind.log, NULL);
	insist(s->story != NULL);
}

static void
live(struct scene *s, void (*what)(struct scene *s))
{
	sim_enter(s->sim);
	open_story(s);
	insist(story_start(s->story, s->loop, NULL) == 0);
	s->run = what;
	insist(fiber_start(s->loop, "test", run, s) != NULL);
	loop_run(s->loop);
	story_stop(s->story);
	story_free(s->story);
	loop_free(s->loop);
	log_sim_fini(&s->behind);
	(void)sim_leave(s->sim);
}

/* --- what is kept --- */

static void
tells(struct scene *s)
{
	char room[400];

	make_id(&s->mail, s->text[0], 0);
	make_id(&s->report, s->text[1], 1);
	make_id(&s->other, s->text[2], 2);
	test_case("lines of a mail are told, whatever the log's level; lines of nobody and of others are not");
	say(s, LOG_LEVEL_INFO, "accepted", s->text[0], "from", "a@x.example");
	say(s, LOG_LEVEL_INFO, "accepted", s->text[2], "from", "b@x.example");
	say(s, LOG_LEVEL_INFO, "rejected", NULL, "why", "id=00000000000000000");
	say(s, LOG_LEVEL_DEBUG, "delivering", s->text[0], "to", "b@y.example");
	say(s, LOG_LEVEL_WARNING, "ambiguous", s->text[0], "why", "cut off");
	expect_text(events(s, &s->mail, room), "accepted ambiguous");
	expect_int(log_sim_n(&s->behind, "", ""), 1);
	expect(log_sim_has(&s->behind, "ambiguous", s->text[0]));

	test_case("a report joins two mails, whichever of them is asked for");
	pass_time(s, 5);
	say(s, LOG_LEVEL_INFO, "failed", s->text[0], "to", "b@y.example");
	say(s, LOG_LEVEL_INFO, "reported", s->text[0], "report", s->text[1]);
	pass_time(s, 1);
	say(s, LOG_LEVEL_INFO, "delivered", s->text[1], "to", "a@x.example");
	expect_text(events(s, &s->mail, room), "accepted ambiguous failed reported delivered");
	expect_int(s->told.n_ids, 2);
	expect(mail_id_eq(&s->told.ids[1], &s->report));
	expect_text(events(s, &s->report, room), "accepted ambiguous failed reported delivered");
	expect_text(events(s, &s->other, room), "accepted");

	test_case("a stranger's words join nothing");
	say(s, LOG_LEVEL_INFO, "deferred", s->text[2], "why", "\nreported report=");
	say(s, LOG_LEVEL_INFO, "rejected", s->text[2], "why", s->text[0]);
	expect_text(events(s, &s->other, room), "accepted deferred rejected");
	expect_int(s->told.n_ids, 1);
}

static void
tells_again(struct scene *s)
{
	struct mail_id nobody;
	char room[400], text[MAIL_ID_TEXT_MAX];

	test_case("after a restart the story is there, and goes on");
	expect_text(events(s, &s->mail, room), "accepted ambiguous failed reported delivered");
	say(s, LOG_LEVEL_INFO, "removed", s->text[0], "by", "operator");
	expect_text(events(s, &s->mail, room), "accepted ambiguous failed reported delivered removed");
	test_case("of a mail that there is not nothing is told");
	make_id(&nobody, text, 9);
	expect_text(events(s, &nobody, room), "");
	expect(s->told.kept_since.us != 0 && s->told.kept_since.us <= mail_id_time(&s->mail).us);
}

static void
tear(struct scene *s)
{
	char path[STORY_PATH_MAX], torn[100];
	int len = snprintf(torn, sizeof(torn), "2026-11-21T04:46:13.123456Z deferred id=%s to=x", s->text[0]);
	struct iovec piece = { .iov_base = torn, .iov_len = (size_t)len };
	int fd;

	sim_enter(s->sim);
	story_file_path("/spool/trace", s->told.kept_since, path);
	fd = os_open(path, OS_OPEN_WRITE);
	insist(fd >= 0);
	insist(os_pwritev(fd, &piece, 1, os_file_bytes(fd)) == len);
	os_close(fd);
	(void)sim_leave(s->sim);
}

static void
tells_untorn(struct scene *s)
{
	char room[400];

	test_case("a line that a kill tore is gone, those around it are whole");
	say(s, LOG_LEVEL_INFO, "held", s->text[0], "why", "operator");
	expect_text(events(s, &s->mail, room), "accepted ambiguous failed reported delivered removed held");
}

/* What a power cut may leave: a size that was kept, and bytes that were not. */
static void
add_zeros(struct scene *s)
{
	char path[STORY_PATH_MAX];
	int fd;

	sim_enter(s->sim);
	story_file_path("/spool/trace", s->told.kept_since, path);
	fd = os_open(path, OS_OPEN_WRITE);
	insist(fd >= 0 && os_truncate(fd, os_file_bytes(fd) + 20000) == 0);
	os_close(fd);
	(void)sim_leave(s->sim);
}

static void
tells_behind_zeros(struct scene *s)
{
	char room[400];

	test_case("behind bytes that a power cut took a new file is begun, and both are read");
	say(s, LOG_LEVEL_INFO, "released", s->text[0], "by", "operator");
	expect_text(events(s, &s->mail, room), "accepted ambiguous failed reported delivered removed held released");
}

static void
tells_unread(struct scene *s)
{
	char room[400];

	test_case("a file whose end could not be read at the start keeps its lines");
	say(s, LOG_LEVEL_INFO, "deferred", s->text[0], "to", "b@y.example");
	expect_text(events(s, &s->mail, room), "accepted ambiguous failed reported delivered removed held released deferred");
}

/* --- trouble --- */

static void
loses(struct scene *s)
{
	struct story_counts counts;
	char room[400];

	test_case("what a full disk takes is counted, told as a gap and in the log, and what follows is kept");
	make_id(&s->mail, s->text[0], 0);
	say(s, LOG_LEVEL_INFO, "accepted", s->text[0], "from", "a@x.example");
	pass_time(s, 1);
	sim_disk_fail(s->sim, SIM_WRITE, 1, 3, ENOSPC);
	say(s, LOG_LEVEL_INFO, "deferred", s->text[0], "to", "b@x.example");
	say(s, LOG_LEVEL_INFO, "deferred", s->text[0], "to", "c@x.example");
	pass_time(s, 1);
	say(s, LOG_LEVEL_INFO, "deferred", s->text[0], "to", "d@x.example");
	pass_time(s, 1);
	say(s, LOG_LEVEL_INFO, "delivered", s->text[0], "to", "b@x.example");
	pass_time(s, 1);
	expect_text(events(s, &s->mail, room), "accepted gap delivered");
	story_count(s->story, &counts);
	expect_int(counts.n_dropped, 3);
	expect_int(counts.n_lines, 2);
	expect_int(log_sim_n(&s->behind, "trace-trouble", "disk is full"), 1);

	test_case("who logs faster than can be written never waits, and the rest is counted");
	for (int i = 0; i < 100000; i++)
		say(s, LOG_LEVEL_INFO, "deferred", s->text[0], "to", "bob@a-domain-of-some-length.example.com");
	pass_time(s, 10);
	story_count(s->story, &counts);
	expect_int(counts.n_lines + counts.n_dropped, 2 + 3 + 100000);
	expect(counts.n_dropped > 3);
}

/* --- bounds --- */

static void
fill_by_size(struct scene *s)
{
	struct story_counts counts;
	char room[400];

	test_case("by size the oldest go first, and all together stay below the bound");
	make_id(&s->mail, s->text[0], 0);
	say(s, LOG_LEVEL_INFO, "accepted", s->text[0], "from", "a@x.example");
	make_id(&s->other, s->text[2], 1);
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 50; k++)
			say(s, LOG_LEVEL_INFO, "deferred", s->text[2], "to", "bob@a-domain-of-some-length.example.com");
		pass_time(s, 60);
		story_count(s->story, &counts);
		if (counts.bytes > MAX_BYTES)
			expect_int(counts.bytes, MAX_BYTES);
	}
	expect(counts.bytes > MAX_BYTES / 2);
	expect_int(counts.n_dropped, 0);
	expect_text(events(s, &s->mail, room), "");
	expect(mail_id_time(&s->mail).us < s->told.kept_since.us);
}

/* What is written from here on takes the room that others have left. */
static void
fill_a_disk(struct scene *s)
{
	struct story_counts counts;
	int64_t before;

	test_case("stories alone never leave less than the reserve, and where there is little more the oldest go");
	story_set_bounds(s->story, span_s(8 * DAY_S), MAX_BYTES, MAX_BYTES / 4);
	pass_time(s, 1);
	expect_int(os_sync_dir("/spool/trace"), 0);	/* until then what was removed takes room in this disk */
	sim_disk_set_bytes(s->sim, sim_disk_used(s->sim) + MAX_BYTES);
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 50; k++)
			say(s, LOG_LEVEL_INFO, "deferred", s->text[2], "to", "bob@a-domain-of-some-length.example.com");
		pass_time(s, 60);
		expect_int(os_sync_dir("/spool/trace"), 0);
		expect(os_free_bytes("/spool") >= MAX_BYTES / 4 + MAX_BYTES / 8);
	}
	story_count(s->story, &counts);
	expect_int(counts.n_dropped, 0);
	expect(counts.bytes > MAX_BYTES / 4 && counts.bytes < MAX_BYTES * 3 / 4);
	test_case("with room again they grow again");
	before = counts.bytes;
	sim_disk_set_bytes(s->sim, sim_disk_used(s->sim) + 2 * MAX_BYTES);
	for (int i = 0; i < 40; i++) {
		for (int k = 0; k < 50; k++)
			say(s, LOG_LEVEL_INFO, "deferred", s->text[2], "to", "bob@a-domain-of-some-length.example.com");
		pass_time(s, 60);
	}
	story_count(s->story, &counts);
	expect(counts.bytes > before + 100 * 1024);
}

static void
fill_by_age(struct scene *s)
{
	struct story_counts counts;
	struct mail_id id;
	char room[400], text[MAIL_ID_TEXT_MAX];

	test_case("by age too: what is kept is there, what is older by an eighth is not");
	make_id(&s->mail, s->text[0], 0);
	say(s, LOG_LEVEL_INFO, "accepted", s->text[0], "from", "a@x.example");
	for (int day = 0; day < 20; day++) {
		pass_time(s, DAY_S);
		make_id(&id, text, (uint8_t)day);
		say(s, LOG_LEVEL_INFO, "accepted", text, "from", "b@x.example");
		if (day == 6)
			expect_text(events(s, &s->mail, room), "accepted");
	}
	pass_time(s, 1);
	expect_text(events(s, &s->mail, room), "");
	expect_text(events(s, &id, room), "accepted");
	story_count(s->story, &counts);
	expect(timestamp_diff(counts.oldest, os_wall_clock()).ns <= span_s(10 * DAY_S).ns);
	expect(timestamp_diff(counts.oldest, os_wall_clock()).ns >= span_s(8 * DAY_S).ns);
}

/* --- lines --- */

static void
test_pairs(void)
{
	static const struct { const char *name, *value; size_t n_bytes; } cases[] = {
		{ "a bare word", "hello", 5 }, { "blanks", "a b", 3 }, { "nothing", "", 0 }, { "quotes", "say \"x\"", 7 },
		{ "a backslash", "a\\b", 3 }, { "bytes", "\x01\xff\n", 3 }, { "UTF-8", "gr\xc3\xbc\xc3\x9f", 7 }, { "an equals sign", "a=b", 3 },
		{ "a lone quote", "\"", 1 }, { "what looks like an escape", "\\x41", 4 },
	};
	struct log_sim log;
	struct log_line line;
	struct buf value;
	struct str rest, word, key;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("a value comes back as it was logged: %s", cases[i].name);
		log_sim_init(&log, LOG_LEVEL_INFO);
		buf_init(&value, 100);
		log_begin(&line, &log.log, LOG_LEVEL_INFO, "said");
		log_str(&line, "first", str_n(cases[i].value, cases[i].n_bytes));
		log_text(&line, "second", "2");
		log_end(&line);
		rest = str_trim(buf_str(&log.lines));
		expect(str_take_word(&rest, &word));
		expect(story_line_take_pair(&rest, &key, &value));
		expect_str(key, STR("first"));
		expect_str(buf_str(&value), str_n(cases[i].value, cases[i].n_bytes));
		expect(story_line_take_pair(&rest, &key, &value));
		expect_str(key, STR("second"));
		expect_str(buf_str(&value), STR("2"));
		expect(!story_line_take_pair(&rest, &key, &value));
		buf_fini(&value);
		log_sim_fini(&log);
	}
}

static void
test_hostile_lines(void)
{
	static const char *const lines[] = {
		"", " ", "=", " =x", "a=\"", "a=\"\\", "a=\\x", "a=\\xzz", "a=\"x\\x4", "a=...", "a=\"b...", "a=b...", "\xff=\xff", "a==",
	};

	test_case("a line that was cut or damaged ends somewhere");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct str rest = str_of(lines[i]), key;
		struct buf value;
		int n = 0;

		buf_init(&value, 2);
		while (story_line_take_pair(&rest, &key, &value) && n < 10)
			n++;
		expect(n < 10);
		buf_fini(&value);
	}
}

int
main(void)
{
	struct sim_options options = { .seed = sim_seed(1), .may_block = true };
	struct scene s = { .sim = sim_new(&options) };

	sim_disk_make_dir(s.sim, "/spool");
	live(&s, tells);
	live(&s, tells_again);
	tear(&s);
	live(&s, tells_untorn);
	add_zeros(&s);
	live(&s, tells_behind_zeros);
	sim_disk_fail(s.sim, SIM_READ, 1, 1, EIO);
	live(&s, tells_unread);
	sim_free(s.sim);

	options.short_percent = -1;	/* calls are counted */
	s.sim = sim_new(&options);
	sim_disk_make_dir(s.sim, "/spool");
	live(&s, loses);
	live(&s, fill_by_size);
	live(&s, fill_by_age);
	live(&s, fill_a_disk);
	sim_free(s.sim);

	test_pairs();
	test_hostile_lines();
	return test_end();
}
