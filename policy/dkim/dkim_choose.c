/*
 * dkim_choose.c - which signatures of a mail are looked at, where there are more than may be
 */
#include "mail/domain.h"
#include "policy/dkim/dkim_choose.h"
#include "policy/dkim/dkim_field.h"
#include "policy/dkim/dkim_tags.h"

enum { NAMES_ARENA_MAX_BYTES = 4 * DOMAIN_MAX_BYTES };	/* a name in A-labels, and what leads to it */

enum standing { STANDING_OTHER, STANDING_RELATED, STANDING_AUTHOR };

static bool
is_signature(const struct header_field *field)
{
	return str_eq_nocase(field->name, STR("DKIM-Signature"));
}

static enum standing
standing_of_domain(struct str domain, const struct authors *authors)
{
	enum standing standing = STANDING_OTHER;

	for (int i = 0; i < authors->n_domains; i++) {
		if (str_eq(domain, authors->domains[i]))
			return STANDING_AUTHOR;
		if (domain_is_below(domain, authors->domains[i]) || domain_is_below(authors->domains[i], domain))
			standing = STANDING_RELATED;
	}
	return standing;
}

static enum standing
standing_of(const struct header_field *field, const struct authors *authors)
{
	enum standing standing = STANDING_OTHER;
	struct dkim_tags tags;
	struct str d, domain;
	struct arena arena;
	const char *why;

	/* What is no good as a field is no author's. */
	if (field->value.len > DKIM_FIELD_READ_MAX_BYTES || !dkim_tags_read(field->value, &tags, &why) ||
	    !dkim_tags_find(&tags, STR("d"), &d))
		return STANDING_OTHER;
	arena_init(&arena, NAMES_ARENA_MAX_BYTES);
	if (d.len <= DOMAIN_MAX_BYTES && domain_canonical(str_trim(d), &arena, &domain))
		standing = standing_of_domain(domain, authors);
	arena_fini(&arena);
	return standing;
}

/* From the bottom up. */
static int
mark_standing(const struct header_section *header, const struct authors *authors, enum standing standing, int n, bool *marks)
{
	int n_marked = 0;

	for (int i = header->n_fields - 1; i >= 0 && n_marked < n; i--) {
		if (!marks[i] && is_signature(&header->fields[i]) && standing_of(&header->fields[i], authors) == standing) {
			marks[i] = true;
			n_marked++;
		}
	}
	return n_marked;
}

int
dkim_choose(const struct header_section *header, const struct authors *authors, int n, bool *marks_out)
{
	int n_all = 0, n_marked = 0;

	for (int i = 0; i < header->n_fields; i++)
		n_all += is_signature(&header->fields[i]);
	if (n_all > n && authors != NULL) {
		n_marked = mark_standing(header, authors, STANDING_AUTHOR, n, marks_out);
		n_marked += mark_standing(header, authors, STANDING_RELATED, n - n_marked, marks_out);
	}
	for (int i = 0; i < header->n_fields && n_marked < n; i++) {
		if (!marks_out[i] && is_signature(&header->fields[i])) {
			marks_out[i] = true;
			n_marked++;
		}
	}
	return n_all;
}
