/*
 * judging_stage.h - a relay that checks, stamps, refuses and signs, on a stage of simulated time with a DNS of its own
 *
 * Clients say who they are by XCLIENT: 192.0.2.1 is a stranger whose name and SPF are right, 192.0.2.66 one who has
 * neither, 198.51.100.7 is trusted.
 */
#ifndef TESTS_RECEIVE_JUDGING_STAGE_H
#define TESTS_RECEIVE_JUDGING_STAGE_H

#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/sim.h"

#define HELO		"CEHLO client.example.org", "S250"
#define STRANGER	"S220", HELO, "CXCLIENT ADDR=192.0.2.1", "S220", HELO
#define LIAR		"S220", HELO, "CXCLIENT ADDR=192.0.2.66", "S220", HELO
#define TRUSTED		"S220", HELO, "CXCLIENT ADDR=198.51.100.7", "S220", HELO
#define TRUSTED_NOW	"CXCLIENT ADDR=198.51.100.7", "S220", HELO
#define FROM(address)	"CMAIL FROM:<" address ">", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250 2.1.5"
#define DATA		"CDATA", "S354"
#define HEADER(author)	"From: " author "\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nSubject: hello\r\n"
#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

struct world {				/* what a stage lets nobody else keep */
	struct stage		 stage;
	struct resolver_sim	 names;
	struct buf		 zone;
	struct network		 everywhere, trusted;
};

struct world	*world_of(struct stage *stage);

/* The caller's.  It signs mail of example.com; the records of its keys are added to the zone, which may be NULL. */
struct policy	*make_policy(struct buf *zone, enum dmarc_mode dmarc, bool is_checked);

/* Changes of a stage, for scenes: mail is checked and stamped; and mail is refused, marked and deferred by DMARC too. */
void	stamps(struct stage *stage);
void	enforces(struct stage *stage);

struct scene {
	const char	*name;
	void	       (*change)(struct stage *stage);
	void	       (*play)(struct stage *stage);
	bool		 sends_whole;	/* a last reply that nobody waits for goes in one send or is cut */
};

/* Each is a case; argv[1]: a part of a name: only that. */
void	play_scenes(const struct scene *scenes, int n_scenes, int argc, char **argv);

/* --- in a scene --- */
void			 play_one(struct stage *stage, const char *const *script);	/* one client, from its connection on */
const struct fake_mail	*last(struct stage *stage);					/* that was queued */

#endif
