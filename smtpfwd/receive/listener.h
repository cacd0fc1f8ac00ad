/*
 * listener.h - accepts connections and gives each a session
 *
 * Front door of receiving.  Networks, xclient_from and the limits judge the address that a
 * PROXY header gave, where one is due; proxy_from judges the TCP connection.
 */
#ifndef RECEIVE_LISTENER_H
#define RECEIVE_LISTENER_H

#include "base/dns.h"
#include "base/log.h"
#include "policy/class_rates.h"
#include "policy/policy.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/auth/turnstile.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/recipients/knowledge.h"
#include "smtpfwd/runtime/tls.h"

enum listen_tls {
	LISTEN_TLS_OFF,
	LISTEN_TLS_OFFERED,
	LISTEN_TLS_REQUIRED,		/* 530 to all that comes before STARTTLS (RFC 3207 4) */
	LISTEN_TLS_IMPLICIT,		/* from the first byte (RFC 8314 3.3); behind a PROXY header if one is due */
};

enum bare_line_end {
	BARE_LINE_END_REFUSE,
	BARE_LINE_END_REPAIR,		/* for old devices: in mail data it becomes CRLF, a command may end in LF; the end of data is as strict as ever */
};

enum listen_auth {
	LISTEN_AUTH_OFF,
	LISTEN_AUTH_OFFERED,
	LISTEN_AUTH_REQUIRED,		/* 530 to MAIL before a login (RFC 4954 6), whatever the client's address */
};

struct listener_settings {		/* a listen section */
	const char		*name;
	const struct endpoint	*addresses;
	int			 n_addresses;
	const char		*class_name;
	enum listen_tls		 tls;
	enum listen_auth	 auth;		/* by PLAIN and LOGIN inside TLS, by SCRAM-SHA-256 always */
	enum bare_line_end	 bare_line_end;
	const struct network	*networks;	/* who may relay; none by default */
	int			 n_networks;
	const char		*client_ca;	/* a file the TLS server knows: clients are asked for a certificate of it; NULL: not */
	const char *const	*client_names;	/* in such a certificate: who may relay too; canonical, ".x" for what is below x */
	int			 n_client_names;
	const struct network	*xclient_from;	/* who may say XCLIENT */
	int			 n_xclient_from;
	const struct network	*proxy_from;	/* who must open with a PROXY header */
	int			 n_proxy_from;
	int64_t			 message_max_bytes;
	int			 recipients_max;	/* of one mail */
	int			 text_line_max_bytes;	/* of mail data, with CRLF; 0: any, the next hop will say */
	int			 connections_max;	/* of this listener; 0: no limit, here and below */
	int			 connections_per_address_max;	/* an IPv6 /64 is one; networks and xclient_from are exempt */
	int			 errors_max;		/* of the client in one session; then 421 */
	int			 received_max;		/* hops (RFC 5321 6.3) */
	struct span		 greeting_delay;	/* wait for early talkers; 0: only look */
	struct span		 command_timeout;	/* for a whole command line, and for a reply to be taken */
	struct span		 data_timeout;		/* between two pieces of mail data */
	struct span		 session_max;		/* a session's whole length */
};

struct listeners;

enum {
	/*
	 * Envelopes, header sections and content that is not on disk yet, of all sessions together: an ordinary mail takes
	 * some 10 KB for a second, but a session that means harm could hold a megabyte, and there may be 9,000.
	 */
	TRANSACTIONS_DEFAULT_MAX_BYTES = 512 * 1024 * 1024,
};

struct receive_world {			/* what sessions use */
	struct queue		*queue;
	struct couriers		*couriers;	/* who ask next hops while clients wait; NULL: all mail goes into the queue */
	struct knowledge	*knowledge;	/* of mailboxes, for outages; NULL: nothing is known */
	const struct policy	*policy;	/* gives our name too */
	struct resolver		*resolver;	/* for the client's name and the checks of mail; NULL: as if no server answered */
	struct os_crew		*signers;	/* threads that sign, and check what takes long; NULL: the loop does it */
	const struct tls_server	*tls;		/* NULL only if every listener's tls is off */
	struct users		*users;		/* who may log in; each AUTH takes today's.  NULL, both, only if every listener's auth is off */
	struct turnstile	*turnstile;
	struct class_rates	*rates;		/* what is used of the limits of classes; NULL: there are none */
	struct log		*log;
	int64_t			 transactions_max_bytes;	/* 0: the default */
	/*
	 * Of this and of what the settings point to, where a reload may put others in their place: hold(held) counts
	 * one who uses them, release(held) one less.  NULL, both: they outlive the listeners.
	 */
	void			*held;
	void		       (*hold)(void *held);
	void		       (*release)(void *held);
};

/*
 * Starts to serve on bound sockets: sockets[i] is of addresses[i], counted over all listeners in order
 * (bound as root before the drop, see main.c; -1: an address this machine does not have).  Takes them
 * over, also on failure.  The settings are copied; what they point to lives with the world.  NULL
 * when a socket cannot be watched.
 */
struct listeners *listeners_new(struct loop *loop, const struct listener_settings *settings, int n_settings,
		    const int *sockets, const struct receive_world *world, struct fault *fault_out);

/*
 * Puts other settings and another world in the place of those: an address that stays, by whatever listener, stays open
 * (sockets[i] is -1 then), one that is gone is closed, a new one comes with its bound socket, which is taken over
 * also on failure.  Sessions go on by the settings and certificates with which they began, but judge each new mail
 * by today's policy; counts, and who counts as inside, go on by name.  Nothing suspends.  0, or -1: nothing has changed.
 */
int		 listeners_adopt(struct listeners *listeners, const struct listener_settings *settings, int n_settings,
		    const int *sockets, const struct receive_world *world, struct fault *fault_out);

/*
 * Closes the doors.  Who waits between two mails gets 421 at once, the others behind the mail they are
 * at; returns when all have ended or, at the deadline or when
 * the caller is cancelled, were cut.  Suspends.
 */
void		 listeners_stop(struct listeners *listeners, struct instant deadline);

/* After listeners_stop, or where no session came about.  NULL is nothing. */
void		 listeners_free(struct listeners *listeners);

struct listener_view {			/* for status */
	struct str	 name;
	bool		 is_gone;	/* from the settings; its last sessions go on */
	int		 n_sessions;
	int64_t		 n_accepted, n_refused;		/* connections */
	int64_t		 n_mails;			/* that got a 250 */
};

void		 listeners_each(const struct listeners *listeners,
		    void (*visit)(void *context, const struct listener_view *view), void *context);

/* The sockets that are listened on, one per address. */
void		 listeners_each_socket(const struct listeners *listeners,
		    void (*visit)(void *context, const struct endpoint *at, int socket), void *context);

#endif
