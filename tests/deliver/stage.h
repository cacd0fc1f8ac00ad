/*
 * stage.h - couriers with a queue, three peers and a small DNS, in the simulated world; and stories told there
 */
#ifndef TESTS_DELIVER_STAGE_H
#define TESTS_DELIVER_STAGE_H

#include "smtpfwd/deliver/courier.h"
#include "tests/deliver/peer.h"
#include "tests/expect.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/sim.h"

enum { PEERS = 3, ROUTES_MAX = 3, DESCRIPTORS_MAX = 600, DESTINATION_MAX_BYTES = 300 };

/* Peers are 192.0.2.1, .2 and .3, port 25. */
#define PEER_IP(last)	{ .family = IP_V4, .bytes = { 192, 0, 2, (last) } }

struct world;

struct story {
	const char	*name;
	void		(*tell)(struct world *w);
	int		 n_hops;		/* of "relay:x", which has example.com; 0: one */
	const struct next_hop_settings *hops;	/* NULL: the peers by their addresses */
	enum balance	 balance;
	bool		 is_by_recipient;	/* of "relay:x" */
	enum tls_mode	 tls;
	enum identity_means identity;
	int		 connections_max;	/* 0: 4 */
	int		 deliveries_max;
	int		 idle_max_s;
	const char	*zone;			/* the DNS; other domains go by it ("route:internet") */
	bool		 is_quiet;		/* only lines of info and worse are kept: for many mails */
	int		 n_times;		/* told so often, w->round counting from 0 */
};

struct capture {
	struct log	 log;
	struct buf	 lines;
};

struct world {
	const struct story	*story;
	int			 round;
	struct sim		*sim;
	struct loop		*loop;
	struct queue		*queue;
	struct couriers		*couriers;
	struct resolver_sim	 dns;
	struct capture		 log;
	struct peer		 peers[PEERS];
	struct tls_server	*tls;
	struct mail_id		 id;		/* of the mail put last */
	const struct identity	*client;	/* of mails that are put; NULL: none */
	int			 begin_at;	/* by recipient: the next hop that mail begins at */
	struct buf		 dialogue;	/* of a peer, when it is made up */
	/* What the next plan is made of: "relay:x", "relay:second" (second.example, to peer 2) and "route:internet". */
	struct route_settings	 routes[ROUTES_MAX];
	int			 n_routes;
	struct courier_settings	 settings;
	char			 destination[DESTINATION_MAX_BYTES];
};

void	play_all(const struct story *stories, size_t n_stories, int argc, char **argv);	/* argv[1]: a part of a name: only that */

void			 start_couriers(struct world *w);
struct courier_plan	*make_plan(struct world *w);

/* Log lines that begin with an event; and whether some text is anywhere in the log. */
int	n_lines(const struct world *w, const char *event);
bool	log_has(const struct world *w, const char *part);

void	put_to(struct world *w, const char *domain, int n_recipients);
void	put_content(struct world *w, const char *domain, struct str content);
void	put(struct world *w, int n_mails);	/* to example.com */
void	wait_s(struct world *w, int seconds);

/* Waits until the peers together have had so many mails; seconds that took, or -1 after the most. */
int	wait_for_mails(struct world *w, int n, int most_s);

struct queue_counts	counts(struct world *w);

/* The view of the ith next hop, as they were configured or found; one of no name if there are not so many. */
struct next_hop_view	hop(struct world *w, int i);
int			n_hops_known(struct world *w);

#endif
