/*
 * story_lookup.c - finds the lines of one mail, and of those that reports join it with
 *
 * A mail's id says when it came, so files that ended before are not read.  A report joins two mails: its line
 * "reported id=MAIL report=REPORT" is met while the lines of either are looked for.  What is learned so in the first
 * pass is looked for from there on, and then from where its own life may have begun; what is learned later has a
 * pass of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/story/story_inside.h"

enum {
	SLICE_BYTES = 8 * 1024 * 1024,	/* before others have the thread */
	BLOCK_BYTES = 256 * 1024,
	LINES_MAX = 200 * 1000,
	GAPS_MAX = 50,
	PLACE_BITS = 48,		/* of an offset in a file */
	/* A clock that was set back makes lines older than the mail's id; more than this nobody's clock does every day. */
	CLOCK_SLACK_S = 3600,
	FLUSH_WITHIN_S = 2,
	LOOK_AGAIN_MS = 5,
};

struct found {				/* a line, in lines */
	int64_t		 place;		/* in the files: which, and where in it */
	uint32_t	 offset, len;
};

struct wanted {				/* an id whose lines are looked for */
	char		 text[MAIL_ID_TEXT_MAX];
	bool		 is_active;	/* in this pass */
	bool		 is_done;
	struct timestamp until_file;	/* what is behind was seen already; us 0: nothing was */
	int64_t		 until_offset;
};

struct lookup {
	struct os_job	 job;
	struct story	*story;
	struct story_told *told;
	struct wanted	 wanted[STORY_IDS_MAX];	/* as told->ids */
	struct timestamp began[STORY_FILES_MAX];	/* of the files, oldest first */
	int		 n_files;
	int		 pass;		/* whose turn it is: index of wanted */
	int		 i_file;
	int		 fd;		/* -1: not open */
	int64_t		 offset;	/* of what was looked at */
	char		*block;
	struct buf	 lines;		/* as they were met */
	struct found	*found;
	int64_t		 n_found, cap_found;
	int		 n_gaps;
	int		 error;
	bool		 is_end;
};

/* --- what a line tells --- */

static void
keep_line(struct lookup *l, struct str line, int64_t offset)
{
	if (l->n_found == l->cap_found && l->cap_found < LINES_MAX) {
		l->cap_found = l->cap_found == 0 ? 64 : 2 * l->cap_found;
		l->found = mem_resize_array(l->found, (size_t)l->cap_found, sizeof(*l->found));
	}
	if (l->n_found == l->cap_found || buf_room(&l->lines, line.len + 1) == NULL) {
		l->told->is_cut = true;
		return;
	}
	l->found[l->n_found++] = (struct found){ .place = (int64_t)l->i_file << PLACE_BITS | offset, .offset = 
	    (uint32_t)l->lines.len, .len = (uint32_t)line.len };
	insist(buf_append(&l->lines, line) == 0);
}

static int
find_wanted(const struct lookup *l, struct str id)
{
	for (int i = 0; i < l->told->n_ids; i++)
		if (id.len == MAIL_ID_TEXT_BYTES && memcmp(l->wanted[i].text, id.at, MAIL_ID_TEXT_BYTES) == 0)
			return i;
	return -1;
}

static void
learn(struct lookup *l, struct str text, int64_t line_offset)
{
	struct wanted *wanted;

	if (find_wanted(l, text) >= 0)
		return;
	if (l->told->n_ids == STORY_IDS_MAX || !mail_id_parse(text, &l->told->ids[l->told->n_ids])) {
		l->told->is_cut |= l->told->n_ids == STORY_IDS_MAX;
		return;
	}
	wanted = &l->wanted[l->told->n_ids++];
	memcpy(wanted->text, text.at, MAIL_ID_TEXT_BYTES);
	if (l->pass == 0) {
		wanted->is_active = true;
		wanted->until_file = l->began[l->i_file];
		wanted->until_offset = line_offset;
	}
}

