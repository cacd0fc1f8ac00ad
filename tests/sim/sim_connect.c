/*
 * sim_connect.c - listeners, and who reaches them: hosts that are up, silent or away
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/sim/sim_net.h"

enum {
	CONNECT_TIMEOUT_NS_PER_S = 1000000000,
	CONNECT_TIMEOUT_S = 130,	/* as Linux by default, about */
	SYN_AGAIN_NS = 1000000000,	/* a full backlog drops the request; it comes again */
	LOCAL_LATENCY_NS = 1000,	/* of a unix socket */
};

/* --- hosts --- */

static struct sim_host_state *
host_of(const struct ip *ip)
{
	LIST_EACH(link, &sim_world()->hosts) {
		struct sim_host_state *host = LIST_ITEM(link, struct sim_host_state, link);

		if (ip_eq(&host->ip, ip))
			return host;
	}
	return NULL;
}

static struct sim_host_state *
host_to_change(struct sim *sim, const struct ip *ip)
{
	struct sim_host_state *host = host_of(ip);

	insist(sim->process == sim_world());
	if (host == NULL) {
		host = mem_new(sizeof(*host));
		host->ip = *ip;
		host->latency_ns = -1;
		list_append(&sim_world()->hosts, &host->link);
	}
	return host;
}

void
sim_net_host(struct sim *sim, const struct ip *ip, enum sim_host state)
{
	host_to_change(sim, ip)->state = state;
}

void
sim_net_latency(struct sim *sim, const struct ip *ip, struct span one_way)
{
	host_to_change(sim, ip)->latency_ns = one_way.ns;
}

static enum sim_host
state_of(const struct ip *ip)
{
	struct sim_host_state *host = host_of(ip);

	return host != NULL ? host->state : SIM_HOST_UP;
}

bool
sim_network_stalls(const struct sim_socket *s)
{
	if (s->is_unix || s->state == SOCKET_CONNECTING)
		return false;
	return state_of(&s->local.ip) != SIM_HOST_UP || state_of(&s->remote.ip) != SIM_HOST_UP;
}

int64_t
sim_network_latency_ns(const struct sim_socket *s)
{
	struct sim_host_state *here = host_of(&s->local.ip), *there = host_of(&s->remote.ip);
	int64_t max_ns = sim_world()->sim->options.latency_max.ns;

	if (s->is_unix)
		return LOCAL_LATENCY_NS;
	if (there != NULL && there->latency_ns >= 0)
		return there->latency_ns;
	if (here != NULL && here->latency_ns >= 0)
		return here->latency_ns;
	return max_ns / 10 + (int64_t)sim_world_dice(DICE_NETWORK, (uint64_t)(max_ns - max_ns / 10 + 1));
}

/* --- listeners --- */

static bool
ip_is_any(const struct ip *ip)
{
	static const uint8_t zeros[16];

	return memcmp(ip->bytes, zeros, ip->family == IP_V4 ? 4 : 16) == 0;
}

static struct sim_socket *
listener_at(const struct endpoint *at, bool is_clash)
{
	LIST_EACH(link, &sim_world()->sockets) {
		struct sim_socket *s = LIST_ITEM(link, struct sim_socket, link);

		if (s->state != SOCKET_LISTENS || s->is_closed || s->is_unix ||
		    s->local.port != at->port || s->local.ip.family != at->ip.family)
			continue;
		if (ip_eq(&s->local.ip, &at->ip) || ip_is_any(&s->local.ip) || (is_clash && ip_is_any(&at->ip)))
			return s;
	}
	return NULL;
}

static int
socket_with_fd(enum sim_socket_state state)
{
	int fd = sim_fd_new(FD_SOCKET);

	if (fd >= 0)
		sim_fd_get(fd, FD_SOCKET)->socket = sim_socket_new(state);
	return fd;
}

static uint16_t
free_port(void)
{
	struct sim_process *p = sim_world();

	if (++p->next_port > 60999)	/* Linux's range of ports for clients */
		p->next_port = 32768;
	return (uint16_t)p->next_port;
}

int
os_listen(const struct endpoint *at, int backlog)
{
	struct sim_socket *s;
	int fd;

	insist(at->ip.family != IP_NONE);
	if (at->port != 0 && listener_at(at, true) != NULL)
		return -EADDRINUSE;
	fd = socket_with_fd(SOCKET_LISTENS);
	if (fd < 0)
		return fd;
	s = sim_fd_get(fd, FD_SOCKET)->socket;
	s->local = *at;
	if (at->port == 0)
		s->local.port = free_port();
	s->backlog = backlog;
	sim_world_trace("listen", "", s->local.port, backlog);
	return fd;
}

