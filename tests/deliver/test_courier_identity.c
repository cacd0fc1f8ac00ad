/*
 * test_courier_identity.c - mail of the queue tells its next hop who brought it
 */
#include "tests/deliver/stage.h"

#define TEXT(text)	{ .at = (text), .len = sizeof(text) - 1 }

static const struct identity one = {
	.client = { { .family = IP_V4, .bytes = { 198, 51, 100, 7 } }, 4660 }, .helo = TEXT("one.example.org"), .is_esmtp = true,
};
static const struct identity other = {
	.client = { { .family = IP_V4, .bytes = { 198, 51, 100, 8 } }, 4661 }, .helo = TEXT("other.example.org"), .is_esmtp = true,
};

static int
n_parts(struct str rest, const char *text)
{
	ptrdiff_t at;
	int n = 0;

	for (; (at = str_find_str(rest, str_of(text))) >= 0; n++)
		rest = str_from(rest, (size_t)at + strlen(text));
	return n;
}

static int
n_heard(const struct world *w, const char *text)
{
	return n_parts(buf_str(&w->peers[0].heard), text);
}

static int
n_logged(const struct world *w, const char *text)
{
	return n_parts(buf_str(&w->log.lines), text);
}

static const struct next_hop_settings hop_two[1] = { { .written = "two.example.com:25", .host = "two.example.com", .port = 25 } };

static void
put_of(struct world *w, const struct identity *client)
{
	w->client = client;
	put(w, 1);
}

static void
xclient(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,XCLIENT ADDR HELO");
	put_of(w, &one);
	put_of(w, &other);
	put_of(w, &one);
	put_of(w, NULL);
	expect(wait_for_mails(w, 4, 100) >= 0);
	expect_int(w->peers[0].n_connections, 4);
	expect_int(n_heard(w, "XCLIENT ADDR=198.51.100.7 HELO=one.example.org\nEHLO one.example.org\nMAIL FROM"), 2);
	expect_int(n_heard(w, "XCLIENT ADDR=198.51.100.8 HELO=other.example.org\nEHLO other.example.org\nMAIL FROM"), 1);
	expect_int(n_heard(w, "XCLIENT"), 3);
}

static void
xforward(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,XFORWARD ADDR");
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	put_of(w, &other);
	expect(wait_for_mails(w, 2, 10) >= 0);
	put_of(w, NULL);
	expect(wait_for_mails(w, 3, 10) >= 0);
	expect_int(w->peers[0].n_connections, 1);
	expect_int(n_heard(w, "XFORWARD ADDR=198.51.100.7\nMAIL FROM"), 1);
	expect_int(n_heard(w, "XFORWARD ADDR=198.51.100.8\nMAIL FROM"), 1);
	expect_int(n_heard(w, "XFORWARD"), 2);
	expect_int(n_lines(w, "delivered "), 3);
	expect_int(n_logged(w, "identity=xforward"), 2);
}

/* What the idle session says as it goes is no word about the next hop. */
static void
gone_meanwhile(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 XFORWARD ADDR\nC: XFORWARD\nS: 250\nC: MAIL\nS: 250\nC: RCPT\nS: 250\n"
	    "C: DATA\nS: 354\nD:\nS: 250\nC: XFORWARD\nS: 421 4.4.2 too late\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: XFORWARD ADDR");
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	put_of(w, &other);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_heard(w, "XFORWARD ADDR=198.51.100.8\n"), 2);
}

static void
means_refused(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 XCLIENT ADDR\nC: XCLIENT\nS: 501 5.5.4 bad value");
	peer_says(&w->peers[0], "S: 220 hi\nM: XCLIENT ADDR,XFORWARD ADDR");
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(w->peers[0].n_connections, 2);
	expect_int(n_heard(w, "XCLIENT"), 1);
	expect_int(n_heard(w, "XFORWARD ADDR=198.51.100.7\nMAIL"), 1);
	expect_int(n_lines(w, "deferred "), 0);
	expect(hop(w, 0).is_up);
}

