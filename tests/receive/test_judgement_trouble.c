/*
 * test_judgement_trouble.c - mail that is checked and signed where the DNS is slow or dead, memory is short, or a mail does not
 * come to its end; in simulated time
 */
#include <stdio.h>

#include "tests/receive/judging_stage.h"

static void
has_little_memory(struct stage *stage)
{
	stamps(stage);
	stage->transactions_max_bytes = 100000;
}

static void
sleep_ms(struct stage *stage, int64_t ms)
{
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(ms)));
}

/* --- time --- */

static void
send_slowly(void *arg)
{
	static const char *const script[] = {
		STRANGER, FROM("a@slow.example"), DATA, "C" HEADER("a@slow.example") "\r\nhello\r\n.", NULL,
	};
	struct stage *stage = arg;
	struct stage_client client = { .stage = stage };
	struct fault fault;

	stage_connect(&client, stage);
	stage_play(&client, script);
	stream_fill(client.stream, INSTANT_NEVER, &fault);
	expect(stage_hear(&client));
	expect(str_starts(buf_str(&client.reply), STR("250")));
	stage_close(&client);
	stage->n_playing--;
}

static void
slow_holds_up_nobody(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Q1", "Hspf=pass", NULL,
	};
	int64_t took_ms;

	stage->n_playing++;
	fiber_start(stage->loop, "slow", send_slowly, stage);
	sleep_ms(stage, 1000);
	play_one(stage, script);
	took_ms = instant_diff(stage->began, loop_now(stage->loop)).ns / 1000000;
	expect(took_ms < 2000);
	expect_int(stage->n_playing, 1);
	while (stage->n_playing > 0)
		sleep_ms(stage, 1000);
	expect_int(stage->queue.n_mails, 2);
	expect(str_find_str(last(stage)->prefix, STR("spf=pass")) >= 0);	/* it was worth the wait */
}

/* How long one mail of a client took, in seconds; it is taken. */
static int
takes_s(struct stage *stage, const char *address, const char *domain)
{
	static const char *const greeted[] = { "S220", HELO, NULL };
	static const char *const told[] = { "S220", HELO, NULL };
	static const char *const data[] = { "S250", "CRCPT TO:<b@example.com>", "S250", DATA, NULL };
	struct stage_client client = { .stage = stage };
	char line[200];
	struct instant began;
	struct fault fault;

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	snprintf(line, sizeof(line), "XCLIENT ADDR=%s NAME=x.example\r\n", address);
	stage_send(&client, str_of(line));
	stage_play(&client, told);
	snprintf(line, sizeof(line), "MAIL FROM:<a@%s>\r\n", domain);
	stage_send(&client, str_of(line));
	stage_play(&client, data);
	snprintf(line, sizeof(line), "From: a@%s\r\n\r\nhello\r\n.\r\n", domain);
	began = loop_now(stage->loop);
	stage_send(&client, str_of(line));
	stream_fill(client.stream, INSTANT_NEVER, &fault);
	expect(stage_hear(&client));
	expect(str_starts(buf_str(&client.reply), STR("250")));
	stage_close(&client);
	return (int)((instant_diff(began, loop_now(stage->loop)).ns + 500000000) / 1000000000);
}

/* SPF has the 20 s of the settings, DMARC a quarter of it at least: its own domain does not answer either. */
static void
dead_dns(struct stage *stage)
{
	struct world *world = world_of(stage);
	int s;

	world->names.zone = "*.example timeout\n*.org timeout\n*.arpa timeout\n";
	s = takes_s(stage, "192.0.2.1", "lost.example");
	expect_int(s, 25);
	expect(str_find_str(last(stage)->prefix, STR("spf=temperror")) >= 0);
	expect(str_find_str(last(stage)->prefix, STR("dmarc=temperror")) >= 0);
	test_case("the next mails of the same client wait shortly");
	s = takes_s(stage, "192.0.2.1", "lost.example");
	expect_int(s, 2);
	test_case("another client's find out that it is not only his");
	s = takes_s(stage, "192.0.2.2", "elsewhere.example");
	expect_int(s, 25);
	s = takes_s(stage, "192.0.2.3", "elsewhere.example");
	expect_int(s, 2);
	test_case("half a minute later one tries again");
	sleep_ms(stage, 31000);
	world->names.zone = world->zone.at;
	s = takes_s(stage, "192.0.2.1", "slow.example");
	expect_int(s, 10);
	expect(str_find_str(last(stage)->prefix, STR("spf=pass")) >= 0);
}

