/*
 * test_class_actions.c - what a class sets: told, kept by name, and what a mail may have before its class is known
 */
#include "base/insist.h"
#include "policy/class_bounds.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define LIST(...)	(const char *const[]){ __VA_ARGS__ }

enum { ARENA_MAX_BYTES = 256 * 1024 };

static const uint64_t seed[2] = { 1, 2 };
static const struct header_field fields[] = { { STR("X-Kind"), STR(" bulk"), STR("X-Kind: bulk\r\n") } };
static const struct class_rate rates[] = { { .unit = RATE_OF_BYTES, .key = RATE_PER_LOGIN, .limit = { .most = 7, .window = { 1 } } } };

/* --- told --- */

static const struct words_row {
	const char		*name;
	struct class_actions	 actions;
	const char		*want;
} words_rows[] = {
	{ "nothing is set", { .signing = CLASS_SIGNING_AUTO }, "" },
	{ "a route, without what tells it from a relay", { .route = "route:bulk" }, "route:bulk" },
	{ "a route's title may be anything, a word has no blanks", { .route = "route:the \"big\", one" }, "route:the??big???one" },
	{ "signing off", { .signing = CLASS_SIGNING_OFF }, "sign:no" },
	{ "signing on, by a key", { .signing = CLASS_SIGNING_ON, .sign_as = "lists" }, "sign:yes,sign-as:lists" },
	{ "no checks, no SRS", { .verify = CLASS_VERIFY_OFF, .srs = SRS_WISH_NEVER }, "verify:no,srs:never" },
	{ "checks and SRS", { .verify = CLASS_VERIFY_ON, .srs = SRS_WISH_ALWAYS }, "verify:yes,srs:always" },
	{ "srs = auto is something: the route may say never", { .srs = SRS_WISH_AUTO }, "srs:auto" },
	{ "limits", { .message_max_bytes = 1048576, .recipients_max = 10, .rates = rates, .n_rates = 1 }, "max-message:1048576,max-recipients:10,rates:1" },
	{ "fields and a hold", { .removed = LIST("X-A", "X-B"), .n_removed = 2, .added = fields, .n_added = 1, .is_held = true }, "removes:2,adds:1,hold" },
	{ "a hold alone", { .is_held = true }, "hold" },
};

static void
test_words(void)
{
	for (int i = 0; i < N_OF(words_rows); i++) {
		struct buf words;

		test_case("told: %s", words_rows[i].name);
		buf_init(&words, 1000);
		expect_int(class_actions_words(&words_rows[i].actions, &words), 0);
		expect_str(buf_str(&words), str_of(words_rows[i].want));
		expect_int(class_actions_is_none(&words_rows[i].actions), words_rows[i].want[0] == '\0');
		buf_fini(&words);
	}
}

static void
test_words_without_room(void)
{
	const struct class_actions actions = { .route = "route:bulk", .recipients_max = 10, .is_held = true };

	test_case("told: without room for all, nothing is");
	for (size_t room = 3; room < sizeof("...route:bulk,max-recipients:10,hold") - 1; room++) {
		struct buf words;

		buf_init(&words, room);
		insist(buf_append(&words, STR("...")) == 0);
		expect_int(class_actions_words(&actions, &words), -1);
		expect_int((int64_t)words.len, 3);
		buf_fini(&words);
	}
}

static void
test_words_of_class(void)
{
	const struct class_actions actions = { .is_held = true };
	const struct mail_class class = { .match = { .name = "x", .peer = { .word = "login" } }, .actions = &actions, .direction = DIRECTION_OUTBOUND };
	struct buf words;

	test_case("told: with the class, in the log");
	buf_init(&words, sizeof("class=x class-by=login direction=outbound class-sets=hold") - 1);
	expect_int(classify_words(&class, &words), 0);
	expect_str(buf_str(&words), STR("class=x class-by=login direction=outbound class-sets=hold"));
	test_case("told: without room for what it sets, the class is");
	words.max--;
	buf_clear(&words);
	expect_int(classify_words(&class, &words), 0);
	expect_str(buf_str(&words), STR("class=x class-by=login direction=outbound"));
	buf_fini(&words);
}

