/*
 * introduce.c - mails to a server in the name of a client that is not there; for test_identity.py
 *
 *	introduce MEANS PORT [key=value ...]
 *
 * Keys: addr, port, local, localport, name, reverse, helo, login, proto; tls, own (no client), mails (how many), from.
 * Prints what each step came to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "smtpfwd/deliver/identity.h"

static const struct client_settings settings = {
	.hostname = "relay.example.net",
	.connect_timeout = { 20 * INT64_C(1000000000) }, .greeting_timeout = { 20 * INT64_C(1000000000) },
	.mail_timeout = { 20 * INT64_C(1000000000) }, .rcpt_timeout = { 20 * INT64_C(1000000000) },
	.data_timeout = { 20 * INT64_C(1000000000) }, .block_timeout = { 20 * INT64_C(1000000000) },
	.final_timeout = { 20 * INT64_C(1000000000) },
};

struct task {
	struct loop		*loop;
	int			 argc;
	char			**argv;
	struct client		*client;
	struct identity		 identity;
	struct identity_rule	 rule;
	struct reply		 reply;
	struct fault		 fault;
};

/* The value of a key among the arguments; otherwise, if there is none. */
static struct str
value(const struct task *t, const char *key, const char *otherwise)
{
	int i;

	for (i = 3; i < t->argc; i++) {
		struct str rest = str_of(t->argv[i]), name;

		if (str_take_until(&rest, '=', &name) && str_eq(name, str_of(key)))
			return rest;
	}
	return str_of(otherwise);
}

static struct endpoint
endpoint(const struct task *t, const char *ip_key, const char *port_key)
{
	struct endpoint at = { .port = 0 };
	uint64_t port;

	if (!ip_parse(value(t, ip_key, ""), &at.ip))
		at.ip.family = IP_NONE;
	if (str_to_u64(value(t, port_key, ""), &port))
		at.port = (uint16_t)port;
	return at;
}

