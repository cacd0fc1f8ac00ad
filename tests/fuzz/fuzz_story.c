/*
 * fuzz_story.c - files of stories with any bytes in them: a lookup tells whole lines of the mail asked for, in order
 *
 * The input is two files, parted by a NUL.  In its lines "@" and a digit stand for the ids of some mails.
 */
#include <stdio.h>

#include "smtpfwd/runtime/os.h"
#include "smtpfwd/story/story.h"
#include "smtpfwd/story/story_line.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/log_sim.h"
#include "tests/sim/sim.h"

enum { KEEP_DAYS = 36500, FILE_US = 1000000 };

struct scene {
	struct fuzz	 f;
	struct loop	*loop;
	struct story	*story;
	struct mail_id	 asked;
};

static struct mail_id
id_number(unsigned number)
{
	return mail_id_make((struct timestamp){ 1792540800000000 }, (const uint8_t[MAIL_ID_RANDOM_BYTES]){ 7, 7, 7, 7, (uint8_t)number });
}

/* A file that began so long after the calendar's start; what the input says, with ids filled in. */
static void
write_file(struct scene *s, unsigned number)
{
	char path[100], room[MAIL_ID_TEXT_MAX];
	struct buf text;
	struct iovec piece;
	int fd;

	snprintf(path, sizeof(path), "/spool/trace/%016llu.log", 1792540800000000ull + number * FILE_US);
	buf_init(&text, FUZZ_ROOM_MAX_BYTES);
	while (s->f.rest.len > 0) {
		char c = (char)fuzz_byte(&s->f);
		struct mail_id id;

		if (c == '\0')
			break;
		if (c != '@') {
			insist(buf_append_char(&text, c) == 0);
			continue;
		}
		id = id_number(fuzz_byte(&s->f) % 32);
		insist(buf_append(&text, mail_id_text(&id, room)) == 0);
	}
	fd = os_open(path, OS_OPEN_CREATE);
	insist(fd >= 0);
	piece = (struct iovec){ .iov_base = text.at, .iov_len = text.len };
	insist(text.len == 0 || os_pwritev(fd, &piece, 1, 0) == (ssize_t)text.len);
	os_close(fd);
	buf_fini(&text);
}

static bool
is_among(struct str id, const struct story_told *told)
{
	char room[MAIL_ID_TEXT_MAX];

	for (int i = 0; i < told->n_ids; i++)
		if (str_eq(id, mail_id_text(&told->ids[i], room)))
			return true;
	return false;
}

static void
check_line(struct str line, const struct story_told *told, struct str *last_time)
{
	struct str time, id, key;
	struct buf value;

	insist(story_line_take_time(&line, &time));
	insist(last_time->len == 0 ||
	    (time.len == last_time->len && memcmp(last_time->at, time.at, time.len) <= 0));
	*last_time = time;
	id = story_line_id(line);
	insist(id.len == 0 ? str_starts(line, STR("gap ")) : is_among(id, told));
	buf_init(&value, FUZZ_ROOM_MAX_BYTES);
	while (story_line_take_pair(&line, &key, &value))
		insist(key.len > 0);
	buf_fini(&value);
}

static void
look_up(void *arg)
{
	struct scene *s = arg;
	struct story_told told;
	struct str rest, line, last_time = STR_EMPTY;
	struct fault fault;
	int64_t n = 0;

	insist(story_look_up(s->story, &s->asked, instant_after(loop_now(s->loop), span_s(60)), &told, &fault) == 0);
	insist(told.n_ids >= 1 && told.n_ids <= STORY_IDS_MAX && mail_id_eq(&told.ids[0], &s->asked));
	rest = buf_str(&told.lines);
	for (; str_take_until(&rest, '\n', &line); n++)
		check_line(line, &told, &last_time);
	insist(n == told.n_lines);
	buf_fini(&told.lines);
	loop_stop(s->loop);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct story_settings settings = { .directory = "/spool/trace", .keep = { KEEP_DAYS * INT64_C(86400000000000) }, .max_bytes = 1 << 30 };
	struct scene s = { .asked = id_number(0) };
	struct log_sim behind;
	struct sim *sim;
	unsigned choice;

	fuzz_begin(&s.f, bytes, n_bytes, &choice);
	sim = sim_new(&(struct sim_options){ .seed = choice, .short_percent = -1 });
	sim_disk_make_dir(sim, "/spool/trace");
	sim_enter(sim);
	write_file(&s, 1);
	write_file(&s, 2 + choice % 2);
	s.loop = loop_new(4, NULL);
	log_sim_init(&behind, LOG_LEVEL_ERROR);
	s.story = story_new(&settings, &behind.log, NULL);
	insist(s.story != NULL && story_start(s.story, s.loop, NULL) == 0);
	insist(fiber_start(s.loop, "lookup", look_up, &s) != NULL);
	loop_run(s.loop);
	story_stop(s.story);
	story_free(s.story);
	loop_free(s.loop);
	log_sim_fini(&behind);
	(void)sim_leave(sim);
	sim_free(sim);
	fuzz_end(&s.f);
	return 0;
}
