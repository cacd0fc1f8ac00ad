/*
 * test_judging.c - mails of Postfix's, as the milter protocol brings them: what is found, done and changed
 */
#include <stdio.h>

#include "tests/expect.h"
#include "tests/milter/judging_stage.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/policy/zone.h"

enum { SHOWN_MAX_BYTES = 8000 };

struct mail {
	const char	*name;			/* what is true */
	const char	*client;		/* {client_addr}; NULL: none */
	const char	*daemon_name, *transport;	/* NULL: none */
	const char	*path, *recipient;
	const char	*header;		/* "Name:value" in lines; "|" is an LF in the value */
	const char	*body;
	enum action	 want;
	const char	*want_words;		/* a part of them */
	const char	*want_changes;		/* "-Name:nth" and "+Name:value" of each; a part of the value; "" for none */
};

#define FALSE_SIGNATURE	"DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=e; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA"

static const struct mail mails[] = {
	{ .name = "a stranger's mail is checked, stamped and classified", .client = "192.0.2.1", .path = "<a@pass.example>", .header = "From: a@pass.example",
	  .want_words = "spf=pass dkim=none arc=none dmarc=pass:pass.example verdict=accept", .want_changes = "+X-Traffic-Class: incoming +Received-SPF: +Received-SPF: pass +Authentication-Results: mx.relay.example; " },
	{ .name = "a policy of reject is done", .client = "192.0.2.9", .path = "<a@pass.example>", .header = "From: a@pass.example",
	  .want = ACTION_REJECT, .want_words = "verdict=reject:dmarc" },
	{ .name = "a client that may relay is signed for, and not checked", .client = "10.0.0.1", .path = "<a@example.com>", .header = "From: a@example.com",
	  .want_words = "unchecked=trusted verdict=accept signed=example.com:e", .want_changes = "+X-Traffic-Class: local; direction=internal; by=listener +DKIM-Signature: v=1;" },
	{ .name = "whose mail goes out is known of Postfix", .client = "10.0.0.1", .path = "<a@example.com>", .recipient = "<x@other.example>", .transport = "smtp",
	  .header = "From: a@example.com", .want_words = "direction=outbound" },
	{ .name = "... and of its own mailboxes, too", .client = "10.0.0.1", .path = "<a@example.com>", .recipient = "<x@other.example>", .transport = "virtual",
	  .header = "From: a@example.com", .want_words = "direction=internal" },
	{ .name = "a service's name is a class", .client = "10.0.0.1", .daemon_name = "List", .path = "<a@example.com>", .header = "From: a@example.com",
	  .want_words = "class=list class-by=listener" },
	{ .name = "a service's name is none for a stranger", .client = "192.0.2.1", .daemon_name = "list", .path = "<a@pass.example>", .header = "From: a@pass.example",
	  .want_words = "class=incoming class-by=outsider" },
	{ .name = "fields in our name go, from the bottom, whatever their case and folding", .client = "10.0.0.1", .path = "<a@b.example>",
	  .header = "authentication-results: MX.relay.example; spf=pass\nFrom: a@b.example\nX-Traffic-Class: list\nAuthentication-Results:|\tmx.relay.example|\t; spf=pass\n"
	  "Authentication-Results: other.example; spf=pass\nx-traffic-class: list",
	  .want_changes = "-x-traffic-class:2 -Authentication-Results:2 -X-Traffic-Class:1 -authentication-results:1 +X-Traffic-Class: local" },
	{ .name = "what a class takes away and adds", .client = "10.0.0.1", .path = "<a@example.com>", .header = "From: a@example.com\nX-Secret: 1\nX-Do: edit\nx-secret: 2",
	  .want_words = "class=edit", .want_changes = "-x-secret:2 -X-Secret:1 +X-Added: yes +X-Traffic-Class: edit +DKIM-Signature:" },
	{ .name = "a class that holds and has a trusted client's mail checked", .client = "10.0.0.1", .path = "<a@example.com>", .header = "From: a@example.com\nX-Do: hold",
	  .want_words = "verdict=hold:class" },
	{ .name = "too large for its class", .client = "10.0.0.1", .path = "<a@example.com>", .header = "From: a@example.com\nX-Do: hold", .body = "long",
	  .want = ACTION_REJECT, .want_words = "verdict=reject:class-size" },
	{ .name = "a value that would be a field stays a value", .client = "10.0.0.1", .path = "<a@b.example>", .header = "From: a@b.example\nX: 1|Authentication-Results: mx.relay.example; x",
	  .want_changes = "+X-Traffic-Class: local" },
	{ .name = "no client is nobody's", .client = NULL, .path = "<>", .header = "From: a@b.example", .want_words = "class=incoming" },
	{ .name = "a local part alone is here", .client = "10.0.0.1", .path = "<root>", .recipient = "<postmaster>", .header = "From: root", .want_words = "verdict=accept" },
	{ .name = "what is no address", .client = "192.0.2.1", .path = "<a b@@c>", .recipient = "<@>", .header = "From: a@b.example", .want_words = "verdict=accept" },
	{ .name = "many signatures are checked, which another thread does", .client = "192.0.2.1", .path = "<a@pass.example>",
	  .header = FALSE_SIGNATURE "\n" FALSE_SIGNATURE "\n" FALSE_SIGNATURE "\n" FALSE_SIGNATURE "\nFrom: a@pass.example",
	  .want_words = "dkim=fail:example.com:e,fail:example.com:e,fail:example.com:e,fail:example.com:e verdict=accept" },
	{ .name = "the DNS does not tell", .client = "192.0.2.1", .path = "<a@slow.example>", .header = "From: a@slow.example",
	  .want = ACTION_ACCEPT, .want_words = "spf=temperror" },
};

