/*
 * test_decide_srs.c - which recipient is an SRS address of ours, who gets its mail, and which is refused
 */
#include "base/insist.h"
#include "policy/decide_srs.h"
#include "tests/expect.h"

enum { ARENA_MAX = 64 * 1024 };

static const uint64_t seed[2] = { 1, 2 };
static const char *const moved[] = { "example.org" };
static const struct relay_rule relays[] = { { .name = "moved", .domains = moved, .n_domains = 1 } };
static const struct timestamp now = { .us = 1795262400 * INT64_C(1000000) };

static struct srs_rules *
make_rules(const char *secret)
{
	struct str secrets[] = { str_of(secret) };
	struct srs_settings settings = { .domain = "fwd.example.com", .secrets = secrets, .n_secrets = 1 };

	return srs_rules_new(&settings, NULL);
}

static struct policy *
make_policy(bool has_srs, bool takes_reports_only, bool has_outbound)
{
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1,
	    .outbound = has_outbound ? "internet" : NULL,
	    .srs = { .rules = has_srs ? make_rules("a secret of ours") : NULL, .takes_reports_only = takes_reports_only } };

	return policy_new(&settings, seed);
}

/* As another host with a secret would write it, so many days ago. */
static struct str
srs_of(const char *secret, const char *sender, int days_ago, struct arena *arena)
{
	struct timestamp then = { .us = now.us - days_ago * INT64_C(86400000000) };
	struct srs_rules *rules = make_rules(secret);
	struct address address, forward;
	struct str text;

	insist(address_parse(str_of(sender), true, &address));
	insist(srs_forward(rules, &address, then, arena, &forward) == SRS_FORWARD_REWRITTEN);
	insist(address_text(&forward, arena, &text));
	srs_rules_free(rules);
	return text;
}

static const struct {
	const char *name;
	const char *sender;		/* in an SRS address of ours ... */
	const char *recipient;		/* ... or this one, as it is */
	const char *secret;
	int days_ago;
	const char *reverse_path;
	bool has_srs, takes_reports_only, has_outbound;
	const char *want;		/* NULL: not ours to say; "": refused */
	const char *reason;
} rows[] = {
	{ "a report comes back", "u@a.example", NULL, "a secret of ours", 3, "", true, true, true, "u@a.example", NULL },
	{ "to a sender of a relay domain too, without a way out", "u@example.org", NULL, "a secret of ours", 3, "", true, true, false, "u@example.org", NULL },
	{ "one that has no way out is refused", "u@a.example", NULL, "a secret of ours", 3, "", true, true, false, "", "no-route" },
	{ "a forgery is refused", "u@a.example", NULL, "another's secret", 0, "", true, true, true, "", "srs-forged" },
	{ "one of long ago", "u@a.example", NULL, "a secret of ours", 40, "", true, true, true, "", "srs-expired" },
	{ "one that nobody makes", NULL, "SRS0=nothing@fwd.example.com", NULL, 0, "", true, true, true, "", "srs-malformed" },
	{ "mail that is no report", "u@a.example", NULL, "a secret of ours", 3, "x@b.example", true, true, true, "", "srs-no-report" },
	{ "a forgery with a reverse-path is told to be no address", "u@a.example", NULL, "another's secret", 0, "x@b.example", true, true, true, "", "srs-forged" },
	{ "mail that is no report, where that may be", "u@a.example", NULL, "a secret of ours", 3, "x@b.example", true, false, true, "u@a.example", NULL },
	{ "an ordinary address of the domain", NULL, "postmaster@fwd.example.com", NULL, 0, "", true, true, true, NULL, NULL },
	{ "an SRS address of another domain", NULL, "SRS0=AAAA=AA=a.example=u@b.example", NULL, 0, "", true, true, true, NULL, NULL },
	{ "without a section all are as any other", "u@a.example", NULL, "a secret of ours", 3, "", false, true, true, NULL, NULL },
};

