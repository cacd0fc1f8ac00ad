/*
 * test_edits.c - fields that go, and the section that is left
 */
#include "mail/edits.h"
#include "tests/expect.h"

enum { ROOM_BYTES = 64 * 1024 };

static const char mail[] = "A: 1\r\nB: 2\r\n  folded\r\nA: 3\r\nC:\r\n\r\nbody";

static const struct row {
	const char	*name;
	int		 removed[5];	/* ends with -1 */
	const char	*want;		/* the fields that stay, byte for byte */
} rows[] = {
	{ "none goes", { -1 }, "A: 1\r\nB: 2\r\n  folded\r\nA: 3\r\nC:\r\n" },
	{ "the first", { 0, -1 }, "B: 2\r\n  folded\r\nA: 3\r\nC:\r\n" },
	{ "the last", { 3, -1 }, "A: 1\r\nB: 2\r\n  folded\r\nA: 3\r\n" },
	{ "a folded one goes whole", { 1, -1 }, "A: 1\r\nA: 3\r\nC:\r\n" },
	{ "two of one name, in any order", { 2, 0, -1 }, "B: 2\r\n  folded\r\nC:\r\n" },
	{ "one that was told twice goes once", { 2, 2, -1 }, "A: 1\r\nB: 2\r\n  folded\r\nC:\r\n" },
	{ "all go", { 0, 1, 2, 3, -1 }, "" },
};

static void
expect_fields(const struct header_section *section, const char *want)
{
	struct buf got;

	buf_init(&got, ROOM_BYTES);
	for (int i = 0; i < section->n_fields; i++)
		buf_append(&got, section->fields[i].whole);
	expect_str(buf_str(&got), str_of(want));
	expect_int((int64_t)section->header_bytes, (int64_t)strlen(want));
	buf_fini(&got);
}

static void
test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct header_section section, edited;
		struct edits edits = { .n_removed = 0 };
		struct arena arena;
		int n_told = 0;

		test_case("%s", rows[i].name);
		arena_init(&arena, ROOM_BYTES);
		expect_int(header_read(str_of(mail), &arena, &section), 0);
		while (rows[i].removed[n_told] >= 0)
			expect(edits_remove(&edits, &section, rows[i].removed[n_told++], &arena));
		expect(edits_apply(&edits, &section, &arena, &edited));
		expect_fields(&edited, rows[i].want);
		expect_int(edited.n_fields, section.n_fields - edits.n_removed);
		expect_int((int64_t)edited.body_at, (int64_t)section.body_at);
		expect(edited.has_empty_line && !edited.is_cut);
		expect_fields(&section, rows[0].want);	/* the one edited stays as it was */
		arena_fini(&arena);
	}
}

static void
test_added(void)
{
	static const struct header_field added[] = { { STR("X"), STR(" 1"), STR("X: 1\r\n") }, { STR("A"), STR(" 0"), STR("A: 0\r\n") } };
	struct header_section section, edited;
	struct edits edits = { .added = added, .n_added = 2 };
	struct arena arena, small;

	arena_init(&arena, ROOM_BYTES);
	arena_init(&small, 1);
	expect_int(header_read(str_of(mail), &arena, &section), 0);
	test_case("fields that come stand on top, in their order");
	expect(edits_apply(&edits, &section, &arena, &edited));
	expect_fields(&edited, "X: 1\r\nA: 0\r\nA: 1\r\nB: 2\r\n  folded\r\nA: 3\r\nC:\r\n");
	expect_int((int64_t)edited.body_at, (int64_t)section.body_at);
	test_case("also where others of the name go");
	expect(edits_remove(&edits, &section, 0, &arena) && edits_remove(&edits, &section, 2, &arena));
	expect(edits_apply(&edits, &section, &arena, &edited));
	expect_fields(&edited, "X: 1\r\nA: 0\r\nB: 2\r\n  folded\r\nC:\r\n");
	expect(!edits_apply(&edits, &section, &small, &edited));
	arena_fini(&small);
	arena_fini(&arena);
}

static void
test_limit(void)
{
	struct header_section section, edited;
	struct edits edits = { .n_removed = 0 };
	struct arena arena, small;

	test_case("at the arena's limit both say so, and what was told is not half told");
	arena_init(&arena, ROOM_BYTES);
	arena_init(&small, 1);
	expect_int(header_read(str_of(mail), &arena, &section), 0);
	expect(!edits_remove(&edits, &section, 0, &small));
	expect_int(edits.n_removed, 0);
	expect(edits_apply(&edits, &section, &small, &edited));	/* nothing to do needs no room */
	expect(edits_remove(&edits, &section, 0, &arena));
	expect(!edits_apply(&edits, &section, &small, &edited));
	arena_fini(&small);
	arena_fini(&arena);
}

int
main(void)
{
	test_rows();
	test_added();
	test_limit();
	return test_end();
}
