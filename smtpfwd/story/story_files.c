/*
 * story_files.c - begins, appends, removes
 */
#include <errno.h>
#include <stdio.h>

#include "smtpfwd/runtime/os.h"
#include "smtpfwd/story/story_files.h"

enum {
	TAIL_BYTES = 8 * 1024,		/* a torn line is shorter */
	LOOK_EVERY_US = 1000 * 1000,	/* at the disk's room */
};

void
story_file_path(const char *directory, struct timestamp began, char path[STORY_PATH_MAX])
{
	snprintf(path, STORY_PATH_MAX, "%s/%0*lld.log", directory, STORY_DIGITS, (long long)began.us);
}

bool
story_file_began(const char *name, struct timestamp *began_out)
{
	struct str text = str_of(name);
	uint64_t us;

	if (text.len != STORY_DIGITS + 4 || !str_ends_nocase(text, STR(".log")) ||
	    !str_to_u64(str_sub(text, 0, STORY_DIGITS), &us))
		return false;
	began_out->us = (int64_t)us;
	return true;
}

void
story_files_init(struct story_files *files, char *directory, struct span keep, int64_t max_bytes, int64_t reserve_bytes)
{
	*files = (struct story_files){ .directory = directory, .keep = keep, .max_bytes = max_bytes,
	    .reserve_bytes = reserve_bytes, .fd = -1 };
}

void
story_files_fini(struct story_files *files)
{
	if (files->fd >= 0)
		os_close(files->fd);
	files->fd = -1;
}

/* --- the directory --- */

static void
drop_first(struct story_files *files)
{
	char path[STORY_PATH_MAX];

	story_file_path(files->directory, files->files[0].began, path);
	(void)os_unlink(path);		/* what stays is found at the next start */
	files->bytes -= files->files[0].bytes;
	files->n_files--;
	memmove(files->files, files->files + 1, (size_t)files->n_files * sizeof(files->files[0]));
}

static void
note_file(void *context, const char *name)
{
	struct story_files *files = context;
	struct story_file file;
	int at;

	if (!story_file_began(name, &file.began))
		return;
	file.bytes = 0;
	if (files->n_files == STORY_FILES_MAX)
		drop_first(files);
	for (at = files->n_files; at > 0 && files->files[at - 1].began.us > file.began.us; at--)
		files->files[at] = files->files[at - 1];
	files->files[at] = file;
	files->n_files++;
}

/* The file's size without a last line that was torn by a kill; -1: its end makes no sense, after a power cut, or cannot be read. */
static int64_t
whole_bytes(int fd)
{
	int64_t end = os_file_bytes(fd);
	char tail[TAIL_BYTES];
	int64_t from = end > TAIL_BYTES ? end - TAIL_BYTES : 0;
	ssize_t n = end > 0 ? os_pread(fd, tail, (size_t)(end - from), from) : 0;
	const char *last = n > 0 ? memrchr(tail, '\n', (size_t)n) : NULL;

	if (last == NULL)
		return from == 0 && n >= 0 ? 0 : -1;
	return from + (last - tail) + 1;
}

static int
open_last(struct story_files *files)
{
	struct story_file *last = &files->files[files->n_files - 1];
	char path[STORY_PATH_MAX];
	int64_t n_bytes;

	story_file_path(files->directory, last->began, path);
	files->fd = os_open(path, OS_OPEN_WRITE);
	if (files->fd < 0)
		return files->fd;
	n_bytes = whole_bytes(files->fd);
	if (n_bytes < 0)
		return -EIO;
	files->bytes += n_bytes - last->bytes;
	last->bytes = n_bytes;
	return os_truncate(files->fd, n_bytes);
}

static void
measure(struct story_files *files)
{
	char path[STORY_PATH_MAX];

	for (int i = 0; i < files->n_files; i++) {
		int fd;

		story_file_path(files->directory, files->files[i].began, path);
		fd = os_open(path, OS_OPEN_READ);
		if (fd < 0)
			continue;
		files->files[i].bytes = os_file_bytes(fd) > 0 ? os_file_bytes(fd) : 0;
		files->bytes += files->files[i].bytes;
		os_close(fd);
	}
}

