/*
 * test_judgement.c - mail that comes in is checked, stamped, refused, marked and signed, in simulated time
 *
 * Clients say who they are by XCLIENT: 192.0.2.1 is a stranger whose name and SPF are right, 192.0.2.66 one who has
 * neither, 198.51.100.7 is trusted.  What is found by whom is policy's own tests'; here stands what becomes of mail.
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/header.h"
#include "policy/dkim/dkim_key_record.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/receive/stage.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/sim.h"

#define HELO		"CEHLO client.example.org", "S250"
#define STRANGER	"S220", HELO, "CXCLIENT ADDR=192.0.2.1", "S220", HELO
#define LIAR		"S220", HELO, "CXCLIENT ADDR=192.0.2.66", "S220", HELO
#define TRUSTED		"S220", HELO, "CXCLIENT ADDR=198.51.100.7", "S220", HELO
#define TRUSTED_NOW	"CXCLIENT ADDR=198.51.100.7", "S220", HELO
#define FROM(address)	"CMAIL FROM:<" address ">", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5"
#define DATA		"CDATA", "S354"
#define HEADER(author)	"From: " author "\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nSubject: hello\r\n"
#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static const char ZONE[] =
	"1.2.0.192.in-addr.arpa PTR client.example.org\n"
	"7.2.0.192.in-addr.arpa timeout\n"
	"8.2.0.192.in-addr.arpa timeout\n"
	"client.example.org A 192.0.2.1\n"
	"66.2.0.192.in-addr.arpa PTR client.example.org\n"
	"client.example.org TXT v=spf1 a -all\n"
	"example.org TXT v=spf1 ip4:192.0.2.1 -all\n"
	"_dmarc.example.org TXT v=DMARC1; p=reject\n"
	"quarantine.example TXT v=spf1 -all\n"
	"_dmarc.quarantine.example TXT v=DMARC1; p=quarantine\n"
	"broken.example servfail\n"
	"_dmarc.broken.example servfail\n"
	"lost.example timeout\n"
	"_dmarc.lost.example timeout\n"
	"_dmarc.example.com TXT v=DMARC1; p=none\n"
	"slow.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"slow.example delay 10s\n"
	"far.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"far.example delay 30ms\n"
	"_dmarc.slow.example TXT v=DMARC1; p=none\n";

/* --- the relay under test --- */

struct world {				/* what a stage lets nobody else keep */
	struct stage		 stage;
	struct resolver_sim	 names;
	struct buf		 zone;
	struct network		 everywhere, trusted;
};

static struct world *
world_of(struct stage *stage)
{
	return (struct world *)(void *)((char *)stage - offsetof(struct world, stage));
}

static struct policy *
make_policy(struct buf *zone, enum dmarc_mode dmarc, bool is_checked)
{
	static const char *const domains[] = { "example.com" };
	static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1 } };
	static const uint64_t seed[2] = { 1, 2 };
	struct dkim_key *keys[] = { dkim_key_new(STR(RFC8463_RSA_PEM), NULL), dkim_key_new(STR(RFC8463_ED25519_PEM), NULL) };
	struct dkim_signer_settings signer = { .domain = "example.com", .selectors = { { "r", keys[0] }, { "e", keys[1] } },
	    .n_selectors = 2 };
	struct sign_rule rules[] = { { .domain = "example.com", .with_subdomains = true, .signer = dkim_signer_new(&signer, NULL) } };
	struct policy_settings settings = {
		.hostname = "relay.example.com", .relays = relays, .n_relays = 1, .outbound = "internet",
		.signing = { .keys = keys, .n_keys = 2, .rules = rules, .n_rules = 1 },
	};

	if (zone != NULL) {
		buf_printf(zone, "r._domainkey.example.com TXT ");
		dkim_key_record(keys[0], zone);
		buf_printf(zone, "\ne._domainkey.example.com TXT ");
		dkim_key_record(keys[1], zone);
		buf_append_char(zone, '\n');
		buf_append_char(zone, '\0');
	}
	if (is_checked) {
		settings.verify = (struct verify_rules){ .spf = true, .dkim = true, .dmarc = dmarc, .with_received_spf = true,
		    .dkim_settings = { .signatures_max = 10, .drift_s = 300 }, .timeout = span_s(20) };
		settings.dkim_verifier = dkim_verifier_new();
	}
	return policy_new(&settings, seed);
}

