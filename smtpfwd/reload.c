/*
 * reload.c - another configuration is put in the place of the one at work, whole or not at all
 */
#include <stdio.h>

#include "base/mem.h"
#include "mail/date.h"
#include "smtpfwd/reload_prepare.h"
#include "smtpfwd/runtime/resolver_switch.h"

struct reload {
	struct daemon		*daemon;
	struct os_crew		*crew;
	struct fiber		*fiber;		/* NULL: ended */
	int64_t			 n_asked, n_done;	/* done is which of those asked a reload has begun after */
	struct signal_list	 changed;	/* one of these has */
	struct reload_report	*last;		/* held; NULL: none yet */
};

/* --- how it went --- */

static struct reload_report *
report_new(void)
{
	struct reload_report *report = mem_new(sizeof(*report));

	*report = (struct reload_report){ .n_holders = 1, .at = os_wall_clock() };
	lines_init(&report->changes);
	lines_init(&report->warnings);
	lines_init(&report->errors);
	return report;
}

static void
report_release(struct reload_report *report)
{
	if (report == NULL || --report->n_holders > 0)
		return;
	lines_fini(&report->changes);
	lines_fini(&report->warnings);
	lines_fini(&report->errors);
	mem_free(report);
}

static void
log_lines(const struct daemon *daemon, enum log_level level, const char *event, const struct lines *lines)
{
	for (int i = 0; i < lines->n; i++)
		log_say(daemon->log, level, event, "%s", lines->at[i]);
	if (lines->n_left_out > 0)
		log_say(daemon->log, level, event, "and %d more", lines->n_left_out);
}

static void
log_report(const struct daemon *daemon, const struct reload_report *report)
{
	log_lines(daemon, LOG_LEVEL_WARNING, "reload-warning", &report->warnings);
	log_lines(daemon, LOG_LEVEL_ERROR, "reload-failed", &report->errors);
	log_lines(daemon, LOG_LEVEL_INFO, "reloaded", &report->changes);
	if (report->has_failed)
		log_say(daemon->log, LOG_LEVEL_ERROR, "reload-failed", "the old configuration stays in use");
	else if (report->changes.n == 0)
		log_say(daemon->log, LOG_LEVEL_INFO, "reloaded", "nothing changed");
}

/* --- adopting --- */

/* Sockets that the service manager keeps for us and that are none of ours any more would let clients in to nobody. */
static void
forget_sockets(const struct daemon *daemon, const struct config *before, const struct config *after)
{
	for (int i = 0; i < before->n_listeners; i++)
		for (int k = 0; k < before->listeners[i].n_addresses; k++)
			if (!config_has_address(after, &before->listeners[i].addresses[k]))
				notify_forget_socket(&daemon->starter->notify, &before->listeners[i].addresses[k]);
}

static void
adopt_log(struct daemon *daemon, const struct config *config)
{
	log_writer_log(daemon->log_writer)->level = config->log_level;
	if (daemon->story == NULL)
		return;
	story_follow_level(daemon->story);
	if (config->trace_keep.ns > 0)
		story_set_bounds(daemon->story, config->trace_keep, config->trace_max_bytes, config->queue.min_free_bytes);
}

struct count {
	struct str	 destination;
	int64_t		 n;
};

static void
count_waiting(void *context, const struct destination_counts *d)
{
	struct count *count = context;
	struct str name = d->name, destination = STR_EMPTY;

	(void)str_take_until(&name, '/', &destination);	/* or one of its next hops, or of its domains */
	if (str_eq(destination, count->destination))
		count->n += d->n_waiting;
}

static int64_t
n_waiting(struct daemon *daemon, struct str destination)
{
	struct count count = { .destination = destination };

	queue_each_destination(daemon->queue, count_waiting, &count);
	return count.n;
}

static struct str
destination_of_domain(const struct policy *policy, struct str domain, char room[POLICY_DESTINATION_MAX])
{
	/* ".example.org" is all below it. */
	struct address address = { .local = STR("x"), .domain = str_starts(domain, STR(".")) ? str_from(domain, 1) : domain };

	return policy_destination_of(policy, STR_EMPTY, &address, room);
}

