/*
 * queue_commands.c - requests about the queue turned into its calls
 */
#include "base/code.h"
#include "base/mem.h"
#include "mail/history.h"
#include "smtpfwd/control/queue_filters.h"
#include "smtpfwd/control/queue_json.h"

enum { EXPORT_PIECE_BYTES = 24 * 1024 };	/* of a mail's content, in one line of an answer */

struct listing {
	struct answer	*answer;
	struct instant	 deadline;
	int64_t		 n;
	bool		 is_gone;	/* the operator hung up */
};

static bool
list_one(void *context, const struct queue_mail_view *mail)
{
	struct listing *listing = context;

	listing->n++;
	listing->is_gone = answer_write(listing->answer, json_pack("{s:o}", "mail", queue_mail_json(mail)), listing->deadline) != 0;
	return !listing->is_gone;
}

/*
 * Visits what the filters let pass.  False: not all could be told, and the answer's error says so: who takes an answer
 * for all there is could throw the rest away.
 */
static bool
visit_mails(const struct queue_commands *c, struct filters *filters, bool (*visit)(void *context, const struct queue_mail_view *mail),
    void *context, const bool *is_gone, struct answer *answer, struct instant deadline)
{
	int64_t n = 0, n_now;
	int i = 0;

	do {
		if (filters->n_destinations > 0)
			filters->filter.destination = filters->destinations[i];
		n_now = queue_list(c->queue, &filters->filter, visit, context, deadline);
		n += n_now;
	} while (n_now >= 0 && ++i < filters->n_destinations && !*is_gone);
	if (n_now < 0)
		answer_error(answer, "not all could be told in time: there are more");
	else if (n > 0)
		answer_error(answer, "%lld mail%s could not be read, as the log says", (long long)n, n == 1 ? "" : "s");
	return n_now >= 0 && n == 0;
}

static void
list_mails(const struct queue_commands *c, const json_t *request, struct answer *answer, struct instant deadline, bool is_show)
{
	struct listing listing = { .answer = answer, .deadline = deadline };
	struct filters filters;

	if (filters_read(c, request, answer, &filters)) {
		if (visit_mails(c, &filters, list_one, &listing, &listing.is_gone, answer, deadline) && is_show && listing.n == 0)
			answer_error(answer, "no such mail is in the queue");
	}
	filters_fini(&filters);
}

static void
run_list(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	list_mails(context, request, answer, deadline, false);
}

static void
run_show(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	if (json_string_length(json_object_get(request, "id")) == 0)
		answer_error(answer, "show needs an id");
	else
		list_mails(context, request, answer, deadline, true);
}

/* --- export: mails with their content --- */

struct export {
	const struct queue_commands *c;
	struct answer	*answer;
	struct instant	 deadline;
	char		*piece;
	struct buf	 text;		/* the piece in base64 */
	int64_t		 n;
	bool		 is_gone;	/* the operator hung up */
};

/* 0: all was written; -1: the operator is gone, or, with why set, the mail cannot be read. */
static int
export_content(struct export *export, const struct queue_mail_view *mail, struct fault *fault_out)
{
	struct fault fault;
	int64_t offset = 0;
	ssize_t n;

	fault_out->text[0] = '\0';
	while ((n = queue_read_listed(export->c->queue, mail, offset, export->piece, EXPORT_PIECE_BYTES, export->deadline, &fault)) > 0) {
		buf_clear(&export->text);
		if (base64_encode(str_n(export->piece, (size_t)n), &export->text) != 0 || answer_write(export->answer,
		    json_pack("{s:s%}", "content", export->text.at, export->text.len), export->deadline) != 0) {
			export->is_gone = true;
			return -1;
		}
		offset += n;
	}
	if (n < 0)
		*fault_out = fault;
	return n < 0 ? -1 : 0;
}

