/*
 * command.c - smtpfwdctl explain: what would be done with a mail, and why; needs no daemon and sends nothing
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "mail/domain.h"
#include "smtpfwd/ctl/inquiry.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/runtime/os.h"

enum {
	RECIPIENTS_MAX = 1000,		/* of a command line */
	/* The steps' own, and what is read of a mail's header section, beside INSPECT_ARENA_MAX_BYTES. */
	EXPLAIN_ARENA_MAX_BYTES = INSPECT_ARENA_MAX_BYTES + 8 * 1024 * 1024,
};

/* --- what is asked --- */

static const char *
asked(const struct ctl *ctl, const char *key)
{
	return json_string_value(json_object_get(ctl->request, key));
}

static const char *
needed(const struct ctl *ctl, const char *key, const char *option)
{
	const char *value = asked(ctl, key);

	if (value == NULL)
		ctl_wrong_use("explain needs ", option);
	return value;
}

/* Reads "local@domain", or a path in "<>"; it points into the text's copy. */
static struct address
read_address(const char *text, enum path_kind kind, struct arena *arena)
{
	struct address address;
	const char *why;
	struct str path;

	if (!arena_printf(arena, &path, text[0] == '<' ? "%s" : "<%s>", text))
		ctl_wrong_use("too long: ", text);
	if (!address_parse_path(&path, kind, true, &address, &why) || path.len > 0)
		ctl_wrong_use("no address: ", text);
	return address;
}

static void
read_recipients(const struct ctl *ctl, struct explanation *e)
{
	json_t *texts = json_object_get(ctl->request, "to");
	struct address *recipients;
	size_t i;
	json_t *text;

	if (json_array_size(texts) == 0)
		ctl_wrong_use("explain needs ", "--to ADDR");
	if (json_array_size(texts) > RECIPIENTS_MAX || (recipients = arena_array(e->arena, json_array_size(texts), sizeof(*recipients))) == NULL)
		ctl_wrong_use("too many: ", "--to");
	json_array_foreach(texts, i, text) {
		recipients[i] = read_address(json_string_value(text), PATH_FORWARD, e->arena);
		e->envelope.is_smtputf8 |= !address_is_ascii(&recipients[i]);
	}
	e->recipients = recipients;
	e->n_recipients = (int)json_array_size(texts);
}

static const struct listener_settings *
find_listener(const struct config *config, const char *name)
{
	if (name == NULL)
		return &config->listeners[0];
	for (int i = 0; i < config->n_listeners; i++)
		if (strcmp(config->listeners[i].name, name) == 0)
			return &config->listeners[i];
	ctl_wrong_use("the configuration has no listener ", name);
}

/* A name is proven inside TLS, by an authority that the listener knows. */
static void
read_certificate(const struct ctl *ctl, struct explanation *e)
{
	const char *name = asked(ctl, "certificate");
	struct str text;

	e->peer.tls.verified_name = STR_EMPTY;
	if (name == NULL)
		return;
	if (e->listener->client_ca == NULL)
		ctl_wrong_use("no client-ca, and so no certificate, at listener ", e->listener->name);
	if (!arena_copy(e->arena, str_of(name), &text) || !domain_is_valid(text, true) || !domain_canonical(text, e->arena, &text))
		ctl_wrong_use("no host's name: ", name);
	e->peer.tls = (struct peer_tls){ .is_on = true, .version = STR_EMPTY, .cipher = STR_EMPTY, .sni = STR_EMPTY, .verified_name = text };
}

static void
read_asked(const struct ctl *ctl, const struct config *config, struct explanation *e)
{
	const char *client = needed(ctl, "client", "--client IP"), *login = asked(ctl, "login");

	e->is_milter = ctl->is_milter;
	if (e->is_milter)		/* without a name of its own a service has that of the host */
		e->listener = explain_service(config, asked(ctl, "listener") != NULL ? asked(ctl, "listener") : config->hostname, e->arena);
	else
		e->listener = find_listener(config, asked(ctl, "listener"));
	if (login != NULL && e->listener->auth == LISTEN_AUTH_OFF)
		ctl_wrong_use("nobody can log in at listener ", e->listener->name);
	if (!ip_parse(str_of(client), &e->peer.client.ip))
		ctl_wrong_use("no IP address: ", client);
	e->peer.connection = e->peer.client;
	e->peer.helo = str_of(needed(ctl, "helo", "--helo NAME"));
	e->peer.is_esmtp = true;
	e->peer.login = login != NULL ? str_of(login) : STR_EMPTY;
	e->peer.listener = str_of(e->listener->name);
	read_certificate(ctl, e);
	e->envelope.reverse_path = read_address(needed(ctl, "from", "--from ADDR (<> for none)"), PATH_REVERSE, e->arena);
	e->envelope.is_smtputf8 = !address_is_ascii(&e->envelope.reverse_path);
	read_recipients(ctl, e);
}

