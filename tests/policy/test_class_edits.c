/*
 * test_class_edits.c - fields that a class takes away and puts on top: what is left, what is signed, and whose signatures that breaks
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/class_edits.h"
#include "policy/seal.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define LIST(...)	(const char *const[]){ __VA_ARGS__ }
#define FIELD(name, value)	{ STR(name), STR(" " value), STR(name ": " value "\r\n") }

enum { ARENA_MAX_BYTES = 256 * 1024, TEXT_MAX_BYTES = 10000 };

static const struct header_field list_fields[] = { FIELD("Precedence", "bulk"), FIELD("X-Kind", "a") };

static const struct header_field our_mailer[] = { FIELD("X-Mailer", "us") };

static const char mail[] =
	"Received: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\n"
	"X-Mailer: one\r\n"
	"From: a@example.com\r\n"
	"Authentication-Results: mail.relay.example; spf=pass\r\n"
	"Authentication-Results: other.example; spf=pass\r\n"
	"Subject: x\r\n"
	"x-mailer : two,\r\n three\r\n"
	"X-Traffic-Class: list\r\n"
	"\r\n";

static const struct row {
	const char		*name;
	struct class_actions	 actions;
	const char		*want;		/* the section that goes on */
	const char		*broken[4];	/* h= of signatures that this breaks */
	const char		*right[4];	/* and of such that it does not */
} rows[] = {
	{ "a class that sets nothing takes only what is ours", { .n_added = 0 },
	    "Received: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\nX-Mailer: one\r\nFrom: a@example.com\r\n"
	    "Authentication-Results: other.example; spf=pass\r\nSubject: x\r\nx-mailer : two,\r\n three\r\n",
	    { "from:x-traffic-class", "from:authentication-results:authentication-results" }, { "from:x-mailer:x-mailer:x-mailer", "from:subject:subject", "from:precedence" } },
	{ "names in any case, and each field of one", { .removed = LIST("X-MAILER", "X-None"), .n_removed = 2 },
	    "Received: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\nFrom: a@example.com\r\n"
	    "Authentication-Results: other.example; spf=pass\r\nSubject: x\r\n",
	    { "from:x-mailer", "from:X-Mailer:x-mailer", "from:x-mailer:x-mailer:x-mailer" }, { "from:subject", "from:x-none", "from:x-none:x-none" } },
	{ "others' results may go too", { .removed = LIST("Authentication-Results"), .n_removed = 1 },
	    "Received: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\nX-Mailer: one\r\nFrom: a@example.com\r\nSubject: x\r\nx-mailer : two,\r\n three\r\n",
	    { "from:authentication-results" }, { "from:x-mailer" } },
	{ "fields come on top", { .added = list_fields, .n_added = 2 },
	    "Precedence: bulk\r\nX-Kind: a\r\nReceived: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\nX-Mailer: one\r\nFrom: a@example.com\r\n"
	    "Authentication-Results: other.example; spf=pass\r\nSubject: x\r\nx-mailer : two,\r\n three\r\n",
	    { "from:precedence", "from:x-kind:x-kind" }, { "from:x-mailer:x-mailer:x-mailer", "from:subject:subject" } },
	{ "one in the place of another", { .removed = LIST("x-mailer"), .n_removed = 1, .added = our_mailer, .n_added = 1 },
	    "X-Mailer: us\r\nReceived: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\nFrom: a@example.com\r\n"
	    "Authentication-Results: other.example; spf=pass\r\nSubject: x\r\n",
	    { "from:x-mailer", "from:x-mailer:x-mailer" }, { "from:subject" } },
};

static void
test_row(const struct policy *policy, const struct row *row)
{
	struct header_section header, edited;
	struct field_changes changes;
	struct edits edits;
	struct arena arena;
	struct buf got;

	test_case("%s", row->name);
	arena_init(&arena, ARENA_MAX_BYTES);
	buf_init(&got, TEXT_MAX_BYTES);
	insist(header_read(str_of(mail), &arena, &header) == 0);
	expect(seal_edits(policy, &header, &arena, &edits) && class_edits(&row->actions, &header, &arena, &edits) &&
	    edits_apply(&edits, &header, &arena, &edited));
	for (int i = 0; i < edited.n_fields; i++)
		insist(buf_append(&got, edited.fields[i].whole) == 0);
	expect_str(buf_str(&got), str_of(row->want));
	expect_int((int64_t)edited.header_bytes, (int64_t)got.len);
	seal_changes(policy, &header, &edits, true, &changes);
	class_edits_change(&row->actions, &header, &edits, &changes);
	for (int i = 0; i < 4; i++) {
		if (row->broken[i] != NULL && !expect(field_changes_break(&changes, str_of(row->broken[i]))))
			printf("#   h=%s\n", row->broken[i]);
		if (row->right[i] != NULL && !expect(!field_changes_break(&changes, str_of(row->right[i]))))
			printf("#   h=%s\n", row->right[i]);
	}
	buf_fini(&got);
	arena_fini(&arena);
}

static void
test_most(const struct policy *policy)
{
	static const char *const names[] = { "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B1", "B2", "B3", "B4", "B5", "B6", "B7" };
	struct header_field added[CLASS_FIELDS_MAX];
	struct class_actions actions = { .removed = names, .n_removed = CLASS_FIELDS_MAX, .added = added, .n_added = CLASS_FIELDS_MAX };
	struct header_section header;
	struct field_changes changes;
	struct edits edits;
	struct arena arena, small;
	struct buf text;

	test_case("as many as there may be, each there before");
	insist(N_OF(names) == CLASS_FIELDS_MAX);
	arena_init(&arena, ARENA_MAX_BYTES);
	arena_init(&small, 1);
	buf_init(&text, TEXT_MAX_BYTES);
	for (int i = 0; i < CLASS_FIELDS_MAX; i++) {
		insist(buf_printf(&text, "%s: x\r\n", names[i]) == 0);
		insist(arena_printf(&arena, &added[i].name, "C%d", i) && arena_printf(&arena, &added[i].whole, "C%d: y\r\n", i));
	}
	insist(buf_append(&text, STR("\r\n")) == 0 && header_read(buf_str(&text), &arena, &header) == 0);
	expect(seal_edits(policy, &header, &arena, &edits) && class_edits(&actions, &header, &arena, &edits));
	expect_int(edits.n_removed, CLASS_FIELDS_MAX);
	seal_changes(policy, &header, &edits, true, &changes);
	class_edits_change(&actions, &header, &edits, &changes);
	expect(field_changes_break(&changes, STR("c15")) && field_changes_break(&changes, STR("b7")));
	test_case("without room it says so");
	edits = (struct edits){ .n_removed = 0 };
	expect(!class_edits(&actions, &header, &small, &edits));
	buf_fini(&text);
	arena_fini(&small);
	arena_fini(&arena);
}

int
main(void)
{
	struct policy_settings settings = { .hostname = "mail.relay.example", .classes = { .field_name = "X-Traffic-Class" },
	    .verify = { .with_received_spf = true } };
	struct policy *policy = policy_new(&settings, (uint64_t[]){ 1, 2 });

	for (int i = 0; i < N_OF(rows); i++)
		test_row(policy, &rows[i]);
	test_most(policy);
	policy_free(policy);
	return test_end();
}
