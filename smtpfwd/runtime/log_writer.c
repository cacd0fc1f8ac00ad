/*
 * log_writer.c - a struct log that keeps its lines: on stderr, in the journal, by syslog, or in a file
 *
 * Two buffers: one that lines are put into, under the lock, and one that a job of the
 * writer's own crew of one thread is writing out.  The thread is woken at the end of a
 * round of the loop, as a thread woken costs far more than a line.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/decimal.h"
#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/fiber.h"
#include "smtpfwd/runtime/journal.h"
#include "smtpfwd/runtime/log_inside.h"
#include "smtpfwd/runtime/log_writer.h"
#include "smtpfwd/runtime/os.h"

enum {
	WAITING_MAX_BYTES = 1024 * 1024,	/* some 6,000 lines: a disk that stands still for a moment */
	HAND_OVER_BYTES = 16 * 1024,		/* that wait within a round: some 80 lines, worth a thread's waking */
	OUT_MAX_BYTES = 64 * 1024,		/* of one write */
	PREFIX_MAX_BYTES = 40,			/* "<6>" or "2026-05-04T12:34:56.789012Z " */
	KEEP_BYTES = 16 * 1024,			/* a buffer larger than this is given back once empty */
};

struct entry {				/* in a buffer, before the bytes of its line */
	struct timestamp	 at;
	size_t			 len;
	enum log_level		 level;
};

struct writer_job {
	struct os_job		 job;
	struct log_writer	*writer;
};

struct log_writer {
	struct log		 log;
	struct os_crew		*crew;

	pthread_mutex_t		 lock;		/* for what follows */
	struct buf		 waiting;	/* entries */
	uint64_t		 n_dropped;	/* since it was last told */
	bool			 is_job_out;	/* a job runs that will look at is_wanted once more */
	bool			 is_wanted;	/* what waits is to be written now */
	bool			 must_reopen;
	struct log_place	*next_place;	/* NULL: the lines stay where they go */
	int			 i_job;		/* the one to submit next */
	struct writer_job	 jobs[2];
	struct round_end	 round_end;	/* asked for when a line waits; asked with the lock held */

	/* The job's own. */
	struct log_place	*place;
	struct buf		 writing;	/* entries */
	struct buf		 out;		/* text */
	uint64_t		 n_out_lines;	/* in out */
	uint64_t		 n_lost;	/* lines that could not be written */
	bool			 is_torn;	/* the last write ended within a line */
	time_t			 second;	/* of second_text */
	char			 second_text[PREFIX_MAX_BYTES];
	size_t			 second_len;	/* 0: none yet */
};

/* --- what the loop calls --- */

/*
 * What waits is to be written now: the job for submit_job, which is called without the lock, or NULL when one that is
 * out will see to it.  Called with the lock held.
 */
static struct writer_job *
want_writing(struct log_writer *writer)
{
	struct writer_job *job = &writer->jobs[writer->i_job];

	writer->is_wanted = true;
	if (writer->is_job_out)
		return NULL;
	writer->is_job_out = true;
	writer->i_job = !writer->i_job;
	return job;
}

/*
 * Two jobs take turns.  A job that has just said that it will not look again may not be
 * back from the crew yet; the other one is, for the crew has one thread, which put it on
 * the list of done jobs before it began this one.
 */
static void
submit_job(struct log_writer *writer, struct writer_job *job)
{
	if (job == NULL)
		return;
	(void)os_crew_take_done(writer->crew);
	os_crew_submit(writer->crew, &job->job);
}

static void
hand_over(struct round_end *end)
{
	struct log_writer *writer = LIST_ITEM(end, struct log_writer, round_end);
	struct writer_job *job = NULL;

	pthread_mutex_lock(&writer->lock);
	if (writer->waiting.len > 0 || writer->n_dropped > 0)	/* else a job was there first */
		job = want_writing(writer);
	pthread_mutex_unlock(&writer->lock);
	submit_job(writer, job);
}

/* Called with the lock held, after a line was added. */
static bool
must_hand_over(struct log_writer *writer, enum log_level level)
{
	return level <= LOG_LEVEL_WARNING || writer->waiting.len >= HAND_OVER_BYTES || !round_end_ask(&writer->round_end);
}

static void
write_line(struct log *log, enum log_level level, struct str line)
{
	struct log_writer *writer = LIST_ITEM(log, struct log_writer, log);
	struct entry entry = { .at = os_wall_clock(), .len = line.len, .level = level };
	struct writer_job *job = NULL;

	pthread_mutex_lock(&writer->lock);
	if (buf_room(&writer->waiting, sizeof(entry) + line.len) == NULL) {
		writer->n_dropped++;
	} else {
		insist(buf_append(&writer->waiting, str_n(&entry, sizeof(entry))) == 0);
		insist(buf_append(&writer->waiting, line) == 0);
	}
	if (must_hand_over(writer, level))
		job = want_writing(writer);
	pthread_mutex_unlock(&writer->lock);
	submit_job(writer, job);
}

