/*
 * tls.h - certificates and what a handshake must prove; OpenSSL behind our streams
 *
 * Contexts are immutable once made and shared by all sessions of a loop.  Who frees one
 * may do so while streams still use it: it goes with the last of them.
 */
#ifndef RUNTIME_TLS_H
#define RUNTIME_TLS_H

#include "smtpfwd/runtime/stream.h"

struct tls_certificate {		/* PEM files; the names inside choose it by SNI */
	const char	*certificate_path;	/* with the chain */
	const char	*key_path;
};

/* The first certificate serves whoever names none of the others.  NULL and a fault that names the file. TLS 1.2 and later. Blocks (files). */
struct tls_server	*tls_server_new(const struct tls_certificate *certificates, int n_certificates, struct fault *fault_out);

/* A server with a fresh self-signed P-256 certificate for hostname. */
struct tls_server	*tls_server_new_self_signed(const char *hostname, struct fault *fault_out);
void			 tls_server_free(struct tls_server *tls);

/*
 * Makes the certificates in a PEM file known as those by which clients may be proven; before the server is used.
 * What it sends of its chain may hold 32 KB.  A path that is known is nothing new.  -1 and a fault that names the
 * file; the server is to be freed then.  Blocks (files).
 */
int			 tls_server_add_client_ca(struct tls_server *tls, const char *path, struct fault *fault_out);
int			 tls_check_client_ca(const char *path, struct fault *fault_out);	/* only whether that would do */

/* ca_file NULL: the authorities that the system trusts now.  No file is read later.  Blocks (files). */
struct tls_client	*tls_client_new(const char *ca_file, struct fault *fault_out);
void			 tls_client_free(struct tls_client *tls);

struct tls_expect {
	struct str	 server_name;	/* for SNI, and for the check; "" sends none; may be an IP (no SNI then) */
	bool		 must_verify;	/* chain and name, or the handshake fails */
};

#endif
