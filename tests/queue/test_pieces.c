/*
 * test_pieces.c - bytes that grow without being moved
 */
#include "base/buf.h"
#include "smtpfwd/queue/pieces.h"
#include "tests/expect.h"

enum { BYTES_MAX = 1024 * 1024 };

static void
fill(struct buf *bytes, size_t n_bytes)
{
	buf_clear(bytes);
	for (size_t i = 0; i < n_bytes; i++)
		expect_int(buf_append_char(bytes, (char)(i * 31 + i / 251)), 0);
}

static void
append_by(struct pieces *pieces, struct str bytes, size_t n_at_once)
{
	while (bytes.len > 0) {
		pieces_append(pieces, str_sub(bytes, 0, n_at_once));
		bytes = str_from(bytes, n_at_once);
	}
}

/* By pieces_from and by what is written to the disk. */
static void
expect_whole(const struct pieces *pieces, struct str want)
{
	struct buf got;

	buf_init(&got, BYTES_MAX);
	for (struct str next; (next = pieces_from(pieces, got.len)).len > 0;)
		expect_int(buf_append(&got, next), 0);
	expect_str(buf_str(&got), want);
	buf_clear(&got);
	for (int i = 0; i < pieces->n_used; i++)
		expect_int(buf_append(&got, str_n(pieces->at[i].iov_base, pieces->at[i].iov_len)), 0);
	expect_str(buf_str(&got), want);
	expect_int((int64_t)pieces->len, (int64_t)want.len);
	buf_fini(&got);
}

int
main(void)
{
	static const size_t sizes[] = { 0, 1, 2047, 2048, 2049, 4096, 65536, 65537, 200 * 1000, 700 * 1000 };
	static const size_t steps[] = { 1, 7, 1000, 65536, BYTES_MAX };
	struct buf bytes;

	buf_init(&bytes, BYTES_MAX);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		test_case("%zu bytes are there as they came", sizes[i]);
		fill(&bytes, sizes[i]);
		for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			struct pieces pieces = { .len = 0 };

			append_by(&pieces, buf_str(&bytes), steps[j]);
			expect_whole(&pieces, buf_str(&bytes));
			expect(pieces.cap <= 2 * pieces.len + 64 * 1024);
			pieces_clear(&pieces);
			expect_whole(&pieces, STR_EMPTY);
			append_by(&pieces, str_from(buf_str(&bytes), sizes[i] / 3), steps[j] + 1);
			expect_whole(&pieces, str_from(buf_str(&bytes), sizes[i] / 3));
			pieces_fini(&pieces);
		}
	}
	test_case("what is there is not moved when more comes");
	{
		struct pieces pieces = { .len = 0 };
		const char *first;

		pieces_append(&pieces, STR("first"));
		first = pieces_from(&pieces, 0).at;
		append_by(&pieces, buf_str(&bytes), 3000);
		expect(pieces_from(&pieces, 0).at == first);
		pieces_fini(&pieces);
	}
	test_case("a small mail takes little");
	{
		struct pieces pieces = { .len = 0 };

		append_by(&pieces, str_sub(buf_str(&bytes), 0, 4096), 300);
		expect(pieces.cap <= 8192);
		pieces_fini(&pieces);
	}
	buf_fini(&bytes);
	return test_end();
}
