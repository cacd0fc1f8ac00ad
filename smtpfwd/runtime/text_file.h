/*
 * text_file.h - a small file read whole, at the start of the program
 */
#ifndef RUNTIME_TEXT_FILE_H
#define RUNTIME_TEXT_FILE_H

#include "base/buf.h"

/* Appends a file's bytes to text, as many as it has room for.  0 or -errno.  Blocks. */
int	text_file_read(const char *path, struct buf *text);

#endif
