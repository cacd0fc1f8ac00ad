/*
 * operate.c - what an operator can ask a running milter for
 */
#include <stdio.h>
#include <unistd.h>

#include <config.h>
#include "mail/date.h"
#include "milter/operate.h"
#include "smtpfwd/config/files.h"
#include "smtpfwd/config/resolver.h"
#include "smtpfwd/runtime/resolver_switch.h"

static json_t *
time_json(struct timestamp at)
{
	char room[DATE_TEXT_MAX];

	return control_json_str(date_iso_text(at, room));
}

/* --- status --- */

static void
add_rate(void *context, const struct class_rates_view *view)
{
	char room[CLASS_RATE_TEXT_MAX];

	json_array_append_new(context, control_json_rate(view->class_name, class_rate_text(&view->limit, room), view->n_keys, view->n_put_off));
}

static void
tell_rates(struct locked_rates *locked, struct answer *answer, struct instant deadline)
{
	json_t *objects = json_array(), *object;
	size_t i;

	pthread_mutex_lock(&locked->lock);
	class_rates_each(locked->rates, add_rate, objects);
	pthread_mutex_unlock(&locked->lock);
	json_array_foreach(objects, i, object)
		if (answer_write(answer, json_incref(object), deadline) != 0)
			break;
	json_decref(objects);
}

/* As it was opened: a reload does not open it anew. */
static void
tell_server(const struct inquiries *server, struct answer *answer, struct instant deadline)
{
	if (server != NULL)
		(void)answer_write(answer, json_pack("{s:{s:s, s:i, s:I}}", "server", "name", inquiries_name(server), "connections",
		    inquiries_n_connections(server), "answered", (json_int_t)inquiries_n_answered(server)), deadline);
}

static void
tell_status(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	const struct operate *operate = context;
	struct milter *milter = operate->milter;
	const struct config *config = operate->generation->config;

	(void)request;
	if (answer_write(answer, json_pack("{s:{s:s, s:o, s:I, s:o, s:o}}", "daemon", "version", PACKAGE_VERSION, "hostname",
	    control_json_str(str_of(config->hostname)), "pid", (json_int_t)getpid(), "since", time_json(operate->since),
	    "loaded", time_json(operate->generation->loaded)), deadline) != 0)
		return;
	if (answer_write(answer, json_pack("{s:{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "milter",
	    "socket", control_json_str(str_of(config->milter.socket)), "sessions", (json_int_t)atomic_load(&milter->n_sessions),
	    "mails", (json_int_t)atomic_load(&milter->n_mails), "memory", (json_int_t)atomic_load(&milter->world.memory_bytes),
	    "accepted", (json_int_t)atomic_load(&milter->n_accepted), "held", (json_int_t)atomic_load(&milter->n_held),
	    "rejected", (json_int_t)atomic_load(&milter->n_rejected), "deferred", (json_int_t)atomic_load(&milter->n_deferred),
	    "failed", (json_int_t)atomic_load(&milter->n_failed)), deadline) != 0)
		return;
	tell_server(operate->servers->socketmap, answer, deadline);
	tell_server(operate->servers->policy_service, answer, deadline);
	tell_rates(&milter->rates, answer, deadline);
}

void
operate_describe(void *context, char status_out[NOTIFY_STATUS_MAX])
{
	struct milter *milter = ((struct operate *)context)->milter;

	snprintf(status_out, NOTIFY_STATUS_MAX, "%d sessions; %lld mails accepted, %lld rejected, %lld deferred, %lld failed since start",
	    atomic_load(&milter->n_sessions), atomic_load(&milter->n_accepted) + atomic_load(&milter->n_held),
	    atomic_load(&milter->n_rejected), atomic_load(&milter->n_deferred), atomic_load(&milter->n_failed));
}

/* --- reload --- */

struct reading {			/* what the crew's thread does of a reload */
	struct os_job		 job;
	struct operate		*operate;
	const struct config	*before;
	struct config		*config;	/* NULL once the generation has it */
	struct generation	*generation;
	struct resolver		*resolver;	/* NULL: as before */
	struct fault		 fault;		/* text "": none; else errors of the configuration say it */
};

