/*
 * stage.h - stories told to a whole relay with one new server and the senders' home, in fake time
 */
#ifndef TESTS_RELAY_STAGE_H
#define TESTS_RELAY_STAGE_H

#include "tests/relay/relay.h"

struct story {
	struct relay	 relay;
	void		(*tell)(struct story *story);
};

/* A world of its own for the story, which is told in a fiber. */
void	play(uint64_t seed, void (*tell)(struct story *story));

void	sleep_for(struct story *story, struct span span);
int	n_mails(struct story *story);			/* in the queue */
void	set_new_server(struct story *story, enum sim_host state);
/* Notes of this kind whose key starts so and has the part. */
int	n_commands(struct story *story, const char *kind, struct str start, struct str part);

#endif
