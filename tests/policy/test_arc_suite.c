/*
 * test_arc_suite.c - chains of ARC, right and wrong, made by dkimpy's parts: each is found to be what RFC 8617 5.2 says
 *
 *	test_arc_suite [FILE]		the cases of arc_cases.py, or of a file of that form (tests/vectors/arc-lines makes one of
 *					the public ARC test suite)
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "policy/arc_verify.h"
#include "tests/expect.h"

enum {
	CASES_MAX_BYTES = 16 * 1024 * 1024,
	CASES_MIN = 300,		/* of our own */
	NOW_S = 1795219200,		/* 2026-11-21 */
};

struct keys {				/* those told so far */
	struct resolver	 resolver;
	struct str	 before;	/* the text up to the case at hand */
};

static void
answer(struct str text, struct str name, struct arena *arena, struct dns_answer *answer_out)
{
	struct str line, word;

	*answer_out = (struct dns_answer){ .result = DNS_NO_NAME };
	while (str_take_until(&text, '\n', &line)) {
		if (!str_starts(line, STR("key ")) || !str_take_word(&line, &word) || !str_take_word(&line, &word) ||
		    !str_eq_nocase(word, name))
			continue;
		answer_out->records = arena_array(arena, 1, sizeof(answer_out->records[0]));
		insist(answer_out->records != NULL);
		answer_out->records[0].text = str_trim(line);
		answer_out->n_records = 1;
		answer_out->result = DNS_FOUND;
	}
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	const struct keys *keys = (const struct keys *)resolver;	/* its first member */

	for (int i = 0; i < n_questions; i++)
		answer(keys->before, questions[i].name, arena, &answers_out[i]);
}

static const struct arc_result *
verify(struct keys *keys, struct str mail, size_t piece_bytes, struct arena *arena)
{
	struct arc_verification *verification;
	struct header_section section;
	struct fault fault;

	insist(header_read(mail, arena, &section) == 0);
	verification = arc_verify_begin(&section, (struct timestamp){ NOW_S * INT64_C(1000000) }, 300, &keys->resolver, INSTANT_NEVER,
	    arena, &fault);
	insist(verification != NULL);
	for (size_t at = section.body_at; at < mail.len; at += piece_bytes)
		arc_verify_body(verification, str_sub(mail, at, piece_bytes));
	return arc_verify_end(verification);
}

static void
check_case(struct keys *keys, struct str name, struct str want, struct str oldest, struct str mail)
{
	static const size_t pieces[] = { 1, 7, CASES_MAX_BYTES };
	const struct arc_result *result;
	struct arena arena;
	uint64_t number;

	test_case("%.*s", STR_ARG(name));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
		result = verify(keys, mail, pieces[i], &arena);
		if (!expect_str(str_of(arc_status_word(result->status)), want))
			expect_str(result->reason, STR_EMPTY);
		expect((result->status == ARC_FAIL) == (result->reason.len > 0));
		expect(!result->is_temporary && (result->status == ARC_PASS) == (result->n_sealers > 0));
		if (result->status == ARC_PASS && str_to_u64(oldest, &number))
			expect_int(result->oldest_pass, (int)number);
		if (result->status == ARC_FAIL && getenv("verbose") != NULL)
			printf("# %.*s\n", STR_ARG(result->reason));
		arena_fini(&arena);
	}
}

/* How many cases there were. */
static int
check_all(struct str text)
{
	struct keys keys = { .resolver = { .ask = ask } };
	struct str rest = text, line, word, want, oldest, bytes;
	uint64_t n_bytes;
	int n = 0;

	while (str_take_until(&rest, '\n', &line)) {
		if (str_eq(line, STR("begin")))
			text = rest;
		if (!str_starts(line, STR("case ")))
			continue;
		insist(str_take_word(&line, &word) && str_take_word(&line, &want) && str_take_word(&line, &oldest) &&
		    str_take_word(&line, &bytes) && str_to_u64(bytes, &n_bytes) && n_bytes < rest.len);
		keys.before = str_n(text.at, (size_t)(rest.at - text.at));
		check_case(&keys, str_trim(line), want, oldest, str_sub(rest, 0, n_bytes));
		rest = str_from(rest, n_bytes + 1);
		n++;
	}
	return n;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir");
	char command[1000], *room = malloc(CASES_MAX_BYTES);
	size_t n_bytes;
	FILE *in;
	int n;

	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/tests/policy/arc_cases.py'", top != NULL ? top : ".");
	in = argc > 1 ? fopen(argv[1], "rb") : popen(command, "r");
	insist(room != NULL && in != NULL);
	n_bytes = fread(room, 1, CASES_MAX_BYTES, in);
	if (argc > 1)
		fclose(in);
	else
		insist(pclose(in) == 0);
	n = check_all(str_n(room, n_bytes));
	test_case("all cases were there");
	expect(n >= (argc > 1 ? 1 : CASES_MIN));
	free(room);
	return test_end();
}
