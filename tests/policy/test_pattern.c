/*
 * test_pattern.c - globs, and patterns of addresses and of header fields
 */
#include <time.h>

#include "base/insist.h"
#include "policy/class/glob.h"
#include "policy/class/pattern.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

enum { ARENA_MAX_BYTES = 64 * 1024 };

/* --- globs --- */

static const struct {
	const char *pattern, *text;
	bool want, want_nocase;
} globs[] = {
	{ "", "", true, true },
	{ "", "a", false, false },
	{ "*", "", true, true },
	{ "*", "anything at all", true, true },
	{ "**", "a", true, true },
	{ "?", "", false, false },
	{ "?", "a", true, true },
	{ "?", "ab", false, false },
	{ "abc", "abc", true, true },
	{ "abc", "ABC", false, true },
	{ "ABC", "abc", false, true },
	{ "abc", "abcd", false, false },
	{ "abcd", "abc", false, false },
	{ "a*c", "ac", true, true },
	{ "a*c", "abbbc", true, true },
	{ "a*c", "abbbcd", false, false },
	{ "a*c", "aXC", false, true },
	{ "*-bounces", "team-bounces", true, true },
	{ "*-bounces", "team-bounces-bounces", true, true },
	{ "*-bounces", "-bounces", true, true },
	{ "*-bounces", "bounces", false, false },
	{ "*-bounces*", "team-bounces+a=b", true, true },
	{ "*ab*ab", "abab", true, true },
	{ "*ab*ab", "ab", false, false },
	{ "*ab*ab", "aba", false, false },
	{ "*aab", "aaaab", true, true },	/* the later place is found though an earlier one began */
	{ "a?c*?e", "abcde", true, true },
	{ "a?c*?e", "abce", false, false },
	{ "*?", "", false, false },
	{ "?*", "a", true, true },
	{ "a\\*", "a\\b", true, true },		/* there is no escape */
	{ "a?b", "a*b", true, true },		/* which is how a star itself is meant */
	{ "[ab]", "a", false, false },		/* nor sets */
	{ "x?y", "x\xc3\xa9y", true, true },	/* a character of two bytes */
	{ "x??y", "x\xc3\xa9y", false, false },
	{ "*bcd", "cd", false, false },		/* the end is longer than the text */
	{ "*b*cd", "bcd", true, true },
	{ "b*bcd", "bcd", false, false },	/* a letter is not taken twice */
	{ "x??y", "x\xc3\x28y", true, true },	/* what is no UTF-8 is bytes */
	{ "\xc3\x89", "\xc3\xa9", false, false },	/* no case but that of ASCII */
};

static void
test_globs(void)
{
	for (int i = 0; i < N_OF(globs); i++) {
		test_case("glob: \"%s\" and \"%s\"", globs[i].pattern, globs[i].text);
		expect(glob_matches(str_of(globs[i].pattern), str_of(globs[i].text)) == globs[i].want);
		expect(glob_matches_nocase(str_of(globs[i].pattern), str_of(globs[i].text)) == globs[i].want_nocase);
	}
}

/* What takes 2^30 steps and more where every star is gone back to. */
static void
test_glob_time(void)
{
	static char text[100000], pattern[201];
	struct timespec before, after;
	int64_t took_ms;

	test_case("glob: many stars cost no more than one");
	memset(text, 'a', sizeof(text));
	for (int i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[200] = 'b';
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	expect(!glob_matches(str_n(pattern, sizeof(pattern)), str_n(text, sizeof(text))));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	took_ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	expect(took_ms < 1000);
}

/* All patterns and texts over a small alphabet, by the definition: a star is nothing, or one character and a star. */
static bool
by_definition(const char *pattern, const char *text)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*')
		return by_definition(pattern + 1, text) || (*text != '\0' && by_definition(pattern, text + 1));
	return *text != '\0' && (*pattern == '?' || *pattern == *text) && by_definition(pattern + 1, text + 1);
}

static void
spell(int number, const char *letters, int n_letters, int length, char *out)
{
	for (int i = 0; i < length; i++, number /= n_letters)
		out[i] = letters[number % n_letters];
	out[length] = '\0';
}