/* Two clients whose servers do not answer; while their mail waits, 20 s and 5 s, mail comes whose DNS works. */
static void
dead_domains_are_alone(struct stage *stage)
{
	static const char *const lost[] = { "192.0.2.2", "192.0.2.3" };
	struct stage_client clients[N_OF(lost)];

	for (int i = 0; i < N_OF(lost); i++) {
		char line[100];
		const char *const waits[] = { "S220", HELO, line, "S220", HELO, FROM("a@lost.example"), DATA,
			"C" HEADER("a@lost.example") "\r\nhello\r\n.", NULL };

		snprintf(line, sizeof(line), "CXCLIENT ADDR=%s NAME=x.example", lost[i]);
		clients[i] = (struct stage_client){ .stage = stage };
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], waits);
	}
	for (int i = 0; i < 2; i++) {
		sleep_ms(stage, 12000);
		expect_int(takes_s(stage, "192.0.2.1", "far.example"), 0);
	}
	for (int i = 0; i < N_OF(lost); i++) {
		stage_play(&clients[i], (const char *const[]){ "S250", NULL });
		stage_close(&clients[i]);
	}
	expect_int(takes_s(stage, "192.0.2.4", "slow.example"), 10);
	expect(str_find_str(last(stage)->prefix, STR("spf=fail")) >= 0);
}

static void
nameless_are_alone(struct stage *stage)
{
	static const char *const strangers[] = { "192.0.2.7", "192.0.2.8" };
	static const char *const named[] = {
		STRANGER, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Hiprev=pass", NULL,
	};

	for (int i = 0; i < N_OF(strangers); i++) {
		char line[100];
		const char *const nameless[] = { "S220", HELO, line, "S220", HELO, FROM("a@example.org"), DATA,
			"C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Hiprev=temperror", NULL };

		snprintf(line, sizeof(line), "CXCLIENT ADDR=%s", strangers[i]);
		play_one(stage, nameless);
	}
	play_one(stage, named);
}

/* --- ways out --- */

static const char *const half[] = {
	TRUSTED, FROM("a@example.com"), DATA, "C" HEADER("a@example.com") "\r\nhalf a mail", "P50", NULL,
};
static const char *const half_checked[] = {
	STRANGER, FROM("a@example.org"), DATA,
	"C" HEADER("a@example.org") "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=r; h=from; bh=AAAA; b=AAAA\r\n\r\nhalf a mail", "P50", NULL,
};

static void
is_cut_short(struct stage *stage)
{
	static const char *const waits[] = { STRANGER, FROM("a@lost.example"), DATA, "C" HEADER("a@lost.example") "\r\n", "P50", NULL };
	static const char *const reset[] = {
		TRUSTED, FROM("a@example.com"), "RBDAT 27\r\nFrom: a@example.com\r\n\r\nhalf", "S250", "CRSET", "S250",
		FROM("a@example.com"), "RBDAT 30 LAST\r\nFrom: a@example.com\r\n\r\nwhole\r\n", "S250", "HDKIM-Signature", "Q1", NULL,
	};

	play_one(stage, half);
	play_one(stage, half_checked);
	play_one(stage, waits);
	play_one(stage, reset);
	sleep_ms(stage, 30000);
	expect_int(stage->queue.n_drafts, 0);
}

