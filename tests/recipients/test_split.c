/*
 * test_split.c - what is known at several next hops, taken together
 */
#include "smtpfwd/recipients/split.h"
#include "tests/expect.h"

static const struct row {
	const char	*name;
	const char	*known;		/* at each: + good, - bad, . nothing */
	enum known	 want;
	const char	*passes_by;	/* while it is down: y or n for each */
} rows[] = {
	{ "nothing is known", "...", KNOWN_NOT, "nnn" },
	{ "none has it", "---", KNOWN_BAD, "yyy" },
	{ "all but one have not", "-.-", KNOWN_NOT, "yny" },
	{ "the first one has it", "+..", KNOWN_GOOD, "nnn" },
	{ "the last one has it, and so the others had not", "..+", KNOWN_GOOD, "yyn" },
	{ "that is no longer so", ".--", KNOWN_NOT, "nyy" },
	{ "two have it: the first of them in order", ".++", KNOWN_GOOD, "ynn" },
	{ "it is known not to be at the first", "-+.", KNOWN_GOOD, "ynn" },
};

int
main(void)
{
	static const char *const relays[] = { "x/one", "x/two", "x/three", "x" };
	static const struct str names[] = { STR("x/one"), STR("x/two"), STR("x/three") };
	static const uint64_t seed[2] = { 1, 2 };
	const struct knowledge_bounds bounds = { .good_max = 10, .bad_max = 10, .good_keep = span_s(16000), .bad_keep = span_s(16000) };
	const struct address mailbox = { STR("b"), STR("example.com") };
	const struct timestamp now = { INT64_C(1000000) * 1000000 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct knowledge *knowledge = knowledge_new(&bounds, seed);
		const struct split split = { knowledge, names, 3 };

		test_case("%s", rows[i].name);
		knowledge_set_relays(knowledge, relays, 4);
		knowledge_set(knowledge, STR("x"), &mailbox, KNOWN_GOOD, now, now);	/* of another one */
		for (int k = 0; k < 3; k++)
			if (rows[i].known[k] != '.')
				knowledge_set(knowledge, names[k], &mailbox, rows[i].known[k] == '+' ? KNOWN_GOOD : KNOWN_BAD, now, now);
		expect_int(split_ask(&split, &mailbox, now), rows[i].want);
		for (int k = 0; k < 3; k++)
			expect_int(split_passes_by(&split, k, &mailbox, now), rows[i].passes_by[k] == 'y');
		expect_int(split_is_fresh(&split, &mailbox, now), rows[i].want == KNOWN_GOOD);
		expect(!split_is_fresh(&split, &mailbox, (struct timestamp){ now.us + INT64_C(1000000) * 8000 }));
		knowledge_free(knowledge);
	}
	return test_end();
}
