/*
 * ask.h - one question to the running daemon at its control socket; blocks
 */
#ifndef SMTPFWD_ASK_H
#define SMTPFWD_ASK_H

#include <jansson.h>
#include <stdbool.h>

/* Connects; the socket, or -1 and errno. */
int	ask_connect(const char *socket_path);

/*
 * Sends a request and calls visit for each object of the answer but the last, with its line as it
 * came (with its end).  True when the answer came to its end; error_out then is its error or "".
 * Closes the socket.
 */
enum { ASK_ERROR_MAX = 400 };
bool	ask_daemon(int socket, const json_t *request, void (*visit)(void *context, const json_t *object, const char *line),
	    void *context, char error_out[ASK_ERROR_MAX]);

#endif
