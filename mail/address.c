/*
 * address.c - mail addresses and the paths they stand in (RFC 5321 4.1.2)
 */
#include "mail/address.h"
#include "mail/domain.h"

static bool
is_atext(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

/*
 * How many bytes of the text are a local part: a dot-string or a quoted string.
 *
 * Dots may stand anywhere in a dot-string.  The RFC has them single and inside, but large
 * providers gave out "a..b" and "a.", and it is for the next hop to know its mailboxes.
 */
static size_t
local_length(struct str text, bool allow_utf8)
{
	size_t i = 0;

	if (text.len == 0)
		return 0;
	if (text.at[0] != '"') {
		for (; i < text.len; i++) {
			unsigned char c = (unsigned char)text.at[i];

			if (!is_atext(c) && c != '.' && !(allow_utf8 && c >= 0x80))
				break;
		}
		return i;
	}
	for (i = 1; i < text.len && text.at[i] != '"'; i++) {
		if (text.at[i] == '\\')		/* quoted-pairSMTP: ASCII only */
			i++;
		if (i == text.len)
			return 0;
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return 0;
		if ((unsigned char)text.at[i] >= 0x80 && (!allow_utf8 || text.at[i - 1] == '\\'))
			return 0;
	}
	return i < text.len ? i + 1 : 0;
}

bool
address_local_is_valid(struct str local, bool allow_utf8)
{
	return local.len > 0 && local.len <= ADDRESS_LOCAL_MAX_BYTES &&
	    local_length(local, allow_utf8) == local.len && (!allow_utf8 || str_is_utf8(local));
}

/* How many bytes reach up to the first of the characters that end a domain in a path. */
static size_t
domain_length(struct str text)
{
	size_t i = 0;

	if (text.len > 0 && text.at[0] == '[') {
		ptrdiff_t end = str_find(text, ']');

		return end < 0 ? 0 : (size_t)end + 1;
	}
	while (i < text.len && strchr(">,: \t", text.at[i]) == NULL)
		i++;
	return i;
}

static bool
mail_domain_is_valid(struct str domain, bool allow_utf8)
{
	struct ip ip;

	return domain_is_literal(domain) ? domain_literal_ip(domain, &ip)
	    : domain_is_valid(domain, allow_utf8);
}

/* "@a,@b:" is to be taken and ignored (RFC 5321 4.1.1.3, appendix C). */
static bool
skip_source_route(struct str *text, bool allow_utf8)
{
	struct str rest = *text;

	while (rest.len > 0 && rest.at[0] == '@') {
		size_t n;

		rest = str_from(rest, 1);
		n = domain_length(rest);
		if (!mail_domain_is_valid(str_sub(rest, 0, n), allow_utf8) || n == rest.len)
			return false;
		rest = str_from(rest, n);
		if (rest.at[0] == ':') {
			*text = str_from(rest, 1);
			return text->len == 0 || text->at[0] != '@';
		}
		if (rest.at[0] != ',')
			return false;
		rest = str_from(rest, 1);
	}
	return rest.at == text->at;	/* there was none */
}

/* Takes local@domain off *rest. */
static const char *
take_mailbox(struct str *rest, bool allow_utf8, struct address *address_out)
{
	size_t n = local_length(*rest, allow_utf8);

	address_out->local = str_sub(*rest, 0, n);
	address_out->domain = STR_EMPTY;
	if (n == 0 || (allow_utf8 && !str_is_utf8(address_out->local)))
		return "malformed local part";
	if (n > ADDRESS_LOCAL_MAX_BYTES)
		return "local part too long";
	*rest = str_from(*rest, n);
	if (rest->len == 0 || rest->at[0] != '@')
		return "no domain";
	*rest = str_from(*rest, 1);
	n = domain_length(*rest);
	address_out->domain = str_sub(*rest, 0, n);
	if (!mail_domain_is_valid(address_out->domain, allow_utf8))
		return "malformed domain";
	*rest = str_from(*rest, n);
	return NULL;
}

bool
address_parse_path(struct str *text, enum path_kind kind, bool allow_utf8,
    struct address *address_out, const char **why_out)
{
	struct str rest = *text;
	const char *why = NULL;

	*address_out = (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
	*why_out = NULL;
	if (rest.len == 0 || rest.at[0] != '<') {
		*why_out = "no < in front of the address";
		return false;
	}
	rest = str_from(rest, 1);
	if (kind == PATH_REVERSE && str_starts(rest, STR(">"))) {
		*text = str_from(rest, 1);
		return true;
	}
	if (kind == PATH_FORWARD && str_starts_nocase(rest, STR("postmaster>"))) {
		address_out->local = str_sub(rest, 0, sizeof("postmaster") - 1);
		*text = str_from(rest, sizeof("postmaster>") - 1);
		return true;
	}
	if (!skip_source_route(&rest, allow_utf8))
		why = "malformed source route";
	else
		why = take_mailbox(&rest, allow_utf8, address_out);
	if (why == NULL && (rest.len == 0 || rest.at[0] != '>'))
		why = "no > behind the address";
	if (why != NULL) {
		*address_out = (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
		*why_out = why;
		return false;
	}
	*text = str_from(rest, 1);
	return true;
}

bool
address_parse(struct str text, bool allow_utf8, struct address *address_out)
{
	struct str rest = text;

	return take_mailbox(&rest, allow_utf8, address_out) == NULL && rest.len == 0;
}

int
address_append(const struct address *address, struct buf *out)
{
	size_t len_before = out->len;

	if (buf_append(out, address->local) != 0)
		return -1;
	if (address->domain.len > 0 &&
	    (buf_append_char(out, '@') != 0 || buf_append(out, address->domain) != 0)) {
		out->len = len_before;
		return -1;
	}
	return 0;
}

bool
address_text(const struct address *address, struct arena *arena, struct str *text_out)
{
	struct str local = address->local, domain = address->domain;
	size_t n = local.len + (domain.len > 0 ? 1 + domain.len : 0);
	char *room = arena_alloc(arena, n + 1);

	if (room == NULL)
		return false;
	if (local.len > 0)
		memcpy(room, local.at, local.len);
	if (domain.len > 0) {
		room[local.len] = '@';
		memcpy(room + local.len + 1, domain.at, domain.len);
	}
	*text_out = str_n(room, n);
	return true;
}

bool
address_copy(struct arena *arena, const struct address *address, struct address *copy_out)
{
	return arena_copy(arena, address->local, &copy_out->local) &&
	    arena_copy(arena, address->domain, &copy_out->domain);
}

bool
address_is_null(const struct address *address)
{
	return address->local.len == 0 && address->domain.len == 0;
}

bool
address_is_ascii(const struct address *address)
{
	return str_is_ascii(address->local) && str_is_ascii(address->domain);
}

bool
address_eq(const struct address *a, const struct address *b)
{
	return str_eq(a->local, b->local) && str_eq_nocase(a->domain, b->domain);
}
