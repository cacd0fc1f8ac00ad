/*
 * received_spf.c - the Received-SPF field (RFC 7208 9.1), which says how a check by SPF went
 */
#include "mail/fold.h"
#include "mail/lexical.h"
#include "mail/received_spf.h"

enum {
	VALUE_MAX_BYTES = 900,		/* as written: its line stays below the 998 of RFC 5322 2.1.1; cut beyond */
	COMMENT_MAX_BYTES = 400,
};

/* Single blanks and printable ASCII only; what would end a comment is "?". */
static bool
put_comment(struct str comment, struct buf *word)
{
	bool is_good = buf_append_char(word, '(') == 0;

	comment = str_trim(str_sub(comment, 0, COMMENT_MAX_BYTES));
	for (size_t i = 0; i < comment.len && is_good; i++) {
		char c = comment.at[i];

		if ((unsigned char)c <= ' ')
			c = ' ';
		else if ((unsigned char)c >= 0x7f || strchr("()\\", c) != NULL)
			c = '?';
		if (c != ' ' || word->at[word->len - 1] != ' ')
			is_good = buf_append_char(word, c) == 0;
	}
	return is_good && buf_append_char(word, ')') == 0;
}

/* A dot-atom or a quoted string; bytes that cannot stand in one are "?". */
static bool
put_value(struct str value, struct buf *word)
{
	size_t max = word->len + VALUE_MAX_BYTES;
	bool is_good;

	if (value.len <= VALUE_MAX_BYTES && str_is_ascii(value) && lexical_is_dot_atom(value))
		return buf_append(word, value) == 0;
	is_good = buf_append_char(word, '"') == 0;
	for (size_t i = 0; i < value.len && is_good && word->len + 3 <= max; i++) {
		char c = value.at[i];

		if (c == '"' || c == '\\')
			is_good = buf_append_char(word, '\\') == 0;
		if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f)
			c = '?';
		is_good = is_good && buf_append_char(word, c) == 0;
	}
	return is_good && buf_append_char(word, '"') == 0;
}

struct pairs {				/* of key and value, written one behind the other */
	struct fold	 fold;
	struct buf	 word;		/* the last pair, which may still get its ";" */
	bool		 is_bad;
};

static void
put_pair(struct pairs *p, const char *key, struct str value)
{
	if (value.len == 0)
		return;
	if (p->word.len > 0) {
		p->is_bad = p->is_bad || buf_append_char(&p->word, ';') != 0;
		fold_word(&p->fold, buf_str(&p->word));
	}
	buf_clear(&p->word);
	p->is_bad = p->is_bad || buf_printf(&p->word, "%s=", key) != 0 || !put_value(value, &p->word);
}

int
received_spf_append(const struct received_spf *spf, struct buf *out)
{
	struct pairs p = { .is_bad = false };
	char ip[IP_TEXT_MAX];

	buf_init(&p.word, VALUE_MAX_BYTES + 100);	/* and a key, which is ours */
	fold_begin(&p.fold, STR("Received-SPF"), out);
	fold_word(&p.fold, str_of(spf->result));
	if (str_trim(spf->comment).len > 0) {
		p.is_bad = !put_comment(spf->comment, &p.word);
		fold_text(&p.fold, buf_str(&p.word));
		buf_clear(&p.word);
	}
	if (spf->client.family != IP_NONE)
		put_pair(&p, "client-ip", ip_text(&spf->client, ip));
	put_pair(&p, "envelope-from", spf->envelope_from);
	put_pair(&p, "helo", spf->helo);
	put_pair(&p, "identity", str_of(spf->identity));
	put_pair(&p, "receiver", spf->receiver);
	put_pair(&p, "mechanism", spf->mechanism);
	put_pair(&p, "problem", spf->problem);
	if (p.word.len > 0)
		fold_word(&p.fold, buf_str(&p.word));
	buf_fini(&p.word);
	p.fold.is_full = p.fold.is_full || p.is_bad;
	return fold_end(&p.fold);
}