/* --- fields --- */

static const struct field_row {
	const char	*name;
	bool		 may_go, may_come, may_come_instead;
} field_rows[] = {
	{ "X-Anything", true, true, true },
	{ "List-Unsubscribe", true, true, true },
	{ "Precedence", true, true, true },
	{ "Subject", true, false, true },
	{ "reply-to", true, false, true },
	{ "Bcc", true, false, true },
	{ "Received", false, false, false },
	{ "FROM", false, false, false },
	{ "Date", false, false, false },
	{ "Message-Id", false, false, false },
	{ "MIME-Version", false, false, false },
	{ "content-type", false, false, false },
	{ "Content-Transfer-Encoding", false, false, false },
	{ "Content-Disposition", true, true, true },
	{ "Return-Path", false, false, false },
	{ "DKIM-Signature", false, false, false },
	{ "ARC-Seal", false, false, false },
	{ "Authentication-Results", true, false, false },
	{ "Received-SPF", true, false, false },
};

static void
test_fields(void)
{
	for (int i = 0; i < N_OF(field_rows); i++) {
		const struct field_row *row = &field_rows[i];

		test_case("fields: %s", row->name);
		expect_int(class_field_why_not_remove(str_of(row->name)) == NULL, row->may_go);
		expect_int(class_field_why_not_add(str_of(row->name), false) == NULL, row->may_come);
		expect_int(class_field_why_not_add(str_of(row->name), true) == NULL, row->may_come_instead);
	}
}

/* --- kept, by name --- */

static void
test_by_name(void)
{
	char name[] = "X-Gone", route[] = "route:bulk", sign_as[] = "lists";
	const char *removed[] = { name };
	struct class_section section = { .name = "list", .actions = { .route = route, .sign_as = sign_as, .removed = removed, .n_removed = 1,
	    .added = fields, .n_added = 1, .rates = rates, .n_rates = 1, .recipients_max = 3 } };
	struct class_rules *rules = class_rules_new(&section, 1);
	const struct class_actions *kept;

	test_case("kept: by the class's name, and what was given may go");
	memset(name, 'x', sizeof(name) - 1);
	memset(route, 'x', sizeof(route) - 1);
	memset(sign_as, 'x', sizeof(sign_as) - 1);
	kept = class_rules_actions(rules, STR("list"));
	expect_text(kept->route, "route:bulk");
	expect_text(kept->sign_as, "lists");
	expect_text(kept->removed[0], "X-Gone");
	expect_str(kept->added[0].whole, STR("X-Kind: bulk\r\n"));
	expect_int(kept->rates[0].limit.most, 7);
	expect_int(kept->recipients_max, 3);
	test_case("kept: of a name that no section has there is nothing set, and it is not NULL");
	expect(class_actions_is_none(class_rules_actions(rules, STR("lis"))));
	expect(class_actions_is_none(class_rules_actions(rules, STR_EMPTY)));
	class_rules_free(rules);
}

/* --- before the class is known --- */

/* 10.0.0.0/8 */
static const struct network net[] = { { .ip = { IP_V4, { 10 } }, .prefix_bits = 8 } };
static const char *const moved[] = { "example.org" };
static const struct relay_rule relays[] = { { .name = "moved", .domains = moved, .n_domains = 1 } };

static const struct class_section sections[] = {
	{ .name = "bulk", .networks = net, .n_networks = 1, .fields = LIST("List-Id"), .n_fields = 1,
	    .actions = { .message_max_bytes = 5000, .recipients_max = 500, .route = "route:bulk" } },
	{ .name = "many", .networks = net, .n_networks = 1, .recipients_least = 2, .actions = { .message_max_bytes = 100 } },
	{ .name = "sender", .networks = net, .n_networks = 1, .senders = LIST("a@example.net"), .n_senders = 1,
	    .actions = { .message_max_bytes = 9000, .recipients_max = 9 } },
	{ .name = "net", .networks = net, .n_networks = 1, .actions = { .message_max_bytes = 1000, .recipients_max = 10 } },
	{ .name = "behind", .networks = net, .n_networks = 1, .actions = { .message_max_bytes = 999999, .recipients_max = 999 } },
	{ .name = "incoming", .actions = { .message_max_bytes = 77, .recipients_max = 7 } },
};

