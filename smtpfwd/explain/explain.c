/*
 * explain.c - the steps of connection and envelope, in the order of SMTP, and the outcome
 */
#include <stdio.h>

#include "base/insist.h"
#include "mail/domain.h"
#include "policy/decide.h"
#include "policy/decide_srs.h"
#include "policy/spf/iprev.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/receive/refusal.h"
#include "smtpfwd/runtime/os.h"

enum {
	NAME_WITHIN_S = 4,		/* as sessions wait for a client's name */
	REPLY_LINE_MAX_BYTES = 1024,
	NETWORK_TEXT_MAX = IP_TEXT_MAX + 4,
};

/* --- steps --- */

json_t *
step_new(struct explanation *e, const char *name)
{
	json_t *step = json_object();

	json_object_set_new(step, "step", json_string(name));
	json_array_append_new(e->steps, step);
	return step;
}

void
step_str(json_t *step, const char *key, struct str value)
{
	if (value.len > 0)
		json_object_set_new(step, key, control_json_str(value));
}

void
step_text(json_t *step, const char *key, const char *value)
{
	step_str(step, key, str_of(value));
}

void
step_bool(json_t *step, const char *key, bool value)
{
	json_object_set_new(step, key, json_boolean(value));
}

void
step_number(json_t *step, const char *key, int64_t value)
{
	json_object_set_new(step, key, json_integer(value));
}

void
step_reply(json_t *step, const char *key, const struct reply *reply)
{
	struct buf line;

	buf_init(&line, REPLY_LINE_MAX_BYTES);
	reply_append_line(reply, REPLY_LINE_MAX_BYTES, &line);
	step_str(step, key, buf_str(&line));
	buf_fini(&line);
}

void
step_verdict(json_t *step, const struct verdict *verdict)
{
	step_text(step, "action", action_word(verdict->action));
	if (verdict->action != ACTION_ACCEPT)
		step_reply(step, "reply", &verdict->reply);
	step_text(step, "reason", verdict->reason);
}

/* --- the client --- */

static void
explain_client(struct explanation *e)
{
	const struct listener_settings *listener = e->listener;
	struct peer *peer = &e->peer;
	int network = networks_find(listener->networks, listener->n_networks, &peer->client.ip);
	json_t *step = step_new(e, "client");
	char room[IP_TEXT_MAX], text[NETWORK_TEXT_MAX];

	peer->is_trusted = network >= 0 || peer->login.len > 0 ||
	    domain_is_in_list(peer->tls.verified_name, listener->client_names, listener->n_client_names);
	step_str(step, "client", ip_text(&peer->client.ip, room));
	step_bool(step, "milter", e->is_milter);
	step_text(step, "listener", listener->name);
	step_text(step, "class", listener->class_name);
	step_str(step, "helo", peer->helo);
	step_str(step, "login", peer->login);
	step_str(step, "certificate", peer->tls.verified_name);
	step_bool(step, "trusted", peer->is_trusted);
	if (network >= 0) {
		struct str ip = ip_text(&listener->networks[network].ip, room);

		snprintf(text, sizeof(text), "%.*s/%d", STR_ARG(ip), listener->networks[network].prefix_bits);
		step_text(step, "by", "networks");
		step_text(step, "network", text);
	} else if (peer->is_trusted) {
		step_text(step, "by", peer->login.len > 0 ? "login" : "certificate");
	} else if (listener->n_client_names > 0 && peer->tls.verified_name.len == 0) {
		step_bool(step, "certificate-may-help", true);
	}
}

static enum peer_name
name_state(const struct iprev_result *iprev)
{
	switch (iprev->value) {
	case IPREV_PASS: return PEER_NAME_FOUND;
	case IPREV_FAIL: return PEER_NAME_DIFFERS;
	case IPREV_TEMPERROR: return PEER_NAME_UNSETTLED;
	case IPREV_PERMERROR: return PEER_NAME_NONE;
	}
	return PEER_NAME_UNSETTLED;
}

