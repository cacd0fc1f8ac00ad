/*
 * test_judged.c - the line in the log of a mail that was judged, and mail that has none
 */
#include "base/insist.h"
#include "policy/judged.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

enum { ARENA_MAX_BYTES = 64 * 1024 };

static const struct row {
	const char		*name;
	const char		*why_unchecked;
	bool			 is_trusted;
	const char		*from;
	enum sign_source	 source;
	bool			 is_of_section;
	struct verdict		 verdict;
	struct survival		 survival;
	const char		*want;		/* NULL: no line */
} rows[] = {
	{ "mail from outside that nothing checks", "off", false, "a@example.net", SIGN_SOURCE_OUTSIDE, false, { .action = ACTION_ACCEPT }, { 0 }, NULL },
	{ "a trusted client's mail of no domain of ours", "trusted", true, "a@example.net", SIGN_SOURCE_TRUSTED, false, { .action = ACTION_ACCEPT }, { 0 }, NULL },
	{ "the same, of a class section", "trusted", true, "a@example.net", SIGN_SOURCE_TRUSTED, true, { .action = ACTION_ACCEPT }, { 0 },
	    "unchecked=trusted verdict=accept unsigned=no-rule class=list class-by=network direction=outbound" },
	{ "mail from outside that nothing checks, of a class section", "off", false, "a@example.com", SIGN_SOURCE_OUTSIDE, true, { .action = ACTION_ACCEPT }, { 0 },
	    "unchecked=off verdict=accept class=list class-by=network direction=outbound" },
	{ "a trusted client's mail that is signed", "trusted", true, "a@example.com", SIGN_SOURCE_TRUSTED, false, { .action = ACTION_ACCEPT }, { 0 },
	    "unchecked=trusted verdict=accept signed=example.com:s class=list class-by=network direction=outbound" },
	{ "what could not be signed", "trusted", true, "a@example.com", SIGN_SOURCE_TRUSTED, false, { .action = ACTION_DEFER, .reason = "signing" }, { 0 },
	    "unchecked=trusted verdict=defer:signing unsigned=failed class=list class-by=network direction=outbound" },
	{ "signing that is off for the class", "trusted", true, "a@example.com", SIGN_SOURCE_CLASS_OFF, true, { .action = ACTION_ACCEPT }, { 0 },
	    "unchecked=trusted verdict=accept unsigned=class class=list class-by=network direction=outbound" },
	{ "checked mail, though it passed nothing", NULL, false, "a@example.net", SIGN_SOURCE_OUTSIDE, false, { .action = ACTION_ACCEPT }, { 0 },
	    "verdict=accept class=list class-by=network direction=outbound" },
	{ "checked mail that is doomed behind us", NULL, false, "a@example.net", SIGN_SOURCE_OUTSIDE, false, { .action = ACTION_REJECT, .reason = "doomed" },
	    { .is_doomed = true, .reason = "spf-only" }, "verdict=reject:doomed survives=none doomed=spf-only class=list class-by=network direction=outbound" },
};

static void
test_row(const struct policy *policy, const struct row *row)
{
	const struct peer peer = { .is_trusted = row->is_trusted, .name_state = PEER_NAME_UNASKED };
	const struct envelope envelope = { .n_recipients = 0 };
	const struct findings findings = { .why_unchecked = row->why_unchecked };
	const struct stamp_inputs stamped = { .policy = policy, .peer = &peer, .envelope = &envelope, .findings = &findings };
	const struct class_actions actions = { .signing = CLASS_SIGNING_AUTO };
	const struct mail_class class = { .actions = &actions, .is_of_section = row->is_of_section, .direction = DIRECTION_OUTBOUND,
	    .match = { .name = "list", .peer = { .word = "network" } } };
	struct judged judged = { .stamped = &stamped, .verdict = &row->verdict, .survival = &row->survival, .class = &class };
	struct header_section header;
	struct arena arena;
	struct seal *seal;
	struct str text;
	struct buf words;

	test_case("%s", row->name);
	arena_init(&arena, ARENA_MAX_BYTES);
	insist(arena_printf(&arena, &text, "From: %s\r\n\r\n", row->from) && header_read(text, &arena, &header) == 0);
	judged.seal = seal = seal_new(&(struct seal_inputs){ .policy = policy, .source = row->source, .header = &header, .now = { 1 } });
	buf_init(&words, STAMP_WORDS_MAX_BYTES);
	expect(judged_words(&judged, &words) == (row->want != NULL));
	expect_str(buf_str(&words), row->want != NULL ? str_of(row->want) : STR_EMPTY);
	buf_fini(&words);
	seal_free(seal);
	arena_fini(&arena);
}

int
main(void)
{
	struct dkim_key *keys[] = { dkim_key_new(STR(RFC8463_ED25519_PEM), NULL) };
	struct dkim_signer_settings signer = { .domain = "example.com", .selectors = { { "s", keys[0] } }, .n_selectors = 1 };
	struct sign_rule rules[] = { { .domain = "example.com", .signer = dkim_signer_new(&signer, NULL) } };
	struct policy_settings settings = { .hostname = "mx.example.net", .signing = { .keys = keys, .n_keys = 1, .rules = rules, .n_rules = 1 } };
	struct policy *policy = policy_new(&settings, (uint64_t[]){ 1, 2 });

	for (int i = 0; i < N_OF(rows); i++)
		test_row(policy, &rows[i]);
	policy_free(policy);
	return test_end();
}
