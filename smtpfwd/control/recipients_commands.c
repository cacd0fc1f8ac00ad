/*
 * recipients_commands.c - requests about recipients turned into calls on what is known of them
 */
#include "mail/date.h"
#include "smtpfwd/control/recipients_commands.h"
#include "smtpfwd/runtime/os.h"

enum { PARTS_MAX = 20 };		/* next hops of a relay that goes by the recipient: 16 are possible */

static struct str
text_of(const json_t *request, const char *key)
{
	const json_t *value = json_object_get(request, key);

	return str_n(json_string_value(value), json_string_length(value));
}

static const char *
word_of(enum known known)
{
	switch (known) {
	case KNOWN_NOT:
		return "unknown";
	case KNOWN_GOOD:
		return "good";
	case KNOWN_BAD:
		return "bad";
	}
	return "";
}

static json_t *
recipient_json(const struct knowledge *knowledge, const struct known_record *record)
{
	char room[DATE_TEXT_MAX];
	json_t *object = json_object();

	json_object_set_new(object, "relay", control_json_str(record->relay));
	json_object_set_new(object, "address", control_json_str(record->address));
	json_object_set_new(object, "known", json_string(word_of(record->known)));
	if (record->told.us != 0) {
		json_object_set_new(object, "told", control_json_str(date_iso_text(record->told, room)));
		json_object_set_new(object, "until",
		    control_json_str(date_iso_text(knowledge_until(knowledge, record->known, record->told), room)));
	}
	return object;
}

/* --- which one --- */

struct parts {				/* what an operator means by a relay; found anew after whatever suspends: a reload makes other names */
	struct str	 relay;
	struct str	 names[PARTS_MAX];
	int		 n;
};

static void
note_part(void *context, struct str name, const struct knowledge_counts *counts)
{
	struct parts *parts = context;
	bool is_below = str_starts(name, parts->relay) && name.len > parts->relay.len && name.at[parts->relay.len] == '/';

	(void)counts;
	if ((is_below || str_eq(name, parts->relay)) && parts->n < PARTS_MAX)
		parts->names[parts->n++] = name;
}

/* The one of this name, or each of its next hops; none: there is no such relay. */
static void
find_parts(const struct recipients_commands *c, struct str relay, struct parts *parts_out)
{
	*parts_out = (struct parts){ .relay = relay };
	knowledge_each_relay(c->knowledge, note_part, parts_out);
}

struct which {
	struct address	 address;
	struct parts	 parts;		/* one at least */
};

/* Why an address cannot be known of, or NULL and which it is.  relay: what the operator says; empty: nothing. */
static const char *
find_which(const struct recipients_commands *c, struct str text, struct str relay, struct which *which_out)
{
	const char *name;

	if (!address_parse(text, true, &which_out->address))
		return "is no address";
	if (relay.len == 0) {
		name = c->relay_of(c->relay_of_context, which_out->address.domain);
		if (name == NULL)
			return "has a domain that no relay takes";
		relay = str_of(name);
	}
	find_parts(c, relay, &which_out->parts);
	return which_out->parts.n > 0 ? NULL : "is for a relay that there is not";
}

/* False, and the answer's error says so, when the operator names a relay that there is not. */
static bool
is_relay_known(const struct recipients_commands *c, struct str relay, struct answer *answer)
{
	struct parts parts;

	find_parts(c, relay, &parts);
	if (relay.len == 0 || parts.n > 0)
		return true;
	answer_error(answer, "there is no such relay");
	return false;
}

/* --- list --- */

struct listing {
	const struct recipients_commands *commands;
	struct parts		 parts;		/* only theirs; relay empty: all */
	struct timestamp	 now;
	json_t			*found;		/* a list; nothing may suspend while entries are visited */
};

static bool
is_wanted(const struct listing *listing, struct str name)
{
	for (int i = 0; i < listing->parts.n; i++)
		if (str_eq(name, listing->parts.names[i]))
			return true;
	return listing->parts.relay.len == 0;
}

static void
collect_one(void *context, const struct known_record *record)
{
	struct listing *listing = context;

	if (!is_wanted(listing, record->relay))
		return;
	if (knowledge_until(listing->commands->knowledge, record->known, record->told).us >= listing->now.us)
		json_array_append_new(listing->found, recipient_json(listing->commands->knowledge, record));
}

static void
collect_counts(void *context, struct str relay, const struct knowledge_counts *counts)
{
	struct listing *listing = context;

	if (is_wanted(listing, relay))
		json_array_append_new(listing->found, json_pack("{s:{s:o, s:I, s:I, s:I, s:I}}", "relay", "name", control_json_str(relay),
		    "good", (json_int_t)counts->n_good, "bad", (json_int_t)counts->n_bad, "good-gone", (json_int_t)counts->n_good_gone,
		    "bad-gone", (json_int_t)counts->n_bad_gone));
}

/* Writes what was collected, each as it is or as a member.  -1 when the operator has gone. */
static int
write_found(struct listing *listing, const char *member, struct answer *answer, struct instant deadline)
{
	json_t *object;
	size_t i;
	int status = 0;

	json_array_foreach(listing->found, i, object) {
		json_incref(object);
		status = answer_write(answer, member != NULL ? json_pack("{s:o}", member, object) : object, deadline);
		if (status != 0)
			break;
	}
	json_array_clear(listing->found);
	return status;
}

