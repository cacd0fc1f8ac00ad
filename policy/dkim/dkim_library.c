/*
 * dkim_library.c - libopendkim for one mail: what its signatures sign of header and body, canonicalized and hashed
 *
 * Its hashes are told when the body has come to its end.  What is signed of the header is needed before that, so the header has
 * a handle of its own, with an empty body; and the body's, which may wait long for its client, does not keep the header.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <dkim.h>

#include "base/arena.h"
#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_field.h"
#include "policy/dkim/dkim_library.h"

enum { FIELDS_ARENA_BYTES = 64 * 1024 };	/* copies of fields that the library wants otherwise; what an arena takes for itself */

struct dkim_library {
	DKIM_LIB	*lib;
};

struct handle {				/* of the library, and what it calls needs of it */
	DKIM			*dkim;
	const struct dkim_candidate *candidates;	/* of the header; NULL: the signatures of a body are all open */
	DKIM_SIGINFO		*infos[DKIM_CANDIDATES_MAX];	/* the library's, of its signatures */
	int			 n_infos;
	bool			 is_paired;		/* infos are set */
	int64_t			 n_bytes;		/* the library's, for this mail */
};

struct dkim_body_hashes {
	struct handle		 handle;
	uint8_t			 hashes[DKIM_BODY_FORMS_MAX][DKIM_HASH_BYTES];	/* at the end */
	bool			 is_short[DKIM_BODY_FORMS_MAX];
};

/* --- what the library calls --- */

/* Its signatures are ours, in order; those of which no hash is wanted are dropped before it starts. */
static DKIM_CBSTAT
pair(DKIM *dkim, DKIM_SIGINFO **infos, int n_infos)
{
	struct handle *h = dkim_get_user_context(dkim);

	if (n_infos != h->n_infos)
		return DKIM_CBSTAT_ERROR;
	for (int i = 0; i < n_infos; i++) {
		h->infos[i] = infos[i];
		if (h->candidates != NULL && !h->candidates[i].is_open)
			dkim_sig_ignore(infos[i]);
	}
	h->is_paired = true;
	return DKIM_CBSTAT_CONTINUE;
}

/* Never the library's own look-up, which blocks; and it need not verify. */
static DKIM_CBSTAT
give_no_key(DKIM *dkim, DKIM_SIGINFO *info, unsigned char *room, size_t room_bytes)
{
	(void)dkim, (void)info, (void)room, (void)room_bytes;
	return DKIM_CBSTAT_NOTFOUND;
}

/* Its memory for a mail is counted; what it takes for itself has no handle. */
static void *
take_memory(void *closure, size_t n_bytes)
{
	struct handle *h = closure;
	void *memory = malloc(n_bytes);

	if (h != NULL && memory != NULL)
		h->n_bytes += (int64_t)malloc_usable_size(memory);
	return memory;
}

static void
give_memory_back(void *closure, void *memory)
{
	struct handle *h = closure;

	if (h != NULL)
		h->n_bytes -= (int64_t)malloc_usable_size(memory);
	free(memory);
}

/* --- once --- */

static bool
set_up(DKIM_LIB *lib)
{
	unsigned int flags = DKIM_LIBFLAGS_BADSIGHANDLES;	/* so that each field has its signature, and From may be odd */
	uint64_t drift_s = DKIM_LIBRARY_DRIFT_S;

	return dkim_libfeature(lib, DKIM_FEATURE_SHA256) && dkim_libfeature(lib, DKIM_FEATURE_ED25519) &&
	    dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) == DKIM_STAT_OK &&
	    dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift_s, sizeof(drift_s)) == DKIM_STAT_OK &&
	    dkim_set_key_lookup(lib, give_no_key) == DKIM_STAT_OK && dkim_set_prescreen(lib, pair) == DKIM_STAT_OK;
}

struct dkim_library *
dkim_library_new(void)
{
	struct dkim_library *library;
	DKIM_LIB *lib;

	if (dkim_libversion() < OPENDKIM_LIB_VERSION)
		return NULL;
	lib = dkim_init(take_memory, give_memory_back);
	if (lib == NULL)
		return NULL;
	if (!set_up(lib)) {
		dkim_close(lib);
		return NULL;
	}
	library = mem_new(sizeof(*library));
	library->lib = lib;
	return library;
}