struct log *
log_writer_log(struct log_writer *writer)
{
	return &writer->log;
}

void
log_writer_reopen(struct log_writer *writer)
{
	struct writer_job *job;

	pthread_mutex_lock(&writer->lock);
	writer->must_reopen = true;
	job = want_writing(writer);
	pthread_mutex_unlock(&writer->lock);
	submit_job(writer, job);
}

void
log_writer_move(struct log_writer *writer, struct log_place *place)
{
	struct log_place *unused;
	struct writer_job *job;

	pthread_mutex_lock(&writer->lock);
	unused = writer->next_place;
	writer->next_place = place;
	job = want_writing(writer);
	pthread_mutex_unlock(&writer->lock);
	submit_job(writer, job);
	log_place_free(unused);
}

/* --- what the thread does --- */

static int
syslog_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return 3;		/* RFC 5424 6.2.1 */
	case LOG_LEVEL_WARNING:
		return 4;
	case LOG_LEVEL_INFO:
		return 6;
	case LOG_LEVEL_DEBUG:
		return 7;
	}
	insist(!"a level of another kind");
}

/* Most lines are of the same second as the one before. */
static struct str
time_text(struct log_writer *writer, struct timestamp at)
{
	time_t second = (time_t)(at.us / 1000000);
	struct tm tm;

	if (second != writer->second || writer->second_len == 0) {
		gmtime_r(&second, &tm);
		writer->second_len = strftime(writer->second_text, sizeof(writer->second_text), "%Y-%m-%dT%H:%M:%S.000Z ", &tm);
		insist(writer->second_len > sizeof("000Z "));
		writer->second = second;
	}
	(void)decimal_put_padded(writer->second_text + writer->second_len - (sizeof("000Z ") - 1), (uint64_t)(at.us % 1000000 / 1000), 3);
	return str_n(writer->second_text, writer->second_len);
}

static void
put_prefix(struct log_writer *writer, const struct entry *entry)
{
	switch (writer->place->where) {
	case LOG_TO_JOURNAL_BY_STDERR:
		/* It has the time by itself, and takes the level so (sd-daemon(3)). */
		buf_printf(&writer->out, "<%d>", syslog_priority(entry->level));
		return;
	case LOG_TO_STDERR:
	case LOG_TO_FILE:
		insist(buf_append(&writer->out, time_text(writer, entry->at)) == 0);
		return;
	case LOG_TO_JOURNAL:
	case LOG_TO_SYSLOG:
		return;
	}
}

/* Writes out->text; what cannot be written is lost, or a full disk would stop the log for ever. */
static void
write_out(struct log_writer *writer)
{
	struct str left = buf_str(&writer->out);
	ssize_t n;

	while (left.len > 0) {
		n = os_log_write(writer->place->fd, left.at, left.len);
		if (n <= 0) {
			writer->n_lost += writer->n_out_lines;
			if (left.len < writer->out.len)
				writer->is_torn = left.at[-1] != '\n';
			break;
		}
		left = str_from(left, (size_t)n);
		writer->is_torn = false;
	}
	buf_clear(&writer->out);
	writer->n_out_lines = 0;
}

/* With its fields.  False: the journal does not take it now. */
static bool
put_in_journal(struct log_writer *writer, const struct entry *entry, struct str line)
{
	struct iovec piece;
	int error;

	insist(journal_write_entry(&writer->out, writer->place->program, syslog_priority(entry->level), line) == 0);
	piece = (struct iovec){ .iov_base = writer->out.at, .iov_len = writer->out.len };
	error = os_tell(JOURNAL_SOCKET, &piece, 1, NULL, 0, true);
	buf_clear(&writer->out);
	return error == 0;
}

static void
put_entry(struct log_writer *writer, const struct entry *entry, struct str line)
{
	if (writer->place->where == LOG_TO_JOURNAL) {
		writer->n_lost += put_in_journal(writer, entry, line) ? 0 : 1;
		return;
	}
	if (writer->place->where == LOG_TO_SYSLOG) {
		os_syslog(syslog_priority(entry->level), line);
		return;
	}
	if (writer->out.len + PREFIX_MAX_BYTES + line.len + 2 > OUT_MAX_BYTES)
		write_out(writer);
	if (writer->out.len == 0 && writer->is_torn)
		insist(buf_append_char(&writer->out, '\n') == 0);
	put_prefix(writer, entry);
	insist(buf_append(&writer->out, line) == 0);
	insist(buf_append_char(&writer->out, '\n') == 0);
	writer->n_out_lines++;
}

