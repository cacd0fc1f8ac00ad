/*
 * show.c - texts, numbers, sizes and times of an answer
 */
#include <stdio.h>
#include <string.h>

#include "base/code.h"
#include "smtpfwd/ctl/show.h"

const char *
show_text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "";
}

long long
show_number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

void
show_safe(const char *s, FILE *out)
{
	struct str rest = str_of(s);
	char room[ESCAPED_MAX_BYTES];

	while (rest.len > 0) {
		struct str before = rest, shown = escape_next(&rest, true, room);

		if (shown.at == before.at || *before.at == '\\')
			fwrite(before.at, 1, before.len - rest.len, out);
		else
			putc('?', out);
	}
}

void
show_member(const char *before, const json_t *object, const char *key)
{
	fputs(before, stdout);
	show_safe(show_text(object, key), stdout);
}

void
show_size(long long n_bytes)
{
	if (n_bytes < 10 * 1024)
		printf("%lld B", n_bytes);
	else if (n_bytes < 10 * 1024 * 1024)
		printf("%lld KB", n_bytes / 1024);
	else
		printf("%lld MB", n_bytes / (1024 * 1024));
}

void
show_time(const char *iso)
{
	char text[20] = "-";

	if (strlen(iso) >= 19)
		snprintf(text, sizeof(text), "%.10s %.8s", iso, iso + 11);
	show_safe(text, stdout);
}
