/*
 * quantity.c - spans of time and sizes as people write and read them
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/quantity.h"

#define N_OF(array)	(sizeof(array) / sizeof((array)[0]))

struct unit {
	struct str	 name;
	int64_t		 factor;
};

static const struct unit span_units[] = {
	{ STR("ms"), 1000000 }, { STR("s"), 1000000000 }, { STR("m"), 60000000000 },
	{ STR("h"), 3600000000000 }, { STR("d"), 86400000000000 },
};

static const struct unit size_units[] = {
	{ STR(""), 1 }, { STR("K"), 1 << 10 }, { STR("M"), 1 << 20 }, { STR("G"), 1 << 30 },
};

static bool
read_with_unit(struct str text, const struct unit *units, size_t n_units, int64_t *number_out)
{
	size_t n_digits = 0;
	uint64_t count;

	while (n_digits < text.len && text.at[n_digits] >= '0' && text.at[n_digits] <= '9')
		n_digits++;
	if (!str_to_u64(str_sub(text, 0, n_digits), &count) || count > INT64_MAX)
		return false;
	for (size_t i = 0; i < n_units; i++) {
		if (str_eq(str_from(text, n_digits), units[i].name))
			return !__builtin_mul_overflow((int64_t)count, units[i].factor, number_out);
	}
	return false;
}

bool
quantity_read_span(struct str text, struct span *span_out)
{
	return read_with_unit(text, span_units, N_OF(span_units), &span_out->ns);
}

bool
quantity_read_size(struct str text, int64_t *n_bytes_out)
{
	return read_with_unit(text, size_units, N_OF(size_units), n_bytes_out);
}

static struct str
text_with_unit(int64_t number, const struct unit *units, size_t n_units, char room[QUANTITY_TEXT_MAX])
{
	size_t i = n_units - 1;
	int len;

	insist(number >= 0);
	while (i > 0 && (number == 0 || number % units[i].factor != 0))
		i--;
	len = snprintf(room, QUANTITY_TEXT_MAX, "%lld%.*s", (long long)(number / units[i].factor), STR_ARG(units[i].name));
	return str_n(room, (size_t)len);
}

struct str
quantity_span_text(struct span span, char room[QUANTITY_TEXT_MAX])
{
	return text_with_unit(span.ns, span_units, N_OF(span_units), room);
}

struct str
quantity_size_text(int64_t n_bytes, char room[QUANTITY_TEXT_MAX])
{
	return text_with_unit(n_bytes, size_units, N_OF(size_units), room);
}
