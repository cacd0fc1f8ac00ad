/*
 * fuzz_author.c - whose a mail is: what is found is a domain, once, and nothing in a field hides another field's
 */
#include "mail/author.h"
#include "mail/domain.h"
#include "tests/fuzz/fuzz.h"

static void
read_fields(struct str bytes, struct arena *arena, struct authors *authors_out)
{
	struct header_section section;

	*authors_out = (struct authors){ .n_fields = 0 };
	if (header_read(bytes, arena, &section) == 0)
		insist(author_read(&section, arena, authors_out) == 0);
	insist(authors_out->n_domains >= 0 && authors_out->n_domains <= AUTHOR_DOMAINS_MAX);
	for (int i = 0; i < authors_out->n_domains; i++) {
		struct str canonical;

		insist(domain_canonical(authors_out->domains[i], arena, &canonical));
		insist(str_eq(canonical, authors_out->domains[i]));
		for (int j = 0; j < i; j++)
			insist(!str_eq(authors_out->domains[i], authors_out->domains[j]));
	}
}

/* Authors who were read as they should be are the same when they are written plainly. */
static void
check_plain(const struct authors *authors, struct arena *arena)
{
	struct authors again;
	struct buf plain;

	buf_init(&plain, FUZZ_ROOM_MAX_BYTES);
	insist(buf_printf(&plain, "From: ") == 0);
	for (int i = 0; i < authors->n_domains; i++)
		insist(buf_printf(&plain, "%sx <y@%.*s>", i > 0 ? ", " : "", STR_ARG(authors->domains[i])) == 0);
	read_fields(buf_str(&plain), arena, &again);
	insist(again.n_domains == authors->n_domains && again.n_mailboxes == authors->n_domains);
	insist((again.why_malformed == NULL) == (authors->n_domains > 0) && !again.has_more);
	for (int i = 0; i < authors->n_domains; i++)
		insist(str_eq(authors->domains[i], again.domains[i]));
	buf_fini(&plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str input = str_n(bytes, n_bytes);
	struct authors authors, with_first;
	struct arena arena;
	struct buf text;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	buf_init(&text, FUZZ_ROOM_MAX_BYTES);
	insist(buf_printf(&text, "From: ") == 0 && buf_append(&text, input) == 0);
	read_fields(buf_str(&text), &arena, &authors);
	insist(authors.n_fields >= 1);
	insist(authors.n_domains > 0 || authors.n_mailboxes > 0 || authors.why_malformed != NULL);
	check_plain(&authors, &arena);

	buf_clear(&text);
	insist(buf_printf(&text, "From: first@first.example\r\nFrom: ") == 0 && buf_append(&text, input) == 0);
	read_fields(buf_str(&text), &arena, &with_first);
	insist(with_first.n_fields == authors.n_fields + 1 && with_first.why_malformed != NULL);
	insist(str_eq(with_first.domains[0], STR("first.example")));
	insist(with_first.n_domains >= authors.n_domains);
	buf_fini(&text);
	arena_fini(&arena);
	return 0;
}
