/*
 * tls.c - TLS contexts: certificates, authorities and what is switched off
 *
 * Made at start and when settings are loaded, so files are read by OpenSSL itself and may
 * block.  Handshakes are in stream_tls.c.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/runtime/tls_inside.h"

enum {
	SELF_SIGNED_DAYS = 3650,	/* nobody can renew it, and who connects does not look */
	COMMON_NAME_MAX_BYTES = 64,	/* RFC 5280 A.1, ub-common-name */
};

const char *
tls_reason(void)
{
	unsigned long error = ERR_get_error();
	const char *reason;

	ERR_clear_error();
	if (error == 0)
		return "for no reason that OpenSSL tells";
	if (ERR_SYSTEM_ERROR(error))
		return strerror(ERR_GET_REASON(error));
	reason = ERR_reason_error_string(error);
	return reason != NULL ? reason : "for a reason without a text";
}

void
tls_contexts_hold(const struct tls_contexts *shared)
{
	/* Immutable to who uses it; how many do is not part of what it says. */
	((struct tls_contexts *)shared)->n_holders++;
}

void
tls_contexts_release(const struct tls_contexts *shared)
{
	struct tls_contexts *mine = (struct tls_contexts *)shared;

	if (--mine->n_holders > 0)
		return;
	insist(mine->n_holders == 0);
	for (int i = 0; i < mine->n_contexts; i++)
		SSL_CTX_free(mine->contexts[i]);
	mem_free(mine->contexts);
	tls_authorities_free(mine->authorities, mine->n_authorities);
	BIO_meth_free(mine->bio_method);
	mem_free(mine);		/* the first member of a server or client */
}

/* An encrypted key would ask for its password at the terminal. */
static int
no_password(char *room, int n_bytes, int is_write, void *context)
{
	return 0;
}

static SSL_CTX *
new_context(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	insist(context != NULL);
	insist(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
	/*
	 * Whoever closes without a close notice has ended all the same: SMTP says itself where
	 * a message ends, so nothing cut short is taken for whole.
	 */
	SSL_CTX_set_options(context,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_NO_AUTO_CHAIN);	/* the file has the chain; looked for at each handshake, in no store, nothing is found */
	SSL_CTX_set_read_ahead(context, 1);	/* else two reads a record */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);	/* tickets: the client keeps them */
	SSL_CTX_set_default_passwd_cb(context, no_password);
	return context;
}

static void
contexts_init(struct tls_contexts *shared, int n)
{
	shared->n_holders = 1;
	shared->contexts = mem_new_array((size_t)n, sizeof(*shared->contexts));
	shared->bio_method = stream_bio_method_new();
	insist(shared->bio_method != NULL);
}

/* --- servers --- */

/* The context whose certificate has the name; a name in full goes before a wildcard. */
static SSL_CTX *
context_for_name(const struct tls_contexts *shared, const char *name)
{
	static const unsigned manners[] = { X509_CHECK_FLAG_NO_WILDCARDS, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS };

	for (size_t m = 0; m < sizeof(manners) / sizeof(manners[0]); m++) {
		for (int i = 0; i < shared->n_contexts; i++) {
			if (X509_check_host(SSL_CTX_get0_certificate(shared->contexts[i]), name, strlen(name),
			    manners[m], NULL) == 1)
				return shared->contexts[i];
		}
	}
	return NULL;
}

static int
choose_certificate(SSL *ssl, int *alert_out, void *arg)
{
	const struct tls_contexts *shared = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *context;

	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	context = context_for_name(shared, name);
	ERR_clear_error();
	/* A name nobody knows gets the first certificate: RFC 6066 3 lets it go on, and senders do not care. */
	if (context == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, context);
	tls_clients_keep_asking(ssl);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *
add_server_context(struct tls_server *tls)
{
	SSL_CTX *context = new_context(TLS_server_method());

	SSL_CTX_set_dh_auto(context, 1);
	SSL_CTX_set_num_tickets(context, 1);	/* senders resume one connection at a time */
	tls_clients_prepare(context);
	SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
	SSL_CTX_set_tlsext_servername_arg(context, &tls->shared);
	tls->shared.contexts[tls->shared.n_contexts++] = context;
	return context;
}

static int
load_certificate(SSL_CTX *context, const struct tls_certificate *files, struct fault *fault_out)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(context, files->certificate_path) != 1)
		return fault_permanent(fault_out, "certificate %s: %s", files->certificate_path, tls_reason());
	if (SSL_CTX_use_PrivateKey_file(context, files->key_path, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(context) == 1)
		return 0;
	if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509) {
		return fault_permanent(fault_out, "key %s does not belong to certificate %s: %s",
		    files->key_path, files->certificate_path, tls_reason());
	}
	return fault_permanent(fault_out, "key %s: %s", files->key_path, tls_reason());
}