/* --- the answer --- */

static void
run_explanation(void *context, struct resolver *resolver)
{
	struct explanation *e = context;

	e->resolver = resolver;
	explain(e);
}

static void
print(const struct ctl *ctl, const struct explanation *e)
{
	size_t i;
	json_t *step;

	json_array_foreach(e->steps, i, step) {
		if (!ctl->is_json) {
			explain_show(step);
			continue;
		}
		json_dumpf(step, stdout, JSON_COMPACT);
		putchar('\n');
	}
}

static int
exit_of(enum action action)
{
	switch (action) {
	case ACTION_ACCEPT: return INQUIRY_WELL;
	case ACTION_REJECT: return INQUIRY_WRONG;
	case ACTION_DEFER: return INQUIRY_UNSETTLED;
	}
	return INQUIRY_UNSETTLED;
}

static int
say_fault(const struct fault *fault)
{
	fputs("smtpfwdctl: ", stderr);
	show_safe(fault->text, stderr);
	fputc('\n', stderr);
	return INQUIRY_IMPOSSIBLE;
}

static int
explain_by(const struct ctl *ctl, struct config *config, struct explanation *e)
{
	struct fault fault;
	struct policy *policy = explain_policy(config, &fault);
	int status = INQUIRY_IMPOSSIBLE;

	if (policy == NULL)
		return say_fault(&fault);
	e->config = config;
	e->policy = policy;
	e->now = os_wall_clock();
	e->steps = json_array();
	if (inquiry_run(config, run_explanation, e) == 0) {
		print(ctl, e);
		status = exit_of(e->action);
	}
	json_decref(e->steps);
	policy_free(policy);
	return status;
}

static int
explain_file(const struct ctl *ctl, struct config *config, struct explanation *e)
{
	struct explain_mail mail;
	struct fault fault;
	int status = INQUIRY_IMPOSSIBLE;

	if (ctl->n_words == 0)
		return explain_by(ctl, config, e);
	if (explain_mail_read(ctl->words[0], e->listener, &mail, &fault) == 0) {
		e->mail = &mail;
		status = explain_by(ctl, config, e);
	} else {
		say_fault(&fault);
	}
	explain_mail_free(&mail);
	return status;
}

static int
run(struct ctl *ctl, const struct ctl_command *command)
{
	struct config *config = inquiry_config(ctl);
	struct explanation e = { .action = ACTION_ACCEPT };
	struct arena arena;
	int status;

	(void)command;
	if (config == NULL)
		return INQUIRY_IMPOSSIBLE;
	arena_init(&arena, EXPLAIN_ARENA_MAX_BYTES);
	e.arena = &arena;
	read_asked(ctl, config, &e);
	status = explain_file(ctl, config, &e);
	arena_fini(&arena);
	config_free(config);
	return status;
}

/* --- options --- */

static const struct option options[] = {
	{ "client", required_argument, NULL, CTL_OPTION_CLIENT }, { "helo", required_argument, NULL, CTL_OPTION_HELO },
	{ "from", required_argument, NULL, CTL_OPTION_FROM }, { "to", required_argument, NULL, CTL_OPTION_TO },
	{ "listener", required_argument, NULL, CTL_OPTION_LISTENER }, { "login", required_argument, NULL, CTL_OPTION_LOGIN },
	{ "certificate", required_argument, NULL, CTL_OPTION_CERTIFICATE },
	{ NULL, 0, NULL, 0 },
};

static void
take(struct ctl *ctl, int option, const char *value)
{
	json_t *texts;

	switch (option) {
	case CTL_OPTION_CLIENT: ctl_say(ctl, "client", value); return;
	case CTL_OPTION_HELO: ctl_say(ctl, "helo", value); return;
	case CTL_OPTION_FROM: ctl_say(ctl, "from", value[0] != '\0' ? value : "<>"); return;
	case CTL_OPTION_LISTENER: ctl_say(ctl, "listener", value); return;
	case CTL_OPTION_LOGIN: ctl_say(ctl, "login", value); return;
	case CTL_OPTION_CERTIFICATE: ctl_say(ctl, "certificate", value); return;
	}
	texts = json_object_get(ctl->request, "to");
	if (texts == NULL)
		json_object_set_new(ctl->request, "to", texts = json_array());
	if (json_array_append_new(texts, json_string(value)) != 0)
		ctl_wrong_use("no valid UTF-8: ", "--to");
}

const struct ctl_command ctl_explain_commands[] = {
	{ .words = "explain", .behind = "... [FILE]", .sentence = "what would be checked, found and done with a mail; sends nothing",
	  .words_most = 1, .options = options, .take = take, .run = run },
	{ .words = NULL },
};
