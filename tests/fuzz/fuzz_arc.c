/*
 * fuzz_arc.c - mails with hostile chains of ARC: results that can be shown, the same in pieces as in one; and what we seal passes,
 * unless it had failed before
 *
 * The input: a byte of choices, the mail.  By choice up to three good sets are put on top of it first, and a byte of it is
 * changed then.  All keys are one.
 */
#include "policy/arc/arc_seal.h"
#include "policy/arc/arc_verify.h"
#include "tests/fuzz/fuzz.h"
#include "tests/policy/dkim_vectors.h"

enum { PIECE_MAX_BYTES = 100, NOW_S = 1795219200 };

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	for (int i = 0; i < n_questions; i++) {
		insist(questions[i].name.len < 256 && str_is_printable(questions[i].name));
		answers_out[i] = (struct dns_answer){ .result = DNS_FOUND, .n_records = 1,
		    .records = arena_array(arena, 1, sizeof(struct dns_record)) };
		insist(answers_out[i].records != NULL);
		answers_out[i].records[0].text = STR(RFC8463_RSA_RECORD);
	}
}

static enum arc_status
check_result(const struct arc_result *r)
{
	insist(r->reason.len <= 200 && str_is_printable(r->reason) && !r->is_temporary);
	insist((r->status == ARC_FAIL) == (r->reason.len > 0));
	insist((r->status == ARC_PASS) == (r->n_sealers > 0) && r->n_sealers <= ARC_INSTANCES_MAX);
	insist(r->oldest_pass >= 0 && r->oldest_pass != 1 && r->oldest_pass <= r->n_sealers);
	for (int i = 0; i < r->n_sealers; i++)
		insist(r->sealers[i].domain.len > 0 && str_is_printable(r->sealers[i].domain) && r->sealers[i].selector.len > 0);
	return r->status;
}

static enum arc_status
verify(struct fuzz *f, struct str mail, bool in_pieces)
{
	struct resolver resolver = { .ask = ask };
	struct arc_verification *v;
	struct header_section section;
	enum arc_status status;
	struct str body, piece;
	struct arena arena;

	arena_init(&arena, ARC_VERIFY_ARENA_BYTES);
	insist(header_read(mail, &arena, &section) == 0);
	v = arc_verify_begin(&(struct arc_verify_inputs){ .header = &section, .now = { NOW_S * INT64_C(1000000) }, .drift_s = 300,
	    .resolver = &resolver, .deadline = INSTANT_NEVER }, &arena, NULL);
	insist(v != NULL);
	body = str_from(mail, section.body_at);
	if (!in_pieces)
		arc_verify_body(v, body);
	while (in_pieces && fuzz_piece(f, PIECE_MAX_BYTES, &body, &piece))
		arc_verify_body(v, piece);
	status = check_result(arc_verify_end(v));
	arena_fini(&arena);
	return status;
}

/* False: the mail gets no set. */
static bool
seal(const struct arc_sealer *sealer, struct str mail, enum arc_status cv, struct buf *out)
{
	struct header_section section;
	struct arc_sealing *sealing;
	struct arena arena;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	insist(header_read(mail, &arena, &section) == 0);
	/* Without a header our fields would stand above what is none. */
	sealing = section.n_fields > 0 && section.has_empty_line ?
	    arc_sealing_new(sealer, &section, 0, (struct timestamp){ NOW_S * INT64_C(1000000) }, NULL) : NULL;
	if (sealing != NULL) {
		arc_sealing_body(sealing, str_from(mail, section.body_at));
		arc_sealing_ready(sealing, cv, STR("relay.example.net; none"), STR_EMPTY);
		insist(arc_sealing_sign(sealing, NULL) == 0);
		insist(arc_sealing_fields(sealing, out) == 0 && buf_append(out, mail) == 0);
	}
	arc_sealing_free(sealing);
	arena_fini(&arena);
	return sealing != NULL;
}

/* One set more, and what becomes of it; the mail stands in *mail. */
static void
seal_and_check(struct fuzz *f, const struct arc_sealer *sealer, struct buf *mail)
{
	enum arc_status before = verify(f, buf_str(mail), false), after;
	struct buf sealed;

	buf_init(&sealed, FUZZ_ROOM_MAX_BYTES);
	if (seal(sealer, buf_str(mail), before, &sealed)) {
		after = verify(f, buf_str(&sealed), true);
		insist(after == (before == ARC_FAIL ? ARC_FAIL : ARC_PASS));
		buf_clear(mail);
		insist(buf_append(mail, buf_str(&sealed)) == 0);
	}
	buf_fini(&sealed);
}

static void
seal_some(struct fuzz *f, unsigned choice, int n, struct buf *mail)
{
	static const char *const names[] = { "From", "From", "Subject", "ARC-Authentication-Results", "X" };
	struct arc_sealer_settings settings = { .domain = "example.org", .selector = { .name = "s" } };
	struct arc_sealer *sealer;
	struct dkim_key *key;

	if (n == 0)
		return;			/* and no key is read: that takes most of the time */
	key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	settings.selector.key = key;
	if ((choice & 4) != 0) {
		settings.names = names;
		settings.n_names = 5;
	}
	sealer = arc_sealer_new(&settings, NULL);
	insist(sealer != NULL);
	for (int i = 0; i < n; i++)
		seal_and_check(f, sealer, mail);
	arc_sealer_free(sealer);
	dkim_key_free(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	unsigned choice, at;
	struct buf mail;
	struct fuzz f;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	at = (choice & 8) != 0 ? fuzz_byte(&f) * 8 + fuzz_byte(&f) : 0;
	buf_init(&mail, FUZZ_ROOM_MAX_BYTES);
	insist(buf_append(&mail, f.rest) == 0);
	seal_some(&f, choice, choice & 3, &mail);
	if ((choice & 8) != 0 && mail.len > 0)
		mail.at[at % mail.len] = (char)(mail.at[at % mail.len] ^ (1 << (choice >> 5)));
	insist(verify(&f, buf_str(&mail), false) == verify(&f, buf_str(&mail), true));
	seal_some(&f, choice, (choice & 16) != 0, &mail);
	buf_fini(&mail);
	fuzz_end(&f);
	return 0;
}