struct tls_server *
tls_server_new(const struct tls_certificate *certificates, int n_certificates, struct fault *fault_out)
{
	struct tls_server *tls;

	insist(n_certificates > 0);
	tls = mem_new(sizeof(*tls));
	contexts_init(&tls->shared, n_certificates);
	for (int i = 0; i < n_certificates; i++) {
		if (load_certificate(add_server_context(tls), &certificates[i], fault_out) != 0) {
			tls_server_free(tls);
			return NULL;
		}
	}
	return tls;
}

void
tls_server_free(struct tls_server *tls)
{
	if (tls != NULL)
		tls_contexts_release(&tls->shared);
}

/* --- a certificate of our own --- */

static void
set_names(X509 *certificate, const char *hostname)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	const char *common_name = strlen(hostname) <= COMMON_NAME_MAX_BYTES ? hostname : "smtpfwd";

	insist(names != NULL && name != NULL && text != NULL);
	insist(ASN1_STRING_set(text, hostname, -1) == 1);
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	insist(sk_GENERAL_NAME_push(names, name) > 0);
	insist(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1);
	GENERAL_NAMES_free(names);
	insist(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) == 1 ||
	    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"smtpfwd", -1, -1, 0) == 1);
	insist(X509_set_issuer_name(certificate, subject) == 1);
}

static X509 *
new_certificate(EVP_PKEY *key, const char *hostname)
{
	X509 *certificate = X509_new();
	time_t now = (time_t)(os_wall_clock().us / 1000000);
	uint64_t serial;

	insist(certificate != NULL);
	os_random(&serial, sizeof(serial));
	insist(X509_set_version(certificate, 2) == 1);	/* which is version 3 */
	insist(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1);
	/* From yesterday, for clients whose clock is behind. */
	insist(X509_time_adj_ex(X509_getm_notBefore(certificate), -1, 0, &now) != NULL);
	insist(X509_time_adj_ex(X509_getm_notAfter(certificate), SELF_SIGNED_DAYS, 0, &now) != NULL);
	insist(X509_set_pubkey(certificate, key) == 1);
	set_names(certificate, hostname);
	insist(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

struct tls_server *
tls_server_new_self_signed(const char *hostname, struct fault *fault_out)
{
	struct tls_server *tls;
	X509 *certificate;
	SSL_CTX *context;
	EVP_PKEY *key;

	ERR_clear_error();
	key = EVP_EC_gen("P-256");
	if (key == NULL) {
		fault_temporary(fault_out, "make a key: %s", tls_reason());
		return NULL;
	}
	tls = mem_new(sizeof(*tls));
	contexts_init(&tls->shared, 1);
	context = add_server_context(tls);
	certificate = new_certificate(key, hostname);
	insist(SSL_CTX_use_certificate(context, certificate) == 1);
	insist(SSL_CTX_use_PrivateKey(context, key) == 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}

/* --- clients --- */

struct tls_client *
tls_client_new(const char *ca_file, struct fault *fault_out)
{
	struct tls_client *tls;
	SSL_CTX *context;
	int result;

	tls = mem_new(sizeof(*tls));
	contexts_init(&tls->shared, 1);
	context = new_context(TLS_client_method());
	tls->shared.contexts[tls->shared.n_contexts++] = context;
	ERR_clear_error();
	result = ca_file != NULL ? SSL_CTX_load_verify_file(context, ca_file) : tls_authorities_of_system(context);
	if (result == 1)
		return tls;
	fault_permanent(fault_out, "authorities %s: %s", ca_file != NULL ? ca_file : "of the system", tls_reason());
	tls_client_free(tls);
	return NULL;
}

void
tls_client_free(struct tls_client *tls)
{
	if (tls != NULL)
		tls_contexts_release(&tls->shared);
}
