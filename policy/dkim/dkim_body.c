/*
 * dkim_body.c - looks at a body on its way to the library: is it one that can be checked, how long is it
 */
#include "policy/dkim/dkim_body.h"

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
	count_line(body->line_simple_bytes, &body->simple_blank_lines, &body->simple_bytes);
	count_line(body->line_relaxed_bytes, &body->relaxed_blank_lines, &body->relaxed_bytes);
	body->line_simple_bytes = body->line_relaxed_bytes = 0;
	body->line_has_space = false;
}

static void
take_byte(struct dkim_body *body, char c)
{
	body->line_simple_bytes++;
	if (c == ' ' || c == '\t') {
		body->line_has_space = true;
		return;
	}
	body->line_relaxed_bytes += body->line_has_space ? 2 : 1;
	body->line_has_space = false;
}

bool
dkim_body_take(struct dkim_body *body, struct str chunk, size_t line_max_bytes)
{
	for (size_t i = 0; i < chunk.len && body->trouble == NULL; i++) {
		char c = chunk.at[i];

		if ((c == '\n') != (body->last == '\r'))
			body->trouble = "a bare CR or LF in the body";
		else if (c == '\n')
			end_line(body);
		else if (c != '\r')
			take_byte(body, c);
		if (body->line_simple_bytes > line_max_bytes)
			body->trouble = "a line of the body is too long";
		body->last = c;
	}
	return body->trouble == NULL;
}

struct str
dkim_body_missing_end(const struct dkim_body *body)
{
	if (body->last == '\r')
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
