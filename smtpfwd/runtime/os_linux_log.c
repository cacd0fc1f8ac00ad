/*
 * os_linux_log.c - os.h on Linux: where log lines go
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "smtpfwd/runtime/os.h"

int
os_log_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	return fd >= 0 ? fd : -errno;
}

ssize_t
os_log_write(int fd, const void *bytes, size_t n_bytes)
{
	ssize_t n;

	do
		n = write(fd, bytes, n_bytes);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

/* $JOURNAL_STREAM names the device and inode of the journal's pipe (systemd.exec(5)): stderr may lead elsewhere. */
bool
os_stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void
os_syslog_begin(const char *program)
{
	openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
os_syslog(int priority, struct str line)
{
	syslog(priority, "%.*s", STR_ARG(line));
}
