/*
 * seal.c - a mail made ready to be stored or handed on: forged results go, signatures come
 *
 * Whom a signature may speak for is sign_rules.c's to know; here stands what else keeps a mail from being signed.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/auth_results.h"
#include "mail/author.h"
#include "policy/seal.h"

enum {
	/* For one field of results: some times its length.  A longer one is taken for ours, and honest ones have 1 KB. */
	RESULTS_ARENA_MAX_BYTES = 512 * 1024,
	/* For the authors: some times AUTHOR_FIELD_MAX_BYTES. */
	AUTHORS_ARENA_MAX_BYTES = 512 * 1024,
};

static bool
tells_class(const struct policy *policy, const struct header_field *field)
{
	const char *name = policy_class_field(policy);

	return name != NULL && str_eq_nocase(field->name, str_of(name));
}

bool
seal_edits(const struct policy *policy, const struct header_section *header, struct arena *arena, struct edits *edits_out)
{
	struct str authserv_id = str_of(policy_verify_rules(policy)->authserv_id);
	struct arena scratch;
	bool has_room = true;

	*edits_out = (struct edits){ .n_removed = 0 };
	arena_init(&scratch, RESULTS_ARENA_MAX_BYTES);
	for (int i = 0; i < header->n_fields && has_room; i++) {
		const char *why;

		if (tells_class(policy, &header->fields[i]) ||
		    auth_results_is_ours(&header->fields[i], authserv_id, &scratch, &why))
			has_room = edits_remove(edits_out, header, i, arena);
		arena_fini(&scratch);
	}
	return has_room;
}

void
seal_changes(const struct policy *policy, const struct header_section *header, const struct edits *edits, bool is_signed,
    struct field_changes *changes_out)
{
	*changes_out = (struct field_changes){ .n = 0 };
	field_changes_add(changes_out, header, edits, STR("Received"));
	field_changes_add(changes_out, header, edits, STR("Authentication-Results"));
	if (policy_verify_rules(policy)->with_received_spf)
		field_changes_add(changes_out, header, edits, STR("Received-SPF"));
	if (policy_class_field(policy) != NULL)
		field_changes_add(changes_out, header, edits, str_of(policy_class_field(policy)));
	if (is_signed)
		field_changes_add(changes_out, header, edits, STR("DKIM-Signature"));
}

struct seal {
	const char		*reason;
	const struct dkim_signer *signer;	/* the policy's; NULL: it does nothing */
	struct dkim_signing	*signing;
	const struct arc_sealer	*sealer;	/* the policy's; with a sealing */
	struct arc_sealing	*sealing;	/* NULL: no set of ARC is added */
	enum arc_status		 cv;		/* what the set says: by seal_found */
	struct buf		 results;
	struct fault		 why_unsealed;	/* its text is empty: it is, or nobody wants that */
};

/*
 * More authors than were read are authors of whom nobody knows whether a rule is for them.  With several From fields readers
 * show one or another (RFC 5322 3.6 has one).
 */
static void
choose_signer(const struct seal_inputs *inputs, struct sign_choice *choice_out)
{
	struct authors authors;
	struct arena arena;

	arena_init(&arena, AUTHORS_ARENA_MAX_BYTES);
	if (author_read(inputs->header, &arena, &authors) != 0 || authors.has_more)
		*choice_out = (struct sign_choice){ NULL, "many-authors" };
	else if (authors.n_fields > 1)
		*choice_out = (struct sign_choice){ NULL, "several-from" };
	else
		sign_rules_choose(policy_sign_rules(inputs->policy), inputs->source, inputs->sign_as, authors.domains, authors.n_domains, choice_out);
	arena_fini(&arena);
}

static void
begin_signing(struct seal *seal, const struct dkim_signer *signer, const struct seal_inputs *inputs)
{
	seal->signing = dkim_signing_new(signer, inputs->header, inputs->now, NULL);
	if (seal->signing != NULL)
		seal->signer = signer;
	else
		seal->reason = "many-fields";	/* there is one From: what else it refuses is too much */
}

