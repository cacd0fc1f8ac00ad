/*
 * dkim_library.c - libopendkim for one mail: header and body in, an opinion on each signature out
 */
#include <malloc.h>
#include <stdlib.h>

#include <dkim.h>

#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_field.h"
#include "policy/dkim/dkim_library.h"

struct dkim_library {
	DKIM_LIB	*lib;
};

struct dkim_handle {
	DKIM			*dkim;
	const struct dkim_candidate *candidates;	/* the caller's */
	int			 n_candidates;
	DKIM_SIGINFO		**infos;		/* of the candidates, the library's; in the arena */
	bool			 is_paired;		/* infos are set */
	int64_t			 n_bytes;		/* the library's, for this mail */
};

/* --- what the library calls --- */

/* Its signatures are the candidates, in order; those that are not to be checked are dropped before it starts. */
static DKIM_CBSTAT
pair(DKIM *dkim, DKIM_SIGINFO **infos, int n_infos)
{
	struct dkim_handle *h = dkim_get_user_context(dkim);

	if (n_infos != h->n_candidates)
		return DKIM_CBSTAT_ERROR;
	for (int i = 0; i < n_infos; i++) {
		h->infos[i] = infos[i];
		if (h->candidates[i].record.len == 0)
			dkim_sig_ignore(infos[i]);
	}
	h->is_paired = true;
	return DKIM_CBSTAT_CONTINUE;
}

static DKIM_CBSTAT
give_key(DKIM *dkim, DKIM_SIGINFO *info, unsigned char *room, size_t room_bytes)
{
	struct dkim_handle *h = dkim_get_user_context(dkim);

	for (int i = 0; i < h->n_candidates; i++) {
		struct str record = h->candidates[i].record;

		if (h->infos[i] != info || record.len == 0 || record.len >= room_bytes)
			continue;
		memcpy(room, record.at, record.len);
		room[record.len] = '\0';
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_ERROR;	/* never the library's own look-up, which blocks */
}

/* Its memory for a mail is counted; what it takes for itself has no handle. */
static void *
take_memory(void *closure, size_t n_bytes)
{
	struct dkim_handle *h = closure;
	void *memory = malloc(n_bytes);

	if (h != NULL && memory != NULL)
		h->n_bytes += (int64_t)malloc_usable_size(memory);
	return memory;
}

static void
give_memory_back(void *closure, void *memory)
{
	struct dkim_handle *h = closure;

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
	    dkim_set_key_lookup(lib, give_key) == DKIM_STAT_OK && dkim_set_prescreen(lib, pair) == DKIM_STAT_OK;
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
give_text(struct dkim_handle *h, struct str text)
{
	return dkim_header(h->dkim, (unsigned char *)(uintptr_t)text.at, text.len) == DKIM_STAT_OK;	/* copies */
}

static bool
give_header(struct dkim_handle *h, const struct header_section *header, struct arena *arena)
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

struct dkim_handle *
dkim_handle_new(struct dkim_library *library, const struct header_section *header, const struct dkim_candidate *candidates,
    int n_candidates, struct arena *arena, const char **why_out)
{
	struct dkim_handle *h = arena_alloc(arena, sizeof(*h));
	DKIM_SIGINFO **infos = arena_array(arena, (size_t)n_candidates, sizeof(infos[0]));
	DKIM_STAT status;

	*why_out = "no memory";
	if (h == NULL || infos == NULL)
		return NULL;
	*h = (struct dkim_handle){ .candidates = candidates, .n_candidates = n_candidates, .infos = infos };
	h->dkim = dkim_verify(library->lib, (const unsigned char *)"", h, &status);
	if (h->dkim == NULL)
		return NULL;
	*why_out = "the library does not take the header";
	if (dkim_set_user_context(h->dkim, h) != DKIM_STAT_OK || !give_header(h, header, arena)) {
		dkim_handle_free(h);
		return NULL;
	}
	return h;
}

void
dkim_handle_free(struct dkim_handle *h)
{
	if (h != NULL)
		dkim_free(h->dkim);
}

size_t
dkim_handle_memory_bytes(const struct dkim_handle *h)
{
	return h->n_bytes > 0 ? (size_t)h->n_bytes : 0;
}

/* --- the body, and what came of it --- */

static bool
header_is_right(const struct dkim_handle *h, int i)
{
	return h->candidates[i].record.len > 0 && (dkim_sig_getflags(h->infos[i]) & DKIM_SIGFLAG_PASSED) != 0;
}

bool
dkim_handle_body(struct dkim_handle *h, struct str chunk, const char **why_out)
{
	*why_out = "the library does not take the body";
	return chunk.len == 0 || dkim_body(h->dkim, (unsigned char *)(uintptr_t)chunk.at, chunk.len) == DKIM_STAT_OK;
}

bool
dkim_handle_end_body(struct dkim_handle *h, const char **why_out)
{
	/* It speaks for the first signature, or for none; each is asked below. */
	DKIM_STAT status = dkim_eom(h->dkim, NULL);

	*why_out = dkim_getresultstr(status);
	return status == DKIM_STAT_OK || status == DKIM_STAT_BADSIG || status == DKIM_STAT_CANTVRFY;
}

enum dkim_opinion
dkim_handle_opinion(const struct dkim_handle *h, int i, const char **why_out)
{
	DKIM_SIGERROR error = dkim_sig_geterror(h->infos[i]);
	int body = dkim_sig_getbh(h->infos[i]);

	*why_out = dkim_sig_geterrorstr(error);
	if (!header_is_right(h, i))
		return error == DKIM_SIGERROR_BADSIG ? DKIM_OPINION_HEADER_WRONG : DKIM_OPINION_NONE;
	if (error == DKIM_SIGERROR_TOOLARGE_L)
		return DKIM_OPINION_BODY_SHORT;
	if (body == DKIM_SIGBH_MISMATCH)
		return DKIM_OPINION_BODY_WRONG;
	return body == DKIM_SIGBH_MATCH && error == DKIM_SIGERROR_OK ? DKIM_OPINION_RIGHT : DKIM_OPINION_NONE;
}
