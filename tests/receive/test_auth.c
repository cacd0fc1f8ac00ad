/*
 * test_auth.c - AUTH: order, mechanisms, what a login grants, and who guesses, in simulated time
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/code.h"
#include "base/mem.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

/* "pencil", by RFC 7677 3 and by openssl passwd -5. */
#define SCRAM	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define CRYPT	"$5$saltsalt$hl9BvcGsj7AkON13nbqeQHDgRpHyFxt7WDzLoS.OCQ/"

#define GREETED	"S220", "CEHLO client.example.org", "S250"
#define IN_TLS	GREETED, "CSTARTTLS", "S220", "!", "CEHLO client.example.org", "S250"
#define KNOWN	"AUTH PLAIN AHVzZXIAcGVuY2ls"		/* user, pencil */
#define GUESS	"AUTH PLAIN AHVzZXIAd3Jvbmc="		/* user, wrong */
#define RIGHT	"C" KNOWN
#define WRONG	"C" GUESS
#define ABROAD	"CMAIL FROM:<a@example.org>", "S250 2.1.0", "CRCPT TO:<x@elsewhere.example>"

enum { N_GUESSES = 200 };

static void
logins(struct stage *stage, const char *text)
{
	struct fault fault = { .text = "" };

	stage->tls = tls_server_new_self_signed("relay.example.com", &fault);
	stage->tls_client = tls_client_new(NULL, &fault);
	stage->users = users_parse(str_of(text), "users", &fault);
	expect_text(fault.text, "");
	if (stage->tls == NULL || stage->tls_client == NULL || stage->users == NULL)
		abort();
	stage->settings.tls = LISTEN_TLS_OFFERED;
	stage->settings.auth = LISTEN_AUTH_OFFERED;
}

static void
both_kinds(struct stage *stage)
{
	logins(stage, "user:" SCRAM "\nold:" CRYPT "\n");
}

static void
crypt_only(struct stage *stage)
{
	logins(stage, "old:" CRYPT "\n");
}

static void
required(struct stage *stage)
{
	both_kinds(stage);
	stage->settings.auth = LISTEN_AUTH_REQUIRED;
}

static void
off(struct stage *stage)
{
	both_kinds(stage);
	stage->settings.auth = LISTEN_AUTH_OFF;
}

static void
with_xclient(struct stage *stage)
{
	static struct network all = { .ip = { .family = IP_V4 }, .prefix_bits = 0 };

	both_kinds(stage);
	stage->settings.xclient_from = &all;
	stage->settings.n_xclient_from = 1;
}

static void
behind_proxy(struct stage *stage)
{
	static struct network all = { .ip = { .family = IP_V4 }, .prefix_bits = 0 };

	both_kinds(stage);
	stage->settings.tls = LISTEN_TLS_IMPLICIT;
	stage->settings.proxy_from = &all;
	stage->settings.n_proxy_from = 1;
}

