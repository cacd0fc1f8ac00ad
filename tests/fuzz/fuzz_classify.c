/*
 * fuzz_classify.c - patterns and classes: a glob is what its definition says, a pattern knows its own address in any case, and whatever
 * an outsider claims, his mail is incoming
 *
 * The input is a glob and a text for it, a pattern of addresses and one of fields, a reverse-path, and a header section.
 */
#include "policy/classify.h"
#include "policy/class/glob.h"
#include "policy/class/pattern.h"
#include "tests/fuzz/fuzz.h"

enum { GLOB_MAX_BYTES = 400 };		/* the definition takes the product of both in memory */

/* --- globs --- */

/* Which places of the text are reached behind each byte of the pattern: no greed, nothing gone back to. */
static bool
by_definition(struct str pattern, struct str text)
{
	static bool reached[GLOB_MAX_BYTES + 1], next[GLOB_MAX_BYTES + 1];

	memset(reached, 0, sizeof(reached));
	reached[0] = true;
	for (size_t p = 0; p < pattern.len; p++) {
		memset(next, 0, sizeof(next));
		for (size_t t = 0; t <= text.len; t++) {
			size_t n_character = t < text.len ? str_utf8_len(str_from(text, t)) : 0;
			size_t behind = t + (n_character > 0 ? n_character : 1);

			if (pattern.at[p] == '*') {
				next[t] |= reached[t];
				if (next[t] && t < text.len)
					next[behind] = true;
			} else if (reached[t] && t < text.len) {
				if (pattern.at[p] == '?')
					next[behind] = true;
				else if (pattern.at[p] == text.at[t])
					next[t + 1] = true;
			}
		}
		memcpy(reached, next, sizeof(reached));
	}
	return reached[text.len];
}

static void
check_glob(struct str pattern, struct str text)
{
	bool matches = glob_matches(pattern, text);

	insist(!matches || glob_matches_nocase(pattern, text));
	if (pattern.len <= GLOB_MAX_BYTES && text.len <= GLOB_MAX_BYTES && str_is_utf8(pattern))
		insist(matches == by_definition(pattern, text));
	insist(!glob_is_pattern(text) ? glob_matches(text, text) : true);
}

/* --- addresses --- */

static struct str
other_case(struct str s, struct arena *arena)
{
	struct str copy;

	insist(arena_copy(arena, s, &copy));
	for (size_t i = 0; i < copy.len; i++) {
		char *c = (char *)(uintptr_t)&copy.at[i];

		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'))
			*c ^= 0x20;
	}
	return copy;
}

static bool
matches(const struct address_pattern *pattern, const struct address *address, struct arena *arena)
{
	struct plain_address plain;

	insist(address_plain(address, arena, &plain));
	return address_pattern_matches(pattern, &plain);
}

static void
check_address(struct str text, const struct address *sender, struct arena *arena)
{
	struct address_pattern pattern, again;
	struct address own, cased = { .local = other_case(sender->local, arena), .domain = other_case(sender->domain, arena) };
	const char *why = NULL;
	bool is_match;

	if (!address_pattern_read(text, arena, &pattern, &why)) {
		insist(why != NULL);
		return;
	}
	insist(str_eq(pattern.text, text) && address_pattern_read(pattern.text, arena, &again, &why));
	is_match = matches(&pattern, sender, arena);
	insist(!is_match || address_is_null(sender) == str_eq(text, STR("<>")));
	/* Not so in UTF-8, where a letter beside another may become another one. */
	if (address_is_ascii(sender))
		insist(matches(&pattern, &cased, arena) == is_match);
	if (!glob_is_pattern(text) && address_parse(text, true, &own))
		insist(matches(&pattern, &own, arena));
}

/* --- classes --- */

static void
check_class(const struct policy *policy, const struct class_evidence *evidence, bool is_outsider)
{
	struct mail_class class = classify(policy, evidence);
	struct buf told;

	insist(class_name_is_valid(str_of(class.match.name)));
	buf_init(&told, CLASSIFY_FIELD_MAX_BYTES);
	insist(classify_field(&class, "X-Traffic-Class", &told) == 0);
	insist(str_is_printable(str_sub(buf_str(&told), 0, told.len - 2)));
	buf_fini(&told);
	if (is_outsider) {
		insist(strcmp(class.match.name, "incoming") == 0 && class.direction == DIRECTION_INBOUND && !class.is_of_section);
		insist(classify_sign_source(&class, evidence->peer) == SIGN_SOURCE_OUTSIDE);
	}
}

