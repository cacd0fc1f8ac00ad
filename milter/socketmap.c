/*
 * socketmap.c - requests of Postfix's socketmap tables, and replies
 */
#include "milter/socketmap.h"

enum { WORD_MAX_BYTES = 16 };		/* "NOTFOUND " and its kin */

static bool
is_line(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] == '\0' || s.at[i] == '\r' || s.at[i] == '\n')
			return false;
	return true;
}

enum netstring_state
socketmap_read(struct str bytes, struct socketmap_request *request_out, size_t *n_bytes_out)
{
	struct str inside;
	enum netstring_state state = netstring_read(bytes, SOCKETMAP_REQUEST_MAX_BYTES, &inside, n_bytes_out);
	ptrdiff_t blank;

	if (state != NETSTRING_WHOLE)
		return state;
	blank = str_find(inside, ' ');
	if (blank <= 0 || !is_line(inside))
		return NETSTRING_BROKEN;
	*request_out = (struct socketmap_request){ .map = str_sub(inside, 0, (size_t)blank), .key = str_from(inside, (size_t)blank + 1) };
	return NETSTRING_WHOLE;
}

static const char *
status_word(enum socketmap_status status)
{
	switch (status) {
	case SOCKETMAP_OK:
		return "OK ";
	case SOCKETMAP_NOTFOUND:
		return "NOTFOUND ";
	case SOCKETMAP_TEMP:
		return "TEMP ";
	case SOCKETMAP_TIMEOUT:
		return "TIMEOUT ";
	case SOCKETMAP_PERM:
		return "PERM ";
	}
	return "TEMP ";
}

static int
append_text(struct buf *inside, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (buf_append_char(inside, (char)(c < 0x20 || c == 0x7f ? ' ' : c)) != 0)
			return -1;
	}
	return 0;
}

int
socketmap_reply(enum socketmap_status status, struct str text, struct buf *out)
{
	size_t text_max = SOCKETMAP_REPLY_MAX_BYTES - WORD_MAX_BYTES;
	struct buf inside;
	int result;

	if (status == SOCKETMAP_OK && (text.len == 0 || text.len > text_max)) {
		status = SOCKETMAP_PERM;
		text = text.len == 0 ? STR("the answer is empty") : STR("the answer is too long");
	}
	if (status == SOCKETMAP_NOTFOUND)
		text = STR_EMPTY;
	buf_init(&inside, SOCKETMAP_REPLY_MAX_BYTES);
	result = buf_append(&inside, str_of(status_word(status)));
	if (result == 0)
		result = append_text(&inside, str_sub(text, 0, text_max));
	if (result == 0)
		result = netstring_append(buf_str(&inside), out);
	buf_fini(&inside);
	return result;
}
