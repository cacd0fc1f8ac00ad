/*
 * test_courier_mx.c - mail that goes out by MX records: which host, which connection, what is remembered
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/deliver/couriers.h"
#include "tests/deliver/stage.h"

static const char two_hosts[] =
    "one.example MX 10 mx1.example\none.example MX 20 mx2.example\n"
    "mx1.example A 192.0.2.1\nmx2.example A 192.0.2.2\nmx3.example A 192.0.2.3\n";

static void
friendly(struct world *w)
{
	for (int i = 0; i < PEERS; i++)
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
}

static void
best_first(struct world *w)
{
	friendly(w);
	put_to(w, "one.example", 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect_int(w->peers[0].n_mails, 1);
	wait_s(w, 1);
	expect(log_has(w, "nexthop=mx1.example:25"));
	peer_stop(&w->peers[0]);
	sim_net_cut(w->sim, &w->peers[0].at);
	put_to(w, "one.example", 1);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[1].n_mails, 1);
	wait_s(w, 1);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_lines(w, "nexthop-down "), 1);
}

/* A domain waits for a host that another one keeps busy, and it goes away: both go on at the next one, and come back. */
static void
waiting_elsewhere(struct world *w)
{
	friendly(w);
	w->peers[0].reply_wait_ms = 20000;
	for (int i = 0; i < 30; i++)
		put_to(w, "one.example", 1);
	wait_s(w, 3);
	for (int i = 0; i < 10; i++)
		put_to(w, "two.example", 1);
	wait_s(w, 3);
	expect_int(w->peers[0].n_open, 4);
	peer_stop(&w->peers[0]);
	sim_net_cut(w->sim, &w->peers[0].at);
	w->peers[0].n_mails = 0;
	w->peers[1].reply_wait_ms = 1000;
	expect(wait_for_mails(w, 36, 40) >= 0);
	w->peers[0].reply_wait_ms = 100;
	peer_listen(&w->peers[0]);
	wait_s(w, 400);
	w->peers[0].n_mails = w->peers[1].n_mails = 0;
	put_to(w, "one.example", 1);
	put_to(w, "two.example", 1);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[0].n_mails, 2);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

/* Both get about half; a session of the one serves until the other has its turn. */
static void
equal_ones(struct world *w)
{
	friendly(w);
	w->peers[0].reply_wait_ms = w->peers[1].reply_wait_ms = 1000;
	for (int i = 0; i < 40; i++)
		put_to(w, "equal.example", 1);
	expect(wait_for_mails(w, 40, 100) >= 0);
	expect(w->peers[0].n_mails >= 10 && w->peers[1].n_mails >= 10);
}

