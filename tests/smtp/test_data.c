/*
 * test_data.c - mail data from the wire and back, smuggling and every way to split it
 */
#include <stdlib.h>

#include "base/buf.h"
#include "smtpfwd/smtp/data.h"
#include "tests/expect.h"

enum outcome { MORE, END, REFUSED };

static const struct vector {
	const char	*name;
	struct str	 wire;
	enum data_kind	 kind;
	enum data_line_ends line_ends;
	enum outcome	 want;		/* END: *rest is left behind it; REFUSED: at END or MORE alike */
	struct str	 content, rest;
	unsigned	 found;
} vectors[] = {
#define W(text)	{ text, sizeof(text) - 1 }
#define STRICT	DATA_DOTTED, DATA_LINE_ENDS_STRICT
#define REPAIR	DATA_DOTTED, DATA_LINE_ENDS_REPAIR
#define COUNTED	DATA_COUNTED, DATA_LINE_ENDS_STRICT
#define CREPAIR	DATA_COUNTED, DATA_LINE_ENDS_REPAIR
#define BARE_CR	DATA_FOUND_BARE_CR
#define BARE_LF	DATA_FOUND_BARE_LF
	{ "a plain mail", W("A: b\r\n\r\nhello\r\n.\r\n"), STRICT, END, W("A: b\r\n\r\nhello\r\n"), W(""), 0 },
	{ "no content at all", W(".\r\n"), STRICT, END, W(""), W(""), 0 },
	{ "what follows is not content", W("a\r\n.\r\nQUIT\r\n"), STRICT, END, W("a\r\n"), W("QUIT\r\n"), 0 },
	{ "a stuffed dot goes (RFC 5321 4.5.2)", W("..a\r\n.b\r\n...\r\n.\r\n"), STRICT, END, W(".a\r\nb\r\n..\r\n"), W(""), 0 },
	{ "a lone stuffed dot stays one", W("..\r\n.\r\n"), STRICT, END, W(".\r\n"), W(""), 0 },
	{ "dots inside of lines stay", W("a.\r\na.b..\r\n.\r\n"), STRICT, END, W("a.\r\na.b..\r\n"), W(""), 0 },
	{ "empty lines", W("\r\n\r\n.\r\n"), STRICT, END, W("\r\n\r\n"), W(""), 0 },
	{ "no end yet", W("a\r\n"), STRICT, MORE, W("a\r\n"), W(""), 0 },
	{ "a dot is held back", W("a\r\n."), STRICT, MORE, W("a\r\n"), W(""), 0 },
	{ "a dot and CR are held back", W("a\r\n.\r"), STRICT, MORE, W("a\r\n"), W(""), 0 },
	{ "a CR is held back", W("a\r"), STRICT, MORE, W("a"), W(""), 0 },

	{ "LF . LF", W("a\n.\nMAIL\r\n.\r\n"), STRICT, REFUSED, W("a"), W(""), BARE_LF },
	{ "LF . CRLF", W("a\n.\r\nMAIL\r\n.\r\n"), STRICT, REFUSED, W("a"), W(""), BARE_LF },
	{ "CRLF . LF", W("a\r\n.\nMAIL\r\n.\r\n"), STRICT, REFUSED, W("a\r\n"), W(""), BARE_LF },
	{ "CR . CR", W("a\r.\rMAIL\r\n.\r\n"), STRICT, REFUSED, W("a"), W(""), BARE_CR },
	{ "CRLF . CR", W("a\r\n.\rMAIL\r\n.\r\n"), STRICT, REFUSED, W("a\r\n"), W(""), BARE_CR },
	{ "CR . CRLF", W("a\r.\r\nMAIL\r\n.\r\n"), STRICT, REFUSED, W("a"), W(""), BARE_CR },
	{ "CR CRLF . CRLF is no end", W("a\r\r\n.\r\n"), STRICT, REFUSED, W("a"), W(""), BARE_CR },
	{ "CRLF . CR CRLF", W("a\r\n.\r\r\nMAIL\r\n.\r\n"), STRICT, REFUSED, W("a\r\n"), W(""), BARE_CR },
	{ "CRLF . CRLF with a NUL inside", W("a\r\n.\0\r\nMAIL\r\n.\r\n"), STRICT, END, W("a\r\n\0\r\nMAIL\r\n"), W(""), DATA_FOUND_NUL },
	{ "LF CR", W("a\n\rb\r\n.\r\n"), STRICT, REFUSED, W("a"), W(""), BARE_LF | BARE_CR },
	{ "an LF first", W("\na\r\n.\r\n"), STRICT, REFUSED, W(""), W(""), BARE_LF },
	{ "an LF dot first", W("\n.\r\n.\r\n"), STRICT, REFUSED, W(""), W(""), BARE_LF },
	{ "a CR first", W("\ra\r\n.\r\n"), STRICT, REFUSED, W(""), W(""), BARE_CR },

	{ "repair: LF", W("a\nb\r\n.\r\n"), REPAIR, END, W("a\r\nb\r\n"), W(""), BARE_LF },
	{ "repair: CR", W("a\rb\r\n.\r\n"), REPAIR, END, W("a\r\nb\r\n"), W(""), BARE_CR },
	{ "repair: LF . LF is content", W("a\n.\nb\r\n.\r\nQ"), REPAIR, END, W("a\r\n.\r\nb\r\n"), W("Q"), BARE_LF },
	{ "repair: LF . CRLF is content", W("a\n.\r\nb\r\n.\r\nQ"), REPAIR, END, W("a\r\n.\r\nb\r\n"), W("Q"), BARE_LF },
	{ "repair: CRLF . LF is an empty line", W("a\r\n.\nb\r\n.\r\nQ"), REPAIR, END, W("a\r\n\r\nb\r\n"), W("Q"), BARE_LF },
	{ "repair: CR . CR is content", W("a\r.\rb\r\n.\r\nQ"), REPAIR, END, W("a\r\n.\r\nb\r\n"), W("Q"), BARE_CR },
	{ "repair: CRLF . CR", W("a\r\n.\rb\r\n.\r\nQ"), REPAIR, END, W("a\r\n\r\nb\r\n"), W("Q"), BARE_CR },
	{ "repair: CR CRLF", W("a\r\r\n.\r\nQ"), REPAIR, END, W("a\r\n\r\n"), W("Q"), BARE_CR },
	{ "repair: a dot behind LF is not stuffing", W("a\n..b\r\n.\r\n"), REPAIR, END, W("a\r\n..b\r\n"), W(""), BARE_LF },
	{ "repair: CRLF . CR CRLF is not the end", W("a\r\n.\r\r\nb\r\n.\r\n"), REPAIR, END, W("a\r\n\r\n\r\nb\r\n"), W(""), BARE_CR },

	{ "BDAT: dots are content", W(".a\r\n.\r\n..\r\n"), COUNTED, MORE, W(".a\r\n.\r\n..\r\n"), W(""), 0 },
	{ "BDAT: no line end last", W("a\r\nb"), COUNTED, MORE, W("a\r\nb"), W(""), 0 },
	{ "BDAT: LF", W("a\n.\r\n"), COUNTED, REFUSED, W("a"), W(""), BARE_LF },
	{ "BDAT: CR", W("a\r.\r\n"), COUNTED, REFUSED, W("a"), W(""), BARE_CR },
	{ "BDAT: CR last", W("a\r\nb\r"), COUNTED, REFUSED, W("a\r\nb"), W(""), BARE_CR },
	{ "BDAT repair: LF and CR", W("a\n.\rb\r\n"), CREPAIR, MORE, W("a\r\n.\r\nb\r\n"), W(""), BARE_LF | BARE_CR },
	{ "BDAT repair: CR last", W("a\r"), CREPAIR, MORE, W("a\r\n"), W(""), BARE_CR },

	{ "8-bit is seen", W("a\r\n\xc3\xa4\r\n.\r\n"), STRICT, END, W("a\r\n\xc3\xa4\r\n"), W(""), DATA_FOUND_8BIT },
	{ "8-bit behind the end is not", W("a\r\n.\r\n\xc3\0"), STRICT, END, W("a\r\n"), W("\xc3\0"), 0 },
	{ "NUL is seen", W("a\0b\r\n.\r\n"), STRICT, END, W("a\0b\r\n"), W(""), DATA_FOUND_NUL },
};

