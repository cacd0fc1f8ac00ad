/*
 * judging_stage.h - a loop in a thread of its own, and all else that mails of Postfix's are judged with, for tests
 *
 * One policy: mx.relay.example checks all there is and signs for example.com by Ed25519; keep.example is a relay domain; mail with
 * "X-Do: ..." is of classes that set things.  10.0.0.0/8 may relay.
 */
#ifndef TESTS_MILTER_JUDGING_STAGE_H
#define TESTS_MILTER_JUDGING_STAGE_H

#include "milter/judging.h"

struct judging_stage {
	struct judging_world	 world;
	struct rules_place	 place;
	struct rules		 rules;		/* may be changed while no mail is there */
	struct policy		*policy;
	struct loop		*loop;
	struct os_crew		*crew;
	struct fiber_elsewhere	 elsewhere;	/* the crew */
	struct fiber		*keeper;
	struct resolver		 names;		/* the errands' */
	struct resolver		*answers;	/* what they stand for; while no mail is there */
	struct errand		 ending;
	bool			 is_ending;
	pthread_t		 thread;
};

void	judging_stage_begin(struct judging_stage *stage);
void	judging_stage_end(struct judging_stage *stage);

/* Waits until no mail is there, also of those that were left: their memory is given back. */
void	judging_stage_settle(struct judging_stage *stage);

#endif
