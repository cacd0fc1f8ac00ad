/*
 * test_quantity.c - spans and sizes as people write them, and back
 */
#include "base/quantity.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static const struct row {
	const char	*text;
	int64_t		 want;		/* ms, bytes; -1: it is none */
	const char	*back;		/* NULL: as it was */
} spans[] = {
	{ "0ms", 0, NULL }, { "1ms", 1, NULL }, { "1000ms", 1000, "1s" }, { "90s", 90000, NULL }, { "120s", 120000, "2m" }, { "0d", 0, "0ms" },
	{ "61m", 3660000, NULL }, { "24h", 86400000, "1d" }, { "30d", INT64_C(2592000000), NULL }, { "106751d", INT64_C(9223286400000), NULL },
	{ "106752d", -1, NULL }, { "99999999999999999999s", -1, NULL }, { "1", -1, NULL }, { "s", -1, NULL }, { "", -1, NULL }, { "1 s", -1, NULL },
	{ "-1s", -1, NULL }, { "1.5h", -1, NULL }, { "1H", -1, NULL }, { "1h5m", -1, NULL }, { "1w", -1, NULL },
}, sizes[] = {
	{ "0", 0, NULL }, { "1", 1, NULL }, { "1000", 1000, NULL }, { "1024", 1024, "1K" }, { "1025", 1025, NULL }, { "10M", 10485760, NULL },
	{ "3072M", INT64_C(3221225472), "3G" }, { "0K", 0, "0" }, { "8589934592G", -1, NULL }, { "1k", -1, NULL }, { "1KB", -1, NULL }, { "", -1, NULL }, { "M", -1, NULL },
};

int
main(void)
{
	char room[QUANTITY_TEXT_MAX];
	struct span span;
	int64_t n_bytes;

	for (int i = 0; i < N_OF(spans); i++) {
		test_case("span \"%s\"", spans[i].text);
		expect_int(quantity_read_span(str_of(spans[i].text), &span) ? span_to_ms(span) : -1, spans[i].want);
		if (spans[i].want >= 0)
			expect_str(quantity_span_text(span_ms(spans[i].want), room), str_of(spans[i].back != NULL ? spans[i].back : spans[i].text));
	}
	for (int i = 0; i < N_OF(sizes); i++) {
		test_case("size \"%s\"", sizes[i].text);
		expect_int(quantity_read_size(str_of(sizes[i].text), &n_bytes) ? n_bytes : -1, sizes[i].want);
		if (sizes[i].want >= 0)
			expect_str(quantity_size_text(sizes[i].want, room), str_of(sizes[i].back != NULL ? sizes[i].back : sizes[i].text));
	}
	return test_end();
}
