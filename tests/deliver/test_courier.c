/*
 * test_courier.c - from the queue to next hops that come and go, in the simulated world
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/courier.h"
#include "tests/deliver/peer.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

enum { PEERS = 3, LINES_MAX_BYTES = 4 * 1024 * 1024, DESCRIPTORS_MAX = 300, DIALOGUE_MAX_BYTES = 4096 };

/* Peers are 192.0.2.1, .2 and .3, port 25; names in the fake DNS: see ask(). */
#define IPV4(last)	{ .family = IP_V4, .bytes = { 192, 0, 2, (last) } }

static const struct next_hop_settings hop_by_ip[PEERS] = {
	{ .written = "[192.0.2.1]:25", .ip = IPV4(1), .port = 25 },
	{ .written = "[192.0.2.2]:25", .ip = IPV4(2), .port = 25 },
	{ .written = "[192.0.2.3]:25", .ip = IPV4(3), .port = 25 },
};

struct world;

struct story {
	const char	*name;
	void		(*tell)(struct world *w);
	int		 n_hops;		/* 0: one */
	const struct next_hop_settings *hops;	/* NULL: hop_by_ip */
	enum balance	 balance;
	enum tls_mode	 tls;
	int		 connections_max;
	int		 deliveries_max;
	int		 idle_max_s;
	int		 n_times;		/* told so often, w->round counting from 0 */
};

struct capture {
	struct log	 log;
	struct buf	 lines;
};

struct world {
	const struct story	*story;
	int			 round;
	struct sim		*sim;
	struct loop		*loop;
	struct queue		*queue;
	struct couriers		*couriers;
	struct resolver		 resolver;
	enum dns_result		 dns_result;	/* of every name */
	struct capture		 log;
	struct peer		 peers[PEERS];
	struct tls_server	*tls;
	struct mail_id		 id;		/* of the mail put last */
	struct buf		 dialogue;	/* of a peer, when it is made up */
};

/* --- what surrounds the couriers --- */

static void
capture_line(struct log *log, enum log_level level, struct str line)
{
	struct capture *capture = (struct capture *)(void *)log;

	(void)level;
	insist(buf_append(&capture->lines, line) == 0 && buf_append_char(&capture->lines, '\n') == 0);
	if (getenv("SIM_LOG") != NULL)
		printf("# %.*s\n", STR_ARG(line));
}

static int
n_lines(const struct world *w, const char *event)
{
	struct str rest = buf_str(&w->log.lines), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(event));
	return n;
}

static bool
log_has(const struct world *w, const char *part)
{
	return str_find_str(buf_str(&w->log.lines), str_of(part)) >= 0;
}

/* "two.example.com" is at an IPv6 address where nobody is, and at peer 1; any other name is at peer 1. */
static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct world *w = (struct world *)(void *)((char *)resolver - offsetof(struct world, resolver));
	int i;

	(void)deadline;
	for (i = 0; i < n_questions; i++) {
		bool is_v6 = questions[i].type == DNS_AAAA;

		answers_out[i] = (struct dns_answer){ .result = w->dns_result, .why = "timed out" };
		if (is_v6 && !str_starts(questions[i].name, STR("two.")))
			answers_out[i].result = DNS_NO_DATA;
		if (answers_out[i].result != DNS_FOUND)
			continue;
		answers_out[i].records = arena_array(arena, 1, sizeof(struct dns_record));
		answers_out[i].n_records = 1;
		answers_out[i].records[0].ip = is_v6 ?
		    (struct ip){ .family = IP_V6, .bytes = { 0x20, 1, 0xd, 0xb8, [15] = 1 } } : (struct ip)IPV4(1);
	}
}

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	(void)context;
	(void)envelope;
	(void)facts;
	if (str_eq(recipient->address.domain, STR("nobody.example.com")))
		return STR("none");
	if (str_eq(recipient->address.domain, STR("gone.example.com")))
		return STR("relay:gone");
	return STR("relay:x");
}

