/*
 * test_dkim_hostile.c - mails made to cost much or to harm who verifies them: each has its bound, and says so
 */
#include <pthread.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/dkim_stage.h"

/* A mail with one field many times, which ends as it must. */
static struct str
repeated(struct dkim_stage *stage, const char *front, const char *part, int n_parts, const char *end)
{
	struct buf text;
	struct str mail;

	buf_init(&text, 64 << 20);
	expect_int(buf_append(&text, str_of(front)), 0);
	for (int i = 0; i < n_parts; i++)
		expect_int(buf_append(&text, str_of(part)), 0);
	expect_int(buf_append(&text, str_of(end)), 0);
	expect(arena_copy(&stage->files, buf_str(&text), &mail));
	buf_fini(&text);
	return mail;
}

#define FIELD(h, more)	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.com; s=ed; h=" h \
	"; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA" more

static const struct {
	const char *name;
	const char *front, *part;
	int n_parts;
	const char *end;
	const char *want, *reason;		/* of the first signature */
	int want_n;				/* of results */
} hostile[] = {
	{ "thousands of signatures", "", FIELD("from", "\r\n"), 3000, "From: a@example.com\r\n\r\n", "policy", "header too large to be checked", 6 },
	{ "hundreds of signatures", "", FIELD("from", "\r\n"), 300, "From: a@example.com\r\n\r\n", "fail", "signature did not verify", 6 },
	{ "thousands of fields", FIELD("from", "\r\n"), "X: y\r\n", 1000, "From: a@example.com\r\n\r\n", "policy", "header too large to be checked", 1 },
	{ "a megabyte of one field", FIELD("from", "\r\nX:"), " y\r\n", 300000, "From: a@example.com\r\n\r\n", "policy", "header too large to be checked", 1 },
	{ "h= of more names than fields", "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA; h=from",
	    ":from", 255, "\r\nFrom: a\r\n\r\n", "fail", NULL, 1 },
	{ "h= of thousands of names", "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA; h=from",
	    ":x", 1900, "\r\nFrom: a\r\n\r\n", "neutral", "h= is too long", 1 },
	{ "h= of many kilobytes", "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=ed; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA; h=from",
	    ":xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 250, "\r\nFrom: a\r\n\r\n", "neutral", "h= is too long", 1 },
	{ "h= names all of many fields, and more", FIELD("from:x:x:x:x:x:x:x:x:x:to:to:to", "\r\n"), "X: 1\r\n", 9, "From: a\r\n\r\n", "fail", NULL, 1 },
	{ "a huge signature field", FIELD("from", "; z="), "xxxxxxxxxxxxxxxx", 1024, "\r\nFrom: a\r\n\r\n", "policy", "signature field too large", 1 },
	{ "a large one", FIELD("from", "; z="), "xxxxxxxxxxxxxxxx", 1000, "\r\nFrom: a\r\n\r\n", "fail", NULL, 1 },
	{ "a b= of kilobytes", FIELD("from", ""), "AAAA", 300, "\r\nFrom: a\r\n\r\n", "neutral", "b= is no base64", 1 },
	{ "a tag name of kilobytes", FIELD("from", "; "), "aaaaaaaa", 1000, "a=1\r\nFrom: a\r\n\r\n", "fail", NULL, 1 },
	{ "33 tags", FIELD("from", ""), "", 0, "; e1=;e2=;e3=;e4=;e5=;e6=;e7=;e8=;e9=;f1=;f2=;f3=;f4=;f5=;f6=;f7=;f8=;f9=;g1=;g2=;g3=;g4=;g5=;g6=;g7="
	    "\r\nFrom: a\r\n\r\n", "neutral", "too many tags", 1 },
	{ "a selector and domain longer than a name", "DKIM-Signature: v=1; a=ed25519-sha256; h=from; d=example.com; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA; s=a",
	    ".a", 120, "\r\nFrom: a\r\n\r\n", "permerror", "d= and s= are too long", 1 },
	{ "an endless From", FIELD("from", "\r\nFrom:"), ":,;<@(", 30000, "\r\n\r\n", "fail", NULL, 1 },
	{ "a form feed in a field that is not signed", FIELD("from", "\r\nFrom: a\r\nX: "), "x", 1, "\f\r\n\r\n", "neutral", "control characters in the header", 1 },
	{ "a field name with a semicolon", FIELD("from", "\r\nFrom: a\r\n"), "a;b: x\r\n", 3, "\r\n", "fail", NULL, 1 },
	{ "no From at all", FIELD("from", "\r\n"), "", 0, "\r\n", "fail", NULL, 1 },
	{ "nothing but the signature", FIELD("from", ""), "", 0, "", "fail", NULL, 1 },
};

static void
test_hostile(struct dkim_stage *stage)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct str mail = repeated(stage, hostile[i].front, hostile[i].part, hostile[i].n_parts, hostile[i].end);
		struct dkim_result *r;
		int n;

		test_case("hostile: %s", hostile[i].name);
		r = dkim_stage_verify(stage, mail, 4096, &n);
		expect_int(n, hostile[i].want_n);
		if (n > 0)
			dkim_stage_expect(&r[0], hostile[i].want, hostile[i].reason);
	}
}

