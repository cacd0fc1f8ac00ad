/*
 * test_dkim_body.c - bodies under verification: which cannot be checked, and their hashes, which libopendkim says as well
 */
#include <dkim.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/insist.h"
#include "policy/dkim/dkim_body.h"
#include "tests/expect.h"

enum { N_BODIES = 10000, BODY_MAX_BYTES = 4000, PART_MAX_BYTES = 80 };

/* --- libopendkim --- */

struct judge {
	DKIM_LIB	*lib;
	DKIM_SIGINFO	*info;		/* of the one signature */
};

static DKIM_CBSTAT
notice(DKIM *dkim, DKIM_SIGINFO **infos, int n_infos)
{
	struct judge *judge = dkim_get_user_context(dkim);

	insist(n_infos == 1);
	judge->info = infos[0];
	return DKIM_CBSTAT_CONTINUE;
}

static DKIM_CBSTAT
give_no_key(DKIM *dkim, DKIM_SIGINFO *info, unsigned char *room, size_t room_bytes)
{
	(void)dkim, (void)info, (void)room, (void)room_bytes;
	return DKIM_CBSTAT_NOTFOUND;
}

static void
judge_init(struct judge *judge)
{
	judge->lib = dkim_init(NULL, NULL);
	insist(judge->lib != NULL && dkim_set_prescreen(judge->lib, notice) == DKIM_STAT_OK &&
	    dkim_set_key_lookup(judge->lib, give_no_key) == DKIM_STAT_OK);
}

static void
give_field(DKIM *dkim, const char *text)
{
	insist(dkim_header(dkim, (unsigned char *)(uintptr_t)text, strlen(text)) == DKIM_STAT_OK);
}

/* False: it is shorter than its l=. */
static bool
judge_hash(struct judge *judge, struct str body, const struct dkim_body_form *form, uint8_t hash_out[DKIM_HASH_BYTES])
{
	char signature[200], limit[40] = "";
	size_t n_header, n_body;
	void *header, *hash;
	DKIM_STAT status;
	bool is_whole;
	DKIM *dkim = dkim_verify(judge->lib, (const unsigned char *)"", NULL, &status);

	if (form->limit_bytes >= 0)
		(void)snprintf(limit, sizeof(limit), "l=%" PRId64 "; ", form->limit_bytes);
	(void)snprintf(signature, sizeof(signature), "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/%s; %sd=example.com; s=s; h=from; bh=AA==; b=AA==",
	    form->canon == DKIM_RELAXED ? "relaxed" : "simple", limit);
	insist(dkim != NULL && dkim_set_user_context(dkim, judge) == DKIM_STAT_OK);
	give_field(dkim, signature);
	give_field(dkim, "From: a@example.com");
	insist(dkim_eoh(dkim) == DKIM_STAT_OK);
	insist(body.len == 0 || dkim_body(dkim, (unsigned char *)(uintptr_t)body.at, body.len) == DKIM_STAT_OK);
	(void)dkim_eom(dkim, NULL);
	insist(dkim_sig_gethashes(judge->info, &header, &n_header, &hash, &n_body) == DKIM_STAT_OK && n_body == DKIM_HASH_BYTES);
	memcpy(hash_out, hash, DKIM_HASH_BYTES);
	is_whole = dkim_sig_geterror(judge->info) != DKIM_SIGERROR_TOOLARGE_L;
	dkim_free(dkim);
	return is_whole;
}

/* --- what can be checked --- */

static const struct {
	const char	*name;
	struct str	 parts[3];		/* as they come */
	const char	*want;			/* NULL: it can be checked */
} lines[] = {
	{ "lines", { STR("a\r\n"), STR("\r\nb\r\n") }, NULL },
	{ "a line end in two pieces", { STR("a\r"), STR("\nb\r"), STR("\n") }, NULL },
	{ "a last line that does not end", { STR("a\r\nb") }, NULL },
	{ "a last CR", { STR("a\r\nb\r") }, NULL },
	{ "a bare LF", { STR("a\nb\r\n") }, "a bare CR or LF in the body" },
	{ "a bare LF alone", { STR("a\r\n"), STR("\n") }, "a bare CR or LF in the body" },
	{ "a bare CR", { STR("a\rb\r\n") }, "a bare CR or LF in the body" },
	{ "two CRs", { STR("a\r"), STR("\r\n") }, "a bare CR or LF in the body" },
	{ "a bare CR at the end of a piece", { STR("a\r"), STR("b\r\n") }, "a bare CR or LF in the body" },
};

