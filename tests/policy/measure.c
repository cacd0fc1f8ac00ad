/*
 * measure.c - what sealing a mail costs, by key, canonical form and size: forged fields looked for, authors read, signed; run by hand
 *
 *	tests/policy/measure [SECONDS]		for each line; 0.5 by default
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/insist.h"
#include "base/mem.h"
#include "policy/seal.h"

enum {
	PIECE_BYTES = 16 * 1024,
	ROOM_MAX_BYTES = 4 * 1024 * 1024,
};

static const char header_text[] =
    "Authentication-Results: mx.example.org; dkim=pass header.d=example.org\r\n"
    "Received: from client.example.org by relay.example.net; Fri, 11 Jul 2003 21:00:37 -0700\r\n"
    "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";

struct measuring {
	struct header_section	 header;
	struct str		 body;
	double			 seconds;
};

static double
cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
seal_one(const struct measuring *m, const struct policy *policy, double *sign_s)
{
	struct header_section edited;
	struct edits edits;
	struct arena arena;
	struct buf fields;
	struct seal *seal;
	double begin;

	arena_init(&arena, ROOM_MAX_BYTES);
	insist(seal_edits(policy, &m->header, &arena, &edits) && edits_apply(&edits, &m->header, &arena, &edited));
	seal = seal_new(&(struct seal_inputs){ .policy = policy, .source = SIGN_SOURCE_TRUSTED, .header = &edited, .now = { 1 } });
	insist(seal_is_signing(seal));
	buf_init(&fields, DKIM_FIELDS_MAX_BYTES);
	for (size_t at = 0; at < m->body.len; at += PIECE_BYTES)
		seal_body(seal, str_sub(m->body, at, PIECE_BYTES));
	seal_ready(seal);
	begin = cpu_s();
	insist(seal_sign(seal, NULL) == 0);
	*sign_s += cpu_s() - begin;
	insist(seal_fields(seal, &fields) == 0);
	buf_fini(&fields);
	seal_free(seal);
	arena_fini(&arena);
}

static void
measure(const struct measuring *m, const char *what, const struct dkim_signer_settings *settings)
{
	struct sign_rule rule = { .domain = settings->domain, .signer = dkim_signer_new(settings, NULL) };
	struct policy_settings policy_settings = { .hostname = "mx.example.net", .signing = { .rules = &rule, .n_rules = 1 } };
	const struct policy *policy = policy_new(&policy_settings, (uint64_t[]){ 1, 2 });
	double begin = cpu_s(), sign_s = 0, all_s;
	int n = 0;

	do
		seal_one(m, policy, &sign_s);
	while (++n, (all_s = cpu_s() - begin) < m->seconds);
	printf("%-22s %8zu bytes, %-7s: %8.1f us a mail, %7.1f of it off the loop; %7.0f mails a second\n", what, m->body.len,
	    settings->is_simple_body ? "simple" : "relaxed", all_s / n * 1e6, sign_s / n * 1e6, n / all_s);
	policy_free(policy);
}

/* Text: a blank every sixth byte, lines of 72. */
static void
write_text(char *text, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		text[i] = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : i % 6 == 5 ? ' ' : (char)('a' + i % 26);
	memcpy(text + n_bytes - 2, "\r\n", 2);
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = { 4 * 1024, 50 * 1024, 1024 * 1024 };
	struct measuring m = { .seconds = argc > 1 ? atof(argv[1]) : 0.5 };
	struct dkim_key *rsa = dkim_key_make(DKIM_RSA_SHA256, 2048, NULL), *ed25519 = dkim_key_make(DKIM_ED25519_SHA256, 0, NULL);
	struct dkim_signer_settings settings = { .domain = "football.example.com" };
	char *text = mem_new(sizes[2]);
	struct arena arena;

	arena_init(&arena, ROOM_MAX_BYTES);
	insist(rsa != NULL && ed25519 != NULL && header_read(str_of(header_text), &arena, &m.header) == 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_text(text, sizes[i]);
		m.body = str_n(text, sizes[i]);
		for (int is_simple = 0; is_simple < 2; is_simple++) {
			settings.is_simple_body = is_simple;
			settings.selectors[0] = (struct dkim_selector){ "r", rsa };
			settings.n_selectors = 1;
			measure(&m, "RSA of 2048 bits", &settings);
			settings.selectors[0] = (struct dkim_selector){ "e", ed25519 };
			measure(&m, "Ed25519", &settings);
			settings.selectors[1] = (struct dkim_selector){ "r", rsa };
			settings.n_selectors = 2;
			measure(&m, "both", &settings);
		}
	}
	arena_fini(&arena);
	mem_free(text);
	dkim_key_free(rsa);
	dkim_key_free(ed25519);
	return 0;
}
