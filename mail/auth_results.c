/*
 * auth_results.c - writes the Authentication-Results field (RFC 8601 2.2)
 */
#include "mail/address.h"
#include "mail/auth_results.h"
#include "mail/domain.h"
#include "mail/fold.h"
#include "mail/lexical.h"

/*
 * "local@domain" or "@domain" by the letter of pvalue, so that it needs no quotes.  A local part
 * that is no token gets them, though: many readers end a value at its "=" or "/".
 */
static bool
is_plain_address(struct str value, bool allow_utf8)
{
	ptrdiff_t at = str_rfind(value, '@');
	struct str local, domain;

	if (at < 0 || (!allow_utf8 && !str_is_ascii(value)) || !str_is_utf8(value))
		return false;
	local = str_sub(value, 0, (size_t)at);
	domain = str_from(value, (size_t)at + 1);
	if (!domain_is_valid(domain, allow_utf8))
		return false;
	if (local.len == 0)
		return true;
	if (local.at[0] == '"')
		return address_local_is_valid(local, allow_utf8);
	for (size_t i = 0; i < local.len; i++) {
		if (strchr("=/?", local.at[i]) != NULL)
			return false;
	}
	return lexical_is_dot_atom(local);
}

/*
 * One character of others inside of a quoted string: what stands for it, in room or a constant.
 * A sequence of UTF-8 is one character.
 */
static struct str
quoted_char(struct str *rest, bool allow_utf8, char room[2])
{
	unsigned char c = (unsigned char)rest->at[0];
	size_t n = str_utf8_len(*rest);
	struct str taken;

	if (c >= 0x80 && allow_utf8 && n > 0) {
		taken = str_sub(*rest, 0, n);
		*rest = str_from(*rest, n);
		return taken;
	}
	*rest = str_from(*rest, 1);
	if (c == '"' || c == '\\') {
		room[0] = '\\';
		room[1] = (char)c;
		return str_n(room, 2);
	}
	if (c < ' ' || c >= 0x7f)
		return STR("?");
	room[0] = (char)c;
	return str_n(room, 1);
}

static bool
put_quoted(struct str text, size_t max_bytes, bool allow_utf8, struct buf *word)
{
	char room[2];

	max_bytes += word->len;
	if (buf_append_char(word, '"') != 0)
		return false;
	while (text.len > 0) {
		struct str shown = quoted_char(&text, allow_utf8, room);

		if (word->len + shown.len + 1 > max_bytes)
			break;
		if (buf_append(word, shown) != 0)
			return false;
	}
	return buf_append_char(word, '"') == 0;
}

static bool
put_value(struct str value, bool allow_utf8, struct buf *word)
{
	if (value.len <= AUTH_VALUE_MAX_BYTES && (lexical_is_token(value) || is_plain_address(value, allow_utf8)))
		return buf_append(word, value) == 0;
	return put_quoted(value, AUTH_VALUE_MAX_BYTES, allow_utf8, word);
}

/* Control characters and several blanks are one blank in a reason, so that lines may break there. */
static bool
put_reason(struct str reason, bool allow_utf8, struct buf *word)
{
	struct buf text;
	bool is_good = true;

	buf_init(&text, AUTH_REASON_MAX_BYTES);
	reason = str_trim(reason);
	for (size_t i = 0; i < reason.len && text.len < text.max && is_good; i++) {
		bool is_blank = (unsigned char)reason.at[i] <= ' ';

		if (!is_blank || (text.len > 0 && text.at[text.len - 1] != ' '))
			is_good = buf_append_char(&text, is_blank ? ' ' : reason.at[i]) == 0;
	}
	is_good = is_good && buf_append(word, STR("reason=")) == 0 &&
	    put_quoted(str_trim(buf_str(&text)), AUTH_REASON_MAX_BYTES, allow_utf8, word);
	buf_fini(&text);
	return is_good;
}

static bool
put_result(struct fold *f, const struct auth_result *result, bool allow_utf8, bool is_last, struct buf *word)
{
	bool has_reason = str_trim(result->reason).len > 0;
	int n_left = 0;

	for (int i = 0; i < result->n_properties; i++)
		n_left += result->properties[i].value.len > 0;
	buf_clear(word);
	if (buf_printf(word, "%s=%s%s", result->method, result->result,
	    has_reason || n_left > 0 || is_last ? "" : ";") != 0)
		return false;
	fold_word(f, buf_str(word));
	if (has_reason) {
		buf_clear(word);
		if (!put_reason(result->reason, allow_utf8, word) ||
		    (n_left == 0 && !is_last && buf_append_char(word, ';') != 0))
			return false;
		fold_text(f, buf_str(word));
	}
	for (int i = 0; i < result->n_properties; i++) {
		const struct auth_property *property = &result->properties[i];

		if (property->value.len == 0)
			continue;
		buf_clear(word);
		n_left--;
		if (buf_printf(word, "%s.%s=", property->ptype, property->name) != 0 ||
		    !put_value(property->value, allow_utf8, word) ||
		    (n_left == 0 && !is_last && buf_append_char(word, ';') != 0))
			return false;
		fold_word(f, buf_str(word));
	}
	return true;
}

int
auth_results_append(struct str authserv_id, const struct auth_result *results, int n_results,
    bool allow_utf8, struct buf *out)
{
	struct buf word;
	struct fold f;
	bool is_good;

	buf_init(&word, AUTH_VALUE_MAX_BYTES + 100);	/* and the names in front of a value, which are ours */
	fold_begin(&f, STR("Authentication-Results"), out);
	is_good = put_value(authserv_id, allow_utf8, &word) && buf_append_char(&word, ';') == 0;
	fold_word(&f, buf_str(&word));
	for (int i = 0; i < n_results && is_good; i++)
		is_good = put_result(&f, &results[i], allow_utf8, i == n_results - 1, &word);
	if (n_results == 0)
		fold_word(&f, STR("none"));
	buf_fini(&word);
	f.is_full = f.is_full || !is_good;
	return fold_end(&f);
}