static const struct outlook_row {
	const char	*name;
	const char	*client;
	bool		 is_trusted;
	const char	*sender;		/* NULL: before MAIL */
	int		 n_recipients;
	const char	*header;		/* NULL: not yet */
	int64_t		 want_bytes;
	int		 want_recipients, want_floor;
	bool		 want_route;
} outlooks[] = {
	{ "before MAIL, all sections of the peer up to the first that needs no more", "10.0.0.1", true, NULL, 0, NULL, 9000, 0, 9, true },
	{ "another sender's section is out of it then", "10.0.0.1", true, "b@example.net", 0, NULL, 5000, 0, 10, true },
	{ "the sender's section hides those behind it", "10.0.0.1", true, "a@example.net", 0, NULL, 9000, 0, 9, true },
	{ "with two recipients it is settled but for the header", "10.0.0.1", true, "a@example.net", 2, NULL, 5000, 0, 500, true },
	{ "with a header that says nothing it is settled", "10.0.0.1", true, "b@example.net", 1, "X: y\r\n", 1000, 10, 10, false },
	{ "or with one that says it", "10.0.0.1", true, "b@example.net", 1, "List-Id: x\r\n", 5000, 500, 500, true },
	{ "an outsider's claims never count, so nothing waits for them", "10.0.0.1", false, "a@example.net", 0, NULL, 1000, 0, 10, false },
	{ "and with two recipients his is settled", "10.0.0.1", false, "a@example.net", 2, NULL, 100, 0, 0, false },
	{ "of no section: that of the class that it has without one", "192.0.2.1", false, "a@example.net", 1, NULL, 77, 7, 7, false },
	{ "of no section, a trusted peer's: its listener's class has none", "192.0.2.1", true, "a@example.net", 1, NULL, 0, 0, 0, false },
};

static void
test_outlook(const struct policy *policy, const struct outlook_row *row)
{
	struct peer peer = { .is_trusted = row->is_trusted, .listener = STR("mx") };
	struct envelope envelope = { .n_recipients = 0 };
	struct header_section header;
	struct class_evidence evidence = { .peer = &peer, .listener_class = "local", .certificate_name = STR_EMPTY };
	struct class_outlook outlook;
	struct arena arena;
	struct str text;

	test_case("outlook: %s", row->name);
	arena_init(&arena, ARENA_MAX_BYTES);
	insist(ip_parse(str_of(row->client), &peer.client.ip));
	if (row->sender != NULL) {
		insist(address_parse(str_of(row->sender), false, &envelope.reverse_path));
		evidence.envelope = &envelope;
	}
	for (int i = 0; i < row->n_recipients; i++) {
		struct recipient recipient = { .orcpt = STR_EMPTY };

		insist(address_parse(STR("x@example.org"), false, &recipient.address) && envelope_add_recipient(&envelope, &recipient, &arena));
	}
	if (row->header != NULL) {
		insist(arena_printf(&arena, &text, "%s\r\n", row->header) && header_read(text, &arena, &header) == 0);
		evidence.header = &header;
	}
	outlook = classify_outlook(policy, &evidence);
	expect_int(outlook.message_max_bytes, row->want_bytes);
	expect_int(outlook.recipients_max, row->want_recipients);
	expect_int(outlook.recipients_floor, row->want_floor);
	expect_int(outlook.has_route, row->want_route);
	arena_fini(&arena);
}

