/*
 * reload_prepare.c - all that a reload needs, made before anything is changed
 */
#include "base/mem.h"
#include "smtpfwd/config/files.h"
#include "smtpfwd/config/resolver.h"
#include "smtpfwd/reload_prepare.h"

static void
take_errors(struct preparation *p, const struct config *config)
{
	for (int i = 0; i < conf_n_errors(config->conf); i++)
		lines_add(&p->report->errors, "%s", conf_error_text(config->conf, i));
}

/* An error that no setting has. */
static void
say_error(struct preparation *p, const struct fault *fault)
{
	lines_add(&p->report->errors, "%s: %s", p->daemon->config_path, fault->text);
}

/* That directory was left open when the daemon was shut in (sandbox.h); others were not. */
static bool
is_in_directory_of(const char *path, const char *other_path)
{
	const char *end = strrchr(path, '/');

	return end != NULL && strncmp(path, other_path, (size_t)(end - path) + 1) == 0 &&
	    strchr(other_path + (end - path) + 1, '/') == NULL;
}

static int
prepare_log(struct preparation *p, const struct config *before, const struct config *config)
{
	struct fault fault;

	if (strcmp(before->log_to, config->log_to) == 0 ||
	    (strcmp(config->log_to, "stderr") == 0 && strcmp(p->daemon->started.log_to, "stderr") != 0))
		return 0;
	p->log_place = log_place_new(config->log_to, "smtpfwd", &fault);
	if (p->log_place != NULL)
		return 0;
	say_error(p, &fault);
	if (config->log_to[0] == '/' && !is_in_directory_of(config->log_to, p->daemon->started.log_to))
		lines_add(&p->report->errors, "%s: a log file in another directory needs a restart", p->daemon->config_path);
	return -1;
}

static int
prepare_resolver(struct preparation *p, const struct config *config, const struct changes *changes)
{
	struct fault fault;

	if (!changes->is_resolver)
		return 0;
	p->resolver = config_resolver(p->daemon->loop, config, &fault);
	if (p->resolver != NULL)
		return 0;
	say_error(p, &fault);
	return -1;
}

static int
prepare_plan(struct preparation *p, const struct config *config)
{
	struct fault fault;

	p->plan = daemon_courier_plan(config, &fault);
	if (p->plan != NULL)
		return 0;
	say_error(p, &fault);
	return -1;
}

/* What is different, made.  0, or -1 with errors; then the configuration is freed by the drop if it was taken over. */
static int
prepare_all(struct preparation *p, const struct config *before, struct config *config, const struct changes *changes)
{
	p->generation = generation_new(config);
	if (p->generation == NULL || doors_open_new(p->open_now, p->n_open_now, config, &p->doors) != 0) {
		take_errors(p, config);
		return -1;
	}
	p->is_routing = changes->is_routing;
	if (prepare_plan(p, config) != 0 || prepare_resolver(p, config, changes) != 0 || prepare_log(p, before, config) != 0)
		return -1;
	return 0;
}

static void
copy_lines(const struct lines *from, struct lines *to)
{
	for (int i = 0; i < from->n; i++)
		lines_add(to, "%s", from->at[i]);
	to->n_left_out += from->n_left_out;
}

static void
warn(struct preparation *p, const struct config *config)
{
	unsigned long long allowed, wanted;

	changes_need_restart(&p->daemon->started, config, &p->report->warnings);
	if (daemon_lacks_descriptors(config, &allowed, &wanted))
		lines_add(&p->report->warnings, "%llu open files are allowed, max-connections and deliveries may need %llu", allowed,
		    wanted);
}

void
reload_prepare(struct os_job *job)
{
	struct preparation *p = (struct preparation *)(void *)((char *)job - offsetof(struct preparation, job));
	const struct config *before = p->daemon->generation->config;
	struct config *config = config_load(p->daemon->config_path);
	struct changes *changes;

	if (conf_n_errors(config->conf) > 0) {
		take_errors(p, config);
		config_free(config);
		return;
	}
	config_stamp_files(config);
	changes = mem_new(sizeof(*changes));
	changes_find(before, config, changes);
	p->is_nothing = !changes->is_any;
	if (!p->is_nothing && prepare_all(p, before, config, changes) == 0)
		copy_lines(&changes->lines, &p->report->changes);
	if (p->is_nothing || p->report->errors.n == 0)
		warn(p, config);
	if (p->generation == NULL)
		config_free(config);
	changes_fini(changes);
	mem_free(changes);
	if (p->report->errors.n > 0)
		reload_drop(p);
}

void
reload_drop(struct preparation *p)
{
	generation_release(p->generation);
	courier_plan_free(p->plan);
	doors_close(&p->doors);
	if (p->resolver != NULL)
		config_resolver_free(p->resolver);
	log_place_free(p->log_place);
	p->generation = NULL;
	p->plan = NULL;
	p->resolver = NULL;
	p->log_place = NULL;
}
