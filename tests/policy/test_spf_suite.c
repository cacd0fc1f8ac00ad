/*
 * test_spf_suite.c - the public test suite for RFC 7208 (tests/vectors), every case
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/insist.h"
#include "policy/spf/spf.h"
#include "tests/expect.h"
#include "tests/policy/zone.h"

enum { ZONE_MAX_BYTES = 256 * 1024, CASES = 203 };

struct vector {
	struct str	 name, host, helo, from, results, explanation;
};

static bool
is_listed(struct str results, const char *word)
{
	struct str one;

	while (str_take_until(&results, ',', &one)) {
		if (str_eq(one, str_of(word)))
			return true;
	}
	return false;
}

static struct address
address_of(struct str from)
{
	ptrdiff_t at = str_rfind(from, '@');

	if (at < 0)
		return (struct address){ .local = STR_EMPTY, .domain = from };
	return (struct address){ .local = str_sub(from, 0, (size_t)at), .domain = str_from(from, (size_t)at + 1) };
}

static void
check_vector(struct vector *v, struct str zone_text)
{
	struct zone zone;
	struct arena arena;
	struct spf_inputs inputs = {
		.helo = v->helo, .receiver = STR("receiver.example.net"), .now = { .us = 1700000000000000 },
		.deadline = INSTANT_NEVER, .resolver = &zone.resolver, .arena = &arena,
	};
	struct address from = address_of(v->from);
	struct spf_result result;

	zone_init(&zone, zone_text);
	arena_init(&arena, SPF_ARENA_MAX_BYTES);
	test_case("%.*s", STR_ARG(v->name));
	insist(ip_parse(v->host, &inputs.client));
	spf_check_mail_from(&inputs, &from, &result);
	if (!is_listed(v->results, spf_value_word(result.value))) {
		expect_str(str_of(spf_value_word(result.value)), v->results);
		expect_str(result.problem, STR_EMPTY);
	} else {
		expect(true);
	}
	if (!str_eq(v->explanation, STR("*")))
		expect_str(result.explanation, v->explanation);
	arena_fini(&arena);
}

static struct str
field(struct str *line)
{
	struct str field = STR_EMPTY;

	str_take_until(line, '\t', &field);
	return field;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char command[1024], line[8192];
	struct buf zone;
	int n_cases = 0;
	FILE *lines;

	snprintf(command, sizeof(command), "'%s/tests/vectors/rfc7208-lines' '%s/tests/vectors/rfc7208-tests.yml'",
	    top != NULL ? top : ".", top != NULL ? top : ".");
	lines = popen(command, "r");
	insist(lines != NULL);
	buf_init(&zone, ZONE_MAX_BYTES);
	while (fgets(line, sizeof(line), lines) != NULL) {
		struct str rest = str_n(line, strcspn(line, "\n")), word;

		insist(str_take_until(&rest, ' ', &word));
		if (str_eq(word, STR("begin"))) {
			buf_clear(&zone);
		} else if (str_eq(word, STR("zone"))) {
			insist(buf_append(&zone, rest) == 0 && buf_append_char(&zone, '\n') == 0);
		} else {
			struct vector v = { .name = field(&rest) };

			v.host = field(&rest);
			v.helo = field(&rest);
			v.from = field(&rest);
			v.results = field(&rest);
			v.explanation = rest;
			check_vector(&v, buf_str(&zone));
			n_cases++;
		}
	}
	test_case("all cases of the suite were there");
	expect_int(pclose(lines), 0);
	expect_int(n_cases, CASES);
	buf_fini(&zone);
	return test_end();
}