static bool
allows(int64_t bound, int64_t of_class)
{
	return bound == 0 || (of_class > 0 && of_class <= bound);
}

/* At every step, from MAIL to the header, it allows what the mail's class turns out to allow. */
static void
check_outlook(const struct policy *policy, const struct class_evidence *evidence)
{
	const struct class_actions *actions = classify(policy, evidence).actions;
	struct envelope envelope = *evidence->envelope;
	struct class_evidence known = *evidence;

	known.envelope = &envelope;
	for (int step = 0; step <= evidence->envelope->n_recipients + 1; step++) {
		bool is_whole = step > evidence->envelope->n_recipients;
		struct class_outlook outlook;

		envelope.n_recipients = is_whole ? evidence->envelope->n_recipients : step;
		known.header = is_whole ? evidence->header : NULL;
		outlook = classify_outlook(policy, &known);
		insist(allows(outlook.message_max_bytes, actions->message_max_bytes) && allows(outlook.recipients_max, actions->recipients_max));
		insist(outlook.has_route || actions->route == NULL);
		insist(!is_whole || (outlook.message_max_bytes == actions->message_max_bytes && outlook.recipients_max == actions->recipients_max &&
		    outlook.has_route == (actions->route != NULL)));
	}
}

/* Sections of claims alone, for whom every client is in the network. */
static void
check_classes(struct str sender_pattern, struct str field_pattern, const struct envelope *envelope, const struct header_section *header,
    struct arena *arena)
{
	static const struct network everybody[] = { { .ip = { IP_V4, { 0 } }, .prefix_bits = 0 } };
	struct address_pattern a;
	struct field_pattern f;
	const char *why, *senders[] = { NULL, "*@*", "<>" }, *fields[] = { NULL, "From" };
	struct class_section sections[] = {
		{ .name = "claimed", .networks = everybody, .n_networks = 1, .senders = senders, .n_senders = 3, .fields = fields, .n_fields = 2,
		    .actions = { .signing = CLASS_SIGNING_ON, .message_max_bytes = 2000, .recipients_max = 5, .route = "route:claimed" } },
		{ .name = "alone", .senders = senders, .n_senders = 3, .fields = fields, .n_fields = 2, .recipients_least = 3,
		    .actions = { .signing = CLASS_SIGNING_ON, .message_max_bytes = 500, .recipients_max = 10 } },
		{ .name = "list", .actions = { .message_max_bytes = 1000, .recipients_max = 7 } },
	};
	struct policy_settings settings = { .hostname = "mx.example", .classes = { sections, 3, "X-Traffic-Class" } };
	struct peer peer = { .client.ip = { IP_V4, { 192, 0, 2, 1 } }, .listener = STR("mx") };
	struct class_evidence evidence = { .peer = &peer, .listener_class = "list", .certificate_name = STR_EMPTY, .envelope = envelope, .header = header };
	struct policy *policy;

	if (!address_pattern_read(sender_pattern, arena, &a, &why) || !field_pattern_read(field_pattern, arena, &f, &why))
		return;
	senders[0] = a.text.at;
	fields[0] = f.text.at;
	policy = policy_new(&settings, (uint64_t[]){ 1, 2 });
	check_class(policy, &evidence, true);
	check_outlook(policy, &evidence);
	peer.is_trusted = true;
	check_class(policy, &evidence, false);
	check_outlook(policy, &evidence);
	policy_free(policy);
	/* Without what matches any mail. */
	sections[0].n_senders = sections[0].n_fields = sections[1].n_senders = sections[1].n_fields = 1;
	policy = policy_new(&settings, (uint64_t[]){ 1, 2 });
	check_outlook(policy, &evidence);
	policy_free(policy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct envelope envelope = { .reverse_path = { .local = STR_EMPTY, .domain = STR_EMPTY } };
	struct str glob, text, sender_pattern, field_pattern, sender;
	struct header_section header;
	struct arena arena;
	struct fuzz f;
	unsigned choice;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	glob = fuzz_line(&f);
	text = fuzz_line(&f);
	sender_pattern = fuzz_line(&f);
	field_pattern = fuzz_line(&f);
	sender = fuzz_line(&f);
	check_glob(glob, text);
	if (!address_parse(sender, true, &envelope.reverse_path))
		envelope.reverse_path = (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
	check_address(sender_pattern, &envelope.reverse_path, &arena);
	if (header_read(f.rest, &arena, &header) == 0)
		check_classes(sender_pattern, field_pattern, &envelope, &header, &arena);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
