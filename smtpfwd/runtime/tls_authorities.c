/*
 * tls_authorities.c - the system's certificate authorities, all of them in memory before anybody is verified
 *
 * OpenSSL by itself looks into the system's folder at each handshake, for the issuer by its hash.  That is reading files, and it would
 * be done in the loop.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/store.h>

#include "base/str.h"
#include "smtpfwd/runtime/tls_inside.h"

enum { FOLDER_MAX_BYTES = 4096 };

/* As a look-up by hash would find it: 8 hexadecimal digits, a dot, a number. */
static bool
is_by_hash(const char *path)
{
	const char *name = strrchr(path, '/');
	size_t n_hash, n_number;

	name = name != NULL ? name + 1 : path;
	n_hash = strspn(name, "0123456789abcdef");
	if (n_hash != 8 || name[n_hash] != '.')
		return false;
	n_number = strspn(name + n_hash + 1, "0123456789");
	return n_number > 0 && name[n_hash + 1 + n_number] == '\0';
}

/* What cannot be read is no authority, as ever. */
static void
load_folder(X509_LOOKUP *files, const char *folder)
{
	OSSL_STORE_CTX *entries = OSSL_STORE_open(folder, NULL, NULL, NULL, NULL);
	OSSL_STORE_INFO *entry;

	while (entries != NULL && OSSL_STORE_eof(entries) == 0) {
		entry = OSSL_STORE_load(entries);
		if (entry != NULL && OSSL_STORE_INFO_get_type(entry) == OSSL_STORE_INFO_NAME &&
		    is_by_hash(OSSL_STORE_INFO_get0_NAME(entry)))
			(void)X509_LOOKUP_load_file(files, OSSL_STORE_INFO_get0_NAME(entry), X509_FILETYPE_PEM);
		OSSL_STORE_INFO_free(entry);
	}
	OSSL_STORE_close(entries);
}

bool
tls_authorities_of_system(SSL_CTX *context)
{
	X509_LOOKUP *files = X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), X509_LOOKUP_file());
	const char *folders = getenv(X509_get_default_cert_dir_env());
	struct str rest, folder;
	char path[FOLDER_MAX_BYTES];

	if (files == NULL)
		return false;
	(void)SSL_CTX_set_default_verify_file(context);		/* one file of all, where there is one */
	rest = str_of(folders != NULL ? folders : X509_get_default_cert_dir());
	while (str_take_until(&rest, ':', &folder)) {
		if (folder.len == 0 || folder.len >= sizeof(path))
			continue;
		memcpy(path, folder.at, folder.len);
		path[folder.len] = '\0';
		load_folder(files, path);
	}
	ERR_clear_error();
	return true;
}
