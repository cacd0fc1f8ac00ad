/*
 * damaged.c - bytes of the log that cannot be read are reported and kept for people
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum { KEEP_STEP_BYTES = 1024 * 1024 };

bool
damaged_keep(struct queue *queue, struct segment *segment, int64_t from, int64_t to)
{
	struct spool_path path, folder;
	char name[64];
	char *room;
	int64_t at = from;
	int fd;
	bool is_kept = true;

	/* The generation makes the name unique, and the same damage found again the same file. */
	(void)snprintf(name, sizeof(name), "damaged/%08" PRIu64 "-%010" PRId64, segment->generation, from);
	spool_path(&path, queue->directory, name);
	spool_path(&folder, queue->directory, "damaged");
	fd = os_open(path.text, OS_OPEN_CREATE_OR_WRITE);
	if (fd < 0)
		return false;
	room = mem_new_array(KEEP_STEP_BYTES, 1);
	while (at < to && is_kept) {
		size_t n_bytes = (size_t)(to - at < KEEP_STEP_BYTES ? to - at : KEEP_STEP_BYTES);
		ssize_t n = spool_read(segment->fd, room, n_bytes, at);
		struct iovec piece = { .iov_base = room, .iov_len = n > 0 ? (size_t)n : 0 };

		if (n == 0)
			break;
		is_kept = n > 0 && spool_write(fd, &piece, 1, at - from) == 0;
		at += n;
	}
	mem_free(room);
	is_kept = is_kept && os_sync_data(fd) == 0 && os_sync_dir(folder.text) == 0;
	os_close(fd);
	return is_kept;
}

bool
damaged_keep_large(struct queue *queue, const struct mail_id *id)
{
	struct spool_path from, to, folder;
	char name[64], room[MAIL_ID_TEXT_MAX];

	(void)snprintf(name, sizeof(name), "damaged/large-%.*s", STR_ARG(mail_id_text(id, room)));
	spool_path(&to, queue->directory, name);
	spool_path(&folder, queue->directory, "damaged");
	spool_path_large(&from, queue->directory, id);
	return os_rename(from.text, to.text) == 0 && os_sync_dir(folder.text) == 0;
}

static void
add_file(void *context, const char *name)
{
	struct queue *queue = context;
	struct spool_path path;
	char file[160];
	int fd;

	if (name[0] == '.' || snprintf(file, sizeof(file), "damaged/%s", name) >= (int)sizeof(file))
		return;
	spool_path(&path, queue->directory, file);
	fd = os_open(path.text, OS_OPEN_READ);
	if (fd < 0)
		return;
	queue->counts.damaged_bytes += os_file_bytes(fd) > 0 ? os_file_bytes(fd) : 0;
	os_close(fd);
}

void
damaged_measure(struct queue *queue)
{
	struct spool_path folder;

	spool_path(&folder, queue->directory, "damaged");
	queue->counts.damaged_bytes = 0;
	(void)os_list_dir(folder.text, add_file, queue);
}

void
damaged_report(struct queue *queue, const struct segment *segment, int64_t from, int64_t to, const char *why)
{
	struct log_line line;

	queue->counts.n_set_aside++;
	queue->counts.damaged_bytes += to - from;
	log_begin(&line, queue->log, LOG_LEVEL_ERROR, "damaged_record");
	log_int(&line, "segment", (int64_t)segment->number);
	log_int(&line, "generation", (int64_t)segment->generation);
	log_int(&line, "offset", from);
	log_int(&line, "bytes", to - from);
	log_text(&line, "why", why);
	log_end(&line);
}
