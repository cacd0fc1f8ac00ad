/*
 * test_storm.c - everything goes wrong at once, from one seed; then all is calm, and nothing may be lost or left
 *
 *	SIM_SEED=7 MAILS=20000 tests/relay/test_storm
 * A storm has several lives: the machine loses power in all but the last, or the relay is stopped in good order.  What went wrong can be looked at with
 * SIM_TRACE=1 and RELAY_LOG=1; LIVES=1 leaves the kills out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/relay/storm.h"

enum {
	STOP_AT_MAX_S = 1500,		/* of a life; many are not longer */
	MAILS_DEFAULT = 2500,
	MAILS_OF_ONE_LIFE = 1000,
	MAILS_TWICE = 150,		/* of the storm that is played twice */
	CALLS_OF_A_MAIL = 60,		/* on disk, network and crews, about: where kills come */
	/* Once all is well: retry.max, a check of a next hop that was down for long, and the time to hand over the rest. */
	DRAIN_MAX_S = 3600 + 400 + 600,
	HOLD_MAX_S = 36 * 86400,	/* relay.c's expire and hold_expire, and an hour or two */
	IDLE_END_S = 700,		/* what was begun in the storm has timed out (deliver's DIAL_MAX_S), connections are closed */
	CHECKED_S = 60,			/* next hops that were down are seen to be up by then */
	SEGMENTS_LEFT_MAX = 3, SPARES_LEFT_MAX = 5,
};

#if defined(__SANITIZE_ADDRESS__)
enum { MAILS_DIVISOR = 8 };
#else
enum { MAILS_DIVISOR = 1 };
#endif

struct weather {			/* of a whole storm */
	struct sim		*sim;
	struct storm_ledger	*ledger;
	int			 n_lives, life;
	int			 stops_at_s;	/* this life ends so, while clients and next hops are at work; 0: it does not */
};

static void
sleep_for(struct storm *storm, int s)
{
	fiber_sleep(instant_after(loop_now(storm->relay.loop), span_s(s)));
	storm_now_ms(storm);
}

static void
begin(struct storm *storm, struct weather *weather, int n_until, bool is_calm)
{
	struct next_hop_settings next_hops[STORM_HOPS];
	struct route_settings routes[STORM_ROUTES];
	struct relay_rule rules[STORM_DOMAINS];
	struct relay_signer signers[STORM_SIGNERS];
	struct storm_classes classes;
	struct relay_plan plan;

	*storm = (struct storm){ .ledger = weather->ledger, .n_until = n_until, .is_calm = is_calm,
	    .n_put_off_before = weather->ledger->counts.n_put_off };
	ledger_begin_life(weather->ledger);
	for (int i = 0; i < STORM_HOPS; i++) {	/* a kill may have come in the middle of a trouble */
		struct endpoint at = hop_endpoint(i);

		sim_net_host(weather->sim, &at.ip, SIM_HOST_UP);
	}
	sim_disk_set_bytes(weather->sim, 512 << 20);
	sim_disk_heal(weather->sim);
	sim_set_job_max(weather->sim, span_ms(10));
	names_init(&storm->names, storm);
	storm_plan(routes, next_hops, rules, &plan);
	classes_plan(&classes, true, &plan);
	judged_plan(weather->ledger, STORM_KEY_A, signers, &plan);
	relay_start_as(&storm->relay, weather->sim, &plan, &storm->names.resolver);
	storm->start_ms = span_to_ms((struct span){ loop_now(storm->relay.loop).ns });
	hops_start(storm);
}

/* --- the calm behind the storm --- */

static void
count_sessions(void *context, const struct listener_view *view)
{
	*(int *)context += view->n_sessions;
}

static void
count_connections(void *context, const struct next_hop_view *view)
{
	*(int *)context += view->n_connections;
	if (!expect(view->is_up))
		printf("#   %.*s is still down: %.*s\n", STR_ARG(view->next_hop), STR_ARG(view->last_trouble));
}

static void
count_held_back(void *context, const struct destination_counts *d)
{
	*(int *)context += d->is_held_back || d->n_out > 0 || d->n_waiting > 0;
}

