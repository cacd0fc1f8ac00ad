/*
 * test_classify.c - which class a mail is of, why, and which way it goes
 */
#include "base/insist.h"
#include "policy/classify.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define LIST(...)	(const char *const[]){ __VA_ARGS__ }

enum { RECIPIENTS_MAX = 4, ARENA_MAX_BYTES = 64 * 1024 };

static const uint64_t seed[2] = { 1, 2 };
static const char *const moved[] = { "example.org", ".example.org" };
static const struct relay_rule relays[] = { { .name = "moved", .domains = moved, .n_domains = 2 } };

/* 10.0.0.40, 10.1.0.0/16 and 2001:db8::/32 */
static const struct network lists_net[] = { { .ip = { IP_V4, { 10, 0, 0, 40 } }, .prefix_bits = 32 } };
static const struct network apps_net[] = { { .ip = { IP_V4, { 10, 1 } }, .prefix_bits = 16 },
    { .ip = { IP_V6, { 0x20, 0x01, 0x0d, 0xb8 } }, .prefix_bits = 32 } };
static const struct network side_net[] = { { .ip = { IP_V4, { 192, 0, 2, 77 } }, .prefix_bits = 32 } };
static const struct network any_net[] = { { .ip = { IP_V4, { 0 } }, .prefix_bits = 0 } };

/* In the order of a file. */
static const struct class_section sections[] = {
	{ .name = "reset", .logins = LIST("shop", "app-*"), .n_logins = 2, .senders = LIST("noreply@example.com"), .n_senders = 1,
	    .fields = LIST("X-Kind: password-*"), .n_fields = 1 },
	{ .name = "list", .networks = lists_net, .n_networks = 1, .senders = LIST("*-bounces@lists.example.com", "<>"), .n_senders = 2,
	    .fields = LIST("List-Id", "Precedence: list", "Precedence: bulk"), .n_fields = 3, .recipients_least = 3 },
	{ .name = "bulk", .fields = LIST("Precedence: bulk"), .n_fields = 1 },
	{ .name = "application", .networks = apps_net, .n_networks = 2, .logins = LIST("app-*"), .n_logins = 1,
	    .client_names = LIST("app.example.com", ".apps.example.com"), .n_client_names = 2 },
	{ .name = "vip", .listeners = LIST("mx"), .n_listeners = 1, .recipients = LIST("ceo@example.org", "@.board.example.org"), .n_recipients = 2 },
	{ .name = "never" },
	{ .name = "both", .listeners = LIST("side"), .n_listeners = 1, .networks = side_net, .n_networks = 1, .logins = LIST("side-*"), .n_logins = 1 },
	{ .name = "forged", .networks = any_net, .n_networks = 1, .senders = LIST("evil@*"), .n_senders = 1, .fields = LIST("X-Evil"), .n_fields = 1 },
};

