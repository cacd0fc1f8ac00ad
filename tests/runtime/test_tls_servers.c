/*
 * test_tls_servers.c - certificates of servers: what verifies, which is chosen, and files that are none
 */
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/runtime/certificates.h"
#include "tests/runtime/tls_scene.h"

struct files {				/* in a folder of the test's own */
	char	folder[64];
	char	ca[96], one[96], one_key[96], two[96], two_key[96], old[96], old_key[96], locked_key[96];
};

struct verify_case {
	const char	*name;
	struct str	 server_name;
	bool		 must_verify;
	bool		 is_self_signed, is_old;
	const char	*want_peer_name;
	struct str	 want_fault;
	enum fault_kind	 want_kind;
};

static const struct verify_case verify_cases[] = {
	{ .name = "a certificate with the name verifies", .server_name = { "mx.one.example", 14 },
	  .must_verify = true, .want_peer_name = "mx.one.example" },
	{ .name = "the server chooses the certificate by name", .server_name = { "mx.two.example", 14 },
	  .must_verify = true, .want_peer_name = "mx.two.example" },
	{ .name = "a wildcard stands for one label", .server_name = { "a.wild.example", 14 },
	  .must_verify = true, .want_peer_name = "*.wild.example" },
	{ .name = "a name in full goes before a wildcard", .server_name = { "in.wild.example", 15 },
	  .must_verify = true, .want_peer_name = "in.wild.example" },
	{ .name = "a wildcard does not stand for two labels", .server_name = { "a.b.wild.example", 16 },
	  .must_verify = true, .want_fault = { "ostname mismatch", 16 } },
	{ .name = "a wrong name fails, and the fault says so", .server_name = { "mx.three.example", 16 },
	  .must_verify = true, .want_fault = { "the certificate does not verify: ", 33 } },
	{ .name = "a wrong name does not matter to who does not verify", .server_name = { "mx.three.example", 16 },
	  .want_peer_name = "" },
	{ .name = "an address in the certificate verifies", .server_name = { "192.0.2.1", 9 },
	  .must_verify = true, .want_peer_name = "192.0.2.1" },
	{ .name = "an IPv6 address too, however it is written", .server_name = { "2001:DB8:0::1", 13 },
	  .must_verify = true, .want_peer_name = "2001:DB8:0::1" },
	{ .name = "another address fails", .server_name = { "192.0.2.2", 9 },
	  .must_verify = true, .want_fault = { "IP address mismatch", 19 } },
	{ .name = "a self-signed certificate fails", .server_name = { "mx.one.example", 14 },
	  .must_verify = true, .is_self_signed = true, .want_fault = { "self-signed certificate", 23 } },
	{ .name = "a certificate past its time fails", .server_name = { "mx.one.example", 14 },
	  .must_verify = true, .is_old = true, .want_fault = { "certificate has expired", 23 } },
	{ .name = "who verifies needs a name", .server_name = { "", 0 },
	  .must_verify = true, .want_fault = { "there is no name", 16 }, .want_kind = FAULT_PERMANENT },
	{ .name = "a name with a NUL inside is none", .server_name = { "mx.one.example\0.evil.example", 28 },
	  .must_verify = true, .want_fault = { "is not one", 10 }, .want_kind = FAULT_PERMANENT },
};

static void
test_verify(const struct files *files, const struct tls_client *client)
{
	const struct tls_certificate good[] = { { files->one, files->one_key }, { files->two, files->two_key } };
	const struct tls_certificate old[] = { { files->old, files->old_key } };
	struct tls_server *good_server = tls_server_new(good, 2, NULL);
	struct tls_server *old_server = tls_server_new(old, 1, NULL);
	struct tls_server *self_signed = tls_server_new_self_signed("mx.one.example", NULL);
	struct scene s;

	for (size_t i = 0; i < sizeof(verify_cases) / sizeof(verify_cases[0]); i++) {
		const struct verify_case *c = &verify_cases[i];

		test_case("%s", c->name);
		s = (struct scene){ .tls_client = client };
		s.tls_server = c->is_self_signed ? self_signed : c->is_old ? old_server : good_server;
		s.expect = (struct tls_expect){ .server_name = c->server_name, .must_verify = c->must_verify };
		s.want_client_fault = c->want_fault;
		s.want_client_kind = c->want_kind;
		s.client_talks = c->want_fault.len == 0 ? scene_client_asks : NULL;
		s.server_talks = c->want_fault.len == 0 ? scene_server_answers : NULL;
		scene_run(&s);
		if (c->want_fault.len == 0)
			expect_text(s.client_info.peer_name, c->want_peer_name);
	}
	tls_server_free(good_server);
	tls_server_free(old_server);
	tls_server_free(self_signed);
}

/* --- files --- */

static void
expect_load_fault(const char *certificate, const char *key, const char *part, const char *other_part)
{
	const struct tls_certificate files = { certificate, key };
	struct fault fault = { .text = "" };

	expect(tls_server_new(&files, 1, &fault) == NULL);
	expect_int(fault.kind, FAULT_PERMANENT);
	expect(str_find_str(str_of(fault.text), str_of(part)) >= 0);
	if (!expect(str_find_str(str_of(fault.text), str_of(other_part)) >= 0))
		expect_text(fault.text, "");
}

