/*
 * test_decide.c - who may relay, what is a loop, and what becomes of a mail by what was found
 */
#include "base/insist.h"
#include "policy/decide.h"
#include "tests/expect.h"
#include "tests/policy/inspect_stage.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static const uint64_t seed[2] = { 1, 2 };
static const char *const moved[] = { "example.org", ".example.org" };
static const struct relay_rule relays[] = { { .name = "moved", .domains = moved, .n_domains = 2 } };

/* --- a recipient --- */

static const struct {
	const char *name, *recipient;
	bool is_trusted, has_outbound;
	int want_code;				/* 0: accepted */
} may[] = {
	{ "anybody may send to a relay domain", "a@example.org", false, false, 0 },
	{ "a stranger may not relay", "a@example.net", false, true, 550 },
	{ "a trusted peer may", "a@example.net", true, true, 0 },
	{ "even a trusted peer needs a route", "a@example.net", true, false, 550 },
	{ "a percent hack stays a local part", "a%example.net@example.org", false, true, 0 },
	{ "a percent hack to elsewhere is relaying", "a%example.org@example.net", false, true, 550 },
	{ "a quoted @ does not change the domain", "\"a@example.org\"@example.net", false, true, 550 },
	{ "a literal is relaying", "a@[127.0.0.1]", false, true, 550 },
};

static void
test_may_relay(void)
{
	for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
		struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1,
		    .outbound = may[i].has_outbound ? "smart" : NULL };
		struct policy *policy = policy_new(&settings, seed);
		struct peer peer = { .is_trusted = may[i].is_trusted };
		struct envelope envelope = { .n_recipients = 0 };
		char room[POLICY_DESTINATION_MAX];
		struct address address;
		struct verdict verdict;

		test_case("may relay: %s", may[i].name);
		expect(address_parse(str_of(may[i].recipient), false, &address));
		decide_recipient(policy, &peer, &envelope, &address, false, &verdict);
		expect_int(verdict.action, may[i].want_code == 0 ? ACTION_ACCEPT : ACTION_REJECT);
		expect_int(verdict.reply.code, may[i].want_code);
		if (may[i].want_code == 0)
			expect(!str_eq(policy_destination_of(policy, STR_EMPTY, &address, room), STR("none")));
		policy_free(policy);
	}
}

/* --- a class --- */

static const struct {
	const char *name;
	struct class_actions actions;
	int n_recipients;
	bool is_outside, has_outbound;
	int want_code;
} by_class[] = {
	{ "as many recipients as it allows", { .recipients_max = 3 }, 3, false, true, 0 },
	{ "one more, for good", { .recipients_max = 3 }, 4, false, true, 554 },
	{ "without a bound", { .recipients_max = 0 }, 20, false, true, 0 },
	{ "a recipient outside, and no route", { .recipients_max = 3 }, 1, true, false, 554 },
	{ "a recipient outside, and one of its own", { .route = "route:bulk" }, 1, true, false, 0 },
	{ "a recipient outside, and the outbound one", { .recipients_max = 3 }, 1, true, true, 0 },
	{ "a relay's recipient needs none", { .recipients_max = 3 }, 1, false, false, 0 },
};

static void
test_by_class(void)
{
	for (int i = 0; i < N_OF(by_class); i++) {
		const struct class_section section = { .name = "x", .actions = by_class[i].actions };
		struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1,
		    .outbound = by_class[i].has_outbound ? "smart" : NULL, .classes = { .sections = &section, .n_sections = 1 } };
		struct policy *policy = policy_new(&settings, seed);
		struct mail_class class = { .match.name = "x", .actions = &by_class[i].actions };
		struct envelope envelope = { .n_recipients = 0 };
		struct recipient recipient = { .orcpt = STR_EMPTY };
		struct verdict verdict;
		struct arena arena;

		test_case("by class: %s", by_class[i].name);
		arena_init(&arena, 64 * 1024);
		expect(address_parse(by_class[i].is_outside ? STR("a@example.net") : STR("a@example.org"), false, &recipient.address));
		while (envelope.n_recipients < by_class[i].n_recipients)
			insist(envelope_add_recipient(&envelope, &recipient, &arena));
		decide_class(policy, &class, &envelope, &verdict);
		expect_int(verdict.reply.code, by_class[i].want_code);
		expect_int(verdict.action, by_class[i].want_code == 0 ? ACTION_ACCEPT : ACTION_REJECT);
		arena_fini(&arena);
		policy_free(policy);
	}
}

