/*
 * arc_stage.c - what tests of ARC stand on
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "tests/policy/arc_stage.h"

static void
answer(struct str text, struct str name, struct arena *arena, struct dns_answer *answer_out)
{
	struct str line, word;

	*answer_out = (struct dns_answer){ .result = DNS_NO_NAME };
	while (str_take_until(&text, '\n', &line)) {
		if (!str_starts(line, STR("key ")) || !str_take_word(&line, &word) || !str_take_word(&line, &word) ||
		    !str_eq_nocase(word, name))
			continue;
		answer_out->records = arena_array(arena, 1, sizeof(answer_out->records[0]));
		insist(answer_out->records != NULL);
		answer_out->records[0].text = str_trim(line);
		answer_out->n_records = 1;
		answer_out->result = DNS_FOUND;
	}
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct arc_stage *stage = (struct arc_stage *)resolver;	/* its first member */

	stage->n_asks++;
	stage->n_questions += n_questions;
	for (int i = 0; i < n_questions; i++) {
		insist(questions[i].type == DNS_TXT && questions[i].is_strangers);
		answers_out[i] = (struct dns_answer){ .result = DNS_UNSETTLED };
		if (!stage->is_silent)
			answer(stage->keys, questions[i].name, arena, &answers_out[i]);
	}
}

void
arc_stage_init(struct arc_stage *stage, struct str keys)
{
	*stage = (struct arc_stage){ .resolver = { .ask = ask }, .keys = keys };
}

const struct arc_result *
arc_stage_verify(struct arc_stage *stage, struct str mail, size_t piece_bytes, struct arena *arena)
{
	struct header_section section;
	const struct arc_verify_inputs inputs = { .header = &section, .now = { ARC_STAGE_NOW_S * INT64_C(1000000) }, .drift_s = 300,
	    .resolver = &stage->resolver, .deadline = INSTANT_NEVER };
	struct arc_verification *verification;

	insist(header_read(mail, arena, &section) == 0);
	verification = arc_verify_begin(&inputs, arena, NULL);
	insist(verification != NULL);
	for (size_t at = section.body_at; at < mail.len; at += piece_bytes)
		arc_verify_body(verification, str_sub(mail, at, piece_bytes));
	return arc_verify_end(verification);
}

int
arc_stage_seal(const struct arc_sealer *sealer, struct str mail, enum arc_status cv, struct str results, size_t piece_bytes,
    struct buf *out, struct fault *fault_out)
{
	struct header_section section;
	struct arc_sealing *sealing;
	struct arena arena;

	arena_init(&arena, ARC_CASES_MAX_BYTES);
	insist(header_read(mail, &arena, &section) == 0);
	sealing = arc_sealing_new(sealer, &section, 0, (struct timestamp){ ARC_STAGE_NOW_S * INT64_C(1000000) + 999999 }, fault_out);
	if (sealing != NULL) {
		for (size_t at = section.body_at; at < mail.len; at += piece_bytes)
			arc_sealing_body(sealing, str_sub(mail, at, piece_bytes));
		arc_sealing_ready(sealing, cv, results, STR_EMPTY);
		insist(arc_sealing_sign(sealing, NULL) == 0);
		buf_clear(out);
		insist(arc_sealing_fields(sealing, out) == 0 && buf_append(out, mail) == 0);
	}
	arc_sealing_free(sealing);
	arena_fini(&arena);
	return sealing != NULL ? 0 : -1;
}

struct str
arc_stage_read_cases(const char *path)
{
	const char *top = getenv("top_srcdir");
	char command[1000], *room = malloc(ARC_CASES_MAX_BYTES);
	size_t n_bytes;
	FILE *in;

	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/tests/policy/arc_cases.py'", top != NULL ? top : ".");
	in = path != NULL ? fopen(path, "rb") : popen(command, "r");
	insist(room != NULL && in != NULL);
	n_bytes = fread(room, 1, ARC_CASES_MAX_BYTES, in);
	if (path != NULL)
		fclose(in);
	else
		insist(pclose(in) == 0);
	return str_n(room, n_bytes);
}

bool
arc_stage_take_case(struct str *text, struct str *rest, struct arc_case *c)
{
	struct str line, word, bytes;
	uint64_t n_bytes;

	while (str_take_until(rest, '\n', &line)) {
		if (str_eq(line, STR("begin")))
			*text = *rest;
		if (!str_starts(line, STR("case ")))
			continue;
		insist(str_take_word(&line, &word) && str_take_word(&line, &c->want) && str_take_word(&line, &c->oldest) &&
		    str_take_word(&line, &bytes) && str_to_u64(bytes, &n_bytes) && n_bytes < rest->len);
		c->name = str_trim(line);
		c->before = str_n(text->at, (size_t)(rest->at - text->at));
		c->mail = str_sub(*rest, 0, n_bytes);
		*rest = str_from(*rest, n_bytes + 1);
		return true;
	}
	return false;
}
