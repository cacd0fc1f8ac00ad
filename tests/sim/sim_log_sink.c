/*
 * sim_log_sink.c - where os.h's log lines go: a file of the simulated disk, or nowhere
 */
#include <errno.h>

#include "tests/sim/sim_world.h"

int
os_log_open(const char *path)
{
	return os_open(path, OS_OPEN_CREATE_OR_WRITE);
}

ssize_t
os_log_write(int fd, const void *bytes, size_t n_bytes)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes };

	return fd == 2 ? (ssize_t)n_bytes : os_pwritev(fd, &piece, 1, os_file_bytes(fd));
}

bool
os_stderr_is_journal(void)
{
	return false;
}

void
os_syslog_begin(const char *program)
{
}

void
os_syslog(int priority, struct str line)
{
	sim_world_trace("syslog", "", priority, (int64_t)line.len);
}

/* Nobody supervises a simulated daemon. */
int
os_tell(const char *path, const struct iovec *pieces, int n_pieces, const int *fds, int n_fds, bool may_block)
{
	return -ENOENT;
}
