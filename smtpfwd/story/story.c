/*
 * story.c - the log that keeps lines of mails: copies them under a lock, and a thread writes them behind
 *
 * Two buffers as in runtime/log_writer: one that lines are put into, and one that a job is writing out.  The thread
 * is not woken for each line but by a timer, or when there is much: a thread woken costs more than a line.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "mail/date.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/story/story_inside.h"

enum {
	WAITING_MAX_BYTES = 8 * 1024 * 1024,	/* a disk that stands still for a second at 20,000 mails/s */
	WRITE_SOON_BYTES = 256 * 1024,
	OUT_MAX_BYTES = 256 * 1024,		/* of one write */
	FLUSH_WITHIN_MS = 100,
	KEEP_BYTES = 64 * 1024,			/* a buffer larger than this is given back once empty */
	TELL_EVERY_S = 600,			/* of trouble with the files */
	US_PER_SECOND = 1000 * 1000,
};

struct kept {				/* in a buffer, before the bytes of its line */
	struct timestamp at;
	size_t		 len;
};

/* --- who logs --- */

/*
 * Two jobs take turns, as in log_writer.c.  Called with the lock held; before the start nothing is written: whose
 * spool it is is not settled.
 */
static void
submit_job(struct story *story)
{
	story->is_wanted = true;
	if (story->is_job_out || !story->is_started)
		return;
	(void)os_crew_take_done(story->writers);
	story->is_job_out = true;
	os_crew_submit(story->writers, &story->jobs[story->i_job].job);
	story->i_job = !story->i_job;
}

void
story_flush(struct story *story)
{
	pthread_mutex_lock(&story->lock);
	submit_job(story);
	pthread_mutex_unlock(&story->lock);
}

static void
ring(struct timer *timer)
{
	struct story *story = LIST_ITEM(timer, struct story, timer);

	story->is_timer_set = false;
	story_flush(story);
}

/* Called with the lock held: the thread has something to write, soon or at once. */
static void
want_writing(struct story *story)
{
	bool is_on_loop = story->loop != NULL && pthread_equal(pthread_self(), story->loop_thread);

	if (!is_on_loop || story->waiting.len >= WRITE_SOON_BYTES) {
		submit_job(story);
	} else if (!story->is_timer_set) {
		story->is_timer_set = true;
		timer_set(story->loop, &story->timer, instant_after(loop_now(story->loop), span_ms(FLUSH_WITHIN_MS)));
	}
}

static void
keep_line(struct story *story, struct str line)
{
	struct kept kept = { .at = os_wall_clock(), .len = line.len };

	pthread_mutex_lock(&story->lock);
	if (buf_room(&story->waiting, sizeof(kept) + line.len) == NULL) {
		if (story->n_missed++ == 0)
			story->missed_at = kept.at;
	} else {
		insist(buf_append(&story->waiting, str_n(&kept, sizeof(kept))) == 0);
		insist(buf_append(&story->waiting, line) == 0);
		story->n_put++;
	}
	want_writing(story);
	pthread_mutex_unlock(&story->lock);
}

static void
write_line(struct log *log, enum log_level level, struct str line)
{
	struct story *story = LIST_ITEM(log, struct story, log);

	if (level <= LOG_LEVEL_INFO && story_line_id(line).len > 0)
		keep_line(story, line);
	if (level <= story->next->level)
		story->next->write(story->next, level, line);
}

/* --- the thread --- */

/* The disk said no: the lines behind are gone.  Not more often than the log can bear. */
static void
tell_trouble(struct story *story, int error)
{
	struct instant now = os_now();

	if (story->is_told && instant_is_before(now, instant_after(story->told_at, span_s(TELL_EVERY_S))))
		return;
	story->is_told = true;
	story->told_at = now;
	log_say(story->next, LOG_LEVEL_WARNING, "trace-trouble", "lines of stories are lost: %s: %s",
	    story->files.directory, error == -ENOSPC ? "the disk is full" : strerror(-error));
}