static void
put_to(struct world *w, const char *domain, int n_recipients)
{
	const struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR("192.0.2.9"),
	    .listener = STR("mx") };
	struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	struct instant deadline = instant_after(loop_now(w->loop), span_s(60));
	struct draft *draft = draft_new(w->queue);
	struct arena arena;
	struct fault fault;
	char local[20];
	int i;

	arena_init(&arena, 1000000);
	for (i = 0; i < n_recipients; i++) {
		struct recipient recipient = { .address = { .domain = str_of(domain) } };

		snprintf(local, sizeof(local), "r%d", i + 1);
		recipient.address.local = str_of(local);
		insist(envelope_add_recipient(&envelope, &recipient, &arena));
	}
	w->id = draft_id(draft);
	expect_int(draft_append(draft, STR("Subject: hi\r\n\r\nhello\r\n"), deadline, &fault), 0);
	if (!expect(queue_put(w->queue, draft, &envelope, &facts, STR("Received: here\r\n"), deadline, &fault) == 0))
		printf("# %s\n", fault.text);
	arena_fini(&arena);
}

static void
put(struct world *w, int n_mails)
{
	while (n_mails-- > 0)
		put_to(w, "example.com", 1);
}

static void
wait_s(struct world *w, int seconds)
{
	fiber_sleep(instant_after(loop_now(w->loop), span_s(seconds)));
}

/* Waits until the peers together have had so many mails; seconds that took, or -1 after the most. */
static int
wait_for_mails(struct world *w, int n, int most_s)
{
	int waited;

	for (waited = 0; waited < most_s * 10; waited++) {
		if (w->peers[0].n_mails + w->peers[1].n_mails + w->peers[2].n_mails >= n)
			return waited / 10;
		fiber_sleep(instant_after(loop_now(w->loop), span_ms(100)));
	}
	return -1;
}

static struct queue_counts
counts(struct world *w)
{
	struct queue_counts c;

	queue_count(w->queue, &c);
	return c;
}

static void
see_hop(void *context, const struct next_hop_view *view)
{
	struct next_hop_view *views = context;

	while (views->next_hop.at != NULL)
		views++;
	*views = *view;
}

static struct next_hop_view
hop(struct world *w, int i)
{
	struct next_hop_view views[PEERS + 1] = { { .is_up = false } };

	couriers_each_next_hop(w->couriers, see_hop, views);
	return views[i];
}

static void
start_couriers(struct world *w)
{
	const struct story *story = w->story;
	const struct route_settings route = {
		.destination = "relay:x", .next_hops = story->hops != NULL ? story->hops : hop_by_ip,
		.n_next_hops = story->n_hops > 0 ? story->n_hops : 1, .balance = story->balance, .tls = story->tls,
		.connections_max = story->connections_max > 0 ? story->connections_max : 4, .check_interval = span_s(20),
	};
	const struct courier_settings settings = {
		.hostname = "relay.example.net", .routes = &route, .n_routes = 1, .deliveries_max = story->deliveries_max,
		.idle_max = span_s(story->idle_max_s),
	};
	struct fault fault;

	w->couriers = couriers_new(w->loop, w->queue, &w->resolver, courier_plan_new(&settings, &fault), &w->log.log, &fault);
	insist(w->couriers != NULL);
}

/* --- stories --- */

static void
one_after_the_other(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,DSN");
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	expect(str_find_str(buf_str(&w->peers[0].heard), STR("Received: here\r\nSubject: hi\r\n\r\nhello\r\n")) >= 0);
	wait_s(w, 5);
	expect_int(hop(w, 0).n_idle, 1);
	put(w, 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(w->peers[0].n_connections, 1);
	expect(str_find_str(buf_str(&w->peers[0].heard), STR("RSET")) < 0);
	wait_s(w, 40);
	expect_int(w->peers[0].n_quits, 1);
	expect_int(hop(w, 0).n_connections, 0);
	expect_int(hop(w, 0).n_delivered, 2);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "delivered "), 2);
}

