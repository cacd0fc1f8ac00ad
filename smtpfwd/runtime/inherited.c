/*
 * inherited.c - listening sockets that who started us has handed over
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "smtpfwd/runtime/inherited.h"
#include "smtpfwd/runtime/notify.h"
#include "smtpfwd/runtime/os.h"

enum {
	FIRST_FD = 3,			/* SD_LISTEN_FDS_START */
	INHERITED_MAX = 1024,		/* more is no number that a service manager would give */
	BACKLOG = 1024,			/* as our own sockets have, see doors.c */
};

static bool
environment_number(const char *name, uint64_t max, uint64_t *number_out)
{
	const char *text = getenv(name);

	return text != NULL && str_to_u64(str_of(text), number_out) && *number_out <= max;
}

void
inherited_find(struct inherited *inherited_out)
{
	uint64_t pid = 0, n = 0;
	int error;
	bool is_ours = environment_number("LISTEN_PID", INT32_MAX, &pid) && pid == (uint64_t)getpid() &&
	    environment_number("LISTEN_FDS", INHERITED_MAX, &n);

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*inherited_out = (struct inherited){ .n = is_ours ? (int)n : 0 };
	if (inherited_out->n == 0)
		return;
	inherited_out->sockets = mem_new_array((size_t)n, sizeof(struct inherited_socket));
	for (int i = 0; i < inherited_out->n; i++) {
		struct inherited_socket *one = &inherited_out->sockets[i];

		one->socket = FIRST_FD + i;
		error = os_adopt_listener(one->socket, BACKLOG, &one->at);
		if (error != 0)
			one->at = (struct endpoint){ .ip.family = IP_NONE };
		if (error == -EBADF)	/* a number that is free may be somebody else's soon */
			one->socket = -1;
	}
}

static struct inherited_socket *
find(const struct inherited *inherited, const struct endpoint *at)
{
	for (int i = 0; i < inherited->n; i++)
		if (inherited->sockets[i].socket >= 0 && endpoint_eq(&inherited->sockets[i].at, at))
			return &inherited->sockets[i];
	return NULL;
}

bool
inherited_has(const struct inherited *inherited, const struct endpoint *at)
{
	return find(inherited, at) != NULL;
}

int
inherited_take(struct inherited *inherited, const struct endpoint *at)
{
	struct inherited_socket *one = find(inherited, at);
	int socket = one != NULL ? one->socket : -1;

	if (one != NULL)
		one->socket = -1;
	return socket;
}

void
inherited_close(struct inherited *inherited, const struct notifier *notify)
{
	bool is_told = false;

	for (int i = 0; i < inherited->n; i++) {
		struct inherited_socket *one = &inherited->sockets[i];

		if (one->socket < 0)
			continue;
		if (one->at.ip.family != IP_NONE) {
			notify_forget_socket(notify, &one->at);
			is_told = true;
		}
		os_close(one->socket);
		one->socket = -1;
		one->is_unwanted = true;
	}
	if (is_told)
		notify_await_done(notify);
}

void
inherited_end(struct inherited *inherited, struct log *log)
{
	char room[ENDPOINT_TEXT_MAX];

	for (int i = 0; i < inherited->n; i++) {
		const struct inherited_socket *one = &inherited->sockets[i];

		if (!one->is_unwanted)
			continue;
		if (one->at.ip.family == IP_NONE)
			log_say(log, LOG_LEVEL_WARNING, "socket-not-wanted",
			    "descriptor %d was handed over and is no listening TCP socket: closed", FIRST_FD + i);
		else
			log_say(log, LOG_LEVEL_WARNING, "socket-not-wanted", "%.*s was handed over, and no listen section has it: closed",
			    STR_ARG(endpoint_text(&one->at, room)));
	}
	mem_free(inherited->sockets);
	*inherited = (struct inherited){ .n = 0 };
}
