/*
 * test_reply_read.c - replies off the wire in any pieces, and onto it
 */
#include <stdlib.h>

#include "smtpfwd/smtp/limits.h"
#include "smtpfwd/smtp/reply_read.h"
#include "tests/expect.h"

static const struct vector {
	const char	*name;
	struct str	 wire;
	enum reply_step	 want;
	int		 code;
	const char	*status, *text, *rest;
} vectors[] = {
#define W(text)	{ text, sizeof(text) - 1 }
	{ "one line", W("250 OK\r\n"), REPLY_DONE, 250, "", "OK", "" },
	{ "no text", W("250 \r\n"), REPLY_DONE, 250, "", "", "" },
	{ "no blank either", W("250\r\n"), REPLY_DONE, 250, "", "", "" },
	{ "a lone LF", W("250 OK\n"), REPLY_DONE, 250, "", "OK", "" },
	{ "what follows is left", W("250 a\r\n550 b\r\n"), REPLY_DONE, 250, "", "a", "550 b\r\n" },
	{ "several lines", W("250-a\r\n250-b\r\n250 c\r\n"), REPLY_DONE, 250, "", "a\nb\nc", "" },
	{ "an empty line of text", W("250-a\r\n250-\r\n250 c\r\n"), REPLY_DONE, 250, "", "a\n\nc", "" },
	{ "a status", W("550 5.1.1 no such user\r\n"), REPLY_DONE, 550, "5.1.1", "no such user", "" },
	{ "on every line", W("550-5.1.1 no\r\n550 5.1.1 such\r\n"), REPLY_DONE, 550, "5.1.1", "no\nsuch", "" },
	{ "on the last line only", W("550-no\r\n550 5.1.1 such\r\n"), REPLY_DONE, 550, "5.1.1", "no\nsuch", "" },
	{ "two different ones", W("550-5.1.1 no\r\n550 5.7.1 such\r\n"), REPLY_DONE, 550, "5.1.1", "no\n5.7.1 such", "" },
	{ "of another class it is words", W("450 5.1.1 no\r\n"), REPLY_DONE, 450, "", "5.1.1 no", "" },
	{ "a status alone", W("250 2.0.0\r\n"), REPLY_DONE, 250, "2.0.0", "", "" },
	{ "a version is no status", W("220 2.0.0.1 ready\r\n"), REPLY_DONE, 220, "", "2.0.0.1 ready", "" },
	{ "354", W("354 go\r\n"), REPLY_DONE, 354, "", "go", "" },
	{ "8-bit text", W("250 \xc3\xa4\r\n"), REPLY_DONE, 250, "", "\xc3\xa4", "" },
	{ "a CR inside", W("250 a\rb\r\n"), REPLY_DONE, 250, "", "a\rb", "" },
	{ "nothing yet", W(""), REPLY_MORE, 0, "", "", "" },
	{ "half a line", W("250 O"), REPLY_MORE, 0, "", "", "" },
	{ "half a reply", W("250-a\r\n"), REPLY_MORE, 0, "", "", "" },
	{ "no digits", W("OK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "an empty line", W("\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "two digits", W("25 OK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "four digits", W("2500 OK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "a code of 1xx", W("150 OK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "a code of 6xx", W("650 OK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "no blank behind the code", W("250OK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "a tab behind the code", W("250\tOK\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "other codes in one reply", W("250-a\r\n550 b\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "HTTP", W("HTTP/1.1 400 Bad Request\r\n"), REPLY_MALFORMED, 0, "", "", "" },
	{ "a TLS alert", W("\x15\x03\x01\x00\x02\x02\x46\n"), REPLY_MALFORMED, 0, "", "", "" },
};

/* Feeds the wire in pieces; ASAN watches the ends of each. */
static enum reply_step
feed(struct reply_reader *r, struct str wire, const size_t *cuts, int n_cuts, struct reply *reply_out,
    struct str *rest_out, struct fault *fault_out)
{
	enum reply_step step = REPLY_MORE;
	size_t from = 0;

	for (int i = 0; i <= n_cuts && step == REPLY_MORE; i++) {
		size_t to = i < n_cuts ? cuts[i] : wire.len, n = to - from;
		char *chunk = malloc(n + 1);
		struct str input = str_n(chunk + 1, n);

		memcpy(chunk + 1, wire.at + from, n);
		step = reply_read(r, &input, reply_out, fault_out);
		from = to - input.len;
		free(chunk);
	}
	*rest_out = str_from(wire, from);
	return step;
}

static bool
is_as_wanted(const struct vector *v, enum reply_step step, const struct reply *reply, struct str rest,
    const struct fault *fault)
{
	char room[STATUS_TEXT_MAX];

	if (!expect_int(step, v->want))
		return false;
	if (step == REPLY_MALFORMED)
		return expect(fault->text[0] != '\0') && expect_int(fault->kind, FAULT_TEMPORARY);
	if (step == REPLY_MORE)
		return true;
	return expect_int(reply->code, v->code) && expect_str(reply->text, str_of(v->text)) &&
	    expect_str(status_text(reply->status, room), str_of(v->status)) && expect_str(rest, str_of(v->rest));
}

static void
test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct reply_reader r;
		struct reply reply;
		struct fault fault = { .text = "" };
		struct str rest;
		bool is_good = true;

		test_case("reply: %s, however it is split", v->name);
		for (size_t a = 0; is_good && a <= v->wire.len; a++) {
			for (size_t b = a; is_good && b <= v->wire.len; b++) {
				enum reply_step step;

				reply_reader_init(&r);
				step = feed(&r, v->wire, (size_t[]){ a, b }, 2, &reply, &rest, &fault);
				is_good = is_as_wanted(v, step, &reply, rest, &fault);
				reply_reader_fini(&r);
			}
		}
	}
}

static void
test_stream(void)
{
	struct str wire = STR("220 hi\r\n250-A\r\n250 B\r\n250 2.1.0 ok\r\n354 go\r\n");
	struct reply_reader r;
	struct reply reply;
	struct fault fault;

	test_case("replies one after the other keep nothing of those before");
	reply_reader_init(&r);
	expect_int(reply_read(&r, &wire, &reply, &fault), REPLY_DONE);
	expect_int(reply.code, 220);
	expect_int(reply_read(&r, &wire, &reply, &fault), REPLY_DONE);
	expect_str(reply.text, STR("A\nB"));
	expect_int(reply_read(&r, &wire, &reply, &fault), REPLY_DONE);
	expect_int(reply.status.class, 2);
	expect_int(reply_read(&r, &wire, &reply, &fault), REPLY_DONE);
	expect_int(reply.code, 354);
	expect_int(reply.status.class, 0);
	expect_int(reply_read(&r, &wire, &reply, &fault), REPLY_MORE);
	reply_reader_fini(&r);
}

/* The whole wire by pieces of 1000 bytes. */
static enum reply_step
feed_all(struct str wire, struct fault *fault_out)
{
	enum reply_step step = REPLY_MORE;
	struct reply_reader r;
	struct reply reply;

	reply_reader_init(&r);
	for (size_t at = 0; at < wire.len && step == REPLY_MORE; at += 1000) {
		struct str piece = str_sub(wire, at, 1000);

		step = reply_read(&r, &piece, &reply, fault_out);
	}
	reply_reader_fini(&r);
	return step;
}

static void
test_bounds(void)
{
	struct fault fault;
	struct buf wire;

	buf_init(&wire, 10 << 20);
	test_case("a line without end is refused, whatever it holds");
	for (int i = 0; i < 20000; i++)
		buf_append(&wire, STR("2"));
	expect_int(feed_all(buf_str(&wire), &fault), REPLY_MALFORMED);
	test_case("a reply without end is refused");
	buf_clear(&wire);
	for (int i = 0; i <= SMTP_REPLY_READ_LINES_MAX; i++)
		buf_append(&wire, STR("250-x\r\n"));
	expect_int(feed_all(buf_str(&wire), &fault), REPLY_MALFORMED);
	test_case("one of as many lines as may be is taken");
	buf_clear(&wire);
	for (int i = 1; i < SMTP_REPLY_READ_LINES_MAX; i++)
		buf_append(&wire, STR("250-x\r\n"));
	buf_append(&wire, STR("250 x\r\n"));
	expect_int(feed_all(buf_str(&wire), &fault), REPLY_DONE);
	test_case("too much text is refused");
	buf_clear(&wire);
	for (int i = 0; i < 100; i++) {
		buf_append(&wire, STR("250-"));
		for (int k = 0; k < 200; k++)
			buf_append(&wire, STR("x"));
		buf_append(&wire, STR("\r\n"));
	}
	expect_int(feed_all(buf_str(&wire), &fault), REPLY_MALFORMED);
	test_case("a fault shows bytes of others safely");
	expect_int(feed_all(STR("\x1b[2J\xff\r\n"), &fault), REPLY_MALFORMED);
	expect(str_is_printable(str_of(fault.text)));
	buf_fini(&wire);
}

static void
test_write(void)
{
	static const struct {
		const char	*name;
		struct reply	 reply;
		bool		 with_status;
		const char	*wire;
	} cases[] = {
		{ "a line with status", { 250, { 2, 1, 0 }, { "ok", 2 } }, true, "250 2.1.0 ok\r\n" },
		{ "and without", { 250, { 2, 1, 0 }, { "ok", 2 } }, false, "250 ok\r\n" },
		{ "lines, each with the status", { 550, { 5, 7, 1 }, { "no\nnever", 8 } }, true, "550-5.7.1 no\r\n550 5.7.1 never\r\n" },
		{ "no status for 354", { 354, { 0, 0, 0 }, { "go", 2 } }, true, "354 go\r\n" },
		{ "a status of another class is left out", { 450, { 5, 0, 0 }, { "x", 1 } }, true, "450 x\r\n" },
		{ "no text", { 250, { 2, 0, 0 }, { "", 0 } }, true, "250 2.0.0\r\n" },
		{ "no text and no status", { 250, { 0, 0, 0 }, { NULL, 0 } }, true, "250 \r\n" },
		{ "an empty line between", { 250, { 0, 0, 0 }, { "a\n\nb", 4 } }, false, "250-a\r\n250-\r\n250 b\r\n" },
		{ "a last line end is not a line", { 250, { 0, 0, 0 }, { "a\r\n", 3 } }, false, "250 a\r\n" },
		{ "CRLF inside parts lines", { 250, { 0, 0, 0 }, { "a\r\nb", 4 } }, false, "250-a\r\n250 b\r\n" },
		{ "controls and 8-bit do not go out", { 250, { 0, 0, 0 }, { "a\x1b\xc3\xa4\0\r", 6 } }, false, "250 a????\r\n" },
	};
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("written: %s", cases[i].name);
		buf_clear(&out);
		expect_int(reply_write(&cases[i].reply, cases[i].with_status, &out), 0);
		expect_str(buf_str(&out), str_of(cases[i].wire));
	}
	buf_fini(&out);
}

static void
test_write_long(void)
{
	static char text[5000];
	struct reply reply = { .code = 550, .status = STATUS(5, 999, 999), .text = { text, sizeof(text) } };
	struct reply_reader r;
	struct reply got;
	struct fault fault;
	struct str wire, rest, line;
	struct buf out;
	size_t n = 0;

	buf_init(&out, 1 << 20);
	reply_reader_init(&r);
	for (int with_blanks = 0; with_blanks < 2; with_blanks++) {
		test_case("a long text %s is split into lines of at most 512 and none is lost",
		    with_blanks ? "with blanks" : "without a blank");
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = with_blanks && i % 9 == 8 ? ' ' : 'x';
		buf_clear(&out);
		expect_int(reply_write(&reply, true, &out), 0);
		wire = rest = buf_str(&out);
		while (str_take_until(&rest, '\n', &line))
			expect(line.len + 1 <= SMTP_REPLY_LINE_MAX_BYTES);
		expect_int(reply_read(&r, &wire, &got, &fault), REPLY_DONE);
		expect_int((int64_t)wire.len, 0);
		n = 0;
		for (size_t i = 0; i < got.text.len; i++)
			n += got.text.at[i] == 'x';
		expect_int((int64_t)n, with_blanks ? 5000 - 555 : 5000);
	}
	test_case("a full buffer is left as it was");
	buf_fini(&out);
	buf_init(&out, 700);
	buf_append(&out, STR("before"));
	expect_int(reply_write(&reply, true, &out), -1);
	expect_str(buf_str(&out), STR("before"));
	reply_reader_fini(&r);
	buf_fini(&out);
}

int
main(void)
{
	test_vectors();
	test_stream();
	test_bounds();
	test_write();
	test_write_long();
	return test_end();
}
