/*
 * test_dkim_key.c - private keys: read, refused, made; signatures of RFC 8463; and the records that publish them
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>

#include "base/code.h"
#include "base/insist.h"
#include "policy/dkim/dkim_canon.h"
#include "policy/dkim/dkim_key_record.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"

enum { ROOM_MAX_BYTES = 64 * 1024 };

/* The PEM of a key that OpenSSL makes; a password makes it an encrypted one. */
static void
make_pem(EVP_PKEY *pkey, const char *password, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	insist(pkey != NULL && PEM_write_bio_PKCS8PrivateKey(bio, pkey, password != NULL ? EVP_aes_128_cbc() : NULL, password,
	    password != NULL ? (int)strlen(password) : 0, NULL, NULL) == 1);
	n = BIO_get_mem_data(bio, &text);
	buf_clear(out);
	insist(buf_append(out, str_n(text, (size_t)n)) == 0);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
}

static void
expect_refused(struct str pem, const char *why)
{
	struct fault fault = { .text = "" };

	expect(dkim_key_new(pem, &fault) == NULL);
	expect_text(fault.text, why);
	expect_int(fault.kind, FAULT_PERMANENT);
	expect_int((int64_t)ERR_peek_error(), 0);
}

static void
test_refused(void)
{
	struct buf pem;

	buf_init(&pem, ROOM_MAX_BYTES);
	test_case("what is no key is refused");
	expect_refused(STR(""), "no private key in PEM form");
	expect_refused(STR("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "no private key in PEM form");
	expect_refused(STR("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	    "-----END PUBLIC KEY-----\n"), "no private key in PEM form");
	test_case("a key behind a password is refused, and nobody is asked for it");
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "secret", &pem);
	expect_refused(buf_str(&pem), "the key needs a password: write it without one");
	test_case("a key of another kind is refused");
	make_pem(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), NULL, &pem);
	expect_refused(buf_str(&pem), "the key is neither RSA nor Ed25519");
	test_case("RSA of fewer bits than RFC 8301 allows is refused");
	make_pem(EVP_RSA_gen(768), NULL, &pem);
	expect_refused(buf_str(&pem), "an RSA key of 768 bits: 1024 to 4096 are allowed (RFC 8301)");
	test_case("a file that is no key's is not read to its end");
	buf_fini(&pem);
	buf_init(&pem, 2 * DKIM_PEM_MAX_BYTES);
	while (buf_append(&pem, STR("0123456789abcdef")) == 0)
		;
	expect_refused(buf_str(&pem), "is too long for a key");
	buf_fini(&pem);
}

/* A key whose public half was changed: an RSA modulus that its primes do not make. */
static void
test_unsound(void)
{
	char text[] = RFC8463_RSA_PEM, *line = strchr(text, '\n') + 1;

	test_case("a key whose halves do not fit is refused");
	line[24] = line[24] == 'A' ? 'B' : 'A';		/* within the modulus */
	expect_refused(str_of(text), "the key cannot sign: its parts do not fit");
}

static void
gather(void *context, struct str bytes)
{
	insist(buf_append(context, bytes) == 0);
}

/* What RFC 8463 signed: the fields of h=, and the signature's own. */
static void
hash_of_rfc(const char *field, uint8_t hash[DKIM_HASH_BYTES])
{
	struct header_section section;
	struct arena arena;
	struct buf text;

	arena_init(&arena, ROOM_MAX_BYTES);
	buf_init(&text, ROOM_MAX_BYTES);
	insist(header_read(STR(RFC8463_HEADER), &arena, &section) == 0);
	for (int i = 0; i < section.n_fields; i++)
		dkim_canon_field(DKIM_RELAXED, section.fields[i].whole, true, (struct dkim_sink){ gather, &text });
	dkim_canon_field(DKIM_RELAXED, str_of(field), false, (struct dkim_sink){ gather, &text });
	insist(EVP_Digest(text.at, text.len, hash, NULL, EVP_sha256(), NULL) == 1);
	buf_fini(&text);
	arena_fini(&arena);
}

static const struct vector {
	const char	*name, *pem, *record, *field, *b;
	int		 bits;
} vectors[] = {
	{ "RFC 8463 A.2: Ed25519", RFC8463_ED25519_PEM, RFC8463_ED25519_RECORD, RFC8463_ED25519_FIELD, RFC8463_ED25519_B, 256 },
	{ "RFC 8463 A.2: RSA", RFC8463_RSA_PEM, RFC8463_RSA_RECORD, RFC8463_RSA_FIELD, RFC8463_RSA_B, 1024 },
};

static void
test_vectors(void)
{
	uint8_t hash[DKIM_HASH_BYTES], signature[DKIM_SIGNATURE_MAX_BYTES];
	struct dkim_canon_body body;
	struct buf text;
	size_t n;

	buf_init(&text, ROOM_MAX_BYTES);
	test_case("RFC 8463 A.3: the body's hash");
	dkim_canon_body_begin(&body, DKIM_RELAXED, (struct dkim_sink){ gather, &text });
	dkim_canon_body_add(&body, STR(RFC8463_BODY));
	dkim_canon_body_end(&body);
	insist(EVP_Digest(text.at, text.len, hash, NULL, EVP_sha256(), NULL) == 1);
	buf_clear(&text);
	base64_encode(str_n(hash, sizeof(hash)), &text);
	expect_str(buf_str(&text), STR(RFC8463_BODY_HASH));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct dkim_key *key = dkim_key_new(str_of(v->pem), NULL);

		test_case("%s signs as printed, and its record is the printed one", v->name);
		if (!expect(key != NULL))
			continue;
		expect_int(dkim_key_bits(key), v->bits);
		hash_of_rfc(v->field, hash);
		expect_int(dkim_key_sign(key, hash, signature, &n, NULL), 0);
		buf_clear(&text);
		base64_encode(str_n(signature, n), &text);
		expect_str(buf_str(&text), str_of(v->b));
		expect(dkim_key_verify(key, hash, str_n(signature, n)));
		hash[0] ^= 1;
		expect(!dkim_key_verify(key, hash, str_n(signature, n)));
		buf_clear(&text);
		expect_int(dkim_key_record(key, &text), 0);
		expect_str(buf_str(&text), str_of(v->record));
		dkim_key_free(key);
	}
	buf_fini(&text);
}

static void
test_made(enum dkim_algorithm algorithm, int bits)
{
	struct dkim_key *made = dkim_key_make(algorithm, bits, NULL), *read;
	struct buf pem;

	buf_init(&pem, DKIM_PEM_MAX_BYTES);
	test_case("a key that is made (%s) is read from its PEM, comments around it", dkim_key_algorithm_text(made));
	expect_int(dkim_key_bits(made), bits);
	buf_append(&pem, STR("the key of 2026\n"));
	expect_int(dkim_key_pem(made, &pem), 0);
	buf_append(&pem, STR("\nits end\n"));
	read = dkim_key_new(buf_str(&pem), NULL);
	if (expect(read != NULL)) {
		expect_str(dkim_key_public(read), dkim_key_public(made));
		expect_int(dkim_key_algorithm(read), algorithm);
	}
	buf_fini(&pem);
	dkim_key_free(made);
	dkim_key_free(read);
}

enum { N_THREADS = 4, SIGNATURES_A_THREAD = 100 };

static void *
sign_many(void *arg)
{
	uint8_t hash[DKIM_HASH_BYTES] = { 0 }, signature[DKIM_SIGNATURE_MAX_BYTES];
	intptr_t n_right = 0;
	size_t n;

	for (int i = 0; i < SIGNATURES_A_THREAD; i++) {
		hash[0] = (uint8_t)i;
		n_right += dkim_key_sign(arg, hash, signature, &n, NULL) == 0 && dkim_key_verify(arg, hash, str_n(signature, n));
	}
	return (void *)n_right;
}

static void
test_threads(const char *pem)
{
	struct dkim_key *key = dkim_key_new(str_of(pem), NULL);
	pthread_t threads[N_THREADS];
	int64_t n_right = 0;
	void *result;

	test_case("several threads sign with one key (%s)", dkim_key_algorithm_text(key));
	for (int i = 0; i < N_THREADS; i++)
		insist(pthread_create(&threads[i], NULL, sign_many, key) == 0);
	for (int i = 0; i < N_THREADS; i++) {
		insist(pthread_join(threads[i], &result) == 0);
		n_right += (intptr_t)result;
	}
	expect_int(n_right, N_THREADS * SIGNATURES_A_THREAD);
	dkim_key_free(key);
}

#define ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const struct comparison_row {
	const char		*name, *record;
	enum dkim_key_match	 match;
	bool			 is_testing, is_strict;
} comparisons[] = {
	{ "the record as we print it fits", RFC8463_ED25519_RECORD, DKIM_KEY_FITS, false, false },
	{ "v= may be missing, blanks and a last semicolon be there", " k = ed25519 ;\tp=11qYAYKxCrf VS/7TyWQHOg7hcvPapi\r\n MlrwIaaPcHURo= ; ",
	  DKIM_KEY_FITS, false, false },
	{ "unknown tags are skipped", "v=DKIM1; k=ed25519; z=1; n=note; p=" ED, DKIM_KEY_FITS, false, false },
	{ "flags are told", "v=DKIM1; k=ed25519; t=y:s; p=" ED, DKIM_KEY_FITS, true, true },
	{ "s=* and h=sha1:sha256 allow it", "v=DKIM1; k=ed25519; s=*; h=sha1 : sha256; p=" ED, DKIM_KEY_FITS, false, false },
	{ "another key", "v=DKIM1; k=ed25519; p=21qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", DKIM_KEY_OTHER, false, false },
	{ "half a key", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7T", DKIM_KEY_OTHER, false, false },
	{ "a longer key", "v=DKIM1; k=ed25519; p=" ED ED, DKIM_KEY_OTHER, false, false },
	{ "k= is rsa if it is missing", "v=DKIM1; p=" ED, DKIM_KEY_OTHER_TYPE, false, false },
	{ "an RSA key's record", RFC8463_RSA_RECORD, DKIM_KEY_OTHER_TYPE, false, false },
	{ "a revoked key", "v=DKIM1; k=ed25519; p=", DKIM_KEY_REVOKED, false, false },
	{ "sha1 alone", "v=DKIM1; k=ed25519; h=sha1; p=" ED, DKIM_KEY_NO_SHA256, false, false },
	{ "a service that is not mail", "v=DKIM1; k=ed25519; s=tlsrpt; p=" ED, DKIM_KEY_NOT_FOR_MAIL, false, false },
	{ "v= that is not first", "k=ed25519; v=DKIM1; p=" ED, DKIM_KEY_MALFORMED, false, false },
	{ "another version", "v=DKIM2; k=ed25519; p=" ED, DKIM_KEY_MALFORMED, false, false },
	{ "a tag twice", "v=DKIM1; k=ed25519; p=" ED "; p=" ED, DKIM_KEY_MALFORMED, false, false },
	{ "no p=", "v=DKIM1; k=ed25519", DKIM_KEY_MALFORMED, false, false },
	{ "no tags", "hello", DKIM_KEY_MALFORMED, false, false },
	{ "nothing", "", DKIM_KEY_MALFORMED, false, false },
	{ "an empty tag", "v=DKIM1;; k=ed25519; p=" ED, DKIM_KEY_MALFORMED, false, false },
};

static void
test_comparisons(void)
{
	struct dkim_key *key = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);

	for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
		const struct comparison_row *row = &comparisons[i];
		struct dkim_key_comparison comparison;

		test_case("a record compared: %s", row->name);
		dkim_key_compare(key, str_of(row->record), &comparison);
		expect_text(dkim_key_match_text(comparison.match), dkim_key_match_text(row->match));
		expect_int(comparison.is_testing, row->is_testing);
		expect_int(comparison.is_strict, row->is_strict);
	}
	dkim_key_free(key);
}

