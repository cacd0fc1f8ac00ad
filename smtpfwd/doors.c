/*
 * doors.c - the sockets on which mail and operators come in
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "smtpfwd/doors.h"

enum {
	LISTEN_BACKLOG = 1024,
	PRIVILEGED_PORTS = 1024,	/* below it only root binds */
};

bool
doors_may_lack(const struct config *config, const struct endpoint *address, int error)
{
	return config->is_listener_default && address->ip.family == IP_V6 && (error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL);
}

static void
doors_init(const struct config *config, struct doors *doors_out)
{
	int n = 0;

	for (int i = 0; i < config->n_listeners; i++)
		n += config->listeners[i].n_addresses;
	*doors_out = (struct doors){ .sockets = mem_new_array((size_t)n, sizeof(int)), .control = -1 };
}

static void
take_inherited(const struct config *config, struct inherited *inherited, struct doors *doors_out)
{
	for (int i = 0; i < config->n_listeners; i++)
		for (int k = 0; k < config->listeners[i].n_addresses; k++)
			doors_out->sockets[doors_out->n_sockets++] = inherited_take(inherited, &config->listeners[i].addresses[k]);
}

int
doors_open(const struct config *config, struct inherited *inherited, const struct notifier *notify, struct doors *doors_out,
    struct fault *fault_out)
{
	char room[ENDPOINT_TEXT_MAX];
	int n = 0;

	doors_init(config, doors_out);
	take_inherited(config, inherited, doors_out);
	/* All that are wanted are taken; another one that is still open might be in the way of a new one. */
	inherited_close(inherited, notify);
	for (int i = 0; i < config->n_listeners; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		for (int k = 0; k < listener->n_addresses; k++, n++) {
			const struct endpoint *at = &listener->addresses[k];
			int socket = doors_out->sockets[n] >= 0 ? doors_out->sockets[n] : os_listen(at, LISTEN_BACKLOG);

			if (socket < 0 && !doors_may_lack(config, at, socket)) {
				doors_close(doors_out);
				return fault_temporary(fault_out, "listen \"%s\": %.*s cannot be bound: %s", listener->name,
				    STR_ARG(endpoint_text(at, room)), strerror(-socket));
			}
			doors_out->sockets[n] = socket >= 0 ? socket : -1;
		}
	}
	return 0;
}

/* The address open now that keeps this one from being bound, or NULL. */
static const struct endpoint *
find_in_the_way(const struct endpoint *open_now, int n_open_now, const struct endpoint *at)
{
	for (int i = 0; i < n_open_now; i++)
		if (config_addresses_overlap(&open_now[i], at))
			return &open_now[i];
	return NULL;
}

/* Why a reload cannot have the address, and what can.  other: it may be in the way; NULL: none is. */
static void
refuse_new(const struct endpoint *other, struct config *config, int i_listener, const struct endpoint *at, int error)
{
	const struct conf_section *section = config->is_listener_default ? conf_section_default(config->conf, "listen") :
	    conf_section_at(config->conf, "listen", i_listener);
	const char *setting = config->is_listener_default ? NULL : "address";
	char room[ENDPOINT_TEXT_MAX], other_room[ENDPOINT_TEXT_MAX];
	struct str address = endpoint_text(at, room);

	if (error == -EACCES && at->port < PRIVILEGED_PORTS)
		conf_error(config->conf, section, setting, "%.*s cannot be bound: a new port below %d needs a restart, because only "
		    "root may bind it", STR_ARG(address), PRIVILEGED_PORTS);
	else if (error == -EADDRINUSE && other != NULL)
		conf_error(config->conf, section, setting, "%.*s cannot be bound while %.*s is open: this change needs a restart",
		    STR_ARG(address), STR_ARG(endpoint_text(other, other_room)));
	else
		conf_error(config->conf, section, setting, "%.*s cannot be bound: %s", STR_ARG(address), strerror(-error));
}

int
doors_open_new(const struct endpoint *open_now, int n_open_now, struct config *config, struct doors *doors_out)
{
	int n_errors = 0;

	doors_init(config, doors_out);
	for (int i = 0; i < config->n_listeners; i++) {
		for (int k = 0; k < config->listeners[i].n_addresses; k++) {
			const struct endpoint *at = &config->listeners[i].addresses[k];
			const struct endpoint *other = find_in_the_way(open_now, n_open_now, at);
			bool stays = other != NULL && endpoint_eq(other, at);
			int socket = stays ? -1 : os_listen(at, LISTEN_BACKLOG);

			doors_out->sockets[doors_out->n_sockets++] = socket >= 0 ? socket : -1;
			if (socket >= 0 || stays || doors_may_lack(config, at, socket))
				continue;
			refuse_new(other, config, i, at, socket);
			n_errors++;
		}
	}
	if (n_errors == 0)
		return 0;
	doors_close(doors_out);
	return -1;
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