void
dkim_library_free(struct dkim_library *library)
{
	if (library == NULL)
		return;
	dkim_close(library->lib);
	mem_free(library);
}

/* --- a handle --- */

static bool
begin(struct handle *h, struct dkim_library *library, int n_infos, const char **why_out)
{
	DKIM_STAT status;

	insist(n_infos > 0 && n_infos <= DKIM_CANDIDATES_MAX);
	*why_out = "no memory";
	h->n_infos = n_infos;
	h->dkim = dkim_verify(library->lib, (const unsigned char *)"", h, &status);
	return h->dkim != NULL && dkim_set_user_context(h->dkim, h) == DKIM_STAT_OK;
}

static void
end(struct handle *h)
{
	if (h->dkim != NULL)
		dkim_free(h->dkim);
	h->dkim = NULL;
}

static bool
give_text(struct handle *h, struct str text)
{
	return dkim_header(h->dkim, (unsigned char *)(uintptr_t)text.at, text.len) == DKIM_STAT_OK;	/* copies */
}

static bool
end_header(struct handle *h)
{
	return dkim_eoh(h->dkim) == DKIM_STAT_OK && h->is_paired;
}

/* It says that it has no key of the first signature, or that one is no good; each is asked below. */
static bool
end_body(struct handle *h, const char **why_out)
{
	DKIM_STAT status = dkim_eom(h->dkim, NULL);

	*why_out = dkim_getresultstr(status);
	return status == DKIM_STAT_NOKEY || status == DKIM_STAT_CANTVRFY;
}

/* Behind the end of the body.  Of a signature that it does not understand it has no hashes, and may not be asked. */
static bool
take_hashes(const struct handle *h, int i, const void **header_out, const void **body_out, const char **why_out)
{
	DKIM_SIGERROR error = dkim_sig_geterror(h->infos[i]);
	void *header, *body;
	size_t n_header, n_body;

	*why_out = dkim_sig_geterrorstr(error);
	if (error != DKIM_SIGERROR_NOKEY && error != DKIM_SIGERROR_TOOLARGE_L)
		return false;
	if (dkim_sig_gethashes(h->infos[i], &header, &n_header, &body, &n_body) != DKIM_STAT_OK || n_header != DKIM_HASH_BYTES ||
	    n_body != DKIM_HASH_BYTES)
		return false;
	*header_out = header;
	*body_out = body;
	return true;
}

/* --- the header --- */

/*
 * As the library wants it: lines of the folding end in CR LF, the last one does not end, and no tab stands before the
 * colon (RFC 5322 4.5), for which it would take no header at all; a relaxed signature is right for blanks.  False at the arena's limit.
 */
static bool
field_text(struct str whole, struct arena *arena, struct str *text_out)
{
	size_t n = 0, n_bare = 0, colon = (size_t)str_find(whole, ':');
	char *room;

	while (whole.len > 0 && (whole.at[whole.len - 1] == '\n' || whole.at[whole.len - 1] == '\r'))
		whole.len--;
	for (size_t i = 0; i < whole.len; i++)
		n_bare += whole.at[i] == '\n' && (i == 0 || whole.at[i - 1] != '\r');
	*text_out = whole;
	if (n_bare == 0 && str_find(str_sub(whole, 0, colon), '\t') < 0)
		return true;
	room = arena_alloc(arena, whole.len + n_bare);
	if (room == NULL)
		return false;
	for (size_t i = 0; i < whole.len; i++) {
		if (whole.at[i] == '\n' && (i == 0 || whole.at[i - 1] != '\r'))
			room[n++] = '\r';
		room[n++] = whole.at[i] == '\t' && i < colon ? ' ' : whole.at[i];
	}
	*text_out = str_n(room, n);
	return true;
}

static bool
give_header(struct handle *h, const struct header_section *header, struct arena *arena)
{
	int next = 0;			/* candidate */

	for (int i = 0; i < header->n_fields; i++) {
		const struct header_field *field = &header->fields[i];
		struct str text;

		if (str_eq_nocase(field->name, STR("DKIM-Signature"))) {
			if (next == h->n_infos || h->candidates[next].field != field)
				continue;
			next++;
		} else if (str_find(field->name, ';') >= 0) {
			continue;	/* the library will not have it, and no h= can name it */
		}
		if (!field_text(field->whole, arena, &text) || !give_text(h, text))
			return false;
	}
	insist(next == h->n_infos);
	return end_header(h);
}

