/*
 * ask.c - a JSON line out, JSON lines in
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "smtpfwd/control/ask.h"

bool
ask_is_timeout(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS;
}

int
ask_connect(const char *socket_path, int timeout_s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = timeout_s };
	int fd;

	if (strlen(socket_path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The one for sending bounds connect(2) too: a daemon that hangs accepts nobody. */
	if (fd >= 0 && timeout_s > 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	}
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool
send_request(int socket, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n_sent = 0, n_bytes;
	ssize_t n = 0;

	if (text == NULL)
		return false;
	n_bytes = strlen(text) + 1;
	text[n_bytes - 1] = '\n';	/* in the NUL's place */
	/* No SIGPIPE: who turns us away may have said why already. */
	while (n_sent < n_bytes && (n = send(socket, text + n_sent, n_bytes - n_sent, MSG_NOSIGNAL)) > 0)
		n_sent += (size_t)n;
	free(text);
	return n_sent == n_bytes;
}

enum ask_end
ask_daemon(int socket, const json_t *request, void (*visit)(void *context, const json_t *object, const char *line),
    void *context, char error_out[ASK_ERROR_MAX])
{
	FILE *answer = fdopen(socket, "r");
	char *line = NULL;
	size_t room = 0;
	bool is_done = false, is_timeout;

	error_out[0] = '\0';
	if (answer == NULL) {
		close(socket);
		return ASK_BROKEN_OFF;
	}
	(void)send_request(socket, request);	/* if it went wrong, the answer says why or does not come */
	errno = 0;
	while (!is_done && getline(&line, &room, answer) > 0) {
		json_t *object = json_loads(line, 0, NULL);
		const char *error = json_string_value(json_object_get(object, "error"));

		is_done = json_is_true(json_object_get(object, "done"));
		if (error != NULL)
			snprintf(error_out, ASK_ERROR_MAX, "%s", error);
		if (!is_done && object != NULL)
			visit(context, object, line);
		json_decref(object);
		errno = 0;
	}
	is_timeout = ask_is_timeout(errno);
	free(line);
	fclose(answer);
	if (is_done)
		return ASK_ANSWERED;
	return is_timeout ? ASK_TIMED_OUT : ASK_BROKEN_OFF;
}