static void
test_all_globs(void)
{
	char pattern[8], text[8];
	int n_wrong = 0, n = 0;

	test_case("glob: all patterns of up to 5 and texts of up to 6 letters, by the definition");
	for (int p_length = 0; p_length <= 5; p_length++)
		for (int p = 0; p < 1 << (2 * p_length); p++) {
			spell(p, "ab*?", 4, p_length, pattern);
			for (int t_length = 0; t_length <= 6; t_length++)
				for (int t = 0; t < 1 << t_length; t++, n++) {
					spell(t, "ab", 2, t_length, text);
					n_wrong += glob_matches(str_of(pattern), str_of(text)) != by_definition(pattern, text);
				}
		}
	expect_int(n, 1365 * 127);
	expect_int(n_wrong, 0);
}

/* --- addresses --- */

static const struct {
	const char *name, *pattern, *address;	/* address "": the null one */
	bool want;
} addresses[] = {
	{ "an address in full", "a@example.org", "a@example.org", true },
	{ "another mailbox", "a@example.org", "b@example.org", false },
	{ "another domain", "a@example.org", "a@example.com", false },
	{ "the case of the domain is nothing", "a@Example.ORG", "a@eXample.org", true },
	{ "nor is that of the local part", "Mailman@example.org", "mailMAN@example.org", true },
	{ "a star", "*-bounces@lists.example.com", "team-bounces@lists.example.com", true },
	{ "a star matches no @", "*@example.org", "a@example.org.example.net", false },
	{ "a domain in the local part is none", "*@example.org", "\"a@example.org\"@example.net", false },
	{ "all of a domain", "@example.org", "a@example.org", true },
	{ "and not what is below it", "@example.org", "a@b.example.org", false },
	{ "what is below a domain", "@.example.org", "a@c.b.example.org", true },
	{ "and not itself", "@.example.org", "a@example.org", false },
	{ "nor one that only ends so", "@.example.org", "a@badexample.org", false },
	{ "a star in the domain", "@mx*.example.org", "a@mx17.example.org", true },
	{ "a star passes dots", "@*.example.org", "a@c.b.example.org", true },
	{ "a star for the top", "@example.*", "a@example.co.uk", true },
	{ "everything", "*@*", "a@example.org", true },
	{ "everything is mailboxes", "*@*", "", false },
	{ "all of all domains is mailboxes too", "@*", "", false },
	{ "the null reverse-path", "<>", "", true },
	{ "is no mailbox", "<>", "a@example.org", false },
	{ "a U-label in the pattern", "a@b\xc3\xbc" "cher.example", "a@xn--bcher-kva.example", true },
	{ "a U-label in the mail", "a@xn--bcher-kva.example", "a@B\xc3\xbc" "cher.example", true },
	{ "a U-label below a star", "@*.b\xc3\xbc" "cher.example", "a@x.xn--bcher-kva.example", true },
	{ "a local part in UTF-8", "b\xc3\xbc" "cher*@example.org", "b\xc3\xbc" "cher-1@example.org", true },
	{ "quotes are no part of the mailbox", "a@example.org", "\"a\"@example.org", true },
	{ "in the pattern neither", "\"a\"@example.org", "a@example.org", true },
	{ "nor are quoted pairs", "a b@example.org", "\"a\\ b\"@example.org", true },
	{ "an empty local part is a mailbox", "@example.org", "\"\"@example.org", true },
	{ "a literal", "a@[192.0.2.1]", "a@[192.0.2.1]", true },
	{ "a star inside of a literal", "@[192.0.2.*]", "a@[192.0.2.77]", true },
	{ "a literal's case is nothing", "a@[ipv6:2001:DB8::1]", "a@[IPv6:2001:db8::1]", true },
	{ "an @ in the local part", "\"a@b\"@example.org", "\"a@b\"@example.org", true },
};