static void
idle_and_gone(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\nW: 3000\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	expect_int(wait_for_mails(w, 1, 10), 0);
	wait_s(w, 5);
	put(w, 1);
	expect_int(wait_for_mails(w, 2, 10), 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect_int(n_lines(w, "nexthop-down "), 0);
}

static void
failover(struct world *w)
{
	int i;

	for (i = 0; i < 2; i++)
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
	put(w, 2);
	expect(wait_for_mails(w, 2, 10) >= 0);
	expect_int(w->peers[0].n_mails, 2);
	peer_stop(&w->peers[0]);
	sim_net_cut(w->sim, &w->peers[0].at);
	put(w, 2);
	expect(wait_for_mails(w, 4, 10) >= 0);
	expect_int(w->peers[1].n_mails, 2);
	expect(!hop(w, 0).is_up);
	expect_int(n_lines(w, "deferred "), 0);
	wait_s(w, 100);
	peer_listen(&w->peers[0]);
	wait_s(w, 400);
	expect(hop(w, 0).is_up);
	put(w, 2);
	expect(wait_for_mails(w, 6, 10) >= 0);
	expect_int(w->peers[0].n_mails, 4);
}

static void
spread(struct world *w)
{
	int i;

	for (i = 0; i < PEERS; i++) {
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
		w->peers[i].reply_wait_ms = 2000;
	}
	put(w, 6);
	expect(wait_for_mails(w, 6, 60) >= 0);
	for (i = 0; i < PEERS; i++)
		expect_int(w->peers[i].n_mails, 2);
}

static void
limited(struct world *w)
{
	int i;

	for (i = 0; i < PEERS; i++) {
		peer_says(&w->peers[i], "S: 220 hi\nM: PIPELINING");
		w->peers[i].reply_wait_ms = 1000;
	}
	put(w, 30);
	expect(wait_for_mails(w, 30, 200) >= 0);
	for (i = 0; i < PEERS; i++)
		expect(w->peers[i].n_open_most <= 2);
	expect_int(n_lines(w, "deferred "), 0);
}

/* Twenty mails against a closed port for an hour: checked, not hammered; and minutes after it is back all is there. */
static void
down_and_back(struct world *w)
{
	int n_before;

	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	peer_stop(&w->peers[0]);
	put(w, 20);
	wait_s(w, 3600);
	expect_int(counts(w).n_mails, 20);
	expect_int(n_lines(w, "nexthop-down "), 1);
	expect(n_lines(w, "nexthop-checked ") <= 20);
	expect(n_lines(w, "deferred ") <= 24);
	put(w, 1);
	wait_s(w, 10);
	n_before = n_lines(w, "deferred ");
	peer_listen(&w->peers[0]);
	expect(wait_for_mails(w, 21, 345) >= 0);
	expect_int(n_lines(w, "nexthop-up "), 1);
	expect_int(n_lines(w, "deferred "), n_before);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

static void
ambiguous(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(n_lines(w, "deferred "), 1);
	expect_int(counts(w).n_mails, 1);
	expect(wait_for_mails(w, 2, 100) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
	expect(hop(w, 0).is_up);
}

/* A 5xx greeting is the server's trouble or ours, never the mail's. */
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
trouble_inside(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: DATA\n"
	    "S: 250\nS: 550 5.1.1\nS: 421 4.3.2\nX:");
	peer_says(&w->peers[1], "S: 220 hi\nC: EHLO\nS: 250 hi\nC: MAIL\nS: 250\nC: RCPT TO:<r2@\nS: 250\nC: DATA\nS: 354\nD:\nS: 250 2.0.0\n");
	put_to(w, "example.com", 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(n_lines(w, "failed "), 1);
	expect_int(n_lines(w, "delivered "), 1);
	expect_int(n_lines(w, "deferred "), 0);
	expect(hop(w, 0).is_up);
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
nowhere(struct world *w)
{
	put_to(w, "nobody.example.com", 1);
	put_to(w, "gone.example.com", 1);
	wait_s(w, 5);
	expect_int(n_lines(w, "failed "), 1);
	expect(log_has(w, "no route"));
	expect_int(n_lines(w, "deferred "), 1);
	expect(log_has(w, "not in the configuration"));
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
	w->dns_result = DNS_UNSETTLED;
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 1);
	wait_s(w, 10);
	expect(log_has(w, "looking up two.example.com: timed out"));
	expect_int(counts(w).n_mails, 1);
	w->dns_result = DNS_FOUND;
	expect(wait_for_mails(w, 1, 60) >= 0);
}

/* Without descriptors nothing is known about the next hop, and mail goes to it as soon as there are some. */
static void
no_descriptors(struct world *w)
{
	struct endpoint at = { .ip = IPV4(200) };
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

/* The checks have become rare by then; an operator who mended the next hop need not wait for one. */
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

/* Each of its replies comes in time, and yet the mail's four hours pass: that says nothing about the other one. */
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

/* The server takes one session of ours at a time; that is no reason to call it down, nor a try of the others. */
static void
too_many_connections(struct world *w)
{
	int i;

	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	w->peers[0].reply_wait_ms = 20000;
	put(w, 1);
	wait_s(w, 5);
	for (i = 0; i < 20; i++)
		peer_says(&w->peers[0], "S: 421 4.7.0 too many connections");
	put(w, 2);
	wait_s(w, 5);
	expect(hop(w, 0).is_up);
	expect_int(n_lines(w, "nexthop-down "), 0);
	expect_int(w->peers[0].n_connections, 3);
	expect_int(hop(w, 0).limit, 1);
	expect(wait_for_mails(w, 3, 100) >= 0);
	wait_s(w, 30);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "deferred "), 0);
	expect(w->peers[0].n_connections <= 5);
}

static void
one_mail_each(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING,LIMITS MAILMAX=1");
	put(w, 3);
	expect(wait_for_mails(w, 3, 10) >= 0);
	wait_s(w, 1);
	expect_int(w->peers[0].n_connections, 3);
	expect_int(w->peers[0].n_open, 0);
	expect_int(n_lines(w, "deferred "), 0);
}

static void
put_off(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: DATA\n"
	    "S: 250\nS: 250\nS: 450 4.7.1 greylisted\nS: 354\nD:\nS: 250");
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nS: 250-hi\nS: 250 PIPELINING\nC: MAIL\nC: RCPT TO:<r2@\nC: DATA\n"
	    "S: 250\nS: 250\nS: 354\nD:\nS: 250");
	put_to(w, "example.com", 2);
	expect(wait_for_mails(w, 1, 10) >= 0);
	wait_s(w, 1);
	expect_int(n_lines(w, "delivered "), 1);
	expect_int(n_lines(w, "deferred "), 1);
	expect(wait_for_mails(w, 2, 100) >= 45);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
}