static void
put_own_line(struct log_writer *writer, enum log_level level, const char *event, const char *key,
    struct str value)
{
	struct entry entry = { .at = os_wall_clock(), .level = level };
	struct log nobody = { .level = level };
	struct log_line line;

	log_begin(&line, &nobody, level, event);
	log_str(&line, key, value);
	put_entry(writer, &entry, str_n(line.text, line.len));
}

static void
put_dropped(struct log_writer *writer, uint64_t n_dropped)
{
	char digits[DECIMAL_MAX_BYTES];

	if (n_dropped == 0)
		return;
	put_own_line(writer, LOG_LEVEL_WARNING, "log-dropped", "lines",
	    str_n(digits, (size_t)(decimal_put(digits, n_dropped) - digits)));
}

static void
reopen(struct log_writer *writer)
{
	int fd;

	if (writer->place->where != LOG_TO_FILE)
		return;
	fd = os_log_open(writer->place->path);
	if (fd < 0) {
		put_own_line(writer, LOG_LEVEL_ERROR, "log-reopen-failed", "error", str_of(strerror(-fd)));
		return;
	}
	os_close(writer->place->fd);
	writer->place->fd = fd;
}

static void
put_entries(struct log_writer *writer)
{
	struct str left = buf_str(&writer->writing);
	struct entry entry;

	while (left.len > 0) {
		memcpy(&entry, left.at, sizeof(entry));
		put_entry(writer, &entry, str_sub(left, sizeof(entry), entry.len));
		left = str_from(left, sizeof(entry) + entry.len);
	}
	buf_clear(&writer->writing);
	if (writer->writing.cap > KEEP_BYTES)
		buf_shrink(&writer->writing);
}

static void
write_waiting(struct os_job *job)
{
	struct log_writer *writer = LIST_ITEM(job, struct writer_job, job)->writer;
	struct buf swap;
	struct log_place *next_place;
	uint64_t n_dropped;
	bool must_reopen;

	pthread_mutex_lock(&writer->lock);
	while (writer->is_wanted) {
		writer->is_wanted = false;
		swap = writer->writing;
		writer->writing = writer->waiting;
		writer->waiting = swap;
		n_dropped = writer->n_dropped;
		writer->n_dropped = 0;
		must_reopen = writer->must_reopen;
		writer->must_reopen = false;
		next_place = writer->next_place;
		writer->next_place = NULL;
		pthread_mutex_unlock(&writer->lock);

		/* What was lost on the way out is told when something can be written again. */
		n_dropped += writer->n_lost;
		writer->n_lost = 0;
		put_entries(writer);
		put_dropped(writer, n_dropped);
		write_out(writer);
		if (next_place != NULL) {
			log_place_free(writer->place);
			writer->place = next_place;
		} else if (must_reopen) {
			reopen(writer);
			write_out(writer);
		}
		pthread_mutex_lock(&writer->lock);
	}
	writer->is_job_out = false;
	pthread_mutex_unlock(&writer->lock);
}

/* --- beginning and end --- */

struct log_writer *
log_writer_new(const char *to, const char *program, enum log_level level, struct fault *fault_out)
{
	struct log_writer *writer;

	writer = mem_new(sizeof(*writer));
	writer->log.level = level;
	writer->log.write = write_line;
	writer->place = log_place_new(to, program, fault_out);
	if (writer->place == NULL)
		goto failed;
	writer->crew = os_crew_new(NULL, 1, "log");
	if (writer->crew == NULL) {
		fault_temporary(fault_out, "a thread for the log: none to be had");
		goto failed;
	}
	pthread_mutex_init(&writer->lock, NULL);
	buf_init(&writer->waiting, WAITING_MAX_BYTES);
	buf_init(&writer->writing, WAITING_MAX_BYTES);
	buf_init(&writer->out, OUT_MAX_BYTES);
	for (int i = 0; i < 2; i++)
		writer->jobs[i] = (struct writer_job){ .job = { .run = write_waiting }, .writer = writer };
	writer->round_end.call = hand_over;
	return writer;
failed:
	log_place_free(writer->place);
	mem_free(writer);
	return NULL;
}

void
log_writer_free(struct log_writer *writer)
{
	if (writer == NULL)
		return;
	insist(atomic_load(&writer->round_end.loop) == NULL);	/* no loop runs here any more, so nothing waits for its round's end */
	os_crew_free(writer->crew);
	insist(writer->waiting.len == 0);
	log_place_free(writer->place);
	pthread_mutex_destroy(&writer->lock);
	buf_fini(&writer->waiting);
	buf_fini(&writer->writing);
	buf_fini(&writer->out);
	mem_free(writer);
}