static int64_t
count_lines(struct str text)
{
	int64_t n = 0;

	for (const char *end; text.len > 0 && (end = memchr(text.at, '\n', text.len)) != NULL; n++)
		text = str_from(text, (size_t)(end - text.at) + 1);
	return n;
}

static void
write_out(struct story *story)
{
	struct str lines = buf_str(&story->out);
	int error = 0;
	size_t n_done;

	if (lines.len == 0)
		return;
	n_done = story_files_append(&story->files, lines, os_wall_clock(), &error);
	if (n_done < lines.len) {
		if (story->n_lost == 0)
			story->lost_at = os_wall_clock();
		story->n_lost += count_lines(str_from(lines, n_done));
		tell_trouble(story, error);
	}
	story->n_written += count_lines(str_sub(lines, 0, n_done));
	buf_clear(&story->out);
}

/* Only the second changes the long part of it. */
static struct str
time_text(struct story *story, struct timestamp at)
{
	int64_t second = at.us / US_PER_SECOND;
	int us = (int)(at.us % US_PER_SECOND);

	if (second != story->text_second || at.us < 0) {
		date_iso_text(at, story->text);
		story->text_second = second;
	}
	for (int i = STORY_TIME_BYTES - 2; i >= STORY_TIME_BYTES - 7; i--, us /= 10)
		story->text[i] = (char)('0' + us % 10);
	return str_n(story->text, STORY_TIME_BYTES);
}

static void
put_line(struct story *story, struct timestamp at, struct str line)
{
	if (story->out.len + STORY_TIME_BYTES + 2 + line.len > OUT_MAX_BYTES)
		write_out(story);
	insist(buf_append(&story->out, time_text(story, at)) == 0);
	insist(buf_append_char(&story->out, ' ') == 0);
	insist(buf_append(&story->out, line) == 0);
	insist(buf_append_char(&story->out, '\n') == 0);
}

/* What was lost is told as soon as something can be written again. */
static void
put_gap(struct story *story, int64_t n_missed, struct timestamp missed_at)
{
	struct timestamp at = story->n_lost > 0 ? story->lost_at : missed_at;
	char text[48];
	int len;

	n_missed += story->n_lost;
	story->n_lost = 0;
	if (n_missed == 0)
		return;
	len = snprintf(text, sizeof(text), "gap lines=%lld", (long long)n_missed);
	put_line(story, at, str_n(text, (size_t)len));
	write_out(story);
	if (story->n_lost != 0) {	/* this one line, which stands for all of them */
		story->n_lost = n_missed;
		story->lost_at = at;
	} else {
		story->n_dropped += n_missed;
		story->n_written--;
	}
}

static void
put_lines(struct story *story)
{
	struct str left = buf_str(&story->writing);
	struct kept kept;

	while (left.len > 0) {
		memcpy(&kept, left.at, sizeof(kept));
		put_line(story, kept.at, str_sub(left, sizeof(kept), kept.len));
		left = str_from(left, sizeof(kept) + kept.len);
	}
	write_out(story);
	buf_clear(&story->writing);
	if (story->writing.cap > KEEP_BYTES)
		buf_shrink(&story->writing);
}

static void
publish(struct story *story)
{
	story->counts = (struct story_counts){ .bytes = story->files.bytes, .n_lines = story->n_written,
	    .n_dropped = story->n_dropped + story->n_lost };
	if (story->files.n_files > 0)
		story->counts.oldest = story->files.files[0].began;
}

static void
write_waiting(struct os_job *job)
{
	struct story *story = LIST_ITEM(job, struct story_job, job)->story;
	struct buf swap;
	struct timestamp missed_at;
	int64_t n_missed, n_put;

	pthread_mutex_lock(&story->lock);
	do {
		swap = story->writing;
		story->writing = story->waiting;
		story->waiting = swap;
		story->is_wanted = false;
		n_missed = story->n_missed;
		missed_at = story->missed_at;
		story->n_missed = 0;
		n_put = story->n_put;
		story->files.keep = story->keep;
		story->files.max_bytes = story->max_bytes;
		story->files.reserve_bytes = story->reserve_bytes;
		pthread_mutex_unlock(&story->lock);

		(void)story_files_begin(&story->files, story->born);	/* trouble is told with the first line lost */
		put_gap(story, n_missed, missed_at);
		put_lines(story);
		story_files_expire(&story->files, os_wall_clock());

		pthread_mutex_lock(&story->lock);
		story->n_put_done = n_put;
		publish(story);
	} while (story->is_wanted);	/* what came meanwhile and is not wanted yet has a timer */
	story->is_job_out = false;
	pthread_mutex_unlock(&story->lock);
}

