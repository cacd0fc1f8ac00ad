/*
 * certificates.c - certificates for tests, signed by an authority that the test makes
 */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/insist.h"
#include "tests/runtime/certificates.h"

static void
add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	insist(extension != NULL);
	insist(X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *
new_certificate(EVP_PKEY *key, const char *common_name, int days)
{
	static long serial;	/* in a test only */
	X509 *certificate = X509_new();

	insist(certificate != NULL);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -100L * 24 * 3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), (long)days * 24 * 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
	    (const unsigned char *)common_name, -1, -1, 0);
	return certificate;
}

void
authority_init(struct authority *authority)
{
	authority->key = EVP_EC_gen("P-256");
	insist(authority->key != NULL);
	authority->certificate = new_certificate(authority->key, "The authority of this test", 10);
	X509_set_issuer_name(authority->certificate, X509_get_subject_name(authority->certificate));
	add_extension(authority->certificate, NID_basic_constraints, "critical,CA:TRUE");
	insist(X509_sign(authority->certificate, authority->key, EVP_sha256()) > 0);
}

void
authority_fini(struct authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
}

static FILE *
open_new(const char *path)
{
	FILE *file = fopen(path, "w");

	insist(file != NULL);
	return file;
}

void
authority_write(const struct authority *authority, const char *path)
{
	FILE *file = open_new(path);

	insist(PEM_write_X509(file, authority->certificate) == 1);
	fclose(file);
}

void
authority_issue(const struct authority *authority, const char *names, int days,
    const char *certificate_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate;
	FILE *file;

	insist(key != NULL);
	certificate = new_certificate(key, "not a name of a host", days);
	X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate));
	add_extension(certificate, NID_subject_alt_name, names);
	insist(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
	file = open_new(certificate_path);
	insist(PEM_write_X509(file, certificate) == 1);
	fclose(file);
	file = open_new(key_path);
	insist(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void
add_dns_bytes(X509 *certificate, const char *bytes, size_t n_bytes)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	insist(ASN1_STRING_set(text, bytes, (int)n_bytes) == 1);
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	insist(sk_GENERAL_NAME_push(names, name) > 0);
	insist(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1);
	GENERAL_NAMES_free(names);
}

static void
add_padding(X509 *certificate, int n_bytes)
{
	char *text = calloc(1, (size_t)n_bytes + 1);

	insist(text != NULL);
	memset(text, 'x', (size_t)n_bytes);
	add_extension(certificate, NID_netscape_comment, text);
	free(text);
}

void
authority_issue_wish(const struct authority *authority, const struct certificate_wish *wish, const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = new_certificate(key, wish->common_name != NULL ? wish->common_name : "x", wish->days != 0 ? wish->days : 10);
	X509_NAME *subject = X509_get_subject_name(certificate);
	FILE *file = open_new(path);

	if (wish->common_name == NULL)
		X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
	if (wish->from_days != 0)
		X509_gmtime_adj(X509_getm_notBefore(certificate), wish->from_days * 24L * 3600);
	X509_set_issuer_name(certificate, wish->is_self_signed ? subject : X509_get_subject_name(authority->certificate));
	if (wish->names != NULL)
		add_extension(certificate, NID_subject_alt_name, wish->names);
	if (wish->dns_bytes != NULL)
		add_dns_bytes(certificate, wish->dns_bytes, wish->n_dns_bytes);
	if (wish->usage != NULL)
		add_extension(certificate, NID_ext_key_usage, wish->usage);
	if (wish->padding_bytes > 0)
		add_padding(certificate, wish->padding_bytes);
	insist(X509_sign(certificate, wish->is_self_signed ? key : authority->key, EVP_sha256()) > 0);
	insist(PEM_write_X509(file, certificate) == 1);
	insist(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}
