/*
 * test_mx.c - which hosts take mail for a domain, of zones as strangers write them
 */
#include <stdio.h>

#include "smtpfwd/deliver/mx.h"
#include "smtpfwd/runtime/fiber.h"
#include "tests/expect.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/sim.h"

enum { TEXT_MAX_BYTES = 1000 };

#define IPV4(a, b, c, d)	{ .family = IP_V4, .bytes = { (a), (b), (c), (d) } }

static const char zone[] =
    "example.com	MX 10 mx1.example.com\n"
    "example.com	MX 20 mx2.example.com\n"
    "mx1.example.com	A 192.0.2.1\n"
    "mx2.example.com	AAAA 2001:db8::2\n"
    "mx3.example.com	A 192.0.2.3\n"
    "bare.example	A 192.0.2.4\n"
    "v6.example	AAAA 2001:db8::4\n"
    "empty.example	TXT nothing here\n"
    "null.example	MX 0 .\n"
    "both.example	MX 0 .\n"
    "both.example	MX 10 mx1.example.com\n"
    "alias.example	CNAME example.com\n"
    "broken.example	servfail\n"
    "forged.example	bogus\n"
    "silent.example	timeout\n"
    "halfdead.example	MX 10 broken.example\n"
    "halfdead.example	MX 20 mx1.example.com\n"
    "gone.example	MX 10 nowhere.example\n"
    "gone.example	MX 20 mx1.example.com\n"
    "lost.example	MX 10 nowhere.example\n"
    "strange.example	MX 5 192.0.2.9\n"
    "strange.example	MX 6 localhost\n"
    "strange.example	MX 7 a.localhost\n"
    "strange.example	MX 10 mx1.example.com\n"
    "strangest.example	MX 5 192.0.2.9\n"
    "loop.example	MX 5 mx1.example.com\n"
    "loop.example	MX 10 relay.example.net\n"
    "loop.example	MX 10 mx2.example.com\n"
    "loop.example	MX 20 mx3.example.com\n"
    "relay.example.net	A 203.0.113.9\n"
    "byaddress.example	MX 5 mx1.example.com\n"
    "byaddress.example	MX 10 us.example\n"
    "byaddress.example	MX 20 mx3.example.com\n"
    "us.example	A 203.0.113.1\n"
    "best.example	MX 5 Relay.Example.NET\n"
    "best.example	MX 10 mx1.example.com\n"
    "us2.example	A 203.0.113.1\n"
    "inside.example	MX 5 loopback.example\n"
    "inside.example	MX 10 zero.example\n"
    "inside.example	MX 10 multi.example\n"
    "inside.example	MX 20 private.example\n"
    "loopback.example	A 127.0.0.1\n"
    "zero.example	A 0.0.0.0\n"
    "multi.example	A 224.0.0.1\n"
    "private.example	A 10.1.2.3\n"
    "nothing.example	A 127.0.0.1\n"
    "twice.example	MX 10 mx1.example.com\n"
    "twice.example	MX 20 mx1.example.com\n";

struct row {
	const char	*name, *domain;
	const char	*want;		/* hosts, parted by blanks; or "5.1.2 part of the text" */
	bool		 may_use_loopback;
	uint16_t	 port;		/* 0: 25 */
};

static const struct row rows[] = {
	{ .name = "hosts by preference", .domain = "example.com", .want = "mx1.example.com mx2.example.com" },
	{ .name = "in any case of letters", .domain = "Example.COM", .want = "mx1.example.com mx2.example.com" },
	{ .name = "through an alias", .domain = "alias.example", .want = "mx1.example.com mx2.example.com" },
	{ .name = "without MX the domain itself", .domain = "bare.example", .want = "bare.example" },
	{ .name = "also over IPv6 only", .domain = "v6.example", .want = "v6.example" },
	{ .name = "with neither MX nor address no mail can go there", .domain = "empty.example", .want = "5.4.4 neither mail hosts" },
	{ .name = "null MX", .domain = "null.example", .want = "5.1.10 takes no mail" },
	{ .name = "a null MX beside others counts for nothing", .domain = "both.example", .want = "mx1.example.com" },
	{ .name = "a domain that does not exist", .domain = "none.example", .want = "5.1.2 none.example does not exist" },
	{ .name = "a name server that fails is temporary", .domain = "broken.example", .want = "4.4.3 broken.example" },
	{ .name = "so is a bogus answer", .domain = "forged.example", .want = "4.4.3 bogus" },
	{ .name = "and silence", .domain = "silent.example", .want = "4.4.3 silent.example" },
	{ .name = "a host whose address is not known now stays", .domain = "halfdead.example", .want = "broken.example mx1.example.com" },
	{ .name = "one without an address does not", .domain = "gone.example", .want = "mx1.example.com" },
	{ .name = "all of them without one: it may be mended", .domain = "lost.example", .want = "4.4.4 usable address" },
	{ .name = "addresses and localhost are no hosts' names", .domain = "strange.example", .want = "mx1.example.com" },
	{ .name = "nothing but such: it may be mended", .domain = "strangest.example", .want = "4.4.4 host's name" },
	{ .name = "ourselves by name, and who is not better", .domain = "loop.example", .want = "mx1.example.com" },
	{ .name = "ourselves by an address at which we listen", .domain = "byaddress.example", .want = "mx1.example.com" },
	{ .name = "but not at another port", .domain = "byaddress.example", .want = "mx1.example.com us.example mx3.example.com", .port = 2525 },
	{ .name = "we are the best: it would go in a circle", .domain = "best.example", .want = "4.4.6 circle" },
	{ .name = "we are the domain's own host", .domain = "us2.example", .want = "4.4.6 circle" },
	{ .name = "loopback, 0.0.0.0 and multicast are nobody's; private networks are allowed", .domain = "inside.example", .want = "private.example" },
	{ .name = "loopback where that is allowed", .domain = "inside.example", .may_use_loopback = true, .want = "loopback.example private.example" },
	{ .name = "a domain with nothing but loopback", .domain = "nothing.example", .want = "5.4.4 usable address" },
	{ .name = "a host twice is tried once", .domain = "twice.example", .want = "mx1.example.com" },
	{ .name = "an address literal", .domain = "[192.0.2.7]", .want = "[192.0.2.7]" },
	{ .name = "of IPv6 too", .domain = "[IPv6:2001:db8::7]", .want = "[IPv6:2001:db8::7]" },
	{ .name = "one that is ours", .domain = "[203.0.113.1]", .want = "5.4.6 circle" },
	{ .name = "one that is nobody's", .domain = "[127.0.0.1]", .want = "5.1.2 no other host" },
	{ .name = "a literal of another kind", .domain = "[x400:abc]", .want = "5.1.2 no address" },
	{ .name = "what is no domain", .domain = "a..b", .want = "5.1.2 is no domain" },
	{ .name = "its bytes are shown safely", .domain = "a\xff\x1b.example", .want = "5.1.2 a\\xff\\x1b.example" },
	{ .name = "localhost is nobody's domain", .domain = "localhost", .want = "5.1.2 is no domain" },
};

