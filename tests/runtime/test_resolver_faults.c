/*
 * test_resolver_faults.c - name servers that answer wrongly, late or not at all, and who stops waiting
 *
 * What the server does with a name stands in name_servers.py.  Most times are bounded from above only by
 * what would show the fault: a machine that is busy must not.
 */
#include "tests/expect.h"
#include "tests/runtime/asking.h"

static void
test_faults(struct world *w, struct resolver *resolver)
{
	struct dns_answer answer;

	test_case("a truncated answer is fetched by TCP");
	expect_answer(resolver, "truncated.fault.example", DNS_TXT, "found \"over TCP\"");

	test_case("a packet that is lost is sent again");
	expect_answer(resolver, "lost.fault.example", DNS_A, "found 192.0.2.2");

	test_case("SERVFAIL is unsettled");
	expect_answer(resolver, "servfail.fault.example", DNS_A, "unsettled");
	test_case("and the SERVFAIL that is kept is unsettled too");
	answer = ask_one(resolver, "servfail.fault.example", DNS_A, in_ms(20000), NULL);
	expect_int(answer.result, DNS_UNSETTLED);
	expect(answer.why[0] != '\0');

	test_case("an answer is kept for its time");
	expect_answer(resolver, "plain.fault.example", DNS_A, "found 192.0.2.1");
	expect_answer(resolver, "plain.fault.example", DNS_A, "found 192.0.2.1");

	test_case("an answer with TTL 0 is not kept");
	expect_answer(resolver, "brief.fault.example", DNS_A, "found 192.0.2.1");
	expect_answer(resolver, "brief.fault.example", DNS_A, "found 192.0.2.2");
	expect_answer(resolver, "brief.fault.example", DNS_A, "found 192.0.2.3");

	test_case("an answer that comes too late serves who asks next");
	answer = ask_one(resolver, "late.fault.example", DNS_A, in_ms(100), NULL);
	expect_int(answer.result, DNS_UNSETTLED);
	fiber_sleep(in_ms(800));
	answer = ask_one(resolver, "late.fault.example", DNS_A, in_ms(300), NULL);	/* asked again it would be late again */
	expect_int(answer.result, DNS_FOUND);

	test_case("an answer that is not one is unsettled");
	expect_answer(resolver, "garbage.fault.example", DNS_A, "unsettled");
	test_case("an answer that is cut off is unsettled");
	expect_answer(resolver, "cutoff.fault.example", DNS_A, "unsettled");
}

static void
test_silence(struct world *w, struct resolver *resolver)
{
	struct dns_answer answer;
	struct span took;

	test_case("a question without an answer ends after timeout times tries");
	answer = ask_one(resolver, "silent.fault.example", DNS_A, in_ms(20000), &took);
	expect_int(answer.result, DNS_UNSETTLED);
	expect_text(answer.why, "no answer in time");
	expect_took(took, 890, 10000);

	test_case("or earlier, at the asker's deadline");
	answer = ask_one(resolver, "silent2.fault.example", DNS_A, in_ms(150), &took);
	expect_int(answer.result, DNS_UNSETTLED);
	expect_took(took, 140, 850);		/* timeout times tries is 900 */

	test_case("a server that was silent for one name answers for another");
	for (int i = 0; i < 3; i++) {
		char name[40];

		snprintf(name, sizeof(name), "plain%d.fault.example", i);
		answer = ask_one(resolver, name, DNS_A, in_ms(20000), &took);
		expect_int(answer.result, DNS_FOUND);
	}
}

struct waiter {
	struct world		*world;
	struct resolver		*resolver;
	const char		*name;
	struct dns_answer	 answer;
	struct span		 took;
};

static void
waiter_run(void *arg)
{
	struct waiter *waiter = arg;

	waiter->answer = ask_one(waiter->resolver, waiter->name, DNS_A, in_ms(20000),
	    &waiter->took);
}

static void
test_cancel(struct world *w, struct resolver *resolver)
{
	struct waiter late = { .world = w, .resolver = resolver, .name = "late1.fault.example" };
	struct waiter unasked = { .world = w, .resolver = resolver, .name = "late2.fault.example" };
	struct fiber *fiber;

	test_case("a cancelled fiber stops waiting");
	fiber = fiber_start(w->loop, "late", waiter_run, &late);
	fiber_sleep(in_ms(50));
	fiber_cancel(fiber);
	fiber = fiber_start(w->loop, "unasked", waiter_run, &unasked);
	fiber_cancel(fiber);
	fiber_sleep(in_ms(50));
	expect_int(late.answer.result, DNS_UNSETTLED);
	expect_text(late.answer.why, "cancelled");
	expect_took(late.took, 40, 390);	/* the answer comes at 400 */
	expect_text(unasked.answer.why, "cancelled");
	expect_took(unasked.took, 0, 390);

	test_case("and the late answer harms nobody");
	fiber_sleep(in_ms(700));
	expect_int(ask_one(resolver, "plain.fault.example", DNS_A, in_ms(5000), NULL).result, DNS_FOUND);
}

/* How many new names are asked, four a second, until the server's answer comes through. */
static int
ask_until_found(struct world *w, struct resolver *resolver, const char *label)
{
	struct dns_answer answer;
	char name[64];
	int n_asked = 0;

	do {
		snprintf(name, sizeof(name), "plain%s%d.fault.example", label, n_asked++);
		fiber_sleep(in_ms(250));
		answer = ask_one(resolver, name, DNS_A, in_ms(20000), NULL);
	} while (answer.result != DNS_FOUND && n_asked < 40);
	expect_int(answer.result, DNS_FOUND);
	printf("# asked %d times\n", n_asked);
	return n_asked;
}

