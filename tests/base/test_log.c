/*
 * test_log.c - lines of key=value, and faults
 */
#include "base/fault.h"
#include "base/log.h"
#include "tests/expect.h"

struct kept_log {
	struct log	 log;
	char		 line[LOG_LINE_MAX_BYTES];
	size_t		 len;
	int		 n_lines;
};

static void
keep(struct log *log, enum log_level level, struct str line)
{
	struct kept_log *kept = (struct kept_log *)(void *)log;

	memcpy(kept->line, line.at, line.len);
	kept->len = line.len;
	kept->n_lines++;
}

static void
test_values(struct kept_log *kept)
{
	static const struct { struct str value; struct str want; } cases[] = {
		{ STR("4096"), STR("e k=4096") },
		{ STR("a@b.example"), STR("e k=a@b.example") },
		{ STR("[2001:db8::1]:25"), STR("e k=[2001:db8::1]:25") },
		{ STR(""), STR("e k=\"\"") },
		{ STR("a b"), STR("e k=\"a b\"") },
		{ STR("a=b"), STR("e k=\"a=b\"") },
		{ STR("say \"hi\""), STR("e k=\"say \\\"hi\\\"\"") },
		{ STR("x\r\nevil id=1"), STR("e k=\"x\\x0d\\x0aevil id=1\"") },
		{ STR("back\\slash"), STR("e k=\"back\\\\slash\"") },
		{ STR("\xc3\xa4@example"), STR("e k=\"\xc3\xa4@example\"") },
		{ STR("\xff"), STR("e k=\"\\xff\"") },
		{ STR("a\tb\"c=d\\e\xc3\xa4 f~"), STR("e k=\"a\\x09b\\\"c=d\\\\e\xc3\xa4 f~\"") },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_line line;

		test_case("a value stands as %.*s", STR_ARG(cases[i].want));
		log_begin(&line, &kept->log, LOG_LEVEL_INFO, "e");
		log_str(&line, "k", cases[i].value);
		log_end(&line);
		expect_str(str_n(kept->line, kept->len), cases[i].want);
	}
}

