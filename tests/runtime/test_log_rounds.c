/*
 * test_log_rounds.c - when the log's thread gets lines of a loop's thread: when the round ends, or at once
 *
 * A round is held open by a fiber that blocks its thread, and what is in the file meanwhile is looked at.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "smtpfwd/runtime/fiber.h"
#include "smtpfwd/runtime/log_writer.h"
#include "tests/expect.h"

enum {
	FILE_MAX_BYTES = 1024 * 1024,
	SOON_MS = 5000,			/* for a thread there is nothing else to wait by */
	NOT_YET_MS = 30,
	TIME_BYTES = 25,		/* "2026-05-04T12:34:56.789Z " */
	MANY_LINES = 2000,
	N_THREADS = 3,
};

struct scene {
	struct loop		*loop;
	struct log_writer	*writer;
	struct log		*log;
	char			 path[128], other_path[128];
	char			*room;		/* FILE_MAX_BYTES */
	char			 seen[512];	/* without times, "|" for line ends */
};

static void
log_number(struct log *log, enum log_level level, const char *event, int n)
{
	struct log_line line;

	log_begin(&line, log, level, event);
	log_int(&line, "n", n);
	log_end(&line);
}

static void
say(struct scene *s, int n)
{
	log_number(s->log, LOG_LEVEL_INFO, "said", n);
}

static struct str
read_file(struct scene *s, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n = 0;

	if (file != NULL) {
		n = fread(s->room, 1, FILE_MAX_BYTES, file);
		fclose(file);
	}
	return str_n(s->room, n);
}

static int
count_lines(struct str text)
{
	struct str line;
	int n = 0;

	while (str_take_until(&text, '\n', &line))
		n++;
	return n;
}

/* The lines in the file, as soon as there are n. */
static struct str
wait_for(struct scene *s, const char *path, int n)
{
	struct str rest, line;
	size_t len = 0;

	for (int ms = 0; count_lines(read_file(s, path)) < n && ms < SOON_MS; ms++)
		usleep(1000);
	rest = read_file(s, path);
	while (str_take_until(&rest, '\n', &line) && len + line.len < sizeof(s->seen)) {
		line = str_from(line, TIME_BYTES);
		memcpy(s->seen + len, line.at, line.len);
		len += line.len;
		s->seen[len++] = '|';
	}
	return str_n(s->seen, len);
}

static struct str
look_later(struct scene *s)
{
	usleep(NOT_YET_MS * 1000);
	return read_file(s, s->path);
}

static void
scene_run(struct scene *s, void (*run)(void *arg), const char *name)
{
	s->loop = loop_new(2, NULL);
	s->writer = log_writer_new(s->path, "test", LOG_LEVEL_INFO, NULL);
	s->log = log_writer_log(s->writer);
	fiber_start(s->loop, name, run, s);
	loop_run(s->loop);
}

static void
scene_end(struct scene *s)
{
	log_writer_free(s->writer);
	loop_free(s->loop);
	unlink(s->path);
	unlink(s->other_path);
}

/* --- within a round --- */

static void
says_some(void *arg)
{
	struct scene *s = arg;

	say(s, 1);
	say(s, 2);
	expect_int((int64_t)look_later(s).len, 0);
	fiber_yield();
	expect_str(wait_for(s, s->path, 2), STR("said n=1|said n=2|"));
	say(s, 3);
	expect_int(count_lines(look_later(s)), 2);
	fiber_yield();
	expect_str(wait_for(s, s->path, 3), STR("said n=1|said n=2|said n=3|"));
	say(s, 4);
}

static void
test_round(struct scene *s)
{
	test_case("lines of a round are handed over when it ends, those of the last round too");
	scene_run(s, says_some, "says some");
	expect_str(wait_for(s, s->path, 4), STR("said n=1|said n=2|said n=3|said n=4|"));
	scene_end(s);
}

static void
says_something_bad(void *arg)
{
	struct scene *s = arg;

	say(s, 1);
	log_number(s->log, LOG_LEVEL_WARNING, "warned", 2);
	expect_str(wait_for(s, s->path, 2), STR("said n=1|warned n=2|"));
	say(s, 3);
	log_number(s->log, LOG_LEVEL_ERROR, "failed", 4);
	expect_str(wait_for(s, s->path, 4), STR("said n=1|warned n=2|said n=3|failed n=4|"));
}

static void
says_much(void *arg)
{
	struct scene *s = arg;

	for (int i = 0; i < MANY_LINES; i++)
		say(s, i);
	for (int ms = 0; count_lines(read_file(s, s->path)) < MANY_LINES / 2 && ms < SOON_MS; ms++)
		usleep(1000);
	expect(count_lines(read_file(s, s->path)) >= MANY_LINES / 2);
}

static void
test_at_once(struct scene *s)
{
	struct str rest, line = STR_EMPTY;
	char want[32];
	int n = 0;

	test_case("a warning and an error are written at once, with what came before them");
	scene_run(s, says_something_bad, "says something bad");
	scene_end(s);

	test_case("so are many lines together, in their order");
	scene_run(s, says_much, "says much");
	log_writer_free(s->writer);
	rest = read_file(s, s->path);
	while (str_take_until(&rest, '\n', &line)) {
		snprintf(want, sizeof(want), "said n=%d", n++);
		if (!str_eq(str_from(line, TIME_BYTES), str_of(want)))
			expect_str(str_from(line, TIME_BYTES), str_of(want));
	}
	expect_int(n, MANY_LINES);
	s->writer = NULL;
	scene_end(s);
}

