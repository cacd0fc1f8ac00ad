/*
 * dkim_signature.c - the text of a DKIM-Signature field (RFC 6376 3.5), folded
 *
 * The room always suffices: settings were bounded when the signer was made, so a full buffer is a bug.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/code.h"
#include "base/insist.h"
#include "policy/dkim/dkim_signature.h"

#define FOLD		"\r\n\t"

enum { FOLD_COLUMN = 1 };

struct folded {				/* a field in the making */
	struct buf	*out;
	size_t		 column;	/* bytes in its last line */
};

static void
append(struct folded *f, struct str text)
{
	insist(buf_append(f->out, text) == 0);
	f->column += text.len;
}

static void
fold(struct folded *f)
{
	append(f, STR(FOLD));
	f->column = FOLD_COLUMN;
}

/* A word that is not parted, a blank before it where it begins a tag. */
static void
append_word(struct folded *f, struct str word, bool is_tag)
{
	if (f->column > FOLD_COLUMN && f->column + is_tag + word.len > DKIM_FIELD_LINE_MAX_BYTES)
		fold(f);
	else if (is_tag)
		append(f, STR(" "));
	append(f, word);
}

static void
append_tag(struct folded *f, const char *name, struct str value)
{
	char room[DKIM_IDENTITY_MAX_BYTES + 8];	/* i= and d= are the longest */
	int n = snprintf(room, sizeof(room), "%s=%.*s;", name, STR_ARG(value));

	insist(n > 0 && (size_t)n < sizeof(room));
	append_word(f, str_n(room, (size_t)n), true);
}

static void
append_time(struct folded *f, const char *name, int64_t seconds)
{
	char room[32];

	snprintf(room, sizeof(room), "%" PRId64, seconds);
	append_tag(f, name, str_of(room));
}

/* h=A:B:B; folded behind colons. */
static void
append_names(struct folded *f, const struct dkim_signer *signer, const uint8_t *times)
{
	struct str before = STR_EMPTY;
	char room[DKIM_NAME_MAX_BYTES + 8];
	bool is_first = true;

	for (int i = 0; i < signer->n_names; i++) {
		for (int k = 0; k < times[i]; k++) {
			if (before.len > 0) {
				snprintf(room, sizeof(room), "%s%.*s:", is_first ? "h=" : "", STR_ARG(before));
				append_word(f, str_of(room), is_first);
				is_first = false;
			}
			before = signer->names[i].name;
		}
	}
	snprintf(room, sizeof(room), "%s%.*s;", is_first ? "h=" : "", STR_ARG(before));
	append_word(f, str_of(room), is_first);
}

static void
append_base64_tag(struct folded *f, const char *name, struct str bytes)
{
	struct buf text;

	buf_init(&text, DKIM_FIELD_MAX_BYTES);
	insist(base64_encode(bytes, &text) == 0);
	append_tag(f, name, buf_str(&text));
	buf_fini(&text);
}

void
dkim_signature_unsigned(const struct dkim_signer *signer, const struct dkim_signature_values *values, struct buf *out)
{
	struct folded f = { .out = out };

	append(&f, STR("DKIM-Signature: v=1;"));
	append_tag(&f, "a", str_of(dkim_key_algorithm_text(values->selector->key)));
	append_tag(&f, "c", str_of(dkim_canon_text(signer->header_canon, signer->body_canon)));
	append_tag(&f, "d", signer->domain);
	append_tag(&f, "s", values->selector->name);
	if (signer->identity.len > 0)
		append_tag(&f, "i", signer->identity);
	if (signer->has_time)
		append_time(&f, "t", values->now_s);
	if (signer->lifetime_s > 0)
		append_time(&f, "x", values->now_s + signer->lifetime_s);
	append_names(&f, signer, values->times);
	append_base64_tag(&f, "bh", values->body_hash);
	fold(&f);
	append(&f, STR("b="));
}

void
dkim_signature_value(struct str signature, struct buf *out)
{
	struct folded f = { .out = out, .column = FOLD_COLUMN + strlen("b=") };
	struct buf text;
	struct str rest;

	buf_init(&text, DKIM_FIELD_MAX_BYTES);
	insist(base64_encode(signature, &text) == 0);
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str line = str_sub(rest, 0, DKIM_FIELD_LINE_MAX_BYTES - f.column);

		append(&f, line);
		rest = str_from(rest, line.len);
		if (rest.len > 0)
			fold(&f);
	}
	append(&f, STR("\r\n"));
	buf_fini(&text);
}
