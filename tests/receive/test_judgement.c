/*
 * test_judgement.c - mail that comes in is checked, stamped, refused, marked and signed, in simulated time
 *
 * What is found by whom is policy's own tests'; here stands what becomes of mail.
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/header.h"
#include "tests/receive/judging_stage.h"

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

/* A crew does it; the client of one mail does not wait for that, and is not missed. */
static void
is_signed_often(struct stage *stage)
{
	enum { TIMES = 5 };
	static const char *const script[] = { TRUSTED, FROM("a@example.com"), DATA, "C" HEADER("a@example.com") "\r\nhello\r\n.", "S250", NULL };
	static const char *const again[] = { STRANGER, FROM("a@example.com"), DATA, NULL };
	static const char *const end[] = { "C.", NULL };
	static const char *const found[] = {
		"S250", "Ddkim=pass:example.com:r,pass:example.com:e,pass:example.com:r,pass:example.com:e,pass:example.com:r,"
		    "pass:example.com:e,pass:example.com:r,pass:example.com:e,pass:example.com:r,pass:example.com:e dmarc=pass:example.com", NULL,
	};
	struct stage_client clients[2] = { { .stage = stage }, { .stage = stage } };
	struct str prefix, content;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	play_one(stage, script);
	prefix = last(stage)->prefix;
	prefix = str_sub(prefix, 0, (size_t)str_find_str(prefix, STR("Received:")));
	insist(arena_copy(&arena, prefix, &prefix) && arena_copy(&arena, last(stage)->content, &content));
	for (int i = 0; i < N_OF(clients); i++) {
		stage_connect(&clients[i], stage);
		stage_play(&clients[i], again);
		for (int times = 0; times < TIMES; times++)
			stage_send(&clients[i], prefix);
		stage_send(&clients[i], content);
		stage_play(&clients[i], end);
	}
	stage_close(&clients[0]);
	stage_play(&clients[1], found);
	stage_close(&clients[1]);
	arena_fini(&arena);
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
	{ "a mail with many signatures is checked by a crew", stamps, is_signed_often, false },
	{ "mail of others, or from others, is not signed", stamps, is_not_signed, false },
	{ "10 MB are signed, and verified", stamps, large_is_signed, false },
};

int
main(int argc, char **argv)
{
	play_scenes(scenes, N_OF(scenes), argc, argv);
	return test_end();
}