/* Recipients one by one, by a class that is found by their number. */
static void
test_bounds(void)
{
	static const struct class_section by_number[] = {
		{ .name = "many", .networks = net, .n_networks = 1, .recipients_least = 6, .actions = { .recipients_max = 8 } },
		{ .name = "few", .networks = net, .n_networks = 1, .actions = { .recipients_max = 4, .message_max_bytes = 100, .route = "route:few" } },
	};
	struct policy_settings settings = { .hostname = "mx.example.com", .classes = { .sections = by_number, .n_sections = 2 } };
	struct policy *policy = policy_new(&settings, seed);
	struct peer peer = { .listener = STR("mx"), .client.ip = { IP_V4, { 10, 0, 0, 1 } } };
	struct envelope envelope = { .n_recipients = 0 };
	struct class_evidence evidence = { .peer = &peer, .listener_class = "local", .certificate_name = STR_EMPTY, .envelope = &envelope };
	struct recipient recipient = { .orcpt = STR_EMPTY };
	struct class_bounds bounds;
	struct arena arena;

	arena_init(&arena, ARENA_MAX_BYTES);
	insist(address_parse(STR("x@example.org"), false, &recipient.address));
	test_case("bounds: one more is taken as long as a class takes it that the mail may still be of");
	class_bounds_begin(&bounds, policy, &evidence);
	while (envelope.n_recipients < 20 && class_bounds_take_recipient(&bounds, policy, &evidence))
		insist(envelope_add_recipient(&envelope, &recipient, &arena));
	expect_int(envelope.n_recipients, 8);
	expect(bounds.has_route == false && !class_bounds_is_too_large(&bounds, 101));
	test_case("bounds: each recipient may be any, where none alone tells of a class");
	class_bounds_begin(&bounds, policy, &evidence);
	expect(class_bounds_take_this(&bounds, policy, &evidence, &recipient));
	test_case("bounds: of a class that is known they are its own");
	class_bounds_settle(&bounds, &by_number[1].actions);
	expect(bounds.has_route && class_bounds_is_too_large(&bounds, 101) && !class_bounds_is_too_large(&bounds, 100));
	expect(!class_bounds_take_recipient(&bounds, policy, &evidence));
	envelope.n_recipients = 3;
	expect(class_bounds_take_recipient(&bounds, policy, &evidence));
	test_case("bounds: of one that sets none there are none");
	class_bounds_settle(&bounds, class_rules_actions(policy_class_rules(policy), STR("other")));
	envelope.n_recipients = 8;
	expect(class_bounds_take_recipient(&bounds, policy, &evidence) && !class_bounds_is_too_large(&bounds, UINT64_MAX));
	arena_fini(&arena);
	policy_free(policy);
}

/* --- checks --- */

static const struct verify_row {
	const char		*name;
	enum class_verify	 verify;
	bool			 is_trusted;
	const char		*want;
} verifies[] = {
	{ "without a class, outsiders are checked", CLASS_VERIFY_AUTO, false, NULL },
	{ "and trusted peers are not", CLASS_VERIFY_AUTO, true, "trusted" },
	{ "on, trusted peers are", CLASS_VERIFY_ON, true, NULL },
	{ "on, outsiders are as ever", CLASS_VERIFY_ON, false, NULL },
	{ "off, outsiders are not", CLASS_VERIFY_OFF, false, "class" },
	{ "off, trusted peers are not as ever", CLASS_VERIFY_OFF, true, "trusted" },
};

static void
test_verify(void)
{
	for (int i = 0; i < N_OF(verifies); i++) {
		const struct peer peer = { .is_trusted = verifies[i].is_trusted };

		test_case("checks: %s", verifies[i].name);
		expect_text(class_verify_why_not(verifies[i].verify, &peer), verifies[i].want);
	}
}

int
main(void)
{
	struct policy_settings settings = { .hostname = "mx.example.com", .relays = relays, .n_relays = 1,
	    .classes = { .sections = sections, .n_sections = N_OF(sections) } };
	struct policy *policy = policy_new(&settings, seed);

	test_words();
	test_words_without_room();
	test_words_of_class();
	test_fields();
	test_by_name();
	for (int i = 0; i < N_OF(outlooks); i++)
		test_outlook(policy, &outlooks[i]);
	test_bounds();
	test_verify();
	policy_free(policy);
	return test_end();
}
