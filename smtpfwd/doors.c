/*
 * doors.c - the sockets on which mail and operators come in
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "smtpfwd/doors.h"

enum { LISTEN_BACKLOG = 1024 };

bool
doors_may_lack(const struct config *config, const struct endpoint *address, int error)
{
	return config->is_listener_default && address->ip.family == IP_V6 && (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL);
}

int
doors_open(const struct config *config, struct inherited *inherited, struct doors *doors_out, struct fault *fault_out)
{
	char room[ENDPOINT_TEXT_MAX];
	int n = 0;

	for (int i = 0; i < config->n_listeners; i++)
		n += config->listeners[i].n_addresses;
	*doors_out = (struct doors){ .sockets = mem_new_array((size_t)n, sizeof(int)), .control = -1 };
	for (int i = 0; i < config->n_listeners; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		for (int k = 0; k < listener->n_addresses; k++) {
			const struct endpoint *at = &listener->addresses[k];
			int socket = inherited_take(inherited, at);

			if (socket < 0)
				socket = os_listen(at, LISTEN_BACKLOG);
			if (doors_may_lack(config, at, socket))
				socket = -1;
			else if (socket < 0) {
				doors_close(doors_out);
				return fault_temporary(fault_out, "listen \"%s\": %.*s cannot be bound: %s", listener->name,
				    STR_ARG(endpoint_text(at, room)), strerror(-socket));
			}
			doors_out->sockets[doors_out->n_sockets++] = socket;
		}
	}
	return 0;
}

int
doors_open_control(const struct config *config, struct doors *doors, struct fault *fault_out)
{
	int socket = os_listen_unix(config->control, 0600);

	if (socket == -EADDRINUSE)
		return fault_permanent(fault_out, "control: %s: a daemon is running there", config->control);
	if (socket == -EEXIST)
		return fault_permanent(fault_out, "control: %s: is there and no socket", config->control);
	if (socket < 0)
		return fault_temporary(fault_out, "control: %s: %s", config->control, strerror(-socket));
	doors->control = socket;
	return 0;
}

void
doors_close(struct doors *doors)
{
	for (int i = 0; i < doors->n_sockets; i++)
		if (doors->sockets[i] >= 0)
			os_close(doors->sockets[i]);
	if (doors->control >= 0)
		os_close(doors->control);
	mem_free(doors->sockets);
	*doors = (struct doors){ .control = -1 };
}
