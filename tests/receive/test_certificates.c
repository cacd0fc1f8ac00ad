/*
 * test_certificates.c - clients with certificates: who may relay by one, and what is told of it
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "smtpfwd/runtime/tls_inside.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/runtime/certificates.h"

#define GREETED		"S220", "CEHLO client.example.org", "S250"
#define IN_TLS		GREETED, "CSTARTTLS", "S220", "!", "CEHLO client.example.org", "S250"
#define OUTWARD		"CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<c@elsewhere.example>"
#define MAY_RELAY	"S250"
#define MAY_NOT_RELAY	"S550 5.7.1"
#define INWARD		"CMAIL FROM:<a@example.org>", "S250", "CRCPT TO:<b@example.com>", "S250", "CDATA", "S354", "Cx", "C.", "S250"

static const char *const listed[] = { "app.example.com", ".hosts.example.com" };
static const char *const plain[] = { "mailman" };
static const char *const nobody[] = { "nobody.example" };

static const struct play {
	const char		*name;
	struct certificate_wish	 wish;
	bool			 has_none, is_of_other;
	const char *const	*names;
	int			 n_names;
	enum listen_tls		 tls;
	const char		*script[40];
} plays[] = {
	{ "a listed name may relay, and is told in log and Received", { .names = "DNS:app.example.com" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_RELAY, "CRSET", "S250", INWARD, "H(verified app.example.com)", "Dclient-certificate",
	    "Dname=app.example.com may-relay=yes", NULL } },
	{ "in any case", { .names = "DNS:APP.Example.COM" }, false, false, listed, 2, LISTEN_TLS_REQUIRED, { IN_TLS, OUTWARD, MAY_RELAY, NULL } },
	{ "a name below a listed one may", { .names = "DNS:a.b.hosts.example.com" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_RELAY, NULL } },
	{ "any name of the certificate will do, and that one is told", { .names = "DNS:x.example,DNS:h.hosts.example.com,DNS:y.example" },
	  false, false, listed, 2, LISTEN_TLS_OFFERED, { IN_TLS, OUTWARD, MAY_RELAY, "CRSET", "S250", INWARD, "H(verified h.hosts.example.com)", NULL } },
	{ "from the first byte too", { .names = "DNS:app.example.com" }, false, false, listed, 2, LISTEN_TLS_IMPLICIT,
	  { "!", GREETED, OUTWARD, MAY_RELAY, NULL } },
	{ "a common name may, where it is all there is", { .common_name = "app.example.com" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_RELAY, NULL } },
	{ "a common name without a dot may not: it escapes what its authority may name", { .common_name = "mailman" }, false, false, plain, 1,
	  LISTEN_TLS_OFFERED, { IN_TLS, OUTWARD, MAY_NOT_RELAY, NULL } },
	{ "as an alternative name it may", { .names = "DNS:mailman" }, false, false, plain, 1, LISTEN_TLS_OFFERED, { IN_TLS, OUTWARD, MAY_RELAY, NULL } },
	{ "the parent of what is listed may not", { .names = "DNS:hosts.example.com" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, "Dname=hosts.example.com may-relay=no", NULL } },
	{ "a name with the listed one as its end may not", { .names = "DNS:evilapp.example.com,DNS:evilhosts.example.com" }, false, false, listed, 2,
	  LISTEN_TLS_OFFERED, { IN_TLS, OUTWARD, MAY_NOT_RELAY, NULL } },
	{ "a name with a NUL may not", { .dns_bytes = "app.example.com\0.evil.example", .n_dns_bytes = 29 }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, "Dwhy=\"it names no host\"", NULL } },
	{ "a wildcard is no client", { .names = "DNS:*.hosts.example.com" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, NULL } },
	{ "a name that others would read into the log is none", { .dns_bytes = "x\r\nmay-relay=yes", .n_dns_bytes = 16 }, false, false, listed, 2,
	  LISTEN_TLS_OFFERED, { IN_TLS, OUTWARD, MAY_NOT_RELAY, NULL } },
	{ "who has no certificate goes on as anybody", { .days = 1 }, true, false, listed, 2, LISTEN_TLS_REQUIRED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, "CRSET", "S250", INWARD, "H(TLSv1.", NULL } },
	{ "so does who has another authority's, and the log says why", { .names = "DNS:app.example.com" }, false, true, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, "CRSET", "S250", INWARD, "Dmay-relay=no why=\"certificate signature failure\"", NULL } },
	{ "a server's certificate is no client's", { .names = "DNS:app.example.com", .usage = "serverAuth" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, "Dwhy=\"unsuitable certificate purpose\"", NULL } },
	{ "without names a proven one is told and grants nothing", { .names = "DNS:app.example.com" }, false, false, nobody, 0, LISTEN_TLS_OFFERED,
	  { IN_TLS, OUTWARD, MAY_NOT_RELAY, "CRSET", "S250", INWARD, "H(verified app.example.com)", "Dmay-relay=no", NULL } },
	{ "XCLIENT speaks for others, whom the certificate does not name", { .names = "DNS:app.example.com" }, false, false, listed, 2, LISTEN_TLS_OFFERED,
	  { IN_TLS, "CXCLIENT ADDR=192.0.2.7", "S220", "CEHLO c", "S250", OUTWARD, MAY_NOT_RELAY, NULL } },
	{ "nor if it comes before STARTTLS", { .names = "DNS:app.example.com" }, false, false, listed, 2, LISTEN_TLS_REQUIRED,
	  { "S220", "CXCLIENT ADDR=192.0.2.7", "S220", "CEHLO c", "S250", "CSTARTTLS", "S220", "!", "CEHLO c", "S250", OUTWARD, MAY_NOT_RELAY,
	    "Dmay-relay=no", NULL } },
};

/* stage_init's callback has no argument of the test's own. */
static const struct play *at_hand;
static char authority_path[] = "/tmp/test_certificates.ca.XXXXXX", own_path[] = "/tmp/test_certificates.own.XXXXXX";

static void
issue(const struct play *play)
{
	struct authority ours, other;

	authority_init(&ours);
	authority_init(&other);
	authority_write(&ours, authority_path);
	authority_issue_wish(play->is_of_other ? &other : &ours, &play->wish, own_path);
	authority_fini(&ours);
	authority_fini(&other);
}

static void
change(struct stage *stage)
{
	static struct network loopback;
	SSL_CTX *context;

	issue(at_hand);
	stage->tls = tls_server_new_self_signed("relay.example.com", NULL);
	expect_int(tls_server_add_client_ca(stage->tls, authority_path, NULL), 0);
	stage->tls_client = tls_client_new(NULL, NULL);
	context = stage->tls_client->shared.contexts[0];
	if (!at_hand->has_none) {
		expect_int(SSL_CTX_use_certificate_chain_file(context, own_path), 1);
		expect_int(SSL_CTX_use_PrivateKey_file(context, own_path, SSL_FILETYPE_PEM), 1);
	}
	network_parse(STR("127.0.0.1"), &loopback);
	stage->settings.xclient_from = &loopback;
	stage->settings.n_xclient_from = 1;
	stage->settings.tls = at_hand->tls;
	stage->settings.client_ca = authority_path;
	stage->settings.client_names = at_hand->names;
	stage->settings.n_client_names = at_hand->n_names;
}

int
main(void)
{
	close(mkstemp(authority_path));
	close(mkstemp(own_path));
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		at_hand = &plays[i];
		test_case("%s", plays[i].name);
		stage_talk(change, plays[i].script);
	}
	unlink(authority_path);
	unlink(own_path);
	return test_end();
}
