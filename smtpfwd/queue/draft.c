/*
 * draft.c - content on its way in: in memory while it is small, else in a file of its own
 */
#include <errno.h>

#include "base/code.h"
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	DRAFT_WRITE_BYTES = 256 * 1024,	/* large content goes to disk in pieces of about this */
	DRAFT_PIECE_BYTES = DRAFT_WRITE_BYTES / 2,
	DRAFT_WRITE_PIECES = 64,	/* IOV_MAX is 1024; so many of pieces.c's hold more than is ever written at once */
};

struct dead_file {
	struct list_link link;
	struct mail_id	 id;
};

struct draft_job {
	struct os_job	 job;
	struct draft	*draft;
	bool		 is_finishing;
	int		 error;
	bool		 is_full;
};

struct draft *
draft_new(struct queue *queue)
{
	struct draft *draft = mem_new(sizeof(*draft));
	uint8_t random[MAIL_ID_RANDOM_BYTES];

	os_random(random, sizeof(random));
	draft->queue = queue;
	draft->id = mail_id_make(os_wall_clock(), random);
	draft->large_fd = -1;
	return draft;
}

struct mail_id
draft_id(const struct draft *draft)
{
	return draft->id;
}

int64_t
draft_content_bytes(const struct draft *draft)
{
	return draft->content_bytes;
}

size_t
draft_memory_bytes(const struct draft *draft)
{
	return draft->content.cap;
}

static int
write_content(const struct draft *draft)
{
	struct iovec pieces[DRAFT_WRITE_PIECES];	/* spool_write counts in them what is written */
	int64_t offset = draft->large_bytes;
	int error = 0;

	for (int i = 0, n; i < draft->content.n_used && error == 0; i += n) {
		n = draft->content.n_used - i < DRAFT_WRITE_PIECES ? draft->content.n_used - i : DRAFT_WRITE_PIECES;
		memcpy(pieces, draft->content.at + i, (size_t)n * sizeof(*pieces));
		error = spool_write(draft->large_fd, pieces, n, offset);
		for (int j = i; j < i + n; j++)
			offset += (int64_t)draft->content.at[j].iov_len;
	}
	return error;
}

static void
draft_run(struct os_job *job)
{
	struct draft_job *dj = (struct draft_job *)(void *)((char *)job - offsetof(struct draft_job, job));
	struct draft *draft = dj->draft;
	struct queue *queue = draft->queue;
	struct spool_path path;

	if (os_free_bytes(queue->directory) < queue->min_free_bytes) {
		dj->is_full = true;
		return;
	}
	if (draft->large_fd < 0) {
		spool_path_large(&path, queue->directory, &draft->id);
		draft->large_fd = os_open(path.text, OS_OPEN_CREATE);
		if (draft->large_fd < 0) {
			dj->error = draft->large_fd;
			draft->large_fd = -1;
			return;
		}
		draft->has_file = true;
	}
	dj->error = write_content(draft);
	if (dj->error != 0 || !dj->is_finishing)
		return;
	/* The file and its name are durable before the record that refers to them. */
	dj->error = os_sync_data(draft->large_fd);
	if (dj->error == 0) {
		spool_path(&path, queue->directory, "large");
		dj->error = os_sync_dir(path.text);
	}
}

static int
draft_write_out(struct draft *draft, bool is_finishing, struct fault *fault_out)
{
	struct draft_job dj = { .job.run = draft_run, .draft = draft, .is_finishing = is_finishing };

	fiber_run_on_crew(draft->queue->disk_crew, &dj.job);
	if (dj.is_full)
		return fault_because(fault_out, FAULT_FULL, "no room on the disk of %s", draft->queue->directory);
	if (dj.error != 0)
		return spool_fault(fault_out, dj.error, "write", "large content");
	draft->large_bytes += (int64_t)draft->content.len;
	pieces_clear(&draft->content);
	return 0;
}

