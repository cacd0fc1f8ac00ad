/*
 * test_header.c - header sections as they come, whole or cut
 */
#include "mail/header.h"
#include "tests/expect.h"

static const struct {
	const char	*name, *text;
	const char	*fields;		/* "name|value|" each */
	int		 header_bytes, body_at;
	bool		 has_empty_line, is_cut;
} sections[] = {
	{ "two fields and a body", "A: 1\r\nB: 2\r\n\r\nbody\r\n", "A| 1|B| 2|", 12, 14, true, false },
	{ "folding is kept", "A: 1\r\n 2\r\n\t3\r\nB:4\r\n\r\n", "A| 1\r\n 2\r\n\t3|B|4|", 19, 21, true, false },
	{ "LF lines", "A: 1\n 2\nB: 3\n\nx", "A| 1\n 2|B| 3|", 13, 14, true, false },
	{ "blanks before the colon (RFC 5322 4.5)", "A \t: 1\r\n\r\n", "A| 1|", 8, 10, true, false },
	{ "an empty value", "A:\r\n\r\n", "A||", 4, 6, true, false },
	{ "a colon in the value", "A: b:c\r\n\r\n", "A| b:c|", 8, 10, true, false },
	{ "nothing", "", "", 0, 0, false, true },
	{ "only an empty line", "\r\n", "", 0, 2, true, false },
	{ "no empty line: a line that is no field ends it", "A: 1\r\nbody text\r\n", "A| 1|", 6, 6, false, false },
	{ "a line of blanks continues", "A: 1\r\n \r\nB: 2\r\n\r\n", "A| 1\r\n |B| 2|", 15, 17, true, false },
	{ "a blank first is no field", " A: 1\r\n\r\n", "", 0, 0, false, false },
	{ "a name with a blank inside is none", "A B: 1\r\n\r\n", "", 0, 0, false, false },
	{ "an mbox From line is none", "From a@b Sat Nov 21\r\nA: 1\r\n", "", 0, 0, false, false },
	{ "no name", ": 1\r\n\r\n", "", 0, 0, false, false },
	{ "an 8-bit name is none", "\xc3\xa4: 1\r\n", "", 0, 0, false, false },
	{ "cut behind a field", "A: 1\r\n", "A| 1|", 6, 6, false, true },
	{ "cut inside a value", "A: 1\r\nB: 2", "A| 1|B| 2|", 10, 10, false, true },
	{ "cut inside a name", "A: 1\r\nBcc", "A| 1|", 6, 6, false, true },
	{ "cut inside the empty line", "A: 1\r\n\r", "A| 1|", 6, 6, false, true },
};

static void
show(const struct header_section *section, struct buf *out)
{
	buf_clear(out);
	for (int i = 0; i < section->n_fields; i++) {
		buf_printf(out, "%.*s|%.*s|", STR_ARG(section->fields[i].name),
		    STR_ARG(section->fields[i].value));
	}
}

static void
test_sections(void)
{
	struct header_section section;
	struct arena arena;
	struct buf out;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		test_case("section: %s", sections[i].name);
		if (!expect_int(header_read(str_of(sections[i].text), &arena, &section), 0))
			continue;
		show(&section, &out);
		expect_str(buf_str(&out), str_of(sections[i].fields));
		expect_int((int64_t)section.header_bytes, sections[i].header_bytes);
		expect_int((int64_t)section.body_at, sections[i].body_at);
		expect_int(section.has_empty_line, sections[i].has_empty_line);
		expect_int(section.is_cut, sections[i].is_cut);
	}
	buf_fini(&out);
	arena_fini(&arena);
}