static const char zone_text[] = "pass.example TXT v=spf1 ip4:192.0.2.1 -all\n_dmarc.pass.example TXT v=DMARC1; p=reject\nslow.example timeout\n"
    "e._domainkey.example.com TXT " RFC8463_ED25519_RECORD "\n";

static const char *
find_macro(void *context, const char *name)
{
	const struct mail *mail = context;

	if (strcmp(name, "{client_addr}") == 0)
		return mail->client;
	return strcmp(name, "{daemon_name}") == 0 ? mail->daemon_name : NULL;
}

static void
give_fields(struct judging *judging, const char *header)
{
	struct str rest = str_of(header), line, name;
	char value[400];

	while (str_take_until(&rest, '\n', &line)) {
		(void)str_take_until(&line, ':', &name);
		for (size_t i = 0; i < line.len; i++)
			value[i] = line.at[i] == '|' ? '\n' : line.at[i];
		judging_field(judging, name, str_n(value, line.len));
	}
}

static void
show_changes(struct judging *judging, struct buf *shown)
{
	const struct field_removal *removals;
	const struct field_insertion *insertions;
	int n;

	removals = judging_removals(judging, &n);
	for (int i = 0; expect(removals != NULL) && i < n; i++)
		buf_printf(shown, "-%s:%d ", removals[i].name, removals[i].nth);
	insertions = judging_insertions(judging, &n);
	for (int i = 0; expect(insertions != NULL) && i < n; i++)
		buf_printf(shown, "+%s:%s ", insertions[i].name, insertions[i].value);
}

/* Each word of want, in order. */
static bool
has_words(struct str shown, const char *want)
{
	struct str rest = str_of(want), word;

	while (str_take_word(&rest, &word)) {
		ptrdiff_t at = str_find_str(shown, word);

		if (at < 0)
			return false;
		shown = str_from(shown, (size_t)at + word.len);
	}
	return true;
}

static struct judging *
begin(struct judging_stage *stage, const struct mail *mail)
{
	const struct judging_start start = { .macros = { .find = find_macro, .context = (void *)(uintptr_t)mail }, .helo = STR("h.example"),
	    .path = str_of(mail->path) };
	struct judging *judging = judging_new(&stage->world, &start);

	judging_recipient(judging, str_of(mail->recipient != NULL ? mail->recipient : "<kim@keep.example>"), str_of(mail->transport != NULL ? mail->transport : ""));
	give_fields(judging, mail->header);
	judging_header(judging);
	return judging;
}

static void
test_mail(struct judging_stage *stage, const struct mail *mail)
{
	struct judging *judging;
	struct verdict verdict;
	char body[3000];
	struct buf shown;

	test_case("%s", mail->name);
	judging = begin(stage, mail);
	memset(body, 'x', sizeof(body));
	if (judging_wants_body(judging))
		judging_body(judging, str_n(body, mail->body != NULL ? sizeof(body) : 10));
	judging_end(judging, &verdict);
	expect_int(verdict.action, mail->want);
	expect(!judging_has_failed(judging));
	buf_init(&shown, SHOWN_MAX_BYTES);
	judging_words(judging, &shown);
	if (mail->want_words != NULL && !expect(has_words(buf_str(&shown), mail->want_words)))
		expect_str(buf_str(&shown), str_of(mail->want_words));
	buf_clear(&shown);
	if (verdict.action == ACTION_ACCEPT)
		show_changes(judging, &shown);
	if (mail->want_changes != NULL && !expect(has_words(buf_str(&shown), mail->want_changes)))
		expect_str(buf_str(&shown), str_of(mail->want_changes));
	buf_fini(&shown);
	judging_free(judging);
	judging_stage_settle(stage);
}

