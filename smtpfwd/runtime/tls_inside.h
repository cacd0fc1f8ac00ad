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
	struct tls_authority *authorities;	/* tls_clients.c's; of a server only */
	int		  n_authorities;
};

struct tls_server { struct tls_contexts shared; };
struct tls_client { struct tls_contexts shared; };

void	tls_contexts_hold(const struct tls_contexts *shared);
void	tls_contexts_release(const struct tls_contexts *shared);	/* frees with the last holder */

/* stream_tls.c: reads and writes a stream's socket; NULL: no memory. */
BIO_METHOD	*stream_bio_method_new(void);

/* The stream's, or NULL without TLS. */
SSL		*stream_ssl(const struct stream *stream);

/* --- tls_authorities.c --- */

/* The authorities that the system trusts, of now; none is no fault.  Blocks.  False: no memory. */
bool	tls_authorities_of_system(SSL_CTX *context);

/* --- tls_clients.c --- */
void	tls_authorities_free(struct tls_authority *authorities, int n);
void	tls_clients_prepare(SSL_CTX *context);		/* each of a server's */
void	tls_clients_ask(SSL *ssl, const struct tls_contexts *shared, const char *path);	/* before the handshake */
void	tls_clients_keep_asking(SSL *ssl);		/* after another context was chosen */

/* The first reason in OpenSSL's queue, a static text; empties the queue. */
const char	*tls_reason(void);

#endif
