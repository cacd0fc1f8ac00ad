/*
 * sim_net.h - sockets of the simulated network, for the files that make it
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "base/buf.h"
#include "tests/sim/sim_poller.h"
#include "tests/sim/sim_world.h"

enum sim_socket_state {
	SOCKET_LISTENS,
	SOCKET_CONNECTING,
	SOCKET_OPEN,			/* ends may be shut */
	SOCKET_BROKEN,			/* reset, refused or timed out */
};

enum sim_segment_kind { SEGMENT_DATA, SEGMENT_END, SEGMENT_RESET };

struct sim_segment {			/* on its way to a socket */
	struct list_link	 link;
	int64_t			 arrives_ns;
	enum sim_segment_kind	 kind;
	size_t			 n_bytes;
	char			 bytes[];
};

struct sim_socket {
	struct list_link	 link;		/* in process->sockets */
	enum sim_socket_state	 state;
	bool			 is_closed;	/* by its owner, or (listener's side) not yet accepted: see is_waiting */
	bool			 is_waiting;	/* in a listener's queue */
	bool			 is_unix;
	char			 path[108];	/* of a unix listener */
	uid_t			 peer_uid;
	struct endpoint		 local, remote;
	int			 error;		/* pending errno; 0: none */

	struct sim_socket	*peer;		/* NULL: none yet, or it is gone */
	struct list		 coming;	/* struct sim_segment, in order */
	struct sim_due		 arrival;	/* of the first of them; while connecting: the answer; of a listener: none */
	int64_t			 latest_ns;	/* when the last of them arrives */
	struct buf		 input;		/* arrived, unread */
	bool			 has_ended;	/* the peer's end has arrived */
	size_t			 n_unread;	/* bytes we sent that the peer has not read: they fill our buffer */
	bool			 wants_room;	/* a send was cut short: say when there is room */
	struct sim_due		 relief;	/* when a send that was cut short by the seed may go on */
	int64_t			 cut_after;	/* bytes that still arrive before the connection is reset; -1: never */

	struct list		 waiting;	/* of a listener: struct sim_socket by waiting_link */
	struct list_link	 waiting_link;
	int			 backlog;

	struct os_poller	*poller;
	void			*tag;
	struct list_link	 changed_link;
};

struct sim_host_state {			/* what tests said about an ip */
	struct list_link link;
	struct ip	 ip;
	enum sim_host	 state;
	int64_t		 latency_ns;	/* -1: by the seed */
};

struct sim_cut {			/* sim_net_cut_after, waiting for its connection */
	struct list_link link;
	struct endpoint	 to;
	int64_t		 n_bytes;
	bool		 is_from_connecting_side;
};

/* --- sim_network.c: bytes on the way --- */
struct sim_socket	*sim_socket_new(enum sim_socket_state state);
void	 sim_socket_changed(struct sim_socket *s);		/* its poller will say so, if it is ready then */
void	 sim_socket_breaks(struct sim_socket *s, int error);
void	 sim_socket_send_segment(struct sim_socket *to, enum sim_segment_kind kind, const char *bytes, size_t n_bytes);
void	 sim_network_arrival(struct sim_due *due);
void	 sim_network_relief(struct sim_due *due);

/* --- sim_connect.c: who reaches whom --- */
bool	 sim_network_stalls(const struct sim_socket *s);
int64_t	 sim_network_latency_ns(const struct sim_socket *s);
void	 sim_listener_close(struct sim_socket *listener);

#endif
