/*
 * command_write.c - a client's commands, with the parameters that the server takes
 */
#include <inttypes.h>

#include "smtpfwd/smtp/command.h"

/* All of a line or nothing. */
static int
end_line(bool is_full, size_t len_before, struct buf *out)
{
	if (!is_full && buf_append(out, STR("\r\n")) == 0)
		return 0;
	out->len = len_before;
	return -1;
}

int
command_write_mail(const struct envelope *envelope, const struct address *reverse_path,
    uint64_t size_bytes, const struct ehlo *offered, struct buf *out)
{
	size_t len_before = out->len;
	bool is_full = buf_append(out, STR("MAIL FROM:<")) != 0 ||
	    address_append(reverse_path, out) != 0 || buf_append_char(out, '>') != 0;

	if (offered->has_size && size_bytes > 0)
		is_full = is_full || buf_printf(out, " SIZE=%" PRIu64, size_bytes) != 0;
	if (offered->has_8bitmime && envelope->is_8bit)
		is_full = is_full || buf_append(out, STR(" BODY=8BITMIME")) != 0;
	if (offered->has_smtputf8 && envelope->is_smtputf8)
		is_full = is_full || buf_append(out, STR(" SMTPUTF8")) != 0;
	if (offered->has_dsn && envelope->ret != RET_UNSET)
		is_full = is_full || buf_append(out, envelope->ret == RET_FULL ? STR(" RET=FULL") : STR(" RET=HDRS")) != 0;
	if (offered->has_dsn && envelope->envid.len > 0)
		is_full = is_full || buf_printf(out, " ENVID=%.*s", STR_ARG(envelope->envid)) != 0;
	return end_line(is_full, len_before, out);
}

static bool
put_notify(unsigned notify, struct buf *out)
{
	static const struct {
		unsigned	 bit;
		const char	*word;
	} words[] = {
		{ NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" }, { NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		if (buf_printf(out, "%s%s", before, words[i].word) != 0)
			return false;
		before = ",";
	}
	return true;
}

int
command_write_rcpt(const struct recipient *recipient, const struct ehlo *offered, struct buf *out)
{
	size_t len_before = out->len;
	bool is_full = buf_append(out, STR("RCPT TO:<")) != 0 ||
	    address_append(&recipient->address, out) != 0 || buf_append_char(out, '>') != 0;

	if (offered->has_dsn)
		is_full = is_full || !put_notify(recipient->notify, out);
	if (offered->has_dsn && recipient->orcpt.len > 0)
		is_full = is_full || buf_printf(out, " ORCPT=%.*s", STR_ARG(recipient->orcpt)) != 0;
	return end_line(is_full, len_before, out);
}