static const struct row {
	const char	*name;
	const char	*client, *login, *certificate, *listener, *listener_class;
	bool		 is_trusted;
	const char	*sender;	/* "": null */
	const char	*recipients[RECIPIENTS_MAX];
	const char	*header;
	const char	*want;
} rows[] = {
	/* without a section */
	{ "an outsider's mail is incoming", "192.0.2.1", "", "", "mx", "incoming", false, "a@example.net", { "b@example.org" }, "",
	    "class=incoming class-by=outsider direction=inbound" },
	{ "at whatever listener", "192.0.2.1", "", "", "apps", "application", false, "a@example.net", { "b@example.org" }, "",
	    "class=incoming class-by=outsider direction=inbound" },
	{ "and whatever it claims", "192.0.2.1", "", "", "apps", "application", false, "team-bounces@lists.example.com", { "b@example.org" },
	    "List-Id: x\r\nPrecedence: bulk\r\nX-Kind: password-reset\r\nX-Traffic-Class: list\r\n", "class=incoming class-by=outsider direction=inbound" },
	{ "a HELO name is a claim", "192.0.2.1", "", "", "apps", "application", false, "a@app.example.com", { "b@example.org" }, "",
	    "class=incoming class-by=outsider direction=inbound" },
	{ "a trusted peer's is its listener's", "10.9.0.1", "", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=local class-by=listener direction=outbound" },
	{ "of a trusted peer at a listener for incoming mail too", "10.9.0.1", "", "", "in", "incoming", true, "a@example.com", { "b@example.org" }, "",
	    "class=incoming class-by=listener direction=internal" },

	/* direction */
	{ "one recipient outside makes it outbound", "10.9.0.1", "", "", "users", "local", true, "a@example.com",
	    { "b@example.org", "c@sub.example.org", "d@example.net" }, "", "class=local class-by=listener direction=outbound" },
	{ "recipients in relay domains alone make it internal", "10.9.0.1", "", "", "users", "local", true, "a@example.com",
	    { "b@EXAMPLE.org", "c@sub.example.org" }, "", "class=local class-by=listener direction=internal" },

	/* one peer criterion */
	{ "a network", "10.1.255.255", "", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=application class-by=network direction=outbound" },
	{ "the address behind it", "10.2.0.0", "", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=local class-by=listener direction=outbound" },
	{ "a network of IPv6", "2001:db8:ffff::1", "", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=application class-by=network direction=outbound" },
	{ "a login", "192.0.2.1", "app-7", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=application class-by=login direction=outbound" },
	{ "a login in the very case", "192.0.2.1", "App-7", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=local class-by=listener direction=outbound" },
	{ "a certificate", "192.0.2.1", "", "app.example.com", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=application class-by=certificate direction=outbound" },
	{ "a certificate below a name", "192.0.2.1", "", "x.apps.example.com", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=application class-by=certificate direction=outbound" },
	{ "that name itself is not below it", "192.0.2.1", "", "apps.example.com", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=local class-by=listener direction=outbound" },
	{ "a network counts for peers too that may not relay", "10.1.0.1", "", "", "mx2", "incoming", false, "a@example.com", { "b@example.org" }, "",
	    "class=application class-by=network direction=inbound" },
	{ "who is named by network comes in by that, wherever", "192.0.2.77", "", "", "side", "incoming", false, "a@example.com", { "b@example.org" }, "",
	    "class=both class-by=network direction=inbound" },
	{ "or by login", "192.0.2.78", "side-1", "", "side", "incoming", true, "a@example.com", { "b@example.org" }, "",
	    "class=both class-by=login direction=internal" },
	{ "others by the listener", "192.0.2.78", "", "", "side", "incoming", false, "a@example.com", { "b@example.org" }, "",
	    "class=both class-by=listener direction=inbound" },

	/* and one mail criterion */
	{ "a network and a sender", "10.0.0.40", "", "", "users", "local", true, "Team-Bounces@Lists.Example.COM", { "b@example.net" }, "",
	    "class=list class-by=network,sender direction=outbound" },
	{ "a network and the null reverse-path", "10.0.0.40", "", "", "users", "local", true, "", { "b@example.net" }, "",
	    "class=list class-by=network,sender direction=outbound" },
	{ "a network and a field", "10.0.0.40", "", "", "users", "local", true, "a@example.com", { "b@example.net" }, "precedence:  LIST\r\n",
	    "class=list class-by=network,field direction=outbound" },
	{ "a network and enough recipients", "10.0.0.40", "", "", "users", "local", true, "a@example.com",
	    { "b@example.net", "c@example.net", "d@example.net" }, "", "class=list class-by=network,recipients direction=outbound" },
	{ "a network and too few recipients", "10.0.0.40", "", "", "users", "local", true, "a@example.com",
	    { "b@example.net", "c@example.net" }, "", "class=local class-by=listener direction=outbound" },
	{ "a network alone does not do where a mail criterion is given", "10.0.0.40", "", "", "users", "local", true, "a@example.com",
	    { "b@example.net" }, "Precedence: junk\r\n", "class=local class-by=listener direction=outbound" },
	{ "a mail criterion alone does not do where a peer criterion is given", "10.9.0.1", "", "", "users", "local", true,
	    "team-bounces@lists.example.com", { "b@example.net" }, "List-Id: x\r\n", "class=local class-by=listener direction=outbound" },
	{ "claims of a peer that may not relay do not count, though its network does", "10.0.0.40", "", "", "mx2", "incoming", false,
	    "team-bounces@lists.example.com", { "b@example.org" }, "List-Id: x\r\n", "class=incoming class-by=outsider direction=inbound" },
	{ "nor where every address is in the network", "192.0.2.1", "", "", "mx2", "incoming", false, "evil@example.net", { "b@example.org" },
	    "X-Evil: yes\r\n", "class=incoming class-by=outsider direction=inbound" },
	{ "but its recipients do: they are no claim", "10.0.0.40", "", "", "mx2", "incoming", false, "a@example.net",
	    { "b@example.org", "c@example.org", "d@example.org" }, "", "class=list class-by=network,recipients direction=inbound" },
	{ "a listener and a recipient, of an outsider", "192.0.2.1", "", "", "mx", "incoming", false, "a@example.net",
	    { "b@example.org", "CEO@example.org" }, "", "class=vip class-by=listener,recipient direction=inbound" },
	{ "a recipient below a domain", "192.0.2.1", "", "", "mx", "incoming", false, "a@example.net", { "b@x.board.example.org" }, "",
	    "class=vip class-by=listener,recipient direction=inbound" },

	/* mail criteria alone */
	{ "a trusted peer's field", "10.9.0.1", "", "", "users", "local", true, "a@example.com", { "b@example.net" }, "Precedence: bulk\r\n",
	    "class=bulk class-by=trusted,field direction=outbound" },
	{ "an outsider's field", "192.0.2.1", "", "", "mx", "incoming", false, "a@example.net", { "b@example.org" }, "Precedence: bulk\r\n",
	    "class=incoming class-by=outsider direction=inbound" },

	/* the order of the file */
	{ "the first match wins", "10.1.0.1", "app-7", "", "users", "local", true, "noreply@example.com", { "b@example.net" }, "Precedence: bulk\r\n",
	    "class=reset class-by=login,sender direction=outbound" },
	{ "else the second", "10.1.0.1", "app-7", "", "users", "local", true, "a@example.com", { "b@example.net" }, "Precedence: bulk\r\n",
	    "class=bulk class-by=trusted,field direction=outbound" },
	{ "else the third", "10.1.0.1", "app-7", "", "users", "local", true, "a@example.com", { "b@example.net" }, "",
	    "class=application class-by=network direction=outbound" },
};

struct stage {
	struct arena		 arena;
	struct peer		 peer;
	struct envelope		 envelope;
	struct header_section	 header;
	struct class_evidence	 evidence;
};

static void
stage_init(struct stage *stage, const struct row *row)
{
	struct str text;

	*stage = (struct stage){ .peer = { .login = str_of(row->login), .listener = str_of(row->listener), .is_trusted = row->is_trusted } };
	arena_init(&stage->arena, ARENA_MAX_BYTES);
	insist(ip_parse(str_of(row->client), &stage->peer.client.ip));
	if (row->sender[0] != '\0')
		insist(address_parse(str_of(row->sender), false, &stage->envelope.reverse_path));
	for (int i = 0; i < RECIPIENTS_MAX && row->recipients[i] != NULL; i++) {
		struct recipient recipient = { .orcpt = STR_EMPTY };

		insist(address_parse(str_of(row->recipients[i]), false, &recipient.address));
		insist(envelope_add_recipient(&stage->envelope, &recipient, &stage->arena));
	}
	insist(arena_printf(&stage->arena, &text, "From: x@example.net\r\n%s\r\n", row->header));
	insist(header_read(text, &stage->arena, &stage->header) == 0);
	stage->evidence = (struct class_evidence){ .peer = &stage->peer, .listener_class = row->listener_class,
	    .certificate_name = str_of(row->certificate), .envelope = &stage->envelope, .header = &stage->header };
}

static void
expect_words(const struct mail_class *class, const char *want)
{
	struct buf words;

	buf_init(&words, 1000);
	expect_int(classify_words(class, &words), 0);
	expect_str(buf_str(&words), str_of(want));
	buf_fini(&words);
}

static void
test_rows(const struct policy *policy)
{
	for (int i = 0; i < N_OF(rows); i++) {
		struct stage stage;
		struct mail_class class;

		test_case("%s", rows[i].name);
		stage_init(&stage, &rows[i]);
		class = classify(policy, &stage.evidence);
		expect_words(&class, rows[i].want);
		arena_fini(&stage.arena);
	}
}

/* A mail whose class is another one at each stage. */
static void
test_stages(const struct policy *policy)
{
	static const struct row row = { "", "10.1.0.1", "shop", "", "mx", "local", true, "a@example.com", { "ceo@example.org" },
	    "X-Kind: Password-Reset\r\n", "" };
	struct stage stage;
	struct class_evidence evidence;
	struct mail_class class;

	stage_init(&stage, &row);
	evidence = stage.evidence;
	evidence.envelope = NULL;
	evidence.header = NULL;
	test_case("stages: at the connection, by the network");
	class = classify(policy, &evidence);
	expect_words(&class, "class=application class-by=network direction=internal");

	test_case("stages: a later section that already matches gives way to an earlier one when the header is whole");
	evidence.envelope = &stage.envelope;
	class = classify(policy, &evidence);
	expect_words(&class, "class=application class-by=network direction=internal");
	evidence.header = &stage.header;
	class = classify(policy, &evidence);
	expect_words(&class, "class=reset class-by=login,field direction=internal");

	test_case("stages: recipients that come one by one");
	evidence.header = NULL;
	stage.peer.client.ip.bytes[1] = 9;
	stage.envelope.n_recipients = 0;
	class = classify(policy, &evidence);
	expect_words(&class, "class=local class-by=listener direction=internal");
	stage.envelope.n_recipients = 1;
	class = classify(policy, &evidence);
	expect_words(&class, "class=vip class-by=listener,recipient direction=internal");
	arena_fini(&stage.arena);
}

static const struct {
	struct row	 row;
	bool		 with_header, want;
} settlings[] = {
	{ { "an outsider, where his recipients matter not", "192.0.2.1", "", "", "users", "local", false, "a@example.net", { NULL }, "", "" }, false, true },
	{ { "whose recipients do matter", "192.0.2.1", "", "", "mx", "local", false, "a@example.net", { NULL }, "", "" }, false, false },
	{ { "who has named such a recipient", "192.0.2.1", "", "", "mx", "local", false, "a@example.net", { "ceo@example.org" }, "", "" }, false, true },
	{ { "who has named another one", "192.0.2.1", "", "", "mx", "local", false, "a@example.net", { "b@example.org" }, "", "" }, false, false },
	{ { "a network's, before sections that could be for it too", "10.1.0.1", "", "", "mx", "local", false, "a@example.net", { NULL }, "", "" }, false, true },
	{ { "a trusted peer, whose header may say something", "10.1.0.1", "", "", "users", "local", true, "a@example.net", { NULL }, "", "" }, false, false },
	{ { "when it is there", "10.1.0.1", "", "", "users", "local", true, "a@example.net", { "b@example.org" }, "", "" }, true, true },
	{ { "the first in the file", "192.0.2.1", "shop", "", "users", "local", true, "noreply@example.com", { NULL }, "", "" }, false, true },
	{ { "many recipients may come", "10.0.0.40", "", "", "users", "local", false, "a@example.net", { NULL }, "", "" }, false, false },
	{ { "have come", "10.0.0.40", "", "", "users", "local", false, "a@example.net", { "b@example.org", "c@example.org", "d@example.org" }, "", "" },
	    false, true },
};

static void
test_settled(const struct policy *policy)
{
	int n_wrong = 0, n_settled = 0;

	for (int i = 0; i < N_OF(settlings); i++) {
		struct stage stage;

		test_case("settled: %s", settlings[i].row.name);
		stage_init(&stage, &settlings[i].row);
		if (!settlings[i].with_header)
			stage.evidence.header = NULL;
		expect(classify_is_settled(policy, &stage.evidence) == settlings[i].want);
		arena_fini(&stage.arena);
	}
	test_case("a class that is settled stays");
	for (int i = 0; i < N_OF(rows); i++) {
		struct stage stage;
		struct mail_class in_the_end;
		int n;

		stage_init(&stage, &rows[i]);
		in_the_end = classify(policy, &stage.evidence);
		stage.evidence.header = NULL;
		for (n = stage.envelope.n_recipients; n >= 0; n--) {
			stage.envelope.n_recipients = n;
			if (!classify_is_settled(policy, &stage.evidence))
				continue;
			n_settled++;
			n_wrong += strcmp(classify(policy, &stage.evidence).match.name, in_the_end.match.name) != 0;
		}
		arena_fini(&stage.arena);
	}
	expect_int(n_wrong, 0);
	expect(n_settled > N_OF(rows) / 2);
}

static void
test_criteria(const struct policy *policy)
{
	static const struct row row = { "", "10.0.0.40", "", "", "lists", "local", true, "a@example.com", { "b@example.net" },
	    "Precedence: bulk\r\n", "" };
	static const struct row outsider = { "", "192.0.2.1", "", "", "lists", "local", false, "a@example.com", { "b@example.net" }, "", "" };
	struct stage stage;
	struct mail_class class;

	test_case("the criteria that decided are as they were written");
	stage_init(&stage, &row);
	class = classify(policy, &stage.evidence);
	expect(class.is_of_section);
	expect_str(class.match.peer.criterion, STR("10.0.0.40/32"));
	expect_str(class.match.mail.criterion, STR("Precedence: bulk"));
	stage.peer.client.ip.bytes[3] = 41;
	stage.header.n_fields = 0;
	class = classify(policy, &stage.evidence);
	expect(!class.is_of_section);
	expect_str(class.match.peer.criterion, STR("lists"));
	expect_text(class.match.mail.word, NULL);
	arena_fini(&stage.arena);
	stage_init(&stage, &outsider);
	class = classify(policy, &stage.evidence);
	expect(!class.is_of_section);
	expect_str(class.match.peer.criterion, STR_EMPTY);
	arena_fini(&stage.arena);
}

static void
test_telling(const struct policy *policy)
{
	static const struct row row = { "", "10.0.0.40", "", "", "lists", "local", true, "a@example.com", { "b@example.net" }, "List-Id: x\r\n", "" };
	struct stage stage;
	struct mail_class class;
	struct buf out;

	stage_init(&stage, &row);
	class = classify(policy, &stage.evidence);
	test_case("a class is told in a field");
	buf_init(&out, 100);
	expect_int(classify_field(&class, "X-Traffic-Class", &out), 0);
	expect_str(buf_str(&out), STR("X-Traffic-Class: list; direction=outbound; by=network,field\r\n"));
	test_case("where there is no room for it, nothing is");
	expect_int(classify_field(&class, "X-Traffic-Class", &out), -1);
	expect_int((int64_t)out.len, 61);
	expect_int(classify_words(&class, &out), -1);
	expect_int((int64_t)out.len, 61);
	test_case("words stand behind others");
	buf_fini(&out);
	buf_init(&out, 100);
	expect_int(buf_append(&out, STR("verdict=accept")), 0);
	expect_int(classify_words(&class, &out), 0);
	expect_str(buf_str(&out), STR("verdict=accept class=list class-by=network,field direction=outbound"));
	buf_fini(&out);
	arena_fini(&stage.arena);
}

/* --- signing --- */

static const struct {
	const char		*name;
	enum class_signing	 signing;
	const char		*word;		/* of the peer's reason; NULL: no section */
	bool			 is_trusted;
	enum sign_source	 want;
} signings[] = {
	{ "without a section a trusted peer's mail is signed", CLASS_SIGNING_AUTO, NULL, true, SIGN_SOURCE_TRUSTED },
	{ "an outsider's is not", CLASS_SIGNING_AUTO, NULL, false, SIGN_SOURCE_OUTSIDE },
	{ "a section that says nothing of it changes nothing", CLASS_SIGNING_AUTO, "network", true, SIGN_SOURCE_TRUSTED },
	{ "for outsiders neither", CLASS_SIGNING_AUTO, "network", false, SIGN_SOURCE_OUTSIDE },
	{ "signing off", CLASS_SIGNING_OFF, "network", true, SIGN_SOURCE_CLASS_OFF },
	{ "signing off, for mail by its field", CLASS_SIGNING_OFF, "trusted", true, SIGN_SOURCE_CLASS_OFF },
	{ "signing on, for a trusted peer", CLASS_SIGNING_ON, "trusted", true, SIGN_SOURCE_CLASS },
	{ "signing on, for a network that may not relay", CLASS_SIGNING_ON, "network", false, SIGN_SOURCE_CLASS },
	{ "signing on, for a certificate", CLASS_SIGNING_ON, "certificate", false, SIGN_SOURCE_CLASS },
	{ "signing on, for all who come through a listener, is not for outsiders", CLASS_SIGNING_ON, "listener", false, SIGN_SOURCE_OUTSIDE },
	{ "but for trusted peers", CLASS_SIGNING_ON, "listener", true, SIGN_SOURCE_TRUSTED },
};

static void
test_signing(void)
{
	for (int i = 0; i < N_OF(signings); i++) {
		struct peer peer = { .is_trusted = signings[i].is_trusted };
		const struct class_actions actions = { .signing = signings[i].signing };
		struct mail_class class = { .is_of_section = signings[i].word != NULL, .actions = &actions,
		    .match.peer = { .word = signings[i].word } };

		test_case("signing: %s", signings[i].name);
		expect_int(classify_sign_source(&class, &peer), signings[i].want);
	}
}

static void
test_names(void)
{
	char longest[CLASS_NAME_MAX_BYTES + 1];

	test_case("a class's name is a word");
	expect(class_name_is_valid(STR("list")));
	expect(class_name_is_valid(STR("Password_Reset-2")));
	expect(!class_name_is_valid(STR("")));
	expect(!class_name_is_valid(STR("a b")));
	expect(!class_name_is_valid(STR("a;b")));
	expect(!class_name_is_valid(STR("a.b")));
	expect(!class_name_is_valid(STR("a\r\nb")));
	expect(!class_name_is_valid(STR("\xc3\xa9")));
	memset(longest, 'a', sizeof(longest));
	expect(class_name_is_valid(str_n(longest, CLASS_NAME_MAX_BYTES)));
	expect(!class_name_is_valid(str_n(longest, CLASS_NAME_MAX_BYTES + 1)));
}

int
main(void)
{
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1,
	    .classes = { .sections = sections, .n_sections = N_OF(sections), .field_name = "X-Traffic-Class" } };
	struct policy *policy = policy_new(&settings, seed);

	test_rows(policy);
	test_stages(policy);
	test_settled(policy);
	test_criteria(policy);
	test_telling(policy);
	test_signing();
	test_names();
	test_case("the field's name is the policy's");
	expect_text(policy_class_field(policy), "X-Traffic-Class");
	policy_free(policy);
	return test_end();
}
