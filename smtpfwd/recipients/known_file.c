/*
 * known_file.c - reads, appends, writes anew
 */
#include <errno.h>
#include <stdio.h>

#include "smtpfwd/recipients/known_file.h"
#include "smtpfwd/runtime/os.h"

enum { PIECE_BYTES = 256 * 1024 };

static const char header[KNOWN_FILE_HEADER_BYTES] = "smtpfwd recipients 1\n";

void
known_file_init(struct known_file *file, const char *path, int64_t reserve_bytes)
{
	*file = (struct known_file){ .fd = -1, .new_fd = -1, .reserve_bytes = reserve_bytes };
	snprintf(file->path, sizeof(file->path), "%s", path);
	snprintf(file->new_path, sizeof(file->new_path), "%.*s.new", KNOWN_FILE_PATH_MAX - 5, path);
}

static void
drop(int *fd)
{
	if (*fd >= 0)
		os_close(*fd);
	*fd = -1;
}

void
known_file_fini(struct known_file *file)
{
	drop(&file->fd);
	drop(&file->new_fd);
}

/* --- reading --- */

/* Visits the records of a piece.  False: what follows makes no sense. */
static bool
visit_piece(struct buf *piece, void (*visit)(void *context, const struct known_record *record), void *context)
{
	struct str rest = buf_str(piece);
	struct known_record record;
	enum known_read read;

	while ((read = known_record_take(&rest, &record)) == KNOWN_READ_ONE)
		visit(context, &record);
	buf_consume(piece, piece->len - rest.len);
	return read != KNOWN_READ_DAMAGED;
}

static int
read_records(struct known_file *file, void (*visit)(void *context, const struct known_record *record), void *context)
{
	struct buf piece;
	ssize_t n = 0;
	bool makes_sense = true;

	buf_init(&piece, PIECE_BYTES + KNOWN_RECORD_MAX_BYTES);
	file->bytes = KNOWN_FILE_HEADER_BYTES;
	while (makes_sense && file->bytes < KNOWN_FILE_READ_MAX_BYTES) {
		n = os_pread(file->fd, buf_room(&piece, PIECE_BYTES), PIECE_BYTES, file->bytes);
		if (n <= 0)
			break;
		buf_added(&piece, (size_t)n);
		file->bytes += n;
		makes_sense = visit_piece(&piece, visit, context);
	}
	file->is_whole = makes_sense && n == 0 && piece.len == 0;
	buf_fini(&piece);
	if (n < 0)
		return (int)n;
	return file->is_whole ? 0 : -EBADMSG;
}

int
known_file_read(struct known_file *file, void (*visit)(void *context, const struct known_record *record), void *context)
{
	char room[KNOWN_FILE_HEADER_BYTES];
	size_t n_done = 0;
	ssize_t n;

	file->fd = os_open(file->path, OS_OPEN_WRITE);
	if (file->fd == -EACCES || file->fd == -EROFS)
		file->fd = os_open(file->path, OS_OPEN_READ);	/* what is known is worth having */
	if (file->fd < 0)
		return file->fd == -ENOENT ? 0 : file->fd;
	for (; n_done < sizeof(room); n_done += (size_t)n) {
		n = os_pread(file->fd, room + n_done, sizeof(room) - n_done, (int64_t)n_done);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EBADMSG;
	}
	if (memcmp(room, header, sizeof(room)) != 0)
		return -EBADMSG;
	return read_records(file, visit, context);
}

/* --- writing --- */

static int
write_all(int fd, struct str bytes, int64_t *offset)
{
	while (bytes.len > 0) {
		struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes.at, .iov_len = bytes.len };
		ssize_t n = os_pwritev(fd, &piece, 1, *offset);

		if (n <= 0)
			return n < 0 ? (int)n : -ENOSPC;
		*offset += n;
		bytes = str_from(bytes, (size_t)n);
	}
	return 0;
}

static bool
has_room(const struct known_file *file, int64_t n_bytes)
{
	char directory[KNOWN_FILE_PATH_MAX];
	int64_t free_bytes;
	char *slash;

	snprintf(directory, sizeof(directory), "%s", file->path);
	slash = strrchr(directory, '/');
	if (slash == NULL || slash == directory)
		return true;
	*slash = '\0';
	free_bytes = os_free_bytes(directory);
	return free_bytes < 0 || free_bytes - n_bytes >= file->reserve_bytes;
}

int
known_file_append(struct known_file *file, struct str records)
{
	int error = has_room(file, (int64_t)records.len) ? write_all(file->fd, records, &file->bytes) : -ENOSPC;

	if (error != 0)
		file->is_whole = false;		/* a piece of a record may be its end now */
	return error;
}

static int
give_up_new(struct known_file *file, int error)
{
	drop(&file->new_fd);
	(void)os_unlink(file->new_path);
	return error;
}

int
known_file_begin_new(struct known_file *file, int64_t n_bytes)
{
	(void)os_unlink(file->new_path);	/* of a process that was killed */
	if (!has_room(file, n_bytes))
		return -ENOSPC;
	file->new_fd = os_open(file->new_path, OS_OPEN_CREATE);
	if (file->new_fd < 0)
		return file->new_fd;
	file->new_bytes = 0;
	return known_file_append_new(file, str_n(header, sizeof(header)));
}

int
known_file_append_new(struct known_file *file, struct str records)
{
	int error = write_all(file->new_fd, records, &file->new_bytes);

	return error == 0 ? 0 : give_up_new(file, error);
}

int
known_file_adopt_new(struct known_file *file)
{
	int error = os_rename(file->new_path, file->path);

	if (error != 0)
		return give_up_new(file, error);
	drop(&file->fd);
	file->fd = file->new_fd;
	file->bytes = file->new_bytes;
	file->new_fd = -1;
	file->is_whole = true;
	return 0;
}
