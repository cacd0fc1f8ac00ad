/*
 * test_explain_mail.c - a file becomes the mail that a client would send of it, however its lines end and wherever a read is cut
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "smtpfwd/explain/mail.h"
#include "tests/expect.h"

enum { MAX_BYTES = 64 * 1024, PIECE_BYTES = 8 * 1024 };

static const struct listener_settings strict = { .message_max_bytes = MAX_BYTES };
static const struct listener_settings lenient = { .message_max_bytes = MAX_BYTES, .bare_line_end = BARE_LINE_END_REPAIR,
    .text_line_max_bytes = 100 };

/* Reads a file of these bytes. */
static int
read_bytes(struct str bytes, const struct listener_settings *listener, struct explain_mail *mail_out)
{
	char path[] = "/tmp/test_explain_mail.XXXXXX";
	struct fault fault;
	int fd = mkstemp(path), result;

	if (fd < 0 || write(fd, bytes.at, bytes.len) != (ssize_t)bytes.len)
		abort();
	close(fd);
	result = explain_mail_read(path, listener, mail_out, &fault);
	unlink(path);
	return result;
}

static void
test_lines(void)
{
	static const struct { const char *name; struct str bytes, want; unsigned found; bool is_refused; } rows[] = {
		{ "CRLF stays", STR("A: b\r\n\r\nc\r\n"), STR("A: b\r\n\r\nc\r\n"), 0, false },
		{ "LF becomes CRLF", STR("A: b\n\nc\n"), STR("A: b\r\n\r\nc\r\n"), 0, false },
		{ "both in one file", STR("A: b\r\n\nc\n"), STR("A: b\r\n\r\nc\r\n"), 0, false },
		{ "a last line without its end gets one", STR("A: b\n\nc"), STR("A: b\r\n\r\nc\r\n"), 0, false },
		{ "as does one that ends in CR", STR("A: b\n\nc\r"), STR("A: b\r\n\r\nc\r\n"), 0, false },
		{ "an empty file is an empty mail", STR(""), STR(""), 0, false },
		{ "dots are nothing special in a file", STR("\n.\n..\n"), STR("\r\n.\r\n..\r\n"), 0, false },
		{ "a bare CR is refused as a session does", STR("a\rb\n"), STR("a"), DATA_FOUND_BARE_CR, true },
		{ "8 bits are seen", STR("\xe9\n"), STR("\xe9\r\n"), DATA_FOUND_8BIT, false },
		{ "a NUL too", STR("\0\n"), STR("\0\r\n"), DATA_FOUND_NUL, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct explain_mail mail;

		test_case("%s", rows[i].name);
		expect_int(read_bytes(rows[i].bytes, &strict, &mail), 0);
		expect_str(buf_str(&mail.content), rows[i].want);
		expect_int(mail.decoder.found, rows[i].found);
		expect(data_is_refused(&mail.decoder) == rows[i].is_refused);
		expect(!mail.is_too_large);
		explain_mail_free(&mail);
	}
}

static void
test_listener(void)
{
	struct explain_mail mail;
	char line[200];

	test_case("a listener that repairs line ends does it here");
	expect_int(read_bytes(STR("a\rb\n"), &lenient, &mail), 0);
	expect_str(buf_str(&mail.content), STR("a\r\nb\r\n"));
	expect(!data_is_refused(&mail.decoder));
	explain_mail_free(&mail);

	test_case("a line that is longer than it takes is found");
	memset(line, 'x', sizeof(line));
	expect_int(read_bytes(str_n(line, sizeof(line)), &lenient, &mail), 0);
	expect_int(mail.decoder.found, DATA_FOUND_LONG_LINE);
	explain_mail_free(&mail);
}

/* A line end lies before, at and behind the place where one read ends and the next begins. */
static void
test_cuts(void)
{
	static const struct str ends[] = { STR("\n"), STR("\r\n") };
	char *bytes = mem_new(2 * PIECE_BYTES), *want = mem_new(2 * PIECE_BYTES);

	test_case("a line end that is cut by reading is one");
	for (size_t e = 0; e < 2; e++) {
		for (size_t at = PIECE_BYTES - 3; at < PIECE_BYTES + 3; at++) {
			struct explain_mail mail;

			memset(bytes, 'x', 2 * PIECE_BYTES);
			memset(want, 'x', 2 * PIECE_BYTES);
			memcpy(bytes + at, ends[e].at, ends[e].len);
			memcpy(want + at, "\r\n", 2);
			memcpy(bytes + at + ends[e].len + 10, "\n", 1);
			memcpy(want + at + 2 + 10, "\r\n", 2);
			expect_int(read_bytes(str_n(bytes, at + ends[e].len + 11), &strict, &mail), 0);
			expect_str(buf_str(&mail.content), str_n(want, at + 14));
			explain_mail_free(&mail);
		}
	}
	mem_free(bytes);
	mem_free(want);
}

static void
test_sizes(void)
{
	static const struct { const char *name; size_t n_bytes; bool is_too_large; } rows[] = {
		{ "what the listener takes at most", MAX_BYTES, false },
		{ "one byte more", MAX_BYTES + 1, true },
		{ "much more is not read to its end", 40 * MAX_BYTES, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *bytes = mem_new(rows[i].n_bytes);
		struct explain_mail mail;

		test_case("%s", rows[i].name);
		memset(bytes, 'x', rows[i].n_bytes);
		memcpy(bytes + rows[i].n_bytes - 2, "\r\n", 2);
		expect_int(read_bytes(str_n(bytes, rows[i].n_bytes), &strict, &mail), 0);
		expect(mail.is_too_large == rows[i].is_too_large);
		expect(mail.content.len <= 2 * MAX_BYTES);
		explain_mail_free(&mail);
		mem_free(bytes);
	}
}

static void
test_no_files(void)
{
	static const struct { const char *name, *path; } rows[] = {
		{ "a directory", "/tmp" }, { "a device", "/dev/zero" }, { "what is not there", "/nonexistent/x" },
	};
	char path[] = "/tmp/test_explain_mail.XXXXXX";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct explain_mail mail;
		struct fault fault;

		test_case("%s is a fault that names it", rows[i].name);
		expect_int(explain_mail_read(rows[i].path, &strict, &mail, &fault), -1);
		expect_int(fault.kind, FAULT_PERMANENT);
		expect(strncmp(fault.text, rows[i].path, strlen(rows[i].path)) == 0);
		explain_mail_free(&mail);
	}
	test_case("a FIFO without a writer is not waited for");
	if (mkdtemp(path) != NULL) {
		char fifo[sizeof(path) + 2];
		struct explain_mail mail;
		struct fault fault;

		snprintf(fifo, sizeof(fifo), "%s/f", path);
		expect_int(mkfifo(fifo, 0600), 0);
		expect_int(explain_mail_read(fifo, &strict, &mail, &fault), -1);
		explain_mail_free(&mail);
		unlink(fifo);
		rmdir(path);
	}
}

int
main(void)
{
	test_lines();
	test_listener();
	test_cuts();
	test_sizes();
	test_no_files();
	return test_end();
}