static void
test_files(const struct files *files)
{
	struct fault fault = { .text = "" };

	test_case("a missing certificate is named");
	expect_load_fault("/nowhere/cert.pem", files->one_key, "certificate /nowhere/cert.pem", "No such file");
	test_case("a missing key is named");
	expect_load_fault(files->one, "/nowhere/key.pem", "key /nowhere/key.pem", "No such file");
	test_case("a key of another certificate is found out, and both are named");
	expect_load_fault(files->one, files->two_key, files->two_key, files->one);
	expect_load_fault(files->one, files->two_key, "does not belong to", "key values mismatch");
	test_case("a file without a certificate is named");
	expect_load_fault(files->one_key, files->one_key, files->one_key, "no start line");
	test_case("an encrypted key is a fault and no question at the terminal");
	expect_load_fault(files->one, files->locked_key, files->locked_key, "key ");
	test_case("missing authorities are named");
	expect(tls_client_new("/nowhere/ca.pem", &fault) == NULL);
	expect(str_find_str(str_of(fault.text), STR("/nowhere/ca.pem")) > 0);
	test_case("the system's authorities can be had");
	fault.text[0] = '\0';
	tls_client_free(tls_client_new(NULL, &fault));
	expect_text(fault.text, "");
}

/* Where OpenSSL would look for the authority, by its hash. */
static void
path_by_hash(const struct files *files, char *path, size_t n_bytes)
{
	FILE *file = fopen(files->ca, "r");
	X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

	if (certificate == NULL)
		abort();
	snprintf(path, n_bytes, "%s/%08lx.0", files->folder, X509_subject_name_hash(certificate));
	X509_free(certificate);
	fclose(file);
}

static void
test_system(const struct files *files)
{
	const struct tls_certificate one = { files->one, files->one_key };
	struct tls_server *server = tls_server_new(&one, 1, NULL);
	struct scene s;
	struct tls_client *client;
	char by_hash[sizeof(files->folder) + 20], folders[sizeof(files->folder) + 20];

	test_case("the system's authorities are read before, and not at a handshake");
	path_by_hash(files, by_hash, sizeof(by_hash));
	snprintf(folders, sizeof(folders), "/nowhere:%s", files->folder);
	if (link(files->ca, by_hash) != 0)
		abort();
	setenv("SSL_CERT_FILE", "/nowhere/cert.pem", 1);
	setenv("SSL_CERT_DIR", folders, 1);
	client = tls_client_new(NULL, NULL);
	unlink(by_hash);
	s = (struct scene){
		.tls_client = client, .tls_server = server,
		.expect = { .server_name = STR("mx.one.example"), .must_verify = true },
		.client_talks = scene_client_asks, .server_talks = scene_server_answers,
	};
	scene_run(&s);
	expect_text(s.client_info.peer_name, "mx.one.example");
	tls_client_free(client);
	test_case("a system without any has none");
	client = tls_client_new(NULL, NULL);
	s = (struct scene){
		.tls_client = client, .tls_server = server,
		.expect = { .server_name = STR("mx.one.example"), .must_verify = true }, .want_client_fault = STR("unable to get local issuer"),
	};
	scene_run(&s);
	tls_client_free(client);
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	tls_server_free(server);
}

static void
files_make(struct files *files)
{
	char *paths[] = { files->ca, files->one, files->one_key, files->two, files->two_key, files->old,
	    files->old_key, files->locked_key };
	struct authority authority;
	FILE *file;

	snprintf(files->folder, sizeof(files->folder), "/tmp/test_tls.XXXXXX");
	if (mkdtemp(files->folder) == NULL)
		abort();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		snprintf(paths[i], sizeof(files->ca), "%s/%zu.pem", files->folder, i);
	authority_init(&authority);
	authority_write(&authority, files->ca);
	authority_issue(&authority, "DNS:mx.one.example,DNS:*.wild.example,IP:192.0.2.1,IP:2001:db8::1", 10,
	    files->one, files->one_key);
	authority_issue(&authority, "DNS:mx.two.example,DNS:in.wild.example", 10, files->two, files->two_key);
	authority_issue(&authority, "DNS:mx.one.example", -1, files->old, files->old_key);
	file = fopen(files->locked_key, "w");
	if (file == NULL || PEM_write_PKCS8PrivateKey(file, authority.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL) != 1)
		abort();
	fclose(file);
	authority_fini(&authority);
}

static void
files_remove(struct files *files)
{
	const char *paths[] = { files->ca, files->one, files->one_key, files->two, files->two_key, files->old,
	    files->old_key, files->locked_key };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		unlink(paths[i]);
	rmdir(files->folder);
}

int
main(void)
{
	struct tls_client *client;
	struct files files;

	files_make(&files);
	client = tls_client_new(files.ca, NULL);
	test_verify(&files, client);
	test_files(&files);
	test_system(&files);
	tls_client_free(client);
	files_remove(&files);
	return test_end();
}