struct result {
	enum outcome	 outcome;
	struct buf	 content;
	struct str	 rest;
	unsigned	 found;
};

/* Runs over the wire split at the given places (ascending). */
static void
run(const struct data_settings *settings, struct str wire, const size_t *cuts, int n_cuts, struct result *out)
{
	struct data_decoder d;
	enum data_step step = DATA_MORE;
	struct str span;
	size_t from = 0;

	data_decoder_init(&d, settings);
	buf_clear(&out->content);
	out->rest = STR_EMPTY;
	for (int i = 0; i <= n_cuts && step != DATA_END; i++) {
		size_t to = i < n_cuts ? cuts[i] : wire.len;
		size_t n = to - from;
		char *chunk = malloc(n + 1);		/* ASAN watches both ends */
		struct str input = str_n(chunk + 1, n);

		memcpy(chunk + 1, wire.at + from, n);
		while ((step = data_decode(&d, &input, &span)) == DATA_SPAN)
			buf_append(&out->content, span);
		from = to - input.len;
		free(chunk);
	}
	if (step == DATA_END)
		out->rest = str_from(wire, from);
	if (step == DATA_MORE && settings->kind == DATA_COUNTED && data_decode_finish(&d, &span))
		buf_append(&out->content, span);
	out->found = d.found;
	out->outcome = data_is_refused(&d) ? REFUSED : step == DATA_END ? END : MORE;
	expect_int((int64_t)d.n_bytes, (int64_t)out->content.len);
}