/* Each hashes the body once more: 32 of them took 0.2 s of CPU for a megabyte. */
static void
test_many_limits(struct dkim_stage *stage)
{
	static const char *const limits[] = { "; l=1", "", "; l=2", "; l=3", "; l=1", "; l=99", "" };
	static const bool is_refused[] = { false, false, false, true, false, true, false };
	struct dkim_result *results;
	struct buf mail;
	int n;

	test_case("hostile: signatures of many lengths of the body");
	buf_init(&mail, 1 << 20);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		expect_int(buf_printf(&mail, "%s%s\r\n", FIELD("from", ""), limits[i]), 0);
	expect_int(buf_append(&mail, STR("From: a@example.com\r\n\r\nabcdef\r\n")), 0);
	stage->settings.signatures_max = sizeof(limits) / sizeof(limits[0]);
	results = dkim_stage_verify(stage, buf_str(&mail), 4096, &n);
	expect_int(n, (int)(sizeof(limits) / sizeof(limits[0])));
	for (int i = 0; i < n; i++)
		dkim_stage_expect(&results[i], is_refused[i] ? "policy" : "fail",
		    is_refused[i] ? "more different l= than are looked at" : "signature did not verify");
	buf_fini(&mail);
}

static void
test_hostile_body(struct dkim_stage *stage)
{
	struct str mail = dkim_stage_mail(stage, "ed-relaxed-relaxed");
	ptrdiff_t end = str_find_str(mail, STR("\r\n\r\n"));
	struct str front;
	int n;

	expect(arena_copy(&stage->files, str_sub(mail, 0, (size_t)end + 4), &front));

	test_case("hostile: a word without an end is not kept in memory");
	dkim_stage_expect(dkim_stage_verify(stage, repeated(stage, front.at, "xxxxxxxxxxxxxxxx", 70000, ""), 65536, &n), "neutral",
	    "a line of the body is too long");
	test_case("hostile: lines of nothing");
	dkim_stage_expect(dkim_stage_verify(stage, repeated(stage, front.at, " \r\n\t\r\n", 700000, ""), 65536, &n), "fail",
	    "body hash did not verify");
}

/* The library says no to a whole header, and which field it means it does not tell. */
static void
test_beside(struct dkim_stage *stage)
{
	static const char *const parts[] = { FIELD("from", ";;\r\n"), FIELD("from", "; ;\r\n"), FIELD("from", ";\r\n ; \r\n"), FIELD("from", ";; ;\r\n") };
	struct str signed_mail = dkim_stage_mail(stage, "rsa-relaxed-relaxed");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct dkim_result *r;
		int n;

		test_case("a signature is right beside one that ends in too many semicolons, %zu", i + 1);
		r = dkim_stage_verify(stage, repeated(stage, "", parts[i], 1, signed_mail.at), 4096, &n);
		expect_int(n, 2);
		dkim_stage_expect(&r[0], "neutral", "no tag-list");
		dkim_stage_expect(&r[1], "pass", NULL);
	}
}

/* --- what takes long is done elsewhere --- */

struct other_thread {
	struct elsewhere	 elsewhere;
	int			 n_times;
	void			(*work)(void *arg);
	void			*arg;
};

static void *
do_work(void *arg)
{
	struct other_thread *other = arg;

	other->work(other->arg);
	return NULL;
}

static void
run_on_thread(struct elsewhere *elsewhere, void (*work)(void *arg), void *arg)
{
	struct other_thread *other = (struct other_thread *)(void *)elsewhere;
	pthread_t thread;

	other->n_times++;
	other->work = work;
	other->arg = arg;
	insist(pthread_create(&thread, NULL, do_work, other) == 0 && pthread_join(thread, NULL) == 0);
}

