/*
 * session.h - what the files of receive/ share: one client's session and the listener it came through
 *
 * A session is one fiber, sequential from its greeting to its end (server.c).  An idle one is this
 * struct, its fiber and an idle stream: mail's memory is in the transaction, which lives from
 * MAIL to the end of data.
 *
 * Functions that take a session and return int: 0, the session goes on; -1, it is to end (the client
 * was told what it can be told, session->why says why).  All of them suspend, by the settings' timeouts.
 */
#ifndef RECEIVE_SESSION_H
#define RECEIVE_SESSION_H

#include "base/list.h"
#include "mail/peer.h"
#include "smtpfwd/receive/admit.h"
#include "smtpfwd/receive/listener.h"
#include "smtpfwd/receive/patience.h"
#include "smtpfwd/receive/silence.h"
#include "smtpfwd/runtime/sync.h"
#include "smtpfwd/smtp/command.h"

struct transaction;

enum {
	/* room for what is not yet taken: one read of mail data, a whole round of pipelined commands */
	SESSION_INPUT_MAX_BYTES = 64 * 1024,
	SESSION_OUTPUT_MAX_BYTES = 16 * 1024,

	/* what is known of the client: names, HELO, login; anew at each XCLIENT */
	SESSION_PEER_MAX_BYTES = 16 * 1024,
	SESSION_HELO_MAX_BYTES = 4096,		/* longer than a command line */
};

struct listeners {
	struct loop			*loop;
	struct list			 gates;
	struct list			 doors;		/* listener.c's */
	struct signal_list		 ended;		/* a session has */
	const struct policy		*policy;	/* today's */
	struct users			*users;		/* today's */
	struct silence			 silence;	/* of next hops that were asked about recipients */
	bool				 is_stopping;
	int64_t				 transactions_bytes;	/* in memory, all sessions together */
	int64_t				 transactions_max_bytes;
};

struct gate {				/* a listener's name through all reloads: who is inside, and counts */
	struct list_link		 link;		/* in listeners->gates */
	struct listeners		*listeners;
	struct listener			*listener;	/* by today's settings; NULL: gone, its sessions go on to their end */
	char				*name;		/* owned */
	struct admit			 admit;
	struct list			 sessions;
	struct patience			 names;		/* of clients' names */
	struct patience			 checks;		/* of mail */
	int64_t				 n_accepted, n_refused, n_mails;
	struct timer			 stress;	/* stress.c's */
	bool				 is_stressed;
	int64_t				 n_cut;		/* sessions that stood still while it was */
};

/*
 * A listen section at work, as it was when its sessions began: immutable.  Its gate holds it while these are
 * today's settings, and each session from its accept to its end.
 */
struct listener {
	struct gate			*gate;
	struct listener_settings	 settings;
	struct receive_world		 own_world;
	const struct receive_world	*world;		/* own_world */
	struct ehlo			 offered[2][2][2];	/* by TLS on, by XCLIENT allowed, by SCRAM possible */
	int				 n_holders;
};

void	listener_hold(struct listener *listener);
void	listener_release(struct listener *listener);	/* the last one frees it, and a gate that is gone with it */

struct session {
	struct list_link	 link;		/* in listener->sessions */
	struct listener		*listener;
	struct fiber		*fiber;
	struct stream		*stream;
	struct instant		 ends;		/* by session_max */
	struct instant		 round_began;	/* the first input came whose replies may wait to go out; 0: none did since they went */

	struct peer		 peer;
	struct arena		 peer_arena;	/* its strings but for HELO's and TLS's */
	struct buf		 helo;
	struct tls_info		*tls;		/* NULL without TLS */
	bool			 has_listed_name;	/* proven by a certificate, and in client_names; of who speaks for itself */

	const struct ehlo	*offered;	/* what this client was told; NULL before EHLO and after HELO */
	bool			 is_greeted;	/* HELO or EHLO was said */
	bool			 may_xclient;
	struct transaction	*transaction;	/* NULL: none is open */

	bool			 is_told_by_xclient;	/* peer.client is whom another speaks for */
	bool			 is_told_by_proxy;	/* peer.client is what a PROXY header said */
	bool			 is_counted;	/* by the admission of an address */
	struct ip		 counted_ip;	/* it; XCLIENT changes peer.client only */
	struct instant		 patience_from;	/* stress.c's: connected, or the latest mail */
	uint64_t		 n_bytes;	/* that came since */
	bool			 is_storing;	/* waits for us, not for the client */
	bool			 is_cut;	/* cancelled by stress.c */
	bool			 is_idle;	/* waits for a command between two mails: may be cancelled at a stop */
	bool			 is_put_off;	/* the latest MAIL was answered 4xx */
	int			 n_errors;	/* since the last mail */
	int			 n_idle;	/* by session_count_idle, since the last mail */
	int			 n_mails;
	const char		*why;		/* it ends: a constant, for the log */
};

/* --- saying --- */

/* Writes a reply; it leaves with the next flush, together with its neighbours (RFC 2920 3.2). */
int	session_reply(struct session *session, const struct reply *reply);

/* The same for a reply that is the client's error (5xx in general), which is counted. */
int	session_reply_error(struct session *session, const struct reply *reply);

/*
 * For what brings no mail nearer and is no error: empty commands, temporary refusals.  Some are in order in
 * a session; an endless stream, each with its reply and maybe a line in the log, is not: they are counted as errors.
 */
int	session_reply_idle(struct session *session, const struct reply *reply);
void	session_count_idle(struct session *session);

/* Ends the session with a last reply, sent at once if that is possible; always -1. */
int	session_end(struct session *session, const struct reply *reply, const char *why);

/* The session's fiber was cancelled: 421, with the reason; always -1. */
int	session_end_cancelled(struct session *session);

/* Ends it without a word; always -1. */
int	session_drop(struct session *session, const char *why);

/* A refusal that ends it: reply, log line and end; always -1. */
int	session_turn_away(struct session *session, const char *stage, const struct reply *reply, const char *why);

/* What was written goes out before we wait for others: a client may wait for each reply (RFC 2920 3.2 allows it). */
int	session_flush(struct session *session);

/*
 * The same before a wait of minutes at most, at whose end there will be one more reply.  Who sent a round of commands at once reads
 * the replies at once: what waits to go out answers that round, and goes with the last of them, unless the round came a while ago.
 */
int	session_flush_late(struct session *session);

/* --- hearing --- */

/* The span from now, but not beyond the session's end. */
struct instant	session_deadline(const struct session *session, struct span wait);

/*
 * Sends what was written and waits for more input until the deadline.  A client that hangs up, a timeout
 * (421 4.4.2) and a stop of ours (421 4.3.2) end the session.
 */
int	session_await_input(struct session *session, struct instant deadline);

/* --- knowing --- */

/* After peer.client is known or has changed: what this address may. */
void	session_judge_client(struct session *session);

/* What an EHLO of this client is answered with, as things stand. */
const struct ehlo	*session_offer(const struct session *session);

/* HELO and all that came with it are forgotten, a transaction is dropped. */
void	session_forget_greeting(struct session *session);

/* By what the class of its mail is found, but for envelope and header. */
struct class_evidence	session_class_evidence(const struct session *session);

/* peer.helo becomes a copy. */
void	session_set_helo(struct session *session, struct str helo);

#endif
