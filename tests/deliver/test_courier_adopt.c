/*
 * test_courier_adopt.c - another plan while mails are under way
 */
#include "base/insist.h"
#include "tests/deliver/stage.h"

static const struct next_hop_settings to_second[] = {
	{ .written = "[192.0.2.2]:25", .ip = PEER_IP(2), .port = 25 },
};
static const struct next_hop_settings to_both[] = {
	{ .written = "[192.0.2.2]:25", .ip = PEER_IP(2), .port = 25 }, { .written = "[192.0.2.1]:25", .ip = PEER_IP(1), .port = 25 },
};

static void
friendly(struct world *w)
{
	for (int i = 0; i < PEERS; i++)
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
}

static void
go_to(struct world *w, const struct next_hop_settings *hops, int n)
{
	w->routes[0].next_hops = hops;
	w->routes[0].n_next_hops = n;
}

/* The one under way ends where it began; the next one goes the new way; the old idle session is ended. */
static void
new_next_hop(struct world *w)
{
	friendly(w);
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	wait_s(w, 1);
	expect_int(hop(w, 0).n_idle, 1);
	w->peers[0].reply_wait_ms = 5000;
	put(w, 1);
	wait_s(w, 2);
	go_to(w, to_second, 1);
	couriers_adopt(w->couriers, make_plan(w));
	put(w, 1);
	expect_int(wait_for_mails(w, 3, 10), 0);
	expect_int(w->peers[1].n_mails, 1);
	wait_s(w, 6);
	expect_int(w->peers[0].n_mails, 2);
	expect_int(n_lines(w, "delivered "), 3);
	expect_int(w->peers[0].n_quits, 1);
	expect_int(w->peers[0].n_open, 0);
	expect_int(n_hops_known(w), 2);
	expect_int(n_lines(w, "deferred "), 0);
}

/* Nothing changed for it, and so it is down still, and checked as rarely as before; and its counts go on. */
static void
state_is_kept(struct world *w)
{
	int n_checked;

	friendly(w);
	put(w, 2);
	expect_int(wait_for_mails(w, 2, 10), 0);
	wait_s(w, 40);
	peer_stop(&w->peers[0]);
	put(w, 5);
	wait_s(w, 3000);
	expect(!hop(w, 0).is_up);
	n_checked = n_lines(w, "nexthop-checked ");
	for (int i = 0; i < 20; i++)
		couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 10);
	expect(!hop(w, 0).is_up);
	expect_int(hop(w, 0).n_delivered, 2);
	expect(n_lines(w, "nexthop-checked ") <= n_checked + 1);
	expect_int(n_lines(w, "nexthop-down "), 1);
	expect(n_lines(w, "deferred ") <= 5);
	peer_listen(&w->peers[0]);
	expect(wait_for_mails(w, 7, 400) >= 0);
}

/* It was held back for the one that is down; the new plan has one that is up. */
static void
another_way_out(struct world *w)
{
	friendly(w);
	peer_stop(&w->peers[0]);
	put(w, 3);
	wait_s(w, 100);
	expect_int(counts(w).n_mails, 3);
	go_to(w, to_both, 2);
	couriers_adopt(w->couriers, make_plan(w));
	expect_int(wait_for_mails(w, 3, 10), 0);
	expect_int(w->peers[1].n_mails, 3);
}

static void
section_goes_and_comes(struct world *w)
{
	friendly(w);
	peer_stop(&w->peers[1]);
	put_to(w, "second.example", 1);
	wait_s(w, 100);
	w->routes[1] = w->routes[2];
	w->n_routes = 2;
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 400);
	expect(log_has(w, "not in the configuration"));
	expect_int(n_lines(w, "failed "), 0);
	expect_int(n_hops_known(w), 1);
	peer_listen(&w->peers[1]);
	w->routes[1] = w->routes[0];
	w->routes[1].destination = "relay:second";
	w->routes[1].next_hops = to_second;
	couriers_adopt(w->couriers, make_plan(w));
	expect(wait_for_mails(w, 1, 600) >= 0);
}