/*
 * The first connection is reset after so many bytes from one side or the other.  Whenever that is, the mail
 * arrives; and it arrives twice only where the log says that it might.
 */
static void
cut_at_every_byte(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: PIPELINING");
	sim_net_cut_after(w->sim, &w->peers[0].at, w->round / 2 + 1, w->round % 2 == 0);
	put(w, 1);
	expect(wait_for_mails(w, 1, 200) >= 0);
	wait_s(w, 200);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "failed "), 0);
	expect(w->peers[0].n_mails <= 1 + n_lines(w, "ambiguous "));
}

/* --- TLS --- */

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

/* --- stopping --- */

static void
stop_in_peace(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	w->peers[0].reply_wait_ms = 5000;
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(60)));
	expect_int(n_lines(w, "delivered "), 1);
	expect_int(w->peers[0].n_quits, 1);
	couriers_free(w->couriers);
	start_couriers(w);
}

static void
stop_in_haste(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nC: EHLO\nW: 500000\nX:");
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	put(w, 3);
	wait_s(w, 5);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	expect_int(n_lines(w, "delivered "), w->peers[0].n_mails);
	couriers_free(w->couriers);
	start_couriers(w);
	expect(wait_for_mails(w, 3, 10) >= 0);
	wait_s(w, 1);
	expect_int(counts(w).n_mails, 0);
	expect_int(n_lines(w, "deferred "), 0);
}