static const struct {
	const char	*name;
	void	       (*change)(struct stage *stage);
	const char	*script[64];
} talks[] = {
	{ "in the clear only SCRAM is offered, inside TLS all", both_kinds, {
	  GREETED, "LAUTH SCRAM-SHA-256", "CSTARTTLS", "S220", "!", "CEHLO x", "S250", "LAUTH PLAIN LOGIN SCRAM-SHA-256" } },
	{ "without SCRAM keys there is no SCRAM, and nothing in the clear", crypt_only, {
	  GREETED, "NAUTH", "CAUTH SCRAM-SHA-256", "S504 5.5.4", "CSTARTTLS", "S220", "!", "CEHLO x", "S250", "LAUTH PLAIN LOGIN",
	  "CAUTH SCRAM-SHA-256", "S504 5.5.4" } },
	{ "off it is not there", off, { IN_TLS, "NAUTH", RIGHT, "S502 5.5.1", "CMAIL FROM:<a@example.org> AUTH=<>", "S555" } },
	{ "PLAIN at once; the login may relay to anywhere, and Received says how it came", both_kinds, {
	  IN_TLS, RIGHT, "S235 2.7.0", "Dauth-succeeded", "Dlogin=user", "Dmechanism=PLAIN", ABROAD, "S250 2.1.5", "CDATA", "S354", "CSubject: x",
	  "C", "C.", "S250", "HESMTPSA", "UAHVzZXIA", "Upencil" } },
	{ "without a login nobody relays", both_kinds, { IN_TLS, ABROAD, "S550 5.7.1" } },
	{ "PLAIN in its own line", both_kinds, { IN_TLS, "CAUTH PLAIN", "S334 ", "CAHVzZXIAcGVuY2ls", "S235 2.7.0" } },
	{ "LOGIN, and a crypt verifier", both_kinds, {
	  IN_TLS, "Cauth login", "S334 VXNlcm5hbWU6", "Cb2xk", "S334 UGFzc3dvcmQ6", "CcGVuY2ls", "S235 2.7.0", "Dlogin=old", ABROAD, "S250 2.1.5" } },
	{ "LOGIN with the name at once", both_kinds, { IN_TLS, "CAUTH LOGIN b2xk", "S334 UGFzc3dvcmQ6", "CcGVuY2ls", "S235 2.7.0" } },
	{ "a wrong password, and a login that nobody has", both_kinds, {
	  IN_TLS, WRONG, "S535 5.7.8", "Dauth-failed", "CAUTH PLAIN AGV2ZQBwZW5jaWw=", "S535 5.7.8", "Dlogin=eve", ABROAD, "S550", "Uwrong\"", "UAHVzZXIA" } },
	{ "for somebody else", both_kinds, { IN_TLS, "CAUTH PLAIN b2xkAHVzZXIAcGVuY2ls", "S535 5.7.8" } },
	{ "a right one after a wrong one", both_kinds, { IN_TLS, WRONG, "S535", RIGHT, "S235" } },
	{ "mechanisms that show the password need TLS", both_kinds, {
	  GREETED, RIGHT, "S538 5.7.11", "CAUTH LOGIN", "S538 5.7.11", "CAUTH SCRAM-SHA-256", "S334 ", "C*", "S501 5.7.0" } },
	{ "other mechanisms are refused", both_kinds, { IN_TLS, "CAUTH CRAM-MD5", "S504 5.5.4", "CAUTH SCRAM-SHA-256-PLUS", "S504 5.5.4",
	  "CAUTH", "S501 5.5.4", "CAUTH PLAIN a b", "S501 5.5.4" } },
	{ "once a session", both_kinds, { IN_TLS, RIGHT, "S235", RIGHT, "S503 5.5.1", "CEHLO x", "S250", RIGHT, "S503 5.5.1", ABROAD, "S250" } },
	{ "not before EHLO, not behind HELO", both_kinds, { "S220", RIGHT, "S503 5.5.1", "CHELO x", "S250", RIGHT, "S503 5.5.1" } },
	{ "not inside a transaction", both_kinds, { IN_TLS, "CMAIL FROM:<a@example.org>", "S250", RIGHT, "S503 5.5.1", "CRSET", "S250", RIGHT, "S235" } },
	{ "what is no base64 is refused, and the session goes on", both_kinds, {
	  IN_TLS, "CAUTH PLAIN ???", "S501 5.5.2", "CAUTH PLAIN", "S334", "CAHVzZXIAcGVuY2ls=", "S501 5.5.2", "CAUTH PLAIN =", "S501 5.5.2",
	  "CNOOP", "S250", RIGHT, "S235" } },
	{ "a star cancels", both_kinds, { IN_TLS, "CAUTH LOGIN", "S334", "Cb2xk", "S334", "C*", "S501 5.7.0", RIGHT, "S235" } },
	{ "commands behind AUTH in one packet are no commands", both_kinds, {
	  IN_TLS, "RAUTH PLAIN\r\nMAIL FROM:<a@example.org>\r\n", "S334", "S501 5.5.2", "CRCPT TO:<b@example.com>", "S503" } },
	{ "required: no mail without", required, {
	  IN_TLS, "CMAIL FROM:<a@example.org>", "S530 5.7.0", "CRCPT TO:<b@example.com>", "S503", RIGHT, "S235", ABROAD, "S250 2.1.5" } },
	{ "MAIL's AUTH is read, and grants nothing", both_kinds, {
	  IN_TLS, "CMAIL FROM:<a@example.org> AUTH=user@example.org", "S250", "CRCPT TO:<x@elsewhere.example>", "S550 5.7.1", "CRSET", "S250",
	  "CMAIL FROM:<a@example.org> AUTH=<>", "S250", "CRSET", "S250", "CMAIL FROM:<a@example.org> AUTH=a+xx", "S501" } },
	{ "another client by XCLIENT is not logged in", with_xclient, {
	  IN_TLS, RIGHT, "S235", ABROAD, "S250", "CRSET", "S250", "CXCLIENT ADDR=192.0.2.9", "S220", "CEHLO x", "S250", ABROAD, "S550 5.7.1",
	  "CRSET", "S250", RIGHT, "S235", ABROAD, "S250" } },
};

/* --- SCRAM: both sides compute --- */