static void
stamps(struct stage *stage)
{
	struct world *world = world_of(stage);

	buf_init(&world->zone, 200000);
	buf_append(&world->zone, str_of(ZONE));
	policy_free(stage->policy);
	stage->policy = make_policy(&world->zone, DMARC_STAMP, true);
	resolver_sim_init(&world->names, world->zone.at);
	stage->names = &world->names.resolver;
	insist(network_parse(STR("0.0.0.0/0"), &world->everywhere));
	insist(network_parse(STR("198.51.100.0/24"), &world->trusted));
	stage->settings.xclient_from = &world->everywhere;
	stage->settings.networks = &world->trusted;
	stage->settings.n_xclient_from = stage->settings.n_networks = 1;
	stage->settings.message_max_bytes = 20 << 20;
	stage->signers = os_crew_new(loop_poller(stage->loop), 2);
}

static void
enforces(struct stage *stage)
{
	stamps(stage);
	policy_free(stage->policy);
	stage->policy = make_policy(NULL, DMARC_ENFORCE, true);
}

static void
checks_nothing(struct stage *stage)
{
	stamps(stage);
	policy_free(stage->policy);
	stage->policy = make_policy(NULL, DMARC_OFF, false);
}

static void
over_tls(struct stage *stage)
{
	struct fault fault;

	stamps(stage);
	stage->tls = tls_server_new_self_signed("relay.example.com", &fault);
	stage->tls_client = tls_client_new(NULL, &fault);
	stage->settings.tls = LISTEN_TLS_OFFERED;
}

static void
has_little_memory(struct stage *stage)
{
	stamps(stage);
	stage->transactions_max_bytes = 100000;
}

/* --- what came of a mail --- */

static const struct fake_mail *
last(struct stage *stage)
{
	insist(stage->queue.n_mails > 0);
	return stage->queue.mails[stage->queue.n_mails - 1];
}

/* The names of the fields on top, in order, each with a comma behind it. */
static void
expect_tops(struct stage *stage, const char *want)
{
	struct header_section section;
	struct arena arena;
	struct buf got;

	arena_init(&arena, 100000);
	buf_init(&got, 10000);
	insist(header_read(last(stage)->prefix, &arena, &section) == 0);
	for (int i = 0; i < section.n_fields; i++)
		buf_printf(&got, "%.*s,", STR_ARG(section.fields[i].name));
	expect_str(buf_str(&got), str_of(want));
	buf_fini(&got);
	arena_fini(&arena);
}

static void
sleep_ms(struct stage *stage, int64_t ms)
{
	fiber_sleep(instant_after(loop_now(stage->loop), span_ms(ms)));
}

static void
play_one(struct stage *stage, const char *const *script)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, script);
	stage_close(&client);
}

/* --- checked and stamped --- */

static void
is_stamped(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"), DATA,
		"C" HEADER("a@example.org") "\r\n\r\n..dots\r\nlast\r\n\r\n\r\n.", "S250", "Q1",
		"B" HEADER("a@example.org") "\r\n\r\n.dots\r\nlast\r\n\r\n\r\n",
		"HAuthentication-Results: relay.example.com", "Hiprev=pass", "Hspf=pass", "Hdmarc=pass", "Hheader.from=example.org",
		"HReceived-SPF: pass", "Hdkim=none",
		"Djudged id=", "Diprev=pass spf-helo=pass spf=pass dkim=none dmarc=pass:example.org verdict=accept", NULL,
	};

	play_one(stage, script);
	expect_tops(stage, "Authentication-Results,Received-SPF,Received-SPF,Received,");
}