static struct sim_socket *
unix_listener_at(const char *path)
{
	LIST_EACH(link, &sim_world()->sockets) {
		struct sim_socket *s = LIST_ITEM(link, struct sim_socket, link);

		if (s->state == SOCKET_LISTENS && !s->is_closed && s->is_unix && strcmp(s->path, path) == 0)
			return s;
	}
	return NULL;
}

int
os_listen_unix(const char *path, mode_t mode)
{
	struct sim_socket *s;
	int fd;

	if (strlen(path) >= sizeof(s->path))
		return -ENAMETOOLONG;
	if (unix_listener_at(path) != NULL)
		return -EADDRINUSE;
	fd = socket_with_fd(SOCKET_LISTENS);
	if (fd < 0)
		return fd;
	s = sim_fd_get(fd, FD_SOCKET)->socket;
	s->is_unix = true;
	s->backlog = 128;
	strcpy(s->path, path);
	return fd;
}

void
sim_listener_close(struct sim_socket *listener)
{
	struct list_link *link;

	listener->is_closed = true;
	while ((link = list_take_first(&listener->waiting)) != NULL) {
		struct sim_socket *s = LIST_ITEM(link, struct sim_socket, waiting_link);

		s->is_closed = true;
		if (s->peer != NULL)
			sim_socket_send_segment(s->peer, SEGMENT_RESET, NULL, 0);
	}
}

int
os_accept(int listener, struct endpoint *peer_out, struct endpoint *local_out)
{
	struct sim_socket *l = sim_fd_get(listener, FD_SOCKET)->socket, *s;
	int fd;

	insist(l->state == SOCKET_LISTENS);
	if (list_is_empty(&l->waiting))
		return -EAGAIN;
	fd = sim_fd_new(FD_SOCKET);
	if (fd < 0)
		return fd;
	s = LIST_ITEM(list_take_first(&l->waiting), struct sim_socket, waiting_link);
	sim_fd_get(fd, FD_SOCKET)->socket = s;
	if (peer_out != NULL)
		*peer_out = s->remote;
	if (local_out != NULL)
		*local_out = s->local;
	sim_world_trace("accept", "", s->remote.port, s->local.port);
	return fd;
}

/* --- connecting --- */

static void
take_cut(struct sim_socket *client, struct sim_socket *server)
{
	LIST_EACH(link, &sim_world()->cuts) {
		struct sim_cut *cut = LIST_ITEM(link, struct sim_cut, link);

		if (!endpoint_eq(&cut->to, &server->local))
			continue;
		if (cut->is_from_connecting_side)
			server->cut_after = cut->n_bytes;
		else
			client->cut_after = cut->n_bytes;
		list_remove(&sim_world()->cuts, link);
		mem_free(cut);
		return;
	}
}

static void
join(struct sim_socket *client, struct sim_socket *listener)
{
	struct sim_socket *server = sim_socket_new(SOCKET_OPEN);

	server->is_unix = listener->is_unix;
	server->local = client->remote;
	server->remote = client->local;
	server->peer_uid = client->peer_uid;
	server->peer = client;
	client->peer = server;
	client->state = SOCKET_OPEN;
	client->latest_ns = sim_world()->now_ns;	/* it was the time to give up */
	take_cut(client, server);
	list_append(&listener->waiting, &server->waiting_link);
	sim_socket_changed(listener);
	sim_socket_changed(client);
}

/* What becomes of a request to connect; it may have to wait longer. */
static void
request_arrives(struct sim_due *due)
{
	struct sim_socket *s = HEAP_ITEM(&due->room, struct sim_socket, arrival.room);
	enum sim_host state = state_of(&s->remote.ip);
	struct sim_socket *listener;

	if (state_of(&s->local.ip) != SIM_HOST_UP)
		state = SIM_HOST_SILENT;
	s->arrival.happen = sim_network_arrival;
	if (state == SIM_HOST_UNREACHABLE) {
		sim_socket_breaks(s, EHOSTUNREACH);
		return;
	}
	listener = listener_at(&s->remote, false);
	if (state == SIM_HOST_UP && listener == NULL) {
		sim_socket_breaks(s, ECONNREFUSED);
		return;
	}
	if (state == SIM_HOST_UP && (int)listener->waiting.n <= listener->backlog) {
		join(s, listener);
		return;
	}
	if (sim_world()->now_ns >= s->latest_ns) {
		sim_socket_breaks(s, ETIMEDOUT);
		return;
	}
	s->arrival.happen = request_arrives;
	sim_due_at(due, sim_world()->now_ns + SYN_AGAIN_NS);
}

