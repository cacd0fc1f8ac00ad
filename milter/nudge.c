/*
 * nudge.c - a connection to our own socket
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "milter/nudge.h"
#include "smtpfwd/runtime/os.h"

static int
connect_unix(struct str path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (path.len >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path.at, path.len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address));
	return fd;
}

void
nudge(void *context)
{
	const struct place *place = context;
	int fd = place->path.len > 0 ? connect_unix(place->path) : os_connect(&place->at, NULL);

	if (fd >= 0)
		os_close(fd);
}
