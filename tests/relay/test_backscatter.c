/*
 * test_backscatter.c - reports go to senders who were verified, and to nobody else, through the whole relay
 */
#include <stdio.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/zone.h"
#include "tests/relay/relay.h"

#define ZONE \
	"right.example TXT v=spf1 ip4:192.0.2.25 -all\n" \
	"forged.example TXT v=spf1 -all\n" \
	"slow.example timeout\n"

#define MAIL_TEXT	"From: <alice@right.example>\r\nSubject: hello\r\n\r\nHello.\r\n"

static const struct {
	const char *name, *domain;	/* of the sender */
	bool is_trusted, is_told;
} rows[] = {
	{ "SPF passes", "right.example", false, true },
	{ "SPF fails", "forged.example", false, false },
	{ "SPF is not known to pass: no record", "silent.example", false, false },
	{ "the DNS does not tell", "slow.example", false, false },
	{ "the client is trusted", "forged.example", true, true },
};

struct story {
	struct relay	 relay;
	bool		 is_trusted, is_told;
	const char	*domain;
};

struct seen {
	int	 n, n_withheld;
};

static bool
see(void *context, const struct queue_mail_view *mail)
{
	struct seen *seen = context;

	seen->n++;
	for (int i = 0; i < mail->n_recipients; i++)
		seen->n_withheld += mail->recipients[i].state == QUEUE_WITHHELD &&
		    str_find_str(mail->recipients[i].last_text, STR("5.1.1")) >= 0;
	return true;
}

static void
sleep_s(struct story *story, int64_t s)
{
	fiber_sleep(instant_after(loop_now(story->relay.loop), span_s(s)));
}

static int
n_reports(struct story *story)
{
	struct str key, bytes;
	int n = 0;

	for (int i = 0; sim_find_note(story->relay.sim, "arrived", (struct str){ .at = NULL }, i, &key, &bytes); i++)
		n += str_find_str(bytes, STR("multipart/report")) >= 0;
	return n;
}

static void
run_story(void *arg)
{
	struct story *story = arg;
	const struct queue_filter held = { .is_held_only = true };
	char from[100];
	const char *commands[] = { from, "RCPT TO:<bad@example.com>", "RCPT TO:<bob@example.com>" };
	struct queue_counts counts;
	struct seen seen = { .n = 0 };

	insist(ip_parse(story->is_trusted ? str_of(TRUSTED_AT) : STR("192.0.2.25"), &story->relay.client_at.ip));
	snprintf(from, sizeof(from), "MAIL FROM:<alice@%s>", story->domain);
	expect_int(client_talk(&story->relay, commands, 3, STR(MAIL_TEXT)), 250);
	sleep_s(story, 120);
	expect(sim_n_notes(story->relay.sim, "arrived", STR("hello to bob@example.com")) == 1);
	expect_int(n_reports(story), story->is_told ? 1 : 0);
	expect_int(queue_list(story->relay.queue, &held, see, &seen, instant_after(os_now(), span_s(10))), 0);
	expect_int(seen.n, story->is_told ? 0 : 1);
	expect_int(seen.n_withheld, story->is_told ? 0 : 1);
	sleep_s(story, 36 * 86400);		/* beyond its time and that of the hold */
	queue_count(story->relay.queue, &counts);
	expect_int(counts.n_mails, 0);
	expect_int(n_reports(story), story->is_told ? 1 : 0);
	loop_stop(story->relay.loop);
}

static void
play(struct story *story)
{
	struct sim_options options = { .seed = sim_seed(12) };
	struct sim *sim = sim_new(&options);
	struct zone zone;

	sim_enter(sim);
	zone_init(&zone, STR(ZONE));
	relay_start_withholding(&story->relay, sim, &zone.resolver);
	new_server_start(&story->relay, NEW_SERVER_AT);
	new_server_start(&story->relay, HOME_AT);
	insist(fiber_start(story->relay.loop, "story", run_story, story) != NULL);
	loop_run(story->relay.loop);
	relay_end(&story->relay);
	sim_leave(sim);
	sim_free(sim);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story story = { .domain = rows[i].domain, .is_trusted = rows[i].is_trusted, .is_told = rows[i].is_told };

		test_case("a recipient is refused, and %s", rows[i].name);
		play(&story);
	}
	return test_end();
}
