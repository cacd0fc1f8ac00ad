/*
 * client.h - a session of a measurement's source: SMTP, as little as there can be
 *
 * All suspend, each for two minutes at most for a reply.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "smtpfwd/runtime/stream.h"
#include "smtpfwd/runtime/tls.h"

struct clients {			/* what all sessions do alike */
	struct loop		*loop;
	struct endpoint		 to;
	struct tls_client	*tls;		/* STARTTLS comes first, with a handshake of its own; NULL: no TLS */
	bool			 is_pipelined;	/* MAIL, RCPT and DATA in one write */
	long			 n_recipients;	/* of a mail */
	long			 n_domains;	/* which these are in by turns, see client_send; 0: there is user@example.com alone */
};

/* Greeted, and after EHLO.  NULL: it came to nothing. */
struct stream	*client_open(const struct clients *clients);

/*
 * One mail.  Its recipient i is rM@dN.example, M = number * n_recipients + i and N = M modulo n_domains.  to: instead of these, one
 * address; empty: it is these.  Returns the code of the last answer; 0: there was none, or the envelope was refused, and the session is
 * of no more use.
 */
int		 client_send(const struct clients *clients, struct stream *stream, long number, struct str author, struct str to,
		    struct str mail);

void		 client_close(const struct clients *clients, struct stream *stream);

#endif
