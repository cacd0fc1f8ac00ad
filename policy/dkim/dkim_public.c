/*
 * dkim_public.c - a key record of the DNS (RFC 6376 3.6.1, RFC 8463 4), read strictly
 */
#include "base/code.h"
#include "policy/dkim/dkim_public.h"
#include "policy/dkim/dkim_tags.h"

enum {
	ED25519_BYTES = 32,
	DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_SEQUENCE = 0x30,
	DER_HEAD_MAX_BYTES = 4,		/* a tag and the length of up to 65535 bytes */
	WRAPPING_MAX_BYTES = 64,	/* what stands around the two numbers of an RSA key */
};

/* AlgorithmIdentifier of rsaEncryption with its NULL (RFC 8017 A.1). */
static const unsigned char rsa_algorithm[] = {
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
};

/* --- DER (X.690), as far as a public key needs it --- */

/* Takes a value of this tag off *rest; its length in the one form that DER allows. */
static bool
der_take(struct str *rest, unsigned tag, struct str *content_out)
{
	const unsigned char *at = (const unsigned char *)rest->at;
	size_t head = 2, len;

	if (rest->len < 2 || at[0] != tag)
		return false;
	len = at[1];
	if (len == 0x81) {
		if (rest->len < 3 || at[2] < 0x80)
			return false;
		head = 3;
		len = at[2];
	} else if (len == 0x82) {
		if (rest->len < 4 || at[2] == 0)
			return false;
		head = 4;
		len = (size_t)at[2] << 8 | at[3];
	} else if (len >= 0x80) {
		return false;
	}
	if (len > rest->len - head)
		return false;
	*content_out = str_sub(*rest, head, len);
	*rest = str_from(*rest, head + len);
	return true;
}

/* A positive integer, without the zero byte that keeps it positive. */
static bool
der_take_positive(struct str *rest, struct str *number_out)
{
	struct str content;

	if (!der_take(rest, DER_INTEGER, &content) || content.len == 0)
		return false;
	if (content.at[0] == 0) {
		content = str_from(content, 1);
		if (content.len == 0 || (content.at[0] & 0x80) == 0)
			return false;
	} else if ((content.at[0] & 0x80) != 0) {
		return false;
	}
	*number_out = content;
	return true;
}

/* A value's head, as der_take reads it. */
static bool
der_put_head(struct buf *out, unsigned tag, size_t len)
{
	unsigned char head[DER_HEAD_MAX_BYTES] = { (unsigned char)tag };
	size_t n = 1;

	if (len >= 0x100) {
		head[n++] = 0x82;
		head[n++] = (unsigned char)(len >> 8);
	} else if (len >= 0x80) {
		head[n++] = 0x81;
	}
	head[n++] = (unsigned char)len;
	return len <= 0xffff && buf_append(out, str_n(head, n)) == 0;
}

/* --- the key --- */

static int
bits_of(struct str number)
{
	int bits = (int)number.len * 8;

	for (unsigned top = (unsigned char)number.at[0]; (top & 0x80) == 0; top <<= 1)
		bits--;
	return bits;
}

static bool
is_odd(struct str number)
{
	return (number.at[number.len - 1] & 1) != 0;
}

/* RSAPublicKey (RFC 8017 A.1.1): the two numbers and nothing else. */
static bool
read_rsa_numbers(struct str sequence, struct dkim_public *key)
{
	struct str content, modulus, exponent;

	if (!der_take(&sequence, DER_SEQUENCE, &content) || sequence.len != 0)
		return false;
	if (!der_take_positive(&content, &modulus) || !der_take_positive(&content, &exponent) || content.len != 0)
		return false;
	if (!is_odd(modulus) || !is_odd(exponent) || str_eq(exponent, STR("\001")))
		return false;
	key->bits = bits_of(modulus);
	key->exponent_bits = bits_of(exponent);
	return exponent.len <= DKIM_PUBLIC_EXPONENT_MAX_BYTES;
}

/* The RSAPublicKey in a SubjectPublicKeyInfo. */
static bool
open_key_info(struct str bytes, struct str *sequence_out)
{
	struct str info, bits;

	if (!der_take(&bytes, DER_SEQUENCE, &info) || bytes.len != 0)
		return false;
	if (!str_starts(info, str_n(rsa_algorithm, sizeof(rsa_algorithm))))
		return false;
	info = str_from(info, sizeof(rsa_algorithm));
	if (!der_take(&info, DER_BIT_STRING, &bits) || info.len != 0 || bits.len == 0 || bits.at[0] != 0)
		return false;
	*sequence_out = str_from(bits, 1);
	return true;
}

