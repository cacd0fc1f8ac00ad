/*
 * spool.c - whole reads and writes, and the names of the spool
 */
#include "smtpfwd/queue/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/insist.h"

void
spool_path(struct spool_path *path, const char *directory, const char *name)
{
	int n = snprintf(path->text, sizeof(path->text), "%s/%s", directory, name);

	insist(n > 0 && (size_t)n < sizeof(path->text));
}

void
spool_path_segment(struct spool_path *path, const char *directory, uint32_t number)
{
	int n = snprintf(path->text, sizeof(path->text), "%s/segments/%08" PRIu32 ".seg", directory, number);

	insist(n > 0 && (size_t)n < sizeof(path->text));
}

void
spool_path_large(struct spool_path *path, const char *directory, const struct mail_id *id)
{
	char room[MAIL_ID_TEXT_MAX];
	struct str text = mail_id_text(id, room);
	int n = snprintf(path->text, sizeof(path->text), "%s/large/%.*s", directory, STR_ARG(text));

	insist(n > 0 && (size_t)n < sizeof(path->text));
}

int
spool_write(int fd, struct iovec *pieces, int n_pieces, int64_t offset)
{
	while (n_pieces > 0) {
		ssize_t n = os_pwritev(fd, pieces, n_pieces, offset);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		offset += n;
		while (n_pieces > 0 && (size_t)n >= pieces->iov_len) {
			n -= (ssize_t)pieces->iov_len;
			pieces++;
			n_pieces--;
		}
		if (n_pieces > 0) {
			pieces->iov_base = (char *)pieces->iov_base + n;
			pieces->iov_len -= (size_t)n;
		}
	}
	return 0;
}

ssize_t
spool_read(int fd, void *room, size_t n_bytes, int64_t offset)
{
	size_t n_read = 0;

	while (n_read < n_bytes) {
		ssize_t n = os_pread(fd, (char *)room + n_read, n_bytes - n_read, offset + (int64_t)n_read);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		n_read += (size_t)n;
	}
	return (ssize_t)n_read;
}

int
spool_fault(struct fault *fault_out, int error, const char *doing, const char *path)
{
	enum fault_cause cause = error == -ENOSPC || error == -EDQUOT ? FAULT_FULL : FAULT_OTHER;

	return fault_because(fault_out, cause, "%s %s: %s", doing, path, strerror(-error));
}