static void
read_arguments(struct task *t)
{
	static const enum identity_means all[] = {
		IDENTITY_NONE, IDENTITY_AUTO, IDENTITY_PROXY, IDENTITY_XCLIENT, IDENTITY_XFORWARD,
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (str_eq(identity_means_name(all[i]), str_of(t->argv[1])))
			t->rule.means = all[i];
	t->rule.tells_login = true;
	t->identity = (struct identity){
		.client = endpoint(t, "addr", "port"), .local = endpoint(t, "local", "localport"),
		.name = value(t, "name", ""), .reverse_name = value(t, "reverse", ""), .helo = value(t, "helo", ""),
		.login = value(t, "login", ""), .is_esmtp = !str_eq(value(t, "proto", ""), STR("SMTP")),
	};
	t->identity.name_state = t->identity.name.len > 0 ? PEER_NAME_FOUND : PEER_NAME_NONE;
}

/* A step's result, and whether to go on. */
static bool
step(const struct task *t, const char *name, int result)
{
	struct str text = t->reply.text, line = STR_EMPTY;

	str_take_until(&text, '\n', &line);
	if (result != 0) {
		printf("%s: fault %s\n", name, t->fault.text);
		return false;
	}
	printf("%s: %d %.*s\n", name, t->reply.code, STR_ARG(line));
	return t->reply.code < 400;
}

static bool
show(const struct task *t, const char *name, enum identity_result result)
{
	switch (result) {
	case IDENTITY_TOLD:
		printf("%s: told\n", name);
		return true;
	case IDENTITY_NOT_POSSIBLE:
		printf("%s: not possible\n", name);
		return true;
	case IDENTITY_REFUSED:
		printf("%s: refused %d%s\n", name, t->reply.code, t->client->is_half_introduced ? " half" : "");
		return !t->client->is_half_introduced;
	case IDENTITY_TURNED_AWAY:
		printf("%s: turned away %d\n", name, t->reply.code);
		return false;
	case IDENTITY_LOST:
		printf("%s: lost %s\n", name, t->fault.text);
		return false;
	}
	return false;
}

static bool
start_tls(struct task *t)
{
	const struct tls_expect expect = { .must_verify = false };
	struct tls_client *tls = tls_client_new(NULL, &t->fault);
	bool is_handshake, is_on;

	is_on = tls != NULL && step(t, "starttls", client_starttls(t->client, tls, &expect, INSTANT_NEVER, &t->reply,
	    &is_handshake, &t->fault)) && step(t, "ehlo", client_ehlo(t->client, INSTANT_NEVER, &t->reply, &t->fault));
	if (tls != NULL)
		tls_client_free(tls);
	return is_on;
}

static bool
send_mail(struct task *t, const struct identity *identity)
{
	struct recipient to = { .address = { .local = STR("bob"), .domain = STR("example.com") } };
	struct envelope envelope = { .reverse_path = { .local = value(t, "from", "alice"), .domain = STR("example.org") } };
	struct str content = STR("From: <alice@example.org>\r\nSubject: introduced\r\n\r\nHello.\r\n");
	bool is_ambiguous;

	if (!show(t, "forward", identity_forward(t->client, identity, &t->rule, STR("ID1"), INSTANT_NEVER, &t->reply, &t->fault)))
		return false;
	printf("means: %.*s%s\n", STR_ARG(identity_means_name(t->client->told)), identity_is_seen(t->client) ? " seen" : "");
	return step(t, "mail", client_mail(t->client, &envelope, &envelope.reverse_path, 0, INSTANT_NEVER, &t->reply, &t->fault)) &&
	    step(t, "rcpt", client_rcpt(t->client, &to, INSTANT_NEVER, &t->reply, &t->fault)) &&
	    step(t, "data", client_data(t->client, INSTANT_NEVER, &t->reply, &t->fault)) &&
	    client_content(t->client, content, INSTANT_NEVER, &t->reply, &t->fault) == 0 &&
	    step(t, "final", client_finish(t->client, INSTANT_NEVER, &t->reply, &is_ambiguous, &t->fault));
}

static void
converse(struct task *t)
{
	const struct identity *identity = value(t, "own", "").len > 0 ? NULL : &t->identity;
	uint64_t n_mails = 1;

	str_to_u64(value(t, "mails", "1"), &n_mails);
	if (identity_by_proxy(&t->rule) && identity_say_proxy(t->client, identity, INSTANT_NEVER, &t->fault) != 0)
		return;
	if (!step(t, "greeting", client_greeting(t->client, INSTANT_NEVER, &t->reply, &t->fault)) ||
	    !step(t, "ehlo", client_ehlo(t->client, INSTANT_NEVER, &t->reply, &t->fault)))
		return;
	if (value(t, "tls", "").len > 0 && !start_tls(t))
		return;
	if (!show(t, "tell", identity_tell(t->client, identity, &t->rule, INSTANT_NEVER, &t->reply, &t->fault)))
		return;
	while (n_mails-- > 0 && send_mail(t, identity))
		;
}

static void
run(void *arg)
{
	struct task *t = arg;
	struct endpoint to = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } }, .port = (uint16_t)atoi(t->argv[2]) };

	t->client = client_connect(t->loop, &settings, &to, NULL, INSTANT_NEVER, &t->fault);
	if (t->client == NULL) {
		printf("connect: %s\n", t->fault.text);
		return;
	}
	converse(t);
	client_quit(t->client, instant_after(loop_now(t->loop), span_s(5)));
}

int
main(int argc, char **argv)
{
	struct task task = { .argc = argc, .argv = argv };

	if (argc < 3)
		return 2;
	read_arguments(&task);
	task.loop = loop_new(10, &task.fault);
	if (task.loop == NULL || fiber_start(task.loop, "introduce", run, &task) == NULL)
		return 1;
	loop_run(task.loop);
	loop_free(task.loop);
	return 0;
}