/* Clients are still there when the stage's end cuts them: one waits for us, whose checks wait for the DNS. */
static void
stop_comes(struct stage *stage)
{
	static const char *const waits[] = { STRANGER, FROM("a@lost.example"), DATA, "C" HEADER("a@lost.example") "\r\nhello\r\n.", "P50", NULL };
	static const char *const told[] = { "S4", "Q0", NULL };
	struct stage_client clients[3] = { { .stage = stage }, { .stage = stage }, { .stage = stage } };
	const char *const *scripts[] = { half, half_checked, waits };

	for (int i = 0; i < 3; i++) {
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], scripts[i]);
	}
	listeners_stop(stage->listeners, instant_after(loop_now(stage->loop), span_s(1)));
	for (int i = 0; i < 3; i++) {
		stage_play(&clients[i], told);
		stage_close(&clients[i]);
	}
}

/* The policy that began with a mail ends with it: the keys of the old one sign although it is gone. */
static void
reload_comes(struct stage *stage)
{
	static const char *const rest[] = { "C and the rest\r\n.", "S250", "HDKIM-Signature", "Q1", NULL };
	static const char *const next[] = {
		"CXCLIENT ADDR=192.0.2.66", "S220", HELO, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S550 5.7.26", NULL,
	};
	struct stage_client client = { .stage = stage };
	struct receive_world world = { .queue = &stage->queue, .resolver = stage->names, .signers = stage->signers,
	    .turnstile = stage->turnstile, .log = &stage->log.log };
	struct policy *old = stage->policy;
	const int no_socket = -1;
	struct fault fault;

	stage_connect(&client, stage);
	stage_play(&client, half);
	world.policy = stage->policy = make_policy(NULL, DMARC_ENFORCE, true);
	expect_int(listeners_adopt(stage->listeners, &stage->settings, 1, &no_socket, &world, &fault), 0);
	policy_hold(old);		/* the listener before it says its name yet; as a generation holds it */
	policy_free(old);
	stage_play(&client, rest);
	stage_play(&client, next);
	stage_close(&client);
	sleep_ms(stage, 100);
	policy_free(old);
}

static void
memory_is_short(struct stage *stage)
{
	static const char *const begun[] = { STRANGER, FROM("a@example.org"), DATA, NULL };
	static const char *const ended[] = { "C\r\nhello\r\n.", "S451 4.3.2", "Q0", NULL };
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, begun);
	for (int i = 0; i < 1000; i++)
		stage_send(&client, STR("X: a field among many, each of which costs a struct too\r\n"));
	stage_play(&client, ended);
	stage_close(&client);
}

/* What SPF has read so far is held while it waits for the next record. */
static void
record_is_large(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@large.example"), DATA, "C" HEADER("a@large.example") "\r\nhello\r\n.", "S451 4.3.2", "Q0",
		FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Q1", "Hspf=pass", NULL,
	};
	static const char *const names[] = { "large.example", "larger.example", "largest.example" };
	struct world *world = world_of(stage);

	world->zone.len--;		/* its NUL */
	for (int k = 0; k < N_OF(names) - 1; k++) {
		buf_printf(&world->zone, "%s TXT v=spf1 include:%s", names[k], names[k + 1]);
		for (int i = 0; i < 4000; i++)
			buf_printf(&world->zone, " ip4:10.0.%d.%d", i / 250, i % 250);
		buf_append_char(&world->zone, '\n');
	}
	buf_append_char(&world->zone, '\0');
	world->names.zone = world->zone.at;
	play_one(stage, script);
}

static const struct scene scenes[] = {
	{ "a slow DNS holds up nobody else", stamps, slow_holds_up_nobody, false },
	{ "with a dead DNS a mail waits, and is taken", stamps, dead_dns, false },
	{ "domains whose servers are dead keep no others from their answers", stamps, dead_domains_are_alone, false },
	{ "clients whose names nobody knows keep no others from theirs", stamps, nameless_are_alone, false },
	{ "mail that does not come to its end", stamps, is_cut_short, false },
	{ "a stop amidst the mail and amidst the checks", stamps, stop_comes, true },
	{ "a reload amidst the mail", stamps, reload_comes, false },
	{ "too little memory for all", has_little_memory, memory_is_short, false },
	{ "too little memory for what the DNS says", has_little_memory, record_is_large, false },
};

int
main(int argc, char **argv)
{
	play_scenes(scenes, N_OF(scenes), argc, argv);
	return test_end();
}
