/*
 * certificates.c - certificates for tests, signed by an authority that the test makes
 */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

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