static void
new_limit(struct world *w)
{
	friendly(w);
	w->peers[0].reply_wait_ms = 1000;
	put(w, 100);
	expect(wait_for_mails(w, 40, 100) >= 0);
	expect_int(w->peers[0].n_open_most, 4);
	w->routes[0].connections_max = 2;
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 3);
	w->peers[0].n_open_most = 0;
	expect(wait_for_mails(w, 60, 100) >= 0);
	expect(w->peers[0].n_open <= 2);
	w->routes[0].connections_max = 8;
	couriers_adopt(w->couriers, make_plan(w));
	expect(wait_for_mails(w, 100, 100) >= 0);
	expect(w->peers[0].n_open_most > 4 && w->peers[0].n_open_most <= 8);
	wait_s(w, 2);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(counts(w).n_mails, 0);
}

/* TLS is required from now on: a session in the clear does not serve for that. */
static void
new_tls(struct world *w)
{
	friendly(w);
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	w->routes[0].tls = TLS_REQUIRED;
	couriers_adopt(w->couriers, make_plan(w));
	put(w, 1);
	wait_s(w, 10);
	expect_int(w->peers[0].n_mails, 1);
	expect(log_has(w, "STARTTLS is not offered"));
}

/* A plan comes while the mail hosts of a domain are asked for, and while one is dialled. */
static void
by_mx(struct world *w)
{
	friendly(w);
	put_to(w, "slow.example", 1);
	wait_s(w, 2);
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 2);
	couriers_adopt(w->couriers, make_plan(w));
	expect(wait_for_mails(w, 1, 60) >= 0);
	put_to(w, "slow.example", 1);
	couriers_adopt(w->couriers, make_plan(w));
	expect(wait_for_mails(w, 2, 60) >= 0);
	w->n_routes = 2;
	put_to(w, "slow.example", 1);
	couriers_adopt(w->couriers, make_plan(w));
	wait_s(w, 20);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(n_hops_known(w), 2);
}

/* At every moment of some mails' lives; nothing is lost, and no old plan stays (the sanitizer sees to that). */
static void
again_and_again(struct world *w)
{
	friendly(w);
	w->peers[0].reply_wait_ms = 700;
	peer_stop(&w->peers[1]);
	for (int i = 0; i < 100; i++) {
		put(w, 2);
		put_to(w, "second.example", 1);
		put_to(w, "slow.example", 1);
		go_to(w, i % 3 == 0 ? to_second : to_both, i % 3 == 0 ? 1 : 2);
		w->n_routes = i % 5 == 0 ? 1 : ROUTES_MAX;
		couriers_adopt(w->couriers, make_plan(w));
		fiber_sleep(instant_after(loop_now(w->loop), span_ms((int64_t)sim_random(w->sim, 5000))));
		if (i == 50)
			peer_listen(&w->peers[1]);
	}
	w->n_routes = ROUTES_MAX;
	couriers_adopt(w->couriers, make_plan(w));
	expect(wait_for_mails(w, 400, 6000) >= 0);
	wait_s(w, 5);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "failed "), 0);
}

static const char slow_zone[] = "slow.example MX 10 mx1.example\nslow.example delay 3s\nmx1.example A 192.0.2.1\nmx1.example delay 1s\n";

static const struct story stories[] = {
	{ .name = "what is under way ends the old way, and the next mail goes the new one", .tell = new_next_hop },
	{ .name = "a next hop that stays keeps what is known of it", .tell = state_is_kept },
	{ .name = "mail that was held back goes the new way", .tell = another_way_out },
	{ .name = "a section that is gone has its mail wait, until it is back", .tell = section_goes_and_comes },
	{ .name = "another limit holds at once", .tell = new_limit },
	{ .name = "another TLS policy holds for the next mail", .tell = new_tls },
	{ .name = "mail hosts are asked for by the new plan", .tell = by_mx, .zone = slow_zone },
	{ .name = "a hundred plans", .tell = again_and_again, .zone = slow_zone },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
