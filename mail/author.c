/*
 * author.c - the domains that a mail says it is from: what DMARC judges (RFC 9989 5.3.1)
 *
 * The list is cut at the commas, semicolons and colons (of groups) that stand outside of quotes,
 * comments, brackets and literals.  Each part is a mailbox then: "name <address>" with whatever
 * as its name, since readers take the brackets for the address, or an address alone.
 */
#include "mail/author.h"
#include "mail/domain.h"
#include "mail/lexical.h"

enum { LABELS_WALKED_MAX = 7 };		/* of a name too long for the DNS, its end: what a walk asks for (RFC 9989 4.10) */

struct reading {
	struct arena	*arena;
	struct authors	*authors;
	bool		 is_full;	/* the arena */
};

static void
add_domain(struct reading *r, struct str domain)
{
	struct authors *a = r->authors;

	for (int i = 0; i < a->n_domains; i++) {
		if (str_eq(a->domains[i], domain))
			return;
	}
	if (a->n_domains == AUTHOR_DOMAINS_MAX)
		a->has_more = true;
	else
		a->domains[a->n_domains++] = domain;
}

/* False for what is no domain, and at the arena's limit, which is told apart. */
static bool
add_canonical(struct reading *r, struct str text)
{
	struct str canonical;

	if (domain_canonical(text, r->arena, &canonical)) {
		add_domain(r, canonical);
		return true;
	}
	if (domain_is_valid(text, true) && arena_alloc(r->arena, DOMAIN_MAX_BYTES + 1) == NULL)
		r->is_full = true;
	return false;
}

static void
malformed(struct reading *r, const char *why)
{
	if (r->authors->why_malformed == NULL)
		r->authors->why_malformed = why;
}

/* The longest end of what is no domain that is one; too long a name keeps its last labels. */
static void
add_end_of_domain(struct reading *r, struct str text)
{
	struct str last = STR_EMPTY;
	size_t start;

	while (text.len > 0 && text.at[text.len - 1] == '.')
		text.len--;
	start = text.len + 1;			/* behind the dot that would stand there */
	for (int n = 0; n < LABELS_WALKED_MAX && start > 0; n++) {
		start = (size_t)(str_rfind(str_sub(text, 0, start - 1), '.') + 1);
		if (!domain_is_valid(str_from(text, start), true))
			break;
		last = str_from(text, start);
	}
	if (last.len > 0)
		add_canonical(r, last);
}

static bool
is_domain_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    c == '-' || c == '_' || c == '.' || c >= 0x80;
}

/* Whatever stands behind an @ and looks like a domain. */
static void
scan(struct reading *r, struct str text)
{
	for (size_t i = 0; i < text.len && !r->authors->has_more; i++) {
		struct str domain;
		size_t end;

		if (text.at[i] != '@')
			continue;
		while (i + 1 < text.len && (text.at[i + 1] == ' ' || text.at[i + 1] == '\t' ||
		    text.at[i + 1] == '\r' || text.at[i + 1] == '\n'))
			i++;
		end = i + 1;
		while (end < text.len && is_domain_char((unsigned char)text.at[end]))
			end++;
		domain = str_sub(text, i + 1, end - i - 1);
		if (!add_canonical(r, domain))
			add_end_of_domain(r, domain);
	}
}

/* The domain of the mailbox that is all of text.  What is none may be one to a reader who decodes encoded words anywhere. */
static void
add_written_domain(struct reading *r, struct str text, struct str domain)
{
	struct str decoded;

	r->authors->n_mailboxes++;
	if (domain_is_literal(domain))
		return;				/* an IP address has no domain that could have a policy */
	if (add_canonical(r, domain))
		return;
	malformed(r, "a domain that is none");
	add_end_of_domain(r, domain);
	if (!lexical_decode_words(text, r->arena, &decoded))
		r->is_full = true;
	else if (!str_eq(decoded, text))
		scan(r, decoded);
}

/* What is left without comments and control characters: some readers drop them before they look for a domain. */
static bool
strip(struct reading *r, struct str text, struct str *stripped_out)
{
	char *room = arena_alloc(r->arena, text.len + 1);
	size_t n = 0;

	if (room == NULL || !lexical_without_comments(text, r->arena, &text))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] >= ' ' && text.at[i] != 0x7f)
			room[n++] = text.at[i];
	*stripped_out = str_n(room, n);
	return true;
}

/* A text that cannot be read as mailboxes: all that looks like an address counts, encoded or not. */
static void
salvage(struct reading *r, struct str text, const char *why)
{
	struct str decoded, unquoted, stripped;

	malformed(r, why);
	scan(r, text);
	if (!lexical_decode_words(text, r->arena, &decoded) || !lexical_unquote(decoded, r->arena, &unquoted) ||
	    !strip(r, unquoted, &stripped)) {
		r->is_full = true;
		return;
	}
	if (!str_eq(decoded, text))
		scan(r, decoded);
	if (!str_eq(unquoted, decoded))
		scan(r, unquoted);
	if (!str_eq(stripped, unquoted))
		scan(r, stripped);
}