static void
test_lines(const EVP_MD *sha256)
{
	const struct dkim_body_form form = { .canon = DKIM_RELAXED, .limit_bytes = -1 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct dkim_body *body = dkim_body_new(sha256, &form, 1);
		const char *why = NULL;

		test_case("%s", lines[i].name);
		for (int k = 0; k < 3 && why == NULL; k++)
			why = dkim_body_take(body, lines[i].parts[k]);
		expect_text(why != NULL ? why : "", lines[i].want != NULL ? lines[i].want : "");
		dkim_body_free(body);
	}
}

/* --- hashes --- */

static uint64_t
next(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Of what canonicalization changes, mostly; it ends in CRLF or is empty. */
static void
make_body(uint64_t *random, struct buf *out)
{
	static const struct str parts[] = { STR(" "), STR("\t"), STR("a"), STR("\r\n"), STR(" \r\n"), STR("\r\n\r\n"), STR("a line of words, "), STR("\0\f") };
	size_t n = next(random) % 16 == 0 ? BODY_MAX_BYTES - 2 * PART_MAX_BYTES : next(random) % 60;

	buf_clear(out);
	while (out->len < n)
		insist(buf_append(out, parts[next(random) % (sizeof(parts) / sizeof(parts[0]))]) == 0);
	if (n > 0)
		insist(buf_append(out, STR("\r\n")) == 0);
}

/* Three forms at once, in pieces; the last line may not have ended. */
static void
check_body(struct judge *judge, const EVP_MD *sha256, struct str bytes, uint64_t *random)
{
	struct dkim_body_form forms[3] = { { DKIM_RELAXED, -1 }, { DKIM_SIMPLE, -1 }, { DKIM_RELAXED, (int64_t)(next(random) % (bytes.len + 5)) } };
	size_t n_piece = 1 + next(random) % (next(random) % 2 == 0 ? 5 : 1000), n = bytes.len;
	struct dkim_body *body;

	forms[2].canon = next(random) % 2 == 0 ? DKIM_RELAXED : DKIM_SIMPLE;
	if (n > 2 && bytes.at[n - 3] != '\n')
		n -= next(random) % 3;
	body = dkim_body_new(sha256, forms, 3);
	for (size_t at = 0; at < n; at += n_piece)
		expect(dkim_body_take(body, str_sub(str_sub(bytes, 0, n), at, n_piece)) == NULL);
	dkim_body_end(body);
	for (int i = 0; i < 3; i++) {
		const uint8_t *hash = dkim_body_hash(body, i);
		uint8_t want[DKIM_HASH_BYTES];

		if (!expect(judge_hash(judge, bytes, &forms[i], want) == (hash != NULL)) ||
		    (hash != NULL && !expect(memcmp(hash, want, sizeof(want)) == 0)))
			expect_str(bytes, STR("another body"));
	}
	dkim_body_free(body);
}

int
main(void)
{
	EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	uint64_t random = 88172645463325252u;
	struct judge judge = { .lib = NULL };
	struct buf body;

	judge_init(&judge);
	test_lines(sha256);
	test_case("libopendkim has the same hashes of %d bodies", N_BODIES);
	buf_init(&body, BODY_MAX_BYTES);
	for (int i = 0; i < N_BODIES; i++) {
		make_body(&random, &body);
		check_body(&judge, sha256, buf_str(&body), &random);
	}
	buf_fini(&body);
	dkim_close(judge.lib);
	EVP_MD_free(sha256);
	return test_end();
}