static void
explain_name(struct explanation *e)
{
	struct instant deadline = instant_after(os_now(), span_s(NAME_WITHIN_S));
	struct iprev_result iprev;
	json_t *step;

	iprev_check(&e->peer.client.ip, e->resolver, deadline, e->arena, &iprev);
	e->peer.name_state = name_state(&iprev);
	e->peer.reverse_name = iprev.reverse_name;
	if (iprev.n_names > 0)
		e->peer.name = iprev.names[0];
	step = step_new(e, "iprev");
	step_text(step, "result", iprev_value_word(iprev.value));
	step_str(step, "name", e->peer.name);
	step_str(step, "reverse-name", iprev.reverse_name);
	step_text(step, "problem", iprev.problem);
}

/* --- the envelope --- */

static void
explain_reverse_path(struct explanation *e)
{
	struct verdict verdict = { .action = ACTION_ACCEPT };
	struct class_evidence evidence = explain_evidence(e);
	json_t *step = step_new(e, "mail");
	struct str text;

	if (e->listener->auth == LISTEN_AUTH_REQUIRED && e->peer.login.len == 0)
		verdict = (struct verdict){ .action = ACTION_REJECT, .reason = "no-login",
		    .reply = REFUSAL_NO_LOGIN };
	if (address_is_null(&e->envelope.reverse_path))
		step_text(step, "from", "<>");
	else if (address_text(&e->envelope.reverse_path, e->arena, &text))
		step_str(step, "from", text);
	if (!decide_srs_sender(e->policy, e->now, e->arena, &e->envelope))
		e->envelope.srs_path = (struct address){ .local = STR_EMPTY };	/* in a session, with its own arena, there is room */
	step_verdict(step, &verdict);
	class_bounds_begin(&e->bounds, e->policy, &evidence);
	if (verdict.action == ACTION_ACCEPT)
		return;
	e->action = verdict.action;
	e->reply = verdict.reply;
	e->at = "mail";
}

const struct route_settings *
explain_route(const struct config *config, struct str destination)
{
	ptrdiff_t slash = str_find(destination, '/');
	struct str name = slash >= 0 ? str_sub(destination, 0, (size_t)slash) : destination;

	for (int i = 0; i < config->n_routes; i++)
		if (str_eq(name, str_of(config->routes[i].destination)))
			return &config->routes[i];
	return NULL;
}

static void
step_route(json_t *step, const struct route_settings *route)
{
	static const char *const modes[] = {
		[TLS_OFF] = "off", [TLS_OPPORTUNISTIC] = "opportunistic", [TLS_REQUIRED] = "required", [TLS_VERIFY] = "verify",
	};
	static const char *const balances[] = {
		[BALANCE_FAILOVER] = "failover", [BALANCE_ROUND_ROBIN] = "round-robin", [BALANCE_LEAST_CONNECTIONS] = "least-connections",
	};
	json_t *hops = json_array();

	for (int i = 0; i < route->n_next_hops; i++)
		json_array_append_new(hops, control_json_str(str_of(route->next_hops[i].written)));
	json_object_set_new(step, "next-hops", hops);
	if (route->n_next_hops > 1)
		step_text(step, "balance", route->is_by_recipient ? "by-recipient" : balances[route->balance]);
	step_text(step, "tls", modes[route->tls]);
	step_text(step, "login-as", route->login);
}

static void
count_recipient(struct explanation *e, const struct address *address, const struct verdict *verdict, json_t *step)
{
	switch (verdict->action) {
	case ACTION_ACCEPT:
		if (envelope_add_recipient(&e->envelope, &(struct recipient){ .address = *address }, e->arena))
			e->ways[e->envelope.n_recipients - 1] = step;
		else
			e->n_deferred++;
		return;
	case ACTION_REJECT:
		e->n_refused++;
		return;
	case ACTION_DEFER:
		e->n_deferred++;
		return;
	}
}

/* Postfix takes it or does not; what the class says of their number is said at the end of the data. */
static void
explain_recipient_of_postfix(struct explanation *e, const struct address *address)
{
	struct verdict verdict = { .action = ACTION_ACCEPT };
	json_t *step = step_new(e, "recipient");
	struct str text;

	if (address_text(address, e->arena, &text))
		step_str(step, "to", text);
	step_bool(step, "by-postfix", true);
	step_verdict(step, &verdict);
	count_recipient(e, address, &verdict, step);
}