/* True and "" for 235; the reply otherwise. */
static struct str
scram(struct stage_client *client, const char *login, const char *password)
{
	struct sasl *sasl = turnstile_sasl(client->stage->turnstile);
	struct sasl_client *exchange = sasl_client_new(sasl, SASL_SCRAM_SHA_256, str_of(login), str_of(password));
	struct fault fault = { .text = "" };
	struct str reply = STR_EMPTY;
	struct buf line;

	buf_init(&line, SASL_LINE_MAX_BYTES);
	buf_append(&line, STR("AUTH SCRAM-SHA-256 "));
	if (sasl_client_step(exchange, STR_EMPTY, &line, &fault) != 0)
		abort();
	for (;;) {
		buf_append(&line, STR("\r\n"));
		stage_send(client, buf_str(&line));
		buf_clear(&line);
		reply = stage_hear(client) ? str_trim(buf_str(&client->reply)) : STR("(end)");
		if (!str_starts(reply, STR("334 ")))
			break;
		if (sasl_client_step(exchange, str_from(reply, 4), &line, &fault) != 0)
			buf_append(&line, STR("*"));
	}
	if (str_starts(reply, STR("235")))
		expect(sasl_client_is_done(exchange));
	buf_fini(&line);
	sasl_client_free(exchange);
	return str_sub(reply, 0, 9);
}

static void
scram_in_the_clear(struct stage *stage)
{
	static const char *const greeted[] = { GREETED, NULL };
	static const char *const logged_in[] = { ABROAD, "S250 2.1.5", "CRSET", "S250", "Dmechanism=SCRAM-SHA-256", NULL };
	static const char *const secured[] = { "CSTARTTLS", "S220", "!", "CEHLO x", "S250", ABROAD, "S550 5.7.1", "CRSET", "S250", NULL };
	struct stage_client client;

	stage_connect(&client, stage);
	stage_play(&client, greeted);
	expect_str(scram(&client, "user", "wrong"), STR("535 5.7.8"));
	expect_str(scram(&client, "eve", "pencil"), STR("535 5.7.8"));
	expect_str(scram(&client, "old", "pencil"), STR("535 5.7.8"));	/* known, but by crypt */
	expect_str(scram(&client, "user", "pencil"), STR("235 2.7.0"));
	stage_play(&client, logged_in);
	test_case("SCRAM: what was proven in the clear is void behind STARTTLS");
	stage_play(&client, secured);
	expect_str(scram(&client, "user", "pencil"), STR("235 2.7.0"));
	stage_play(&client, logged_in);
	stage_close(&client);
}

/* --- who guesses --- */

static void
come_from(struct stage_client *client, struct stage *stage, const char *address)
{
	static const char *const secured[] = { "!", GREETED, NULL };
	char header[80];

	snprintf(header, sizeof(header), "PROXY TCP4 %s 192.0.2.1 1111 465\r\n", address);
	stage_connect(client, stage);
	stage_send(client, str_of(header));
	stage_play(client, secured);
}

static struct str
say(struct stage_client *client, const char *line)
{
	stage_send(client, str_of(line));
	stage_send(client, STR("\r\n"));
	return stage_hear(client) ? str_sub(buf_str(&client->reply), 0, 9) : STR("(end)");
}

static int
n_logged(const struct stage *stage, const char *event)
{
	struct str rest = buf_str(&stage->log.text), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(event));
	return n;
}