static void
test_hold(void)
{
	static const struct class_actions holding = { .is_held = true }, none = { .is_held = false };
	const struct mail_class held = { .actions = &holding }, other = { .actions = &none };
	struct verdict verdict = { .action = ACTION_ACCEPT };

	test_case("hold: mail of a class that is not held goes on");
	decide_hold(&other, &verdict);
	expect(!verdict.is_held && verdict.reason == NULL);
	test_case("hold: of one that is it waits");
	decide_hold(&held, &verdict);
	expect(verdict.is_held);
	expect_text(verdict.reason, "class");
	test_case("hold: the first reason stays");
	verdict = (struct verdict){ .action = ACTION_ACCEPT, .is_held = true, .reason = "forward-doomed" };
	decide_hold(&held, &verdict);
	expect_text(verdict.reason, "forward-doomed");
	test_case("hold: what is refused is not held");
	verdict = (struct verdict){ .action = ACTION_REJECT, .reason = "dmarc" };
	decide_hold(&held, &verdict);
	expect(!verdict.is_held);
	expect_text(verdict.reason, "dmarc");
}

/* --- a header section --- */

#define OTHER	"Received: from a.example by b.example with ESMTP; Sat, 21 Nov 2026 00:00:00 +0000\r\n"
#define OURS	"Received: from a.example ([192.0.2.1])\r\n\tby MX.example.net with ESMTP id 1;\r\n\tSat, 21 Nov 2026 00:00:00 +0000\r\n"
#define SHORT	"Received: from a.example by mx.example.net; Sat, 21 Nov 2026 00:00:00 +0000\r\n"
#define LIKE	"Received: from mx.example.net by b.example with ESMTP; Sat, 21 Nov 2026 00:00:00 +0000\r\n"

static const struct {
	const char *name, *header;
	bool is_loop;
} loops[] = {
	{ "no Received field", "Subject: x\r\n\r\n", false },
	{ "as many hops as allowed", OTHER OTHER OTHER OTHER "\r\n", false },
	{ "one more", OTHER OTHER OTHER OTHER OTHER "\r\n", true },
	{ "once through here is honest forwarding", OURS OTHER "\r\n", false },
	{ "three times through here", OURS OTHER OURS OURS "\r\n", true },
	{ "also where nothing stands between us and the date", SHORT SHORT SHORT "\r\n", true },
	{ "coming from here by other ways is not through here", LIKE LIKE LIKE "\r\n", false },
	{ "fields in the body do not count", "Subject: x\r\n\r\n" OURS OURS OURS OURS OURS, false },
};

static void
test_loops(void)
{
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1 };
	struct policy *policy = policy_new(&settings, seed);

	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct header_section header;
		struct verdict verdict;
		struct arena arena;

		test_case("loops: %s", loops[i].name);
		arena_init(&arena, 100000);
		expect_int(header_read(str_of(loops[i].header), &arena, &header), 0);
		decide_header(policy, &header, 4, &verdict);
		expect_int(verdict.action, loops[i].is_loop ? ACTION_REJECT : ACTION_ACCEPT);
		arena_fini(&arena);
	}
	policy_free(policy);
}

/* --- a mail: every kind of finding --- */

static const struct judgement {
	const char *name;
	enum dmarc_verdict verdict;
	enum dmarc_policy applied;	/* of a fail */
	bool is_incomplete;		/* more authors than were judged */
	bool has_unsettled;		/* another author's is temperror */
	enum action want;
	bool is_marked;
} judgements[] = {
	{ "a pass", DMARC_PASS, 0, false, false, ACTION_ACCEPT, false },
	{ "no record", DMARC_NONE, 0, false, false, ACTION_ACCEPT, false },
	{ "a broken record or From", DMARC_PERMERROR, 0, false, false, ACTION_ACCEPT, false },
	{ "nothing that the DNS could say", DMARC_TEMPERROR, 0, false, false, ACTION_DEFER, false },
	{ "a fail by p=none", DMARC_FAIL, DMARC_POLICY_NONE, false, false, ACTION_ACCEPT, false },
	{ "by quarantine", DMARC_FAIL, DMARC_POLICY_QUARANTINE, false, false, ACTION_ACCEPT, true },
	{ "by reject", DMARC_FAIL, DMARC_POLICY_REJECT, false, false, ACTION_REJECT, false },
	{ "a pass among authors whom nobody judged", DMARC_PASS, 0, true, false, ACTION_ACCEPT, true },
	{ "authors whom nobody judged", DMARC_PERMERROR, 0, true, false, ACTION_ACCEPT, true },
	{ "p=none and authors whom nobody judged", DMARC_FAIL, DMARC_POLICY_NONE, true, false, ACTION_ACCEPT, true },
	{ "reject and authors whom nobody judged", DMARC_FAIL, DMARC_POLICY_REJECT, true, false, ACTION_REJECT, false },
	{ "an unsettled author and those whom nobody judged", DMARC_TEMPERROR, 0, true, true, ACTION_DEFER, false },
	{ "p=none and an unsettled author", DMARC_FAIL, DMARC_POLICY_NONE, false, true, ACTION_DEFER, false },
	{ "quarantine and an unsettled author: it may become a reject", DMARC_FAIL, DMARC_POLICY_QUARANTINE, false, true,
	  ACTION_DEFER, false },
	{ "reject and an unsettled author: it stays one", DMARC_FAIL, DMARC_POLICY_REJECT, false, true, ACTION_REJECT, false },
};

