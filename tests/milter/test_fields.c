/*
 * test_fields.c - header fields come from the milter protocol, and go back as changes
 */
#include "milter/fields.h"
#include "tests/expect.h"

enum { ROOM = 64 * 1024 };

static void
test_append(void)
{
	static const struct {
		const char *name, *field, *value, *want;
	} cases[] = {
		{ "a value stands as it stood behind the colon", "Subject", " hello  there ", "Subject: hello  there \r\n" },
		{ "no blank is added", "Subject", "hello", "Subject:hello\r\n" },
		{ "a value may be empty", "Subject", "", "Subject:\r\n" },
		{ "LF of a folding becomes CRLF", "To", " a@a.example,\n\tb@b.example", "To: a@a.example,\r\n\tb@b.example\r\n" },
		{ "CRLF of a folding stays", "To", " a@a.example,\r\n b@b.example", "To: a@a.example,\r\n b@b.example\r\n" },
		{ "a line of a value never becomes a field", "X", " a\nTo: x", "X: a\r\n To: x\r\n" },
		{ "a name is one, whatever stands in it", "a\nb:\x01\x80 c", "x", "a?b????c:x\r\n" },
		{ "nor the end of the header", "X", " a\n\nTo: x", "X: a\r\n \r\n To: x\r\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf section;

		test_case("%s", cases[i].name);
		buf_init(&section, ROOM);
		expect_int(fields_append(str_of(cases[i].field), str_of(cases[i].value), &section), 0);
		expect_str(buf_str(&section), str_of(cases[i].want));
		buf_fini(&section);
	}
}

static void
test_full(void)
{
	struct buf section;

	test_case("a field that does not fit leaves nothing behind");
	buf_init(&section, 20);
	expect_int(fields_append(STR("A"), STR(" 1"), &section), 0);
	expect_int(fields_append(STR("Subject"), STR(" much too long"), &section), -1);
	expect_str(buf_str(&section), STR("A: 1\r\n"));
	buf_fini(&section);
}

static void
test_removals(void)
{
	struct str text = STR("X-Class: 1\r\nA: x\r\nx-class: 2\r\nAuthentication-Results: us\r\nX-CLASS: 3\r\n\r\n");
	struct arena arena;
	struct header_section section;
	struct edits edits = { .removed = NULL };
	const struct field_removal *removals;

	arena_init(&arena, ROOM);
	test_case("removals go from the bottom up, counted among fields of the name in any case");
	expect_int(header_read(text, &arena, &section), 0);
	expect(edits_remove(&edits, &section, 0, &arena));
	expect(edits_remove(&edits, &section, 3, &arena));
	expect(edits_remove(&edits, &section, 4, &arena));
	removals = fields_removals(&section, &edits, &arena);
	if (expect(removals != NULL) && expect_int(edits.n_removed, 3)) {
		expect_text(removals[0].name, "X-CLASS");
		expect_int(removals[0].nth, 3);
		expect_text(removals[1].name, "Authentication-Results");
		expect_int(removals[1].nth, 1);
		expect_text(removals[2].name, "X-Class");
		expect_int(removals[2].nth, 1);
	}
	test_case("without removals the list is empty, and no failure");
	expect(fields_removals(&section, &(struct edits){ .removed = NULL }, &arena) != NULL);
	arena_fini(&arena);
}

static void
test_insertions(void)
{
	struct arena arena;
	const struct field_insertion *insertions;
	int n;

	arena_init(&arena, ROOM);
	test_case("inserted one by one at the top, fields come to stand in their order, folded by LF");
	insertions = fields_insertions(STR("DKIM-Signature: v=1;\r\n\tb=abc\r\nX-Class: list\r\n"), &arena, &n);
	if (expect(insertions != NULL) && expect_int(n, 2)) {
		expect_text(insertions[0].name, "X-Class");
		expect_text(insertions[0].value, " list");
		expect_text(insertions[1].name, "DKIM-Signature");
		expect_text(insertions[1].value, " v=1;\n\tb=abc");
	}
	test_case("of no text nothing is inserted");
	expect(fields_insertions(STR_EMPTY, &arena, &n) != NULL);
	expect_int(n, 0);
	arena_fini(&arena);
}

int
main(void)
{
	test_append();
	test_full();
	test_removals();
	test_insertions();
	return test_end();
}