int
draft_append(struct draft *draft, struct str content, struct instant deadline, struct fault *fault_out)
{
	(void)deadline;			/* a disk write is waited for: its bytes must stay */
	while (content.len > 0) {
		struct str piece = str_sub(content, 0, DRAFT_PIECE_BYTES);

		pieces_append(&draft->content, piece);
		draft->crc = crc32c(draft->crc, piece.at, piece.len);	/* while it is in the processor's cache */
		draft->content_bytes += (int64_t)piece.len;
		content = str_from(content, piece.len);
		if (draft->has_file ? draft->content.len < DRAFT_WRITE_BYTES :
		    (int64_t)draft->content.len <= draft->queue->content_in_memory_max_bytes)
			continue;
		if (draft_write_out(draft, false, fault_out) != 0)
			return -1;
	}
	return 0;
}

struct reading {			/* of the file */
	struct os_job	 job;
	int		 fd;
	int64_t		 offset;
	void		*room;
	size_t		 n_bytes;
	ssize_t		 n_read;	/* or -errno */
};

static void
read_run(struct os_job *job)
{
	struct reading *r = (struct reading *)(void *)((char *)job - offsetof(struct reading, job));

	r->n_read = spool_read(r->fd, r->room, r->n_bytes, r->offset);
}

static ssize_t
read_file(struct draft *draft, int64_t offset, void *room, size_t n_bytes, struct fault *fault_out)
{
	struct reading r = { .job.run = read_run, .fd = draft->large_fd, .offset = offset, .room = room, .n_bytes = n_bytes };

	if ((int64_t)n_bytes > draft->large_bytes - offset)
		r.n_bytes = (size_t)(draft->large_bytes - offset);
	fiber_run_on_crew(draft->queue->disk_crew, &r.job);
	if (r.n_read < 0)
		return spool_fault(fault_out, (int)r.n_read, "read", "large content");
	if (r.n_read == 0)		/* never taken for the end of the mail */
		return fault_temporary(fault_out, "large content ends after %lld of %lld bytes", (long long)offset,
		    (long long)draft->large_bytes);
	return r.n_read;
}

ssize_t
draft_read(struct draft *draft, int64_t offset, void *room, size_t n_bytes, struct instant deadline, struct fault *fault_out)
{
	struct str kept;

	(void)deadline;			/* the job writes into the room */
	insist(offset >= 0 && offset <= draft->content_bytes);
	if (offset < draft->large_bytes && n_bytes > 0)
		return read_file(draft, offset, room, n_bytes, fault_out);
	kept = str_sub(pieces_from(&draft->content, (size_t)(offset - draft->large_bytes)), 0, n_bytes);
	if (kept.len > 0)
		memcpy(room, kept.at, kept.len);
	return (ssize_t)kept.len;
}

int
draft_finish(struct draft *draft, struct fault *fault_out)
{
	return draft->has_file ? draft_write_out(draft, true, fault_out) : 0;
}

void
draft_free(struct draft *draft)
{
	if (draft->large_fd >= 0)
		os_close(draft->large_fd);
	pieces_fini(&draft->content);
	mem_free(draft);
}

void
draft_discard(struct draft *draft)
{
	if (draft->has_file)
		large_remove(draft->queue, &draft->id);
	draft_free(draft);
}

void
large_remove(struct queue *queue, const struct mail_id *id)
{
	struct dead_file *dead = mem_new(sizeof(*dead));

	dead->id = *id;
	list_append(&queue->room.dead_files, &dead->link);
	room_want(queue);
}

int
dead_file_remove(const char *directory, const struct list_link *link)
{
	const struct dead_file *dead = LIST_ITEM(link, struct dead_file, link);
	struct spool_path path;
	int error;

	spool_path_large(&path, directory, &dead->id);
	error = os_unlink(path.text);
	return error == -ENOENT ? 0 : error;
}

void
dead_file_free(struct list_link *link)
{
	mem_free(LIST_ITEM(link, struct dead_file, link));
}
