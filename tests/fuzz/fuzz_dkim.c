/*
 * fuzz_dkim.c - mails with hostile signatures, and hostile key records: results that can be shown, whatever comes
 *
 * The input: a byte of choices, the key record up to a NUL, the mail.  libopendkim is not
 * instrumented; what it does is seen by valgrind only.
 */
#include "policy/dkim/dkim_verify.h"
#include "tests/fuzz/fuzz.h"

enum { PIECE_MAX_BYTES = 300 };

struct keys {
	struct resolver	 resolver;
	struct str	 record;
	unsigned	 choice;
};

/* The record for each name, or twice, or trouble. */
static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	const struct keys *keys = (const struct keys *)resolver;	/* its first member */

	for (int i = 0; i < n_questions; i++) {
		struct dns_answer *a = &answers_out[i];

		insist(questions[i].name.len < 256 && str_is_printable(questions[i].name));
		*a = (struct dns_answer){ .result = DNS_FOUND, .n_records = (keys->choice & 7) == 7 ? 2 : 1 };
		a->records = arena_array(arena, 2, sizeof(a->records[0]));
		if (a->records == NULL || (keys->choice & 7) == 6) {
			*a = (struct dns_answer){ .result = DNS_UNSETTLED };
			continue;
		}
		a->records[0].text = keys->record;
		a->records[1].text = STR("v=spf1 -all");
	}
}

static void
check_result(const struct dkim_result *r)
{
	const struct str shown[] = { r->reason, r->domain, r->selector, r->identity, r->algorithm, r->b_prefix };

	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		insist(shown[i].len <= 1024 && str_is_printable(shown[i]));
	insist(r->verdict == DKIM_PASS || r->reason.len > 0);
	insist(r->body_unsigned_bytes >= 0);
	if (r->verdict != DKIM_PASS && r->verdict != DKIM_FAIL)
		return;
	insist(r->domain.len > 0 && r->selector.len > 0 && r->algorithm.len > 0 && r->b_prefix.len > 0);
	insist(r->key_bits == 256 || (r->key_bits >= 1024 && r->key_bits <= 4096));
}

static void
verify(struct fuzz *f, struct keys *keys, struct arena *arena)
{
	struct dkim_verifier *verifier = dkim_verifier_new();
	struct dkim_settings settings = { .signatures_max = 1 + (int)(keys->choice >> 3 & 3), .drift_s = 300,
	    .accepts_partial_body = (keys->choice & 0x80) != 0 };
	struct timestamp now = { .us = 1795219200LL * 1000000 };
	struct dkim_verification *v;
	struct header_section header;
	const struct dkim_verify_inputs inputs = { .settings = &settings, .header = &header, .now = now, .resolver = &keys->resolver,
	    .deadline = INSTANT_NEVER };
	struct dkim_result *results;
	struct str body, piece;
	int n;

	insist(verifier != NULL);
	if (header_read(f->rest, arena, &header) == 0 &&
	    (v = dkim_verify_begin(verifier, &inputs, arena, NULL)) != NULL) {
		body = str_from(f->rest, header.body_at);
		while (fuzz_piece(f, PIECE_MAX_BYTES, &body, &piece))
			dkim_verify_body(v, piece);
		results = dkim_verify_end(v, &n);
		insist(n <= settings.signatures_max + 1);
		for (int i = 0; i < n; i++)
			check_result(&results[i]);
	}
	dkim_verifier_free(verifier);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct keys keys = { .resolver = { .ask = ask } };
	struct arena arena;
	struct fuzz f;

	fuzz_begin(&f, bytes, n_bytes, &keys.choice);
	if (!str_take_until(&f.rest, '\0', &keys.record))
		keys.record = STR_EMPTY;
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	verify(&f, &keys, &arena);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
