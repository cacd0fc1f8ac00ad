/*
 * busy.h - the few next hops and destinations that matter most among thousands, as JSON
 */
#ifndef SMTPFWD_BUSY_H
#define SMTPFWD_BUSY_H

#include <jansson.h>

#include "smtpfwd/deliver/courier.h"

enum busy_order {
	BUSY_TROUBLED,			/* those that are down first, then as below */
	BUSY_ACTIVE,			/* by connections, then by what was delivered */
};

/* Adds {"next-hop": ...} for at most n_most of them, and {"next-hops": {"all", "down"}} to the array. */
void	busy_add_next_hops(json_t *objects, const struct couriers *couriers, enum busy_order order, int n_most);
void	busy_add_all_next_hops(json_t *objects, const struct couriers *couriers);

/* Adds {"destination": ...} for those with most waiting mail, and {"destinations": {"all", "held-back"}}. */
void	busy_add_destinations(json_t *objects, const struct queue *queue, int n_most);

#endif