static void
test_fields(void)
{
	const struct str text = STR("Received: a\r\nSubject: x\r\nRECEIVED: b\r\n c\r\nreceived : d\r\nReceived-SPF: e\r\n\r\n");
	struct header_section section;
	struct arena arena;
	struct buf out;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 100);
	test_case("fields are found and counted without case, by the whole name");
	expect_int(header_read(text, &arena, &section), 0);
	expect_int(header_count(&section, STR("Received")), 3);
	expect_int(header_find(&section, STR("received"), 0), 0);
	expect_int(header_find(&section, STR("received"), 1), 2);
	expect_int(header_find(&section, STR("Receive"), 0), -1);
	expect_str(section.fields[2].whole, STR("RECEIVED: b\r\n c\r\n"));

	test_case("a field's name is printable ASCII without blanks and colons");
	expect(header_is_field_name(STR("X-Traffic-Class")));
	expect(header_is_field_name(STR("!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~")));
	expect(!header_is_field_name(STR("")));
	expect(!header_is_field_name(STR("a b")));
	expect(!header_is_field_name(STR("a\tb")));
	expect(!header_is_field_name(STR("a:")));
	expect(!header_is_field_name(STR("a\x7f")));
	expect(!header_is_field_name(STR("gr\xc3\xbcn")));

	test_case("a value is unfolded");
	expect_int(header_unfold(section.fields[2].value, &out), 0);
	expect_str(buf_str(&out), STR("b c"));
	buf_clear(&out);
	expect_int(header_unfold(STR(" a\r\n\tb\n  c \r\n "), &out), 0);
	expect_str(buf_str(&out), STR("a\tb  c"));
	buf_clear(&out);
	expect_int(header_unfold(STR(" \r\n "), &out), 0);
	expect_int((int64_t)out.len, 0);
	buf_fini(&out);
	arena_fini(&arena);
}

static void
test_bounds(void)
{
	struct header_section section;
	struct arena arena;
	struct buf text;

	arena_init(&arena, 1 << 20);
	buf_init(&text, 1 << 20);
	test_case("4000 fields are read, one more is refused");
	for (int i = 0; i < HEADER_FIELDS_MAX; i++)
		buf_append(&text, STR("A:\n"));
	expect_int(header_read(buf_str(&text), &arena, &section), 0);
	expect_int(section.n_fields, HEADER_FIELDS_MAX);
	buf_append(&text, STR("A:\n"));
	expect_int(header_read(buf_str(&text), &arena, &section), -1);
	test_case("an arena that is too small is told");
	arena_fini(&arena);
	arena_init(&arena, 100);
	expect_int(header_read(STR("A: 1\r\nB: 1\r\nC: 1\r\n\r\n"), &arena, &section), -1);
	buf_fini(&text);
	arena_fini(&arena);
}

static void
test_mailbox_line(void)
{
	static const struct { const char *name, *mail, *want; } cases[] = {
		{ "a line that parts mails in a mailbox file becomes a field", "From a@b Sat\r\nA: 1\r\n", "X-Mailbox-Line: From a@b Sat\r\nA: 1\r\n" },
		{ "so does one that was marked", ">>from a\r\n", "X-Mailbox-Line: >>from a\r\n" },
		{ "one without a name is none", "From \r\n", NULL },
		{ "a field is left", "From: a@b\r\n", NULL },
		{ "a field with a blank before its colon, too", "From  : a@b\r\n", NULL },
		{ "and one of a longer name", "From-x: a@b\r\n", NULL },
		{ "the line is on top or nowhere", "A: 1\r\nFrom a@b\r\n", NULL },
		{ "an empty mail is left", "", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf mail;

		test_case("%s", cases[i].name);
		buf_init(&mail, strlen(cases[i].mail));
		expect_int(buf_append(&mail, str_of(cases[i].mail)), 0);
		header_name_mailbox_line(&mail);
		expect_str(buf_str(&mail), str_of(cases[i].want != NULL ? cases[i].want : cases[i].mail));
		buf_fini(&mail);
	}
}

int
main(void)
{
	test_sections();
	test_fields();
	test_bounds();
	test_mailbox_line();
	return test_end();
}
