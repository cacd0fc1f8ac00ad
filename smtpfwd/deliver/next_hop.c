/*
 * next_hop.c - the state of one next hop of a route: up or down, and its connections
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/deliver/next_hop.h"

bool
next_hop_has_room(const struct next_hop *next_hop)
{
	return !list_is_empty(&next_hop->idle) || next_hop->n_connections < next_hop->route->connections_max;
}

void
next_hop_claim(struct next_hop *next_hop)
{
	next_hop->n_connections++;
}

void
next_hop_unclaim(struct next_hop *next_hop)
{
	insist(next_hop->n_connections > 0);
	next_hop->n_connections--;
	signal_all(&next_hop->route->freed);
}

void
next_hop_note_trouble(struct next_hop *next_hop, const struct trouble *trouble)
{
	snprintf(next_hop->last_trouble, sizeof(next_hop->last_trouble), "%s", trouble->text);
}

bool
next_hop_went_down(struct next_hop *next_hop, const struct trouble *trouble)
{
	bool is_new = next_hop->is_up;

	next_hop_note_trouble(next_hop, trouble);
	next_hop->is_up = false;
	return is_new;
}

bool
next_hop_came_up(struct next_hop *next_hop)
{
	bool is_new = !next_hop->is_up;

	next_hop->last_trouble[0] = '\0';
	next_hop->is_up = true;
	signal_all(&next_hop->route->freed);
	return is_new;
}

bool
next_hop_source(const struct next_hop *next_hop, enum ip_family family, struct endpoint *from_out)
{
	const struct route *route = next_hop->route;
	int i;

	for (i = 0; i < route->n_sources; i++) {
		if (route->sources[i].family == family) {
			*from_out = (struct endpoint){ .ip = route->sources[i], .port = 0 };
			return true;
		}
	}
	return false;
}
