/*
 * storm_trouble.c - what befalls a storm's machine, network, disk and clock, and how its configuration changes
 */
#include <errno.h>
#include <stdio.h>

#include "base/insist.h"
#include "tests/relay/storm.h"

enum {
	TROUBLEMAKERS = 6,		/* at once */
	CLOCK_STEP_MAX_S = 1200,	/* small against the four hours of a delay report, also when kills leave some */
	DISK_SLACK_BYTES = 300 * 1024,
};

static uint64_t
dice(const struct storm *storm, uint64_t below)
{
	return sim_random(storm->relay.sim, below);
}

static void
last_for(struct storm *storm, int s_min, int s_spread)
{
	fiber_sleep(instant_after(loop_now(storm->relay.loop), span_s(s_min + (int64_t)dice(storm, (uint64_t)s_spread))));
}

/* --- network and next hops --- */

static struct storm_hop *
some_hop(struct storm *storm)
{
	struct storm_hop *hop = &storm->hops[dice(storm, STORM_HOPS)];

	return hop->is_away ? NULL : hop;
}

static void
take_hop_away(struct storm *storm)
{
	static const enum sim_host states[] = { SIM_HOST_SILENT, SIM_HOST_UNREACHABLE };
	struct storm_hop *hop = some_hop(storm);
	struct endpoint at;

	if (hop == NULL)
		return;
	hop->is_away = true;
	at = hop_endpoint(hop->number);
	sim_net_host(storm->relay.sim, &at.ip, states[dice(storm, 2)]);
	last_for(storm, 20, 1200);
	sim_net_host(storm->relay.sim, &at.ip, SIM_HOST_UP);
	hop->is_away = false;
}

static void
stop_hop(struct storm *storm)
{
	struct storm_hop *hop = some_hop(storm);
	struct endpoint at;

	if (hop == NULL)
		return;
	hop->is_away = true;
	at = hop_endpoint(hop->number);
	hop_close(hop);
	if (dice(storm, 2) == 0)
		sim_net_cut(storm->relay.sim, &at);
	last_for(storm, 20, 1200);
	hop_open(hop);
	hop->is_away = false;
}

static void
make_hop_mad(struct storm *storm)
{
	struct storm_hop *hop = some_hop(storm);
	int before;

	if (hop == NULL)
		return;
	hop->is_away = true;
	before = hop->trouble_percent;
	hop->trouble_percent = 60;
	last_for(storm, 60, 900);
	hop->trouble_percent = before;
	hop->is_away = false;
}

static void
cut_connections(struct storm *storm)
{
	struct endpoint at;

	if (dice(storm, 3) == 0)
		insist(endpoint_parse(str_of(RELAY_AT), &at));
	else
		at = hop_endpoint((int)dice(storm, STORM_HOPS));
	if (dice(storm, 2) == 0)
		sim_net_cut(storm->relay.sim, &at);
	else
		sim_net_cut_after(storm->relay.sim, &at, (int64_t)dice(storm, 3000), dice(storm, 2) == 0);
}

static void
confuse_names(struct storm *storm)
{
	if (storm->names.trouble != NAMES_FINE)
		return;
	storm->names.trouble = (enum storm_names_trouble)(1 + dice(storm, NAMES_MIXED));
	last_for(storm, 5, 100);
	storm->names.trouble = NAMES_FINE;
}

/* --- disk and clock --- */

static void
fill_disk(struct storm *storm)
{
	struct sim *sim = storm->relay.sim;

	sim_disk_set_bytes(sim, sim_disk_used(sim) + (int64_t)dice(storm, DISK_SLACK_BYTES));
	last_for(storm, 30, 600);
	sim_disk_set_bytes(sim, 512 << 20);
}

static void
fail_disk(struct storm *storm)
{
	static const enum sim_disk_call calls[] = {
		SIM_OPEN, SIM_READ, SIM_WRITE, SIM_SYNC, SIM_SYNC_DIR, SIM_ALLOCATE, SIM_TRUNCATE, SIM_RENAME, SIM_UNLINK, SIM_SYNC, SIM_WRITE,
	};

	sim_disk_fail(storm->relay.sim, calls[dice(storm, sizeof(calls) / sizeof(calls[0]))], 1 + (int)dice(storm, 20),
	    1 + (int)dice(storm, 4), dice(storm, 4) == 0 ? ENOSPC : EIO);
}

static void
slow_disk(struct storm *storm)
{
	sim_set_job_max(storm->relay.sim, span_ms(20 + (int64_t)dice(storm, 3000)));
	last_for(storm, 10, 120);
	sim_set_job_max(storm->relay.sim, span_ms(10));
}