static void
turned_away(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 XCLIENT ADDR\nC: XCLIENT\nS: 554 5.7.1 client rejected");
	put_of(w, &one);
	wait_s(w, 10);
	expect_int(n_lines(w, "failed "), 1);
	expect(log_has(w, "client rejected"));
	expect(hop(w, 0).is_up);
}

static void
offers_less(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250-8BITMIME\nS: 250 XCLIENT ADDR\nC: XCLIENT\nS: 220 hi\nC: EHLO\nS: 250 hi");
	w->client = &one;
	put_content(w, "example.com", STR("Subject: hi\r\n\r\n\xe9\r\n"));
	wait_s(w, 10);
	expect_int(n_lines(w, "deferred "), 1);
	expect(log_has(w, "8BITMIME"));
}

#define HEADER	"C: \nC: \nC: \n"	/* the CRLFs in it */

static void
proxy(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	put_of(w, &one);
	put_of(w, &one);
	put_of(w, NULL);
	expect(wait_for_mails(w, 3, 100) >= 0);
	expect_int(w->peers[0].n_connections, 3);
	expect_int(n_heard(w, "EHLO one.example.org\n"), 2);
	expect_int(n_heard(w, "EHLO relay.example.net\n"), 1);
}

static void
turned_away_behind_proxy(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 554 5.7.1 listed");
	put_of(w, &one);
	wait_s(w, 10);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(hop(w, 0).is_up);
}

/* What its first address says to the client stands, whatever the others are. */
static void
turned_away_at_one_address(struct world *w)
{
	static const char *const sayings[] = { HEADER "S: 554 5.7.1 listed", HEADER "S: 421 4.7.0 not you\nX:", HEADER "X:" };

	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");		/* it takes the header */
	peer_says(&w->peers[0], sayings[w->round]);
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi");
	peer_stop(&w->peers[2]);
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	put_of(w, &one);
	wait_s(w, 5);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(hop(w, 0).is_up);
}

/* It serves us as well as ever: only the client's own mail waits. */
static void
hung_up_behind_proxy(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");		/* it takes the header */
	peer_says(&w->peers[0], HEADER "S: 421 4.7.0 too many connections from you");
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi");
	peer_says(&w->peers[0], HEADER "X:");
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi");
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	put_of(w, &one);
	wait_s(w, 5);
	put_of(w, &other);
	wait_s(w, 5);
	expect_int(n_lines(w, "deferred "), 2);
	expect_int(n_lines(w, "nexthop-refuses-identity "), 2);
	expect(log_has(w, "421 4.7.0 too many"));
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(hop(w, 0).is_up);
	expect_int(w->peers[0].n_mails, 1);
	expect_int(n_heard(w, "EHLO relay.example.net\n"), 2);
}

static const struct identity of_ipv6 = {
	.client = { { .family = IP_V6, .bytes = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 } }, 4660 }, .helo = TEXT("six.example.org"), .is_esmtp = true,
};

/* As Postfix without IPv6 answers; the header has no line end more than one of IPv4. */
static void
no_ipv6_behind_proxy(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 421 new.example.com Server local error");
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	put_of(w, &of_ipv6);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(log_has(w, "nexthop-refuses-identity "));
	expect(!log_has(w, "identity=proxy"));
	expect_int(n_heard(w, "EHLO relay.example.net\n"), 1);
	put_of(w, &one);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[0].n_connections, 3);
	expect_int(n_heard(w, "EHLO one.example.org\n"), 1);
}