static void
test_zone_lines(void)
{
	struct dkim_key *key = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);
	struct str rest, line;
	struct buf text;

	buf_init(&text, ROOM_MAX_BYTES);
	test_case("a short record is one line of a zone file");
	expect_int(dkim_key_zone_lines(key, STR("2026e"), STR("example.com"), &text), 0);
	expect_str(buf_str(&text), STR("2026e._domainkey.example.com. IN TXT \"" RFC8463_ED25519_RECORD "\"\n"));
	dkim_key_free(key);
	key = dkim_key_make(DKIM_RSA_SHA256, 2048, NULL);
	buf_clear(&text);
	test_case("a long one is strings of at most 255 bytes");
	expect_int(dkim_key_zone_lines(key, STR("2026a"), STR("example.com"), &text), 0);
	rest = buf_str(&text);
	expect(str_take_until(&rest, '\n', &line));
	expect_str(line, STR("2026a._domainkey.example.com. IN TXT ("));
	expect(str_take_until(&rest, '\n', &line));
	expect(str_starts(line, STR("\t\"v=DKIM1; k=rsa; p=MIIB")) && line.len == 1 + 1 + 255 + 1);
	expect(str_take_until(&rest, '\n', &line));
	expect(str_starts(line, STR("\t\"")) && str_ends_nocase(line, STR("AQAB\" )")) && rest.len == 0);
	buf_fini(&text);
	dkim_key_free(key);
}

int
main(void)
{
	test_refused();
	test_unsound();
	test_vectors();
	test_made(DKIM_RSA_SHA256, 2048);
	test_made(DKIM_ED25519_SHA256, 256);
	test_threads(RFC8463_RSA_PEM);
	test_threads(RFC8463_ED25519_PEM);
	test_comparisons();
	test_zone_lines();
	return test_end();
}
