/*
 * test_tls_clients.c - certificates of clients: what proves a name, and what does not
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/runtime/certificates.h"
#include "tests/runtime/tls_scene.h"

enum { NAMES_MAX = 300 };

struct room {				/* where the files are, and what the server learned */
	char			 folder[64], ca[80], other_ca[80], own[80], server[80], server_key[80];
	struct authority	 authority, other;
	enum tls_proof		 proof;
	char			 why[100];
	char			 names[NAMES_MAX];	/* each in brackets */
	size_t			 n_names;		/* bytes of it */
};

struct act {				/* a scene whose server looks at the client */
	struct scene	 scene;
	struct room	*room;
};

static void
note_name(void *context, struct str name)
{
	struct room *room = context;

	if (room->n_names + name.len + 2 > NAMES_MAX)
		return;
	room->names[room->n_names++] = '[';
	memcpy(room->names + room->n_names, name.at, name.len);
	room->n_names += name.len;
	room->names[room->n_names++] = ']';
}

static void
server_looks(struct scene *s)
{
	struct room *room = ((struct act *)(void *)s)->room;
	const char *why;

	room->proof = stream_tls_client_proof(s->server, &why);
	snprintf(room->why, sizeof(room->why), "%s", why);
	room->n_names = 0;
	stream_tls_each_client_name(s->server, note_name, room);
	scene_server_answers(s);
}

/* The client shows the certificate in a file; NULL: none. */
static void
meet(struct room *room, struct tls_server *server, const char *client_ca, const char *certificate, int version,
    const char *server_name)
{
	struct act act = { .room = room };
	struct tls_client *client = tls_client_new(NULL, NULL);
	SSL_CTX *context = client->shared.contexts[0];

	if (certificate != NULL) {
		expect_int(SSL_CTX_use_certificate_chain_file(context, certificate), 1);
		expect_int(SSL_CTX_use_PrivateKey_file(context, certificate, SSL_FILETYPE_PEM), 1);
	}
	SSL_CTX_set_max_proto_version(context, version);
	act.scene = (struct scene){ .tls_client = client, .tls_server = server, .client_ca = client_ca,
	    .client_talks = scene_client_asks, .server_talks = server_looks };
	act.scene.expect.server_name = str_of(server_name);
	room->proof = TLS_PROOF_NONE;
	scene_run(&act.scene);
	tls_client_free(client);
}

static const struct {
	const char		*name;
	struct certificate_wish	 wish;
	bool			 is_of_other;
	enum tls_proof		 want;
	const char		*want_why;
	struct str		 want_names;
} cases[] = {
	{ "a name of an authority's certificate is proven", { .names = "DNS:app.example.com", .usage = "clientAuth" },
	  false, TLS_PROOF_GOOD, "", { "[app.example.com]", 17 } },
	{ "all its host names are told, others are not",
	  { .names = "email:root@example.com,DNS:a.example.com,IP:192.0.2.1,DNS:b.example.com", .common_name = "c.example.com" },
	  false, TLS_PROOF_GOOD, "", { "[a.example.com][b.example.com]", 30 } },
	{ "the common name counts where there are no alternative names", { .common_name = "app.example.com" },
	  false, TLS_PROOF_GOOD, "", { "[app.example.com]", 17 } },
	{ "but not beside alternative names of any kind", { .common_name = "app.example.com", .names = "email:root@example.com" },
	  false, TLS_PROOF_GOOD, "", { "", 0 } },
	{ "a certificate without a name names nobody", { .days = 5 }, false, TLS_PROOF_GOOD, "", { "", 0 } },
	{ "a NUL in a name is told as it stands, and not taken for its end", { .dns_bytes = "app.example.com\0.evil.example", .n_dns_bytes = 29 },
	  false, TLS_PROOF_GOOD, "", { "[app.example.com\0.evil.example]", 31 } },
	{ "another authority proves nothing", { .names = "DNS:app.example.com" },
	  true, TLS_PROOF_FAILED, "certificate signature failure", { "", 0 } },	/* both are of one name */
	{ "nor does the client itself", { .names = "DNS:app.example.com", .is_self_signed = true },
	  false, TLS_PROOF_FAILED, "self-signed certificate", { "", 0 } },
	{ "nor a certificate past its time", { .names = "DNS:app.example.com", .days = -1 },
	  false, TLS_PROOF_FAILED, "certificate has expired", { "", 0 } },
	{ "nor one of the future", { .names = "DNS:app.example.com", .from_days = 3 },
	  false, TLS_PROOF_FAILED, "certificate is not yet valid", { "", 0 } },
	{ "nor one that is for servers only", { .names = "DNS:app.example.com", .usage = "serverAuth" },
	  false, TLS_PROOF_FAILED, "unsuitable certificate purpose", { "", 0 } },
};