static void
one_guesses(struct stage *stage)
{
	struct stage_client client;
	struct str reply = STR_EMPTY;
	int n_tries = 0;

	come_from(&client, stage, "203.0.113.9");
	for (; n_tries < 5; n_tries++)
		expect_str(say(&client, GUESS), STR("535 5.7.8"));
	expect_str(say(&client, GUESS), STR("454 4.7.0"));
	test_case("the right one is not heard either, and it is not tried");
	expect_str(say(&client, KNOWN), STR("454 4.7.0"));
	expect_str(scram(&client, "user", "pencil"), STR("454 4.7.0"));
	expect_int(n_logged(stage, "auth-failed"), 5);
	expect_int(n_logged(stage, "auth-limited"), 3);
	stage_close(&client);

	test_case("the login comes in from elsewhere, and another from there");
	come_from(&client, stage, "203.0.113.10");
	expect_str(say(&client, KNOWN), STR("235 2.7.0"));
	stage_close(&client);
	come_from(&client, stage, "203.0.113.9");
	expect_str(say(&client, "AUTH PLAIN AG9sZABwZW5jaWw="), STR("235 2.7.0"));
	stage_close(&client);

	test_case("after a minute it is heard again");
	fiber_sleep(instant_after(loop_now(stage->loop), span_s(61)));
	come_from(&client, stage, "203.0.113.9");
	expect_str(say(&client, KNOWN), STR("235 2.7.0"));
	stage_close(&client);

	test_case("200 wrong ones for 200 logins are 20 tries and then 421, whatever session they come by");
	n_tries = 0;
	for (int i = 0; i < N_GUESSES; i++) {
		char message[40], line[100];
		struct buf text = { .at = line, .cap = sizeof(line), .max = sizeof(line) - 1 };
		int n = snprintf(message, sizeof(message), "%cu%d%cguess", 0, i, 0);

		buf_append(&text, STR("AUTH PLAIN "));
		base64_encode(str_n(message, (size_t)n), &text);
		line[text.len] = '\0';
		if (i % 5 == 0)
			come_from(&client, stage, "198.51.100.66");
		reply = i % 5 == 0 || n_tries == i ? say(&client, line) : STR("421 4.7.0");
		n_tries += str_eq(reply, STR("535 5.7.8"));
		if (!str_eq(reply, STR("535 5.7.8")))
			expect_str(reply, STR("421 4.7.0"));
		if (i % 5 == 4)
			stage_close(&client);
	}
	expect_int(n_tries, 20);
	test_case("meanwhile others log in");
	come_from(&client, stage, "203.0.113.10");
	expect_str(say(&client, KNOWN), STR("235 2.7.0"));
	stage_close(&client);
}

/* Each names the owner's login and can never be right: the owner's count is not theirs to raise. */
static void
nonsense(struct stage *stage)
{
	static const char *const lines[] = {
		"AUTH PLAIN b2xkAHVzZXIAcGVuY2ls",	/* old, user, pencil: to act for somebody else */
		"AUTH PLAIN AHVzZXIAAQ==",		/* user and a control character */
	};
	struct stage_client client;
	int n_heard = 0;

	for (int i = 0; i < 120; i++) {
		if (i % 5 == 0)
			come_from(&client, stage, "198.51.100.67");
		n_heard += str_eq(say(&client, lines[i % 2]), STR("535 5.7.8"));
		if (i % 5 == 4)
			stage_close(&client);
	}
	expect_int(n_heard, 20);
	come_from(&client, stage, "203.0.113.60");
	expect_str(say(&client, KNOWN), STR("235 2.7.0"));
	stage_close(&client);
}

/* --- many at once --- */

struct crowd {
	struct stage	*stage;
	int		 n_playing, n_in, n_wrong, n_limited;
	struct fiber	*waits;
};

struct member {
	struct crowd	*crowd;
	const char	*address;
	const char	*line;
};

static void
member_plays(void *arg)
{
	struct member *member = arg;
	struct crowd *crowd = member->crowd;
	struct stage_client client;
	struct str reply;

	come_from(&client, crowd->stage, member->address);
	reply = say(&client, member->line);
	crowd->n_in += str_eq(reply, STR("235 2.7.0"));
	crowd->n_wrong += str_eq(reply, STR("535 5.7.8"));
	crowd->n_limited += str_starts(reply, STR("454 4.7.0")) || str_starts(reply, STR("421 4.7.0"));
	stage_close(&client);
	crowd->n_playing--;
	fiber_wake(crowd->waits);
}

static void
gather(struct stage *stage, struct crowd *crowd, const char *address, const char *line, int n)
{
	struct member *members = mem_new_array((size_t)n, sizeof(*members));

	*crowd = (struct crowd){ .stage = stage, .waits = fiber_self(), .n_playing = n };
	for (int i = 0; i < n; i++) {
		members[i] = (struct member){ .crowd = crowd, .address = address, .line = line };
		fiber_start(stage->loop, "member", member_plays, &members[i]);
	}
	while (crowd->n_playing > 0)
		fiber_park(INSTANT_NEVER);
	mem_free(members);
}

static void
many_at_once(struct stage *stage)
{
	struct crowd crowd;

	gather(stage, &crowd, "203.0.113.20", KNOWN, 40);
	expect_int(crowd.n_in, 40);
	test_case("forty wrong ones of one address at once are hardly more than five tries");
	gather(stage, &crowd, "203.0.113.21", GUESS, 40);
	expect(crowd.n_wrong >= 5 && crowd.n_wrong <= 5 + TURNSTILE_INSIDE_OF_ADDRESS_MAX - 1);
	expect_int(crowd.n_wrong + crowd.n_limited, 40);
}