static void
test_recipients(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *policy = make_policy(rows[i].has_srs, rows[i].takes_reports_only, rows[i].has_outbound);
		struct recipient recipient = { .notify = NOTIFY_UNSET }, undone = { .notify = NOTIFY_NEVER };
		struct envelope envelope = { .n_recipients = 0 };
		struct verdict verdict;
		struct arena arena;
		struct str text;
		bool is_ours;

		test_case("recipient: %s", rows[i].name);
		arena_init(&arena, ARENA_MAX);
		text = rows[i].sender != NULL ? srs_of(rows[i].secret, rows[i].sender, rows[i].days_ago, &arena) : str_of(rows[i].recipient);
		insist(address_parse(text, false, &recipient.address));
		if (rows[i].reverse_path[0] != '\0')
			insist(address_parse(str_of(rows[i].reverse_path), false, &envelope.reverse_path));
		is_ours = decide_srs_recipient(policy, &envelope, &recipient, now, &arena, &undone, &verdict);
		expect_int(is_ours, rows[i].want != NULL);
		if (!is_ours) {
			/* decide_recipient's */
		} else if (rows[i].want[0] != '\0') {
			expect_int(verdict.action, ACTION_ACCEPT);
			expect(address_text(&undone.address, &arena, &text));
			expect_str(text, str_of(rows[i].want));
			expect_int((long long)undone.notify, NOTIFY_UNSET);
		} else {
			expect_int(verdict.action, ACTION_REJECT);
			expect_text(verdict.reason, rows[i].reason);
			expect_int(verdict.reply.code, 550);
		}
		arena_fini(&arena);
		policy_free(policy);
	}
}

static void
test_orcpt(void)
{
	struct policy *policy = make_policy(true, true, true);
	struct envelope envelope = { .n_recipients = 0 };
	struct recipient recipient = { .notify = NOTIFY_UNSET }, undone;
	struct verdict verdict;
	struct arena arena;

	arena_init(&arena, ARENA_MAX);
	insist(address_parse(srs_of("a secret of ours", "u@a.example", 0, &arena), false, &recipient.address));

	test_case("what it was when it came is told as ORCPT, = as +3D");
	expect(decide_srs_recipient(policy, &envelope, &recipient, now, &arena, &undone, &verdict));
	expect(str_starts(undone.orcpt, STR("rfc822;SRS0+3D")));
	expect(str_find_str(undone.orcpt, STR("+3Da.example+3Du@fwd.example.com")) > 0);

	test_case("an ORCPT of the client is kept");
	recipient.orcpt = STR("rfc822;list@c.example");
	expect(decide_srs_recipient(policy, &envelope, &recipient, now, &arena, &undone, &verdict));
	expect_str(undone.orcpt, STR("rfc822;list@c.example"));
	arena_fini(&arena);

	test_case("where our memory ends it is for a while");
	arena_init(&arena, 16);
	expect(decide_srs_recipient(policy, &envelope, &(struct recipient){ .address = { STR("SRS0=AAAA=AA=a.example=u"),
	    STR("fwd.example.com") } }, now, &arena, &undone, &verdict));
	expect(verdict.action != ACTION_ACCEPT);
	arena_fini(&arena);
	policy_free(policy);
}

static const struct {
	const char *name, *reverse_path;
	bool has_srs, want_form, want_ours;
} senders[] = {
	{ "a sender of another domain gets a form", "u@a.example", true, true, false },
	{ "the null reverse-path none", "", true, false, false },
	{ "nor our own SRS addresses", "SRS0=AAAA=AA=a.example=u@fwd.example.com", true, false, false },
	{ "another's becomes SRS1", "SRS0=AAAA=AA=a.example=u@b.example", true, true, false },
	{ "one that would be too long none", "a-list-bounces+somebody=somewhere.example.org-and-more-of-it@a.example", true, false, false },
	{ "a relay domain is ours", "u@EXAMPLE.org", true, true, true },
	{ "the hostname too", "u@mx.example.net", true, true, true },
	{ "but not what is below it", "u@a.mx.example.net", true, true, false },
	{ "without a section nobody gets one", "u@a.example", false, false, false },
};

static void
test_senders(void)
{
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		struct policy *policy = make_policy(senders[i].has_srs, true, true);
		struct envelope envelope = { .n_recipients = 0 };
		struct address original;
		struct arena arena;

		test_case("sender: %s", senders[i].name);
		arena_init(&arena, ARENA_MAX);
		if (senders[i].reverse_path[0] != '\0')
			insist(address_parse(str_of(senders[i].reverse_path), false, &envelope.reverse_path));
		original = envelope.reverse_path;
		expect(decide_srs_sender(policy, now, &arena, &envelope));
		expect(address_eq(&envelope.reverse_path, &original));
		expect_int(!address_is_null(&envelope.srs_path), senders[i].want_form);
		expect_int(envelope.is_sender_ours, senders[i].want_ours);
		if (senders[i].want_form)
			expect_str(envelope.srs_path.domain, STR("fwd.example.com"));
		arena_fini(&arena);
		policy_free(policy);
	}
}

int
main(void)
{
	test_senders();
	test_recipients();
	test_orcpt();
	return test_end();
}