static void
liar_is_stamped(struct stage *stage)
{
	static const char *const script[] = {
		LIAR, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Q1",
		"Hiprev=fail", "Hspf=fail", "Hdmarc=fail", "Dverdict=accept", NULL,
	};

	play_one(stage, script);
}

static void
nothing_is_asked(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Q1",
		"hAuthentication-Results", "Ujudged", NULL,
	};

	play_one(stage, script);
	expect_tops(stage, "Received,");
	expect_int(world_of(stage)->names.n_questions, 2);	/* for the name in Received */
}

/* A mail that is ASCII goes on without the SMTPUTF8 that its client asked for, so nothing else may stand on top of it. */
static void
names_are_international(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, "CEHLO m\303\274nchen.example", "S250", "CMAIL FROM:<a@example.org> SMTPUTF8", "S250", "CRCPT TO:<b@example.com>", "S250",
		DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250", "Q1", NULL,
	};

	play_one(stage, script);
	expect(!last(stage)->envelope.is_smtputf8);
	expect(str_is_ascii(last(stage)->prefix));
	expect(str_find_str(last(stage)->prefix, STR("spf=none")) >= 0);
}

#define FORGED_1	"Authentication-Results: relay.example.com; dmarc=pass\r\n"
#define FORGED_2	"authentication-RESULTS:\r\n (a comment)\r\n\tRelay.(another)Example.COM 1;\r\n spf=pass\r\n"
#define OTHERS		"Authentication-Results: mx.elsewhere.example; dmarc=pass\r\n"

static const char *const forged[] = {
	STRANGER, FROM("a@example.org"), DATA,
	"C" FORGED_1 "X-First: 1\r\n" OTHERS FORGED_2 HEADER("a@example.org") FORGED_1 "\r\n" FORGED_1 "body\r\n.", "S250",
	"BX-First: 1\r\n" OTHERS HEADER("a@example.org") "\r\n" FORGED_1 "body\r\n", NULL,
};

static void
forged_results_go(struct stage *stage)
{
	play_one(stage, forged);
}

static void
forged_results_go_in_pieces(struct stage *stage)
{
	struct stage_client client = { .stage = stage, .is_by_byte = true };

	stage_connect(&client, stage);
	stage_play(&client, forged);
	stage_close(&client);
}

static void
forged_results_go_in_chunks(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"),
		"RBDAT 20\r\nAuthentication-Resul", "S250", "RBDAT 36\r\nts: relay.example.com; x=y\r\nFrom: a@", "S250",
		"RBDAT 17\r\nexample.org\r\n\r\nb\r", "S250", "RBDAT 1\r\n\n", "S250", "RBDAT 0 LAST\r\n", "S250",
		"BFrom: a@example.org\r\n\r\nb\r\n", "Hdmarc=pass", "Q1", NULL,
	};

	play_one(stage, script);
}

/* Some 200 KB of header, a forged field every 20 lines. */
static void
forged_results_go_from_much(struct stage *stage)
{
	static const char *const begun[] = { STRANGER, FROM("a@example.org"), DATA, NULL };
	static const char *const ended[] = { "C.", "S250", "Q1", NULL };
	struct stage_client client = { .stage = stage };
	struct buf mail, want;

	buf_init(&mail, 1 << 20);
	buf_init(&want, 1 << 20);
	buf_append(&mail, STR(HEADER("a@example.org")));
	buf_append(&want, buf_str(&mail));
	for (int i = 0; i < 800; i++) {
		char line[300];
		int len = snprintf(line, sizeof(line), "X-%d: %0230d\r\n", i, i);

		if (i % 20 == 7)
			buf_append(&mail, STR(FORGED_2));
		buf_append(&mail, str_n(line, (size_t)len));
		buf_append(&want, str_n(line, (size_t)len));
	}
	buf_append(&mail, STR("\r\nbody\r\n"));
	buf_append(&want, STR("\r\nbody\r\n"));
	stage_connect(&client, stage);
	stage_play(&client, begun);
	stage_send(&client, buf_str(&mail));
	stage_play(&client, ended);
	expect(str_eq(last(stage)->content, buf_str(&want)));
	stage_close(&client);
	buf_fini(&mail);
	buf_fini(&want);
}

