/*
 * stage.c - couriers with a queue, three peers and a small DNS, in the simulated world
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/deliver/stage.h"

enum { LINES_MAX_BYTES = 64 * 1024 * 1024, HOPS_MAX = 1000 };

static const struct next_hop_settings hop_by_ip[PEERS] = {
	{ .written = "[192.0.2.1]:25", .ip = PEER_IP(1), .port = 25 },
	{ .written = "[192.0.2.2]:25", .ip = PEER_IP(2), .port = 25 },
	{ .written = "[192.0.2.3]:25", .ip = PEER_IP(3), .port = 25 },
};
static const struct next_hop_settings hop_by_mx = { .written = "mx", .port = 25, .is_mx = true };

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

int
n_lines(const struct world *w, const char *event)
{
	struct str rest = buf_str(&w->log.lines), line;
	int n = 0;

	while (str_take_until(&rest, '\n', &line))
		n += str_starts(line, str_of(event));
	return n;
}

bool
log_has(const struct world *w, const char *part)
{
	return str_find_str(buf_str(&w->log.lines), str_of(part)) >= 0;
}

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	struct world *w = context;
	struct str domain = recipient->address.domain;

	(void)envelope;
	(void)facts;
	if (str_eq(domain, STR("nobody.example.com")))
		return STR("none");
	if (str_eq(domain, STR("gone.example.com")))
		return STR("relay:gone");
	if (str_eq(domain, STR("second.example")))
		return STR("relay:second");
	if (w->routes[0].is_by_recipient) {
		snprintf(w->destination, sizeof(w->destination), "relay:x/%s", w->routes[0].next_hops[w->begin_at].written);
		return str_of(w->destination);
	}
	if (w->story->zone == NULL || str_eq(domain, STR("example.com")))
		return STR("relay:x");
	snprintf(w->destination, sizeof(w->destination), "route:internet/%.*s", STR_ARG(domain));
	return str_of(w->destination);
}

static void
put_mail(struct world *w, const char *domain, int n_recipients, struct str content)
{
	const struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR("192.0.2.9"),
	    .listener = STR("mx"), .identity = w->client };
	struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("example.org") } };
	struct instant deadline = instant_after(loop_now(w->loop), span_s(60));
	struct draft *draft = draft_new(w->queue);
	struct arena arena;
	struct fault fault;
	char local[20];
	int i;

	for (size_t at = 0; at < content.len; at++)
		envelope.is_8bit |= (unsigned char)content.at[at] >= 0x80;
	arena_init(&arena, 1000000);
	for (i = 0; i < n_recipients; i++) {
		struct recipient recipient = { .address = { .domain = str_of(domain) } };

		snprintf(local, sizeof(local), "r%d", i + 1);
		recipient.address.local = str_of(local);
		insist(envelope_add_recipient(&envelope, &recipient, &arena));
	}
	w->id = draft_id(draft);
	expect_int(draft_append(draft, content, deadline, &fault), 0);
	if (!expect(queue_put(w->queue, draft, &envelope, &facts, STR("Received: here\r\n"), deadline, &fault) == 0))
		printf("# %s\n", fault.text);
	arena_fini(&arena);
}

void
put_to(struct world *w, const char *domain, int n_recipients)
{
	put_mail(w, domain, n_recipients, STR("Subject: hi\r\n\r\nhello\r\n"));
}

void
put_content(struct world *w, const char *domain, struct str content)
{
	put_mail(w, domain, 1, content);
}

void
put(struct world *w, int n_mails)
{
	while (n_mails-- > 0)
		put_to(w, "example.com", 1);
}

void
wait_s(struct world *w, int seconds)
{
	fiber_sleep(instant_after(loop_now(w->loop), span_s(seconds)));
}

int
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

struct queue_counts
counts(struct world *w)
{
	struct queue_counts c;

	queue_count(w->queue, &c);
	return c;
}

struct seeing {
	int			 wanted, n;
	struct next_hop_view	 view;
};

static void
see_hop(void *context, const struct next_hop_view *view)
{
	struct seeing *seeing = context;

	if (seeing->n++ == seeing->wanted)
		seeing->view = *view;
}

struct next_hop_view
hop(struct world *w, int i)
{
	struct seeing seeing = { .wanted = i };

	couriers_each_next_hop(w->couriers, see_hop, &seeing);
	return seeing.view;
}

int
n_hops_known(struct world *w)
{
	struct seeing seeing = { .wanted = -1 };

	couriers_each_next_hop(w->couriers, see_hop, &seeing);
	return seeing.n;
}

static void
make_settings(struct world *w)
{
	const struct story *story = w->story;
	const struct route_settings common = {
		.tls = story->tls, .balance = story->balance, .connections_max = story->connections_max > 0 ? story->connections_max : 4,
		.check_interval = span_s(20),
	};

	w->routes[0] = w->routes[1] = w->routes[2] = common;
	w->routes[0].destination = "relay:x";
	w->routes[0].identity = story->identity;
	w->routes[0].is_by_recipient = story->is_by_recipient;
	w->routes[0].next_hops = story->hops != NULL ? story->hops : hop_by_ip;
	w->routes[0].n_next_hops = story->n_hops > 0 ? story->n_hops : 1;
	w->routes[1].destination = "relay:second";
	w->routes[1].next_hops = &hop_by_ip[1];
	w->routes[1].n_next_hops = 1;
	w->routes[2].destination = "route:internet";
	w->routes[2].next_hops = &hop_by_mx;
	w->routes[2].n_next_hops = 1;
	w->n_routes = ROUTES_MAX;
	w->settings = (struct courier_settings){
		.hostname = "relay.example.net", .deliveries_max = story->deliveries_max, .idle_max = span_s(story->idle_max_s),
	};
}

struct courier_plan *
make_plan(struct world *w)
{
	struct courier_plan *plan;
	struct fault fault;

	w->settings.routes = w->routes;
	w->settings.n_routes = w->n_routes;
	plan = courier_plan_new(&w->settings, &fault);
	if (plan == NULL)
		printf("# %s\n", fault.text);
	insist(plan != NULL);
	return plan;
}

void
start_couriers(struct world *w)
{
	struct fault fault;

	w->couriers = couriers_new(w->loop, w->queue, &w->dns.resolver, make_plan(w), &w->log.log, &fault);
	insist(w->couriers != NULL);
}

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
	struct world w = { .story = story, .round = round };
	const struct queue_settings settings = {
		.directory = "/spool", .segment_bytes = 1 << 20, .content_in_memory_max_bytes = 65536,
		.retry = { .first = span_s(60), .factor = 1.5, .max = span_s(3600), .expire = span_s(432000), .warn = span_s(14400) },
	};
	const struct queue_world queue_world = { .context = &w, .destination_of = destination_of };
	struct fault fault;
	int i;

	if (round == 0)
		test_case("%s", story->name);
	w.sim = sim_new(&options);
	sim_enter(w.sim);
	w.loop = loop_new(1000, NULL);
	w.log.log = (struct log){ .level = story->is_quiet ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, .write = capture_line };
	buf_init(&w.log.lines, LINES_MAX_BYTES);
	resolver_sim_init(&w.dns, story->zone != NULL ? story->zone : "two.example.com A 192.0.2.1\ntwo.example.com AAAA 2001:db8::1\n");
	make_settings(&w);
	w.tls = tls_server_new_self_signed("peer.example.com", &fault);
	insist(w.tls != NULL);
	for (i = 0; i < PEERS; i++) {
		const struct endpoint at = { .ip = PEER_IP((uint8_t)(i + 1)), .port = 25 };

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

void
play_all(const struct story *stories, size_t n_stories, int argc, char **argv)
{
	for (size_t i = 0; i < n_stories; i++) {
		if (argc > 1 && strstr(stories[i].name, argv[1]) == NULL)
			continue;
		for (int round = 0; round == 0 || round < stories[i].n_times; round++)
			play(&stories[i], round);
	}
}
