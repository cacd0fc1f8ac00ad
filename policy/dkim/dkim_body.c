/*
 * dkim_body.c - looks at a body on its way to the library: is it one that can be checked, how long is it
 */
#include "policy/dkim/dkim_body.h"

static const char bare[] = "a bare CR or LF in the body";

/* A line without its CR LF into one of the two sums; empty ones wait for what follows. */
static void
count_line(uint64_t line_bytes, uint64_t *blank_lines, uint64_t *bytes)
{
	if (line_bytes == 0) {
		++*blank_lines;
		return;
	}
	*bytes += 2 * *blank_lines + line_bytes + 2;
	*blank_lines = 0;
}

static void
end_line(struct dkim_body *body)
{
	if (body->is_counted) {
		count_line(body->line_simple_bytes, &body->simple_blank_lines, &body->simple_bytes);
		count_line(body->line_relaxed_bytes, &body->relaxed_blank_lines, &body->relaxed_bytes);
	}
	body->line_simple_bytes = body->line_relaxed_bytes = 0;
	body->line_has_space = false;
}

static void
count_relaxed(struct dkim_body *body, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == ' ' || text.at[i] == '\t') {
			body->line_has_space = true;
			continue;
		}
		body->line_relaxed_bytes += body->line_has_space ? 2 : 1;
		body->line_has_space = false;
	}
}

/* Of one line, without its end. */
static void
take_text(struct dkim_body *body, struct str text, size_t line_max_bytes)
{
	ptrdiff_t lf = str_find(text, '\n');

	body->line_simple_bytes += lf >= 0 ? (size_t)lf : text.len;
	if (body->line_simple_bytes > line_max_bytes)
		body->trouble = "a line of the body is too long";
	else if (lf >= 0)
		body->trouble = bare;
	else if (body->is_counted)
		count_relaxed(body, text);
}

bool
dkim_body_take(struct dkim_body *body, struct str chunk, size_t line_max_bytes)
{
	while (chunk.len > 0 && body->trouble == NULL) {
		ptrdiff_t cr = str_find(chunk, '\r');
		size_t n = cr >= 0 ? (size_t)cr : chunk.len;

		if (body->has_cr && chunk.at[0] != '\n') {
			body->trouble = bare;
		} else if (body->has_cr) {
			end_line(body);
			body->has_cr = false;
			chunk = str_from(chunk, 1);
		} else {
			take_text(body, str_sub(chunk, 0, n), line_max_bytes);
			body->has_cr = cr >= 0;
			chunk = str_from(chunk, n + body->has_cr);
		}
	}
	return body->trouble == NULL;
}

struct str
dkim_body_missing_end(const struct dkim_body *body)
{
	if (body->has_cr)
		return STR("\n");
	return body->line_simple_bytes > 0 ? STR("\r\n") : STR_EMPTY;
}

uint64_t
dkim_body_bytes(const struct dkim_body *body, bool is_relaxed)
{
	if (is_relaxed)
		return body->relaxed_bytes;
	return body->simple_bytes > 0 ? body->simple_bytes : 2;	/* an empty body is one line end */
}