static bool
export_one(void *context, const struct queue_mail_view *mail)
{
	struct export *export = context;
	char room[MAIL_ID_TEXT_MAX];
	json_t *end = json_object();
	struct fault fault;

	export->n++;
	export->is_gone = answer_write(export->answer, json_pack("{s:o}", "mail", queue_envelope_json(mail)), export->deadline) != 0;
	json_object_set_new(end, "id", control_json_str(mail_id_text(&mail->id, room)));
	if (!export->is_gone && export_content(export, mail, &fault) != 0 && !export->is_gone)
		json_object_set_new(end, "error", control_json_str(str_of(fault.text)));
	if (export->is_gone)
		json_decref(end);
	else
		export->is_gone = answer_write(export->answer, json_pack("{s:o}", "end", end), export->deadline) != 0;
	return !export->is_gone;
}

static void
run_export(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	struct export export = { .c = context, .answer = answer, .deadline = deadline, .piece = mem_new(EXPORT_PIECE_BYTES) };
	struct filters filters;

	buf_init(&export.text, EXPORT_PIECE_BYTES * 2);
	if (filters_read(export.c, request, answer, &filters)) {
		if (visit_mails(export.c, &filters, export_one, &export, &export.is_gone, answer, deadline) && export.n == 0 &&
		    !mail_id_is_none(&filters.filter.id))
			answer_error(answer, "no such mail is in the queue");
	}
	filters_fini(&filters);
	buf_fini(&export.text);
	mem_free(export.piece);
}

/* --- changes --- */

static bool
note_one(void *context, const struct queue_mail_view *mail)
{
	(void)mail;
	*(bool *)context = true;
	return false;
}

/* Tells a mail that needed no change from one that is not there. */
static bool
is_there(const struct queue_commands *c, const struct queue_filter *filter, struct instant deadline)
{
	bool is_found = false;

	return queue_list(c->queue, filter, note_one, &is_found, deadline) != 0 || is_found;
}

typedef int64_t queue_change(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);

static void
change_mails(const struct queue_commands *c, const json_t *request, struct answer *answer, struct instant deadline,
    queue_change *change)
{
	struct filters filters;
	struct fault fault;
	bool has_failed = false, is_late = false;
	int64_t n = 0, total = 0;
	int i = 0;

	if (filters_read(c, request, answer, &filters)) {
		if (!filters.is_given) {
			answer_error(answer, "say which: an id, a recipient domain, a next hop, or all");
		} else {
			do {
				if (filters.n_destinations > 0)
					filters.filter.destination = filters.destinations[i];
				n = change(c->queue, &filters.filter, deadline, &fault);
				total += n > 0 ? n : 0;
				if (change == queue_retry_now && c->retried != NULL)
					c->retried(c->retried_context, filters.filter.destination);
				if (n < 0) {
					answer_error(answer, "%s", fault.text);
					has_failed = true;
					is_late = fault.cause == FAULT_TIMED_OUT;
				}
			} while (!is_late && ++i < filters.n_destinations);
			if (!has_failed && total == 0 && !mail_id_is_none(&filters.filter.id) && !is_there(c, &filters.filter, deadline))
				answer_error(answer, "no such mail is in the queue");
			answer_write(answer, json_pack("{s:I}", "mails", (json_int_t)total), deadline);
		}
	}
	filters_fini(&filters);
}

static void
run_hold(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	change_mails(context, request, answer, deadline, queue_hold);
}

static void
run_release(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	change_mails(context, request, answer, deadline, queue_release);
}

static void
run_bounce(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	change_mails(context, request, answer, deadline, queue_bounce);
}

static void
run_retry(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	change_mails(context, request, answer, deadline, queue_retry_now);
}

static void
run_remove(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	change_mails(context, request, answer, deadline, queue_remove);
}

void
queue_commands_fill(struct queue_commands *context, struct control_command commands_out[QUEUE_COMMANDS_N])
{
	const struct control_command commands[QUEUE_COMMANDS_N] = {
		{ "queue-list", run_list, context }, { "queue-show", run_show, context },
		{ "queue-hold", run_hold, context }, { "queue-release", run_release, context },
		{ "queue-retry", run_retry, context }, { "queue-remove", run_remove, context },
		{ "queue-export", run_export, context }, { "queue-bounce", run_bounce, context },
	};

	memcpy(commands_out, commands, sizeof(commands));
}