static void
header_alone(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"), DATA, "C" FORGED_1 "From: a@example.org\r\n.", "S250", "BFrom: a@example.org\r\n", "Hdmarc=pass",
		FROM("a@example.org"), DATA, "C.", "S250", "B", "Hspf=pass",
		FROM("a@example.org"), DATA, "C" FORGED_1 "\r\n.", "S250", "B\r\n",
		"RMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nBDAT 0 LAST\r\n", "S250 2.1.0", "S250 2.1.5", "S250", "B", "Q4", NULL,
	};

	play_one(stage, script);
}

/* The line that parts mails in a mailbox file does not end the header before it begins. */
static void
mailbox_line(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"), DATA, "CFrom a@example.org Sat Nov 21 11:00:00 2026\r\n" HEADER("a@example.org") "\r\nx\r\n.",
		"S250", "BX-Mailbox-Line: From a@example.org Sat Nov 21 11:00:00 2026\r\n" HEADER("a@example.org") "\r\nx\r\n", "Hdmarc=pass",
		FROM("a@example.org"), DATA, "C>From a\r\n" FORGED_1 "From: a@example.org\r\n\r\nFrom x\r\n.", "S250",
		"BX-Mailbox-Line: >From a\r\nFrom: a@example.org\r\n\r\nFrom x\r\n", "Hdmarc=pass",
		FROM("a@example.org"), DATA, "CFrom : a@example.org\r\n\r\nx\r\n.", "S250", "BFrom : a@example.org\r\n\r\nx\r\n", "Hdmarc=pass",
		NULL,
	};

	play_one(stage, script);
}

/* Behind a line that is no field there are no fields, for any reader. */
static void
header_ends_early(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.org"), DATA, "CFrom: a@example.org\r\nno field\r\n" FORGED_1 "\r\nbody\r\n.", "S250", "Q1",
		"BFrom: a@example.org\r\n\r\nno field\r\n" FORGED_1 "\r\nbody\r\n",
		/* Nor is the first line a part of our fields. */
		FROM("a@example.org"), DATA, "C dmarc=pass\r\n.", "S250", "B\r\n dmarc=pass\r\n",
		TRUSTED_NOW, FROM("a@example.com"), DATA, "C" HEADER("a@example.com") "no field\r\nbody\r\n.", "S250", "HDKIM-Signature", NULL,
	};
	static const char *const again[] = { STRANGER, FROM("a@example.com"), DATA, NULL };
	static const char *const found[] = { "C.", "S250", "Ddkim=pass:example.com:r", NULL };
	struct stage_client client = { .stage = stage };
	const struct fake_mail *mail;

	play_one(stage, script);
	mail = last(stage);
	stage_connect(&client, stage);
	stage_play(&client, again);
	stage_send(&client, mail->prefix);
	stage_send(&client, mail->content);
	stage_play(&client, found);
	stage_close(&client);
}

/* --- decided --- */

static void
is_refused(struct stage *stage)
{
	static const char *const script[] = {
		LIAR, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S550 5.7.26 The DMARC policy of example.org",
		"Q0", "Dverdict=reject:dmarc", "Drejected id=",
		/* The same session goes on. */
		FROM("a@quarantine.example"), DATA, "C" HEADER("a@quarantine.example") "\r\nhello\r\n.", "S250",
		"HX-Spam-Flag: YES\r\nAuthentication-Results: ", "Q1", "Dverdict=mark:dmarc",
		FROM("a@broken.example"), DATA, "C" HEADER("a@broken.example") "\r\nhello\r\n.", "S451 4.4.3", "Q1", "Dverdict=defer",
		NULL,
	};

	play_one(stage, script);
}