/* Takes a word, atom or quoted string, and the blanks around it. */
static bool
take_word(struct str *rest)
{
	struct str inside;

	return (lexical_take_quoted(rest, &inside) || lexical_take_atom(rest).len > 0) && lexical_skip_cfws(rest);
}

/* A domain whose parts may have blanks and comments between them (RFC 5322 4.4), as one text. */
static bool
take_domain(struct reading *r, struct str *rest, struct str *domain_out)
{
	char *room;
	size_t n = 0;

	if (rest->len > 0 && rest->at[0] == '[') {
		ptrdiff_t end = str_find(*rest, ']');

		*domain_out = str_sub(*rest, 0, end < 0 ? 0 : (size_t)end + 1);
		*rest = str_from(*rest, domain_out->len);
		return end >= 0 && lexical_skip_cfws(rest);
	}
	room = arena_alloc(r->arena, rest->len + 1);
	if (room == NULL) {
		r->is_full = true;
		return false;
	}
	for (;;) {
		struct str atom = lexical_take_atom(rest);

		if (atom.len == 0 && (rest->len == 0 || rest->at[0] != '.'))
			break;
		if (atom.len > 0)
			memcpy(room + n, atom.at, atom.len);
		n += atom.len;
		if (!lexical_skip_cfws(rest))
			return false;
		if (rest->len == 0 || rest->at[0] != '.')
			break;
		room[n++] = '.';
		*rest = str_from(*rest, 1);
		if (!lexical_skip_cfws(rest))
			return false;
	}
	*domain_out = str_n(room, n);
	return n > 0;
}

/* "@a,@b:" in front of an address (RFC 5322 4.4): its hosts are no authors. */
static bool
skip_route(struct reading *r, struct str *rest)
{
	struct str host;

	if (rest->len == 0 || (rest->at[0] != '@' && rest->at[0] != ','))
		return true;
	for (;;) {
		if (!lexical_skip_cfws(rest))
			return false;
		if (rest->len > 0 && rest->at[0] == ',') {
			*rest = str_from(*rest, 1);
			continue;
		}
		if (rest->len == 0 || rest->at[0] != '@')
			break;
		*rest = str_from(*rest, 1);
		if (!lexical_skip_cfws(rest) || !take_domain(r, rest, &host))
			return false;
	}
	if (rest->len == 0 || rest->at[0] != ':')
		return false;
	*rest = str_from(*rest, 1);
	return lexical_skip_cfws(rest);
}

/* local@domain, all of the text; *domain_out is empty for a name without a domain. */
static bool
read_address(struct reading *r, struct str text, struct str *domain_out)
{
	struct str rest = text;
	bool is_between_words = true;

	*domain_out = STR_EMPTY;
	if (!lexical_skip_cfws(&rest))
		return false;
	while (rest.len > 0 && rest.at[0] != '@') {	/* words between dots, which we let stand anywhere */
		if (rest.at[0] == '.') {
			rest = str_from(rest, 1);
			is_between_words = true;
			if (!lexical_skip_cfws(&rest))
				return false;
		} else if (is_between_words && take_word(&rest)) {
			is_between_words = false;
		} else {
			return false;
		}
	}
	if (rest.len == 0)
		return true;
	rest = str_from(rest, 1);
	return lexical_skip_cfws(&rest) && take_domain(r, &rest, domain_out) && rest.len == 0;
}

/* What stands before the ">" that ends the bracket at the front of text; false if there is none. */
static bool
find_bracket_end(struct str text, size_t *end_out)
{
	struct str rest = str_from(text, 1), skipped;

	while (rest.len > 0) {
		if (rest.at[0] == '>') {
			*end_out = text.len - rest.len;
			return true;
		}
		if (rest.at[0] == '<')
			return false;
		if (rest.at[0] != '"' && rest.at[0] != '(')
			rest = str_from(rest, 1);
		else if (!lexical_take_quoted(&rest, &skipped) && !lexical_take_comment(&rest, &skipped))
			return false;
	}
	return false;
}

/*
 * A name where an address belongs.  Beside an address it is one that lost its quotes ("Doe, John <john@...>"),
 * and harmless unless there is an @ in it that shows when it is decoded.
 */
static void
read_name(struct reading *r, struct str text)
{
	struct str decoded;

	if (!lexical_decode_words(text, r->arena, &decoded))
		r->is_full = true;
	else if (str_find(text, '@') >= 0 || str_find(decoded, '@') >= 0)
		salvage(r, text, "an address without a domain");
}