static void
decide(const struct judgement *j, enum dmarc_mode mode, bool has_dmarc, size_t arena_bytes, struct verdict *verdict_out)
{
	struct verify_rules rules = { .spf = true, .dmarc = mode };
	static struct findings findings;
	static char text[512];
	struct arena arena;

	findings = (struct findings){ .has_spf = true, .has_dmarc = has_dmarc, .dmarc = {
		.verdict = j->verdict, .applied = j->applied, .is_incomplete = j->is_incomplete, .n_authors = 1 + j->has_unsettled,
		.deciding = &findings.dmarc.authors[0],
		.authors = {
			{ .verdict = j->verdict, .applied = j->applied, .has_record = true, .domain = STR("www.example.com"),
			  .record_domain = STR("example.com"),
			  .at_stake = j->verdict == DMARC_TEMPERROR ? DMARC_POLICY_REJECT : DMARC_POLICY_NONE },
			{ .verdict = DMARC_TEMPERROR, .domain = STR("slow.example"), .at_stake = DMARC_POLICY_REJECT },
		},
	} };
	arena_init(&arena, arena_bytes);
	decide_mail(&rules, &findings, &arena, verdict_out);
	insist(verdict_out->reply.text.len < sizeof(text));
	if (verdict_out->reply.text.len > 0)
		memcpy(text, verdict_out->reply.text.at, verdict_out->reply.text.len);
	verdict_out->reply.text.at = text;
	arena_fini(&arena);
}

static void
expect_accepted(const struct verdict *verdict)
{
	expect_int(verdict->action, ACTION_ACCEPT);
	expect_int(verdict->is_marked, false);
	expect_int(verdict->reply.code, 0);
	expect(verdict->reason == NULL);
}

static void
test_judgements(void)
{
	for (int i = 0; i < N_OF(judgements); i++) {
		const struct judgement *j = &judgements[i];
		int want_code = j->want == ACTION_REJECT ? 550 : j->want == ACTION_DEFER ? 451 : 0;
		struct verdict verdict;

		test_case("enforce: %s", j->name);
		decide(j, DMARC_ENFORCE, true, 4096, &verdict);
		expect_int(verdict.action, j->want);
		expect_int(verdict.is_marked, j->is_marked);
		expect_int(verdict.reply.code, want_code);
		expect_int(verdict.reason != NULL, want_code != 0 || j->is_marked);
		test_case("stamp or off: nothing is done for %s", j->name);
		decide(j, DMARC_STAMP, true, 4096, &verdict);
		expect_accepted(&verdict);
		decide(j, DMARC_OFF, false, 4096, &verdict);
		expect_accepted(&verdict);
		decide(j, DMARC_ENFORCE, false, 4096, &verdict);	/* not checked: a trusted peer's, say */
		expect_accepted(&verdict);
	}
}

static void
test_replies(void)
{
	const struct judgement reject = { .verdict = DMARC_FAIL, .applied = DMARC_POLICY_REJECT };
	const struct judgement unsettled = { .verdict = DMARC_TEMPERROR };
	struct verdict verdict;

	test_case("who is refused is told whose policy it was, with the codes of RFC 7372");
	decide(&reject, DMARC_ENFORCE, true, 4096, &verdict);
	expect_int(verdict.reply.code, 550);
	expect_int(verdict.reply.status.class, 5);
	expect_int(verdict.reply.status.subject, 7);
	expect_int(verdict.reply.status.detail, 26);
	expect_str(verdict.reply.text, STR("The DMARC policy of example.com does not let this mail in"));
	expect_text(verdict.reason, "dmarc");
	test_case("without memory for that too");
	decide(&reject, DMARC_ENFORCE, true, 0, &verdict);
	expect_int(verdict.action, ACTION_REJECT);
	expect_int(verdict.reply.code, 550);
	expect_str(verdict.reply.text, STR("The DMARC policy of its author's domain does not let this mail in"));
	test_case("what is put off has a code of its own");
	decide(&unsettled, DMARC_ENFORCE, true, 4096, &verdict);
	expect_int(verdict.reply.code, 451);
	expect_int(verdict.reply.status.class, 4);
	expect_text(verdict.reason, "dmarc-unsettled");
}

/* --- a mail: policies as published, all the way from the DNS --- */