/* Nothing is left of all that went through. */
static void
look_around(struct storm *storm, int n_fibers_before)
{
	struct relay *relay = &storm->relay;
	int n_sessions = 0, n_connections = 0, n_destinations = 0;
	struct queue_counts counts;

	queue_count(relay->queue, &counts);
	expect_int(counts.n_mails, 0);
	expect_int(counts.n_owed, 0);
	expect_int(counts.n_in_delivery, 0);
	expect_int(counts.n_held, 0);
	expect(counts.n_segments <= SEGMENTS_LEFT_MAX);
	expect(!counts.is_full);
	listeners_each(relay->listeners, count_sessions, &n_sessions);
	couriers_each_next_hop(relay->couriers, count_connections, &n_connections);
	queue_each_destination(relay->queue, count_held_back, &n_destinations);
	expect_int(n_sessions, 0);
	expect_int(n_connections, 0);
	expect_int(n_destinations, 0);
	expect_int(relay->n_expired, 0);
	expect_int(loop_n_fibers(relay->loop), n_fibers_before);
}

/* But for what is withheld, and with that no longer either. */
static bool
is_drained(struct storm *storm, bool is_over)
{
	struct queue_counts counts;
	int n_destinations = 0;

	queue_count(storm->relay.queue, &counts);
	queue_each_destination(storm->relay.queue, count_held_back, &n_destinations);
	return n_destinations == 0 && counts.n_owed == 0 && counts.n_mails == (is_over ? 0 : counts.n_withheld);
}

static void
drain(struct storm *storm, bool is_over, int64_t at_most_s)
{
	int64_t from_ms = storm_now_ms(storm);

	while (!is_drained(storm, is_over) && storm_now_ms(storm) - from_ms < at_most_s * 1000)
		sleep_for(storm, is_over ? 600 : 5);
}

static void
calm_down(struct storm *storm)
{
	struct queue_filter all = { .recipient_domain = STR_EMPTY };
	struct fault fault;
	int64_t from_ms;

	for (int i = 0; i < STORM_HOPS; i++)
		storm->hops[i].trouble_percent = 0;
	storm->is_calm = true;
	sim_disk_heal(storm->relay.sim);
	/* What an operator held who was cut off with the machine, and what is held for its class. */
	classes_let_go(storm->ledger, -1);
	expect(queue_release(storm->relay.queue, &all, INSTANT_NEVER, &fault) >= 0);
	from_ms = storm_now_ms(storm);
	drain(storm, false, DRAIN_MAX_S);
	printf("# drained %lld s behind the storm\n", (long long)(storm_now_ms(storm) - from_ms) / 1000);
	operator_ends(storm);
	drain(storm, true, HOLD_MAX_S);
}

struct end {
	struct storm	*storm;
	int		 n_fibers_before;
	bool		 is_last;
	int		 stops_at_s;
};

/* The troubles end before, for they know the relay's parts; clients and next hops go on. */
static bool
is_to_stop(struct end *end)
{
	struct storm *storm = end->storm;

	storm->is_ending |= end->stops_at_s > 0 && storm_now_ms(storm) - storm->ledger->base_ms > end->stops_at_s * 1000;
	storm->is_over = storm->is_ending && storm->n_troublemakers == 0 && storm->n_clients > 0;
	if (!storm->is_over)
		return false;
	sim_disk_heal(storm->relay.sim);
	storm->ledger->counts.n_stops++;
	return true;
}

static void
wait_for_end(void *arg)
{
	struct end *end = arg;
	struct storm *storm = end->storm;

	while ((storm->n_clients > 0 || storm->n_troublemakers > 0) && !is_to_stop(end)) {
		sleep_for(storm, 5);
		classes_count(storm);
	}
	if (end->is_last) {
		calm_down(storm);
		sleep_for(storm, IDLE_END_S);
		/* A check that had begun in the storm may have failed since; the next one is minutes away. */
		couriers_check_now(storm->relay.couriers, STR_EMPTY);
		sleep_for(storm, CHECKED_S);
		look_around(storm, end->n_fibers_before + 1);
	}
	loop_stop(storm->relay.loop);
}

/* --- lives --- */

