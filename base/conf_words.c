/*
 * conf_words.c - a configuration file as words and marks
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/conf_words.h"

enum { WORD_MAX_BYTES = 4096 };		/* the longest value of a setting, with room to complain about it */

void
conf_words_init(struct conf_words *words, struct str text)
{
	*words = (struct conf_words){ .rest = text };
	buf_init(&words->word, WORD_MAX_BYTES);
}

void
conf_words_fini(struct conf_words *words)
{
	buf_fini(&words->word);
}

/* Only the first about a mark is kept. */
static void __attribute__((format(printf, 2, 3)))
complain(struct conf_words *words, const char *format, ...)
{
	va_list args;

	if (words->complaint[0] != '\0')
		return;
	va_start(args, format);
	vsnprintf(words->complaint, sizeof(words->complaint), format, args);
	va_end(args);
}

static void
add(struct conf_words *words, struct str s)
{
	if (buf_append(&words->word, s) != 0)
		complain(words, "a word of more than %d bytes", WORD_MAX_BYTES);
}

static void
skip(struct conf_words *words, size_t n_bytes)
{
	words->rest = str_from(words->rest, n_bytes);
}

/* Takes ${NAME} or ${NAME:-default}, at which the rest stands. */
static void
take_variable(struct conf_words *words)
{
	struct str line = words->rest, name, otherwise = STR_EMPTY;
	ptrdiff_t end, colon;
	char terminated[100];
	const char *value;

	if (str_find(line, '\n') >= 0)
		line = str_sub(line, 0, (size_t)str_find(line, '\n'));
	end = str_find(line, '}');
	if (end < 0) {
		complain(words, "a ${ without its }");
		skip(words, 2);
		return;
	}
	name = str_sub(line, 2, (size_t)end - 2);
	skip(words, (size_t)end + 1);
	colon = str_find_str(name, STR(":-"));
	if (colon >= 0) {
		otherwise = str_from(name, (size_t)colon + 2);
		name = str_sub(name, 0, (size_t)colon);
	}
	if (name.len == 0 || name.len >= sizeof(terminated)) {
		complain(words, "${%.*s} is not a variable's name", STR_ARG(str_sub(name, 0, 50)));
		return;
	}
	memcpy(terminated, name.at, name.len);
	terminated[name.len] = '\0';
	value = getenv(terminated);
	if (value == NULL && colon < 0)
		complain(words, "${%s} is not set in the environment", terminated);
	add(words, value != NULL ? str_of(value) : otherwise);
}

/* Takes a backslash and what it escapes in a string; false if it stands for itself. */
static bool
take_escape(struct conf_words *words, char quote)
{
	char c = words->rest.len > 1 ? words->rest.at[1] : '\0';

	if (c == quote || c == '\\' || (c == '$' && quote == '"')) {
		add(words, str_sub(words->rest, 1, 1));
		skip(words, 2);
		return true;
	}
	if (quote == '"')
		complain(words, "in double quotes a backslash stands before \", \\ or $ only; single quotes keep it");
	return false;
}

static void
take_string(struct conf_words *words)
{
	char quote = words->rest.at[0];

	skip(words, 1);
	while (words->rest.len != 0 && words->rest.at[0] != '\n') {
		char c = words->rest.at[0];

		if (c == quote) {
			skip(words, 1);
			return;
		}
		if (c == '\\' && take_escape(words, quote))
			continue;
		if (quote == '"' && str_starts(words->rest, STR("${"))) {
			take_variable(words);
			continue;
		}
		add(words, str_sub(words->rest, 0, 1));
		skip(words, 1);
	}
	complain(words, "a string without its closing %c", quote);
}

static bool
ends_word(struct str rest)
{
	char c = rest.at[0];

	if (c == '/')
		return str_starts(rest, STR("//")) || str_starts(rest, STR("/*"));
	return (c == '+' && str_starts(rest, STR("+="))) || strchr(" \t\r\n#\"'{}()=,", c) != NULL;
}

static void
take_bare_word(struct conf_words *words)
{
	while (words->rest.len != 0) {
		if (str_starts(words->rest, STR("${"))) {
			take_variable(words);
			continue;
		}
		if (ends_word(words->rest))
			return;
		if (words->rest.at[0] == ';')
			complain(words, "a `;`, which ends nothing here: leave it out, or quote the word");
		else
			add(words, str_sub(words->rest, 0, 1));
		skip(words, 1);
	}
}

static enum conf_mark
take_word(struct conf_words *words)
{
	buf_clear(&words->word);
	if (words->rest.at[0] == '"' || words->rest.at[0] == '\'')
		take_string(words);
	else
		take_bare_word(words);
	/* Also for what came out of the environment: our text has one statement's words on a line. */
	for (size_t i = 0; i < words->word.len; i++) {
		unsigned char c = (unsigned char)words->word.at[i];

		if (c < 0x20 || c == 0x7f) {
			complain(words, "a word with a control character");
			words->word.at[i] = '?';
		}
	}
	if (!str_is_utf8(buf_str(&words->word))) {
		complain(words, "a word that is not UTF-8");
		buf_clear(&words->word);
	}
	return CONF_WORD;
}

/* Skips blanks and comments, up to the end of the line or the next mark. */
static void
skip_blanks(struct conf_words *words)
{
	while (words->rest.len != 0 && words->rest.at[0] != '\n') {
		char c = words->rest.at[0];

		if (words->is_in_comment) {
			words->is_in_comment = !str_starts(words->rest, STR("*/"));
			skip(words, words->is_in_comment ? 1 : 2);
		} else if (str_starts(words->rest, STR("/*"))) {
			words->is_in_comment = true;
			skip(words, 2);
		} else if (c == '#' || str_starts(words->rest, STR("//"))) {
			ptrdiff_t end = str_find(words->rest, '\n');

			skip(words, end < 0 ? words->rest.len : (size_t)end);
		} else if (c == ' ' || c == '\t' || c == '\r')
			skip(words, 1);
		else
			return;
	}
}

enum conf_mark
conf_words_next(struct conf_words *words)
{
	static const struct { struct str text; enum conf_mark mark; } marks[] = {
		{ STR("\n"), CONF_LINE_END }, { STR("{"), CONF_OPEN }, { STR("}"), CONF_CLOSE },
		{ STR("("), CONF_OPEN_ROUND }, { STR(")"), CONF_CLOSE_ROUND }, { STR(","), CONF_COMMA },
		{ STR("="), CONF_SET }, { STR("+="), CONF_ADD },
	};

	words->complaint[0] = '\0';
	skip_blanks(words);
	if (words->rest.len == 0) {
		if (words->is_in_comment)
			complain(words, "a comment without its closing */");
		return CONF_FILE_END;
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (str_starts(words->rest, marks[i].text)) {
			skip(words, marks[i].text.len);
			return marks[i].mark;
		}
	}
	if (words->rest.at[0] == ';') {
		skip(words, 1);
		complain(words, "a stray `;`: settings end by themselves");
		return CONF_STRAY;
	}
	return take_word(words);
}