/* Ninety addresses guess, each once, and somebody who was here before comes behind them. */
static void
flooded(struct stage *stage)
{
	static struct member members[90];
	static char addresses[90][20];
	struct crowd crowd = { .stage = stage, .waits = fiber_self(), .n_playing = 90 };
	struct stage_client client;

	come_from(&client, stage, "203.0.113.30");
	expect_str(say(&client, KNOWN), STR("235 2.7.0"));
	stage_close(&client);
	come_from(&client, stage, "203.0.113.30");
	for (int i = 0; i < 90; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "198.51.100.%d", i);
		members[i] = (struct member){ .crowd = &crowd, .address = addresses[i], .line = "AUTH PLAIN AG9sZAB3cm9uZw==" };
		fiber_start(stage->loop, "member", member_plays, &members[i]);
	}
	while (crowd.n_wrong < 5)
		fiber_park(INSTANT_NEVER);
	expect_str(say(&client, KNOWN), STR("235 2.7.0"));
	printf("# behind %d of 90\n", crowd.n_wrong);
	expect(crowd.n_wrong <= 5 + 2 * TURNSTILE_INSIDE_MAX);
	while (crowd.n_playing > 0)
		fiber_park(INSTANT_NEVER);
	expect_int(crowd.n_wrong + crowd.n_limited, 90);
	stage_close(&client);
}

/* --- the end --- */

enum { N_STAYING = 6 };			/* of one address: two are tried, the others wait */

static void
hear_to_the_end(void *arg)
{
	struct stage_client *clients = arg;

	for (int i = 0; i < N_STAYING; i++) {
		while (stage_hear(&clients[i])) {
			struct str reply = buf_str(&clients[i].reply);

			expect(str_starts(reply, STR("235 ")) || str_starts(reply, STR("454 ")) || str_starts(reply, STR("421 ")));
		}
		stage_close(&clients[i]);
	}
}

/* The stop begins when this returns. */
static void
stopped_meanwhile(struct stage *stage)
{
	static struct stage_client clients[N_STAYING];

	for (int i = 0; i < N_STAYING; i++)
		come_from(&clients[i], stage, "203.0.113.40");
	for (int i = 0; i < N_STAYING; i++)
		stage_send(&clients[i], STR(KNOWN "\r\n"));
	fiber_start(stage->loop, "end", hear_to_the_end, clients);
	fiber_yield();
	fiber_yield();
}

/* --- lines --- */

static void
long_lines(struct stage *stage)
{
	static const char *const begin[] = { IN_TLS, "CAUTH PLAIN", "S334", NULL };
	static const char *const again[] = { "CAUTH PLAIN", "S334", NULL };
	static const char *const still_here[] = { "CNOOP", "S250", RIGHT, "S235", NULL };
	struct stage_client client;
	char *line = mem_new(20001);

	memset(line, 'A', 20000);
	stage_connect(&client, stage);
	stage_play(&client, begin);
	expect_str(say(&client, line), STR("500 5.5.6"));
	stage_play(&client, again);
	line[12288 - 4] = '\0';		/* "AAAA" is NULs: no PLAIN message, but one that was read whole */
	expect_str(say(&client, line), STR("501 5.5.2"));
	stage_play(&client, still_here);
	stage_close(&client);
	mem_free(line);
}

static const char *const *talk_script;

static void
play_talk(struct stage *stage)
{
	struct stage_client client;

	stage_connect(&client, stage);
	stage_play(&client, talk_script);
	stage_close(&client);
}

static void
play(const char *name, void (*change)(struct stage *stage), void (*main)(struct stage *stage))
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .max_fds = 1000, .short_percent = -1 });
	struct stage stage;

	test_case("%s", name);
	sim_enter(sim);
	stage_init(&stage, change);
	endpoint_parse(STR("192.0.2.1:25"), &stage.at);
	stage_run(&stage, main);
	stage_fini(&stage);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		talk_script = talks[i].script;
		play(talks[i].name, talks[i].change, play_talk);
	}
	play("SCRAM with a wrong password, for nobody, for who has none, and right", both_kinds, scram_in_the_clear);
	play("an address has five wrong passwords for a login", behind_proxy, one_guesses);
	play("what can never be right is counted by its address, and keeps no owner out", behind_proxy, nonsense);
	play("forty right ones of one address at once come in", behind_proxy, many_at_once);
	play("who was here before does not wait behind a flood", behind_proxy, flooded);
	play("a stop waits for the passwords that are being tried", behind_proxy, stopped_meanwhile);
	play("a line may be as long as RFC 4954 has it, and no longer", both_kinds, long_lines);
	return test_end();
}
