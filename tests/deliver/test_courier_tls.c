/*
 * test_courier_tls.c - what a route wants of TLS, and what becomes of a mail where it does not come about
 */
#include "tests/deliver/stage.h"

static void
tls_works(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nT:\nM: PIPELINING");
	put(w, 2);
	expect(wait_for_mails(w, 2, 10) >= 0);
	wait_s(w, 1);
	expect(log_has(w, "tls=TLSv1.3"));
	expect_int(n_lines(w, "tls-fallback "), 0);
}

static void
tls_refused(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 not now\nM: ");
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(w->peers[0].n_connections, 1);
	expect_int(n_lines(w, "tls-fallback "), 1);
}

static void
tls_fails(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nW: 100\nS: garbage\nW: 100\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: STARTTLS");
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(w->peers[0].n_connections, 2);
	expect_int(n_lines(w, "tls-fallback "), 1);
	expect(log_has(w, "TLS handshake"));
}

static void
tls_injected(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nR: 220 go\\r\\n250 injected\\r\\n\nW: 1000\nX:");
	put(w, 1);
	wait_s(w, 10);
	expect_int(counts(w).n_mails, 1);
	expect(log_has(w, "before it was asked"));
}

static void
tls_not_offered(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 hi");
	put(w, 1);
	wait_s(w, 10);
	expect_int(counts(w).n_mails, 1);
	expect_int(n_lines(w, "failed "), 0);
	expect(log_has(w, "STARTTLS is not offered"));
}

static void
tls_unverified(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nT:\nM: ");
	put(w, 1);
	wait_s(w, 10);
	expect_int(w->peers[0].n_mails, 0);
	expect_int(counts(w).n_mails, 1);
	expect_int(n_lines(w, "tls-failed "), 1);
}

static const struct story stories[] = {
	{ .name = "opportunistic TLS is used", .tell = tls_works, .tls = TLS_OPPORTUNISTIC },
	{ .name = "required TLS takes any certificate", .tell = tls_works, .tls = TLS_REQUIRED },
	{ .name = "opportunistic: a refused STARTTLS goes on in the clear", .tell = tls_refused, .tls = TLS_OPPORTUNISTIC },
	{ .name = "opportunistic: after a failed handshake a new connection in the clear", .tell = tls_fails, .tls = TLS_OPPORTUNISTIC },
	{ .name = "required: plaintext behind the 220 ends it", .tell = tls_injected, .tls = TLS_REQUIRED },
	{ .name = "required: without STARTTLS the mail waits", .tell = tls_not_offered, .tls = TLS_REQUIRED },
	{ .name = "verify: a self-signed certificate gets no mail", .tell = tls_unverified, .tls = TLS_VERIFY },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
