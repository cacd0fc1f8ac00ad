/*
 * os_linux_file.c - os.h on Linux: files
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/insist.h"
#include "smtpfwd/runtime/os.h"

/* The result of a call that may be interrupted, or -errno. */
#define UNTIL_DONE(call) ({						\
	__typeof__(call) result_;					\
	do								\
		result_ = (call);					\
	while (result_ < 0 && errno == EINTR);				\
	result_ >= 0 ? result_ : -errno;				\
})

int
os_open(const char *path, enum os_open_how how)
{
	int flags = O_CLOEXEC | O_NOCTTY;

	switch (how) {
	case OS_OPEN_READ:
		flags |= O_RDONLY;
		break;
	case OS_OPEN_WRITE:
		flags |= O_RDWR;
		break;
	case OS_OPEN_CREATE:
		flags |= O_RDWR | O_CREAT | O_EXCL;
		break;
	case OS_OPEN_CREATE_OR_WRITE:
		flags |= O_RDWR | O_CREAT;
		break;
	}
	return UNTIL_DONE(open(path, flags, 0600));
}

ssize_t
os_pread(int fd, void *room, size_t n_bytes, int64_t offset)
{
	return UNTIL_DONE(pread(fd, room, n_bytes, offset));
}

ssize_t
os_pread_cached(int fd, void *room, size_t n_bytes, int64_t offset)
{
	struct iovec piece = { .iov_base = room, .iov_len = n_bytes };
	ssize_t n = UNTIL_DONE(preadv2(fd, &piece, 1, offset, RWF_NOWAIT));

	/* Not every file system can say; then the read may block, as it would everywhere else. */
	if (n == -EOPNOTSUPP || n == -ENOSYS)
		return os_pread(fd, room, n_bytes, offset);
	return n;
}

void
os_read_ahead(int fd, int64_t offset, int64_t n_bytes)
{
	(void)posix_fadvise(fd, offset, n_bytes, POSIX_FADV_WILLNEED);
}

ssize_t
os_pwritev(int fd, const struct iovec *pieces, int n_pieces, int64_t offset)
{
	return UNTIL_DONE(pwritev(fd, pieces, n_pieces, offset));
}

int
os_sync_data(int fd)
{
	return UNTIL_DONE(fdatasync(fd));
}

int
os_sync_dir(const char *path)
{
	int fd, result;

	fd = UNTIL_DONE(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	result = UNTIL_DONE(fsync(fd));
	close(fd);
	return result;
}

int
os_allocate(int fd, int64_t n_bytes)
{
	int result = UNTIL_DONE(fallocate(fd, 0, 0, n_bytes));

	/* A file system without fallocate: the size at least; the disk may be full later. */
	if (result == -EOPNOTSUPP) {
		if (os_file_bytes(fd) >= n_bytes)
			return 0;
		return os_truncate(fd, n_bytes);
	}
	return result;
}

int
os_truncate(int fd, int64_t n_bytes)
{
	return UNTIL_DONE(ftruncate(fd, n_bytes));
}

int64_t
os_file_bytes(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_size : -errno;
}

int
os_file_mode(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? (int)(status.st_mode & ALLPERMS) : -errno;
}

int
os_rename(const char *from, const char *to)
{
	return rename(from, to) == 0 ? 0 : -errno;
}

int
os_unlink(const char *path)
{
	return unlink(path) == 0 ? 0 : -errno;
}

int
os_make_dir(const char *path)
{
	struct stat status;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &status) != 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int
os_list_dir(const char *path, void (*each)(void *context, const char *name), void *context)
{
	struct dirent *entry;
	int error;
	DIR *dir;

	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(context, entry->d_name);
	}
	error = errno;
	closedir(dir);
	return -error;
}

int
os_lock(int fd)
{
	return UNTIL_DONE(flock(fd, LOCK_EX | LOCK_NB));
}

int64_t
os_free_bytes(const char *path)
{
	struct statvfs disk;

	if (statvfs(path, &disk) != 0)
		return -errno;
	return (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}