static void
test_left(struct judging_stage *stage)
{
	test_case("a mail may end at any step, also while it is checked");
	for (int i = 0; i < 50; i++)
		judging_free(begin(stage, &mails[0]));
	judging_free(NULL);
	judging_stage_settle(stage);
	expect(true);
}

static void
test_deferred_without_room(struct judging_stage *stage)
{
	static const struct mail mail = { .client = "192.0.2.1", .path = "<a@pass.example>", .header = "From: a@pass.example" };
	struct judging *judging;
	struct verdict verdict;

	test_case("without room it is deferred, as a failure");
	stage->rules.memory_max_bytes = 100;
	judging = begin(stage, &mail);
	expect(!judging_wants_body(judging));
	judging_end(judging, &verdict);
	expect_int(verdict.action, ACTION_DEFER);
	expect_text(verdict.reason, "memory");
	expect(judging_has_failed(judging) && !judging_is_accepted_on_failure(judging));
	judging_free(judging);
	judging_stage_settle(stage);
}

/* Fields that must go are what strangers could fill it with. */
static void
test_bound(struct judging_stage *stage, bool accepts)
{
	static const struct mail mail = { .client = "192.0.2.1", .path = "<a@pass.example>", .header = "From: a@pass.example" };
	enum { MAILS = 20, FIELDS = 60, MAX_BYTES = 1024 * 1024, FORGED_BYTES = 100 * 1024 };
	struct judging *judgings[MAILS];
	struct verdict verdict;
	char value[9000];

	test_case("what is kept of forged fields is bounded, too, where on-failure is %s", accepts ? "accept" : "defer");
	stage->rules.memory_max_bytes = MAX_BYTES;
	stage->rules.accepts_on_failure = accepts;
	memset(value, 'x', sizeof(value));
	for (int i = 0; i < MAILS; i++) {
		const struct judging_start start = { .macros = { .find = find_macro, .context = (void *)(uintptr_t)&mail }, .helo = STR("h.example"),
		    .path = str_of(mail.path) };

		judgings[i] = judging_new(&stage->world, &start);
		for (int n = 0; n < FIELDS; n++)
			judging_field(judgings[i], STR("Authentication-Results"), str_n(value, sizeof(value)));
	}
	expect(atomic_load(&stage->world.memory_bytes) < MAX_BYTES + MAILS * FORGED_BYTES);
	judging_header(judgings[MAILS - 1]);
	judging_end(judgings[MAILS - 1], &verdict);
	expect_text(verdict.reason, "memory");
	expect(!judging_is_accepted_on_failure(judgings[MAILS - 1]));
	for (int i = 0; i < MAILS; i++)
		judging_free(judgings[i]);
	judging_stage_settle(stage);
}

static void
test_room(struct judging_stage *stage)
{
	static const struct mail forged = { .client = "192.0.2.1", .path = "<a@pass.example>",
	    .header = "From: a@pass.example\nX-Traffic-Class: list\nAuthentication-Results: mx.relay.example; spf=pass" };
	struct judging *judging;
	struct verdict verdict;
	struct buf shown;

	test_case("where it is to go on without room, what is forged is known all the same");
	stage->rules.memory_max_bytes = 100;
	stage->rules.accepts_on_failure = true;
	judging = begin(stage, &forged);
	judging_end(judging, &verdict);
	expect(judging_has_failed(judging) && judging_is_accepted_on_failure(judging));
	buf_init(&shown, SHOWN_MAX_BYTES);
	show_changes(judging, &shown);
	expect_str(buf_str(&shown), STR("-Authentication-Results:1 -X-Traffic-Class:1 "));
	buf_fini(&shown);
	judging_free(judging);
	judging_stage_settle(stage);
	stage->rules.accepts_on_failure = false;
	stage->rules.memory_max_bytes = 64 * 1024 * 1024;
}

int
main(void)
{
	static struct judging_stage stage;
	struct zone zone;

	judging_stage_begin(&stage);
	zone_init(&zone, str_of(zone_text));
	stage.answers = &zone.resolver;
	stage.rules.local_transports = (const char *const[]){ "virtual" };
	stage.rules.n_local_transports = 1;
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++)
		test_mail(&stage, &mails[i]);
	test_left(&stage);
	test_deferred_without_room(&stage);
	test_room(&stage);
	test_bound(&stage, false);
	test_bound(&stage, true);
	judging_stage_end(&stage);
	test_case("no other mail was for another thread");
	expect_int(stage.elsewhere.n_uses, 1);
	return test_end();
}
