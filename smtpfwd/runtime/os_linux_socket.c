/*
 * os_linux_socket.c - os.h on Linux: sockets
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/insist.h"
#include "smtpfwd/runtime/os.h"

union address {
	struct sockaddr		 any;
	struct sockaddr_in	 v4;
	struct sockaddr_in6	 v6;
	struct sockaddr_un	 local;
	struct sockaddr_storage	 room;
};

static socklen_t
address_of_endpoint(const struct endpoint *endpoint, union address *address_out)
{
	memset(address_out, 0, sizeof(*address_out));
	switch (endpoint->ip.family) {
	case IP_V4:
		address_out->v4.sin_family = AF_INET;
		address_out->v4.sin_port = htons(endpoint->port);
		memcpy(&address_out->v4.sin_addr, endpoint->ip.bytes, 4);
		return sizeof(address_out->v4);
	case IP_V6:
		address_out->v6.sin6_family = AF_INET6;
		address_out->v6.sin6_port = htons(endpoint->port);
		memcpy(&address_out->v6.sin6_addr, endpoint->ip.bytes, 16);
		return sizeof(address_out->v6);
	case IP_NONE:
		break;
	}
	insist(!"an endpoint without an address");
}

/* Unix sockets give IP_NONE. */
static struct endpoint
endpoint_of_address(const union address *address)
{
	struct endpoint endpoint = { .port = 0 };

	if (address->any.sa_family == AF_INET) {
		endpoint.ip.family = IP_V4;
		memcpy(endpoint.ip.bytes, &address->v4.sin_addr, 4);
		endpoint.port = ntohs(address->v4.sin_port);
	} else if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
		endpoint.ip.family = IP_V4;
		memcpy(endpoint.ip.bytes, address->v6.sin6_addr.s6_addr + 12, 4);
		endpoint.port = ntohs(address->v6.sin6_port);
	} else if (address->any.sa_family == AF_INET6) {
		endpoint.ip.family = IP_V6;
		memcpy(endpoint.ip.bytes, &address->v6.sin6_addr, 16);
		endpoint.port = ntohs(address->v6.sin6_port);
	}
	return endpoint;
}

static int
set_flag(int socket, int level, int option)
{
	return setsockopt(socket, level, option, &(int){ 1 }, sizeof(int));
}

static int
close_and_return(int fd, int error)
{
	close(fd);
	return -error;
}

static int
new_socket(const struct endpoint *endpoint)
{
	int family = endpoint->ip.family == IP_V6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 ? fd : -errno;
}

int
os_listen(const struct endpoint *at, int backlog)
{
	union address address;
	socklen_t address_bytes = address_of_endpoint(at, &address);
	int fd;

	fd = new_socket(at);
	if (fd < 0)
		return fd;
	(void)set_flag(fd, IPPROTO_TCP, TCP_NODELAY);	/* inherited by what is accepted */
	if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) != 0 ||
	    (at->ip.family == IP_V6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) ||
	    bind(fd, &address.any, address_bytes) != 0 || listen(fd, backlog) != 0)
		return close_and_return(fd, errno);
	return fd;
}

static int
unix_socket(const char *path, union address *address_out)
{
	int fd;

	memset(address_out, 0, sizeof(*address_out));
	address_out->local.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address_out->local.sun_path))
		return -ENAMETOOLONG;
	memcpy(address_out->local.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 ? fd : -errno;
}

int
os_unix_is_free(const char *path)
{
	union address address;
	struct stat status;
	int fd, error = 0;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	fd = unix_socket(path, &address);
	if (fd < 0)
		return fd;
	/* EAGAIN: its backlog is full, so it is served. */
	if (connect(fd, &address.any, sizeof(address.local)) == 0 || errno == EAGAIN || errno == EINPROGRESS)
		error = EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		error = errno;
	return close_and_return(fd, error);
}

/* Made under another name, so that the path is a served socket with its mode or nothing. */
int
os_listen_unix(const char *path, mode_t mode)
{
	char new_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	union address address;
	int fd, error;

	if ((size_t)snprintf(new_path, sizeof(new_path), "%s.new", path) >= sizeof(new_path))
		return -ENAMETOOLONG;
	error = os_unix_is_free(path);
	if (error == 0)
		error = os_unix_is_free(new_path);
	if (error != 0)
		return error;
	unlink(new_path);
	fd = unix_socket(new_path, &address);
	if (fd < 0)
		return fd;
	if (bind(fd, &address.any, sizeof(address.local)) != 0)
		return close_and_return(fd, errno);
	if (chmod(new_path, mode) != 0 || listen(fd, SOMAXCONN) != 0 || rename(new_path, path) != 0) {
		error = errno;
		unlink(new_path);
		return close_and_return(fd, error);
	}
	return fd;
}