static void
begin_sealing(struct seal *seal, const struct seal_inputs *inputs)
{
	int n_signatures = seal->signer != NULL ? dkim_signer_n_signatures(seal->signer) : 0;

	seal->sealer = policy_arc_sealer(inputs->policy);
	if (seal->sealer == NULL || !inputs->is_checked)
		return;
	seal->sealing = arc_sealing_new(seal->sealer, inputs->header, n_signatures, inputs->now, &seal->why_unsealed);
}

struct seal *
seal_new(const struct seal_inputs *inputs)
{
	struct seal *seal = mem_new(sizeof(*seal));
	struct sign_choice choice = { NULL, "outside" };

	if (inputs->source != SIGN_SOURCE_OUTSIDE)
		choose_signer(inputs, &choice);
	seal->reason = choice.reason;
	buf_init(&seal->results, ARC_RESULTS_MAX_BYTES);
	if (choice.signer != NULL)
		begin_signing(seal, choice.signer, inputs);
	begin_sealing(seal, inputs);
	return seal;
}

void
seal_free(struct seal *seal)
{
	if (seal == NULL)
		return;
	dkim_signing_free(seal->signing);
	arc_sealing_free(seal->sealing);
	buf_fini(&seal->results);
	mem_free(seal);
}

bool
seal_is_signing(const struct seal *seal)
{
	return seal->signing != NULL;
}

bool
seal_is_sealing(const struct seal *seal)
{
	return seal->sealing != NULL;
}

const char *
seal_reason(const struct seal *seal)
{
	return seal->reason;
}

struct str
seal_signer(const struct seal *seal)
{
	return seal->signer != NULL ? dkim_signer_text(seal->signer) : STR_EMPTY;
}

const char *
seal_unsealed_reason(const struct seal *seal)
{
	return seal->why_unsealed.text;
}

struct str
seal_sealer(const struct seal *seal)
{
	return seal->sealing != NULL ? arc_sealer_text(seal->sealer) : STR_EMPTY;
}

int
seal_instance(const struct seal *seal)
{
	return seal->sealing != NULL ? arc_sealing_instance(seal->sealing) : 0;
}

size_t
seal_memory_bytes(const struct seal *seal)
{
	return sizeof(*seal) + (seal->sealing != NULL ? arc_sealing_memory_bytes(seal->sealing) : 0);
}

void
seal_body(struct seal *seal, struct str piece)
{
	if (seal->sealing != NULL)
		arc_sealing_body(seal->sealing, piece);
	if (seal->signing != NULL)
		dkim_signing_body(seal->signing, piece);
}

void
seal_found(struct seal *seal, const struct arc_result *arc, struct str results)
{
	if (seal->sealing == NULL)
		return;
	if (!arc->is_temporary) {
		seal->cv = arc->status;
		insist(buf_append(&seal->results, results) == 0);
		return;
	}
	fault_temporary(&seal->why_unsealed, "the chain could not be checked");
	arc_sealing_free(seal->sealing);
	seal->sealing = NULL;
}

void
seal_ready(struct seal *seal)
{
	if (seal->signing != NULL)
		dkim_signing_ready(seal->signing);
}

int
seal_sign(struct seal *seal, struct fault *fault_out)
{
	struct buf signatures;

	if (seal->signing != NULL && dkim_signing_sign(seal->signing, fault_out) != 0)
		return -1;
	if (seal->sealing == NULL)
		return 0;
	/* The set is over our signature too. */
	buf_init(&signatures, DKIM_FIELDS_MAX_BYTES);
	insist(seal->signing == NULL || dkim_signing_fields(seal->signing, &signatures) == 0);
	arc_sealing_ready(seal->sealing, seal->cv, buf_str(&seal->results), buf_str(&signatures));
	buf_fini(&signatures);
	return arc_sealing_sign(seal->sealing, fault_out);
}

int
seal_fields(const struct seal *seal, struct buf *out)
{
	if (seal->sealing != NULL && arc_sealing_fields(seal->sealing, out) != 0)
		return -1;
	return seal->signing != NULL ? dkim_signing_fields(seal->signing, out) : 0;
}
