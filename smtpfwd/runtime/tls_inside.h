/*
 * tls_inside.h - what tls.c and stream_tls.c know of the contexts; for nobody else
 */
#ifndef RUNTIME_TLS_INSIDE_H
#define RUNTIME_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "smtpfwd/runtime/tls.h"

/* What servers and clients have alike.  Held by its owner and by each stream that uses it. */
struct tls_contexts {
	int		  n_holders;
	BIO_METHOD	 *bio_method;		/* stream_tls.c's */
	SSL_CTX		**contexts;		/* one a certificate; a client has one */
	int		  n_contexts;
};

struct tls_server { struct tls_contexts shared; };
struct tls_client { struct tls_contexts shared; };

void	tls_contexts_hold(const struct tls_contexts *shared);
void	tls_contexts_release(const struct tls_contexts *shared);	/* frees with the last holder */

/* stream_tls.c: reads and writes a stream's socket; NULL: no memory. */
BIO_METHOD	*stream_bio_method_new(void);

/* The first reason in OpenSSL's queue, a static text; empties the queue. */
const char	*tls_reason(void);

#endif