static void
follows_xclient(struct stage *stage)
{
	static const char *const script[] = {
		LIAR, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S550 5.7.26",
		"CXCLIENT ADDR=192.0.2.1", "S220", HELO, FROM("a@example.org"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250",
		"CXCLIENT ADDR=198.51.100.7", "S220", HELO, FROM("a@broken.example"), DATA, "C" HEADER("a@broken.example") "\r\nhello\r\n.", "S250",
		"hAuthentication-Results", "Q2", NULL,
	};

	play_one(stage, script);
}

static void
pipelines(struct stage *stage)
{
	static const char *const script[] = {
		LIAR, FROM("a@example.org"), DATA,
		"R" HEADER("a@example.org") "\r\nhello\r\n.\r\nMAIL FROM:<c@example.org>\r\nRCPT TO:<d@example.com>\r\nDATA\r\n",
		"S550 5.7.26", "S250 2.1.0", "S250 2.1.5", "S354", "C" HEADER("a@example.com") "\r\nhello\r\n.", "S250", "Q1", NULL,
	};

	play_one(stage, script);
}

static void
secured(struct stage *stage)
{
	static const char *const script[] = {
		"S220", HELO, "CXCLIENT ADDR=192.0.2.1", "S220", HELO, "CSTARTTLS", "S220", "!", HELO, FROM("a@example.org"), DATA,
		"C" FORGED_1 HEADER("a@example.org") "\r\nhello\r\n.", "S250", "B" HEADER("a@example.org") "\r\nhello\r\n", "Hdmarc=pass", "Q1", NULL,
	};

	play_one(stage, script);
}

/* --- signed --- */

/* What a trusted client sent is signed; brought by a stranger, it passes, and is not signed again. */
static void
is_signed(struct stage *stage)
{
	static const char *const script[] = {
		TRUSTED, FROM("a@example.com"), DATA,
		"C" FORGED_1 HEADER("a@Example.COM") "\r\nhello \r\n ..\t there\r\n\r\n\r\n.", "S250", "Q1",
		"hAuthentication-Results", "Dunchecked=trusted verdict=accept signed=example.com:r,e", NULL,
	};
	static const char *const again[] = { STRANGER, FROM("a@example.com"), DATA, NULL };
	static const char *const found[] = {
		"C.", "S250", "Q2", "Ddkim=pass:example.com:r,pass:example.com:e dmarc=pass:example.com", "hDKIM-Signature", "hsigned=", NULL,
	};
	struct stage_client client = { .stage = stage };
	const struct fake_mail *mail;

	play_one(stage, script);
	expect_tops(stage, "DKIM-Signature,DKIM-Signature,Received,");
	mail = last(stage);
	stage_connect(&client, stage);
	stage_play(&client, again);
	stage_send(&client, mail->prefix);
	stage_send(&client, mail->content);
	stage_play(&client, found);
	stage_close(&client);
}

static void
is_not_signed(struct stage *stage)
{
	static const char *const script[] = {
		STRANGER, FROM("a@example.com"), DATA, "C" HEADER("a@example.com") "\r\nhello\r\n.", "S250", "hDKIM-Signature", "Usigned=",
		"CXCLIENT ADDR=198.51.100.7", "S220", HELO, FROM("a@example.com"), DATA, "C" HEADER("a@example.org") "\r\nhello\r\n.", "S250",
		"hDKIM-Signature", FROM("a@example.com"), DATA, "CFrom: a@example.com\r\n" HEADER("a@example.com") "\r\nhello\r\n.", "S250",
		"hDKIM-Signature", "Dunsigned=several-from", "Q3", NULL,
	};

	play_one(stage, script);
}

/* 10 MB, signed and then verified. */
static void
large_is_signed(struct stage *stage)
{
	enum { LINES = 10 * 1024 * 1024 / 80 };
	static const char *const begun[] = { TRUSTED, FROM("a@example.com"), DATA, NULL };
	static const char *const again[] = { "CXCLIENT ADDR=192.0.2.1", "S220", HELO, FROM("a@example.com"), DATA, NULL };
	static const char *const ended[] = { "C.", "S250", NULL };
	static const char *const found[] = { "Ddkim=pass:example.com:r,pass:example.com:e", NULL };
	struct stage_client client = { .stage = stage };
	struct buf mail;

	buf_init(&mail, 20 << 20);
	buf_append(&mail, STR(HEADER("a@example.com") "\r\n"));
	for (int i = 0; i < LINES; i++)
		buf_printf(&mail, "%078d\r\n", i);
	stage_connect(&client, stage);
	for (int round = 0; round < 2; round++) {
		stage_play(&client, round == 0 ? begun : again);
		if (round == 1)
			stage_send(&client, last(stage)->prefix);
		for (struct str rest = buf_str(&mail); rest.len > 0; rest = str_from(rest, str_sub(rest, 0, 100000).len))
			stage_send(&client, str_sub(rest, 0, 100000));
		stage_play(&client, ended);
		expect(str_ends_nocase(last(stage)->content, buf_str(&mail)));
	}
	expect_int(last(stage)->content.len, stage->queue.mails[0]->prefix.len + mail.len);
	stage_play(&client, found);
	stage_close(&client);
	buf_fini(&mail);
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

struct scene {
	const char	*name;
	void	       (*change)(struct stage *stage);
	void	       (*play)(struct stage *stage);
	bool		 sends_whole;	/* a last reply that nobody waits for goes in one send or is cut */
};

static const struct scene scenes[] = {
	{ "a stranger's mail is stamped, in order, its content as it was", stamps, is_stamped, false },
	{ "a liar's mail is stamped and taken where DMARC only stamps", stamps, liar_is_stamped, false },
	{ "where nothing is checked nothing is asked or stamped", checks_nothing, nothing_is_asked, false },
	{ "an international name is told in ASCII on top of a mail that is ASCII", stamps, names_are_international, false },
	{ "results forged in our name go, however they are written, others stay", stamps, forged_results_go, false },
	{ "the same, byte by byte", stamps, forged_results_go_in_pieces, false },
	{ "the same, in chunks that cut the header", stamps, forged_results_go_in_chunks, false },
	{ "the same, in a header of 200 KB", stamps, forged_results_go_from_much, false },
	{ "a mail without a body, and without anything", stamps, header_alone, false },
	{ "a header section ended by a line that is no field gets its empty line", stamps, header_ends_early, false },
	{ "a line that parts mails in a mailbox file becomes a field", stamps, mailbox_line, false },
	{ "DMARC enforced refuses, marks and defers", enforces, is_refused, false },
	{ "XCLIENT changes who is judged", enforces, follows_xclient, false },
	{ "what is pipelined behind a refused mail is obeyed", enforces, pipelines, false },
	{ "inside TLS", over_tls, secured, false },
	{ "a trusted client's mail is signed, and passes when it comes back", stamps, is_signed, false },
	{ "mail of others, or from others, is not signed", stamps, is_not_signed, false },
	{ "10 MB are signed, and verified", stamps, large_is_signed, false },
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

static void
play_scene(const struct scene *scene)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = scene->sends_whole ? -1 : 0 });
	struct world world = { .zone.len = 0 };

	sim_enter(sim);
	stage_init(&world.stage, scene->change);
	endpoint_parse(STR("192.0.2.100:25"), &world.stage.at);
	stage_run(&world.stage, scene->play);
	stage_fini(&world.stage);
	buf_fini(&world.zone);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(int argc, char **argv)
{
	for (int i = 0; i < N_OF(scenes); i++) {
		if (argc > 1 && strstr(scenes[i].name, argv[1]) == NULL)
			continue;
		test_case("%s", scenes[i].name);
		play_scene(&scenes[i]);
	}
	return test_end();
}