static void
look_at_line(struct lookup *l, struct str whole, int64_t offset)
{
	struct str line = whole, time, id, report = STR_EMPTY;
	bool is_joining;
	int i;

	if (!story_line_take_time(&line, &time))
		return;
	id = story_line_id(line);
	if (id.len == 0) {
		if (str_starts(line, STR("gap ")) && l->pass == 0 && l->n_gaps++ < GAPS_MAX)
			keep_line(l, whole, offset);
		return;
	}
	is_joining = str_starts(line, STR("reported "));
	if (is_joining)
		report = story_line_value(line, "report");
	i = find_wanted(l, id);
	if (i >= 0 && l->wanted[i].is_active) {
		keep_line(l, whole, offset);
		if (is_joining)
			learn(l, report, offset);
	} else if (i < 0 && is_joining && (i = find_wanted(l, report)) >= 0 && l->wanted[i].is_active) {
		learn(l, id, offset);
		i = find_wanted(l, id);
		if (i >= 0 && l->wanted[i].is_active)	/* its own pass ends before this line */
			keep_line(l, whole, offset);
	}
}

/* --- passes over the files --- */

static struct timestamp
begin_of(const struct lookup *l, int pass)
{
	struct timestamp at = mail_id_time(&l->told->ids[pass]);

	return timestamp_after(at, (struct span){ -span_s(CLOCK_SLACK_S).ns });
}

static void
close_file(struct lookup *l)
{
	if (l->fd >= 0)
		os_close(l->fd);
	l->fd = -1;
}

static void
begin_pass(struct lookup *l)
{
	struct timestamp from = begin_of(l, l->pass);

	close_file(l);
	for (int i = 0; i < l->told->n_ids; i++)
		l->wanted[i].is_active = i == l->pass;
	l->i_file = 0;
	while (l->i_file + 1 < l->n_files && l->began[l->i_file + 1].us < from.us)
		l->i_file++;
	l->offset = 0;
}

/* True where the rest was seen in the first pass. */
static bool
is_seen(const struct lookup *l, int64_t offset)
{
	const struct wanted *wanted = &l->wanted[l->pass];

	return wanted->until_file.us != 0 && l->i_file < l->n_files &&
	    (l->began[l->i_file].us > wanted->until_file.us ||
	    (l->began[l->i_file].us == wanted->until_file.us && offset >= wanted->until_offset));
}

/* The whole lines of a block; how many bytes they are. */
static size_t
look_at_block(struct lookup *l, struct str block)
{
	size_t n_done = 0;
	const char *end;

	while (n_done < block.len && (end = memchr(block.at + n_done, '\n', block.len - n_done)) != NULL) {
		size_t len = (size_t)(end - block.at) - n_done;

		if (is_seen(l, l->offset + (int64_t)n_done))
			return block.len;
		look_at_line(l, str_sub(block, n_done, len), l->offset + (int64_t)n_done);
		n_done += len + 1;
	}
	return n_done;
}

/* The next piece of the file at hand; 0 at its end (a line without an end is not one yet), or -errno. */
static ssize_t
read_block(struct lookup *l)
{
	char path[STORY_PATH_MAX];
	ssize_t n;
	size_t n_done;

	if (l->fd < 0) {
		story_file_path(l->story->directory, l->began[l->i_file], path);
		l->fd = os_open(path, OS_OPEN_READ);
		if (l->fd < 0)
			return l->fd == -ENOENT ? 0 : l->fd;	/* removed meanwhile, by its age */
	}
	n = os_pread(l->fd, l->block, BLOCK_BYTES, l->offset);
	if (n <= 0)
		return n;
	n_done = look_at_block(l, str_n(l->block, (size_t)n));
	if (n_done == 0)
		n_done = n == BLOCK_BYTES ? BLOCK_BYTES : 0;	/* no line is so long: damage is passed over */
	l->offset += (int64_t)n_done;
	return (ssize_t)n_done;
}

static void
read_slice(struct os_job *job)
{
	struct lookup *l = LIST_ITEM(job, struct lookup, job);
	ssize_t n_read = 0, n;

	while (n_read < SLICE_BYTES) {
		if (l->i_file == l->n_files || is_seen(l, l->offset)) {
			l->wanted[l->pass].is_done = true;
			if (l->pass + 1 == l->told->n_ids || l->n_files == 0) {
				l->is_end = true;
				return;
			}
			l->pass++;
			begin_pass(l);
			continue;
		}
		n = read_block(l);
		if (n < 0) {
			l->error = (int)-n;
			return;
		}
		n_read += n;
		if (n == 0) {
			close_file(l);
			l->i_file++;
			l->offset = 0;
		}
	}
}