static bool
matches(const char *pattern_text, const char *address_text)
{
	struct address address = { .local = STR_EMPTY, .domain = STR_EMPTY };
	struct address_pattern pattern;
	struct plain_address plain;
	struct arena arena;
	const char *why = "";
	bool is_match;

	arena_init(&arena, ARENA_MAX_BYTES);
	expect(address_pattern_read(str_of(pattern_text), &arena, &pattern, &why));
	expect_text(why, "");
	expect_str(pattern.text, str_of(pattern_text));
	if (address_text[0] != '\0')
		expect(address_parse(str_of(address_text), true, &address));
	expect(address_plain(&address, &arena, &plain));
	is_match = address_pattern_matches(&pattern, &plain);
	arena_fini(&arena);
	return is_match;
}

static const struct {
	const char *pattern, *why;
} bad_addresses[] = {
	{ "", "has no @: local@domain is wanted, @domain for all of a domain, or <>" },
	{ "example.org", "has no @: local@domain is wanted, @domain for all of a domain, or <>" },
	{ "*", "has no @: local@domain is wanted, @domain for all of a domain, or <>" },
	{ "a@", "has no domain behind its @, nor a pattern of some" },
	{ "@.", "has no domain behind its @, nor a pattern of some" },
	{ "a@example..org", "has no domain behind its @, nor a pattern of some" },
	{ "a@example.org.", "has no domain behind its @, nor a pattern of some" },
	{ "a@-example.org", "has no domain behind its @, nor a pattern of some" },
	{ "a@exa mple.org", "has no domain behind its @, nor a pattern of some" },
	{ "a@xn--bch.\xc6\x9a.example", "has no domain behind its @, nor a pattern of some" },	/* bch is no Punycode */
	{ "a@*b\xc3\xbc" "cher.example", "has no domain behind its @, nor a pattern of some" },
	{ "a@[192.0.2.1", "has no domain behind its @, nor a pattern of some" },
	{ "<a@example.org>", "has no domain behind its @, nor a pattern of some" },
	{ "a\x7f" "b@example.org", "is too long, or no text" },
	{ "a\xff@example.org", "is too long, or no text" },
};

static void
test_addresses(void)
{
	struct address_pattern pattern;
	struct arena arena;
	char room[2 * PATTERN_MAX_BYTES];
	const char *why;

	for (int i = 0; i < N_OF(addresses); i++) {
		test_case("address: %s", addresses[i].name);
		expect(matches(addresses[i].pattern, addresses[i].address) == addresses[i].want);
	}
	arena_init(&arena, ARENA_MAX_BYTES);
	for (int i = 0; i < N_OF(bad_addresses); i++) {
		test_case("address: \"%s\" is no pattern", bad_addresses[i].pattern);
		why = "";
		expect(!address_pattern_read(str_of(bad_addresses[i].pattern), &arena, &pattern, &why));
		expect_text(why, bad_addresses[i].why);
	}
	test_case("address: what is too long is no pattern");
	memset(room, 'a', sizeof(room));
	room[1] = '@';
	expect(!address_pattern_read(str_n(room, 300), &arena, &pattern, &why));
	room[1] = 'a';
	room[PATTERN_MAX_BYTES] = '@';
	expect(!address_pattern_read(str_n(room, PATTERN_MAX_BYTES + 2), &arena, &pattern, &why));
	arena_fini(&arena);
}

/* --- fields --- */

#define HEADER \
	"Received: from a by b\r\n" \
	"List-Id: Team\r\n\t<team.lists.example.com>\r\n" \
	"Precedence:bulk\r\n" \
	"X-Campaign : one\r\n" \
	"X-Many: first\r\n" \
	"X-Many: second\r\n" \
	"X-Empty:\r\n" \
	"Auto-Submitted: auto-generated (by a program)\r\n"

static const struct {
	const char *name, *pattern;
	bool want;
} fields[] = {
	{ "there is such a field", "List-Id", true },
	{ "in any case", "LIST-ID", true },
	{ "there is none", "List-Unsubscribe", false },
	{ "a name that only begins so", "List-I", false },
	{ "a value", "Precedence: bulk", true },
	{ "a value in any case", "precedence: BULK", true },
	{ "another value", "Precedence: list", false },
	{ "all of the value", "Precedence: bul", false },
	{ "without a blank behind the colon", "Precedence:bulk", true },
	{ "a pattern", "Auto-Submitted: auto-*", true },
	{ "a folded value is one line", "List-Id: Team <team.*>", true },
	{ "a folded value, by stars", "List-Id: *<*.lists.example.com>", true },
	{ "a blank before the mail's colon", "X-Campaign: one", true },
	{ "the second of two fields", "X-Many: second", true },
	{ "neither of two", "X-Many: third", false },
	{ "an empty field is there", "X-Empty", true },
	{ "and matches what may be empty", "X-Empty: *", true },
	{ "and not what may not", "X-Empty: ?*", false },
	{ "a colon in the pattern of the value", "X-Many: f:rst", false },
};