/* Who comes after us does not inherit what we thought of a next hop. */
static void
stop_while_down(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	peer_stop(&w->peers[0]);
	put(w, 2);
	wait_s(w, 2000);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	couriers_free(w->couriers);
	peer_listen(&w->peers[0]);
	start_couriers(w);
	expect(wait_for_mails(w, 2, 10) >= 0);
}

/* The dot is out and the answer is not here when time is up. */
static void
stop_at_the_dot(struct world *w)
{
	peer_says(&w->peers[0], "S: 220 hi\nM: ");
	w->peers[0].reply_wait_ms = 60000;
	put(w, 1);
	expect(wait_for_mails(w, 1, 10) >= 0);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(10)));
	couriers_free(w->couriers);
	expect_int(n_lines(w, "ambiguous "), 1);
	expect_int(counts(w).n_mails, 1);
	start_couriers(w);
	wait_s(w, 60);
}

static const struct next_hop_settings hop_two[1] = { { .written = "two.example.com:25", .host = "two.example.com", .port = 25 } };

static const struct story stories[] = {
	{ .name = "a session is used again without RSET, and ended with QUIT when it was idle", .tell = one_after_the_other },
	{ .name = "an idle session that the server ended costs nothing", .tell = idle_and_gone },
	{ .name = "failover: the second while the first is down, and the first again when it is back", .tell = failover, .n_hops = 2 },
	{ .name = "round robin: each gets the same", .tell = spread, .n_hops = 3, .balance = BALANCE_ROUND_ROBIN },
	{ .name = "least connections: each gets the same when all are slow", .tell = spread, .n_hops = 3, .balance = BALANCE_LEAST_CONNECTIONS },
	{ .name = "no next hop sees more connections than its limit", .tell = limited, .n_hops = 3, .balance = BALANCE_ROUND_ROBIN,
	  .connections_max = 2 },
	{ .name = "the limit holds for the one next hop of a failover", .tell = limited, .n_hops = 3, .connections_max = 2 },
	{ .name = "a next hop that is down is checked, and its queue drains when it is back", .tell = down_and_back },
	{ .name = "a session lost after the dot is ambiguous, and the mail comes again", .tell = ambiguous },
	{ .name = "a greeting of 554 or 421 never fails a mail", .tell = turned_away, .n_hops = 2 },
	{ .name = "a 421 in the middle: who is left goes to the next one", .tell = trouble_inside, .n_hops = 2 },
	{ .name = "a next hop with our own name gets no mail", .tell = own_name },
	{ .name = "mail that nobody takes fails; mail of a section that is gone waits", .tell = nowhere },
	{ .name = "the second address is tried when the first is not there", .tell = second_address, .hops = hop_two },
	{ .name = "without DNS mail waits", .tell = no_dns, .hops = hop_two },
	{ .name = "a next hop that does not answer gives way to the next one after 30 s", .tell = black_hole, .n_hops = 2 },
	{ .name = "without descriptors of our own no next hop is down", .tell = no_descriptors },
	{ .name = "an operator has a next hop checked at once", .tell = checked_on_demand },
	{ .name = "a next hop that takes all the time takes no other one down", .tell = dawdling, .n_hops = 2 },
	{ .name = "one that does not greet, after five minutes", .tell = silent_greeting, .n_hops = 2 },
	{ .name = "one that never ends greeting, at once", .tell = endless_greeting, .n_hops = 2 },
	{ .name = "too many connections: the mails go over those that are taken, and none is put off", .tell = too_many_connections },
	{ .name = "LIMITS MAILMAX=1: a session for each mail", .tell = one_mail_each },
	{ .name = "who was put off comes later, alone", .tell = put_off },
	{ .name = "cut at every byte: the mail arrives, and twice only where that is logged", .tell = cut_at_every_byte, .n_times = 400 },
	{ .name = "opportunistic TLS is used", .tell = tls_works, .tls = TLS_OPPORTUNISTIC },
	{ .name = "required TLS takes any certificate", .tell = tls_works, .tls = TLS_REQUIRED },
	{ .name = "opportunistic: a refused STARTTLS goes on in the clear", .tell = tls_refused, .tls = TLS_OPPORTUNISTIC },
	{ .name = "opportunistic: after a failed handshake a new connection in the clear", .tell = tls_fails, .tls = TLS_OPPORTUNISTIC },
	{ .name = "required: plaintext behind the 220 ends it", .tell = tls_injected, .tls = TLS_REQUIRED },
	{ .name = "required: without STARTTLS the mail waits", .tell = tls_not_offered, .tls = TLS_REQUIRED },
	{ .name = "verify: a self-signed certificate gets no mail", .tell = tls_unverified, .tls = TLS_VERIFY },
	{ .name = "stopping waits for the answer to the dot", .tell = stop_in_peace },
	{ .name = "cut off at the deadline, mail is given back and comes later", .tell = stop_in_haste },
	{ .name = "stopped while the next hop is down, the next couriers try it at once", .tell = stop_while_down },
	{ .name = "stopped at the dot it is ambiguous", .tell = stop_at_the_dot },
};