static const struct endpoint ours[] = { { .ip = IPV4(203, 0, 113, 1), .port = 25 }, { .ip = IPV4(0, 0, 0, 0), .port = 587 } };

struct stage {
	struct loop		*loop;
	struct resolver_sim	 dns;
};

static void
ask(struct stage *s, const struct row *row, struct arena *arena, struct mx_hosts *out)
{
	const struct mx_query query = {
		.domain = str_of(row->domain), .port = row->port != 0 ? row->port : 25, .hostname = STR("relay.example.net"),
		.may_use_loopback = row->may_use_loopback, .ours = ours, .n_ours = 2,
	};

	mx_find(&s->dns.resolver, &query, instant_after(loop_now(s->loop), span_s(30)), arena, out);
}

static void
check(struct stage *s, const struct row *row)
{
	struct mx_hosts hosts;
	struct arena arena;
	char got[TEXT_MAX_BYTES] = "", room[STATUS_TEXT_MAX];
	size_t n = 0;

	test_case("%s", row->name);
	arena_init(&arena, 1 << 20);
	ask(s, row, &arena, &hosts);
	for (int i = 0; i < hosts.n; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s", i > 0 ? " " : "", STR_ARG(hosts.hosts[i].name));
	if (row->want[0] != '4' && row->want[0] != '5') {
		expect_int(hosts.result, MX_FOUND);
		expect_text(got, row->want);
	} else {
		struct str status = status_text(hosts.status, room);

		expect_int(hosts.result, row->want[0] == '5' ? MX_NEVER : MX_UNSETTLED);
		expect_str(status, str_sub(str_of(row->want), 0, status.len));
		if (!expect(strstr(hosts.why, row->want + status.len + 1) != NULL))
			printf("# %s\n", hosts.why);
		expect_int(hosts.n, 0);
	}
	expect(hosts.ttl.ns >= span_s(MX_TTL_MIN_S).ns && hosts.ttl.ns <= span_s(MX_TTL_MAX_S).ns);
	arena_fini(&arena);
}

/* Among four equal ones each comes first now and then; and of thirty the best twenty are taken. */
static void
check_many(struct stage *s)
{
	char text[4000];
	size_t n = 0;
	int first[4] = { 0 };
	struct mx_hosts hosts;
	struct arena arena;

	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "many.example MX %d h%d.example\nh%d.example A 192.0.2.%d\n",
		    i < 26 ? 10 : 5, i, i, i + 1);
	s->dns.zone = text;
	test_case("equal ones come in random order, and more than twenty are not taken");
	for (int round = 0; round < 200; round++) {
		arena_init(&arena, 1 << 20);
		ask(s, &(struct row){ .domain = "many.example" }, &arena, &hosts);
		expect_int(hosts.n, MX_HOSTS_MAX);
		for (int i = 0; i < 4; i++) {
			expect_int(hosts.hosts[i].preference, 5);
			first[i] += str_eq(hosts.hosts[0].name, str_of((const char *[]){ "h26.example", "h27.example",
			    "h28.example", "h29.example" }[i]));
		}
		expect_int(hosts.hosts[4].preference, 10);
		arena_fini(&arena);
	}
	for (int i = 0; i < 4; i++)
		expect(first[i] > 20);
}

static void
run(void *arg)
{
	struct stage *s = arg;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(s, &rows[i]);
	check_many(s);
}

int
main(void)
{
	struct sim_options options = { .seed = sim_seed(1) };
	struct sim *sim = sim_new(&options);
	struct stage s = { .loop = NULL };

	sim_enter(sim);
	s.loop = loop_new(20, NULL);
	resolver_sim_init(&s.dns, zone);
	fiber_start(s.loop, "test", run, &s);
	loop_run(s.loop);
	loop_free(s.loop);
	sim_leave(sim);
	sim_free(sim);
	return test_end();
}