/* --- the whole --- */

static void
note_file(void *context, const char *name)
{
	struct lookup *l = context;
	struct timestamp began;
	int at;

	if (!story_file_began(name, &began) || l->n_files == STORY_FILES_MAX)
		return;
	for (at = l->n_files; at > 0 && l->began[at - 1].us > began.us; at--)
		l->began[at] = l->began[at - 1];
	l->began[at] = began;
	l->n_files++;
}

static void
list_files(struct os_job *job)
{
	struct lookup *l = LIST_ITEM(job, struct lookup, job);
	int error = os_list_dir(l->story->directory, note_file, l);

	if (error != 0 && error != -ENOENT)
		l->error = -error;
	if (l->n_files > 0)
		l->told->kept_since = l->began[0];
	begin_pass(l);
}

/* By time; those of one time as they were logged. */
static int
compare_found(const void *a, const void *b, void *context)
{
	const struct lookup *l = context;
	const struct found *fa = a, *fb = b;
	int order = memcmp(l->lines.at + fa->offset, l->lines.at + fb->offset, STORY_TIME_BYTES);

	return order != 0 ? order : (fa->place > fb->place) - (fa->place < fb->place);
}

static void
sort_lines(struct os_job *job)
{
	struct lookup *l = LIST_ITEM(job, struct lookup, job);

	if (l->n_found > 0)
		qsort_r(l->found, (size_t)l->n_found, sizeof(*l->found), compare_found, l);
	for (int64_t i = 0; i < l->n_found; i++) {
		insist(buf_append(&l->told->lines, str_n(l->lines.at + l->found[i].offset, l->found[i].len)) == 0);
		insist(buf_append_char(&l->told->lines, '\n') == 0);
	}
	l->told->n_lines = l->n_found;
}

/* What was logged until now is to be found; not longer than a disk that stands still is worth. */
static void
await_writer(struct story *story, struct instant deadline)
{
	struct instant until = instant_min(deadline, instant_after(loop_now(story->loop), span_s(FLUSH_WITHIN_S)));
	int64_t n_put, n_done;

	pthread_mutex_lock(&story->lock);
	n_put = story->n_put;
	n_done = story->n_put_done;
	pthread_mutex_unlock(&story->lock);
	story_flush(story);
	while (n_done < n_put && instant_is_before(loop_now(story->loop), until) && !fiber_is_cancelled()) {
		fiber_sleep(instant_after(loop_now(story->loop), span_ms(LOOK_AGAIN_MS)));
		pthread_mutex_lock(&story->lock);
		n_done = story->n_put_done;
		pthread_mutex_unlock(&story->lock);
	}
}

int
story_look_up(struct story *story, const struct mail_id *id, struct instant deadline, struct story_told *told_out,
    struct fault *fault_out)
{
	struct lookup *l = mem_new(sizeof(*l));
	bool is_in_time = true;
	int error;

	*told_out = (struct story_told){ .ids[0] = *id, .n_ids = 1 };
	buf_init(&told_out->lines, STORY_FOUND_MAX_BYTES);
	*l = (struct lookup){ .job.run = list_files, .story = story, .told = told_out, .fd = -1, .block = mem_new(BLOCK_BYTES) };
	mail_id_text(id, l->wanted[0].text);
	buf_init(&l->lines, STORY_FOUND_MAX_BYTES - LINES_MAX);		/* line ends come in addition */
	await_writer(story, deadline);
	fiber_run_on_crew(story->readers, &l->job);
	l->job.run = read_slice;
	while (!l->is_end && l->error == 0 && is_in_time) {
		fiber_run_on_crew(story->readers, &l->job);
		is_in_time = instant_is_before(loop_now(story->loop), deadline) && !fiber_is_cancelled();
	}
	l->job.run = sort_lines;
	fiber_run_on_crew(story->readers, &l->job);
	error = l->error;
	close_file(l);
	buf_fini(&l->lines);
	mem_free(l->found);
	mem_free(l->block);
	mem_free(l);
	if (error != 0)
		return fault_temporary(fault_out, "the files of %s cannot be read: %s", story->directory, strerror(error));
	if (!is_in_time)
		return fault_because(fault_out, FAULT_TIMED_OUT, "not all could be read in time");
	return 0;
}