static bool
is_as_wanted(const struct vector *v, const struct result *got)
{
	return expect_int(got->outcome, v->want) && expect_str(buf_str(&got->content), v->content) &&
	    (v->want == REFUSED || expect_str(got->rest, v->rest)) && expect_int(got->found, v->found);
}

static void
test_vectors(void)
{
	struct result got = { .outcome = MORE };

	buf_init(&got.content, 1 << 20);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct data_settings settings = { .kind = v->kind, .line_ends = v->line_ends };
		size_t all[64];
		bool is_good;

		test_case("data: %s, however it is split", v->name);
		run(&settings, v->wire, NULL, 0, &got);
		is_good = is_as_wanted(v, &got);
		for (size_t a = 0; is_good && a <= v->wire.len; a++) {
			for (size_t b = a; is_good && b <= v->wire.len; b++) {
				run(&settings, v->wire, (size_t[]){ a, b }, 2, &got);
				is_good = is_as_wanted(v, &got);
			}
		}
		for (size_t a = 0; a < v->wire.len && a < 64; a++)
			all[a] = a;
		run(&settings, v->wire, all, v->wire.len < 64 ? (int)v->wire.len : 64, &got);
		is_as_wanted(v, &got);
	}
	buf_fini(&got.content);
}

/* The same behind fillings of all lengths, so that every place within a block of the scan is met. */
static void
test_alignments(void)
{
	struct result got = { .outcome = MORE };
	struct buf wire, content;

	buf_init(&got.content, 1 << 20);
	buf_init(&wire, 1 << 20);
	buf_init(&content, 1 << 20);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct data_settings settings = { .kind = v->kind, .line_ends = v->line_ends };
		bool is_good = true;

		test_case("data: %s, behind 1 to 200 bytes of other lines", v->name);
		for (size_t n = 1; is_good && n <= 200; n++) {
			struct vector shifted = *v;
			size_t at = n > 64 ? n - 30 : n / 2;

			buf_clear(&wire);
			for (size_t k = 0; k < n; k++)
				buf_append_char(&wire, 'x');
			buf_append(&wire, STR("\r\n"));
			buf_clear(&content);
			buf_append(&content, buf_str(&wire));
			buf_append(&wire, v->wire);
			buf_append(&content, v->content);
			shifted.content = buf_str(&content);
			run(&settings, buf_str(&wire), NULL, 0, &got);
			is_good = is_as_wanted(&shifted, &got);
			run(&settings, buf_str(&wire), &at, 1, &got);
			is_good = is_good && is_as_wanted(&shifted, &got);
		}
	}
	buf_fini(&content);
	buf_fini(&wire);
	buf_fini(&got.content);
}

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What data.c must do, byte by byte and without states for chunks: the whole wire is at hand. */
static void
reference(const struct data_settings *settings, struct str wire, struct result *out)
{
	bool is_strict = settings->line_ends == DATA_LINE_ENDS_STRICT, is_line_start = true, is_bad = false;
	size_t line = 0, at = 0;

	buf_clear(&out->content);
	out->outcome = MORE;
	out->rest = STR_EMPTY;
	out->found = 0;
	while (at < wire.len) {
		struct str left = str_from(wire, at);
		char c = wire.at[at];
		struct str put = str_n(&wire.at[at], 1);
		bool was_line_start = is_line_start;

		if (settings->kind == DATA_DOTTED && was_line_start && c == '.') {
			is_line_start = false;
			if (str_starts(left, STR(".\r\n"))) {
				out->outcome = END;
				out->rest = str_from(left, 3);
				break;
			}
			if (str_eq(left, STR(".\r")) )
				break;
			at++;
			continue;
		}
		is_line_start = false;
		if (str_starts(left, STR("\r\n"))) {
			put = STR("\r\n");
			is_line_start = true;
			at += 2;
		} else if (c == '\r' && left.len == 1 && settings->kind == DATA_DOTTED) {
			break;
		} else if (c == '\r' || c == '\n') {
			out->found |= c == '\r' ? BARE_CR : BARE_LF;
			is_bad = is_bad || is_strict;
			put = STR("\r\n");
			at++;
		} else {
			out->found |= (c == '\0' ? DATA_FOUND_NUL : 0) | ((unsigned char)c >= 0x80 ? DATA_FOUND_8BIT : 0);
			at++;
		}
		if (is_bad)
			continue;
		buf_append(&out->content, put);
		line += put.len;
		if (settings->line_max_bytes != 0 && line > settings->line_max_bytes)
			out->found |= DATA_FOUND_LONG_LINE;
		line = put.len == 2 ? 0 : line;
	}
	if (is_bad)
		out->outcome = REFUSED;
}