static void
list_all(struct listing *listing, struct str relay, struct answer *answer, struct instant deadline)
{
	size_t place = 0;
	bool is_more;

	do {
		find_parts(listing->commands, relay, &listing->parts);
		is_more = knowledge_each(listing->commands->knowledge, &place, collect_one, listing);
		if (write_found(listing, "recipient", answer, deadline) != 0)
			return;
		fiber_yield();
	} while (is_more);
	find_parts(listing->commands, relay, &listing->parts);
	knowledge_each_relay(listing->commands->knowledge, collect_counts, listing);
	(void)write_found(listing, NULL, answer, deadline);
}

static void
list_one(const struct recipients_commands *c, struct str text, const struct which *which, struct answer *answer, struct instant deadline)
{
	struct listing listing = { .commands = c, .found = json_array() };

	for (int i = 0; i < which->parts.n; i++) {
		struct known_record record = { .known = KNOWN_NOT, .relay = which->parts.names[i], .address = text };

		(void)knowledge_look_up(c->knowledge, record.relay, &which->address, os_wall_clock(), &record);
		json_array_append_new(listing.found, recipient_json(c->knowledge, &record));
	}
	(void)write_found(&listing, "recipient", answer, deadline);
	json_decref(listing.found);
}

static void
run_list(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct recipients_commands *c = context;
	struct str address = text_of(request, "address"), relay = text_of(request, "relay");
	struct listing listing = { .commands = c, .now = os_wall_clock() };
	struct which which;
	const char *why;

	if (address.len != 0) {
		why = find_which(c, address, relay, &which);
		if (why == NULL)
			list_one(c, address, &which, answer, deadline);
		else
			answer_error(answer, "it %s", why);
	} else if (is_relay_known(c, relay, answer)) {
		listing.found = json_array();
		list_all(&listing, relay, answer, deadline);
		json_decref(listing.found);
	}
}

/* --- import --- */

static const char *
import_one(const struct recipients_commands *c, const json_t *value, struct str relay, enum known known)
{
	struct str text = str_n(json_string_value(value), json_string_length(value));
	struct timestamp now = os_wall_clock();
	struct which which;
	const char *why = text.len != 0 ? find_which(c, text, relay, &which) : "is no address";

	if (why == NULL && !str_eq(which.parts.names[0], which.parts.relay))
		why = "is for a relay whose next hops have each some of its mailboxes: name one of them, relay/next-hop";
	if (why == NULL && !knowledge_set(c->knowledge, which.parts.names[0], &which.address, known, now, now))
		why = "has no domain name that can be looked up";
	return why;
}

static void
run_import(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct recipients_commands *c = context;
	const json_t *addresses = json_object_get(request, "addresses"), *value;
	struct str relay = text_of(request, "relay"), known = text_of(request, "known");
	json_int_t n = 0;
	size_t i;

	if (!json_is_array(addresses) || (known.len != 0 && !str_eq(known, STR("good")) && !str_eq(known, STR("bad")))) {
		answer_error(answer, "import needs a list of addresses, known to be good or bad");
		return;
	}
	if (!is_relay_known(c, relay, answer))
		return;
	json_array_foreach(addresses, i, value) {
		const char *why = import_one(c, value, relay, str_eq(known, STR("bad")) ? KNOWN_BAD : KNOWN_GOOD);

		n += why == NULL;
		if (why != NULL && answer_write(answer, json_pack("{s:{s:o, s:s}}", "refused", "address",
		    control_json_str(str_n(json_string_value(value), json_string_length(value))), "why", why), deadline) != 0)
			return;
	}
	log_say(c->log, LOG_LEVEL_INFO, "recipients-imported", "%lld by the operator", (long long)n);
	(void)answer_write(answer, json_pack("{s:I}", "imported", n), deadline);
}

/* --- forget --- */

static void
run_forget(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct recipients_commands *c = context;
	struct str address = text_of(request, "address"), relay = text_of(request, "relay");
	struct timestamp now = os_wall_clock();
	struct known_record record;
	struct which which;
	const char *why;
	json_int_t n = 0;

	if (address.len != 0) {
		why = find_which(c, address, relay, &which);
		if (why != NULL) {
			answer_error(answer, "it %s", why);
			return;
		}
		for (int i = 0; i < which.parts.n; i++) {
			n += knowledge_look_up(c->knowledge, which.parts.names[i], &which.address, now, &record);
			(void)knowledge_set(c->knowledge, which.parts.names[i], &which.address, KNOWN_NOT, now, now);
		}
	} else if (relay.len == 0 && !json_is_true(json_object_get(request, "all"))) {
		answer_error(answer, "forget needs an address, a relay, or all");
		return;
	} else if (is_relay_known(c, relay, answer)) {
		find_parts(c, relay, &which.parts);
		for (int i = 0; i < which.parts.n; i++)
			n += (json_int_t)knowledge_forget_all(c->knowledge, which.parts.names[i]);
		if (relay.len == 0)
			n = (json_int_t)knowledge_forget_all(c->knowledge, relay);
	} else {
		return;
	}
	log_say(c->log, LOG_LEVEL_INFO, "recipients-forgotten", "%lld by the operator", (long long)n);
	(void)answer_write(answer, json_pack("{s:I}", "forgotten", n), deadline);
}

void
recipients_commands_fill(struct recipients_commands *context, struct control_command commands_out[RECIPIENTS_COMMANDS_N])
{
	static const struct control_command commands[RECIPIENTS_COMMANDS_N] = {
		{ .name = "recipients-list", .run = run_list },
		{ .name = "recipients-import", .run = run_import },
		{ .name = "recipients-forget", .run = run_forget },
	};

	for (int i = 0; i < RECIPIENTS_COMMANDS_N; i++) {
		commands_out[i] = commands[i];
		commands_out[i].context = context;
	}
}
