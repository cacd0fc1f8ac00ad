/*
 * mail_id.c - the name of a mail from its first log line to its last
 *
 * The text is the bytes as one number in base 62, digits in the order of ASCII, so that texts
 * sort as numbers do.
 */
#include "mail/mail_id.h"

enum {
	N_LIMBS = 3,
	BASE = 62,
	TIME_BYTES = 7,
	GROUP_DIGITS = 5,		/* as many as fit a limb: 62^5 < 2^32 */
	GROUP = BASE * BASE * BASE * BASE * BASE,
};

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct mail_id
mail_id_make(struct timestamp now, const uint8_t random[MAIL_ID_RANDOM_BYTES])
{
	uint64_t us = now.us > 0 ? (uint64_t)now.us : 0;
	struct mail_id id;

	for (int i = 0; i < TIME_BYTES; i++)
		id.bytes[i] = (uint8_t)(us >> 8 * (TIME_BYTES - 1 - i));
	memcpy(id.bytes + TIME_BYTES, random, MAIL_ID_RANDOM_BYTES);
	return id;
}

struct timestamp
mail_id_time(const struct mail_id *id)
{
	int64_t us = 0;

	for (int i = 0; i < TIME_BYTES; i++)
		us = us << 8 | id->bytes[i];
	return (struct timestamp){ us };
}

struct str
mail_id_text(const struct mail_id *id, char room[MAIL_ID_TEXT_MAX])
{
	uint32_t limbs[N_LIMBS];	/* most significant first */

	for (int i = 0; i < N_LIMBS; i++) {
		limbs[i] = (uint32_t)id->bytes[4 * i] << 24 | (uint32_t)id->bytes[4 * i + 1] << 16 |
		    (uint32_t)id->bytes[4 * i + 2] << 8 | id->bytes[4 * i + 3];
	}
	for (int end = MAIL_ID_TEXT_BYTES; end > 0; end -= GROUP_DIGITS) {
		uint64_t rest = 0;

		for (int i = 0; i < N_LIMBS; i++) {
			rest = rest << 32 | limbs[i];
			limbs[i] = (uint32_t)(rest / GROUP);
			rest %= GROUP;
		}
		for (int at = end - 1; at >= 0 && at >= end - GROUP_DIGITS; at--, rest /= BASE)
			room[at] = digits[rest % BASE];
	}
	room[MAIL_ID_TEXT_BYTES] = '\0';
	return str_n(room, MAIL_ID_TEXT_BYTES);
}

bool
mail_id_parse(struct str text, struct mail_id *id_out)
{
	uint32_t limbs[N_LIMBS] = { 0 };

	if (text.len != MAIL_ID_TEXT_BYTES)
		return false;
	for (size_t at = 0; at < text.len; at++) {
		const char *digit = text.at[at] != '\0' ? strchr(digits, text.at[at]) : NULL;
		uint64_t carry;

		if (digit == NULL)
			return false;
		carry = (uint64_t)(digit - digits);
		for (int i = N_LIMBS - 1; i >= 0; i--) {
			carry += (uint64_t)limbs[i] * BASE;
			limbs[i] = (uint32_t)carry;
			carry >>= 32;
		}
		if (carry != 0)		/* beyond 96 bits */
			return false;
	}
	for (int i = 0; i < N_LIMBS; i++) {
		for (int j = 0; j < 4; j++)
			id_out->bytes[4 * i + j] = (uint8_t)(limbs[i] >> 8 * (3 - j));
	}
	return true;
}
