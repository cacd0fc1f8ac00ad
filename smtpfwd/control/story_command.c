/*
 * story_command.c - lines of a story as JSON, and what is to be said when there are none
 */
#include "mail/date.h"
#include "smtpfwd/control/story_command.h"
#include "smtpfwd/story/story_line.h"

enum { VALUE_MAX_BYTES = LOG_LINE_MAX_BYTES };

static json_t *
time_json(struct timestamp at)
{
	char room[DATE_TEXT_MAX];

	return at.us == 0 ? json_null() : control_json_str(date_iso_text(at, room));
}

static json_t *
line_json(struct str line, struct buf *value)
{
	json_t *object = json_object();
	char name[64];
	struct str at, event, key;

	if (!story_line_take_time(&line, &at) || !str_take_word(&line, &event)) {
		json_decref(object);
		return NULL;
	}
	json_object_set_new(object, "at", control_json_str(at));
	json_object_set_new(object, "event", control_json_str(event));
	while (story_line_take_pair(&line, &key, value)) {
		if (key.len >= sizeof(name) || !str_is_printable(key))
			continue;
		memcpy(name, key.at, key.len);
		name[key.len] = '\0';
		json_object_set_new(object, name, control_json_str(buf_str(value)));
	}
	return json_pack("{s:o}", "line", object);
}

static bool
note_one(void *context, const struct queue_mail_view *mail)
{
	(void)mail;
	*(bool *)context = true;
	return false;
}

static bool
is_in_queue(const struct story_command *c, const struct mail_id *id, struct instant deadline)
{
	struct queue_filter filter = { .id = *id };
	bool is_found = false;

	return queue_list(c->queue, &filter, note_one, &is_found, deadline) != 0 || is_found;
}

static void
say_nothing_known(struct answer *answer, const struct mail_id *id, const struct story_told *told, bool is_there)
{
	char room[DATE_TEXT_MAX], text[MAIL_ID_TEXT_MAX];
	const char *where = is_there ? "; it is in the queue (queue show)" : "";

	mail_id_text(id, text);
	if (told->kept_since.us == 0)
		answer_error(answer, "nothing is kept yet%s", where);
	else if (mail_id_time(id).us < told->kept_since.us)
		answer_error(answer, "%s is older than what is kept, which begins at %s%s", text,
		    date_iso_text(told->kept_since, room).at, where);
	else
		answer_error(answer, "no mail %s is known; what is kept begins at %s%s", text,
		    date_iso_text(told->kept_since, room).at, where);
}

static json_t *
summary_json(const struct mail_id *id, const struct story_told *told, bool is_there)
{
	json_t *ids = json_array();
	char room[MAIL_ID_TEXT_MAX];

	for (int i = 0; i < told->n_ids; i++)
		json_array_append_new(ids, control_json_str(mail_id_text(&told->ids[i], room)));
	return json_pack("{s:{s:o, s:I, s:o, s:o, s:b, s:b, s:b}}", "trace", "id", control_json_str(mail_id_text(id, room)),
	    "lines", (json_int_t)told->n_lines, "ids", ids, "kept-since", time_json(told->kept_since),
	    "is-in-queue", is_there, "is-cut", told->is_cut, "begins-before", mail_id_time(id).us < told->kept_since.us);
}

/* Gaps alone tell nothing of a mail. */
static bool
has_mail_line(const struct story_told *told)
{
	struct str rest = buf_str(&told->lines), line, at;

	while (str_take_until(&rest, '\n', &line))
		if (story_line_take_time(&line, &at) && story_line_id(line).len > 0)
			return true;
	return false;
}

static void
tell(const struct story_command *c, const struct mail_id *id, const struct story_told *told, struct answer *answer,
    struct instant deadline)
{
	bool is_there = is_in_queue(c, id, deadline);
	struct str rest = buf_str(&told->lines), line;
	struct buf value;

	if (!has_mail_line(told)) {
		say_nothing_known(answer, id, told, is_there);
		return;
	}
	buf_init(&value, VALUE_MAX_BYTES);
	while (str_take_until(&rest, '\n', &line)) {
		json_t *object = line_json(line, &value);

		if (object != NULL && answer_write(answer, object, deadline) != 0)
			break;
	}
	buf_fini(&value);
	(void)answer_write(answer, summary_json(id, told, is_there), deadline);
}

void
story_command_run(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct story_command *c = context;
	struct str text = str_of(json_string_value(json_object_get(request, "id")));
	struct story_told told;
	struct mail_id id;
	struct fault fault;

	if (!mail_id_parse(text, &id) || mail_id_is_none(&id)) {
		answer_error(answer, "\"%.*s\" is no mail's id", STR_ARG(text));
		return;
	}
	if (c->story == NULL) {
		answer_error(answer, "no stories are kept: trace-keep is 0s");
		return;
	}
	if (story_look_up(c->story, &id, deadline, &told, &fault) == 0)
		tell(c, &id, &told, answer, deadline);
	else
		answer_error(answer, "%s", fault.text);
	buf_fini(&told.lines);
}
