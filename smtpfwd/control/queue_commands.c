/*
 * queue_commands.c - requests about the queue turned into its calls, and its views into JSON
 */
#include "base/arena.h"
#include "mail/date.h"
#include "mail/history.h"
#include "smtpfwd/control/queue_commands.h"

enum {
	DESTINATIONS_MAX = 1000,	/* that one word can mean: more relays do not share a next hop */
	FILTER_MAX_BYTES = 1024 * 1024,
};

struct filters {			/* what a request asks for: one filter per destination, or one */
	struct arena		 arena;
	struct queue_filter	 filter;
	struct str		*destinations;
	int			 n_destinations;	/* 0: any */
	bool			 is_given;	/* something was said, if only "all" */
};

static void
add_destination(void *context, struct str destination)
{
	struct filters *filters = context;

	if (filters->n_destinations < DESTINATIONS_MAX &&
	    arena_copy(&filters->arena, destination, &filters->destinations[filters->n_destinations]))
		filters->n_destinations++;
}

static struct str
text_of(const json_t *request, const char *key)
{
	return str_of(json_string_value(json_object_get(request, key)));
}

/*
 * Each key is known and of its type: a misspelt or empty one must not make "remove these" into "remove all".
 * False: the answer's error says which is not.
 */
static bool
is_understood(const json_t *request, struct answer *answer)
{
	static const struct { const char *name; bool is_flag; } keys[] = {
		{ "command", false }, { "id", false }, { "recipient-domain", false }, { "next-hop", false },
		{ "held", true }, { "all", true },
	};
	const size_t n_keys = sizeof(keys) / sizeof(keys[0]);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)request, name, value) {
		size_t i = 0;

		while (i < n_keys && strcmp(keys[i].name, name) != 0)
			i++;
		if (i == n_keys) {
			answer_error(answer, "\"%s\" is nothing that a request can say", name);
			return false;
		}
		if (keys[i].is_flag ? !json_is_true(value) : json_string_length(value) == 0) {
			answer_error(answer, "\"%s\" must be %s", name, keys[i].is_flag ? "true, or left out" : "a text, and not empty");
			return false;
		}
	}
	return true;
}

/* False when the request cannot mean anything; the answer's error says why. */
static bool
read_filters(const struct queue_commands *c, const json_t *request, struct answer *answer, struct filters *filters)
{
	struct str id = text_of(request, "id"), hop = text_of(request, "next-hop");

	arena_init(&filters->arena, FILTER_MAX_BYTES);
	filters->destinations = arena_array(&filters->arena, DESTINATIONS_MAX, sizeof(struct str));
	filters->filter.recipient_domain = text_of(request, "recipient-domain");
	filters->filter.is_held_only = json_is_true(json_object_get(request, "held"));
	filters->is_given = id.len != 0 || hop.len != 0 || filters->filter.recipient_domain.len != 0 ||
	    filters->filter.is_held_only || json_is_true(json_object_get(request, "all"));
	if (!is_understood(request, answer))
		return false;
	if (id.len != 0 && !mail_id_parse(id, &filters->filter.id)) {
		answer_error(answer, "\"%.*s\" is no mail's id", STR_ARG(id));
		return false;
	}
	if (hop.len != 0) {
		if (c->each_destination != NULL)
			c->each_destination(c->each_destination_context, hop, add_destination, filters);
		if (filters->n_destinations == 0) {
			answer_error(answer, "\"%.*s\" is no relay, route or next hop", STR_ARG(hop));
			return false;
		}
	}
	return true;
}

static const char *
state_word(const struct queue_recipient_view *recipient)
{
	switch (recipient->state) {
	case QUEUE_WAITING:
		return "waiting";
	case QUEUE_IN_DELIVERY:
		return "in delivery";
	case QUEUE_DONE:
		return "delivered";
	case QUEUE_FAILED:
		return "failed";
	case QUEUE_HELD:
		return "held";
	}
	return "waiting";
}

static json_t *
time_json(struct timestamp at)
{
	char room[DATE_TEXT_MAX];

	return at.us == 0 ? json_null() : control_json_str(date_iso_text(at, room));
}

