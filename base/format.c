/*
 * format.c - text by a format as printf's, made quickly
 */
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/format.h"

struct text {
	char	*room;
	size_t	 n_room;
	size_t	 len;			/* beyond n_room too */
};

enum length { LENGTH_INT, LENGTH_LONG, LENGTH_LONG_LONG, LENGTH_SIZE };

struct directive {
	bool		 has_precision;	/* by an argument; of a string only */
	int		 least_digits;	/* with zeros in front */
	enum length	 length;
	char		 conversion;
};

static void
put(struct text *text, const char *at, size_t n)
{
	if (text->len < text->n_room) {
		size_t left = text->n_room - text->len;

		memcpy(text->room + text->len, at, n < left ? n : left);
	}
	text->len += n;
}

/* What follows a '%'.  False: that is the C library's. */
static bool
read_directive(const char **at, struct directive *d)
{
	const char *f = *at;

	*d = (struct directive){ .length = LENGTH_INT };
	if (f[0] == '.' && f[1] == '*') {
		d->has_precision = true;
		f += 2;
	} else if (f[0] == '0' && f[1] >= '1' && f[1] <= '9') {
		d->least_digits = f[1] - '0';
		f += 2;
	}
	if (f[0] == 'z') {
		d->length = LENGTH_SIZE;
		f++;
	} else if (f[0] == 'l') {
		d->length = f[1] == 'l' ? LENGTH_LONG_LONG : LENGTH_LONG;
		f += d->length == LENGTH_LONG_LONG ? 2 : 1;
	}
	d->conversion = f[0];
	if (d->conversion == '\0')
		return false;
	*at = f + 1;
	if (d->conversion == 'd' || d->conversion == 'u')
		return !d->has_precision && !(d->conversion == 'd' && d->length == LENGTH_SIZE);
	if (d->least_digits > 0 || d->length != LENGTH_INT)
		return false;
	return d->conversion == 's' || (!d->has_precision && (d->conversion == 'c' || d->conversion == '%'));
}

/* A sign counts as a digit. */
static void
put_number(struct text *text, uint64_t number, bool is_negative, int least_digits)
{
	char digits[DECIMAL_MAX_BYTES];
	size_t n = (size_t)(decimal_put(digits, number) - digits);

	if (is_negative)
		put(text, "-", 1);
	for (size_t i = n + is_negative; i < (size_t)least_digits; i++)
		put(text, "0", 1);
	put(text, digits, n);
}

static void
put_signed(struct text *text, int64_t number, int least_digits)
{
	put_number(text, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0, least_digits);
}

/* False: not by us. */
static bool
put_string(struct text *text, const struct directive *d, va_list *args)
{
	int precision = d->has_precision ? va_arg(*args, int) : -1;
	const char *string = va_arg(*args, const char *);

	if (string == NULL)
		return false;
	put(text, string, precision < 0 ? strlen(string) : strnlen(string, (size_t)precision));
	return true;
}

static bool
put_directive(struct text *text, const struct directive *d, va_list *args)
{
	char c;

	switch (d->conversion) {
	case 's':
		return put_string(text, d, args);
	case 'c':
		c = (char)va_arg(*args, int);
		put(text, &c, 1);
		return true;
	case '%':
		put(text, "%", 1);
		return true;
	}
	switch (d->length) {
	case LENGTH_INT:
		if (d->conversion == 'd')
			put_signed(text, va_arg(*args, int), d->least_digits);
		else
			put_number(text, va_arg(*args, unsigned), false, d->least_digits);
		break;
	case LENGTH_LONG:
		if (d->conversion == 'd')
			put_signed(text, va_arg(*args, long), d->least_digits);
		else
			put_number(text, va_arg(*args, unsigned long), false, d->least_digits);
		break;
	case LENGTH_LONG_LONG:
		if (d->conversion == 'd')
			put_signed(text, va_arg(*args, long long), d->least_digits);
		else
			put_number(text, va_arg(*args, unsigned long long), false, d->least_digits);
		break;
	case LENGTH_SIZE:
		put_number(text, va_arg(*args, size_t), false, d->least_digits);
		break;
	}
	return true;
}

/* False: not by us. */
static bool
put_all(struct text *text, const char *format, va_list *args)
{
	struct directive d;

	for (;;) {
		const char *plain = format;

		while (*format != '%' && *format != '\0')
			format++;
		put(text, plain, (size_t)(format - plain));
		if (*format++ == '\0')
			return text->len < INT_MAX;
		if (!read_directive(&format, &d) || !put_directive(text, &d, args))
			return false;
	}
}

int
format_vtext(char *room, size_t n_room, const char *format, va_list args)
{
	struct text text = { .room = room, .n_room = n_room };
	va_list ours;
	bool is_ours;

	va_copy(ours, args);
	is_ours = put_all(&text, format, &ours);
	va_end(ours);
	if (!is_ours)
		return vsnprintf(room, n_room, format, args);
	if (n_room > 0)
		room[text.len < n_room ? text.len : n_room - 1] = '\0';
	return (int)text.len;
}

int
format_text(char *room, size_t n_room, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = format_vtext(room, n_room, format, args);
	va_end(args);
	return n;
}
