/*
 * servers.c - the sockets of the socketmap server and the policy service
 */
#include <string.h>

#include "milter/servers.h"
#include "milter/socket_group.h"
#include "milter/socketmap_server.h"

enum { BACKLOG = 512 };		/* each Postfix process that has something to ask connects */

/* Who may ask is who may write to a unix socket: the group. */
static int
listen_at(const struct milter_section *section, const char *setting, const struct milter_server *server, struct fault *fault_out)
{
	const struct place *place = &server->place;
	bool is_unix = place->path.len > 0;
	int socket = is_unix ? os_listen_unix(place->path.at, 0660) : os_listen(&place->at, BACKLOG);

	if (socket < 0)
		return fault_temporary(fault_out, "milter: %s: %s cannot be bound: %s", setting, server->written, strerror(-socket));
	if (!is_unix || socket_give(place->path.at, section->group, fault_out) == 0)
		return socket;
	os_close(socket);
	return -1;
}

int
servers_open(struct servers *servers, struct loop *loop, const struct milter_section *section, const struct policy_desk *desk,
    struct fault *fault_out)
{
	int socket;

	servers->desk = *desk;
	if (section->socketmap.written != NULL) {
		socket = listen_at(section, "socketmap", &section->socketmap, fault_out);
		if (socket >= 0)
			servers->socketmap = inquiries_open(loop, socket, &socketmap_server, desk->rules, desk->log, fault_out);
		if (servers->socketmap == NULL)
			return -1;
	}
	if (section->policy_service.written != NULL) {
		socket = listen_at(section, "policy-service", &section->policy_service, fault_out);
		if (socket >= 0)
			servers->policy_service = inquiries_open(loop, socket, &policy_server, &servers->desk, desk->log, fault_out);
		if (servers->policy_service == NULL) {
			servers_stop(servers);		/* nobody is connected: it does not suspend */
			servers_free(servers);
			return -1;
		}
	}
	return 0;
}

void
servers_stop(struct servers *servers)
{
	if (servers->socketmap != NULL)
		inquiries_stop(servers->socketmap);
	if (servers->policy_service != NULL)
		inquiries_stop(servers->policy_service);
}

void
servers_free(struct servers *servers)
{
	inquiries_free(servers->socketmap);
	inquiries_free(servers->policy_service);
	servers->socketmap = servers->policy_service = NULL;
}