/* A relay that is gone and has mail: where that goes now may surprise whoever took the section out. */
static void
warn_of_gone(struct daemon *daemon, const struct relay_rule *rule, const struct policy *policy, struct lines *warnings)
{
	char room[POLICY_DESTINATION_MAX], relay[POLICY_DESTINATION_MAX];
	int64_t n;

	snprintf(relay, sizeof(relay), "relay:%s", rule->name);
	n = n_waiting(daemon, str_of(relay));
	for (int i = 0; n > 0 && i < rule->n_domains; i++) {
		struct str destination = destination_of_domain(policy, str_of(rule->domains[i]), room);

		if (str_starts(destination, STR("relay:")))
			continue;
		if (str_eq(destination, STR("none")))
			lines_add(warnings, "relay \"%s\": is gone, and mail for %s that waits (%lld for the relay) waits for a section that takes it, until it expires",
			    rule->name, rule->domains[i], (long long)n);
		else
			lines_add(warnings, "relay \"%s\": is gone, and mail for %s that waits (%lld for the relay) goes by %.*s now",
			    rule->name, rule->domains[i], (long long)n, STR_ARG(destination));
	}
}

/* The same of a class that has lost its route, by its name or by its setting: what it was to be kept apart from may get it now. */
static void
warn_of_class(struct daemon *daemon, const struct class_section *class, const struct generation *after, struct lines *warnings)
{
	const char *before = class->actions.route, *now = class_rules_actions(policy_class_rules(after->policy), str_of(class->name))->route;
	const char *outbound = after->config->policy.outbound;
	int64_t n = before != NULL && now == NULL ? n_waiting(daemon, str_of(before)) : 0;

	if (n > 0 && outbound == NULL)
		lines_add(warnings, "class \"%s\": has no route now, and its mail that waits (%lld for %s) waits for one, until it expires",
		    class->name, (long long)n, before);
	else if (n > 0 && strcmp(outbound, before + strlen("route:")) != 0)
		lines_add(warnings, "class \"%s\": has no route now, and its mail that waits (%lld for %s) goes by route:%s",
		    class->name, (long long)n, before, outbound);
}

static void
warn_of_all_gone(struct daemon *daemon, const struct config *before, const struct generation *after, struct lines *warnings)
{
	for (int i = 0; i < before->policy.classes.n_sections; i++)
		warn_of_class(daemon, &before->policy.classes.sections[i], after, warnings);
	for (int i = 0; i < before->policy.n_relays; i++)
		if (conf_section_titled(after->config->conf, "relay", before->policy.relays[i].name) == NULL)
			warn_of_gone(daemon, &before->policy.relays[i], after->policy, warnings);
}

/* Nothing in here suspends, so nobody sees one half. */
static int
adopt(struct daemon *daemon, struct preparation *p, struct fault *fault_out)
{
	struct generation *old = daemon->generation, *new = p->generation;
	const struct config *config = new->config;
	struct receive_world world = daemon_receive_world(daemon, new);
	struct queue_world queue_world = daemon_queue_world(daemon);

	p->doors.n_sockets = 0;		/* they are the listeners' now, whatever comes of it */
	if (listeners_adopt(daemon->listeners, config->listeners, config->n_listeners, p->doors.sockets, &world, fault_out) != 0)
		return -1;
	p->generation = NULL;
	daemon->generation = new;
	daemon->overview.generation = new;
	warn_of_all_gone(daemon, old->config, new, &p->report->warnings);
	couriers_adopt(daemon->couriers, p->plan);
	p->plan = NULL;
	reporter_adopt(daemon->reporter, new->policy);
	class_rates_adopt(daemon->rates, config->policy.classes.sections, config->policy.classes.n_sections);
	daemon_adopt_recipients(daemon);
	queue_reserve(daemon->queue, config->queue.min_free_bytes);
	if (p->is_routing)
		queue_reconfigure(daemon->queue, &config->queue.retry, &queue_world);
	if (p->resolver != NULL)
		resolver_switch_to(daemon->resolver, p->resolver);
	p->resolver = NULL;
	if (p->log_place != NULL)
		log_writer_move(daemon->log_writer, p->log_place);
	p->log_place = NULL;
	adopt_log(daemon, config);
	loop_allow_fibers(daemon->loop, daemon_n_fibers_max(config));
	forget_sockets(daemon, old->config, config);
	daemon_keep_sockets(daemon);
	generation_release(old);
	return 0;
}

/* --- one reload --- */

static void
note_open(void *context, const struct endpoint *at, int socket)
{
	struct preparation *p = context;

	(void)socket;
	p->open_now = mem_resize_array(p->open_now, (size_t)p->n_open_now + 1, sizeof(*p->open_now));
	p->open_now[p->n_open_now++] = *at;
}

