/*
 * spool.h - whole reads and writes over os.h, which may do less; and the names of the spool
 *
 * All of it blocks: for a crew's thread, or before the loop serves.
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include "base/fault.h"
#include "mail/mail_id.h"
#include "smtpfwd/runtime/os.h"

enum { SPOOL_PATH_MAX_BYTES = 512, SPOOL_DIRECTORY_MAX_BYTES = 400 };

struct spool_path { char text[SPOOL_PATH_MAX_BYTES]; };

/* directory/name; the directory is at most SPOOL_DIRECTORY_MAX_BYTES long. */
void	spool_path(struct spool_path *path, const char *directory, const char *name);
void	spool_path_segment(struct spool_path *path, const char *directory, uint32_t number);
void	spool_path_large(struct spool_path *path, const char *directory, const struct mail_id *id);

/* 0 or -errno.  The pieces are used up. */
int	spool_write(int fd, struct iovec *pieces, int n_pieces, int64_t offset);

/* Bytes read: fewer than asked for only at the end of the file.  Or -errno. */
ssize_t	spool_read(int fd, void *room, size_t n_bytes, int64_t offset);

/* fault_out by an errno: FAULT_FULL for a full disk, else temporary.  Returns -1. */
int	spool_fault(struct fault *fault_out, int error, const char *doing, const char *path);

#endif