static struct ip
own_ip(const struct ip *to)
{
	struct ip ip;

	if (ip_is_loopback(to))
		return *to;
	insist(ip_parse(to->family == IP_V4 ? STR("192.0.2.25") : STR("2001:db8::25"), &ip));
	return ip;
}

int
os_connect(const struct endpoint *to, const struct endpoint *from)
{
	struct sim_socket *s;
	int fd;

	insist(to->ip.family != IP_NONE);
	if (to->port == 0)
		return -ECONNREFUSED;
	if (from != NULL && from->ip.family != to->ip.family)
		return -EINVAL;
	fd = socket_with_fd(SOCKET_CONNECTING);
	if (fd < 0)
		return fd;
	s = sim_fd_get(fd, FD_SOCKET)->socket;
	s->remote = *to;
	if (from != NULL)
		s->local = *from;
	else
		s->local.ip = own_ip(&to->ip);
	if (s->local.port == 0)
		s->local.port = free_port();
	s->latest_ns = sim_world()->now_ns + (int64_t)CONNECT_TIMEOUT_S * CONNECT_TIMEOUT_NS_PER_S;
	s->arrival.happen = request_arrives;
	sim_due_at(&s->arrival, sim_world()->now_ns + 2 * sim_network_latency_ns(s));
	sim_world_trace("connect", "", s->remote.port, s->local.port);
	return fd;
}

int
os_connect_result(int socket)
{
	struct sim_socket *s = sim_fd_get(socket, FD_SOCKET)->socket;
	int error = s->error;

	if (s->state == SOCKET_CONNECTING)
		return -EINPROGRESS;
	s->error = 0;
	return -error;
}

int
sim_connect_unix(struct sim *sim, const char *path, uint32_t uid)
{
	struct sim_socket *listener = unix_listener_at(path), *s;
	int fd;

	insist(sim->process == sim_world());
	if (listener == NULL)
		return -ECONNREFUSED;
	fd = socket_with_fd(SOCKET_CONNECTING);
	if (fd < 0)
		return fd;
	s = sim_fd_get(fd, FD_SOCKET)->socket;
	s->is_unix = true;
	s->peer_uid = uid;
	join(s, listener);
	return fd;
}

int
os_local_endpoint(int socket, struct endpoint *local_out)
{
	*local_out = sim_fd_get(socket, FD_SOCKET)->socket->local;
	return 0;
}

bool
os_listens_at_one(int listener, struct endpoint *at_out)
{
	return os_local_endpoint(listener, at_out) == 0;
}

bool
os_ip_is_local(const struct ip *ip)
{
	return ip_is_loopback(ip);
}

int
os_peer_uid(int socket, uid_t *uid_out)
{
	struct sim_socket *s = sim_fd_get(socket, FD_SOCKET)->socket;

	if (!s->is_unix)
		return -EOPNOTSUPP;
	*uid_out = s->peer_uid;
	return 0;
}

/* --- cutting --- */

static bool
is_end(const struct endpoint *end, const struct endpoint *e)
{
	return (end->ip.family == IP_NONE || ip_eq(&end->ip, &e->ip)) && (end->port == 0 || end->port == e->port);
}

int
sim_net_cut(struct sim *sim, const struct endpoint *end)
{
	int n = 0;

	insist(sim->process == sim_world());
	LIST_EACH(link, &sim_world()->sockets) {
		struct sim_socket *s = LIST_ITEM(link, struct sim_socket, link), *peer = s->peer;

		if (s->is_unix || s->state != SOCKET_OPEN || peer == NULL || !is_end(end, &s->local))
			continue;
		sim_socket_breaks(s, ECONNRESET);
		sim_socket_breaks(peer, ECONNRESET);
		n++;
	}
	return n;
}

void
sim_net_cut_after(struct sim *sim, const struct endpoint *to, int64_t n_bytes, bool from_connecting_side)
{
	struct sim_cut *cut = mem_new(sizeof(*cut));

	insist(sim->process == sim_world() && n_bytes >= 0);
	*cut = (struct sim_cut){ .to = *to, .n_bytes = n_bytes, .is_from_connecting_side = from_connecting_side };
	list_append(&sim_world()->cuts, &cut->link);
}

int
sim_net_n_connections(struct sim *sim, const struct endpoint *to)
{
	int n = 0;

	insist(sim->process == sim_world());
	LIST_EACH(link, &sim_world()->sockets) {
		struct sim_socket *s = LIST_ITEM(link, struct sim_socket, link);

		if (!s->is_unix && !s->is_closed && (s->state == SOCKET_OPEN || s->state == SOCKET_CONNECTING) &&
		    endpoint_eq(&s->remote, to))
			n++;
	}
	return n;
}
