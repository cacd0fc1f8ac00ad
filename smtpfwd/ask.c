/*
 * ask.c - a JSON line out, JSON lines in
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "smtpfwd/ask.h"

int
ask_connect(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(socket_path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

bool
ask_daemon(int socket, const json_t *request, void (*visit)(void *context, const json_t *object, const char *line),
    void *context, char error_out[ASK_ERROR_MAX])
{
	FILE *answer = fdopen(socket, "r");
	char *line = NULL;
	size_t room = 0;
	bool is_done = false;

	error_out[0] = '\0';
	if (answer == NULL) {
		close(socket);
		return false;
	}
	(void)send_request(socket, request);	/* if it went wrong, the answer says why or does not come */
	while (!is_done && getline(&line, &room, answer) > 0) {
		json_t *object = json_loads(line, 0, NULL);
		const char *error = json_string_value(json_object_get(object, "error"));

		is_done = json_is_true(json_object_get(object, "done"));
		if (error != NULL)
			snprintf(error_out, ASK_ERROR_MAX, "%s", error);
		if (!is_done && object != NULL)
			visit(context, object, line);
		json_decref(object);
	}
	free(line);
	fclose(answer);
	return is_done;
}