/* A mailbox by itself.  Where the bracket stands in it is known: text.len if there is none. */
static void
read_mailbox(struct reading *r, struct str text, size_t bracket)
{
	struct str rest = text, address = text, domain;
	size_t end;

	if (!lexical_skip_cfws(&rest)) {
		salvage(r, text, "a comment that does not end");
		return;
	}
	if (rest.len == 0)
		return;				/* an empty list element (RFC 5322 4.4) */
	if (bracket < text.len) {
		address = str_from(text, bracket);
		if (!find_bracket_end(address, &end)) {
			salvage(r, text, "a bracket that does not end");
			return;
		}
		rest = str_from(address, end + 1);
		address = str_sub(address, 1, end - 1);
		if (!lexical_skip_cfws(&rest) || rest.len > 0) {
			salvage(r, text, "something behind an address");
			return;
		}
		if (!lexical_skip_cfws(&address) || !skip_route(r, &address)) {
			salvage(r, text, "a malformed route");
			return;
		}
	}
	if (!read_address(r, address, &domain))
		salvage(r, text, "a malformed address");
	else if (domain.len == 0)
		read_name(r, text);
	else
		add_written_domain(r, text, domain);
}

/* True if the colon at the front ends the name of a group, and is not inside of an address. */
static bool
ends_group_name(struct str item)
{
	struct str rest = item;

	while (rest.len > 0) {
		if (!lexical_skip_cfws(&rest))
			return false;
		if (rest.len > 0 && rest.at[0] == '.')
			rest = str_from(rest, 1);
		else if (rest.len > 0 && !take_word(&rest))
			return false;
	}
	return true;
}

struct cut {				/* of a From field into its mailboxes */
	struct str	 value;
	struct str	 rest;
	size_t		 start;		/* of the mailbox at hand */
	size_t		 bracket;	/* its first, from its start; SIZE_MAX: none yet */
	bool		 is_no_group;	/* a colon was looked at, and did not end a group's name */
};

static void
end_mailbox(struct reading *r, struct cut *c, size_t at)
{
	read_mailbox(r, str_sub(c->value, c->start, at - c->start), c->bracket);
	c->start = at + 1;
	c->bracket = SIZE_MAX;
	c->is_no_group = false;
}

/* One character that stands outside of quotes and comments; a bracket or literal is passed over. */
static void
cut_at(struct reading *r, struct cut *c, size_t at)
{
	ptrdiff_t literal_end;
	size_t end;

	switch (c->rest.at[0]) {
	case '<':
		if (c->bracket == SIZE_MAX)
			c->bracket = at - c->start;
		if (find_bracket_end(c->rest, &end))
			c->rest = str_from(c->rest, end);
		break;
	case '[':
		literal_end = str_find(c->rest, ']');
		if (literal_end > 0)
			c->rest = str_from(c->rest, (size_t)literal_end);
		break;
	case ':':
		if (c->bracket != SIZE_MAX || c->is_no_group)
			break;
		c->is_no_group = !ends_group_name(str_sub(c->value, c->start, at - c->start));
		if (!c->is_no_group)
			c->start = at + 1;	/* the group's name is nobody's address */
		break;
	case ',':
	case ';':
		end_mailbox(r, c, at);
		break;
	}
	c->rest = str_from(c->rest, 1);
}

static void
read_field(struct reading *r, struct str value)
{
	struct cut c = { .value = value, .rest = value, .bracket = SIZE_MAX };
	struct str skipped;

	while (c.rest.len > 0) {
		if (c.rest.at[0] != '"' && c.rest.at[0] != '(') {
			cut_at(r, &c, value.len - c.rest.len);
		} else if (!lexical_take_quoted(&c.rest, &skipped) && !lexical_take_comment(&c.rest, &skipped)) {
			salvage(r, str_from(value, c.start), "a quote or comment that does not end");
			return;
		}
	}
	end_mailbox(r, &c, value.len);
}

int
author_read(const struct header_section *section, struct arena *arena, struct authors *authors_out)
{
	struct reading r = { .arena = arena, .authors = authors_out };
	size_t n_bytes = 0;

	*authors_out = (struct authors){ .n_fields = 0 };
	for (int i = header_find(section, STR("From"), 0); i >= 0; i = header_find(section, STR("From"), i + 1)) {
		struct str value = section->fields[i].value;

		authors_out->n_fields++;
		n_bytes += value.len;
		if (n_bytes > AUTHOR_FIELD_MAX_BYTES) {
			authors_out->has_more = true;
			malformed(&r, "too much to read");
			break;
		}
		read_field(&r, value);
	}
	if (authors_out->n_fields == 0)
		malformed(&r, "no From field");
	else if (authors_out->n_fields > 1)
		malformed(&r, "several From fields");
	else if (authors_out->n_mailboxes == 0)
		malformed(&r, "no address in From");
	return r.is_full ? -1 : 0;
}