static void
test_spans(struct kept_log *kept)
{
	static const struct { int64_t ms; const char *want; } cases[] = {
		{ 0, "e t=0ms" }, { 12, "e t=12ms" }, { 999, "e t=999ms" }, { 3000, "e t=3s" }, { 3456, "e t=3.4s" },
		{ 59999, "e t=59.9s" }, { 60000, "e t=1m" }, { 90000, "e t=1m30s" }, { 7500000, "e t=2h5m" },
		{ 7200000, "e t=2h" }, { 432000000, "e t=5d" }, { 97200000, "e t=1d3h" }, { -1500, "e t=-1.5s" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct log_line line;

		test_case("a span of %lld ms is logged as %s", (long long)cases[i].ms, cases[i].want);
		log_begin(&line, &kept->log, LOG_LEVEL_INFO, "e");
		log_span(&line, "t", span_ms(cases[i].ms));
		log_end(&line);
		expect_str(str_n(kept->line, kept->len), str_of(cases[i].want));
	}
}

static void
test_lines(struct kept_log *kept)
{
	struct log_line line;
	char text[3000];

	test_case("lines above the level are not made");
	kept->n_lines = 0;
	log_begin(&line, &kept->log, LOG_LEVEL_DEBUG, "quiet");
	log_int(&line, "n", 1);
	log_end(&line);
	log_say(&kept->log, LOG_LEVEL_DEBUG, "quiet", "%d", 1);
	log_say(NULL, LOG_LEVEL_ERROR, "nowhere", "%d", 1);
	expect_int(kept->n_lines, 0);

	test_case("a line has its event and its keys in order");
	log_begin(&line, &kept->log, LOG_LEVEL_INFO, "delivered");
	log_text(&line, "id", "4XPRnB2kQ0");
	log_int(&line, "size", 4096);
	log_int(&line, "least", INT64_MIN);
	log_end(&line);
	expect_str(str_n(kept->line, kept->len),
	    STR("delivered id=4XPRnB2kQ0 size=4096 least=-9223372036854775808"));
	log_say(&kept->log, LOG_LEVEL_WARNING, "odd", "two %s", "words");
	expect_str(str_n(kept->line, kept->len), STR("odd text=\"two words\""));

	test_case("a long line is cut and ends in dots");
	memset(text, 'x', sizeof(text));
	log_begin(&line, &kept->log, LOG_LEVEL_INFO, "e");
	log_str(&line, "k", str_n(text, sizeof(text)));
	log_int(&line, "behind", 1);
	log_end(&line);
	expect_int((int64_t)kept->len, LOG_LINE_MAX_BYTES);
	expect_str(str_n(kept->line + kept->len - 4, 4), STR("x..."));
}

/* A value of "ab" and more around the place where a line ends: LOG_LINE_MAX_BYTES, with the dots. */
static void
test_cuts(struct kept_log *kept)
{
	static const struct { const char *name, *value, *end; } cases[] = {
		{ "a bare value that just fits is whole", "abcd", "xabcd" },
		{ "a bare value is cut at any byte", "abcde", "xabcd..." },
		{ "a quoted value is cut at any byte", "a bcd", "x\"a b..." },
		{ "but not within what stands for a byte", "a \x01", "x\"a ..." },
		{ "nor within a quote's two", "ab \"", "x\"ab ..." },
		{ "the last quote may be what does not fit", "a b", "x\"a b..." },
	};
	char text[LOG_LINE_MAX_BYTES];
	struct log_line line;

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str end = str_of(cases[i].end);

		test_case("%s", cases[i].name);
		log_begin(&line, &kept->log, LOG_LEVEL_INFO, "e");
		/* Leaves four bytes, and the dots, behind "e xx...x k=". */
		log_words(&line, str_n(text, LOG_LINE_MAX_BYTES - 3 - 4 - (sizeof("e  k=") - 1)));
		log_str(&line, "k", str_of(cases[i].value));
		log_end(&line);
		expect_str(str_sub(str_n(kept->line, kept->len), kept->len - end.len + 1, end.len), str_from(end, 1));
		expect_int((int64_t)kept->len, LOG_LINE_MAX_BYTES - 3 - 4 + (int64_t)end.len - 1);
	}
}

static void
test_faults(void)
{
	struct fault fault;

	test_case("a fault says what it is");
	expect_int(fault_temporary(&fault, "sync %s: %s", "seg", "Input/output error"), -1);
	expect(fault.kind == FAULT_TEMPORARY && fault.cause == FAULT_OTHER);
	expect_text(fault.text, "sync seg: Input/output error");
	expect_int(fault_prefix(&fault, "mail %d", 7), -1);
	expect_text(fault.text, "mail 7: sync seg: Input/output error");
	expect_int(fault_permanent(&fault, "no\nway"), -1);
	expect(fault.kind == FAULT_PERMANENT);
	expect_text(fault.text, "no?way");
	expect_int(fault_because(&fault, FAULT_TIMED_OUT, "late"), -1);
	expect(fault.kind == FAULT_TEMPORARY && fault.cause == FAULT_TIMED_OUT);
	expect_int(fault_temporary(NULL, "nobody asks"), -1);

	test_case("a long fault is cut, not overrun");
	fault_temporary(&fault, "%0500d", 1);
	expect_int((int64_t)strlen(fault.text), sizeof(fault.text) - 1);
	fault_prefix(&fault, "%0500d", 1);
	expect_int((int64_t)strlen(fault.text), sizeof(fault.text) - 1);
}

int
main(void)
{
	static struct kept_log kept = { .log = { .level = LOG_LEVEL_INFO, .write = keep } };

	test_values(&kept);
	test_spans(&kept);
	test_lines(&kept);
	test_cuts(&kept);
	test_faults();
	return test_end();
}
