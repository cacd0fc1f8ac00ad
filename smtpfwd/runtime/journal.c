/*
 * journal.c - a log line as an entry of systemd's journal
 */
#include "smtpfwd/runtime/journal.h"

enum { FIELD_MAX_BYTES = 64 };		/* an event's word, a mail's id: more is neither */

/* The form that any value has: its length in front, little-endian. */
static int
write_field(struct buf *entry, const char *name, struct str value)
{
	char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = (char)(uint8_t)((uint64_t)value.len >> (8 * i));
	if (buf_printf(entry, "%s\n", name) != 0 || buf_append(entry, str_n(length, sizeof(length))) != 0 ||
	    buf_append(entry, value) != 0 || buf_append_char(entry, '\n') != 0)
		return -1;
	return 0;
}

int
journal_write_entry(struct buf *entry, const char *program, int priority, struct str line)
{
	struct str rest = line, word;

	if (write_field(entry, "MESSAGE", line) != 0 || buf_printf(entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", priority, program) != 0)
		return -1;
	if (str_take_until(&rest, ' ', &word) && word.len <= FIELD_MAX_BYTES && write_field(entry, "SMTPFWD_EVENT", word) != 0)
		return -1;
	/* Only as the second word, where none but mail/history puts it: further back it could be somebody's text. */
	if (str_take_until(&rest, ' ', &word) && str_starts(word, STR("id=")) && word.len <= FIELD_MAX_BYTES)
		return write_field(entry, "SMTPFWD_ID", str_from(word, 3));
	return 0;
}