static void
test_proofs(struct room *room, struct tls_server *server)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		authority_issue_wish(cases[i].is_of_other ? &room->other : &room->authority, &cases[i].wish, room->own);
		for (int v = 0; v < 2; v++) {
			test_case("%s (TLS 1.%d)", cases[i].name, v + 2);
			meet(room, server, room->ca, room->own, versions[v], "");
			expect_int(room->proof, cases[i].want);
			expect_text(room->why, cases[i].want_why);
			expect_str(str_n(room->names, room->n_names), cases[i].want_names);
		}
	}
}

static void
test_asking(struct room *room, struct tls_server *server)
{
	const struct certificate_wish wish = { .names = "DNS:app.example.com" };

	authority_issue_wish(&room->authority, &wish, room->own);
	test_case("who has no certificate goes on without");
	meet(room, server, room->ca, NULL, 0, "");
	expect_int(room->proof, TLS_PROOF_NONE);

	test_case("who is not asked proves nothing");
	meet(room, server, NULL, room->own, 0, "");
	expect_int(room->proof, TLS_PROOF_NONE);
	expect_int((int64_t)room->n_names, 0);

	test_case("an authority that is another listener's proves nothing here");
	meet(room, server, room->other_ca, room->own, 0, "");
	expect_int(room->proof, TLS_PROOF_FAILED);

	test_case("a server name that chooses another certificate changes nothing in who proves the client");
	meet(room, server, room->ca, room->own, TLS1_2_VERSION, "mx.two.example");
	expect_int(room->proof, TLS_PROOF_GOOD);
	meet(room, server, room->ca, room->own, TLS1_3_VERSION, "mx.two.example");
	expect_int(room->proof, TLS_PROOF_GOOD);
	meet(room, server, room->other_ca, room->own, TLS1_3_VERSION, "mx.two.example");
	expect_int(room->proof, TLS_PROOF_FAILED);

	test_case("a client's own certificate as the authority proves that client");
	expect_int(tls_server_add_client_ca(server, room->own, NULL), 0);
	meet(room, server, room->own, room->own, 0, "");
	expect_int(room->proof, TLS_PROOF_GOOD);
}

static void
client_hears_refusal(void *arg)
{
	struct scene *s = arg;

	if (stream_tls_connect(s->client, s->tls_client, &s->expect, scene_later(), NULL) == 0)
		expect(stream_fill(s->client, scene_later(), NULL) <= 0);
	stream_close(s->client);
}

static void
test_huge(struct room *room, struct tls_server *server)
{
	const struct certificate_wish wish = { .names = "DNS:app.example.com", .padding_bytes = 40 * 1024 };
	struct tls_client *client = tls_client_new(NULL, NULL);
	struct scene s = { .tls_client = client, .tls_server = server, .client_ca = room->ca,
	    .want_server_fault = STR("excessive message size") };

	test_case("a certificate of more than 32 KB ends the handshake");
	authority_issue_wish(&room->authority, &wish, room->own);
	expect_int(SSL_CTX_use_certificate_chain_file(client->shared.contexts[0], room->own), 1);
	expect_int(SSL_CTX_use_PrivateKey_file(client->shared.contexts[0], room->own, SSL_FILETYPE_PEM), 1);
	scene_open(&s);
	fiber_start(s.loop, "server", scene_runs_server, &s);
	fiber_start(s.loop, "client", client_hears_refusal, &s);
	loop_run(s.loop);
	loop_free(s.loop);
	tls_client_free(client);
}

/* --- resumption: the client keeps what it can from one session and brings it to the next --- */

struct returner {
	struct scene	 scene;
	struct room	*room;
	SSL_SESSION	*session;	/* owned; NULL: none yet */
	bool		 was_resumed;
};

static struct returner *
returner_of(struct scene *s)
{
	return (struct returner *)(void *)s;
}

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct returner *r = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(r->session);
	r->session = session;
	return 1;
}

/* For the session to come: OpenSSL takes it when the SSL is made, so it is given from a callback at its start. */
static void
offer_session(const SSL *ssl, int where, int result)
{
	struct returner *r = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if ((where & SSL_CB_HANDSHAKE_START) != 0 && r->session != NULL && SSL_in_before(ssl))
		SSL_set_session((SSL *)(uintptr_t)ssl, r->session);
}

static void
server_notes_resumption(struct scene *s)
{
	struct returner *r = returner_of(s);
	const char *why;

	r->was_resumed = SSL_session_reused(stream_ssl(s->server)) == 1;
	r->room->proof = stream_tls_client_proof(s->server, &why);
	scene_server_answers(s);
}

static void
visit(struct returner *r, const char *client_ca)
{
	r->scene.client_ca = client_ca;
	r->was_resumed = false;
	scene_run(&r->scene);
}

