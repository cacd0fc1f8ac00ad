/*
 * socketmap_server.c - what is looked up in each table
 */
#include <stdio.h>

#include "milter/socketmap.h"
#include "milter/socketmap_server.h"

enum {
	ADDRESS_ROOM_BYTES = 8 * 1024,	/* an address undone, quoted, and its domain in canonical form */
	TEXT_MAX_BYTES = 1024,		/* of what is wrong */
};

struct look_up {
	const struct policy	*policy;
	struct str		 class_name;	/* behind the table's name and a "/"; "" for none */
	struct str		 key;
	struct timestamp	 now;
	struct buf		*out;
};

/* Each returns false where out is full. */

static bool
reply(const struct look_up *look_up, enum socketmap_status status, struct str text)
{
	return socketmap_reply(status, text, look_up->out) == 0;
}

static bool
reply_not_found(const struct look_up *look_up)
{
	return reply(look_up, SOCKETMAP_NOTFOUND, STR_EMPTY);
}

static bool
reply_transport(const struct look_up *look_up, struct str destination)
{
	const char *text = transports_find(policy_transports(look_up->policy), destination);
	char why[TEXT_MAX_BYTES];
	int n;

	if (text != NULL && text[0] != '\0')
		return reply(look_up, SOCKETMAP_OK, str_of(text));
	n = snprintf(why, sizeof(why), "%.*s goes by the recipient, which a table cannot tell: set its postfix-transport", STR_ARG(destination));
	return reply(look_up, SOCKETMAP_PERM, str_n(why, n < (int)sizeof(why) ? (size_t)n : sizeof(why) - 1));
}

/* A key is an address without quotes, whatever is in its local part; Postfix's wildcard "*" and a local part alone have no domain. */
static struct str
domain_of(struct str key)
{
	ptrdiff_t at = str_rfind(key, '@');

	return at >= 0 ? str_from(key, (size_t)at + 1) : STR_EMPTY;
}

/* A name misspelt there, or changed here: its mail would leave by Postfix's own ways, and not by those that it is to have. */
static bool
reply_no_class(const struct look_up *look_up)
{
	char why[TEXT_MAX_BYTES];

	(void)snprintf(why, sizeof(why), "there is no class %.*s", STR_ARG(str_sub(look_up->class_name, 0, CLASS_NAME_MAX_BYTES)));
	return reply(look_up, SOCKETMAP_PERM, str_of(why));
}

static bool
look_up_transport(const struct look_up *look_up)
{
	struct str domain = domain_of(look_up->key);
	const char *relay = domain.len > 0 ? policy_relay_of(look_up->policy, domain) : NULL;
	const char *route = class_rules_actions(policy_class_rules(look_up->policy), look_up->class_name)->route;
	char room[POLICY_DESTINATION_MAX];

	if (domain.len == 0 || (relay == NULL && route == NULL))
		return reply_not_found(look_up);
	if (relay == NULL)
		return reply_transport(look_up, str_of(route));
	(void)snprintf(room, sizeof(room), "relay:%s", relay);
	return reply_transport(look_up, str_of(room));
}

/* Postfix asks for a client's own idea of a domain, too: what is none is not found. */
static bool
look_up_relay_domain(const struct look_up *look_up)
{
	const char *relay = look_up->key.len > 0 ? policy_relay_of(look_up->policy, look_up->key) : NULL;

	return relay != NULL ? reply(look_up, SOCKETMAP_OK, str_of(relay)) : reply_not_found(look_up);
}

static bool
look_up_srs(const struct look_up *look_up)
{
	const struct srs_rules *rules = policy_srs(look_up->policy)->rules;
	enum srs_reverse_result result = SRS_REVERSE_NOT_SRS;
	struct address address, original;
	struct arena arena;
	struct str text;
	bool is_replied;

	arena_init(&arena, ADDRESS_ROOM_BYTES);
	if (rules != NULL && address_parse(look_up->key, true, &address))
		result = srs_reverse(rules, &address, look_up->now, &arena, &original);
	if (result == SRS_REVERSE_FAILED || (result == SRS_REVERSE_UNDONE && !address_text(&original, &arena, &text)))
		is_replied = reply(look_up, SOCKETMAP_TEMP, STR("memory"));
	else
		is_replied = result == SRS_REVERSE_UNDONE ? reply(look_up, SOCKETMAP_OK, text) : reply_not_found(look_up);
	arena_fini(&arena);
	return is_replied;
}

static bool
answer(const struct look_up *look_up, struct str table)
{
	if (str_eq(table, STR("transport")) && (look_up->class_name.len == 0 || class_name_is_valid(look_up->class_name)))
		return look_up->class_name.len == 0 || class_rules_know(policy_class_rules(look_up->policy), look_up->class_name) ?
		    look_up_transport(look_up) : reply_no_class(look_up);
	if (str_eq(table, STR("relay-domains")) && look_up->class_name.len == 0)
		return look_up_relay_domain(look_up);
	if (str_eq(table, STR("srs")) && look_up->class_name.len == 0)
		return look_up_srs(look_up);
	return reply(look_up, SOCKETMAP_PERM, STR("there is no such table; there are transport, transport/CLASS, relay-domains and srs"));
}

ptrdiff_t
socketmap_answer(const struct policy *policy, struct str bytes, struct timestamp now, struct buf *out)
{
	struct look_up look_up = { .policy = policy, .now = now, .out = out };
	struct socketmap_request request;
	struct str table;
	size_t n_taken;

	switch (socketmap_read(bytes, &request, &n_taken)) {
	case NETSTRING_PART:
		return 0;
	case NETSTRING_BROKEN:
		return -1;
	case NETSTRING_WHOLE:
		break;
	}
	look_up.key = request.key;
	look_up.class_name = request.map;
	(void)str_take_until(&look_up.class_name, '/', &table);
	return answer(&look_up, table) ? (ptrdiff_t)n_taken : -1;
}

static ptrdiff_t
answer_by_rules(void *context, struct str bytes, struct instant now, struct buf *out)
{
	struct rules *rules = rules_hold(context);
	ptrdiff_t taken = socketmap_answer(rules->policy, bytes, os_wall_clock(), out);

	(void)now;
	rules_release(rules);
	return taken;
}

const struct inquiry_kind socketmap_server = {
	.name = "socketmap",
	.question_max_bytes = SOCKETMAP_REQUEST_MAX_BYTES + 8,		/* the length in front, and the comma */
	.answer_max_bytes = SOCKETMAP_REPLY_MAX_BYTES + 8,
	.answer = answer_by_rules,
};