static void
step_clock(struct storm *storm)
{
	struct span step = span_s(1 + (int64_t)dice(storm, CLOCK_STEP_MAX_S));
	bool is_back = dice(storm, 2) == 0;

	if (storm->is_clock_wrong)
		return;
	storm->is_clock_wrong = true;
	sim_step_wall_clock(storm->relay.sim, is_back ? (struct span){ -step.ns } : step);
	last_for(storm, 1, 600);
	sim_step_wall_clock(storm->relay.sim, is_back ? step : (struct span){ -step.ns });
	storm->is_clock_wrong = false;
}

/* --- another configuration --- */

/* Another key, and other checks; one of them is always on. */
static void
change_judgement(struct storm *storm, struct relay_signer signers[STORM_SIGNERS], struct relay_plan *plan)
{
	uint64_t off = dice(storm, 4);

	judged_plan(storm->ledger, STORM_KEY_B, signers, plan);
	plan->verify.spf = off != 0;
	plan->verify.dkim = off != 1;
	plan->verify.dmarc = (enum dmarc_mode)dice(storm, DMARC_ENFORCE + 1);
	plan->verify.doomed = (enum doomed_mode)dice(storm, 3);
	plan->verify.with_received_spf = dice(storm, 2) == 0;
	plan->verify.timeout = span_s(1 + (int64_t)dice(storm, 30));
}

/* Who waits for whom. */
static void
change_ways(struct storm *storm, struct relay_rule rules[STORM_DOMAINS])
{
	for (int i = 0; i < STORM_DOMAINS; i++)
		if (dice(storm, 2) == 0 && i != STORM_SPLIT_DOMAIN)
			rules[i].forwarding = (struct forwarding){
				.is_online = dice(storm, 3) != 0, .online_timeout = span_s(2 + (int64_t)dice(storm, 60)),
				.queues_4xx = dice(storm, 2) == 0, .queues_mixed = dice(storm, 2) == 0, .accepts_unknown = dice(storm, 3) == 0, .verifies_recipients = dice(storm, 3) != 0,
			};
}

/*
 * Another configuration for a while: other limits and retry times, next hops in another order or fewer of them, or
 * a route that is not there (its mail waits).
 */
static void
reload(struct storm *storm)
{
	struct next_hop_settings next_hops[STORM_HOPS];
	struct route_settings routes[STORM_ROUTES];
	struct relay_rule rules[STORM_DOMAINS];
	struct relay_signer signers[STORM_SIGNERS];
	struct storm_classes classes;
	struct relay_plan plan;

	storm_plan(routes, next_hops, rules, &plan);
	classes_plan(&classes, false, &plan);
	change_judgement(storm, signers, &plan);
	change_ways(storm, rules);
	for (int i = 0; i < plan.n_routes; i++) {
		struct route_settings *route = &routes[i];
		struct next_hop_settings *first = &next_hops[route->next_hops - next_hops];

		route->connections_max = 1 + (int)dice(storm, 8);
		if (dice(storm, 3) == 0 && route->n_next_hops > 1 && !route->is_by_recipient)
			route->n_next_hops--;
		if (dice(storm, 3) == 0 && route->n_next_hops > 1 && !route->is_by_recipient) {
			struct next_hop_settings other = first[1];

			first[1] = first[0];
			first[0] = other;
		}
	}
	if (dice(storm, 4) == 0) {
		plan.n_routes--;
		routes[dice(storm, STORM_DOMAINS)] = routes[plan.n_routes];
	}
	relay_reload(&storm->relay, &plan, span_s(20 + (int64_t)dice(storm, 100)));
	storm->is_reconfigured = true;
	storm->ledger->counts.n_reloads++;
	last_for(storm, 1, 300);
	storm_plan(routes, next_hops, rules, &plan);
	classes_plan(&classes, true, &plan);
	judged_plan(storm->ledger, STORM_KEY_A, signers, &plan);
	relay_reload(&storm->relay, &plan, span_s(60));
	storm->is_reconfigured = false;
}

/* --- all of it --- */

static void
do_something(struct storm *storm)
{
	static void (*const troubles[])(struct storm *storm) = {
		take_hop_away, stop_hop, make_hop_mad, cut_connections, cut_connections, confuse_names, confuse_names, fill_disk, fail_disk, fail_disk, slow_disk,
		step_clock, operator_holds_and_releases, operator_retries, operator_removes, operator_sees_to_the_withheld, reload,
	};

	storm->ledger->counts.n_troubles++;
	troubles[dice(storm, sizeof(troubles) / sizeof(troubles[0]))](storm);
}

static void
run_troubles(void *arg)
{
	struct storm *storm = arg;

	while (storm->n_clients > 0 && !storm->is_ending) {
		last_for(storm, 1, 60);
		if (storm->n_clients > 0 && !storm->is_ending)
			do_something(storm);
	}
	storm->n_troublemakers--;
}

void
troubles_start(struct storm *storm)
{
	for (int i = 0; i < TROUBLEMAKERS; i++) {
		insist(fiber_start(storm->relay.loop, "trouble", run_troubles, storm) != NULL);
		storm->n_troublemakers++;
	}
}
