/*
 * fuzz_dkim_sign.c - any header section and body is signed, or refused: the same in pieces as in one, by fields that read
 * back; and any text compared with a key as its record, where only the key's own fits
 */
#include "policy/dkim/dkim_key_record.h"
#include "policy/dkim/dkim_sign.h"
#include "tests/fuzz/fuzz.h"

static const char pem[] = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

/* False: the mail is not signed. */
static bool
sign(struct fuzz *f, const struct dkim_signer *signer, const struct header_section *header, struct str body, bool in_pieces,
    struct buf *out)
{
	struct dkim_signing *signing = dkim_signing_new(signer, header, (struct timestamp){ 0 }, NULL);
	struct str piece;

	if (signing == NULL)
		return false;
	if (!in_pieces)
		dkim_signing_body(signing, body);
	while (in_pieces && fuzz_piece(f, 100, &body, &piece))
		dkim_signing_body(signing, piece);
	dkim_signing_ready(signing);
	insist(dkim_signing_sign(signing, NULL) == 0 && dkim_signing_fields(signing, out) == 0);
	dkim_signing_free(signing);
	return true;
}

static void
check_fields(struct str fields, int n_wanted)
{
	struct header_section section;
	struct arena arena;
	struct str line;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	insist(header_read(fields, &arena, &section) == 0 && section.n_fields == n_wanted && section.header_bytes == fields.len);
	while (str_take_until(&fields, '\n', &line))
		insist(line.len > 1 && line.len - 1 <= DKIM_FIELD_LINE_MAX_BYTES && str_is_printable(str_sub(line, 1, line.len - 2)));
	arena_fini(&arena);
}

static void
check_mail(struct fuzz *f, const struct dkim_key *key, unsigned choice, struct str mail)
{
	struct dkim_signer_settings settings = {
		.domain = "football.example.com", .selectors = { { "a", key }, { "b", key } }, .n_selectors = 1 + (int)(choice & 1),
		.is_simple_header = choice & 2, .is_simple_body = choice & 4,
	};
	struct dkim_signer *signer = dkim_signer_new(&settings, NULL);
	struct header_section section;
	struct buf once, again;
	struct arena arena;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	buf_init(&once, DKIM_FIELDS_MAX_BYTES);
	buf_init(&again, DKIM_FIELDS_MAX_BYTES);
	insist(signer != NULL);
	if (header_read(mail, &arena, &section) == 0 && sign(f, signer, &section, str_from(mail, section.body_at), false, &once)) {
		insist(sign(f, signer, &section, str_from(mail, section.body_at), true, &again));
		insist(str_eq(buf_str(&once), buf_str(&again)));
		check_fields(buf_str(&once), settings.n_selectors);
	}
	buf_fini(&once);
	buf_fini(&again);
	arena_fini(&arena);
	dkim_signer_free(signer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct dkim_key *key = dkim_key_new(str_n(pem, sizeof(pem) - 1), NULL);
	struct dkim_key_comparison comparison;
	struct fuzz f;
	unsigned choice;

	insist(key != NULL);
	fuzz_begin(&f, bytes, n_bytes, &choice);
	dkim_key_compare(key, f.rest, &comparison);
	insist(comparison.match != DKIM_KEY_FITS || f.rest.len > dkim_key_public(key).len);
	insist(dkim_key_match_text(comparison.match)[0] != '\0');
	check_mail(&f, key, choice, f.rest);
	fuzz_end(&f);
	dkim_key_free(key);
	return 0;
}
