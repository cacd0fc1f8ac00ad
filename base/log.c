/*
 * log.c - makes lines of key=value
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/code.h"
#include "base/decimal.h"
#include "base/log.h"

enum {
	LOG_CUT_BYTES = 3,		/* of "...", which always has room */
	LOG_SAY_MAX_BYTES = 1024,	/* a text by us, before it is escaped */
};

/* A value stands bare if nothing in it could end it or be taken for something else. */
enum { AS_IT_IS = 1, BARE = 2 };	/* within quotes, and without */
static const unsigned char stands[256] = {
	[' '] = AS_IT_IS, ['!'] = AS_IT_IS | BARE, ['#' ... '<'] = AS_IT_IS | BARE, ['='] = AS_IT_IS,
	['>' ... '['] = AS_IT_IS | BARE, [']' ... '~'] = AS_IT_IS | BARE,
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

/* The same, but what still fits stands before the cut. */
static void
append_run(struct log_line *line, struct str s)
{
	size_t n_fit = line->is_cut ? 0 : LOG_LINE_MAX_BYTES - LOG_CUT_BYTES - line->len;

	append(line, str_sub(s, 0, n_fit));
	if (s.len > n_fit)
		append(line, str_from(s, n_fit));
}

static void
append_key(struct log_line *line, const char *key)
{
	struct str name = str_of(key);
	char *at = line->text + line->len;

	if (!line->is_cut && name.len + 2 <= LOG_LINE_MAX_BYTES - LOG_CUT_BYTES - line->len) {
		*at++ = ' ';
		memcpy(at, name.at, name.len);
		at[name.len] = '=';
		line->len += name.len + 2;
		return;
	}
	append(line, STR(" "));
	append(line, name);
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

/* How many bytes at the front of a value stand so. */
static size_t
run_bytes(struct str value, int how)
{
	size_t n = 0;

	while (n < value.len && (stands[(unsigned char)value.at[n]] & how) != 0)
		n++;
	return n;
}

static void
append_quoted(struct log_line *line, struct str value)
{
	char room[ESCAPED_MAX_BYTES];
	struct str shown;
	size_t n;

	append(line, STR("\""));
	while (value.len != 0 && !line->is_cut) {
		n = run_bytes(value, AS_IT_IS);
		append_run(line, str_sub(value, 0, n));
		value = str_from(value, n);
		if (value.len == 0)
			break;
		shown = escape_next(&value, true, room);
		append(line, str_eq(shown, STR("\"")) ? STR("\\\"") : shown);
	}
	append(line, STR("\""));
}

void
log_str(struct log_line *line, const char *key, struct str value)
{
	if (line->log == NULL)
		return;
	append_key(line, key);
	if (value.len > 0 && run_bytes(value, BARE) == value.len)
		append_run(line, value);
	else
		append_quoted(line, value);
}

void
log_text(struct log_line *line, const char *key, const char *value)
{
	log_str(line, key, str_of(value));
}

void
log_int(struct log_line *line, const char *key, int64_t value)
{
	char digits[1 + DECIMAL_MAX_BYTES], *end = digits;

	if (line->log == NULL)
		return;
	if (value < 0)
		*end++ = '-';
	end = decimal_put(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	append_key(line, key);
	append(line, str_n(digits, (size_t)(end - digits)));
}

void
log_words(struct log_line *line, struct str words)
{
	if (line->log == NULL || words.len == 0)
		return;
	append(line, STR(" "));
	append(line, words);
}

static char *
put(char *at, uint64_t number, const char *unit)
{
	for (at = decimal_put(at, number); *unit != '\0'; unit++)
		*at++ = *unit;
	return at;
}

/* The two greatest units of a length of time, below a minute with tenths; where the text ends. */
static char *
put_span(char *at, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s == 0)
		return put(at, ms, "ms");
	if (s < 60 && ms / 100 % 10 != 0)
		return put(put(at, s, "."), ms / 100 % 10, "s");
	if (s < 60)
		return put(at, s, "s");
	if (s < 3600)
		return s % 60 != 0 ? put(put(at, s / 60, "m"), s % 60, "s") : put(at, s / 60, "m");
	if (s < 86400)
		return s / 60 % 60 != 0 ? put(put(at, s / 3600, "h"), s / 60 % 60, "m") : put(at, s / 3600, "h");
	return s / 3600 % 24 != 0 ? put(put(at, s / 86400, "d"), s / 3600 % 24, "h") : put(at, s / 86400, "d");
}

void
log_span(struct log_line *line, const char *key, struct span value)
{
	int64_t ms = span_to_ms(value);
	char text[2 * (DECIMAL_MAX_BYTES + 2)];

	if (line->log == NULL)
		return;
	append_key(line, key);
	if (ms < 0)
		append(line, STR("-"));
	append(line, str_n(text, (size_t)(put_span(text, ms < 0 ? (uint64_t)-ms : (uint64_t)ms) - text)));
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
