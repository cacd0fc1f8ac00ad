/*
 * fuzz_postfix.c - a mail as a hostile mail server, or its clients, tell it by the milter protocol: macros, envelope, fields, body
 *
 * The input: a byte of choices; lines with the client's address, daemon name, HELO, reverse-path and a recipient; a zone
 * (tests/policy/zone.h) up to a NUL; fields "Name:value" up to a NUL each, with 0x1f for each LF in a value; an empty one; the body.  It insists
 * that of the fields that came only such go as there are, each once; that none stays which is in our name; that what comes has
 * a form that the protocol can carry; and that all memory is given back, wherever it ends.
 */
#include "mail/auth_results.h"
#include "policy/stamp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/milter/judging_stage.h"
#include "tests/policy/zone.h"

enum {
	FIELDS_MAX = 200,
	PIECE_MAX_BYTES = 500,
	SMALL_MEMORY_BYTES = 70000,
};

enum choice { CHOICE_ACCEPTS = 1, CHOICE_SMALL = 2, CHOICE_LEAVES = 4, CHOICE_SMTPUTF8 = 8 };

struct field {
	struct str	 name, value;
	bool		 is_removed;
};

struct scene {
	struct fuzz	 f;
	unsigned	 choice;
	struct arena	 arena;
	struct str	 client, daemon_name;
	struct field	 fields[FIELDS_MAX];
	int		 n_fields;
};

static struct judging_stage stage;	/* its loop's thread lives as long as the program */

static struct str
keep(struct scene *scene, struct str text)
{
	struct str kept;

	insist(arena_copy(&scene->arena, text, &kept));
	return kept;
}

static const char *
find_macro(void *context, const char *name)
{
	const struct scene *scene = context;

	if (strcmp(name, "{client_addr}") == 0)
		return scene->client.at;
	return strcmp(name, "{daemon_name}") == 0 || strcmp(name, "{client_name}") == 0 || strcmp(name, "{cert_subject}") == 0 ? scene->daemon_name.at : NULL;
}

/* A value as it can come: without a NUL. */
static void
read_fields(struct scene *scene)
{
	struct str line, name;

	while (scene->n_fields < FIELDS_MAX && str_take_until(&scene->f.rest, '\0', &line) && line.len > 0) {
		struct str kept = keep(scene, line);

		for (size_t i = 0; i < kept.len; i++)
			if (kept.at[i] == 0x1f)
				((char *)(uintptr_t)kept.at)[i] = '\n';
		(void)str_take_until(&kept, ':', &name);
		name = str_trim(name);	/* as a server gives it */
		if (name.len > 0)	/* libmilter ends such a session */
			scene->fields[scene->n_fields++] = (struct field){ .name = name, .value = kept };
	}
}

/* --- what must hold --- */

/* The nth of the name, in any case. */
static struct field *
find_field(struct scene *scene, const char *name, int nth)
{
	for (int i = 0; i < scene->n_fields; i++)
		if (str_eq_nocase(scene->fields[i].name, str_of(name)) && !scene->fields[i].is_removed && --nth == 0)
			return &scene->fields[i];
	return NULL;
}

/* In their order, each by the numbers as they are then: as the server does it. */
static void
remove_fields(struct scene *scene, struct judging *judging)
{
	int n;
	const struct field_removal *removals = judging_removals(judging, &n);

	insist(removals != NULL);
	for (int i = 0; i < n; i++) {
		struct field *field = find_field(scene, removals[i].name, removals[i].nth);

		insist(field != NULL);
		field->is_removed = true;
	}
}

static bool
is_ours(struct scene *scene, const struct field *field)
{
	struct header_section section;
	const char *why;
	struct buf text;
	bool is_found;

	if (str_eq_nocase(str_trim(field->name), STR("X-Traffic-Class")))
		return true;
	buf_init(&text, FUZZ_ROOM_MAX_BYTES);
	insist(fields_append(field->name, field->value, &text) == 0);
	is_found = header_read(buf_str(&text), &scene->arena, &section) == 0 && section.n_fields > 0 &&
	    auth_results_is_ours(&section.fields[0], STR("mx.relay.example"), &scene->arena, &why);
	buf_fini(&text);
	return is_found;
}