static void
test_resumption(struct room *room, struct tls_server *server, int version)
{
	const struct certificate_wish wish = { .names = "DNS:app.example.com" };
	struct tls_client *client = tls_client_new(NULL, NULL);
	SSL_CTX *context = client->shared.contexts[0];
	struct returner r = { .room = room, .scene = { .tls_client = client, .tls_server = server,
	    .client_talks = scene_client_asks, .server_talks = server_notes_resumption } };

	authority_issue_wish(&room->authority, &wish, room->own);
	expect_int(SSL_CTX_use_certificate_chain_file(context, room->own), 1);
	expect_int(SSL_CTX_use_PrivateKey_file(context, room->own, SSL_FILETYPE_PEM), 1);
	SSL_CTX_set_max_proto_version(context, version);
	SSL_CTX_set_app_data(context, &r);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	SSL_CTX_set_info_callback(context, offer_session);

	test_case("where no certificate is asked for sessions are resumed (TLS 1.%d)", version - TLS1_2_VERSION + 2);
	visit(&r, NULL);
	expect(r.session != NULL);
	visit(&r, NULL);
	expect(r.was_resumed);

	test_case("such a session brought to where one is asked for is not resumed, and the name is proven");
	visit(&r, room->ca);
	expect(!r.was_resumed);
	expect_int(room->proof, TLS_PROOF_GOOD);

	test_case("a session with a proven name cannot be resumed, there or elsewhere: the name is proven each time");
	SSL_SESSION_free(r.session);
	r.session = NULL;
	visit(&r, room->ca);
	expect(r.session == NULL);
	visit(&r, room->ca);
	expect(!r.was_resumed);
	expect_int(room->proof, TLS_PROOF_GOOD);
	visit(&r, room->other_ca);
	expect(!r.was_resumed);
	expect_int(room->proof, TLS_PROOF_FAILED);
	SSL_SESSION_free(r.session);
	tls_client_free(client);
}

static void
test_files(struct room *room, struct tls_server *server)
{
	struct fault fault = { .text = "" };
	struct tls_server *other = tls_server_new_self_signed("mx.example", NULL);

	test_case("an authority that is known is nothing new");
	expect_int(tls_server_add_client_ca(server, room->ca, &fault), 0);
	test_case("a missing file, and one without a certificate, are named");
	expect_int(tls_server_add_client_ca(other, "/nowhere/ca.pem", &fault), -1);
	expect(str_find_str(str_of(fault.text), STR("client-ca /nowhere/ca.pem: No such file")) == 0);
	expect_int(fault.kind, FAULT_PERMANENT);
	tls_server_free(other);
	other = tls_server_new_self_signed("mx.example", NULL);
	expect_int(tls_server_add_client_ca(other, room->server_key, &fault), -1);
	expect(str_find_str(str_of(fault.text), str_of(room->server_key)) > 0);
	tls_server_free(other);
}

static void
room_make(struct room *room)
{
	struct { char *path; const char *name; } files[] = { { room->ca, "ca" }, { room->other_ca, "other-ca" }, { room->own, "own" },
	    { room->server, "server" }, { room->server_key, "server-key" } };

	snprintf(room->folder, sizeof(room->folder), "/tmp/test_tls_clients.XXXXXX");
	if (mkdtemp(room->folder) == NULL)
		abort();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		snprintf(files[i].path, sizeof(room->ca), "%s/%s.pem", room->folder, files[i].name);
	authority_init(&room->authority);
	authority_init(&room->other);
	authority_write(&room->authority, room->ca);
	authority_write(&room->other, room->other_ca);
}

static struct tls_server *
make_server(struct room *room)
{
	char second[96], second_key[96];
	const struct tls_certificate certificates[] = { { room->server, room->server_key }, { second, second_key } };
	struct tls_server *server;

	snprintf(second, sizeof(second), "%s.two", room->server);
	snprintf(second_key, sizeof(second_key), "%s.two", room->server_key);
	authority_issue(&room->other, "DNS:mx.one.example", 10, room->server, room->server_key);
	authority_issue(&room->other, "DNS:mx.two.example", 10, second, second_key);
	server = tls_server_new(certificates, 2, NULL);
	expect_int(tls_server_add_client_ca(server, room->ca, NULL), 0);
	expect_int(tls_server_add_client_ca(server, room->other_ca, NULL), 0);
	unlink(second);
	unlink(second_key);
	return server;
}

static void
room_clear(struct room *room)
{
	const char *const files[] = { room->ca, room->other_ca, room->own, room->server, room->server_key };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir(room->folder);
	authority_fini(&room->authority);
	authority_fini(&room->other);
}

int
main(void)
{
	struct room room = { .n_names = 0 };
	struct tls_server *server;

	test_case("a server knows authorities of its clients");
	room_make(&room);
	server = make_server(&room);
	test_proofs(&room, server);
	test_asking(&room, server);
	test_huge(&room, server);
	test_resumption(&room, server, TLS1_2_VERSION);
	test_resumption(&room, server, TLS1_3_VERSION);
	test_files(&room, server);
	tls_server_free(server);
	room_clear(&room);
	return test_end();
}
