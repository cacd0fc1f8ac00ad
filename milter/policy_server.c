/*
 * policy_server.c - a question of Postfix's smtpd, turned into a mail of some class, and what its limits say
 */
#include "milter/client.h"
#include "milter/delegation.h"
#include "milter/policy_server.h"
#include "policy/classify.h"

enum {
	QUESTION_ROOM_BYTES = 256 * 1024,	/* copies of attributes, which are 64 KB together, and a certificate's name */
	ANSWER_MAX_BYTES = 1024,
};

/* --- who asks for what --- */

/* The attributes by the names that the milter protocol has for the same. */
struct attributes {
	const struct delegation_request	*request;
	struct arena			*arena;
};

static const char *
find_attribute(void *context, const char *name)
{
	const struct attributes *attributes = context;
	const struct delegation_request *r = attributes->request;
	const struct { const char *name; struct str value; } all[] = {
		{ "{client_addr}", r->client_address }, { "{client_name}", r->client_name }, { "{auth_authen}", r->sasl_username },
		{ "{cert_subject}", r->ccert_subject }, { "{daemon_name}", r->policy_context },
		/* It tells of a certificate only where there is TLS. */
		{ "{tls_version}", r->ccert_subject.len > 0 ? STR("TLS") : STR_EMPTY },
	};
	struct str copy;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(name, all[i].name) == 0)
			return arena_copy(attributes->arena, all[i].value, &copy) ? copy.at : NULL;
	return NULL;
}

/* Postfix takes the quotes off a local part, so what is none by itself may still have been one. */
static struct address
address_of(struct str text)
{
	struct address address;
	ptrdiff_t at = str_rfind(text, '@');

	if (address_parse(text, true, &address))
		return address;
	if (at < 0)
		return (struct address){ .local = text, .domain = STR_EMPTY };
	return (struct address){ .local = str_sub(text, 0, (size_t)at), .domain = str_from(text, (size_t)at + 1) };
}

static int64_t
number_of(uint64_t n)
{
	return n < (uint64_t)RATE_MOST_MAX ? (int64_t)n : RATE_MOST_MAX;
}

/* What the mail has, as far as it is known.  False: at this command nothing is asked. */
static bool
amount_of(const struct delegation_request *request, struct rated_amount *amount_out, bool *is_end_out)
{
	struct rated_amount amount = { .n = { [RATE_OF_MESSAGES] = 1, [RATE_OF_BYTES] = number_of(request->size) } };
	bool is_mail = str_eq(request->protocol_state, STR("MAIL")), is_rcpt = str_eq(request->protocol_state, STR("RCPT")),
	    is_data = str_eq(request->protocol_state, STR("DATA")), is_end = str_eq(request->protocol_state, STR("END-OF-MESSAGE"));

	if (is_rcpt)
		amount.n[RATE_OF_RECIPIENTS] = 1;
	if (is_data || is_end)
		amount.n[RATE_OF_RECIPIENTS] = number_of(request->recipient_count);
	*amount_out = amount;
	*is_end_out = is_end;
	return is_mail || is_rcpt || is_data || is_end;
}

/* --- the answer --- */

static void
log_put_off(struct log *log, const struct delegation_request *request, const struct rated_mail *mail, const struct limit_wait *wait,
    struct str text)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "rate-limited");
	log_str(&line, "client", request->client_address);
	log_str(&line, "login", request->sasl_username);
	log_str(&line, "from", request->sender);
	log_text(&line, "class", mail->class_name);
	log_str(&line, "at", request->protocol_state);
	log_int(&line, "times", wait->n_put_off);
	log_str(&line, "reply", text);
	log_end(&line);
}

static int
answer_mail(const struct rules *rules, struct locked_rates *rates, struct log *log, const struct delegation_request *request,
    struct arena *arena, struct instant now, struct buf *out)
{
	struct attributes attributes = { .request = request, .arena = arena };
	const struct macros macros = { .find = find_attribute, .context = &attributes };
	struct envelope envelope = { .reverse_path = address_of(request->sender) };
	char room[CLASS_RATES_REPLY_MAX_BYTES];
	struct rated_amount amount;
	struct peer peer;
	bool is_end;

	if (!amount_of(request, &amount, &is_end) ||
	    !client_read(&macros, request->helo_name, &rules->trust, arena, &peer))
		return delegation_reply("DUNNO", STR_EMPTY, out);
	struct class_evidence evidence = { .peer = &peer, .listener_class = rules_listener_class(rules, peer.listener),
	    .certificate_name = peer.tls.verified_name, .envelope = &envelope };
	struct mail_class class = classify(rules->policy, &evidence);
	struct rated_mail mail = { .class_name = class.match.name, .limits = class.actions->rates, .n_limits = class.actions->n_rates,
	    .client = peer.client.ip, .login = peer.login, .reverse_path = &envelope.reverse_path };
	struct limit_wait wait = locked_rates_ask(rates, &mail, &amount, is_end, now);
	struct str text;

	if (wait.rated.limit == NULL)
		return delegation_reply("DUNNO", STR_EMPTY, out);
	text = class_rates_reply(&mail, &wait.rated, room);
	if (wait.n_put_off > 0)
		log_put_off(log, request, &mail, &wait, text);
	return delegation_reply("450 4.7.1", text, out);
}

ptrdiff_t
policy_answer(const struct rules *rules, struct locked_rates *rates, struct log *log, struct str bytes, struct instant now, struct buf *out)
{
	struct delegation_request request;
	struct arena arena;
	size_t n_taken;
	int result;

	switch (delegation_read(bytes, &request, &n_taken)) {
	case DELEGATION_PART:
		return 0;
	case DELEGATION_BROKEN:
		return -1;
	case DELEGATION_WHOLE:
		break;
	}
	arena_init(&arena, QUESTION_ROOM_BYTES);
	result = answer_mail(rules, rates, log, &request, &arena, now, out);
	arena_fini(&arena);
	return result == 0 ? (ptrdiff_t)n_taken : -1;
}

static ptrdiff_t
answer_by_desk(void *context, struct str bytes, struct instant now, struct buf *out)
{
	const struct policy_desk *desk = context;
	struct rules *rules = rules_hold(desk->rules);
	ptrdiff_t taken = policy_answer(rules, desk->rates, desk->log, bytes, now, out);

	rules_release(rules);
	return taken;
}

const struct inquiry_kind policy_server = {
	.name = "policy-service",
	.question_max_bytes = DELEGATION_REQUEST_MAX_BYTES,
	.answer_max_bytes = ANSWER_MAX_BYTES,
	.answer = answer_by_desk,
};