static bool
is_text_eq(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_resolver_eq(const struct config *a, const struct config *b)
{
	const struct resolver_settings *x = &a->resolver, *y = &b->resolver;

	if (x->n_servers != y->n_servers || x->timeout.ns != y->timeout.ns || x->tries != y->tries || x->is_dnssec != y->is_dnssec ||
	    !is_text_eq(x->trust_anchor_path, y->trust_anchor_path))
		return false;
	for (int i = 0; i < x->n_servers; i++)
		if (!endpoint_eq(&x->servers[i], &y->servers[i]))
			return false;
	return file_stamp_eq(&a->resolv_conf, &b->resolv_conf) && file_stamp_eq(&a->hosts, &b->hosts);
}

static void
read_all(struct os_job *job)
{
	struct reading *reading = (struct reading *)(void *)job;

	reading->config = config_load(reading->operate->config_path);
	if (conf_n_errors(reading->config->conf) > 0)
		return;
	reading->generation = generation_new(reading->config);
	if (reading->generation == NULL || is_resolver_eq(reading->before, reading->config))
		return;
	reading->resolver = config_resolver(reading->operate->loop, reading->config, &reading->fault);
}

static json_t *
errors_of(const struct reading *reading)
{
	json_t *errors = json_array();
	int n = conf_n_errors(reading->config->conf);

	for (int i = 0; i < n; i++)
		json_array_append_new(errors, control_json_str(str_of(conf_error_text(reading->config->conf, i))));
	if (n == 0)
		json_array_append_new(errors, control_json_str(str_of(reading->fault.text)));
	return errors;
}

static void
warn_of(json_t *warnings, const char *setting, const char *before, const char *now)
{
	char text[200];

	if (is_text_eq(before, now))
		return;
	snprintf(text, sizeof(text), "%s needs a restart to change", setting);
	json_array_append_new(warnings, json_string(text));
}

/* Nothing in here suspends. */
static json_t *
adopt(struct operate *operate, struct reading *reading)
{
	const struct config *before = reading->before, *now = reading->config;
	json_t *warnings = json_array();

	warn_of(warnings, "milter: socket", before->milter.socket, now->milter.socket);
	warn_of(warnings, "milter: socketmap", before->milter.socketmap.written, now->milter.socketmap.written);
	warn_of(warnings, "milter: policy-service", before->milter.policy_service.written, now->milter.policy_service.written);
	warn_of(warnings, "milter: group", before->milter.group, now->milter.group);
	warn_of(warnings, "milter: control", before->milter.control, now->milter.control);
	warn_of(warnings, "user", before->user, now->user);
	warn_of(warnings, "log: to", before->log_to, now->log_to);
	log_writer_log(operate->log_writer)->level = now->log_level;
	if (reading->resolver != NULL)
		resolver_switch_to(operate->resolver, reading->resolver);
	operate->generation = reading->generation;
	rules_replace(operate->milter->world.rules, &reading->generation->rules);
	locked_rates_adopt(&operate->milter->rates, &now->policy.classes);
	return warnings;
}

static void
answer_reload(struct operate *operate, struct reading *reading, struct answer *answer, struct instant deadline)
{
	struct log *log = operate->milter->log;
	bool has_failed = reading->generation == NULL || reading->fault.text[0] != '\0';
	json_t *errors = has_failed ? errors_of(reading) : json_array(), *changes = json_array(), *warnings, *error;
	size_t i;

	json_array_foreach(errors, i, error)
		log_say(log, LOG_LEVEL_ERROR, "reload-failed", "%s", json_string_value(error));
	if (has_failed) {
		answer_error(answer, "the old configuration stays in use");
		warnings = json_array();
	} else {
		warnings = adopt(operate, reading);
		json_array_append_new(changes, json_string("the configuration was read anew"));
		log_say(log, LOG_LEVEL_INFO, "reloaded", "new mails are judged by it");
	}
	(void)answer_write(answer, json_pack("{s:{s:o, s:b, s:o, s:o, s:o}}", "reload", "at", time_json(os_wall_clock()), "failed", has_failed,
	    "changes", changes, "warnings", warnings, "errors", errors), deadline);
}

static void
reload(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	struct operate *operate = context;
	struct reading reading = { .job.run = read_all, .operate = operate, .before = operate->generation->config };

	(void)request;
	if (operate->is_reloading) {
		answer_error(answer, "another reload is going on");
		return;
	}
	operate->is_reloading = true;
	log_writer_reopen(operate->log_writer);		/* for who rotates logs */
	fiber_run_on_crew(operate->crew, &reading.job);
	answer_reload(operate, &reading, answer, deadline);
	operate->is_reloading = false;
	if (reading.generation == NULL)
		config_free(reading.config);
	else if (operate->generation != reading.generation)
		rules_release(&reading.generation->rules);
}

void
operate_fill(struct operate *operate, struct control_command commands_out[OPERATE_COMMANDS_N])
{
	commands_out[0] = (struct control_command){ .name = "status", .run = tell_status, .context = operate };
	commands_out[1] = (struct control_command){ .name = "reload", .run = reload, .context = operate };
}
