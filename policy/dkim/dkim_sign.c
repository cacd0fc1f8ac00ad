/*
 * dkim_sign.c - signs a mail by DKIM: hashes in passing, then the private-key operation, then the fields
 *
 * Both signatures of a mail share its two hashes, of the body and of the signed fields; each adds its own field to a
 * copy of the latter (RFC 6376 3.7).
 */
#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_sign.h"
#include "policy/dkim/dkim_signature.h"

enum stage {
	STAGE_BODY,			/* the body comes */
	STAGE_READY,
	STAGE_SIGNED,
};

struct signature {
	struct buf	 field;		/* up to "b=" */
	uint8_t		 hash[DKIM_HASH_BYTES];
	uint8_t		 bytes[DKIM_SIGNATURE_MAX_BYTES];
	size_t		 n_bytes;
};

struct dkim_signing {
	const struct dkim_signer *signer;
	enum stage		 stage;
	int64_t			 now_s;
	EVP_MD_CTX		*fields_hash, *body_hash;
	struct dkim_canon_body	 body;
	uint8_t			 times[DKIM_SIGNER_NAMES_MAX];	/* in h=, for each of the signer's names */
	struct signature	 signatures[DKIM_SELECTORS_MAX];
};

static void
hash_more(void *context, struct str bytes)
{
	insist(EVP_DigestUpdate(context, bytes.at, bytes.len) == 1);
}

static EVP_MD_CTX *
hash_begin(const struct dkim_signer *signer)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	insist(hash != NULL && EVP_DigestInit_ex2(hash, signer->sha256, NULL) == 1);
	return hash;
}

/* --- the header section --- */

static void
hash_fields(struct dkim_signing *signing, const struct header_section *header)
{
	const struct dkim_signer *signer = signing->signer;

	for (int i = 0; i < signer->n_names; i++) {
		int at = header->n_fields;

		for (int k = 0; k < signing->times[i] && at >= 0; k++) {
			at = dkim_canon_field_before(header, signer->names[i].name, at);
			if (at >= 0)
				dkim_canon_field(signer->header_canon, header->fields[at].whole, true,
				    (struct dkim_sink){ hash_more, signing->fields_hash });
		}
	}
}

struct dkim_signing *
dkim_signing_new(const struct dkim_signer *signer, const struct header_section *header, struct timestamp now,
    struct fault *fault_out)
{
	struct dkim_signing *signing = mem_new(sizeof(*signing));

	signing->signer = signer;
	signing->now_s = now.us / 1000000;
	for (int i = 0; i < DKIM_SELECTORS_MAX; i++)
		buf_init(&signing->signatures[i].field, DKIM_FIELD_MAX_BYTES);
	if (dkim_signer_count_names(signer, header, signing->times, fault_out) != 0) {
		dkim_signing_free(signing);
		return NULL;
	}
	signing->fields_hash = hash_begin(signer);
	signing->body_hash = hash_begin(signer);
	hash_fields(signing, header);
	dkim_canon_body_begin(&signing->body, signer->body_canon, (struct dkim_sink){ hash_more, signing->body_hash });
	return signing;
}

void
dkim_signing_free(struct dkim_signing *signing)
{
	if (signing == NULL)
		return;
	EVP_MD_CTX_free(signing->fields_hash);
	EVP_MD_CTX_free(signing->body_hash);
	for (int i = 0; i < DKIM_SELECTORS_MAX; i++)
		buf_fini(&signing->signatures[i].field);
	mem_free(signing);
}

/* --- the body, and what follows --- */

void
dkim_signing_body(struct dkim_signing *signing, struct str piece)
{
	insist(signing->stage == STAGE_BODY);
	dkim_canon_body_add(&signing->body, piece);
}

static void
make_ready(struct dkim_signing *signing, int i, struct str body_hash)
{
	struct signature *signature = &signing->signatures[i];
	struct dkim_signature_values values = {
		.selector = &signing->signer->selectors[i], .body_hash = body_hash, .times = signing->times, .now_s = signing->now_s,
	};
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	dkim_signature_unsigned(signing->signer, &values, &signature->field);
	insist(hash != NULL && EVP_MD_CTX_copy_ex(hash, signing->fields_hash) == 1);
	dkim_canon_field(signing->signer->header_canon, buf_str(&signature->field), false, (struct dkim_sink){ hash_more, hash });
	insist(EVP_DigestFinal_ex(hash, signature->hash, NULL) == 1);
	EVP_MD_CTX_free(hash);
}

void
dkim_signing_ready(struct dkim_signing *signing)
{
	uint8_t body_hash[DKIM_HASH_BYTES];

	insist(signing->stage == STAGE_BODY);
	dkim_canon_body_end(&signing->body);
	insist(EVP_DigestFinal_ex(signing->body_hash, body_hash, NULL) == 1);
	for (int i = 0; i < signing->signer->n_selectors; i++)
		make_ready(signing, i, str_n(body_hash, sizeof(body_hash)));
	signing->stage = STAGE_READY;
}

int
dkim_signing_sign(struct dkim_signing *signing, struct fault *fault_out)
{
	insist(signing->stage == STAGE_READY);
	for (int i = 0; i < signing->signer->n_selectors; i++) {
		struct signature *signature = &signing->signatures[i];

		if (dkim_key_sign(signing->signer->selectors[i].key, signature->hash, signature->bytes, &signature->n_bytes, fault_out) != 0)
			return -1;
	}
	signing->stage = STAGE_SIGNED;
	return 0;
}

int
dkim_signing_fields(const struct dkim_signing *signing, struct buf *out)
{
	size_t before = out->len;

	insist(signing->stage == STAGE_SIGNED);
	for (int i = 0; i < signing->signer->n_selectors; i++) {
		const struct signature *signature = &signing->signatures[i];
		struct buf value;
		bool has_room;

		buf_init(&value, DKIM_FIELD_MAX_BYTES);
		dkim_signature_value(str_n(signature->bytes, signature->n_bytes), &value);
		has_room = buf_append(out, buf_str(&signature->field)) == 0 && buf_append(out, buf_str(&value)) == 0;
		buf_fini(&value);
		if (!has_room) {
			out->len = before;
			return -1;
		}
	}
	return 0;
}
