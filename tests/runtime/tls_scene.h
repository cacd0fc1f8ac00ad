/*
 * tls_scene.h - two streams of one loop that come to terms about TLS, each in a fiber
 */
#ifndef TESTS_RUNTIME_TLS_SCENE_H
#define TESTS_RUNTIME_TLS_SCENE_H

#include "smtpfwd/runtime/tls_inside.h"
#include "tests/expect.h"

struct scene {
	struct loop		*loop;
	struct stream		*client, *server;
	const struct tls_client	*tls_client;
	struct tls_server	*tls_server;
	const char		*client_ca;		/* the server asks for a certificate of it; NULL: it does not */
	struct tls_expect	 expect;
	struct str		 want_server_fault;	/* "": none; else a part of the text */
	struct str		 want_client_fault;
	enum fault_cause	 want_client_cause;
	enum fault_kind		 want_client_kind;
	int			 client_socket;		/* the client stream's: to send past TLS */
	struct tls_info		 client_info, server_info;
	char			*big;
	void			(*client_talks)(struct scene *s), (*server_talks)(struct scene *s);
};

struct instant	scene_later(void);			/* a deadline that is not meant to come */
void		scene_pause_ms(int ms);
void		scene_write(struct stream *stream, struct str text);
void		scene_expect_fault(int result, const struct fault *fault, struct str want);

/* Both sides as fibers' main functions: the handshake, what it must come to, the talk, the end. */
void		scene_runs_client(void *scene);
void		scene_runs_server(void *scene);

void		scene_open(struct scene *s);		/* the loop and the streams */
void		scene_run(struct scene *s);		/* opens, runs both sides to their end, frees the loop */

/* A little talk of client and server. */
void		scene_client_asks(struct scene *s);
void		scene_server_answers(struct scene *s);

#endif
