/*
 * test_log_writer.c - the log that never holds up who logs
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "smtpfwd/runtime/log_writer.h"
#include "tests/expect.h"

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

static struct str
read_file(const char *path, char *room)
{
	FILE *file = fopen(path, "r");
	size_t n;

	if (file == NULL)
		return STR("(no file)");
	n = fread(room, 1, FILE_MAX_BYTES, file);
	fclose(file);
	return str_n(room, n);
}

/* Takes a line, checks the form of its time, and gives what stands behind it. */
static bool
take_line(struct str *rest, struct str *line_out)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
	struct str line;

	if (!str_take_until(rest, '\n', &line))
		return false;
	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (i >= line.len || (form[i] == 'd' ? line.at[i] < '0' || line.at[i] > '9' : line.at[i] != form[i]))
			return expect(!"a line begins with the time in UTC");
	}
	*line_out = str_from(line, sizeof(form) - 1);
	return true;
}

static void
log_number(struct log *log, const char *event, int n)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, event);
	log_int(&line, "n", n);
	log_end(&line);
}

static void
test_file(const char *folder, char *room)
{
	struct log_writer *writer;
	struct fault fault;
	struct stat status;
	struct str rest, line = STR_EMPTY;
	char path[128], want[32];
	int n = 0;

	snprintf(path, sizeof(path), "%s/log", folder);
	test_case("lines are in the file when the writer is freed, in order, with the time");
	writer = log_writer_new(path, "test", LOG_LEVEL_INFO, &fault);
	for (int i = 0; i < 3000; i++)
		log_number(log_writer_log(writer), "counted", i);
	log_say(log_writer_log(writer), LOG_LEVEL_DEBUG, "too-fine", "%s", "below the level");
	log_writer_free(writer);
	rest = read_file(path, room);
	while (take_line(&rest, &line)) {
		snprintf(want, sizeof(want), "counted n=%d", n++);
		if (!str_eq(line, str_of(want)))
			expect_str(line, str_of(want));
	}
	expect_int(n, 3000);
	expect_int(stat(path, &status), 0);
	expect_int(status.st_mode & 0777, 0640);

	test_case("an old file is appended to");
	writer = log_writer_new(path, "test", LOG_LEVEL_INFO, &fault);
	log_number(log_writer_log(writer), "again", 1);
	log_writer_free(writer);
	rest = read_file(path, room);
	for (n = 0; take_line(&rest, &line); n++)
		;
	expect_int(n, 3001);
	expect_str(line, STR("again n=1"));

	test_case("a file that cannot be opened is named");
	expect(log_writer_new("/nowhere/log", "test", LOG_LEVEL_INFO, &fault) == NULL);
	expect(str_find_str(str_of(fault.text), STR("/nowhere/log")) > 0);
	unlink(path);
}

static void
test_reopen(const char *folder, char *room)
{
	struct log_writer *writer;
	char path[128], old_path[128];
	struct stat status;
	struct str rest, line = STR_EMPTY;

	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(old_path, sizeof(old_path), "%s/log.1", folder);
	test_case("after a rotation lines go into the new file, none is lost");
	writer = log_writer_new(path, "test", LOG_LEVEL_INFO, NULL);
	log_number(log_writer_log(writer), "before", 1);
	expect_int(rename(path, old_path), 0);
	log_writer_reopen(writer);
	for (int tries = 0; stat(path, &status) != 0 && tries < 5000; tries++)
		usleep(1000);		/* for a thread there is nothing else to wait by */
	log_number(log_writer_log(writer), "after", 2);
	log_writer_free(writer);
	rest = read_file(old_path, room);
	expect(take_line(&rest, &line));
	expect_str(line, STR("before n=1"));
	rest = read_file(path, room);
	expect(take_line(&rest, &line));
	expect_str(line, STR("after n=2"));
	unlink(path);
	unlink(old_path);
}

/* --- a reader that does not read --- */

struct drain {
	int	 fd;
	char	*room;
	size_t	 len;
};

static void *
drains(void *arg)
{
	struct drain *drain = arg;
	ssize_t n;

	while ((n = read(drain->fd, drain->room + drain->len, FILE_MAX_BYTES - drain->len)) > 0)
		drain->len += (size_t)n;
	return NULL;
}

