/*
 * text_file.c - a small file read whole, at the start of the program
 */
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/runtime/text_file.h"

enum { PIECE_BYTES = 4096 };

int
text_file_read(const char *path, struct buf *text)
{
	int fd = os_open(path, OS_OPEN_READ);
	int64_t offset = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		size_t left = text->max - text->len;
		size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
		char *room = piece != 0 ? buf_room(text, piece) : NULL;

		if (room == NULL)
			break;
		n = os_pread(fd, room, piece, offset);
		if (n <= 0)
			break;
		buf_added(text, (size_t)n);
		offset += n;
	}
	os_close(fd);
	return n < 0 ? (int)n : 0;
}
