/*
 * dkim_stage.c - what tests of DKIM stand on: signed mails and keys from tests/vectors/dkim, and a resolver of them
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/dkim_stage.h"

enum { FILE_MAX_BYTES = 64 * 1024, ARENA_MAX_BYTES = 4 * 1024 * 1024 };

static struct str
read_vector(struct dkim_stage *stage, const char *name)
{
	const char *top = getenv("top_srcdir");
	char *room = arena_alloc(&stage->files, FILE_MAX_BYTES);
	struct str path;
	size_t n;
	FILE *file;

	insist(room != NULL && arena_printf(&stage->files, &path, "%s/tests/vectors/dkim/%s", top != NULL ? top : ".", name));
	file = fopen(path.at, "rb");
	insist(file != NULL);
	n = fread(room, 1, FILE_MAX_BYTES, file);
	fclose(file);
	return str_n(room, n);
}

struct str
dkim_stage_mail(struct dkim_stage *stage, const char *name)
{
	struct str path;

	insist(arena_printf(&stage->files, &path, "%s.eml", name));
	return read_vector(stage, path.at);
}

struct str
dkim_stage_edit(struct dkim_stage *stage, struct str mail, const char *from, const char *to)
{
	ptrdiff_t at = str_find_str(mail, str_of(from));
	struct str rest, copy;
	char *room;

	if (!expect(at >= 0))
		return mail;
	rest = str_from(mail, (size_t)at + strlen(from));
	room = arena_alloc(&stage->files, mail.len + strlen(to));
	insist(room != NULL);
	copy = str_n(room, (size_t)at + strlen(to) + rest.len);
	memcpy(room, mail.at, (size_t)at);
	memcpy(room + at, to, strlen(to));
	if (rest.len > 0)
		memcpy(room + (size_t)at + strlen(to), rest.at, rest.len);
	return copy;
}

/* --- the DNS --- */

static bool
find_key(const struct dkim_stage *stage, struct str name, struct str *record_out)
{
	struct str rest = stage->keys, line, owner;

	while (str_take_until(&rest, '\n', &line)) {
		if (str_take_until(&line, '\t', &owner) && str_eq_nocase(owner, name)) {
			*record_out = line;
			return true;
		}
	}
	return false;
}

static struct str
write_override(struct arena *arena, const char *pattern, struct str real)
{
	ptrdiff_t p = str_find_str(real, STR("p="));
	struct str public = p >= 0 ? str_from(real, (size_t)p + 2) : STR_EMPTY;
	struct str front = str_of(pattern), text;
	ptrdiff_t at = str_find(front, '%');

	if (at < 0)
		return front;
	insist(arena_printf(arena, &text, "%.*s%.*s%s", (int)at, pattern, STR_ARG(public), pattern + at + 1));
	return text;
}

static void
answer(struct dkim_stage *stage, const struct dns_question *question, struct arena *arena, struct dns_answer *a)
{
	struct str real = STR_EMPTY;
	bool is_there = find_key(stage, question->name, &real);

	*a = (struct dns_answer){ .result = stage->result, .is_bogus = stage->is_bogus, .is_secure = stage->is_secure };
	if (stage->result != DNS_FOUND)
		return;
	a->records = arena_array(arena, 2, sizeof(a->records[0]));
	insist(a->records != NULL);
	for (int i = 0; i < 2; i++) {
		if (stage->records[i] != NULL)
			a->records[a->n_records++].text = write_override(arena, stage->records[i], real);
	}
	if (a->n_records == 0 && is_there)
		a->records[a->n_records++].text = real;
	if (a->n_records == 0)
		a->result = DNS_NO_NAME;
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct dkim_stage *stage = (struct dkim_stage *)resolver;	/* its first member */

	stage->n_asks++;
	stage->n_questions += n_questions;
	for (int i = 0; i < n_questions; i++) {
		insist(questions[i].type == DNS_TXT && questions[i].is_strangers);
		answer(stage, &questions[i], arena, &answers_out[i]);
	}
}

/* --- the stage --- */

void
dkim_stage_init(struct dkim_stage *stage)
{
	struct str rfc, all;

	*stage = (struct dkim_stage){
		.resolver = { .ask = ask },
		.verifier = dkim_verifier_new(),
		.settings = { .signatures_max = 5, .drift_s = 300 },
		.now = { .us = 1795219200LL * 1000000 },	/* 2026-11-21 */
	};
	insist(stage->verifier != NULL);
	arena_init(&stage->files, 64 * ARENA_MAX_BYTES);
	arena_init(&stage->arena, ARENA_MAX_BYTES);
	stage->keys = read_vector(stage, "keys");
	rfc = read_vector(stage, "keys-rfc");
	insist(arena_printf(&stage->files, &all, "%.*s%.*s", STR_ARG(stage->keys), STR_ARG(rfc)));
	stage->keys = all;
}

void
dkim_stage_fini(struct dkim_stage *stage)
{
	arena_fini(&stage->files);
	arena_fini(&stage->arena);
	dkim_verifier_free(stage->verifier);
}

struct dkim_verification *
dkim_stage_begin(struct dkim_stage *stage, const struct header_section *header, struct arena *arena, struct fault *fault_out)
{
	const struct dkim_verify_inputs inputs = {
		.settings = &stage->settings, .header = header, .authors = stage->authors, .now = stage->now, .resolver = &stage->resolver,
		.deadline = INSTANT_NEVER, .elsewhere = stage->elsewhere,
	};

	return dkim_verify_begin(stage->verifier, &inputs, arena, fault_out);
}

struct dkim_result *
dkim_stage_verify(struct dkim_stage *stage, struct str mail, size_t chunk_bytes, int *n_out)
{
	struct dkim_verification *verification;
	struct header_section header;
	struct fault fault;

	arena_fini(&stage->arena);
	arena_init(&stage->arena, ARENA_MAX_BYTES);
	insist(header_read(mail, &stage->arena, &header) == 0);
	verification = dkim_stage_begin(stage, &header, &stage->arena, &fault);
	insist(verification != NULL);
	for (size_t at = header.body_at; at < mail.len; at += chunk_bytes)
		dkim_verify_body(verification, str_sub(mail, at, chunk_bytes));
	return dkim_verify_end(verification, n_out);
}

void
dkim_stage_expect(const struct dkim_result *result, const char *want, const char *reason)
{
	expect_text(dkim_verdict_word(result->verdict), want);
	if (reason != NULL)
		expect_str(result->reason, str_of(reason));
	expect((result->verdict == DKIM_PASS) == (result->reason.len == 0));
	expect(str_is_printable(result->reason));
}