static void
test_full(const char *folder, char *room)
{
	struct drain drain = { .room = room };
	struct log_writer *writer;
	char path[128];
	struct str rest, line = STR_EMPTY, last = STR_EMPTY, number;
	uint64_t n_dropped = 0;
	pthread_t thread;
	int n = 0;

	/* A named pipe in place of a file: its reader stands still, and nobody else is held up. */
	snprintf(path, sizeof(path), "%s/pipe", folder);
	expect_int(mkfifo(path, 0600), 0);
	drain.fd = open(path, O_RDONLY | O_NONBLOCK);
	test_case("who logs into a full pipe is not held up; what is dropped is counted");
	writer = log_writer_new(path, "test", LOG_LEVEL_INFO, NULL);
	for (int i = 0; i < 100000; i++)
		log_number(log_writer_log(writer), "counted", i);
	fcntl(drain.fd, F_SETFL, 0);
	pthread_create(&thread, NULL, drains, &drain);
	log_writer_free(writer);
	pthread_join(thread, NULL);
	rest = str_n(drain.room, drain.len);
	while (take_line(&rest, &line)) {
		last = line;
		if (str_starts(line, STR("log-dropped lines="))) {
			number = str_from(line, 18);
			uint64_t some;
			expect(str_to_u64(number, &some));
			n_dropped += some;
		} else {
			n++;
		}
	}
	expect(n > 1000);
	expect(n_dropped > 1000);
	expect_int(n + (int64_t)n_dropped, 100000);
	expect(str_starts(last, STR("log-dropped")));
	close(drain.fd);
	unlink(path);
}

static void
test_move(const char *folder, char *room)
{
	struct log_writer *writer;
	struct log_place *place, *unused;
	char old[128], new[128], never[128];
	struct str rest, line = STR_EMPTY;
	struct fault fault;

	snprintf(old, sizeof(old), "%s/old", folder);
	snprintf(new, sizeof(new), "%s/new", folder);
	snprintf(never, sizeof(never), "%s/never", folder);
	test_case("what was logged before a move is in the old file, the rest in the new one");
	writer = log_writer_new(old, "test", LOG_LEVEL_INFO, &fault);
	for (int i = 0; i < 1000; i++)
		log_number(log_writer_log(writer), "before", i);
	unused = log_place_new(never, "test", &fault);
	place = log_place_new(new, "test", &fault);
	if (!expect(place != NULL && unused != NULL))
		return;
	log_writer_move(writer, unused);
	log_writer_move(writer, place);
	for (int i = 0; i < 500 && read_file(old, room).len == 0; i++)
		usleep(10 * 1000);
	usleep(50 * 1000);
	log_number(log_writer_log(writer), "behind", 1);
	log_writer_reopen(writer);
	log_writer_free(writer);
	rest = read_file(old, room);
	for (int i = 0; i < 1000; i++)
		expect(take_line(&rest, &line) && str_starts(line, STR("before")));
	expect_int((int64_t)rest.len, 0);
	rest = read_file(new, room);
	expect(take_line(&rest, &line));
	expect_str(line, STR("behind n=1"));

	test_case("a place that cannot be opened is a fault, and nothing moves");
	snprintf(new, sizeof(new), "%s/none/log", folder);
	expect(log_place_new(new, "test", &fault) == NULL);
	expect(strstr(fault.text, new) != NULL);
	snprintf(new, sizeof(new), "%s/new", folder);
	unlink(old);
	unlink(new);
	unlink(never);
}

static void
test_stderr(const char *folder, char *room)
{
	struct log_writer *writer;
	char path[128], journal[64];
	struct str rest, line = STR_EMPTY;
	struct stat status;
	int kept = dup(2), fd;

	snprintf(path, sizeof(path), "%s/err", folder);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	test_case("on stderr lines have the time");
	dup2(fd, 2);
	unsetenv("JOURNAL_STREAM");
	writer = log_writer_new("stderr", "test", LOG_LEVEL_INFO, NULL);
	log_number(log_writer_log(writer), "seen", 1);
	log_writer_free(writer);
	rest = read_file(path, room);
	expect(take_line(&rest, &line));
	expect_str(line, STR("seen n=1"));

	test_case("but not when it leads to the journal, which takes the level instead");
	expect_int(ftruncate(fd, 0), 0);
	expect_int(fstat(fd, &status), 0);
	snprintf(journal, sizeof(journal), "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", journal, 1);
	writer = log_writer_new("stderr", "test", LOG_LEVEL_INFO, NULL);
	log_number(log_writer_log(writer), "seen", 2);
	log_say(log_writer_log(writer), LOG_LEVEL_ERROR, "bad", "x");
	log_writer_free(writer);
	dup2(kept, 2);
	close(kept);
	close(fd);
	expect_str(read_file(path, room), STR("<6>seen n=2\n<3>bad text=x\n"));
	unsetenv("JOURNAL_STREAM");
	unlink(path);
}

int
main(void)
{
	char folder[] = "/tmp/test_log.XXXXXX";
	char *room = mem_new(FILE_MAX_BYTES);

	if (mkdtemp(folder) == NULL)
		abort();
	test_file(folder, room);
	test_reopen(folder, room);
	test_full(folder, room);
	test_move(folder, room);
	test_stderr(folder, room);
	expect_int(rmdir(folder), 0);
	mem_free(room);
	return test_end();
}