/* The form in the RFC's text is RSAPublicKey, the one in its examples and in use is the other (erratum 3017). */
static bool
read_rsa(struct str bytes, struct arena *arena, struct dkim_public *key)
{
	struct str sequence = bytes;
	struct buf info, inner;
	bool done;

	(void)open_key_info(bytes, &sequence);
	if (!read_rsa_numbers(sequence, key))
		return false;
	buf_init(&inner, sequence.len + WRAPPING_MAX_BYTES);
	buf_init(&info, sequence.len + 2 * WRAPPING_MAX_BYTES);
	done = buf_append(&inner, str_n(rsa_algorithm, sizeof(rsa_algorithm))) == 0 &&
	    der_put_head(&inner, DER_BIT_STRING, sequence.len + 1) && buf_append_char(&inner, '\0') == 0 &&
	    buf_append(&inner, sequence) == 0 && der_put_head(&info, DER_SEQUENCE, inner.len) &&
	    buf_append(&info, buf_str(&inner)) == 0 && arena_copy(arena, buf_str(&info), &key->bytes);
	key->numbers = done ? str_from(key->bytes, key->bytes.len - sequence.len) : STR_EMPTY;
	buf_fini(&info);
	buf_fini(&inner);
	return done;
}

/* base64 as mail has it: blanks inside, and the padding may be missing (RFC 6376 2.10). */
static bool
decode(struct str value, struct arena *arena, struct buf *bytes_out)
{
	struct str text;

	if (!dkim_tags_squeeze(value, arena, &text))
		return false;
	if (text.len % 4 != 0 && str_find(text, '=') < 0 &&
	    !arena_printf(arena, &text, "%.*s%s", STR_ARG(text), text.len % 4 == 3 ? "=" : "=="))
		return false;
	return base64_decode(text, bytes_out) == 0;
}

static bool
read_bytes(struct str p, struct arena *arena, struct dkim_public *key)
{
	struct buf bytes;
	bool done;

	buf_init(&bytes, DKIM_PUBLIC_RECORD_MAX_BYTES);
	done = decode(p, arena, &bytes);
	if (done && key->type == DKIM_PUBLIC_RSA) {
		done = read_rsa(buf_str(&bytes), arena, key);
	} else if (done) {
		key->bits = ED25519_BYTES * 8;
		done = bytes.len == ED25519_BYTES && arena_copy(arena, buf_str(&bytes), &key->bytes);
	}
	buf_fini(&bytes);
	return done;
}

/* --- the record --- */

/* Whether the value of tag `name` has one of the two words; a tag that is not there has whatever is asked. */
static bool
tag_allows(const struct dkim_tags *tags, struct str name, struct str word, struct str other)
{
	struct str value, item;

	if (!dkim_tags_find(tags, name, &value))
		return true;
	while (dkim_tags_take_item(&value, &item)) {
		if (str_eq_nocase(item, word) || str_eq_nocase(item, other))
			return true;
	}
	return false;
}

static void
read_flags(const struct dkim_tags *tags, struct dkim_public *key)
{
	struct str value, item;

	if (!dkim_tags_find(tags, STR("t"), &value))
		return;
	while (dkim_tags_take_item(&value, &item)) {
		if (str_eq(item, STR("y")))
			key->is_testing = true;
		else if (str_eq(item, STR("s")))
			key->is_for_domain_only = true;
	}
}

static bool
say_why(const char **why_out, const char *why)
{
	*why_out = why;
	return false;
}

bool
dkim_public_read(struct str record, struct arena *arena, struct dkim_public *key_out, const char **why_out)
{
	struct dkim_public key = { .bits = 0 };
	struct dkim_tags tags;
	struct str value;

	*key_out = key;
	if (record.len > DKIM_PUBLIC_RECORD_MAX_BYTES)
		return say_why(why_out, "key record too large");
	if (!dkim_tags_read(record, &tags, why_out))
		return say_why(why_out, "key record malformed");
	if (dkim_tags_find(&tags, STR("v"), &value) && !str_eq(value, STR("DKIM1")))
		return say_why(why_out, "key of an unknown version");
	if (!dkim_tags_find(&tags, STR("k"), &value) || str_eq_nocase(value, STR("rsa")))
		key.type = DKIM_PUBLIC_RSA;
	else if (str_eq_nocase(value, STR("ed25519")))
		key.type = DKIM_PUBLIC_ED25519;
	else
		return say_why(why_out, "key of an unknown type");
	key.is_for_email = tag_allows(&tags, STR("s"), STR("*"), STR("email"));
	key.is_for_sha256 = tag_allows(&tags, STR("h"), STR("sha256"), STR("sha256"));
	read_flags(&tags, &key);
	if (!dkim_tags_find(&tags, STR("p"), &value))
		return say_why(why_out, "key record without a key");
	key.is_revoked = value.len == 0;
	if (!key.is_revoked && !read_bytes(value, arena, &key))
		return say_why(why_out, "key malformed");
	*key_out = key;
	return true;
}

bool
dkim_public_is_record(struct str record)
{
	struct dkim_tags tags;
	const char *why;
	struct str value;

	if (record.len <= DKIM_PUBLIC_RECORD_MAX_BYTES && dkim_tags_read(record, &tags, &why) &&
	    dkim_tags_find(&tags, STR("p"), &value))
		return true;
	return str_starts_nocase(record, STR("v=DKIM1"));
}
