/*
 * test_dkim_canon.c - canonical forms of fields and bodies: the examples of RFC 6376 3.4, and what lies at the edges
 */
#include "base/insist.h"
#include "policy/dkim/dkim_canon.h"
#include "tests/expect.h"

enum { ROOM_MAX_BYTES = 4 * 1024 * 1024 };

static void
gather(void *context, struct str bytes)
{
	insist(buf_append(context, bytes) == 0);
}

/* In pieces of so many bytes. */
static void
canon_body(enum dkim_canon canon, struct str text, size_t piece_bytes, struct buf *out)
{
	struct dkim_canon_body body;

	buf_clear(out);
	dkim_canon_body_begin(&body, canon, (struct dkim_sink){ gather, out });
	for (size_t at = 0; at < text.len; at += piece_bytes)
		dkim_canon_body_add(&body, str_sub(text, at, piece_bytes));
	dkim_canon_body_end(&body);
	expect_int(body.n_bytes, (int64_t)out->len);
}

static const struct body_row {
	const char	*name, *body, *simple, *relaxed;
} bodies[] = {
	{ "the body of RFC 6376 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
	{ "an empty body is a CRLF if simple, nothing if relaxed", "", "\r\n", "" },
	{ "so is one of a single CRLF", "\r\n", "\r\n", "" },
	{ "so is one of empty lines", "\r\n\r\n\r\n", "\r\n", "" },
	{ "lines of blanks are empty lines if relaxed", "a\r\n \r\n\t \r\n", "a\r\n \r\n\t \r\n", "a\r\n" },
	{ "a body of blanks is empty if relaxed", " \t", " \t\r\n", "" },
	{ "a last line without an end gets one", "a\r\nb", "a\r\nb\r\n", "a\r\nb\r\n" },
	{ "empty lines in the middle stay", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n" },
	{ "empty lines at the start stay", "\r\n\r\na\r\n", "\r\n\r\na\r\n", "\r\n\r\na\r\n" },
	{ "blanks at the start of a line become one", "a\r\n \t b\r\n", "a\r\n \t b\r\n", "a\r\n b\r\n" },
	{ "a lone LF is a byte", "a\nb \n\r\n", "a\nb \n\r\n", "a\nb \n\r\n" },
	{ "a lone CR is a byte, blanks before it stay", "a \rb\r\r\nc\r", "a \rb\r\r\nc\r\r\n", "a \rb\r\r\nc\r\r\n" },
	{ "a CR, blanks and a line end", "a\r \r\n", "a\r \r\n", "a\r\r\n" },
	{ "8-bit bytes and controls stay", "\xc3\xa4 \x80\xff\x01\x0b\x0c b\r\n", "\xc3\xa4 \x80\xff\x01\x0b\x0c b\r\n",
	  "\xc3\xa4 \x80\xff\x01\x0b\x0c b\r\n" },
	{ "a dot alone is a line like others", "a\r\n.\r\n..\r\n", "a\r\n.\r\n..\r\n", "a\r\n.\r\n..\r\n" },
	{ "words of eight and more bytes", "abcdefgh ijklmnopqrstuvwxyz  01234567\t89\r\n", "abcdefgh ijklmnopqrstuvwxyz  01234567\t89\r\n",
	  "abcdefgh ijklmnopqrstuvwxyz 01234567 89\r\n" },
};

static void
test_bodies(void)
{
	struct buf out;

	buf_init(&out, ROOM_MAX_BYTES);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body_row *row = &bodies[i];

		test_case("%s", row->name);
		for (size_t piece = 1; piece <= strlen(row->body) + 1; piece++) {
			canon_body(DKIM_SIMPLE, str_of(row->body), piece, &out);
			expect_str(buf_str(&out), str_of(row->simple));
			canon_body(DKIM_RELAXED, str_of(row->body), piece, &out);
			expect_str(buf_str(&out), str_of(row->relaxed));
		}
	}
	buf_fini(&out);
}

static void
test_long_bodies(void)
{
	struct buf text, out;

	buf_init(&text, ROOM_MAX_BYTES);
	buf_init(&out, ROOM_MAX_BYTES);
	test_case("a body of a line longer than the room stays what it is");
	for (int i = 0; i < 3 * DKIM_CANON_ROOM_BYTES; i++)
		buf_append_char(&text, (char)('!' + i % 90));
	buf_append(&text, STR("\r\n"));
	for (size_t piece = 1; piece < text.len; piece = piece * 3 + 1) {
		canon_body(DKIM_SIMPLE, buf_str(&text), piece, &out);
		expect_str(buf_str(&out), buf_str(&text));
		canon_body(DKIM_RELAXED, buf_str(&text), piece, &out);
		expect_str(buf_str(&out), buf_str(&text));
	}
	test_case("a million empty lines count only if something follows");
	buf_clear(&text);
	for (int i = 0; i < 1000 * 1000; i++)
		buf_append(&text, STR("\r\n"));
	canon_body(DKIM_RELAXED, buf_str(&text), 65536, &out);
	expect_int((int64_t)out.len, 0);
	buf_append(&text, STR("a\r\n"));
	canon_body(DKIM_RELAXED, buf_str(&text), 65536, &out);
	expect(str_eq(buf_str(&out), buf_str(&text)));
	buf_fini(&text);
	buf_fini(&out);
}

static const struct field_row {
	const char	*name, *field, *simple, *relaxed;
} fields[] = {
	{ "field A of RFC 6376 3.4.5", "A: X\r\n", "A: X\r\n", "a:X\r\n" },
	{ "field B of RFC 6376 3.4.5", "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },
	{ "a folded value is unfolded", "Subject: one\r\n  two\r\n\tthree\r\n", "Subject: one\r\n  two\r\n\tthree\r\n", "subject:one two three\r\n" },
	{ "a value that begins on the next line", "To:\r\n a@example.org\r\n", "To:\r\n a@example.org\r\n", "to:a@example.org\r\n" },
	{ "an empty value", "Cc:\r\n", "Cc:\r\n", "cc:\r\n" },
	{ "a value of blanks", "Cc: \t \r\n", "Cc: \t \r\n", "cc:\r\n" },
	{ "a value of folded blanks", "Cc: \r\n \r\n\t\r\n", "Cc: \r\n \r\n\t\r\n", "cc:\r\n" },
	{ "colons in the value", "X: a : b:c\r\n", "X: a : b:c\r\n", "x:a : b:c\r\n" },
	{ "bare LFs of a milter are line ends", "X: a\n\tb\n", "X: a\r\n\tb\r\n", "x:a b\r\n" },
	{ "a lone CR is a byte", "X: a\rb\r\n", "X: a\rb\r\n", "x:a\rb\r\n" },
	{ "a field without its line end gets one", "X: a", "X: a\r\n", "x:a\r\n" },
};

static void
test_fields(void)
{
	struct buf out;
	char text[3000];

	buf_init(&out, ROOM_MAX_BYTES);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field_row *row = &fields[i];

		test_case("%s", row->name);
		buf_clear(&out);
		dkim_canon_field(DKIM_SIMPLE, str_of(row->field), true, (struct dkim_sink){ gather, &out });
		expect_str(buf_str(&out), str_of(row->simple));
		buf_clear(&out);
		dkim_canon_field(DKIM_RELAXED, str_of(row->field), true, (struct dkim_sink){ gather, &out });
		expect_str(buf_str(&out), str_of(row->relaxed));
		buf_clear(&out);
		dkim_canon_field(DKIM_RELAXED, str_of(row->field), false, (struct dkim_sink){ gather, &out });
		expect_str(buf_str(&out), str_sub(str_of(row->relaxed), 0, strlen(row->relaxed) - 2));
	}
	test_case("a long name and a long value are whole");
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i == 1000 ? ':' : (char)('a' + i % 26);
	text[sizeof(text) - 1] = '\0';
	buf_clear(&out);
	dkim_canon_field(DKIM_RELAXED, str_of(text), false, (struct dkim_sink){ gather, &out });
	expect_str(buf_str(&out), str_of(text));
	buf_fini(&out);
}

static void
test_turns(void)
{
	struct str text = STR("A: 1\r\nb: 2\r\na: 3\r\nA : 4\r\n\r\n");
	const struct str names[] = { STR("A"), STR("c"), STR("b"), STR("a"), STR("A"), STR("a"), STR("a") };
	const int want[] = { 3, -1, 1, 2, 0, -1, -1 };
	struct header_section section;
	struct arena arena;
	int at, indexes[7];

	arena_init(&arena, ROOM_MAX_BYTES);
	test_case("a name that stands in h= again means the field above, and then none (RFC 6376 5.4.2)");
	expect_int(header_read(text, &arena, &section), 0);
	at = dkim_canon_field_before(&section, STR("a"), section.n_fields);
	expect_int(at, 3);
	at = dkim_canon_field_before(&section, STR("A"), at);
	expect_int(at, 2);
	at = dkim_canon_field_before(&section, STR("a"), at);
	expect_int(at, 0);
	at = dkim_canon_field_before(&section, STR("a"), at);
	expect_int(at, -1);
	expect_int(dkim_canon_field_before(&section, STR("a"), at), -1);
	expect_int(dkim_canon_field_before(&section, STR("c"), section.n_fields), -1);
	test_case("an h= as a whole means the same fields");
	dkim_canon_find_fields(&section, names, 7, indexes);
	for (int i = 0; i < 7; i++)
		expect_int(indexes[i], want[i]);
	arena_fini(&arena);
}

static void
test_words(void)
{
	static const struct {
		const char *value, *want;
	} words[] = {
		{ "simple", "simple/simple" }, { "relaxed", "relaxed/simple" }, { "Relaxed/RELAXED", "relaxed/relaxed" },
		{ "simple/relaxed", "simple/relaxed" }, { "simple/simple", "simple/simple" }, { "relaxed/simple", "relaxed/simple" },
		{ "", NULL }, { "/", NULL }, { "simple/", NULL }, { "/simple", NULL }, { "relaxed /simple", NULL }, { "nofws", NULL },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		enum dkim_canon header, body;

		test_case("c=%s %s", words[i].value, words[i].want != NULL ? "is read" : "is none that there is");
		if (!dkim_canon_read(str_of(words[i].value), &header, &body))
			expect(words[i].want == NULL);
		else if (expect(words[i].want != NULL))
			expect_text(dkim_canon_text(header, body), words[i].want);
	}
}

int
main(void)
{
	test_bodies();
	test_long_bodies();
	test_fields();
	test_turns();
	test_words();
	return test_end();
}
