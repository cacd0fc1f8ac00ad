/*
 * delegation.c - requests and replies of Postfix's policy delegation protocol
 */
#include "milter/delegation.h"

enum { REPLY_TEXT_MAX_BYTES = 400 };	/* of one line to an SMTP client (RFC 5321 4.5.3.1.5 has 512) */

struct reading {			/* where values go, and which have come */
	struct str	 name;
	struct str	*text;		/* or */
	uint64_t	*number;
	bool		 is_there;
};

enum { N_ATTRIBUTES = 14 };

static void
take(struct reading *attributes, struct str name, struct str value)
{
	for (int i = 0; i < N_ATTRIBUTES; i++) {
		struct reading *a = &attributes[i];

		if (!str_eq(a->name, name))
			continue;
		if (a->is_there)
			return;
		a->is_there = true;
		if (a->text != NULL)
			*a->text = value;
		else if (!str_to_u64(value, a->number))
			*a->number = 0;
		return;
	}
}

/* False: it is no attribute. */
static bool
take_line(struct reading *attributes, struct str line)
{
	ptrdiff_t equals = str_find(line, '=');

	if (equals <= 0 || str_find(line, '\0') >= 0)
		return false;
	take(attributes, str_sub(line, 0, (size_t)equals), str_from(line, (size_t)equals + 1));
	return true;
}

enum delegation_state
delegation_read(struct str bytes, struct delegation_request *request_out, size_t *n_bytes_out)
{
	struct delegation_request *r = request_out;
	struct reading attributes[N_ATTRIBUTES] = {
		{ .name = STR("request"), .text = &r->request }, { .name = STR("protocol_state"), .text = &r->protocol_state },
		{ .name = STR("instance"), .text = &r->instance }, { .name = STR("queue_id"), .text = &r->queue_id },
		{ .name = STR("client_address"), .text = &r->client_address }, { .name = STR("client_name"), .text = &r->client_name },
		{ .name = STR("helo_name"), .text = &r->helo_name }, { .name = STR("sasl_username"), .text = &r->sasl_username },
		{ .name = STR("ccert_subject"), .text = &r->ccert_subject }, { .name = STR("sender"), .text = &r->sender },
		{ .name = STR("recipient"), .text = &r->recipient }, { .name = STR("policy_context"), .text = &r->policy_context },
		{ .name = STR("size"), .number = &r->size }, { .name = STR("recipient_count"), .number = &r->recipient_count },
	};
	struct str rest = str_sub(bytes, 0, DELEGATION_REQUEST_MAX_BYTES);

	*request_out = (struct delegation_request){ .size = 0 };
	for (;;) {
		ptrdiff_t end = str_find(rest, '\n');

		if (end < 0)
			return bytes.len < DELEGATION_REQUEST_MAX_BYTES ? DELEGATION_PART : DELEGATION_BROKEN;
		if (end == 0)
			break;
		if (!take_line(attributes, str_sub(rest, 0, (size_t)end)))
			return DELEGATION_BROKEN;
		rest = str_from(rest, (size_t)end + 1);
	}
	*n_bytes_out = (size_t)(rest.at - bytes.at) + 1;
	return DELEGATION_WHOLE;
}

int
delegation_reply(const char *action, struct str text, struct buf *out)
{
	char shown[REPLY_TEXT_MAX_BYTES];
	size_t n = text.len < sizeof(shown) ? text.len : sizeof(shown);

	for (size_t i = 0; i < n; i++)
		shown[i] = (char)(text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?');
	return buf_printf(out, "action=%s%s%.*s\n\n", action, n > 0 ? " " : "", (int)n, shown);
}