bool
dkim_library_hash_header(struct dkim_library *library, const struct header_section *header, struct dkim_candidate *candidates,
    int n_candidates, const char **why_out)
{
	struct handle h = { .candidates = candidates };
	bool done = begin(&h, library, n_candidates, why_out);
	struct arena arena;

	arena_init(&arena, 2 * header->header_bytes + FIELDS_ARENA_BYTES);
	if (done) {
		*why_out = "the library does not take the header";
		done = give_header(&h, header, &arena) && end_body(&h, why_out);
	}
	arena_fini(&arena);
	for (int i = 0; done && i < n_candidates; i++) {
		struct dkim_candidate *c = &candidates[i];
		const void *hash, *body;

		if (!c->is_open || !take_hashes(&h, i, &hash, &body, &c->why_not))
			continue;
		memcpy(c->hash, hash, sizeof(c->hash));
		c->why_not = NULL;
	}
	end(&h);
	return done;
}

/* --- the body --- */

/* Of a signature's only that counts here which says how the body is hashed. */
static bool
give_form(struct handle *h, const struct dkim_body_form *form)
{
	char text[160], limit[32] = "";

	if (form->limit_bytes >= 0)
		(void)snprintf(limit, sizeof(limit), " l=%" PRId64 ";", form->limit_bytes);
	(void)snprintf(text, sizeof(text), "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/%s; d=example.com; s=form; h=from;%s bh=AA==; b=AA==",
	    form->canon == DKIM_RELAXED ? "relaxed" : "simple", limit);
	return give_text(h, str_of(text));
}

struct dkim_body_hashes *
dkim_body_hashes_new(struct dkim_library *library, const struct dkim_body_form *forms, int n_forms, const char **why_out)
{
	struct dkim_body_hashes *hashes = mem_new(sizeof(*hashes));
	bool is_given = true;

	insist(n_forms <= DKIM_BODY_FORMS_MAX);
	if (begin(&hashes->handle, library, n_forms, why_out)) {
		*why_out = "the library does not take the body";
		for (int i = 0; i < n_forms; i++)
			is_given = is_given && give_form(&hashes->handle, &forms[i]);
		if (is_given && give_text(&hashes->handle, STR("From: form@example.com")) && end_header(&hashes->handle))
			return hashes;
	}
	dkim_body_hashes_free(hashes);
	return NULL;
}

void
dkim_body_hashes_free(struct dkim_body_hashes *hashes)
{
	if (hashes == NULL)
		return;
	end(&hashes->handle);
	mem_free(hashes);
}

size_t
dkim_body_hashes_memory_bytes(const struct dkim_body_hashes *hashes)
{
	return hashes != NULL ? sizeof(*hashes) + (size_t)hashes->handle.n_bytes : 0;
}

bool
dkim_body_hashes_take(struct dkim_body_hashes *hashes, struct str chunk, const char **why_out)
{
	*why_out = "the library does not take the body";
	return chunk.len == 0 || dkim_body(hashes->handle.dkim, (unsigned char *)(uintptr_t)chunk.at, chunk.len) == DKIM_STAT_OK;
}

bool
dkim_body_hashes_end(struct dkim_body_hashes *hashes, const char **why_out)
{
	if (!end_body(&hashes->handle, why_out))
		return false;
	for (int i = 0; i < hashes->handle.n_infos; i++) {
		const void *header, *body;

		if (!take_hashes(&hashes->handle, i, &header, &body, why_out))
			return false;
		memcpy(hashes->hashes[i], body, DKIM_HASH_BYTES);
		hashes->is_short[i] = dkim_sig_geterror(hashes->handle.infos[i]) == DKIM_SIGERROR_TOOLARGE_L;
	}
	return true;
}

const uint8_t *
dkim_body_hashes_get(const struct dkim_body_hashes *hashes, int i)
{
	return hashes->is_short[i] ? NULL : hashes->hashes[i];
}