static void
check_insertions(struct judging *judging)
{
	int n;
	const struct field_insertion *insertions = judging_insertions(judging, &n);

	insist(insertions != NULL);
	for (int i = 0; i < n; i++) {
		struct str name = str_of(insertions[i].name), value = str_of(insertions[i].value);

		insist(name.len > 0 && str_is_printable(name) && str_find(name, ':') < 0 && str_find(value, '\r') < 0);
		for (size_t k = 0; k < value.len; k++)
			if (value.at[k] == '\n')
				insist(k + 1 < value.len && (value.at[k + 1] == ' ' || value.at[k + 1] == '\t'));
	}
}

static void
check_end(struct scene *scene, struct judging *judging, const struct verdict *verdict)
{
	bool is_accepted_so = judging_has_failed(judging) && judging_is_accepted_on_failure(judging);
	struct str path;
	struct buf words;

	buf_init(&words, STAMP_WORDS_MAX_BYTES);
	judging_words(judging, &words);
	insist(words.len > 0 && str_is_printable(buf_str(&words)));
	buf_fini(&words);
	insist(verdict->action == ACTION_ACCEPT || verdict->reply.code / 100 == (verdict->action == ACTION_REJECT ? 5 : 4));
	if (verdict->action != ACTION_ACCEPT && !is_accepted_so)
		return;
	insist(judging_reverse_path(judging, &path));
	remove_fields(scene, judging);
	for (int i = 0; i < scene->n_fields; i++)
		insist(scene->fields[i].is_removed || !is_ours(scene, &scene->fields[i]));
	check_insertions(judging);
}

/* --- a mail --- */

static void
run(struct scene *scene, const struct judging_start *start, struct str recipient)
{
	struct judging *judging = judging_new(&stage.world, start);
	struct str body = scene->f.rest, piece;
	struct verdict verdict;

	judging_recipient(judging, recipient, scene->daemon_name);
	for (int i = 0; i < scene->n_fields; i++)
		judging_field(judging, scene->fields[i].name, scene->fields[i].value);
	judging_header(judging);
	if ((scene->choice & CHOICE_LEAVES) == 0) {
		while (fuzz_piece(&scene->f, PIECE_MAX_BYTES, &body, &piece) && judging_wants_body(judging))
			judging_body(judging, piece);
		judging_end(judging, &verdict);
		check_end(scene, judging, &verdict);
	}
	judging_free(judging);
	judging_stage_settle(&stage);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct scene scene = { .n_fields = 0 };
	struct judging_start start = { .macros = { .find = find_macro, .context = &scene } };
	struct str recipient, zone_text;
	struct zone zone;

	if (stage.loop == NULL)
		judging_stage_begin(&stage);
	fuzz_begin(&scene.f, bytes, n_bytes, &scene.choice);
	arena_init(&scene.arena, FUZZ_ROOM_MAX_BYTES);
	scene.client = keep(&scene, fuzz_line(&scene.f));
	scene.daemon_name = keep(&scene, fuzz_line(&scene.f));
	start.helo = keep(&scene, fuzz_line(&scene.f));
	start.path = keep(&scene, fuzz_line(&scene.f));
	start.is_smtputf8 = scene.choice & CHOICE_SMTPUTF8;
	recipient = keep(&scene, fuzz_line(&scene.f));
	if (!str_take_until(&scene.f.rest, '\0', &zone_text))
		zone_text = STR_EMPTY;
	zone_init(&zone, keep(&scene, zone_text));
	stage.answers = &zone.resolver;
	stage.rules.accepts_on_failure = scene.choice & CHOICE_ACCEPTS;
	stage.rules.memory_max_bytes = scene.choice & CHOICE_SMALL ? SMALL_MEMORY_BYTES : 64 * 1024 * 1024;
	read_fields(&scene);
	run(&scene, &start, recipient);
	arena_fini(&scene.arena);
	fuzz_end(&scene.f);
	return 0;
}
