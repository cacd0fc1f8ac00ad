/*
 * signed.c - is a mail that arrived signed once, by whom it should be, and rightly?
 */
#include "base/insist.h"
#include "tests/relay/signed.h"

enum { ROOM_MAX_BYTES = 8 << 20 };

/* 2050: clocks are stepped in these worlds, and no signature is from the future then. */
static const struct timestamp late = { 2524608000 * 1000000LL };

bool
signed_once(struct str mail, const char *domain, struct dkim_verifier *verifier, struct resolver *names)
{
	const struct dkim_settings settings = { .signatures_max = 5, .drift_s = 300 };
	struct dkim_verification *v;
	struct dkim_result *results;
	struct header_section header;
	const struct dkim_verify_inputs inputs = { .settings = &settings, .header = &header, .now = late, .resolver = names,
	    .deadline = INSTANT_NEVER };
	struct arena arena;
	struct str rest;
	bool is_right;
	int n;

	arena_init(&arena, ROOM_MAX_BYTES);
	insist(header_read(mail, &arena, &header) == 0);
	v = dkim_verify_begin(verifier, &inputs, &arena, NULL);
	insist(v != NULL);
	for (rest = str_from(mail, header.body_at); rest.len > 0; rest = str_from(rest, str_sub(rest, 0, DKIM_CHUNK_MAX_BYTES).len))
		dkim_verify_body(v, str_sub(rest, 0, DKIM_CHUNK_MAX_BYTES));
	results = dkim_verify_end(v, &n);
	is_right = n == 1 && results[0].verdict == DKIM_PASS && str_eq(results[0].domain, str_of(domain));
	arena_fini(&arena);
	return is_right;
}
