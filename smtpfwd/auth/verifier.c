/*
 * verifier.c - what is kept of a password: enough to know it again, not to say it
 */
#include <crypt.h>
#include <gsasl.h>
#include <openssl/evp.h>

#include "base/code.h"
#include "base/mem.h"
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/verifier.h"

enum { SHA_ROUNDS_MAX = 5000000, BCRYPT_COST_MAX = 15 };	/* one to three seconds */

#define SCRAM_NAME	"SCRAM-SHA-256$"

/* --- reading --- */

static int
wrong(const char **why_out, const char *why)
{
	*why_out = why;
	return -1;
}

/* Base64 of 1 to max bytes into room; how many, 0 if malformed. */
static size_t
decode(struct str text, uint8_t *room, size_t max_bytes)
{
	struct buf bytes;
	size_t n = 0;

	buf_init(&bytes, max_bytes);
	if (base64_decode(text, &bytes) == 0) {
		n = bytes.len;
		if (n > 0)
			memcpy(room, bytes.at, n);
	}
	prepare_wipe(&bytes);
	return n;
}

static int
parse_scram(struct str text, struct scram_keys *keys, const char **why_out)
{
	struct str iterations, salt, stored;
	uint64_t n;

	text = str_from(text, sizeof(SCRAM_NAME) - 1);
	if (!str_take_until(&text, ':', &iterations) || !str_take_until(&text, '$', &salt) ||
	    !str_take_until(&text, ':', &stored))
		return wrong(why_out, "is no SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey");
	if (!str_to_u64(iterations, &n) || n < SCRAM_ITERATIONS_MIN || n > SCRAM_ITERATIONS_MAX)
		return wrong(why_out, "has SCRAM iterations outside of 4096 to 1000000");
	keys->iterations = (unsigned)n;
	keys->n_salt_bytes = decode(salt, keys->salt, sizeof(keys->salt));
	if (keys->n_salt_bytes == 0)
		return wrong(why_out, "has a SCRAM salt that is not base64 of 1 to 64 bytes");
	if (decode(stored, keys->stored_key, SCRAM_KEY_BYTES) != SCRAM_KEY_BYTES ||
	    decode(text, keys->server_key, SCRAM_KEY_BYTES) != SCRAM_KEY_BYTES)
		return wrong(why_out, "has a SCRAM key that is not base64 of 32 bytes");
	return 0;
}

static bool
is_crypt_text(struct str text)		/* crypt(5): the alphabet of all its forms */
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("./$=,", c) != NULL))
			return false;
	}
	return true;
}

/*
 * What one login may cost: a hash that takes minutes, by a slip of the pen, would keep the threads from all others.
 * Decimal behind "rounds=" (SHA), or two digits of a power of two (bcrypt); yescrypt and scrypt are bound by their memory.
 */
static bool
is_too_dear(struct str text)
{
	struct str rest = text, cost;
	uint64_t n = 0;

	str_take_until(&rest, '$', &cost);
	str_take_until(&rest, '$', &cost);
	if (!str_take_until(&rest, '$', &cost))
		return false;
	if (str_starts(text, STR("$2")))
		return str_to_u64(cost, &n) && n > BCRYPT_COST_MAX;
	return str_starts(cost, STR("rounds=")) && (!str_to_u64(str_from(cost, 7), &n) || n > SHA_ROUNDS_MAX);
}

static int
parse_crypt(struct str text, const char **why_out)
{
	/* yescrypt, its GOST kin, scrypt, bcrypt, SHA-512 and SHA-256: all of crypt(5) that is not given up for weak. */
	static const struct { struct str prefix; size_t least_bytes; } kinds[] = {
		{ STR("$y$"), 50 }, { STR("$gy$"), 50 }, { STR("$7$"), 50 }, { STR("$2b$"), 60 }, { STR("$2y$"), 60 },
		{ STR("$2a$"), 60 }, { STR("$6$"), 90 }, { STR("$5$"), 47 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!str_starts(text, kinds[i].prefix))
			continue;
		if (text.len < kinds[i].least_bytes || !is_crypt_text(text) || crypt_checksalt(text.at) == CRYPT_SALT_INVALID)
			return wrong(why_out, "is a crypt(3) hash that is cut or damaged");
		if (is_too_dear(text))
			return wrong(why_out, "is a hash that would take too long: more than 5,000,000 rounds, or a cost above 15");
		return 0;
	}
	if (str_starts(text, STR("$")) || str_starts(text, STR("_")))
		return wrong(why_out, "is a hash that is too weak or unknown; make one with smtpfwdctl passwd");
	return wrong(why_out, "is neither a crypt(3) hash nor a SCRAM-SHA-256 verifier; make one with smtpfwdctl passwd");
}