static const struct {
	const char *pattern, *why;
} bad_fields[] = {
	{ "", "does not begin with the name of a field" },
	{ ": bulk", "does not begin with the name of a field" },
	{ "Two Words", "does not begin with the name of a field" },
	{ "\xc3\xa9: x", "does not begin with the name of a field" },
	{ "Precedence:", "has nothing behind its colon; a name alone is for any value" },
	{ "Precedence:  ", "has nothing behind its colon; a name alone is for any value" },
	{ "Precedence: a\x7f" "b", "is too long, or no text" },
};

static void
test_fields(void)
{
	struct header_section header;
	struct field_pattern pattern;
	struct arena arena;
	const char *why = "";

	arena_init(&arena, ARENA_MAX_BYTES);
	insist(header_read(STR(HEADER "\r\n"), &arena, &header) == 0);
	for (int i = 0; i < N_OF(fields); i++) {
		test_case("field: %s", fields[i].name);
		expect(field_pattern_read(str_of(fields[i].pattern), &arena, &pattern, &why));
		expect_str(pattern.text, str_of(fields[i].pattern));
		expect(field_pattern_matches(&pattern, &header) == fields[i].want);
	}
	for (int i = 0; i < N_OF(bad_fields); i++) {
		test_case("field: \"%s\" is no pattern", bad_fields[i].pattern);
		expect(!field_pattern_read(str_of(bad_fields[i].pattern), &arena, &pattern, &why));
		expect_text(why, bad_fields[i].why);
	}
	arena_fini(&arena);
}

static void
test_long_value(void)
{
	static char bytes[FIELD_PATTERN_VALUE_MAX_BYTES + 100];
	struct header_section header;
	struct field_pattern pattern;
	struct arena arena;
	const char *why;

	test_case("field: of a long value the front is looked at");
	arena_init(&arena, ARENA_MAX_BYTES);
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "A: ", 3);
	memcpy(bytes + sizeof(bytes) - 3, "y\r\n", 3);
	insist(header_read(str_n(bytes, sizeof(bytes)), &arena, &header) == 0);
	insist(field_pattern_read(STR("A: x*"), &arena, &pattern, &why));
	expect(field_pattern_matches(&pattern, &header));
	insist(field_pattern_read(STR("A: *y"), &arena, &pattern, &why));
	expect(!field_pattern_matches(&pattern, &header));
	arena_fini(&arena);
}

/* Else mail of nothing but one field holds up the others for seconds, where there are many patterns. */
static void
test_many_values(void)
{
	struct header_section header;
	struct field_pattern pattern;
	struct arena arena;
	struct buf bytes;
	const char *why;

	arena_init(&arena, ARENA_MAX_BYTES);
	buf_init(&bytes, ARENA_MAX_BYTES);
	for (int i = 0; i < FIELD_PATTERN_VALUES_MAX; i++)
		insist(buf_printf(&bytes, "A: x%d\r\nB: y\r\n", i) == 0);
	insist(buf_append(&bytes, STR("A: z\r\n\r\n")) == 0 && header_read(buf_str(&bytes), &arena, &header) == 0);
	test_case("field: of very many the first are looked at");
	insist(field_pattern_read(STR("A: x99"), &arena, &pattern, &why));
	expect(field_pattern_matches(&pattern, &header));
	insist(field_pattern_read(STR("A: z"), &arena, &pattern, &why));
	expect(!field_pattern_matches(&pattern, &header));
	buf_fini(&bytes);
	arena_fini(&arena);
}

int
main(void)
{
	test_globs();
	test_glob_time();
	test_all_globs();
	test_addresses();
	test_fields();
	test_long_value();
	test_many_values();
	return test_end();
}
