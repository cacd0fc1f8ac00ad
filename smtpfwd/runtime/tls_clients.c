/*
 * tls_clients.c - who a TLS client is: asked for a certificate, which one authority must have signed
 *
 * A client need not have one, and one that does not verify ends no session: the client is nobody then.
 * Only the file's certificates are believed, never the system's; each is an anchor by itself, so the file may
 * also name an issuing authority without its root, or one client's own certificate.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/stream_inside.h"
#include "smtpfwd/runtime/tls_inside.h"

enum {
	CHAIN_MAX = 8,			/* issuers above a client's certificate */
	/* A client's certificate and its chain make a few KB; OpenSSL would hold 100 KB for anyone who connects. */
	CLIENT_CHAIN_MAX_BYTES = 32 * 1024,
};

struct tls_authority {
	char			*path;
	X509_STORE		*store;
	STACK_OF(X509_NAME)	*names;		/* told to clients, who choose a certificate by them */
};

void
tls_authorities_free(struct tls_authority *authorities, int n)
{
	for (int i = 0; i < n; i++) {
		mem_free(authorities[i].path);
		X509_STORE_free(authorities[i].store);
		sk_X509_NAME_pop_free(authorities[i].names, X509_NAME_free);
	}
	mem_free(authorities);
}

static const struct tls_authority *
find(const struct tls_contexts *shared, const char *path)
{
	for (int i = 0; i < shared->n_authorities; i++)
		if (strcmp(shared->authorities[i].path, path) == 0)
			return &shared->authorities[i];
	return NULL;
}

/* What was made is to be freed also after a failure. */
static int
load(const char *path, struct tls_authority *authority, struct fault *fault_out)
{
	size_t n_bytes = strlen(path) + 1;

	*authority = (struct tls_authority){ .path = mem_new(n_bytes), .store = X509_STORE_new() };
	memcpy(authority->path, path, n_bytes);
	insist(authority->store != NULL);
	ERR_clear_error();
	authority->names = SSL_load_client_CA_file(path);
	if (authority->names == NULL || X509_STORE_load_file(authority->store, path) != 1)
		return fault_permanent(fault_out, "client-ca %s: %s", path, tls_reason());
	return 0;
}

int
tls_server_add_client_ca(struct tls_server *tls, const char *path, struct fault *fault_out)
{
	struct tls_contexts *shared = &tls->shared;

	if (find(shared, path) != NULL)
		return 0;
	shared->authorities = mem_resize_array(shared->authorities, (size_t)shared->n_authorities + 1,
	    sizeof(*shared->authorities));
	return load(path, &shared->authorities[shared->n_authorities++], fault_out);
}

int
tls_check_client_ca(const char *path, struct fault *fault_out)
{
	struct tls_authority *authority = mem_new(sizeof(*authority));
	int result = load(path, authority, fault_out);

	tls_authorities_free(authority, 1);
	return result;
}

/* --- in a handshake --- */

/* Whatever comes of it the handshake goes on; the result is the session's to ask for. */
static int
verify(X509_STORE_CTX *context, void *arg)
{
	if (X509_verify_cert(context) != 1 && X509_STORE_CTX_get_error(context) == X509_V_OK)
		X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
	ERR_clear_error();
	return 1;
}

void
tls_clients_prepare(SSL_CTX *context)
{
	SSL_CTX_set_cert_verify_callback(context, verify, NULL);
	SSL_CTX_set_max_cert_list(context, CLIENT_CHAIN_MAX_BYTES);
}

/* What SSL_set_SSL_CTX undoes: the store is of the certificate that a server name chose. */
void
tls_clients_keep_asking(SSL *ssl)
{
	const struct tls_authority *authority = SSL_get_app_data(ssl);

	if (authority != NULL)
		insist(SSL_set1_verify_cert_store(ssl, authority->store) == 1);
}

void
tls_clients_ask(SSL *ssl, const struct tls_contexts *shared, const char *path)
{
	const struct tls_authority *authority = find(shared, path);
	X509_VERIFY_PARAM *check = SSL_get0_param(ssl);
	STACK_OF(X509_NAME) *names;

	insist(authority != NULL);
	insist(SSL_set_app_data(ssl, (void *)(uintptr_t)authority) == 1);
	tls_clients_keep_asking(ssl);
	names = SSL_dup_CA_list(authority->names);
	insist(names != NULL);
	SSL_set_client_CA_list(ssl, names);
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_verify_depth(ssl, CHAIN_MAX);
	X509_VERIFY_PARAM_set_time(check, (time_t)(os_wall_clock().us / 1000000));
	X509_VERIFY_PARAM_set_flags(check, X509_V_FLAG_PARTIAL_CHAIN);
	/*
	 * Nothing is resumed: a ticket would bring along what was proven under another listener's authority or
	 * before a certificate's end.  So each connection proves its name anew.
	 */
	SSL_set_options(ssl, SSL_OP_NO_TICKET);
	insist(SSL_set_num_tickets(ssl, 0) == 1);
}

/* --- afterwards --- */

enum tls_proof
stream_tls_client_proof(const struct stream *stream, const char **why_out)
{
	SSL *ssl = stream_ssl(stream);
	long result;

	*why_out = "";
	if (ssl == NULL || !SSL_is_server(ssl) || !SSL_is_init_finished(ssl) || SSL_get_app_data(ssl) == NULL ||
	    SSL_get0_peer_certificate(ssl) == NULL)
		return TLS_PROOF_NONE;
	result = SSL_get_verify_result(ssl);
	if (result == X509_V_OK)
		return TLS_PROOF_GOOD;
	*why_out = X509_verify_cert_error_string(result);
	return TLS_PROOF_FAILED;
}

static struct str
string_of(const ASN1_STRING *text)
{
	return str_n(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

/* RFC 6125 6.4.4: where there is one of them, the common name counts for nothing. */
static bool
each_alternative_name(X509 *certificate, void (*visit)(void *context, struct str name), void *context)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool has_extension = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1) >= 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			visit(context, string_of(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	return has_extension;
}

static void
only_common_name(X509 *certificate, void (*visit)(void *context, struct str name), void *context)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	int n;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;			/* of two none is the name */
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	/* An authority that may name hosts of some domains only (RFC 5280 4.2.1.10) is not held to that in a name without a dot. */
	if (n > 0 && memchr(text, '.', (size_t)n) != NULL)
		visit(context, str_n(text, (size_t)n));
	OPENSSL_free(text);
}

void
stream_tls_each_client_name(const struct stream *stream, void (*visit)(void *context, struct str name), void *context)
{
	const char *why;
	X509 *certificate;

	if (stream_tls_client_proof(stream, &why) != TLS_PROOF_GOOD)
		return;
	certificate = SSL_get0_peer_certificate(stream_ssl(stream));
	if (!each_alternative_name(certificate, visit, context))
		only_common_name(certificate, visit, context);
	ERR_clear_error();
}