/* As in a tarpit. */
static void
left_waiting_behind_proxy(struct world *w)
{
	peer_says(&w->peers[0], HEADER "W: 1000000\nX:");
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi");
	put_of(w, &one);
	wait_s(w, 320);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(n_lines(w, "nexthop-refuses-identity "), 1);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* Where it took such clients before, the same words are about this one. */
static void
took_ipv6_before(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	peer_says(&w->peers[0], HEADER "S: 421 new.example.com Server local error");
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi");
	put_of(w, &of_ipv6);
	expect(wait_for_mails(w, 1, 10) >= 0);
	put_of(w, &of_ipv6);
	wait_s(w, 10);
	expect_int(n_lines(w, "deferred "), 1);
	expect(hop(w, 0).is_up);
}

static void
took_ipv6_long_ago(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	peer_says(&w->peers[0], HEADER "S: 421 new.example.com Server local error");
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250 hi\nM: ");
	put_of(w, &of_ipv6);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 25 * 3600);
	put_of(w, &of_ipv6);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
hangs_up_on_all(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 421 4.3.2 closing down");
	put_of(w, &one);
	wait_s(w, 10);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(n_lines(w, "nexthop-down "), 1);
	expect_int(n_lines(w, "nexthop-refuses-identity "), 0);
}

static void
loopback(struct world *w)
{
	static const struct identity here = {
		.client = { { .family = IP_V4, .bytes = { 127, 0, 0, 1 } }, 4660 }, .helo = TEXT("localhost"), .is_esmtp = true,
	};

	peer_says(&w->peers[0], "S: 220 hi\nM: XCLIENT ADDR HELO,XFORWARD ADDR");
	put_of(w, &here);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(n_heard(w, "XCLIENT"), 0);
	expect_int(n_heard(w, "XFORWARD"), 0);
}

#define XCLIENT_THEN	"S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 XCLIENT ADDR\nC: XCLIENT ADDR=198.51.100.7\n"

/* Who is introduced hears nothing any more, or is hung up on in the middle of each mail. */
static void
trouble_to_one(struct world *w)
{
	static const char *const troubles[] = {
		XCLIENT_THEN "W: 1000000\nX:", XCLIENT_THEN "S: 220 hi\nC: EHLO\nW: 1000000\nX:",
		XCLIENT_THEN "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nW: 1000000\nX:", XCLIENT_THEN "S: 220 hi\nC: EHLO\nS: 250 p\nC: MAIL\nX:",
	};

	peer_says(&w->peers[0], troubles[w->round]);
	for (int i = 0; i < 8; i++)
		put_of(w, &one);
	wait_s(w, 1000);
	expect(n_lines(w, "deferred ") >= 8);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

/* By a client that it does not want nobody takes a next hop down. */
static void
hung_up_at_xclient(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		peer_says(&w->peers[0], XCLIENT_THEN "S: 421 4.7.0 too many of you\nX:");
		peer_says(&w->peers[0], XCLIENT_THEN "X:");
		peer_says(&w->peers[0], XCLIENT_THEN "S: 220 hi\nC: EHLO\nX:");
	}
	peer_says(&w->peers[0], "S: 220 hi\nM: XCLIENT ADDR");
	for (int i = 0; i < 9; i++) {
		put_of(w, &one);
		wait_s(w, 1);
	}
	expect_int(n_lines(w, "deferred "), 9);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect_int(hop(w, 0).limit, 4);
	put_of(w, &other);
	expect(wait_for_mails(w, 1, 5) >= 0);
	expect(log_has(w, "421 4.7.0 too many of you"));
}

static void
slowed_down(struct world *w)
{
	for (int i = 0; i < 6; i++)
		peer_says(&w->peers[0], XCLIENT_THEN "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 450 4.7.1 slow down\n");
	peer_says(&w->peers[0], "S: 220 hi\nM: XCLIENT ADDR");
	for (int i = 0; i < 6; i++) {
		put_of(w, &one);
		wait_s(w, 1);
	}
	expect_int(n_lines(w, "deferred "), 6);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect_int(hop(w, 0).limit, 4);
}

static void
refused_by_the_first(struct world *w)
{
	peer_says(&w->peers[0], XCLIENT_THEN "S: 501 5.5.4 bad value");
	peer_says(&w->peers[0], "S: 421 4.3.2 not now\nX:");
	peer_says(&w->peers[1], XCLIENT_THEN "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n");
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(w->peers[1].n_mails, 1);
	expect_int(n_logged(w, "identity=xclient"), 1);
}

/* Two that take turns: it would never end. */
static void
refused_by_both(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		peer_says(&w->peers[i], XCLIENT_THEN "S: 501 5.5.4 bad value");
		peer_says(&w->peers[i], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 XCLIENT ADDR\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n");
	}
	put_of(w, &one);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(w->peers[0].n_connections + w->peers[1].n_connections, 3);
}

/* What it says of our TLS is no answer to the client. */
static void
our_trouble_behind_proxy(struct world *w)
{
	peer_says(&w->peers[0], HEADER "S: 220 hi\nC: QUIT\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 502 5.5.1 no");
	put_of(w, &one);
	wait_s(w, 10);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(n_lines(w, "nexthop-down "), 1);
}

static const struct story stories[] = {
	{ .name = "XCLIENT: each client has a session of its own", .tell = xclient, .identity = IDENTITY_AUTO, .connections_max = 1 },
	{ .name = "XFORWARD: in the same session, for each mail", .tell = xforward, .identity = IDENTITY_AUTO, .connections_max = 1 },
	{ .name = "an idle session that ends at XFORWARD is nobody's fault", .tell = gone_meanwhile, .identity = IDENTITY_AUTO, .connections_max = 1 },
	{ .name = "XCLIENT refused in the middle: a fresh session, and XFORWARD", .tell = means_refused, .identity = IDENTITY_AUTO },
	{ .name = "a client turned away has its mail refused", .tell = turned_away, .identity = IDENTITY_AUTO },
	{ .name = "what is not offered to the client is lacking", .tell = offers_less, .identity = IDENTITY_AUTO },
	{ .name = "PROXY: a connection for each mail, LOCAL for our own", .tell = proxy, .identity = IDENTITY_PROXY },
	{ .name = "a greeting of 554 to a client by PROXY takes no next hop down", .tell = turned_away_behind_proxy, .identity = IDENTITY_PROXY },
	{ .name = "nor where it has another address, where nobody is", .tell = turned_away_at_one_address, .identity = IDENTITY_PROXY, .n_times = 3,
	  .hops = hop_two, .zone = "two.example.com A 192.0.2.1\ntwo.example.com A 192.0.2.3\n" },
	{ .name = "who hangs up on a client told by PROXY, but not on us, is up", .tell = hung_up_behind_proxy, .identity = IDENTITY_PROXY },
	{ .name = "XCLIENT: trouble with one client takes no next hop down", .tell = trouble_to_one, .identity = IDENTITY_XCLIENT, .n_times = 4 },
	{ .name = "and who lets it wait", .tell = left_waiting_behind_proxy, .identity = IDENTITY_PROXY },
	{ .name = "mail of a client that a next hop cannot be told of goes untold", .tell = no_ipv6_behind_proxy, .identity = IDENTITY_PROXY },
	{ .name = "but not where it could be told of others like it", .tell = took_ipv6_before, .identity = IDENTITY_PROXY },
	{ .name = "unless that is long ago", .tell = took_ipv6_long_ago, .identity = IDENTITY_PROXY },
	{ .name = "who hangs up on us too is down", .tell = hangs_up_on_all, .identity = IDENTITY_PROXY },
	{ .name = "a client at a loopback address is not told", .tell = loopback, .identity = IDENTITY_AUTO },
	{ .name = "who hangs up when it hears of a client by XCLIENT is up", .tell = hung_up_at_xclient, .identity = IDENTITY_AUTO },
	{ .name = "a client that is to slow down slows nobody else", .tell = slowed_down, .identity = IDENTITY_AUTO },
	{ .name = "refused by one next hop, XCLIENT is said to the next", .tell = refused_by_the_first, .identity = IDENTITY_AUTO, .n_hops = 2 },
	{ .name = "refused in the middle by next hops in turn, it is said to none", .tell = refused_by_both, .identity = IDENTITY_XCLIENT,
	  .n_hops = 2, .balance = BALANCE_ROUND_ROBIN },
	{ .name = "what a next hop says of our TLS is no answer to the client", .tell = our_trouble_behind_proxy,
	  .identity = IDENTITY_PROXY, .tls = TLS_REQUIRED },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
