/*
 * dkim_library.c - libopendkim for one mail: what its signatures sign of the header, canonicalized and hashed
 *
 * It tells the hashes when the body has come to its end, so it gets an empty one.
 */
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
	const struct dkim_candidate *candidates;
	int			 n_candidates;
	DKIM_SIGINFO		*infos[DKIM_CANDIDATES_MAX];	/* of the candidates, the library's */
	bool			 is_paired;		/* infos are set */
};

/* --- what the library calls --- */

/* Its signatures are the candidates, in order; those of which no hash is wanted are dropped before it starts. */
static DKIM_CBSTAT
pair(DKIM *dkim, DKIM_SIGINFO **infos, int n_infos)
{
	struct handle *h = dkim_get_user_context(dkim);

	if (n_infos != h->n_candidates)
		return DKIM_CBSTAT_ERROR;
	for (int i = 0; i < n_infos; i++) {
		h->infos[i] = infos[i];
		if (!h->candidates[i].is_open)
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
	lib = dkim_init(NULL, NULL);
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
give_text(struct handle *h, struct str text)
{
	return dkim_header(h->dkim, (unsigned char *)(uintptr_t)text.at, text.len) == DKIM_STAT_OK;	/* copies */
}

static bool
give_header(struct handle *h, const struct header_section *header, struct arena *arena)
{
	int next = 0;			/* candidate */

	for (int i = 0; i < header->n_fields; i++) {
		const struct header_field *field = &header->fields[i];
		struct str text;

		if (str_eq_nocase(field->name, STR("DKIM-Signature"))) {
			if (next == h->n_candidates || h->candidates[next].field != field)
				continue;
			next++;
		} else if (str_find(field->name, ';') >= 0) {
			continue;	/* the library will not have it, and no h= can name it */
		}
		if (!field_text(field->whole, arena, &text) || !give_text(h, text))
			return false;
	}
	insist(next == h->n_candidates);
	return dkim_eoh(h->dkim) == DKIM_STAT_OK && h->is_paired;
}

/* The body is empty, so that one with l= is too short. */
static bool
end_body(struct handle *h, const char **why_out)
{
	DKIM_STAT status = dkim_eom(h->dkim, NULL);

	*why_out = dkim_getresultstr(status);
	return status == DKIM_STAT_NOKEY || status == DKIM_STAT_CANTVRFY;
}

/* Of a signature that the library does not understand it has no hash, and may not be asked. */
static void
take_hash(const struct handle *h, int i, struct dkim_candidate *candidate)
{
	DKIM_SIGERROR error = dkim_sig_geterror(h->infos[i]);
	const char *why = dkim_sig_geterrorstr(error);
	size_t n_header, n_body;
	void *header, *body;

	candidate->why_not = why != NULL ? why : "an error without a name";
	if (error != DKIM_SIGERROR_NOKEY && error != DKIM_SIGERROR_TOOLARGE_L)
		return;
	if (dkim_sig_gethashes(h->infos[i], &header, &n_header, &body, &n_body) != DKIM_STAT_OK || n_header != sizeof(candidate->hash))
		return;
	memcpy(candidate->hash, header, sizeof(candidate->hash));
	candidate->why_not = NULL;
}

bool
dkim_library_hash_header(struct dkim_library *library, const struct header_section *header, struct dkim_candidate *candidates,
    int n_candidates, const char **why_out)
{
	struct handle h = { .candidates = candidates, .n_candidates = n_candidates };
	struct arena arena;
	DKIM_STAT status;
	bool done;

	insist(n_candidates > 0 && n_candidates <= DKIM_CANDIDATES_MAX);
	*why_out = "no memory";
	h.dkim = dkim_verify(library->lib, (const unsigned char *)"", NULL, &status);
	if (h.dkim == NULL)
		return false;
	arena_init(&arena, 2 * header->header_bytes + FIELDS_ARENA_BYTES);
	*why_out = "the library does not take the header";
	done = dkim_set_user_context(h.dkim, &h) == DKIM_STAT_OK && give_header(&h, header, &arena) && end_body(&h, why_out);
	for (int i = 0; done && i < n_candidates; i++) {
		if (candidates[i].is_open)
			take_hash(&h, i, &candidates[i]);
	}
	dkim_free(h.dkim);
	arena_fini(&arena);
	return done;
}