/* --- the stage --- */

static void
tell(void *arg)
{
	struct world *w = arg;
	int i;

	start_couriers(w);
	w->story->tell(w);
	couriers_stop(w->couriers, instant_after(loop_now(w->loop), span_s(30)));
	couriers_free(w->couriers);
	expect_int(queue_stop(w->queue, instant_after(loop_now(w->loop), span_s(60)), NULL), 0);
	for (i = 0; i < PEERS; i++) {
		peer_stop(&w->peers[i]);
		expect_str(buf_str(&w->peers[i].complaint), STR(""));
	}
}

static void
play(const struct story *story, int round)
{
	struct sim_options options = { .seed = sim_seed(1), .may_block = false, .max_fds = DESCRIPTORS_MAX };
	struct world w = { .story = story, .round = round, .resolver.ask = ask, .dns_result = DNS_FOUND };
	const struct queue_settings settings = {
		.directory = "/spool", .segment_bytes = 1 << 20, .content_in_memory_max_bytes = 65536,
		.retry = { .first = span_s(60), .factor = 1.5, .max = span_s(3600), .expire = span_s(432000), .warn = span_s(14400) },
	};
	const struct queue_world queue_world = { .destination_of = destination_of };
	struct fault fault;
	int i;

	if (round == 0)
		test_case("%s", story->name);
	w.sim = sim_new(&options);
	sim_enter(w.sim);
	w.loop = loop_new(1000, NULL);
	w.log.log = (struct log){ .level = LOG_LEVEL_DEBUG, .write = capture_line };
	buf_init(&w.log.lines, LINES_MAX_BYTES);
	w.tls = tls_server_new_self_signed("peer.example.com", &fault);
	insist(w.tls != NULL);
	for (i = 0; i < PEERS; i++) {
		const struct endpoint at = { .ip = IPV4((uint8_t)(i + 1)), .port = 25 };

		peer_start(&w.peers[i], w.loop, &at);
		w.peers[i].tls = w.tls;
	}
	w.queue = queue_open(w.loop, &settings, &queue_world, &w.log.log, &fault);
	if (w.queue == NULL)
		printf("# %s\n", fault.text);
	insist(w.queue != NULL);
	insist(fiber_start(w.loop, "story", tell, &w) != NULL);
	loop_run(w.loop);
	queue_close(w.queue);
	for (i = 0; i < PEERS; i++)
		peer_free(&w.peers[i]);
	tls_server_free(w.tls);
	buf_fini(&w.log.lines);
	buf_fini(&w.dialogue);
	loop_free(w.loop);
	expect_int(sim_leave(w.sim), 0);
	sim_free(w.sim);
}

int
main(int argc, char **argv)
{
	size_t i;
	int round;

	for (i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		if (argc > 1 && strstr(stories[i].name, argv[1]) == NULL)	/* a part of a name: only that */
			continue;
		for (round = 0; round == 0 || round < stories[i].n_times; round++)
			play(&stories[i], round);
	}
	return test_end();
}