/* --- the end, other files, other threads --- */

static void
stops(void *arg)
{
	struct scene *s = arg;

	say(s, 1);
	loop_stop(s->loop);
}

static void
test_stop(struct scene *s)
{
	test_case("a loop that is stopped leaves no line behind, and after it lines go at once");
	scene_run(s, stops, "stops");
	expect_str(wait_for(s, s->path, 1), STR("said n=1|"));
	say(s, 2);
	expect_str(wait_for(s, s->path, 2), STR("said n=1|said n=2|"));
	scene_end(s);
}

static void
reopens(void *arg)
{
	struct scene *s = arg;

	say(s, 1);
	expect_int(rename(s->path, s->other_path), 0);
	log_writer_reopen(s->writer);
	for (int ms = 0; access(s->path, F_OK) != 0 && ms < SOON_MS; ms++)
		usleep(1000);
	expect_str(wait_for(s, s->other_path, 1), STR("said n=1|"));
	say(s, 2);
}

static void
moves(void *arg)
{
	struct scene *s = arg;
	struct log_place *place = log_place_new(s->other_path, "test", NULL);

	say(s, 1);
	log_writer_move(s->writer, place);
	expect_str(wait_for(s, s->path, 1), STR("said n=1|"));
	usleep(NOT_YET_MS * 1000);
	say(s, 2);
}

static void
test_other_files(struct scene *s)
{
	test_case("what waits is written before the file is opened anew");
	scene_run(s, reopens, "reopens");
	expect_str(wait_for(s, s->path, 1), STR("said n=2|"));
	expect_str(wait_for(s, s->other_path, 1), STR("said n=1|"));
	scene_end(s);

	test_case("and before lines go elsewhere");
	scene_run(s, moves, "moves");
	expect_str(wait_for(s, s->other_path, 1), STR("said n=2|"));
	expect_str(wait_for(s, s->path, 1), STR("said n=1|"));
	scene_end(s);
}

static void *
says_once(void *arg)
{
	say(arg, 2);
	return NULL;
}

static void
hears_another(void *arg)
{
	struct scene *s = arg;
	pthread_t thread;

	say(s, 1);
	expect_int(pthread_create(&thread, NULL, says_once, s), 0);
	expect_str(wait_for(s, s->path, 2), STR("said n=1|said n=2|"));
	pthread_join(thread, NULL);
}

struct talker {
	struct scene	*scene;
	struct loop	*loop;		/* NULL: the thread has none */
	int		 number;
};

static void
talks(void *arg)
{
	struct talker *talker = arg;

	for (int i = 0; i < MANY_LINES; i++) {
		log_number(talker->scene->log, LOG_LEVEL_INFO, "talked", talker->number * MANY_LINES + i);
		if (talker->loop != NULL && i % 3 == 0)
			fiber_yield();
	}
}

static void *
talks_on_a_thread(void *arg)
{
	struct talker *talker = arg;

	if (talker->loop == NULL) {
		talks(talker);
		return NULL;
	}
	fiber_start(talker->loop, "talks", talks, talker);
	loop_run(talker->loop);
	return NULL;
}

/* Each one's lines in their order, and all of them. */
static void
expect_all_said(struct str rest)
{
	int next[N_THREADS] = { 0 };
	struct str line;
	uint64_t n;

	while (str_take_until(&rest, '\n', &line)) {
		line = str_from(line, TIME_BYTES + sizeof("talked n=") - 1);
		if (!expect(str_to_u64(line, &n)) || !expect(n < N_THREADS * MANY_LINES))
			return;
		if (n % MANY_LINES != (uint64_t)next[n / MANY_LINES]++)
			expect_int((int64_t)(n % MANY_LINES), next[n / MANY_LINES] - 1);
	}
	for (int i = 0; i < N_THREADS; i++)
		expect_int(next[i], MANY_LINES);
}

static void
test_threads(struct scene *s)
{
	struct talker talkers[N_THREADS];
	pthread_t threads[N_THREADS];

	test_case("another thread's line is written while the round goes on, behind what came before it");
	scene_run(s, hears_another, "hears another");
	scene_end(s);

	test_case("two loops and a thread without one log together: nothing is lost, each keeps its order");
	s->writer = log_writer_new(s->path, "test", LOG_LEVEL_INFO, NULL);
	s->log = log_writer_log(s->writer);
	for (int i = 0; i < N_THREADS; i++) {
		talkers[i] = (struct talker){ .scene = s, .loop = i > 0 ? loop_new(1, NULL) : NULL, .number = i };
		expect_int(pthread_create(&threads[i], NULL, talks_on_a_thread, &talkers[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(threads[i], NULL);
		loop_free(talkers[i].loop);
	}
	log_writer_free(s->writer);
	expect_all_said(read_file(s, s->path));
	unlink(s->path);
}

int
main(void)
{
	char folder[] = "/tmp/test_log_rounds.XXXXXX";
	struct scene s = { .room = mem_new(FILE_MAX_BYTES) };

	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(s.path, sizeof(s.path), "%s/log", folder);
	snprintf(s.other_path, sizeof(s.other_path), "%s/other", folder);
	test_round(&s);
	test_at_once(&s);
	test_stop(&s);
	test_other_files(&s);
	test_threads(&s);
	expect_int(rmdir(folder), 0);
	mem_free(s.room);
	return test_end();
}