static void
random_wire(uint64_t *state, struct buf *wire)
{
	static const char odd[] = "\r\n.\r\n..\0\xe4" "a\r\n\r\n";
	size_t n = next_random(state) % 700, odds = next_random(state) % 12;

	buf_clear(wire);
	while (wire->len < n) {
		if (odds > 0 && next_random(state) % odds == 0)
			buf_append_char(wire, odd[next_random(state) % (sizeof(odd) - 1)]);
		else if (next_random(state) % 40 == 0)
			buf_append(wire, STR("\r\n"));
		else
			buf_append_char(wire, 'x');
	}
	if (next_random(state) % 2 == 0)
		buf_append(wire, STR("\r\n.\r\nNOOP\r\n"));
}

static void
test_random(void)
{
	struct result got = { .outcome = MORE }, want = { .outcome = MORE };
	uint64_t state = 88172645463325252u;
	struct buf wire;
	bool is_good = true;

	buf_init(&got.content, 1 << 20);
	buf_init(&want.content, 1 << 20);
	buf_init(&wire, 1 << 20);
	test_case("random data in random pieces gives what a byte-by-byte reading gives");
	for (int round = 0; is_good && round < 20000; round++) {
		struct data_settings settings = {
			.kind = next_random(&state) % 3 == 0 ? DATA_COUNTED : DATA_DOTTED,
			.line_ends = next_random(&state) % 2 == 0 ? DATA_LINE_ENDS_STRICT : DATA_LINE_ENDS_REPAIR,
			.line_max_bytes = next_random(&state) % 2 == 0 ? 0 : 64 + next_random(&state) % 100,
		};
		size_t cuts[8];
		int n_cuts = (int)(next_random(&state) % 8);

		random_wire(&state, &wire);
		for (int i = 0; i < n_cuts; i++)
			cuts[i] = next_random(&state) % (wire.len + 1);
		for (int i = 0; i < n_cuts; i++) {
			for (int j = i + 1; j < n_cuts; j++) {
				size_t least = cuts[i] < cuts[j] ? cuts[i] : cuts[j];

				cuts[j] = cuts[i] < cuts[j] ? cuts[j] : cuts[i];
				cuts[i] = least;
			}
		}
		run(&settings, buf_str(&wire), cuts, n_cuts, &got);
		reference(&settings, buf_str(&wire), &want);
		is_good = expect_int(got.outcome, want.outcome) &&
		    expect_str(buf_str(&got.content), buf_str(&want.content)) && expect_str(got.rest, want.rest);
		/* a refused mail's other findings may stop with it */
		if (is_good && want.outcome != REFUSED)
			is_good = expect_int(got.found, want.found);
		if (!is_good)
			expect_str(buf_str(&wire), STR("(the wire)"));
	}
	buf_fini(&wire);
	buf_fini(&want.content);
	buf_fini(&got.content);
}