static void
live(struct sim *sim, void *arg)
{
	struct weather *weather = arg;
	struct storm storm;
	struct end end = { .storm = &storm, .is_last = weather->life == weather->n_lives - 1,
	    .stops_at_s = weather->stops_at_s };

	(void)sim;
	begin(&storm, weather, (int)((int64_t)weather->ledger->n_mails * (weather->life + 1) / weather->n_lives), false);
	end.n_fibers_before = loop_n_fibers(storm.relay.loop);
	clients_start(&storm);
	troubles_start(&storm);
	insist(fiber_start(storm.relay.loop, "end", wait_for_end, &end) != NULL);
	loop_run(storm.relay.loop);
	relay_stop(&storm.relay);
	hops_stop(&storm);
	relay_free(&storm.relay);
	weather->ledger->counts.n_fell_back += storm.relay.n_fell_back;
}

static void
list_left(void *context, const char *name)
{
	printf("#   left: %s\n", name);
	(*(int *)context)++;
}

static void
count_left(void *context, const char *name)
{
	(void)name;
	(*(int *)context)++;
}

static void
look_at_spool(void)
{
	int n_large = 0, n_segments = 0;

	os_list_dir("/spool/large", list_left, &n_large);
	os_list_dir("/spool/segments", count_left, &n_segments);
	expect_int(n_large, 0);
	expect(n_segments <= SEGMENTS_LEFT_MAX + SPARES_LEFT_MAX);
}

static void
look_again(void *arg)
{
	struct storm *storm = arg;

	sleep_for(storm, 10);
	look_around(storm, loop_n_fibers(storm->relay.loop));
	loop_stop(storm->relay.loop);
}

/* Another start finds nothing to do, and clears away what a failing disk had left. */
static void
start_again(struct weather *weather)
{
	struct storm storm;

	begin(&storm, weather, 0, true);
	insist(fiber_start(storm.relay.loop, "look", look_again, &storm) != NULL);
	loop_run(storm.relay.loop);
	hops_stop(&storm);
	relay_end(&storm.relay);
}

/* The trace's hash. */
static uint64_t
play(uint64_t seed, int n_mails, int n_lives)
{
	struct sim_options options = { .seed = seed };
	struct weather weather = { .sim = sim_new(&options), .ledger = ledger_new(seed, n_mails), .n_lives = n_lives };
	uint64_t dice = seed, hash;

	for (weather.life = 0; weather.life < n_lives - 1; weather.life++) {
		int64_t calls = (int64_t)n_mails * CALLS_OF_A_MAIL / n_lives, at;

		dice = dice * 6364136223846793005 + 1442695040888963407;
		at = 1 + (int64_t)((dice >> 33) % (uint64_t)(2 * calls));
		weather.stops_at_s = dice >> 62 == 0 ? 1 + (int)(dice >> 40) % STOP_AT_MAX_S : 0;
		if (sim_run(weather.sim, weather.stops_at_s > 0 ? 0 : at, live, &weather) == SIM_CRASHED)
			ledger_note_kill(weather.ledger);
	}
	weather.stops_at_s = 0;
	/* The last one lives here, so that what it forgets to free is found. */
	sim_enter(weather.sim);
	live(weather.sim, &weather);
	start_again(&weather);
	look_at_spool();
	expect_int(sim_leave(weather.sim), 0);
	ledger_judge(weather.ledger, sim_n_notes(weather.sim, "ambiguous", STR("")));
	hash = sim_trace_hash(weather.sim);
	ledger_free(weather.ledger);
	sim_free(weather.sim);
	return hash;
}

static int
number_from(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text != NULL && atoi(text) > 0 ? atoi(text) : otherwise;
}

int
main(void)
{
	uint64_t seed = sim_seed(20261121);
	int n_mails = number_from("MAILS", MAILS_DEFAULT / MAILS_DIVISOR), n_lives = number_from("LIVES", 4);

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_case("a storm of %d mails in %d lives passes, and nothing is lost or left (SIM_SEED=%llu)", n_mails, n_lives,
	    (unsigned long long)seed);
	play(seed, n_mails, n_lives);

	if (getenv("MAILS") == NULL) {
		test_case("without kills nothing arrives twice but what no answer came for, and that is in the log");
		play(seed + 2, MAILS_OF_ONE_LIFE / MAILS_DIVISOR, 1);

		test_case("the same seed is the same storm, call by call");
		expect(play(seed + 1, MAILS_TWICE, 2) == play(seed + 1, MAILS_TWICE, 2));
	}
	return test_end();
}
