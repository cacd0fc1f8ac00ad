/*
 * milter.c - smtpfwd-milter asked what it would do: what stands in the place of a listener
 *
 * Postfix's own restrictions, its sizes and limits and where it sends mail are not known here.
 */
#include <limits.h>

#include "base/insist.h"
#include "smtpfwd/explain/explain.h"

enum { MAIL_MAX_BYTES = 1024 * 1024 * 1024 };		/* of a file that is read; what Postfix takes is not known here */

static const char *
class_of(const struct config *config, const char *daemon_name, struct arena *arena)
{
	struct listener_class *classes = arena_array(arena, (size_t)config->n_listeners + 1, sizeof(*classes));

	insist(classes != NULL);
	for (int i = 0; i < config->n_listeners; i++)
		classes[i] = (struct listener_class){ config->listeners[i].name, config->listeners[i].class_name };
	return classify_service(classes, config->n_listeners, str_of(daemon_name));
}

const struct listener_settings *
explain_service(const struct config *config, const char *daemon_name, struct arena *arena)
{
	struct listener_settings *service = arena_alloc(arena, sizeof(*service));

	insist(service != NULL);
	*service = (struct listener_settings){
		.name = daemon_name,
		.class_name = class_of(config, daemon_name, arena),
		.auth = LISTEN_AUTH_OFFERED,
		.bare_line_end = BARE_LINE_END_REPAIR,
		.networks = config->milter.networks, .n_networks = config->milter.n_networks,
		.client_ca = "",		/* Postfix has one, or none proves a name to it */
		.client_names = config->milter.client_names, .n_client_names = config->milter.n_client_names,
		.message_max_bytes = MAIL_MAX_BYTES,
		.recipients_max = INT_MAX,
		.received_max = config->milter.hops_max,
	};
	return service;
}