static void
run_once(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	struct reload_report *report = report_new();
	struct preparation *p = mem_new(sizeof(*p));
	struct fault fault;

	*p = (struct preparation){ .job.run = reload_prepare, .daemon = daemon, .report = report, .doors.control = -1 };
	listeners_each_socket(daemon->listeners, note_open, p);
	fiber_run_on_crew(reload->crew, &p->job);
	report->has_failed = report->errors.n > 0;
	if (daemon->is_stopping || p->is_nothing) {
		reload_drop(p);
	} else if (!report->has_failed && adopt(daemon, p, &fault) != 0) {
		lines_add(&report->errors, "%s: %s", daemon->config_path, fault.text);
		report->has_failed = true;
		lines_clear(&report->changes);
		reload_drop(p);
	}
	doors_close(&p->doors);
	mem_free(p->open_now);
	mem_free(p);
	if (daemon->is_stopping) {
		report_release(report);
		return;
	}
	log_report(daemon, report);
	report_release(reload->last);
	reload->last = report;
}

static void
run(void *arg)
{
	struct reload *reload = arg;
	struct daemon *daemon = reload->daemon;

	while (!daemon->is_stopping && !fiber_is_cancelled()) {
		int64_t n_asked = reload->n_asked;

		if (n_asked == reload->n_done) {
			signal_wait(&reload->changed, INSTANT_NEVER);
			continue;
		}
		notify_reloading(&daemon->starter->notify);
		run_once(reload);
		notify_reloaded(&daemon->starter->notify);
		reload->n_done = n_asked;
		signal_all(&reload->changed);
	}
	reload->fiber = NULL;
	signal_all(&reload->changed);
}

/* --- for others --- */

struct reload *
reload_new(struct daemon *daemon, struct fault *fault_out)
{
	struct reload *reload = mem_new(sizeof(*reload));

	*reload = (struct reload){ .daemon = daemon, .crew = os_crew_new(loop_poller(daemon->loop), 1, "reload") };
	signal_init(&reload->changed);
	if (reload->crew != NULL)
		reload->fiber = fiber_start(daemon->loop, "reload", run, reload);
	if (reload->fiber != NULL)
		return reload;
	fault_temporary(fault_out, "no thread or no memory for reloads");
	reload_free(reload);
	return NULL;
}

void
reload_ask(struct reload *reload)
{
	if (reload->daemon->is_stopping)
		return;
	reload->n_asked++;
	signal_all(&reload->changed);
}

const struct reload_report *
reload_last(const struct reload *reload)
{
	return reload->last;
}

static json_t *
lines_json(const struct lines *lines)
{
	json_t *texts = json_array();
	char more[40];

	for (int i = 0; i < lines->n; i++)
		json_array_append_new(texts, control_json_str(str_of(lines->at[i])));
	if (lines->n_left_out > 0) {
		snprintf(more, sizeof(more), "and %d more", lines->n_left_out);
		json_array_append_new(texts, json_string(more));
	}
	return texts;
}

json_t *
reload_report_json(const struct reload_report *report)
{
	char room[DATE_TEXT_MAX];

	return json_pack("{s:o, s:b, s:o, s:o, s:o}", "at", control_json_str(date_iso_text(report->at, room)), "failed",
	    report->has_failed, "changes", lines_json(&report->changes), "warnings", lines_json(&report->warnings), "errors",
	    lines_json(&report->errors));
}

void
reload_answer(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	struct reload *reload = context;
	struct reload_report *report;
	int64_t mine;

	(void)request;
	log_writer_reopen(reload->daemon->log_writer);	/* as SIGHUP does, for who rotates logs */
	reload_ask(reload);
	mine = reload->n_asked;
	while (!reload->daemon->is_stopping && reload->n_done < mine)
		if (signal_wait(&reload->changed, deadline) != WAKE_READY)
			break;
	if (reload->daemon->is_stopping || reload->n_done < mine) {
		answer_error(answer, reload->daemon->is_stopping ? "smtpfwd is stopping: nothing is reloaded" :
		    "the reload takes too long; the log will say how it went");
		return;
	}
	report = reload->last;
	report->n_holders++;
	if (report->has_failed)
		answer_error(answer, "the old configuration stays in use");
	(void)answer_write(answer, json_pack("{s:o}", "reload", reload_report_json(report)), deadline);
	report_release(report);
}

bool
reload_stop(struct reload *reload, struct instant deadline)
{
	signal_all(&reload->changed);
	while (reload->fiber != NULL && signal_wait(&reload->changed, deadline) == WAKE_READY)
		;
	return reload->fiber == NULL;
}

void
reload_free(struct reload *reload)
{
	if (reload == NULL)
		return;
	if (reload->crew != NULL)
		os_crew_free(reload->crew);
	report_release(reload->last);
	mem_free(reload);
}