/* Asks new names while there is no answer to be had. */
static void
ask_in_vain(struct world *w, struct resolver *resolver, const char *label, int n_names)
{
	struct dns_answer answer;
	struct span took;
	char name[64];

	for (int i = 0; i < n_names; i++) {
		snprintf(name, sizeof(name), "vain%s%d.fault.example", label, i);
		answer = ask_one(resolver, name, DNS_A, in_ms(20000), &took);
		expect_int(answer.result, DNS_UNSETTLED);
		expect_took(took, 0, 10000);
	}
}

static void
test_dead_server(struct world *w, struct resolver *resolver)
{
	test_case("questions to a closed port end in time");
	expect_int(ask_one(resolver, "plain.fault.example", DNS_A, in_ms(20000), NULL).result, DNS_FOUND);
	name_servers_say(&w->servers, "down");
	ask_in_vain(w, resolver, "down", 4);
	test_case("what is kept is still answered");
	expect_int(ask_one(resolver, "plain.fault.example", DNS_A, in_ms(20000), NULL).result, DNS_FOUND);
	test_case("a server whose port is open again is asked again within some seconds");
	name_servers_say(&w->servers, "up");
	expect(ask_until_found(w, resolver, "up") < 20);
}

/* --- a server that hears all and says nothing --- */

enum { MUTE_S = 20, BURST = 10 };	/* the library takes a server for dead whose wait has doubled to 12 s */

struct burst {				/* of fibers that each ask a new name */
	struct world	*world;
	struct resolver	*resolver;
	int		 n_asked, n_found;
};

static void
burst_member_run(void *arg)
{
	struct burst *b = arg;
	char name[64];

	snprintf(name, sizeof(name), "plainburst%d.fault.example", b->n_asked++);
	b->n_found += ask_one(b->resolver, name, DNS_A, in_ms(20000), NULL).result == DNS_FOUND;
}

static void
burst_ask(struct burst *b)
{
	for (int i = 0; i < BURST; i++)
		fiber_start(b->world->loop, "burst", burst_member_run, b);
	fiber_sleep(in_ms(1000));
}

static void
test_mute_server(struct world *w, struct resolver *resolver)
{
	struct burst b = { .world = w, .resolver = resolver };
	int n_bursts = 0;

	test_case("a server that is mute for long and speaks again is asked again within some seconds");
	name_servers_say(&w->servers, "mute");
	for (int i = 0; i < MUTE_S; i++)
		burst_ask(&b);
	expect_int(b.n_found, 0);
	name_servers_say(&w->servers, "speak");
	do {
		b.n_found = 0;
		burst_ask(&b);
	} while (b.n_found < BURST && ++n_bursts < 15);
	expect_int(b.n_found, BURST);
	expect(n_bursts <= 6);			/* infra-host-ttl is 5 s */
}

/* --- as many questions as it takes --- */

enum { FLOOD = RESOLVER_STRANGERS_MAX + 100 };

static int
flood(struct resolver *resolver, struct arena *arena)
{
	struct dns_question *questions = arena_array(arena, FLOOD, sizeof(*questions));
	struct dns_answer *answers = arena_array(arena, FLOOD, sizeof(*answers));
	int n_refused = 0;

	for (int i = 0; i < FLOOD; i++) {
		questions[i] = (struct dns_question){ .type = DNS_A, .is_strangers = true };
		expect(arena_printf(arena, &questions[i].name, "silent.flood%d.example", i));
	}
	dns_ask(resolver, questions, FLOOD, in_ms(100), arena, answers);
	for (int i = 0; i < FLOOD; i++) {
		expect_int(answers[i].result, DNS_UNSETTLED);
		n_refused += strstr(answers[i].why, "open already") != NULL;
	}
	return n_refused;
}

static void
test_flood(struct world *w, struct resolver *resolver)
{
	struct dns_answer answer;
	struct arena arena;

	(void)w;
	test_case("names that strangers chose do not take all the room for questions");
	arena_init(&arena, 16 * 1024 * 1024);
	expect(flood(resolver, &arena) >= FLOOD - RESOLVER_STRANGERS_MAX);	/* some of before are open still */
	answer = ask_one(resolver, "silent.ours.example", DNS_A, in_ms(50), NULL);
	expect_text(answer.why, "no answer in time");		/* asked, that is */
	arena_fini(&arena);
}

static void
leave_open(struct world *w, struct resolver *resolver)
{
	expect_int(ask_one(resolver, "silent3.fault.example", DNS_A, in_ms(50), NULL).result, DNS_UNSETTLED);
}

#if defined(__SANITIZE_ADDRESS__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

int
main(void)
{
	struct world w = { .loop = NULL };
	struct resolver *resolver;

	setvbuf(stdout, NULL, _IOLBF, 0);
	name_servers_start(&w.servers);
	w.loop = loop_new(100, NULL);

	resolver = resolver_for(&w, &w.servers.faulty, span_ms(1000), 3);
	in_fiber(&w, resolver, test_faults);
	resolver_free(resolver);

	resolver = resolver_for(&w, &w.servers.faulty, span_ms(300), 3);
	in_fiber(&w, resolver, test_silence);
	in_fiber(&w, resolver, test_cancel);
	in_fiber(&w, resolver, test_dead_server);
	in_fiber(&w, resolver, test_flood);
	test_case("a resolver with open questions can be freed");
	in_fiber(&w, resolver, leave_open);
	resolver_free(resolver);

	resolver = resolver_for(&w, &w.servers.faulty, span_ms(100), 3);
	if (!is_sanitized)		/* it takes half a minute of waiting, and runs no code of ours that the others do not */
		in_fiber(&w, resolver, test_mute_server);
	resolver_free(resolver);

	loop_free(w.loop);
	name_servers_stop(&w.servers);
	return test_end();
}
