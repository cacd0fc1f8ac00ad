/*
 * arc_set.c - a mail's fields of ARC put together: its sets, and whether they make a chain
 */
#include "policy/arc/arc_set.h"

/* The first trouble stands.  instance 0: it cannot be told. */
static void
blame(struct arc_chain *chain, const char *who, int instance, const char *why, struct arena *arena)
{
	if (chain->trouble.len > 0)
		return;
	if (instance > 0)
		(void)arena_printf(arena, &chain->trouble, "%s i=%d: %s", who, instance, why);
	else
		(void)arena_printf(arena, &chain->trouble, "%s: %s", who, why);
	if (chain->trouble.len == 0)
		chain->trouble = str_of(why);
}

static bool
kind_of(struct str name, enum arc_kind *kind_out)
{
	for (enum arc_kind kind = ARC_RESULTS; kind <= ARC_SEAL; kind++) {
		if (str_eq_nocase(name, str_of(arc_kind_name(kind)))) {
			*kind_out = kind;
			return true;
		}
	}
	return false;
}

static void
place(struct arc_chain *chain, enum arc_kind kind, const struct arc_field *field, struct arena *arena)
{
	struct arc_field *slot;

	/* A signature that cannot be checked fails as one that is wrong, of which only the newest counts (RFC 8617 5.2 step 5). */
	if (field->trouble != NULL && (kind != ARC_MESSAGE || field->instance == 0))
		blame(chain, arc_kind_name(kind), field->instance, field->trouble, arena);
	if (field->instance == 0)
		return;
	slot = &chain->sets[field->instance - 1].fields[kind];
	if (slot->from != NULL) {
		blame(chain, arc_kind_name(kind), field->instance, "stands twice", arena);
		return;
	}
	*slot = *field;
	if (field->instance > chain->n_sets)
		chain->n_sets = field->instance;
}

/* RFC 8617 5.2 step 3: one of each from 1 on; none in the first seal, pass in all others. */
static void
check_structure(struct arc_chain *chain, struct arena *arena)
{
	for (int i = 1; i <= chain->n_sets; i++) {
		const struct arc_set *set = &chain->sets[i - 1];

		for (enum arc_kind kind = ARC_RESULTS; kind <= ARC_SEAL; kind++) {
			if (set->fields[kind].from == NULL)
				blame(chain, arc_kind_name(kind), i, "is missing", arena);
		}
		if (set->fields[ARC_SEAL].from != NULL && set->fields[ARC_SEAL].cv != (i == 1 ? ARC_NONE : ARC_PASS))
			blame(chain, "ARC-Seal", i, i == 1 ? "cv= must be none" : "cv= must be pass", arena);
	}
}

static bool
is_too_large(const struct header_section *header, struct arc_chain *chain)
{
	enum arc_kind kind;

	if (header->header_bytes <= ARC_HEADER_MAX_BYTES && header->n_fields <= ARC_HEADER_FIELDS_MAX)
		return false;
	for (int i = 0; i < header->n_fields && !chain->has_fields; i++)
		chain->has_fields = kind_of(header->fields[i].name, &kind);
	chain->is_closed = true;
	if (chain->has_fields)
		chain->trouble = STR("header too large to be checked");
	return true;
}

bool
arc_chain_read(const struct header_section *header, struct timestamp now, int drift_s, struct arena *arena,
    struct arc_chain *chain)
{
	const struct arc_field *newest;
	struct arc_field field;
	enum arc_kind kind;

	*chain = (struct arc_chain){ .trouble = STR_EMPTY };
	if (is_too_large(header, chain))
		return true;
	for (int i = 0; i < header->n_fields; i++) {
		if (!kind_of(header->fields[i].name, &kind))
			continue;
		if (!chain->has_fields) {
			chain->sets = arena_array(arena, ARC_INSTANCES_MAX, sizeof(chain->sets[0]));
			if (chain->sets == NULL)
				return false;
			chain->has_fields = true;
		}
		if (!arc_field_read(kind, &header->fields[i], now, drift_s, arena, &field))
			return false;
		place(chain, kind, &field, arena);
	}
	if (!chain->has_fields)
		return true;
	newest = chain->n_sets > 0 ? &chain->sets[chain->n_sets - 1].fields[ARC_SEAL] : NULL;
	if (newest != NULL && newest->from != NULL && newest->trouble == NULL && newest->cv == ARC_FAIL) {
		chain->is_closed = true;
		chain->trouble = STR_EMPTY;	/* step 2 is before the structure */
		blame(chain, "ARC-Seal", chain->n_sets, "says that the chain failed before", arena);
	}
	check_structure(chain, arena);
	return true;
}