static int
open_directory(struct story_files *files)
{
	int error = os_make_dir(files->directory);

	files->n_files = 0;
	files->bytes = 0;
	if (error == 0)
		error = os_list_dir(files->directory, note_file, files);
	if (error != 0)
		return error;
	measure(files);
	if (files->n_files > 0 && open_last(files) != 0 && files->fd >= 0) {
		os_close(files->fd);
		files->fd = -1;		/* a new one is begun */
	}
	files->is_open = true;
	return 0;
}

/* --- age and size --- */

void
story_files_expire(struct story_files *files, struct timestamp now)
{
	/* A file ends where the next one begins. */
	while (files->n_files > 1 && timestamp_diff(files->files[1].began, now).ns > files->keep.ns)
		drop_first(files);
}

/* Stories never take the room that keeps mail from being refused: long before that they do not grow, and the oldest go. */
static int64_t
bound(const struct story_files *files)
{
	return files->tight_bytes > 0 && files->tight_bytes < files->max_bytes ? files->tight_bytes : files->max_bytes;
}

static void
look_at_disk(struct story_files *files, struct timestamp now)
{
	int64_t free_bytes = os_free_bytes(files->directory);

	files->looked_at = now;
	files->is_short = free_bytes >= 0 && free_bytes < files->reserve_bytes;
	if (free_bytes < 0 || free_bytes / 2 >= files->reserve_bytes)
		files->tight_bytes = 0;
	else if (files->tight_bytes == 0)
		files->tight_bytes = files->bytes;
}

static bool
is_time_for_a_new_one(const struct story_files *files, size_t n_bytes, struct timestamp now)
{
	const struct story_file *last = &files->files[files->n_files - 1];

	return last->bytes > 0 && (last->bytes + (int64_t)n_bytes > bound(files) / STORY_PARTS ||
	    timestamp_diff(last->began, now).ns > files->keep.ns / STORY_PARTS);
}

static int
begin_file(struct story_files *files, struct timestamp now)
{
	struct timestamp began = now;
	char path[STORY_PATH_MAX];
	int fd;

	/* In order, wherever the clock was set to. */
	if (files->n_files > 0 && files->files[files->n_files - 1].began.us >= now.us)
		began.us = files->files[files->n_files - 1].began.us + 1;
	story_file_path(files->directory, began, path);
	fd = os_open(path, OS_OPEN_CREATE);
	if (fd < 0)
		return fd;
	if (files->fd >= 0)
		os_close(files->fd);
	files->fd = fd;
	if (files->n_files == STORY_FILES_MAX)
		drop_first(files);
	files->files[files->n_files++] = (struct story_file){ .began = began };
	return 0;
}

int
story_files_begin(struct story_files *files, struct timestamp now)
{
	int error = files->is_open ? 0 : open_directory(files);

	return error == 0 && files->fd < 0 ? begin_file(files, now) : error;
}

/* 0, or why nothing can be written now. */
static int
make_ready(struct story_files *files, size_t n_bytes, struct timestamp now)
{
	int error = story_files_begin(files, now);

	if (now.us - files->looked_at.us >= LOOK_EVERY_US || now.us < files->looked_at.us)
		look_at_disk(files, now);
	if (error == 0 && is_time_for_a_new_one(files, n_bytes, now))
		error = begin_file(files, now);
	if (error != 0)
		return error;
	story_files_expire(files, now);
	while (files->n_files > 1 && files->bytes + (int64_t)n_bytes > bound(files))
		drop_first(files);
	return files->is_short ? -ENOSPC : 0;
}

size_t
story_files_append(struct story_files *files, struct str lines, struct timestamp now, int *error_out)
{
	struct story_file *last;
	size_t n_done = 0;
	ssize_t n = 0;

	*error_out = make_ready(files, lines.len, now);
	if (*error_out != 0)
		return 0;
	last = &files->files[files->n_files - 1];
	while (n_done < lines.len) {
		struct iovec piece = { .iov_base = (void *)(uintptr_t)(lines.at + n_done), .iov_len = lines.len - n_done };

		n = os_pwritev(files->fd, &piece, 1, last->bytes + (int64_t)n_done);
		if (n <= 0)
			break;
		n_done += (size_t)n;
	}
	if (n_done < lines.len) {	/* only whole lines stay */
		*error_out = n < 0 ? (int)n : -ENOSPC;
		while (n_done > 0 && lines.at[n_done - 1] != '\n')
			n_done--;
		(void)os_truncate(files->fd, last->bytes + (int64_t)n_done);
	}
	last->bytes += (int64_t)n_done;
	files->bytes += (int64_t)n_done;
	return n_done;
}