static void
explain_recipient(struct explanation *e, const struct address *address)
{
	struct verdict verdict = { .action = ACTION_ACCEPT };
	struct recipient rcpt = { .address = *address }, undone;
	struct class_evidence evidence = explain_evidence(e);
	json_t *step = step_new(e, "recipient");
	struct str text;

	if (address_text(address, e->arena, &text))
		step_str(step, "to", text);
	if (e->envelope.n_recipients >= e->listener->recipients_max || !class_bounds_take_recipient(&e->bounds, e->policy, &evidence))
		verdict = (struct verdict){ .action = ACTION_DEFER, .reason = "too-many-recipients",
		    .reply = REFUSAL_TOO_MANY_RECIPIENTS };
	else if (!decide_srs_recipient(e->policy, &e->envelope, &rcpt, e->now, e->arena, &undone, &verdict))
		decide_recipient(e->policy, &e->peer, &e->envelope, address, e->bounds.has_route, &verdict);
	else if (verdict.action == ACTION_ACCEPT) {
		address = &undone.address;
		if (address_text(address, e->arena, &text))
			step_str(step, "undone", text);
	}
	if (verdict.action == ACTION_ACCEPT && !class_bounds_take_this(&e->bounds, e->policy, &evidence, &(struct recipient){ .address = *address }))
		verdict = (struct verdict){ .action = ACTION_DEFER, .reason = "too-many-recipients",
		    .reply = REFUSAL_TOO_MANY_RECIPIENTS };
	if (verdict.action == ACTION_ACCEPT)
		explain_way(e, address, step, &verdict);
	if (e->config->srs.secret_file != NULL && policy_srs(e->policy)->rules == NULL)
		step_bool(step, "srs-unknown", true);
	step_verdict(step, &verdict);
	if (verdict.action == ACTION_ACCEPT)
		explain_mailbox(e, step, address);
	count_recipient(e, address, &verdict, step);
}

void
explain_destinations(struct explanation *e)
{
	char room[POLICY_DESTINATION_MAX];

	for (int i = 0; i < e->envelope.n_recipients && !e->is_milter; i++) {
		const struct address *address = &e->envelope.recipients[i].address;
		struct str destination = policy_destination_of(e->policy, str_of(e->class.match.name), address, room);
		const struct route_settings *route = explain_route(e->config, destination);

		/* Which of the next hops it is, only they can tell. */
		step_str(e->ways[i], "destination", route != NULL && route->is_by_recipient ? str_of(route->destination) : destination);
		if (route == NULL)
			continue;
		step_route(e->ways[i], route);
		explain_identity(e, e->ways[i], route);
	}
}

/* --- the outcome --- */

static void
explain_outcome(struct explanation *e)
{
	int n_accepted = e->action == ACTION_ACCEPT ? e->envelope.n_recipients : 0;
	json_t *step = step_new(e, "outcome");

	if (e->action == ACTION_ACCEPT && e->n_refused + e->n_deferred > 0) {
		e->action = e->n_refused > 0 ? ACTION_REJECT : ACTION_DEFER;
		e->at = "rcpt";
	}
	step_text(step, "action", action_word(e->action));
	step_text(step, "at", e->at);
	if (e->reply.code != 0)
		step_reply(step, "reply", &e->reply);
	step_number(step, "recipients", e->n_recipients);
	step_number(step, "accepted", n_accepted);
	step_bool(step, "with-mail", e->mail != NULL);
	step_bool(step, "held", e->is_held);
}

void
explain(struct explanation *e)
{
	e->ways = arena_array(e->arena, (size_t)e->n_recipients + 1, sizeof(json_t *));
	insist(e->ways != NULL);
	explain_client(e);
	explain_name(e);
	explain_reverse_path(e);
	for (int i = 0; i < e->n_recipients && e->action == ACTION_ACCEPT; i++)
		(e->is_milter ? explain_recipient_of_postfix : explain_recipient)(e, &e->recipients[i]);
	if (e->action == ACTION_ACCEPT && e->mail != NULL)
		explain_content(e);
	else if (e->action == ACTION_ACCEPT) {
		explain_class(e, NULL);
		explain_checks(e, NULL);
	}
	explain_outcome(e);
	knowledge_free(e->knowledge);
	e->knowledge = NULL;
}