void
story_count(struct story *story, struct story_counts *counts_out)
{
	pthread_mutex_lock(&story->lock);
	*counts_out = story->counts;
	pthread_mutex_unlock(&story->lock);
}

/* --- beginning and end --- */

struct log *
story_log(struct story *story)
{
	return &story->log;
}

void
story_follow_level(struct story *story)
{
	story->log.level = story->next->level > LOG_LEVEL_INFO ? story->next->level : LOG_LEVEL_INFO;
}

void
story_set_bounds(struct story *story, struct span keep, int64_t max_bytes, int64_t reserve_bytes)
{
	pthread_mutex_lock(&story->lock);
	story->keep = keep;
	story->max_bytes = max_bytes;
	story->reserve_bytes = reserve_bytes;
	pthread_mutex_unlock(&story->lock);
}

struct story *
story_new(const struct story_settings *settings, struct log *next, struct fault *fault_out)
{
	struct story *story = mem_new(sizeof(*story));
	size_t n_bytes = strlen(settings->directory) + 1;

	*story = (struct story){ .log.write = write_line, .next = next, .timer.ring = ring, .text_second = -1,
	    .keep = settings->keep, .max_bytes = settings->max_bytes, .reserve_bytes = settings->reserve_bytes,
	    .directory = mem_new(n_bytes) };
	memcpy(story->directory, settings->directory, n_bytes);
	story->born = os_wall_clock();
	story_follow_level(story);
	story->writers = os_crew_new(NULL, 1, "trace");
	if (story->writers == NULL) {
		(void)fault_temporary(fault_out, "a thread for stories: none to be had");
		mem_free(story->directory);
		mem_free(story);
		return NULL;
	}
	pthread_mutex_init(&story->lock, NULL);
	buf_init(&story->waiting, WAITING_MAX_BYTES);
	buf_init(&story->writing, WAITING_MAX_BYTES);
	buf_init(&story->out, OUT_MAX_BYTES);
	story_files_init(&story->files, story->directory, settings->keep, settings->max_bytes, settings->reserve_bytes);
	for (int i = 0; i < 2; i++)
		story->jobs[i] = (struct story_job){ .job = { .run = write_waiting }, .story = story };
	return story;
}

int
story_start(struct story *story, struct loop *loop, struct fault *fault_out)
{
	story->readers = os_crew_new(loop_poller(loop), 1, "trace-read");
	if (story->readers == NULL)
		return fault_temporary(fault_out, "a thread for stories: none to be had");
	pthread_mutex_lock(&story->lock);
	story->loop = loop;
	story->loop_thread = pthread_self();
	story->is_started = true;
	submit_job(story);		/* also says since when there are stories */
	pthread_mutex_unlock(&story->lock);
	return 0;
}

void
story_stop(struct story *story)
{
	if (story->is_timer_set)
		timer_clear(story->loop, &story->timer);
	if (story->readers != NULL)
		os_crew_free(story->readers);
	pthread_mutex_lock(&story->lock);
	story->readers = NULL;
	story->is_timer_set = false;
	story->loop = NULL;
	submit_job(story);
	pthread_mutex_unlock(&story->lock);
}

void
story_free(struct story *story)
{
	if (story == NULL)
		return;
	insist(story->loop == NULL);
	story_flush(story);
	os_crew_free(story->writers);
	story_files_fini(&story->files);
	pthread_mutex_destroy(&story->lock);
	buf_fini(&story->waiting);
	buf_fini(&story->writing);
	buf_fini(&story->out);
	mem_free(story->directory);
	mem_free(story);
}
