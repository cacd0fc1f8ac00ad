/*
 * test_courier_dial.c - next hops that cannot be reached, or are not what they should be
 */
#include "base/insist.h"
#include "tests/deliver/stage.h"

static const struct next_hop_settings hop_two[1] = { { .written = "two.example.com:25", .host = "two.example.com", .port = 25 } };

enum { DIALOGUE_MAX_BYTES = 4096 };

static void
turned_away(struct world *w)
{
	peer_says(&w->peers[0], "S: 554 5.7.1 go away");
	peer_says(&w->peers[1], "S: 421 4.3.2 too busy");
	put(w, 1);
	wait_s(w, 30);
	expect_int(n_lines(w, "failed "), 0);
	expect_int(counts(w).n_mails, 1);
	expect(!hop(w, 0).is_up && !hop(w, 1).is_up);
	expect(log_has(w, "554 5.7.1 go away"));
	peer_says(&w->peers[1], "S: 220 welcome\nM: ");
	w->peers[1].dialogues[0] = w->peers[1].dialogues[1];
	expect(wait_for_mails(w, 1, 400) >= 0);
	expect_int(w->peers[1].n_mails, 1);
}

static void
own_name(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 Relay.Example.NET hello");
	put(w, 1);
	wait_s(w, 10);
	expect_int(n_lines(w, "nexthop-is-ourselves "), 1);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(counts(w).n_mails, 1);
	expect_int(w->peers[0].n_connections, 1);
}

static void
second_address(struct world *w)
{
	const struct ip nobody = { .family = IP_V6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };

	sim_net_host(w->sim, &nobody, SIM_HOST_UNREACHABLE);
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect(log_has(w, "remote=192.0.2.1:25"));
}

static void
no_dns(struct world *w)
{
	w->dns.zone = "two.example.com servfail\n";
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	wait_s(w, 10);
	expect(log_has(w, "looking up two.example.com: "));
	expect_int(counts(w).n_mails, 1);
	w->dns.zone = "two.example.com A 192.0.2.1\n";
	expect(wait_for_mails(w, 1, 60) >= 0);
}

static void
no_descriptors(struct world *w)
{
	struct endpoint at = { .ip = PEER_IP(200) };
	int fds[DESCRIPTORS_MAX], n_fds = 0, fd;

	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT\nS: 451 later");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	wait_s(w, 40);			/* put off, and its session is closed */
	expect_int(n_lines(w, "deferred "), 1);
	for (at.port = 1; (fd = os_listen(&at, 1)) >= 0; at.port++)
		fds[n_fds++] = fd;
	wait_s(w, 30);
	expect_int(n_lines(w, "deferred "), 2);
	expect(log_has(w, "Too many open files"));
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect(hop(w, 0).is_up);
	while (n_fds > 0)
		os_close(fds[--n_fds]);
	expect(wait_for_mails(w, 1, 100) >= 0);
}

static void
checked_on_demand(struct world *w)
{
	peer_stop(&w->peers[0]);
	put(w, 1);
	wait_s(w, 2000);
	expect(!hop(w, 0).is_up);
	couriers_check_now(w->couriers, STR("relay:x"));
	wait_s(w, 1);
	expect(!hop(w, 0).is_up);
	peer_listen(&w->peers[0]);
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	couriers_check_now(w->couriers, STR("relay:other"));
	wait_s(w, 1);
	expect(!hop(w, 0).is_up);
	couriers_check_now(w->couriers, STR(""));
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect(hop(w, 0).is_up);
}

static void
dawdling(struct world *w)
{
	int i;

	buf_init(&w->dialogue, DIALOGUE_MAX_BYTES);
	insist(buf_append(&w->dialogue, STR("S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\n")) == 0);
	for (i = 0; i < 49; i++)
		insist(buf_append(&w->dialogue, STR("C: RCPT\nW: 290000\nS: 250\n")) == 0);
	insist(buf_append(&w->dialogue, STR("C: RCPT\nW: 290000\nX:\0")) == 0);
	peer_says(&w->peers[0], w->dialogue.at);
	peer_says(&w->peers[1], "S: 220 hi\nM: ");
	put_to(w, "example.com", 60);
	wait_s(w, 4 * 3600 + 30);
	expect_int(n_lines(w, "deferred "), 60);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect_int(w->peers[1].n_connections, 0);
}

static void
black_hole(struct world *w)
{
	sim_net_host(w->sim, &w->peers[0].at.ip, SIM_HOST_SILENT);
	peer_says(&w->peers[1], "S: 220 hi\nM: ");
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 60), 30);
	expect(!hop(w, 0).is_up);
}

static void
silent_greeting(struct world *w)
{
	peer_says(&w->peers[0], "W: 600000\nX:");
	peer_says(&w->peers[1], "S: 220 hi\nM: ");
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 400), 300);
}

static void
endless_greeting(struct world *w)
{
	peer_says(&w->peers[0], "S* 100000 220-hi\nX:");
	peer_says(&w->peers[1], "S: 220 hi\nM: ");
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	expect(!hop(w, 0).is_up);
}

static const struct story stories[] = {
	{ .name = "a greeting of 554 or 421 never fails a mail", .tell = turned_away, .n_hops = 2 },
	{ .name = "a next hop with our own name gets no mail", .tell = own_name },
	{ .name = "the second address is tried when the first is not there", .tell = second_address, .hops = hop_two },
	{ .name = "without DNS mail waits", .tell = no_dns, .hops = hop_two },
	{ .name = "a next hop that does not answer gives way to the next one after 30 s", .tell = black_hole, .n_hops = 2 },
	{ .name = "without descriptors of our own no next hop is down", .tell = no_descriptors },
	{ .name = "an operator has a next hop checked at once", .tell = checked_on_demand },
	{ .name = "a next hop that takes all the time takes no other one down", .tell = dawdling, .n_hops = 2 },
	{ .name = "one that does not greet, after five minutes", .tell = silent_greeting, .n_hops = 2 },
	{ .name = "one that never ends greeting, at once", .tell = endless_greeting, .n_hops = 2 },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
