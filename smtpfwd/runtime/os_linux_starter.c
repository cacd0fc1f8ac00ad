/*
 * os_linux_starter.c - os.h on Linux: datagrams to who started us, and sockets that were handed to us
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/insist.h"
#include "smtpfwd/runtime/os.h"

static int
fill_address(const char *path, struct sockaddr_un *address_out, socklen_t *n_bytes_out)
{
	size_t len = strlen(path);

	*address_out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len == 0 || len >= sizeof(address_out->sun_path))
		return -ENAMETOOLONG;
	memcpy(address_out->sun_path, path, len);
	if (path[0] == '@')
		address_out->sun_path[0] = '\0';	/* unix(7): its length is part of an abstract name */
	*n_bytes_out = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

static void
add_descriptors(struct msghdr *message, const int *fds, int n_fds)
{
	struct cmsghdr *passed;

	message->msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
	passed = CMSG_FIRSTHDR(message);
	passed->cmsg_level = SOL_SOCKET;
	passed->cmsg_type = SCM_RIGHTS;
	passed->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
	memcpy(CMSG_DATA(passed), fds, (size_t)n_fds * sizeof(int));
}

int
os_tell(const char *path, const struct iovec *pieces, int n_pieces, const int *fds, int n_fds, bool may_block)
{
	union {
		struct cmsghdr	 header;
		char		 room[CMSG_SPACE(OS_TELL_FDS_MAX * sizeof(int))];
	} control = { .room = { 0 } };
	struct sockaddr_un address;
	struct msghdr message = { .msg_name = &address, .msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)n_pieces };
	int error, fd;
	ssize_t n;

	insist(n_fds >= 0 && n_fds <= OS_TELL_FDS_MAX);
	error = fill_address(path, &address, &message.msg_namelen);
	if (error != 0)
		return error;
	if (n_fds > 0) {
		message.msg_control = control.room;
		add_descriptors(&message, fds, n_fds);
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL | (may_block ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	error = n >= 0 ? 0 : -errno;
	close(fd);
	return error;
}

/* sd_notify_barrier(3): the end of a pipe that we send is closed when its turn comes. */
int
os_tell_barrier(const char *path, int within_ms)
{
	static const char text[] = "BARRIER=1";
	struct iovec piece = { .iov_base = (void *)(uintptr_t)text, .iov_len = sizeof(text) - 1 };
	struct pollfd closed;
	int ends[2], error, n;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	error = os_tell(path, &piece, 1, &ends[1], 1, true);
	close(ends[1]);
	closed = (struct pollfd){ .fd = ends[0] };	/* POLLHUP comes unasked */
	if (error == 0) {
		do
			n = poll(&closed, 1, within_ms);
		while (n < 0 && errno == EINTR);
		error = n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
	}
	close(ends[0]);
	return error;
}

int
os_adopt_listener(int fd, int backlog, struct endpoint *at_out)
{
	int is_listening = 0, flags;
	socklen_t n_bytes = sizeof(is_listening);

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &n_bytes) != 0 || os_local_endpoint(fd, at_out) != 0)
		return -errno;
	if (!is_listening || at_out->ip.family == IP_NONE)
		return -EINVAL;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));	/* inherited by what is accepted */
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || listen(fd, backlog) != 0)
		return -errno;
	return 0;
}
