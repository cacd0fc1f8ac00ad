/*
 * ask.h - one question to the running daemon at its control socket; blocks
 */
#ifndef CONTROL_ASK_H
#define CONTROL_ASK_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Connects; the socket, or -1 and errno.  timeout_s: how long the daemon may stay silent, here and in ask_daemon;
 * 0: for ever.
 */
int	ask_connect(const char *socket_path, int timeout_s);
bool	ask_is_timeout(int error);	/* of an errno that ask_connect left */

enum ask_end {
	ASK_ANSWERED,			/* the answer came to its end */
	ASK_BROKEN_OFF,
	ASK_TIMED_OUT,
};

/*
 * Sends a request and calls visit for each object of the answer but the last, with its line as it
 * came (with its end).  When the answer came to its end, error_out is its error or "".  Empty lines, which
 * the daemon sends while it works and has nothing to say, are passed over.  Closes the socket.
 */
enum { ASK_ERROR_MAX = 400 };
enum ask_end	ask_daemon(int socket, const json_t *request,
		    void (*visit)(void *context, const json_t *object, const char *line), void *context,
		    char error_out[ASK_ERROR_MAX]);

#endif
