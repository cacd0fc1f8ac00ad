/*
 * test_srs.c - a sender of another domain through the whole relay: the next hop gets an SRS address, and a report to it comes
 * back to the sender
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/relay/relay.h"

enum { COMMAND_MAX_BYTES = 400 };

struct story {
	struct relay		 relay;
	struct relay_rule	 rule;
	struct next_hop_settings hops[2];
	struct route_settings	 routes[2];
	void			(*tell)(struct story *story);
};

static const char MAIL[] = "Subject: x\r\n\r\nx\r\n";

static struct relay_plan
plan_of(const struct story *story)
{
	return (struct relay_plan){ .rules = &story->rule, .n_rules = 1, .routes = story->routes, .n_routes = 2, .srs_secret = "a secret" };
}

/* The last command of a kind that was said to a next hop; "" if none was. */
static struct str
last_command(struct story *story, const char *kind)
{
	struct str found = STR_EMPTY, key, bytes;

	for (int i = 0; sim_find_note(story->relay.sim, kind, (struct str){ .at = NULL }, i, &key, &bytes); i++)
		found = key;
	return found;
}

static void
send_mail(struct story *story, const char *mail, const char *rcpt, int want_code)
{
	const char *const commands[] = { mail, rcpt };

	expect_int(client_talk(&story->relay, commands, 2, str_of(MAIL)), want_code);
	fiber_sleep(instant_after(loop_now(story->relay.loop), span_s(30)));
}

static bool
was_said(struct story *story, const char *kind, const char *start)
{
	return str_starts(last_command(story, kind), str_of(start));
}

static void
tell_back(struct story *story)
{
	char rcpt[COMMAND_MAX_BYTES];
	struct str said;

	test_case("who sends from another domain has an SRS address at the next hop");
	send_mail(story, "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.com>", 250);
	said = last_command(story, "mail");
	expect(str_starts(said, STR("MAIL FROM:<SRS0=")));
	expect(str_find_str(said, STR("=example.org=alice@fwd.example.com>")) > 0);

	test_case("a report to it goes to the sender, from nobody still");
	said = str_sub(said, strlen("MAIL FROM:"), (size_t)str_find(said, '>') + 1 - strlen("MAIL FROM:"));
	snprintf(rcpt, sizeof(rcpt), "RCPT TO:%.*s", STR_ARG(said));
	send_mail(story, "MAIL FROM:<>", rcpt, 250);
	expect(was_said(story, "mail", "MAIL FROM:<>"));
	expect(was_said(story, "rcpt", "RCPT TO:<alice@example.org>"));

	test_case("a month later it is refused");
	fiber_sleep(instant_after(loop_now(story->relay.loop), span_s(30 * 86400)));
	send_mail(story, "MAIL FROM:<>", rcpt, 550);
}

static void
tell_own_report(struct story *story)
{
	test_case("our own report goes to the sender and not to the SRS address");
	send_mail(story, "MAIL FROM:<alice@example.org>", "RCPT TO:<bad@example.com>", 250);
	expect(was_said(story, "mail", "MAIL FROM:<>"));
	expect(was_said(story, "rcpt", "RCPT TO:<alice@example.org>"));
}

static void
tell_ours(struct story *story)
{
	test_case("a sender of our own domain stays");
	send_mail(story, "MAIL FROM:<carol@example.com>", "RCPT TO:<bob@example.com>", 250);
	expect(was_said(story, "mail", "MAIL FROM:<carol@example.com>"));

	test_case("the null reverse-path too");
	send_mail(story, "MAIL FROM:<>", "RCPT TO:<bob@example.com>", 250);
	expect(was_said(story, "mail", "MAIL FROM:<>"));
}

static void
tell_modes(struct story *story)
{
	struct relay_plan plan;

	test_case("with never nobody is rewritten, with always our own domains too");
	story->routes[0].srs = SRS_NEVER;
	plan = plan_of(story);
	relay_reload(&story->relay, &plan, span_s(60));
	send_mail(story, "MAIL FROM:<alice@example.org>", "RCPT TO:<bob@example.com>", 250);
	expect(was_said(story, "mail", "MAIL FROM:<alice@example.org>"));
	story->routes[0].srs = SRS_ALWAYS;
	relay_reload(&story->relay, &plan, span_s(60));
	send_mail(story, "MAIL FROM:<carol@example.com>", "RCPT TO:<bob@example.com>", 250);
	expect(was_said(story, "mail", "MAIL FROM:<SRS0="));
}

static void
tell_retry(struct story *story)
{
	struct str first;

	test_case("the form is made once: days later a retry says the same");
	send_mail(story, "MAIL FROM:<alice@example.org>", "RCPT TO:<later@example.com>", 250);
	first = last_command(story, "mail");
	fiber_sleep(instant_after(loop_now(story->relay.loop), span_s(2 * 86400)));
	expect(str_eq(last_command(story, "mail"), first));
	expect_int(sim_n_notes(story->relay.sim, "arrived", STR("x to later@example.com")), 1);
}

static void
run_story(void *arg)
{
	struct story *story = arg;

	story->tell(story);
	loop_stop(story->relay.loop);
}

static void
play(void (*tell)(struct story *story))
{
	static const char *const domains[] = { "example.com" };
	struct sim_options options = { .seed = 5 };
	struct sim *sim = sim_new(&options);
	struct story story = { .rule = { .name = "moved", .domains = domains, .n_domains = 1 }, .tell = tell };
	struct relay_plan plan;

	sim_enter(sim);
	story.hops[0] = relay_next_hop(NEW_SERVER_AT);
	story.hops[1] = relay_next_hop(HOME_AT);
	for (int i = 0; i < 2; i++)
		story.routes[i] = (struct route_settings){ .destination = i == 0 ? "relay:moved" : "route:out", .next_hops = &story.hops[i],
		    .n_next_hops = 1, .connections_max = 5, .check_interval = span_s(10) };
	plan = plan_of(&story);
	relay_start_as(&story.relay, sim, &plan, NULL);
	new_server_start(&story.relay, NEW_SERVER_AT);
	new_server_start(&story.relay, HOME_AT);
	insist(fiber_start(story.relay.loop, "story", run_story, &story) != NULL);
	loop_run(story.relay.loop);
	relay_end(&story.relay);
	sim_leave(sim);
	sim_free(sim);
}

int
main(void)
{
	play(tell_back);
	play(tell_own_report);
	play(tell_ours);
	play(tell_modes);
	play(tell_retry);
	return test_end();
}
