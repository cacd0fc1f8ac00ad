/*
 * inquiry.c - a loop with one fiber, and the daemon's resolver on it
 */
#include <stdio.h>

#include "smtpfwd/ctl/inquiry.h"
#include "smtpfwd/config/resolver.h"

struct inquiry {
	struct resolver	*resolver;
	void		(*run)(void *context, struct resolver *resolver);
	void		*context;
};

struct config *
inquiry_config(const struct ctl *ctl)
{
	struct config *config = config_load(ctl->config);

	if (!conf_print_errors(config->conf, stderr))
		return config;
	config_free(config);
	return NULL;
}

static void
run_inquiry(void *arg)
{
	struct inquiry *inquiry = arg;

	inquiry->run(inquiry->context, inquiry->resolver);
}

static int
start_and_run(struct loop *loop, const struct config *config, struct inquiry *inquiry, struct fault *fault_out)
{
	int result = 0;

	inquiry->resolver = config_resolver(loop, config, fault_out);
	if (inquiry->resolver == NULL)
		return -1;
	if (fiber_start(loop, "inquiry", run_inquiry, inquiry) != NULL)
		loop_run(loop);		/* until no fiber is left */
	else
		result = fault_temporary(fault_out, "there is no memory");
	config_resolver_free(inquiry->resolver);
	return result;
}

int
inquiry_run(const struct config *config, void (*run)(void *context, struct resolver *resolver), void *context)
{
	struct inquiry inquiry = { .run = run, .context = context };
	struct fault fault;
	struct loop *loop = loop_new(1, &fault);
	int result = -1;

	if (loop != NULL) {
		result = start_and_run(loop, config, &inquiry, &fault);
		loop_free(loop);
	}
	if (result != 0)
		fprintf(stderr, "smtpfwdctl: %s\n", fault.text);
	return result;
}