static void
test_elsewhere(struct dkim_stage *stage)
{
	static const struct {
		const char *name, *part;
		int n_parts, want_times;
		const char *want;
	} rows[] = {
		{ "a usual mail is checked here", "X: y\r\n", 20, 0, "pass" },
		{ "one whose signatures are refused, too", "DKIM-Signature: v=1; a=rsa-sha1\r\n", 20, 0, "permerror" },
		{ "many signatures are checked elsewhere", FIELD("from", "\r\n"), 20, 1, "fail" },
		{ "and so is a large header", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
		    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 900, 1, "pass" },
		{ "and names that are looked for in many fields", "X: y\r\n" FIELD("from:a:b:c:d:e:f:g:h:i:j:k:l:m:n:o:p:q:r:s:t:u:v:w:x:y:z", "\r\n"), 30, 1, "fail" },
	};
	struct other_thread other = { .elsewhere.run = run_on_thread };
	struct str signed_mail = dkim_stage_mail(stage, "rsa-relaxed-relaxed");

	stage->settings.signatures_max = DKIM_SIGNATURES_MAX;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str mail = repeated(stage, "", rows[i].part, rows[i].n_parts, signed_mail.at);
		int n_here, n;
		struct dkim_result *r;

		test_case("elsewhere: %s", rows[i].name);
		(void)dkim_stage_verify(stage, mail, 4096, &n_here);
		other.n_times = 0;
		stage->elsewhere = &other.elsewhere;
		r = dkim_stage_verify(stage, mail, 4096, &n);
		stage->elsewhere = NULL;
		expect_int(other.n_times, rows[i].want_times);
		expect_int(n, n_here);
		dkim_stage_expect(&r[0], rows[i].want, NULL);
		dkim_stage_expect(&r[n - 1], "pass", NULL);
	}
}

/* 4096 bits and 64 of the exponent: 0.29 ms, where a usual key takes 0.02. */
static const char slow_key[] = "v=DKIM1; p="
    "MIICKDANBgkqhkiG9w0BAQEFAAOCAhUAMIICEAKCAgEAwinOb17dK6DAji6Fhdc5oSIZeHNugxuFxyfeDsyErENJHUs+vRN2gd3C1ibFCEPxhncJMTEGMBh1"
    "8Euj6qRwKiYMR5o9dtyOz+rot/uCPvxP58lhlms40wsgf2sA+G2m3ZeEahK1B44j6iK13ApU7Fslq+IQpsbDFs48pm/MDY6F1XLtR1xWpW4B41I2b5W6TWDu"
    "xlTI6L9Tc+/RttqDrGUHTrsaHjaL9P7FocfcH/J0XaJKi8qNbJdKFcOlBKim1vduZwMNS+/PwPcqVw/DAlZeuyBz0Hk6o58BgObvrmiJCCmTJmN47XNWo0X3"
    "L8TIkjitM6gDdEILGrZjle9Nz/dHnaZx6hBtuR21bwds80wTUXff9yWV7oNRdi6pVdc0MRDS0x3XLRbkpU8K4OiY3GC3nWBLus4qg/2Hl/Xhdx9Rvyfu0ew4"
    "7pG+3HkYqIJsNDgMImlC3QZA5HfgJu8rDnbTzFWqii4vn3O+LSiFmrW9PY3WnxV7hrbFNZUOU6PmaB0vzWw4k8ppgdfaJhpDHLUcLkLPjoX3BfqmEKqv582W"
    "KztT2zF4jMmDp+8ivcwK45eVA0FGGLUi5npxd16T0z9qRhWxoPvbR6q9Q/Hni3rNgYITQSD+m/Yaien5vdawmRcNR4QNrJQHdG6s8XHJ4XPOW0Zn2PTHUweY"
    "p889ti8CCQD/////////xQ==";

static void
test_slow_keys(struct dkim_stage *stage)
{
	struct other_thread other = { .elsewhere.run = run_on_thread };
	struct str mail = dkim_stage_mail(stage, "rsa-relaxed-relaxed");
	struct dkim_result *r;
	int n;

	test_case("elsewhere: keys that are slow to check with");
	stage->elsewhere = &other.elsewhere;
	stage->records[0] = slow_key;
	r = dkim_stage_verify(stage, mail, 4096, &n);
	expect_int(n, 1);
	dkim_stage_expect(&r[0], "fail", "signature did not verify");
	expect_int(r[0].key_bits, 4096);
	expect_int(other.n_times, 1);
	stage->records[0] = NULL;
	(void)dkim_stage_verify(stage, mail, 4096, &n);
	expect_int(other.n_times, 1);
	stage->elsewhere = NULL;
}

int
main(void)
{
	struct dkim_stage stage;

	dkim_stage_init(&stage);
	test_hostile(&stage);
	test_hostile_body(&stage);
	test_many_limits(&stage);
	test_beside(&stage);
	test_elsewhere(&stage);
	test_slow_keys(&stage);
	dkim_stage_fini(&stage);
	return test_end();
}