static json_t *
recipient_json(const struct queue_recipient_view *recipient)
{
	json_t *object = json_object();

	json_object_set_new(object, "address", control_json_str(recipient->address));
	json_object_set_new(object, "state", json_string(state_word(recipient)));
	json_object_set_new(object, "destination", control_json_str(recipient->destination));
	json_object_set_new(object, "tries", json_integer(recipient->n_tries));
	if (recipient->state == QUEUE_WAITING)
		json_object_set_new(object, "next-try", time_json(recipient->next_try));
	if (recipient->last_text.len != 0)
		json_object_set_new(object, "last", control_json_str(recipient->last_text));
	return object;
}

static json_t *
mail_json(const struct queue_mail_view *mail)
{
	json_t *object = json_object(), *recipients = json_array();
	char room[MAIL_ID_TEXT_MAX];
	struct buf sender = { .max = ADDRESS_MAX_BYTES };

	address_append(&mail->envelope->reverse_path, &sender);
	json_object_set_new(object, "id", control_json_str(mail_id_text(&mail->id, room)));
	json_object_set_new(object, "arrived", time_json(mail->facts->arrived));
	json_object_set_new(object, "size", json_integer(mail->content_bytes));
	json_object_set_new(object, "from", control_json_str(buf_str(&sender)));
	json_object_set_new(object, "class", control_json_str(mail->facts->class_name));
	json_object_set_new(object, "client", control_json_str(mail->facts->client));
	json_object_set_new(object, "listener", control_json_str(mail->facts->listener));
	json_object_set_new(object, "held", json_boolean(mail->is_held));
	json_object_set_new(object, "expires", time_json(mail->expires));
	for (int i = 0; i < mail->n_recipients; i++)
		json_array_append_new(recipients, recipient_json(&mail->recipients[i]));
	json_object_set_new(object, "recipients", recipients);
	buf_fini(&sender);
	return object;
}

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
	listing->is_gone = answer_write(listing->answer, json_pack("{s:o}", "mail", mail_json(mail)), listing->deadline) != 0;
	return !listing->is_gone;
}

static void
list_mails(const struct queue_commands *c, const json_t *request, struct answer *answer, struct instant deadline, bool is_show)
{
	struct listing listing = { .answer = answer, .deadline = deadline };
	struct filters filters = { .is_given = false };
	int i = 0;

	if (read_filters(c, request, answer, &filters)) {
		do {
			if (filters.n_destinations > 0)
				filters.filter.destination = filters.destinations[i];
			queue_list(c->queue, &filters.filter, list_one, &listing, deadline);
		} while (++i < filters.n_destinations && !listing.is_gone);
		if (is_show && listing.n == 0)
			answer_error(answer, "no such mail is in the queue");
	}
	arena_fini(&filters.arena);
}

static void
run_list(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	list_mails(context, request, answer, deadline, false);
}

static void
run_show(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	if (text_of(request, "id").len == 0)
		answer_error(answer, "show needs an id");
	else
		list_mails(context, request, answer, deadline, true);
}

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

	queue_list(c->queue, filter, note_one, &is_found, deadline);
	return is_found;
}

typedef int64_t queue_change(struct queue *queue, const struct queue_filter *filter, struct instant deadline, struct fault *fault_out);

static void
change_mails(const struct queue_commands *c, const json_t *request, struct answer *answer, struct instant deadline,
    queue_change *change)
{
	struct filters filters = { .is_given = false };
	struct fault fault;
	int64_t n = 0, total = 0;
	int i = 0;

	if (read_filters(c, request, answer, &filters)) {
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
			} while (n >= 0 && ++i < filters.n_destinations);
			if (n < 0)
				answer_error(answer, "%s", fault.text);
			else if (total == 0 && !mail_id_is_none(&filters.filter.id) && !is_there(c, &filters.filter, deadline))
				answer_error(answer, "no such mail is in the queue");
			answer_write(answer, json_pack("{s:I}", "mails", (json_int_t)total), deadline);
		}
	}
	arena_fini(&filters.arena);
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
	};

	memcpy(commands_out, commands, sizeof(commands));
}