/* The domain has no mail hosts but an address. */
static void
implicit(struct world *w)
{
	friendly(w);
	put_to(w, "mx3.example", 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect_int(w->peers[2].n_mails, 1);
}

static void
literal(struct world *w)
{
	friendly(w);
	put_to(w, "[192.0.2.2]", 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect_int(w->peers[1].n_mails, 1);
	put_to(w, "[IPv6:::ffff:192.0.2.3]", 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(w->peers[2].n_mails, 1);
}

static void
never(struct world *w)
{
	put_to(w, "null.example", 2);
	put_to(w, "none.example", 1);
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 3);
	expect(log_has(w, "takes no mail"));
	expect(log_has(w, "does not exist"));
	put_to(w, "null.example", 1);
	wait_s(w, 1);
	expect_int(n_lines(w, "failed "), 4);
	expect_int(w->dns.n_questions, 2);		/* the answer is kept */
}

/* One question stands for a hundred mails; and when the name servers are back they all go. */
static void
silent_dns(struct world *w)
{
	friendly(w);
	w->dns.zone = "one.example servfail\n";
	for (int i = 0; i < 100; i++)
		put_to(w, "one.example", 1);
	wait_s(w, 3600);
	expect(w->dns.n_questions <= 12);
	expect_int(n_lines(w, "failed "), 0);
	expect(log_has(w, "looking up the mail hosts (MX) of one.example"));
	w->dns.zone = two_hosts;
	expect(wait_for_mails(w, 100, 2000) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

static void
found_again(struct world *w)
{
	friendly(w);
	put_to(w, "one.example", 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	w->dns.zone = "one.example MX 10 mx2.example\nmx2.example A 192.0.2.2\n";
	put_to(w, "one.example", 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(w->peers[0].n_mails, 2);
	wait_s(w, 3601);
	put_to(w, "one.example", 1);
	expect_int(wait_for_mails(w, 3, 10), 0);
	expect_int(w->peers[1].n_mails, 1);
}

/* Sixty domains at one provider: its limit holds for all together, their mails share its sessions, and each has its turn. */
static void
one_provider(struct world *w)
{
	char domain[40];

	friendly(w);
	w->peers[0].reply_wait_ms = 500;
	for (int k = 0; k < 3; k++) {
		for (int i = 0; i < 60; i++) {
			snprintf(domain, sizeof(domain), "d%d.wild.example", i);
			put_to(w, domain, 1);
		}
	}
	expect(wait_for_mails(w, 180, 200) >= 0);
	wait_s(w, 2);
	expect(w->peers[0].n_open_most <= 4);
	expect(w->peers[0].n_connections <= 12);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_hops_known(w), 3);
	expect_int(counts(w).n_mails, 0);
	wait_s(w, 40);
	expect_int(n_hops_known(w), 2);			/* what is idle is not shown */
}

/* A mail host is down, its mail is removed: nobody asks for it any more, and it is forgotten. */
static void
forgotten(struct world *w)
{
	struct queue_filter all = { .is_held_only = false };
	int n_before;

	peer_stop(&w->peers[0]);
	peer_stop(&w->peers[1]);
	put_to(w, "one.example", 1);
	wait_s(w, 1000);
	expect_int(n_lines(w, "nexthop-down "), 2);
	expect_int(n_hops_known(w), 4);
	queue_remove(w->queue, &all, instant_after(loop_now(w->loop), span_s(10)), NULL);
	wait_s(w, 400);
	n_before = n_lines(w, "nexthop-checked ");
	wait_s(w, 4000);
	expect_int(n_lines(w, "nexthop-checked "), n_before);
	friendly(w);
	put_to(w, "mx3.example", 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	wait_s(w, 1);
	expect_int(n_hops_known(w), 3);		/* the two that are configured, and the new one */
}

/* All of its hosts are down for two hours; meanwhile the domain moves to another one. */
static void
moved(struct world *w)
{
	friendly(w);
	peer_stop(&w->peers[0]);
	peer_stop(&w->peers[1]);
	for (int i = 0; i < 10; i++)
		put_to(w, "one.example", 1);
	wait_s(w, 1800);
	w->dns.zone = "one.example MX 10 mx3.example\nmx3.example A 192.0.2.3\n";
	expect(wait_for_mails(w, 10, 2400) >= 0);
	expect_int(w->peers[2].n_mails, 10);
	expect(n_lines(w, "deferred ") <= 20);
}

/* Three hundred domains whose hosts are all down: checks are few at a time, and forgotten with the mail. */
static void
many_down(struct world *w)
{
	struct queue_filter all = { .is_held_only = false };
	int n_before = loop_n_fibers(w->loop);
	char domain[40];

	for (int i = 0; i < 200; i++) {
		snprintf(domain, sizeof(domain), "[198.51.100.%d]", i + 1);
		sim_net_host(w->sim, &(struct ip){ .family = IP_V4, .bytes = { 198, 51, 100, (uint8_t)(i + 1) } }, SIM_HOST_SILENT);
		put_to(w, domain, 1);
	}
	wait_s(w, 3600);
	for (int i = 0; i < 100; i++) {
		expect(loop_n_fibers(w->loop) <= n_before + 60);
		wait_s(w, 7);
	}
	expect_int(counts(w).n_mails, 200);
	expect_int(n_lines(w, "nexthop-down "), 200);
	queue_remove(w->queue, &all, instant_after(loop_now(w->loop), span_s(10)), NULL);
	wait_s(w, 8000);
	expect_int(n_hops_known(w), 2);
}

/* While its first host does not answer a domain waits for nobody else. */
static void
beside_a_dead_one(struct world *w)
{
	sim_net_host(w->sim, &w->peers[0].at.ip, SIM_HOST_SILENT);
	friendly(w);
	for (int i = 0; i < 50; i++)
		put_to(w, "dead.example", 1);
	wait_s(w, 1);
	put_to(w, "mx3.example", 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	wait_s(w, 600);
	expect_int(counts(w).n_mails, 50);
	expect(n_lines(w, "deferred ") <= 10);
}

/* relay { next-hop = { "mx:one.example", "[192.0.2.3]:25" } }: names of the administrator's fail no mail, whatever the DNS says. */
static void
relay_by_mx(struct world *w)
{
	friendly(w);
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(w->peers[0].n_mails, 1);
	peer_stop(&w->peers[0]);
	peer_stop(&w->peers[1]);
	sim_net_cut(w->sim, &w->peers[0].at);
	put(w, 1);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[2].n_mails, 1);
	w->dns.zone = "one.example MX 0 .\n";
	couriers_adopt(w->couriers, make_plan(w));
	put(w, 1);
	expect(wait_for_mails(w, 3, 10) >= 0);
	expect_int(w->peers[2].n_mails, 2);
	wait_s(w, 1);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
relay_by_mx_alone(struct world *w)
{
	friendly(w);
	w->dns.zone = "other.example A 192.0.2.1\n";
	put(w, 1);
	wait_s(w, 600);
	expect_int(n_lines(w, "failed "), 0);
	expect(n_lines(w, "deferred ") <= 6);
	expect(log_has(w, "one.example does not exist"));
	w->dns.zone = two_hosts;
	expect(wait_for_mails(w, 1, 2000) >= 0);
}

/* More domains than are remembered: the oldest are forgotten, and all of them after an hour. */
static void
remembered(struct world *w)
{
	enum { DOMAINS = SITES_IDLE_MAX + 500 };
	char domain[40];

	for (int i = 0; i < DOMAINS; i++) {
		snprintf(domain, sizeof(domain), "d%d.none.example", i);
		put_to(w, domain, 1);
	}
	wait_s(w, 60);
	expect_int(n_lines(w, "failed "), DOMAINS);
	expect(w->couriers->sites.n >= SITES_IDLE_MAX && w->couriers->sites.n <= SITES_IDLE_MAX + ROUTES_MAX);
	wait_s(w, 3700);
	expect_int(w->couriers->sites.n, 2);
}

/*
 * Name servers of more domains than are remembered do not answer: each domain waits its time all the same, ever longer.  And
 * all their mail goes when they are back.
 */
static void
many_unfound(struct world *w)
{
	enum { DOMAINS = SITES_IDLE_MAX + 500 };
	char domain[40];

	w->log.log.level = LOG_LEVEL_ERROR;		/* of so many mails it would be long */
	friendly(w);
	for (int i = 0; i < DOMAINS; i++) {
		snprintf(domain, sizeof(domain), "d%d.many.example", i);
		put_to(w, domain, 1);
	}
	wait_s(w, 3600);
	expect(w->dns.n_questions <= 7 * DOMAINS);
	expect(w->couriers->sites.n <= SITES_IDLE_MAX + ROUTES_MAX);
	w->dns.zone = "*.many.example MX 10 mx1.example\nmx1.example A 192.0.2.1\n";
	expect(wait_for_mails(w, DOMAINS, 2400) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

/* What is configured does not stand behind strangers of whom none answers, nor does its check behind theirs. */
static void
strangers_beside(struct world *w)
{
	enum { STRANGERS = 600 };
	char domain[40];

	friendly(w);
	for (int i = 0; i < STRANGERS; i++) {
		struct ip ip = { .family = IP_V4, .bytes = { 198, 18, (uint8_t)(i / 200), (uint8_t)(i % 200 + 1) } };

		snprintf(domain, sizeof(domain), "[198.18.%d.%d]", ip.bytes[2], ip.bytes[3]);
		sim_net_host(w->sim, &ip, SIM_HOST_SILENT);
		put_to(w, domain, 1);
	}
	wait_s(w, 10);
	put(w, 200);
	expect(wait_for_mails(w, 200, 60) >= 0);
	wait_s(w, 1000);
	expect_int(n_lines(w, "nexthop-down "), STRANGERS);
	peer_stop(&w->peers[0]);
	sim_net_cut(w->sim, &w->peers[0].at);
	put(w, 1);
	wait_s(w, 60);
	peer_listen(&w->peers[0]);
	expect(wait_for_mails(w, 201, 120) >= 0);
}

static void
to_ourselves(struct world *w)
{
	put_to(w, "circle.example", 1);
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(n_lines(w, "deferred "), 1);
	expect(log_has(w, "it would go in a circle"));
	expect_int(w->peers[0].n_connections, 0);
}

#define WILD(n)	"d" #n ".wild.example MX 10 mx1.example\n"
#define TEN(n)	WILD(n##0) WILD(n##1) WILD(n##2) WILD(n##3) WILD(n##4) WILD(n##5) WILD(n##6) WILD(n##7) WILD(n##8) WILD(n##9)
#define UNITS	WILD(0) WILD(1) WILD(2) WILD(3) WILD(4) WILD(5) WILD(6) WILD(7) WILD(8) WILD(9)

static const struct next_hop_settings by_mx_of_one[] = {
	{ .written = "mx:one.example", .host = "one.example", .port = 25, .is_mx = true },
	{ .written = "[192.0.2.3]:25", .ip = PEER_IP(3), .port = 25 },
};

static const struct story stories[] = {
	{ .name = "a relay by the MX records of a domain, and a host in reserve", .tell = relay_by_mx, .zone = two_hosts,
	  .hops = by_mx_of_one, .n_hops = 2 },
	{ .name = "a relay by MX records that are not there waits for them", .tell = relay_by_mx_alone, .zone = two_hosts,
	  .hops = by_mx_of_one },
	{ .name = "the best host, and the next one while it is down", .tell = best_first, .zone = two_hosts },
	{ .name = "what waits for a host goes on at the next one when it is down", .tell = waiting_elsewhere,
	  .zone = "one.example MX 10 mx1.example\none.example MX 20 mx2.example\ntwo.example MX 10 mx1.example\n"
	  "two.example MX 20 mx2.example\nmx1.example A 192.0.2.1\nmx2.example A 192.0.2.2\n" },
	{ .name = "equal hosts share", .tell = equal_ones,
	  .zone = "equal.example MX 10 mx1.example\nequal.example MX 10 mx2.example\nmx1.example A 192.0.2.1\nmx2.example A 192.0.2.2\n" },
	{ .name = "without MX the domain's address", .tell = implicit, .zone = two_hosts },
	{ .name = "an address literal", .tell = literal, .zone = two_hosts },
	{ .name = "what no mail can go to fails at once", .tell = never, .zone = "null.example MX 0 .\n" },
	{ .name = "silent name servers hold the domain back, and fail nothing", .tell = silent_dns, .zone = two_hosts },
	{ .name = "answers are kept for an hour at most", .tell = found_again, .zone = two_hosts },
	{ .name = "domains at one provider share its connections", .tell = one_provider,
	  .zone = "mx1.example A 192.0.2.1\n" UNITS TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) },
	{ .name = "a mail host that nobody has mail for is not checked, and is forgotten", .tell = forgotten, .zone = two_hosts },
	{ .name = "a domain that moved while its hosts were down is found again", .tell = moved, .zone = two_hosts },
	{ .name = "hundreds of hosts that are down are checked a few at a time", .tell = many_down, .zone = two_hosts },
	{ .name = "a dead domain holds up no other", .tell = beside_a_dead_one,
	  .zone = "dead.example MX 10 mx1.example\nmx1.example A 192.0.2.1\nmx3.example A 192.0.2.3\n" },
	{ .name = "ten thousand domains are remembered, and for an hour", .tell = remembered, .zone = two_hosts, .is_quiet = true },
	{ .name = "more domains than are remembered, of silent name servers, wait their time", .tell = many_unfound,
	  .zone = "*.many.example servfail\n", .is_quiet = true },
	{ .name = "the configured next hop comes before thousands of strangers' hosts that are down", .tell = strangers_beside,
	  .zone = two_hosts, .is_quiet = true, .deliveries_max = 40 },
	{ .name = "mail for a domain whose best host we are waits for a relay section", .tell = to_ourselves,
	  .zone = "circle.example MX 5 relay.example.net\ncircle.example MX 10 mx1.example\nmx1.example A 192.0.2.1\n"
	  "relay.example.net A 192.0.2.1\n" },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
