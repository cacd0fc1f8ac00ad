/*
 * log.c - makes lines of key=value
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/code.h"
#include "base/log.h"

enum {
	LOG_CUT_BYTES = 3,		/* of "...", which always has room */
	LOG_SAY_MAX_BYTES = 1024,	/* a text by us, before it is escaped */
};

/* Appends s whole, or cuts the line here. */
static void
append(struct log_line *line, struct str s)
{
	if (line->is_cut)
		return;
	if (s.len > LOG_LINE_MAX_BYTES - LOG_CUT_BYTES - line->len) {
		memcpy(line->text + line->len, "...", LOG_CUT_BYTES);
		line->len += LOG_CUT_BYTES;
		line->is_cut = true;
		return;
	}
	if (s.len != 0)
		memcpy(line->text + line->len, s.at, s.len);
	line->len += s.len;
}

static void
append_key(struct log_line *line, const char *key)
{
	append(line, STR(" "));
	append(line, str_of(key));
	append(line, STR("="));
}

void
log_begin(struct log_line *line, struct log *log, enum log_level level, const char *event)
{
	line->log = log != NULL && level <= log->level ? log : NULL;
	line->level = level;
	line->len = 0;
	line->is_cut = false;
	if (line->log != NULL)
		append(line, str_of(event));
}

/* A value stands bare if nothing in it could end it or be taken for something else. */
static bool
needs_quotes(struct str value)
{
	if (value.len == 0)
		return true;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == ' ' || c == '"' || c == '=' || c == '\\' || !str_is_printable(str_n(&c, 1)))
			return true;
	}
	return false;
}

void
log_str(struct log_line *line, const char *key, struct str value)
{
	if (line->log == NULL)
		return;
	append_key(line, key);
	if (!needs_quotes(value)) {
		while (value.len != 0 && !line->is_cut) {
			append(line, str_sub(value, 0, 1));
			value = str_from(value, 1);
		}
		return;
	}
	append(line, STR("\""));
	while (value.len != 0 && !line->is_cut) {
		char room[ESCAPED_MAX_BYTES];
		struct str shown = escape_next(&value, true, room);

		append(line, str_eq(shown, STR("\"")) ? STR("\\\"") : shown);
	}
	append(line, STR("\""));
}

void
log_text(struct log_line *line, const char *key, const char *value)
{
	log_str(line, key, str_of(value));
}

void
log_int(struct log_line *line, const char *key, int64_t value)
{
	char digits[24];

	if (line->log == NULL)
		return;
	snprintf(digits, sizeof(digits), "%" PRId64, value);
	append_key(line, key);
	append(line, str_of(digits));
}

void
log_words(struct log_line *line, struct str words)
{
	if (line->log == NULL || words.len == 0)
		return;
	append(line, STR(" "));
	append(line, words);
}

/* The two greatest units of a length of time in milliseconds, below a minute with tenths. */
static void
span_text(uint64_t ms, char *room, size_t n_room)
{
	uint64_t s = ms / 1000;

	if (s == 0)
		snprintf(room, n_room, "%" PRIu64 "ms", ms);
	else if (s < 60 && ms / 100 % 10 != 0)
		snprintf(room, n_room, "%" PRIu64 ".%" PRIu64 "s", s, ms / 100 % 10);
	else if (s < 60)
		snprintf(room, n_room, "%" PRIu64 "s", s);
	else if (s < 3600 && s % 60 != 0)
		snprintf(room, n_room, "%" PRIu64 "m%" PRIu64 "s", s / 60, s % 60);
	else if (s < 3600)
		snprintf(room, n_room, "%" PRIu64 "m", s / 60);
	else if (s < 86400 && s / 60 % 60 != 0)
		snprintf(room, n_room, "%" PRIu64 "h%" PRIu64 "m", s / 3600, s / 60 % 60);
	else if (s < 86400)
		snprintf(room, n_room, "%" PRIu64 "h", s / 3600);
	else if (s / 3600 % 24 != 0)
		snprintf(room, n_room, "%" PRIu64 "d%" PRIu64 "h", s / 86400, s / 3600 % 24);
	else
		snprintf(room, n_room, "%" PRIu64 "d", s / 86400);
}

void
log_span(struct log_line *line, const char *key, struct span value)
{
	int64_t ms = span_to_ms(value);
	char text[48];

	if (line->log == NULL)
		return;
	span_text(ms < 0 ? (uint64_t)-ms : (uint64_t)ms, text, sizeof(text));
	append_key(line, key);
	if (ms < 0)
		append(line, STR("-"));
	append(line, str_of(text));
}

void
log_end(struct log_line *line)
{
	if (line->log == NULL)
		return;
	line->log->write(line->log, line->level, str_n(line->text, line->len));
	line->log = NULL;
}

void
log_say(struct log *log, enum log_level level, const char *event, const char *format, ...)
{
	char text[LOG_SAY_MAX_BYTES];
	struct log_line line;
	va_list args;

	log_begin(&line, log, level, event);
	if (line.log == NULL)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_text(&line, "text", text);
	log_end(&line);
}
