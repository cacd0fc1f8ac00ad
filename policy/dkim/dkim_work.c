/*
 * dkim_work.c - how long the signatures of a header take to be checked
 */
#include "policy/dkim/dkim_work.h"

enum {					/* of work on a header, on a processor of 2023 */
	BYTES_PER_US = 300,
	FIELDS_PER_US = 250,
	RSA_US = 10,			/* and with a key that is kept, of 2048 bits and 65537, 20; of 4096 bits and 64 of the exponent 280 */
	RSA_BITS_PER_US = 17 * 2048 * 2048 / 20,
	ED25519_US = 110,
};

static uint64_t
key_work_us(const struct dkim_public *key)
{
	uint64_t bits = (uint64_t)key->bits;

	switch (key->type) {
	case DKIM_PUBLIC_RSA:
		return RSA_US + bits * bits * (uint64_t)key->exponent_bits / RSA_BITS_PER_US;
	case DKIM_PUBLIC_ED25519:
		return ED25519_US;
	}
	return 0;
}

uint64_t
dkim_work_us(const struct dkim_signature *signatures, int n_signatures, const struct header_section *header)
{
	uint64_t n_header_bytes = 0, n_fields = 0, n_us = 0;

	for (int i = 0; i < n_signatures; i++) {
		const struct dkim_field *field = &signatures[i].field;

		if (!field->is_well_formed)
			continue;
		n_header_bytes += header->header_bytes;
		n_fields += (uint64_t)field->n_names * (uint64_t)header->n_fields;
		if (!field->is_refused)
			n_us += key_work_us(&signatures[i].key);
	}
	return n_header_bytes / BYTES_PER_US + n_fields / FIELDS_PER_US + n_us;
}
