/*
 * secret_file.h - a file that not everybody may read: its permissions are looked at first
 */
#ifndef AUTH_SECRET_FILE_H
#define AUTH_SECRET_FILE_H

#include "base/buf.h"
#include "base/fault.h"

/*
 * Appends the file's bytes to text.  0, or -1 with a fault that names the file: not there, readable or writable by
 * others (0640 of root and the daemon's group is the usual), or longer than text may be.  Blocks.
 */
int	secret_file_read(const char *path, struct buf *text, struct fault *fault_out);

/* The first line, without blanks at its ends: a password.  Empty is a fault. */
int	secret_file_read_line(const char *path, struct buf *line, struct fault *fault_out);

#endif
