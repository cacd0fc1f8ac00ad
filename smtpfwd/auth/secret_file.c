/*
 * secret_file.c - a file that not everybody may read: its permissions are looked at first
 */
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/runtime/os.h"

enum {
	PIECE_BYTES = 4096,
	MODE_OF_OTHERS = 07,
	LINE_FILE_MAX_BYTES = 64 * 1024,	/* a password in front, and maybe what somebody wrote below it */
};

static int
read_all(int fd, const char *path, struct buf *text, struct fault *fault_out)
{
	int64_t offset = 0;

	for (;;) {
		char *room = buf_room(text, PIECE_BYTES);
		ssize_t n;

		if (room == NULL)
			return fault_permanent(fault_out, "%s: is too long", path);
		n = os_pread(fd, room, PIECE_BYTES, offset);
		if (n < 0)
			return fault_temporary(fault_out, "%s: %s", path, strerror((int)-n));
		if (n == 0)
			return 0;
		buf_added(text, (size_t)n);
		offset += n;
	}
}

int
secret_file_read(const char *path, struct buf *text, struct fault *fault_out)
{
	int fd = os_open(path, OS_OPEN_READ), mode, result;

	if (fd < 0)
		return fault_temporary(fault_out, "%s: %s", path, strerror(-fd));
	mode = os_file_mode(fd);
	if (mode < 0)
		result = fault_temporary(fault_out, "%s: %s", path, strerror(-mode));
	else if ((mode & MODE_OF_OTHERS) != 0)
		result = fault_permanent(fault_out, "%s: is open to all users of this machine (chmod o= %s)", path, path);
	else
		result = read_all(fd, path, text, fault_out);
	os_close(fd);
	return result;
}

int
secret_file_read_line(const char *path, struct buf *line, struct fault *fault_out)
{
	struct buf text;
	struct str rest, first = STR_EMPTY;
	int result;

	buf_init(&text, LINE_FILE_MAX_BYTES);
	result = secret_file_read(path, &text, fault_out);
	rest = buf_str(&text);
	if (result == 0 && (!str_take_until(&rest, '\n', &first) || str_trim(first).len == 0))
		result = fault_permanent(fault_out, "%s: its first line is empty", path);
	else if (result == 0 && buf_append(line, str_trim(first)) != 0)
		result = fault_permanent(fault_out, "%s: its first line is too long", path);
	prepare_wipe(&text);
	return result;
}
