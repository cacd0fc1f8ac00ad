/*
 * story_line.c - takes apart what base/log.c made
 */
#include "base/code.h"
#include "smtpfwd/story/story_line.h"

struct str
story_line_id(struct str line)
{
	static const char key[] = " id=";
	const char *blank = memchr(line.at, ' ', line.len);
	size_t at;

	if (blank == NULL)
		return STR_EMPTY;
	at = (size_t)(blank - line.at);
	if (line.len < at + sizeof(key) - 1 + MAIL_ID_TEXT_BYTES || memcmp(blank, key, sizeof(key) - 1) != 0)
		return STR_EMPTY;
	return str_sub(line, at + sizeof(key) - 1, MAIL_ID_TEXT_BYTES);
}

bool
story_line_take_time(struct str *line, struct str *time_out)
{
	if (line->len < STORY_TIME_BYTES + 2 || line->at[10] != 'T' || line->at[STORY_TIME_BYTES - 1] != 'Z' ||
	    line->at[STORY_TIME_BYTES] != ' ')
		return false;
	*time_out = str_sub(*line, 0, STORY_TIME_BYTES);
	*line = str_from(*line, STORY_TIME_BYTES + 1);
	return true;
}

struct str
story_line_value(struct str line, const char *key)
{
	struct str word, wanted = str_of(key);
	ptrdiff_t at;

	/* Words within quotes are not told apart here: what a stranger said stands behind the keys that are asked for. */
	while (str_take_word(&line, &word)) {
		at = str_find(word, '=');
		if (at >= 0 && str_eq(str_sub(word, 0, (size_t)at), wanted))
			return str_from(word, (size_t)at + 1);
	}
	return STR_EMPTY;
}

/* A character of a value, with what escapes it; how many bytes it took, 0 where that is broken off. */
static size_t
take_char(struct str rest, bool is_quoted, struct buf *value)
{
	struct buf byte = { .max = 1 };
	char room;

	if (rest.at[0] != '\\')
		return buf_append_char(value, rest.at[0]) == 0 ? 1 : 0;
	if (rest.len >= 2 && (rest.at[1] == '\\' || (is_quoted && rest.at[1] == '"')))
		return buf_append_char(value, rest.at[1]) == 0 ? 2 : 0;
	byte.at = &room;
	byte.cap = 1;
	if (rest.len < 4 || rest.at[1] != 'x' || hex_decode(str_sub(rest, 2, 2), &byte) != 0)
		return 0;
	return buf_append_char(value, room) == 0 ? 4 : 0;
}

bool
story_line_take_pair(struct str *rest, struct str *key_out, struct buf *value)
{
	bool is_quoted;
	ptrdiff_t at;
	size_t n;

	buf_clear(value);
	while (rest->len > 0 && rest->at[0] == ' ')
		*rest = str_from(*rest, 1);
	at = str_find(*rest, '=');
	if (at <= 0)
		return false;
	*key_out = str_sub(*rest, 0, (size_t)at);
	*rest = str_from(*rest, (size_t)at + 1);
	is_quoted = rest->len > 0 && rest->at[0] == '"';
	if (is_quoted)
		*rest = str_from(*rest, 1);
	while (rest->len > 0 && rest->at[0] != (is_quoted ? '"' : ' ')) {
		n = take_char(*rest, is_quoted, value);
		if (n == 0)		/* cut off here: the rest is nothing */
			n = rest->len;
		*rest = str_from(*rest, n);
	}
	if (is_quoted)
		*rest = str_from(*rest, 1);
	return true;
}