static void
test_line_lengths(void)
{
	static const struct {
		size_t		 n_bytes, max;
		bool		 is_long;
	} lines[] = {
		{ 998, 1000, false }, { 999, 1000, true }, { 62, 64, false }, { 63, 64, true },
		{ 5000, 1000, true }, { 5000, 0, false }, { 0, 64, false },
	};
	struct result got = { .outcome = MORE };
	struct buf wire;

	buf_init(&got.content, 1 << 20);
	buf_init(&wire, 1 << 20);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct data_settings settings = { .kind = DATA_DOTTED, .line_max_bytes = lines[i].max };

		test_case("a line of %zu and CRLF, at most %zu", lines[i].n_bytes, lines[i].max);
		for (size_t before = 0; before < 3; before++) {
			buf_clear(&wire);
			for (size_t k = 0; k < before; k++)
				buf_append(&wire, STR("short\r\n"));
			for (size_t k = 0; k < lines[i].n_bytes; k++)
				buf_append(&wire, STR("y"));
			buf_append(&wire, STR("\r\nshort\r\n.\r\n"));
			for (size_t cut = 0; cut <= wire.len; cut += 7) {
				run(&settings, buf_str(&wire), &cut, 1, &got);
				expect_int((got.found & DATA_FOUND_LONG_LINE) != 0, lines[i].is_long);
			}
		}
	}
	test_case("the stuffed dot does not count");
	buf_clear(&wire);
	buf_append(&wire, STR(".."));
	for (size_t k = 0; k < 61; k++)
		buf_append(&wire, STR("y"));
	buf_append(&wire, STR("\r\n.\r\n"));
	run(&(struct data_settings){ .line_max_bytes = 64 }, buf_str(&wire), NULL, 0, &got);
	expect_int(got.found, 0);
	buf_fini(&wire);
	buf_fini(&got.content);
}

static void
encode(struct str content, const size_t *cuts, int n_cuts, struct buf *out)
{
	struct data_encoder e = { .is_inside_line = false };
	struct str span;
	size_t from = 0;

	buf_clear(out);
	for (int i = 0; i <= n_cuts; i++) {
		size_t to = i < n_cuts ? cuts[i] : content.len;
		struct str piece = str_sub(content, from, to - from);

		while (data_encode(&e, &piece, &span))
			buf_append(out, span);
		from = to;
	}
	buf_append(out, data_encode_end(&e));
}

static void
test_encode(void)
{
	static const struct {
		const char	*name, *content, *wire;
	} cases[] = {
		{ "a plain mail", "a\r\nb\r\n", "a\r\nb\r\n.\r\n" },
		{ "nothing", "", ".\r\n" },
		{ "a dot first", ".", "..\r\n.\r\n" },
		{ "dots at line starts", ".a\r\n..b\r\n.\r\n", "..a\r\n...b\r\n..\r\n.\r\n" },
		{ "dots elsewhere", "a.\r\nb..c\r\n", "a.\r\nb..c\r\n.\r\n" },
		{ "no line end last", "a\r\nb", "a\r\nb\r\n.\r\n" },
		{ "only line ends", "\r\n\r\n", "\r\n\r\n.\r\n" },
		{ "many lone dots", ".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n.\r\n" },
	};
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str content = str_of(cases[i].content);

		test_case("encoded: %s", cases[i].name);
		for (size_t a = 0; a <= content.len; a++) {
			for (size_t b = a; b <= content.len; b++) {
				encode(content, (size_t[]){ a, b }, 2, &out);
				expect_str(buf_str(&out), str_of(cases[i].wire));
			}
		}
	}
	buf_fini(&out);
}

/* Whatever was accepted goes out so that it is read as the same mail, with one end only. */
static void
test_round_trip(void)
{
	struct result got = { .outcome = MORE }, again = { .outcome = MORE };
	uint64_t state = 2463534242u;
	struct buf wire, sent;
	bool is_good = true;

	buf_init(&got.content, 1 << 20);
	buf_init(&again.content, 1 << 20);
	buf_init(&wire, 1 << 20);
	buf_init(&sent, 1 << 20);
	test_case("what is accepted is sent as the same mail");
	for (int round = 0; is_good && round < 5000; round++) {
		struct data_settings settings = {
			.kind = round % 3 == 0 ? DATA_COUNTED : DATA_DOTTED, .line_ends = DATA_LINE_ENDS_REPAIR };
		struct data_settings strict = { .kind = DATA_DOTTED };
		size_t cut;

		random_wire(&state, &wire);
		run(&settings, buf_str(&wire), NULL, 0, &got);
		cut = next_random(&state) % (got.content.len + 1);
		encode(buf_str(&got.content), &cut, 1, &sent);
		run(&strict, buf_str(&sent), NULL, 0, &again);
		is_good = expect_int(again.outcome, END) && expect_int((int64_t)again.rest.len, 0);
		if (got.content.len > 0 && got.content.at[got.content.len - 1] != '\n')
			buf_append(&got.content, STR("\r\n"));
		is_good = is_good && expect_str(buf_str(&again.content), buf_str(&got.content));
	}
	buf_fini(&sent);
	buf_fini(&wire);
	buf_fini(&again.content);
	buf_fini(&got.content);
}

int
main(void)
{
	test_vectors();
	test_alignments();
	test_random();
	test_line_lengths();
	test_encode();
	test_round_trip();
	return test_end();
}