int
verifier_parse(struct str text, struct verifier *verifier_out, const char **why_out)
{
	*verifier_out = (struct verifier){ .kind = VERIFIER_CRYPT, .hash = text };
	if (text.len > VERIFIER_TEXT_MAX_BYTES || str_find(text, '\0') >= 0)
		return wrong(why_out, "is too long or has a NUL");
	if (!str_starts(text, STR(SCRAM_NAME)))
		return parse_crypt(text, why_out);
	verifier_out->kind = VERIFIER_SCRAM;
	verifier_out->hash = STR_EMPTY;
	return parse_scram(text, &verifier_out->scram, why_out);
}

/* --- checking --- */

static bool
crypt_fits(struct str hash, const char *password)
{
	struct crypt_data *data = mem_new(sizeof(*data));	/* 32 KB */
	const char *made = crypt_r(password, hash.at, data);
	bool fits = made != NULL && str_eq_secret(str_of(made), hash);

	explicit_bzero(data, sizeof(*data));
	mem_free(data);
	return fits;
}

static bool
derive(const char *password, struct scram_keys *keys)
{
	char salted[SCRAM_KEY_BYTES], client[SCRAM_KEY_BYTES];
	/* The long part by OpenSSL, which takes a third of GNU SASL's time. */
	bool is_made = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), keys->salt, (int)keys->n_salt_bytes,
	    (int)keys->iterations, EVP_sha256(), sizeof(salted), (unsigned char *)salted) == 1 &&
	    gsasl_scram_secrets_from_salted_password(GSASL_HASH_SHA256, salted, client, (char *)keys->server_key,
	    (char *)keys->stored_key) == GSASL_OK;

	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return is_made;
}

static bool
scram_fits(const struct scram_keys *keys, const char *password)
{
	struct scram_keys made = *keys;
	bool fits = derive(password, &made) &&
	    str_eq_secret(str_n(made.stored_key, SCRAM_KEY_BYTES), str_n(keys->stored_key, SCRAM_KEY_BYTES));

	explicit_bzero(&made, sizeof(made));
	return fits;
}

bool
verifier_fits(const struct verifier *verifier, struct str password)
{
	char text[PASSWORD_MAX_BYTES + 1];
	bool fits = false;

	if (password.len == 0 || password.len > PASSWORD_MAX_BYTES || str_find(password, '\0') >= 0)
		return false;
	memcpy(text, password.at, password.len);
	text[password.len] = '\0';
	switch (verifier->kind) {
	case VERIFIER_CRYPT:
		fits = crypt_fits(verifier->hash, text);
		break;
	case VERIFIER_SCRAM:
		fits = scram_fits(&verifier->scram, text);
		break;
	}
	explicit_bzero(text, sizeof(text));
	return fits;
}

/* --- making --- */

int
verifier_make_scram(struct str password, const uint8_t salt[SCRAM_SALT_MADE_BYTES], unsigned iterations, struct buf *out)
{
	struct scram_keys keys = { .iterations = iterations, .n_salt_bytes = SCRAM_SALT_MADE_BYTES };
	struct buf text;
	int result = -1;

	memcpy(keys.salt, salt, SCRAM_SALT_MADE_BYTES);
	buf_init(&text, PASSWORD_MAX_BYTES + 1);
	if (buf_append(&text, password) == 0 && buf_append_char(&text, '\0') == 0 && derive(text.at, &keys) &&
	    buf_printf(out, SCRAM_NAME "%u:", iterations) == 0 &&
	    base64_encode(str_n(salt, SCRAM_SALT_MADE_BYTES), out) == 0 && buf_append_char(out, '$') == 0 &&
	    base64_encode(str_n(keys.stored_key, SCRAM_KEY_BYTES), out) == 0 && buf_append_char(out, ':') == 0)
		result = base64_encode(str_n(keys.server_key, SCRAM_KEY_BYTES), out);
	prepare_wipe(&text);
	explicit_bzero(&keys, sizeof(keys));
	return result;
}

int
verifier_make_crypt(struct str password, struct buf *out)
{
	struct crypt_data *data = mem_new(sizeof(*data));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *made = NULL;
	struct buf text;
	int result = -1;

	buf_init(&text, PASSWORD_MAX_BYTES + 1);
	if (buf_append(&text, password) == 0 && buf_append_char(&text, '\0') == 0 &&
	    crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting)) != NULL)
		made = crypt_r(text.at, setting, data);
	if (made != NULL && made[0] == '$')
		result = buf_append(out, str_of(made));
	prepare_wipe(&text);
	explicit_bzero(data, sizeof(*data));
	mem_free(data);
	return result;
}
