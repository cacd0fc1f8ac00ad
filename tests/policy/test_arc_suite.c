/*
 * test_arc_suite.c - chains of ARC, right and wrong, made by dkimpy's parts: each is found to be what RFC 8617 5.2 says
 *
 *	test_arc_suite [FILE]		the cases of arc_cases.py, or of a file of that form
 *
 * verbose=1 in the environment: the reason of each failure.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/expect.h"
#include "tests/policy/arc_stage.h"

enum { CASES_MIN = 300 };		/* of our own */

static void
check_case(struct arc_stage *stage, const struct arc_case *c)
{
	static const size_t pieces[] = { 1, 7, ARC_CASES_MAX_BYTES };
	const struct arc_result *result;
	struct arena arena;
	uint64_t number;

	test_case("%.*s", STR_ARG(c->name));
	stage->keys = c->before;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
		result = arc_stage_verify(stage, c->mail, pieces[i], &arena);
		if (!expect_str(str_of(arc_status_word(result->status)), c->want))
			expect_str(result->reason, STR_EMPTY);
		expect((result->status == ARC_FAIL) == (result->reason.len > 0));
		expect(!result->is_temporary && (result->status == ARC_PASS) == (result->n_sealers > 0));
		if (result->status == ARC_PASS && str_to_u64(c->oldest, &number))
			expect_int(result->oldest_pass, (int)number);
		if (i == 0 && result->status == ARC_FAIL && getenv("verbose") != NULL)
			printf("# %.*s\n", STR_ARG(result->reason));
		arena_fini(&arena);
	}
}

int
main(int argc, char **argv)
{
	struct str all = arc_stage_read_cases(argc > 1 ? argv[1] : NULL), text = all, rest = all;
	struct arc_stage stage;
	struct arc_case c;
	int n = 0;

	arc_stage_init(&stage, STR_EMPTY);
	for (; arc_stage_take_case(&text, &rest, &c); n++)
		check_case(&stage, &c);
	test_case("all cases were there");
	expect(n >= (argc > 1 ? 1 : CASES_MIN));
	free((char *)(uintptr_t)all.at);
	return test_end();
}
