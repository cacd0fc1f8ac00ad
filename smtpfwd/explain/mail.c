/*
 * mail.c - a file's lines, brought to the wire's line ends and through the daemon's own decoder
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/header.h"
#include "smtpfwd/explain/mail.h"

enum {
	PIECE_BYTES = 8 * 1024,
	/* Beyond what the listener takes, so that what is one byte too large is seen. */
	SPARE_BYTES = 4096,
};

static int
open_file(const char *path, struct fault *fault_out)
{
	struct stat found;
	int fd;

	if (strcmp(path, "-") == 0)
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);	/* of a FIFO nobody may be the writer */
	if (fd < 0 || fstat(fd, &found) != 0)
		fault_permanent(fault_out, "%s: %s", path, strerror(errno));
	else if (S_ISDIR(found.st_mode))
		fault_permanent(fault_out, "%s: is a directory", path);
	else if (!S_ISREG(found.st_mode))
		fault_permanent(fault_out, "%s: is no ordinary file (\"-\" reads from stdin)", path);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* False: it is too large. */
static bool
take(struct explain_mail *mail, uint64_t max_bytes, struct str wire)
{
	struct str span;

	while (data_decode(&mail->decoder, &wire, &span) == DATA_SPAN)
		if (mail->decoder.n_bytes > max_bytes || buf_append(&mail->content, span) != 0)
			return false;
	return mail->decoder.n_bytes <= max_bytes;
}

/* A piece of a file with its LFs as CRLF; *last is the byte before. */
static bool
take_lines(struct explain_mail *mail, uint64_t max_bytes, struct str piece, char *last)
{
	while (piece.len > 0) {
		ptrdiff_t at = str_find(piece, '\n');
		struct str line = at >= 0 ? str_sub(piece, 0, (size_t)at) : piece;

		if (!take(mail, max_bytes, line))
			return false;
		if (line.len > 0)
			*last = line.at[line.len - 1];
		if (at >= 0) {
			if (!take(mail, max_bytes, *last == '\r' ? STR("\n") : STR("\r\n")))
				return false;
			*last = '\n';
		}
		piece = str_from(piece, line.len + (at >= 0));
	}
	return true;
}

static int
read_all(int fd, const char *path, uint64_t max_bytes, struct explain_mail *mail, struct fault *fault_out)
{
	char room[PIECE_BYTES], last = '\n';
	struct str span;
	ssize_t n;

	while ((n = read(fd, room, sizeof(room))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_permanent(fault_out, "%s: %s", path, strerror(errno));
		if (!take_lines(mail, max_bytes, str_n(room, (size_t)n), &last)) {
			mail->is_too_large = true;
			return 0;
		}
	}
	if (last != '\n')
		mail->is_too_large = !take(mail, max_bytes, last == '\r' ? STR("\n") : STR("\r\n"));
	if (data_decode_finish(&mail->decoder, &span))
		mail->is_too_large |= buf_append(&mail->content, span) != 0;
	return 0;
}

int
explain_mail_read(const char *path, const struct listener_settings *listener, struct explain_mail *mail_out,
    struct fault *fault_out)
{
	uint64_t max_bytes = (uint64_t)listener->message_max_bytes;
	int fd, result;

	*mail_out = (struct explain_mail){ .is_too_large = false };
	buf_init(&mail_out->content, (size_t)max_bytes + SPARE_BYTES);
	data_decoder_init(&mail_out->decoder, &(struct data_settings){
		.kind = DATA_COUNTED,
		.line_ends = listener->bare_line_end == BARE_LINE_END_REFUSE ? DATA_LINE_ENDS_STRICT : DATA_LINE_ENDS_REPAIR,
		.line_max_bytes = (size_t)listener->text_line_max_bytes,
	});
	fd = open_file(path, fault_out);
	if (fd < 0)
		return -1;
	result = read_all(fd, path, max_bytes, mail_out, fault_out);
	header_name_mailbox_line(&mail_out->content);
	if (fd != STDIN_FILENO)
		close(fd);
	return result;
}

void
explain_mail_free(struct explain_mail *mail)
{
	buf_fini(&mail->content);
}
