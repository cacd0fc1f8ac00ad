/*
 * dkim_body.c - the body of a mail under verification: can it be checked, and what are the hashes of it that signatures want?
 */
#include <openssl/evp.h>

#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_body.h"

enum {
	CANONS = 2,
	HASH_MEMORY_BYTES = 512,	/* what OpenSSL takes for one */
};

struct form_hash {
	struct dkim_body_form	 form;
	EVP_MD_CTX		*context;
	int64_t			 n_bytes;		/* hashed so far */
	uint8_t			 bytes[DKIM_HASH_BYTES];	/* at the end */
};

struct canonical {
	struct dkim_body	*body;
	bool			 is_wanted;
	struct dkim_canon_body	 state;
};

struct dkim_body {
	struct form_hash	 hashes[DKIM_BODY_FORMS_MAX];
	int			 n_hashes;
	struct canonical	 canonicals[CANONS];	/* by enum dkim_canon */
	size_t			 line_bytes;		/* of the line at hand */
	bool			 has_cr;		/* the last byte was one */
};

static const char bare[] = "a bare CR or LF in the body";

/* --- hashes --- */

static void
hash_more(void *context, struct str bytes)
{
	const struct canonical *canonical = context;
	struct dkim_body *body = canonical->body;

	for (int i = 0; i < body->n_hashes; i++) {
		struct form_hash *hash = &body->hashes[i];
		struct str part = bytes;

		if (hash->form.canon != canonical->state.canon)
			continue;
		if (hash->form.limit_bytes >= 0)
			part = str_sub(bytes, 0, (size_t)(hash->form.limit_bytes - hash->n_bytes));
		hash->n_bytes += (int64_t)part.len;
		insist(EVP_DigestUpdate(hash->context, part.at, part.len) == 1);
	}
}

static void
canonicalize(struct dkim_body *body, struct str bytes)
{
	for (int i = 0; i < CANONS; i++) {
		if (body->canonicals[i].is_wanted)
			dkim_canon_body_add(&body->canonicals[i].state, bytes);
	}
}

struct dkim_body *
dkim_body_new(const EVP_MD *sha256, const struct dkim_body_form *forms, int n_forms)
{
	struct dkim_body *body = mem_new(sizeof(*body));

	insist(n_forms > 0 && n_forms <= DKIM_BODY_FORMS_MAX);
	body->n_hashes = n_forms;
	for (int i = 0; i < n_forms; i++) {
		struct form_hash *hash = &body->hashes[i];
		struct canonical *canonical = &body->canonicals[forms[i].canon];

		hash->form = forms[i];
		hash->context = EVP_MD_CTX_new();
		insist(hash->context != NULL && EVP_DigestInit_ex2(hash->context, sha256, NULL) == 1);
		canonical->body = body;
		canonical->is_wanted = true;
		dkim_canon_body_begin(&canonical->state, forms[i].canon, (struct dkim_sink){ hash_more, canonical });
	}
	return body;
}

void
dkim_body_free(struct dkim_body *body)
{
	if (body == NULL)
		return;
	for (int i = 0; i < body->n_hashes; i++)
		EVP_MD_CTX_free(body->hashes[i].context);
	mem_free(body);
}

size_t
dkim_body_memory_bytes(const struct dkim_body *body)
{
	return body != NULL ? sizeof(*body) + (size_t)body->n_hashes * HASH_MEMORY_BYTES : 0;
}

/* --- lines --- */

/* Of one line, without its end. */
static const char *
why_bad(struct dkim_body *body, struct str text)
{
	ptrdiff_t lf = str_find(text, '\n');

	body->line_bytes += lf >= 0 ? (size_t)lf : text.len;
	if (body->line_bytes > DKIM_LINE_MAX_BYTES)
		return "a line of the body is too long";
	return lf >= 0 ? bare : NULL;
}

static const char *
look_at_lines(struct dkim_body *body, struct str chunk)
{
	const char *why = NULL;

	while (chunk.len > 0 && why == NULL) {
		ptrdiff_t cr = str_find(chunk, '\r');
		size_t n = cr >= 0 ? (size_t)cr : chunk.len;

		if (body->has_cr) {
			why = chunk.at[0] != '\n' ? bare : NULL;
			body->has_cr = false;
			body->line_bytes = 0;
			chunk = str_from(chunk, 1);
		} else {
			why = why_bad(body, str_sub(chunk, 0, n));
			body->has_cr = cr >= 0;
			chunk = str_from(chunk, n + body->has_cr);
		}
	}
	return why;
}

const char *
dkim_body_take(struct dkim_body *body, struct str chunk)
{
	const char *why = look_at_lines(body, chunk);

	if (why == NULL)
		canonicalize(body, chunk);
	return why;
}

/* --- the end --- */

void
dkim_body_end(struct dkim_body *body)
{
	if (body->has_cr)
		canonicalize(body, STR("\n"));
	else if (body->line_bytes > 0)
		canonicalize(body, STR("\r\n"));
	for (int i = 0; i < CANONS; i++) {
		if (body->canonicals[i].is_wanted)
			dkim_canon_body_end(&body->canonicals[i].state);
	}
	for (int i = 0; i < body->n_hashes; i++)
		insist(EVP_DigestFinal_ex(body->hashes[i].context, body->hashes[i].bytes, NULL) == 1);
}

const uint8_t *
dkim_body_hash(const struct dkim_body *body, int i)
{
	return dkim_body_bytes(body, i) < body->hashes[i].form.limit_bytes ? NULL : body->hashes[i].bytes;
}

int64_t
dkim_body_bytes(const struct dkim_body *body, int i)
{
	return body->canonicals[body->hashes[i].form.canon].state.n_bytes;
}
