/*
 * test_sealed.c - mail is signed once, when it comes in, and our reports when they are made; libopendkim is the judge
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/header.h"
#include "tests/expect.h"
#include "tests/policy/dkim_judge.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/relay/relay.h"

enum { MAIL_MAX_BYTES = 1 << 20, HEADER_ARENA_MAX_BYTES = 64 * 1024 };

struct story {
	struct relay		 relay;
	struct relay_rule	 rule;
	struct next_hop_settings hops[2];
	struct route_settings	 routes[2];
	struct relay_signer	 signers[2];	/* of our author's domain, and of our own name */
	struct dkim_judge	*judge;
};

static void
sleep_s(struct story *story, int s)
{
	fiber_sleep(instant_after(loop_now(story->relay.loop), span_s(s)));
}

/* The first mail that arrived whose "SUBJECT to RECIPIENT" ends so. */
static struct str
arrived(struct story *story, const char *key)
{
	struct str found, bytes;

	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &found, &bytes); i++)
		if (str_ends_nocase(found, str_of(key)))
			return bytes;
	return STR_EMPTY;
}

static int
n_fields(struct str mail, const char *name)
{
	struct header_section section;
	struct arena arena;
	int n;

	arena_init(&arena, HEADER_ARENA_MAX_BYTES);
	insist(header_read(mail, &arena, &section) == 0);
	n = header_count(&section, str_of(name));
	arena_fini(&arena);
	return n;
}

static struct relay_plan
plan_of(const struct story *story)
{
	return (struct relay_plan){ .rules = &story->rule, .n_rules = 1, .routes = story->routes, .n_routes = 2,
	    .signers = story->signers, .n_signers = 2 };
}

static int
send_mail(struct story *story, const char *const *commands, int n, size_t n_lines)
{
	struct buf mail;
	int code;

	buf_init(&mail, MAIL_MAX_BYTES);
	buf_append(&mail, STR("From: Alice <alice@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nSubject: sealed\r\n\r\n"));
	for (size_t i = 0; i < n_lines; i++)
		buf_append(&mail, STR("Gr\xc3\xbc\xc3\x9f" "e  \t \r\n"));
	buf_append(&mail, STR("\r\n\r\n"));
	code = client_talk(&story->relay, commands, n, buf_str(&mail));
	buf_fini(&mail);
	return code;
}

static void
tell_retries(struct story *story)
{
	static const char *const commands[] = { "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.com>", "RCPT TO:<later1@example.com>" };
	struct str first, second;
	struct relay_plan plan;

	test_case("a mail is signed once: a retry, and one by another key's time, bring the same bytes");
	expect_int(send_mail(story, commands, 3, 2000), 250);
	sleep_s(story, 30);
	first = arrived(story, "sealed to bob@example.com");
	expect(first.len > 0);
	expect_int(arrived(story, "sealed to later1@example.com").len, 0);
	story->signers[0].selector = "next";
	plan = plan_of(story);
	relay_reload(&story->relay, &plan, span_s(60));
	sleep_s(story, 3600);
	second = arrived(story, "sealed to later1@example.com");
	expect(str_eq(first, second));
	expect_int(n_fields(first, "DKIM-Signature"), 1);
	expect_int(dkim_judge_n_right(story->judge, "example.org", first), 1);
	expect(str_find_str(first, STR("s=now")) >= 0);

	test_case("a new mail has the new key's");
	expect_int(send_mail(story, commands, 2, 1), 250);
	sleep_s(story, 30);
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("sealed to bob@example.com")), 2);
}

static void
tell_report(struct story *story, const char *name, const char *const *commands, int n, size_t n_lines)
{
	struct str report;

	test_case("%s", name);
	expect_int(send_mail(story, commands, n, n_lines), 250);
	sleep_s(story, 60);
	report = arrived(story, " to alice@example.org");
	expect(str_find_str(report, STR("multipart/report")) >= 0);
	expect_int(n_fields(report, "DKIM-Signature"), 1);
	expect_int(dkim_judge_n_right(story->judge, "old.example.com", report), 1);
	expect(str_find_str(report, STR("Subject: sealed")) >= 0);
}

static void
tell_small_report(struct story *story)
{
	static const char *const commands[] = { "MAIL FROM:<alice@example.org>", "RCPT TO:<bad@example.com>" };

	tell_report(story, "our report is signed", commands, 2, 3);
}

static void
tell_whole_report(struct story *story)
{
	static const char *const commands[] = { "MAIL FROM:<alice@example.org> BODY=8BITMIME RET=FULL", "RCPT TO:<bad@example.com>" };

	tell_report(story, "so is one that returns a large mail, whole and 8-bit", commands, 2, 30000);
}

static void
tell_unsigned_report(struct story *story)
{
	static const char *const commands[] = { "MAIL FROM:<alice@example.org>", "RCPT TO:<bad@example.com>" };
	struct relay_plan plan = plan_of(story);

	test_case("without a signer for our name it goes as it is");
	plan.n_signers = 1;
	relay_reload(&story->relay, &plan, span_s(60));
	expect_int(send_mail(story, commands, 2, 3), 250);
	sleep_s(story, 60);
	expect(str_find_str(arrived(story, " to alice@example.org"), STR("multipart/report")) >= 0);
	expect_int(n_fields(arrived(story, " to alice@example.org"), "DKIM-Signature"), 0);
}

struct telling {
	struct story	*story;
	void	       (*tell)(struct story *story);
};

static void
run_story(void *arg)
{
	struct telling *telling = arg;

	telling->tell(telling->story);
	loop_stop(telling->story->relay.loop);
}

static void
play(void (*tell)(struct story *story))
{
	static const char *const domains[] = { "example.com" };
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(3) });
	struct dkim_key *key = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL), *own_key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	struct story story = { .rule = { .name = "moved", .domains = domains, .n_domains = 1 },
	    .signers = { { "example.org", "now", STR(RFC8463_ED25519_PEM) }, { "old.example.com", "own", STR(RFC8463_RSA_PEM) } } };
	struct telling telling = { .story = &story, .tell = tell };
	struct relay_plan plan;

	sim_enter(sim);
	story.hops[0] = relay_next_hop(NEW_SERVER_AT);
	story.hops[1] = relay_next_hop(HOME_AT);
	for (int i = 0; i < 2; i++)
		story.routes[i] = (struct route_settings){ .destination = i == 0 ? "relay:moved" : "route:out", .next_hops = &story.hops[i],
		    .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) };
	story.judge = dkim_judge_new((uint64_t)os_wall_clock().us / 1000000);
	dkim_judge_add(story.judge, "now", key);
	dkim_judge_add(story.judge, "next", key);
	dkim_judge_add(story.judge, "own", own_key);
	plan = plan_of(&story);
	relay_start_as(&story.relay, sim, &plan, NULL);
	insist(ip_parse(str_of(TRUSTED_AT), &story.relay.client_at.ip));
	new_server_start(&story.relay, NEW_SERVER_AT);
	new_server_start(&story.relay, HOME_AT);
	insist(fiber_start(story.relay.loop, "story", run_story, &telling) != NULL);
	loop_run(story.relay.loop);
	relay_end(&story.relay);
	dkim_judge_free(story.judge);
	dkim_key_free(key);
	dkim_key_free(own_key);
	sim_leave(sim);
	sim_free(sim);
}

int
main(void)
{
	play(tell_retries);
	play(tell_small_report);
	play(tell_whole_report);
	play(tell_unsigned_report);
	return test_end();
}