#define ZONE \
	"_dmarc.none.example TXT v=DMARC1; p=none; sp=reject\n" \
	"www.none.example exists\n" \
	"_dmarc.reject.example TXT v=DMARC1; p=reject; sp=quarantine; np=none\n" \
	"www.reject.example exists\n" \
	"_dmarc.np.example TXT v=DMARC1; p=none; np=reject\n" \
	"www.np.example exists\n" \
	"_dmarc.test.example TXT v=DMARC1; p=reject; sp=quarantine; t=y\n" \
	"www.test.example exists\n" \
	"_dmarc.broken.example TXT v=DMARC1; p=refuse\n" \
	"_dmarc.slow.example timeout\n" \
	"slownp.example exists\n" \
	"_dmarc.slownp.example TXT v=DMARC1; p=none; np=reject\n" \
	"www.slownp.example timeout\n" \
	"_dmarc.www.slownp.example timeout\n" \
	"_dmarc.strict.example TXT v=DMARC1; p=reject; aspf=s\n" \
	"mail.strict.example TXT v=spf1 ip4:192.0.2.1 -all\n" \
	"_dmarc.relaxed.example TXT v=DMARC1; p=reject\n" \
	"mail.relaxed.example TXT v=spf1 ip4:192.0.2.1 -all\n"

static const struct {
	const char *name, *reverse_path, *from, *want;	/* want: the verdict in words */
} published[] = {
	{ "p=none", "a@none.example", "a@none.example", "accept" },
	{ "its sp=reject, below", "a@none.example", "a@www.none.example", "reject:dmarc" },
	{ "sp is for names that are not there, too", "a@none.example", "a@nowhere.none.example", "reject:dmarc" },
	{ "p=reject", "a@none.example", "a@reject.example", "reject:dmarc" },
	{ "its sp=quarantine, below", "a@none.example", "a@www.reject.example", "mark:dmarc" },
	{ "its np=none, for names that are not there", "a@none.example", "a@nowhere.reject.example", "accept" },
	{ "p=none is sp too", "a@none.example", "a@www.np.example", "accept" },
	{ "np=reject, for names that are not there", "a@none.example", "a@nowhere.np.example", "reject:dmarc" },
	{ "p=reject in testing is quarantine", "a@none.example", "a@test.example", "mark:dmarc" },
	{ "sp=quarantine in testing is none", "a@none.example", "a@www.test.example", "accept" },
	{ "a record that says nothing", "a@none.example", "a@broken.example", "accept" },
	{ "no record at all", "a@none.example", "a@nobody.example", "accept" },
	{ "a policy that the DNS does not tell", "a@none.example", "a@slow.example", "defer:dmarc-unsettled" },
	{ "whether there is such a name, the DNS does not tell", "a@none.example", "a@www.slownp.example", "defer:dmarc-unsettled" },
	{ "a subdomain's SPF does for the domain", "a@mail.relaxed.example", "a@relaxed.example", "accept" },
	{ "not with strict alignment", "a@mail.strict.example", "a@strict.example", "reject:dmarc" },
	{ "two authors: the strictest of the two policies", "a@none.example", "a@www.reject.example, b@reject.example", "reject:dmarc" },
	{ "two authors: one is not proven", "a@mail.relaxed.example", "a@relaxed.example, b@www.reject.example", "mark:dmarc" },
	{ "two authors: one cannot be known", "a@none.example", "a@none.example, b@slow.example", "defer:dmarc-unsettled" },
	{ "a crowd in From, to hide one", "a@mail.relaxed.example",
	  "a@relaxed.example, b@a.example, c@b.example, d@c.example, e@none.example", "mark:dmarc" },
	{ "a crowd, one of them of a domain that wants it refused", "a@mail.relaxed.example",
	  "a@relaxed.example, b@a.example, c@b.example, d@reject.example, e@none.example", "reject:dmarc" },
	{ "an author without a domain", "a@none.example", "alice", "accept" },
};

static void
test_published(void)
{
	static struct inspect_stage stage;

	inspect_stage_init(&stage);
	zone_init(&stage.zone, STR(ZONE));
	for (int i = 0; i < N_OF(published); i++) {
		struct str mail, words;
		ptrdiff_t at;

		test_case("published: %s", published[i].name);
		inspect_stage_set_reverse_path(&stage, published[i].reverse_path);
		insist(arena_printf(&stage.mails, &mail, "From: %s\r\n\r\nx\r\n", published[i].from));
		words = inspect_stage_judge(&stage, mail);
		at = str_find_str(words, STR("verdict="));
		expect(at > 0);
		expect_str(str_from(words, (size_t)at + strlen("verdict=")), str_of(published[i].want));
	}
	inspect_stage_fini(&stage);
}

int
main(void)
{
	test_may_relay();
	test_by_class();
	test_hold();
	test_loops();
	test_judgements();
	test_replies();
	test_published();
	return test_end();
}