int
os_accept(int listener, struct endpoint *peer_out, struct endpoint *local_out)
{
	union address peer = { .room = { 0 } };
	socklen_t peer_bytes = sizeof(peer);
	int fd;

	do
		fd = accept4(listener, &peer.any, &peer_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));	/* that client gave up; the next */
	if (fd < 0)
		return -errno;
	if (peer_out != NULL)
		*peer_out = endpoint_of_address(&peer);
	if (local_out != NULL && os_local_endpoint(fd, local_out) != 0)
		*local_out = (struct endpoint){ .port = 0 };
	return fd;
}

/* Whose packets are brought here by their path (tproxy) has the addresses that they are for. */
static bool
is_transparent(int socket, enum ip_family family)
{
	int is_on = 1;
	socklen_t n_bytes = sizeof(is_on);

	if (family == IP_V4)
		return getsockopt(socket, IPPROTO_IP, IP_TRANSPARENT, &is_on, &n_bytes) != 0 || is_on != 0;
	return getsockopt(socket, IPPROTO_IPV6, IPV6_TRANSPARENT, &is_on, &n_bytes) != 0 || is_on != 0;
}

bool
os_listens_at_one(int listener, struct endpoint *at_out)
{
	static const struct ip nowhere;

	return os_local_endpoint(listener, at_out) == 0 && at_out->ip.family != IP_NONE &&
	    memcmp(at_out->ip.bytes, nowhere.bytes, sizeof(nowhere.bytes)) != 0 && !is_transparent(listener, at_out->ip.family);
}

int
os_connect(const struct endpoint *to, const struct endpoint *from)
{
	union address address;
	socklen_t address_bytes;
	int fd;

	fd = new_socket(to);
	if (fd < 0)
		return fd;
	(void)set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
	if (from != NULL) {
		if (from->ip.family != to->ip.family)
			return close_and_return(fd, EAFNOSUPPORT);
		/* The port is chosen when the peer is known, so ports do not run out. */
		(void)set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
		address_bytes = address_of_endpoint(from, &address);
		if (bind(fd, &address.any, address_bytes) != 0)
			return close_and_return(fd, errno);
	}
	address_bytes = address_of_endpoint(to, &address);
	if (connect(fd, &address.any, address_bytes) != 0 && errno != EINPROGRESS && errno != EINTR)
		return close_and_return(fd, errno);
	return fd;
}

int
os_connect_result(int socket)
{
	union address peer;
	socklen_t error_bytes = sizeof(int), peer_bytes = sizeof(peer);
	int error = 0;

	if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &error_bytes) != 0)
		return -errno;
	if (error != 0)
		return -error;
	if (getpeername(socket, &peer.any, &peer_bytes) != 0)
		return errno == ENOTCONN ? -EINPROGRESS : -errno;
	return 0;
}

ssize_t
os_recv(int socket, void *room, size_t n_bytes)
{
	ssize_t n;

	do
		n = recv(socket, room, n_bytes, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

ssize_t
os_sendv(int socket, const struct iovec *pieces, int n_pieces)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)pieces,
		.msg_iovlen = (size_t)n_pieces,
	};
	ssize_t n;

	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? n : -errno;
}

int64_t
os_unconfirmed_bytes(int socket)
{
	int n_bytes;

	return ioctl(socket, SIOCOUTQ, &n_bytes) == 0 ? n_bytes : 0;
}

int
os_local_endpoint(int socket, struct endpoint *local_out)
{
	union address address = { .room = { 0 } };
	socklen_t address_bytes = sizeof(address);

	if (getsockname(socket, &address.any, &address_bytes) != 0)
		return -errno;
	*local_out = endpoint_of_address(&address);
	return 0;
}

/*
 * The kernel chooses the source for a destination without sending anything, and for one that is this machine's own it is
 * the same.  Interfaces are not listed: that takes a netlink socket, which a service may be denied.
 */
bool
os_ip_is_local(const struct ip *ip)
{
	const struct endpoint to = { .ip = *ip, .port = 9 };	/* any */
	union address address;
	socklen_t address_bytes = address_of_endpoint(&to, &address);
	struct endpoint local;
	bool is_local;
	int fd;

	if (ip_is_loopback(ip))
		return true;
	fd = socket(ip->family == IP_V6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	is_local = connect(fd, &address.any, address_bytes) == 0 && os_local_endpoint(fd, &local) == 0 &&
	    ip_eq(&local.ip, ip);
	close(fd);
	return is_local;
}

int
os_peer_uid(int socket, uid_t *uid_out)
{
	struct ucred peer;
	socklen_t peer_bytes = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) != 0)
		return -errno;
	*uid_out = peer.uid;
	return 0;
}

void
os_close(int fd)
{
	/* On Linux the descriptor is gone even after an error; a second close could hit somebody else's. */
	(void)close(fd);
}
