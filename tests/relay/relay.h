/*
 * relay.h - a whole relay inside the simulated world, with senders and servers around it
 *
 * The relay is the daemon's own parts on one loop; what smtpfwd/daemon.c does with files and
 * signals is not here.  Peers are fibers of the same loop on other addresses.
 */
#ifndef TESTS_RELAY_RELAY_H
#define TESTS_RELAY_RELAY_H

#include "base/list.h"
#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/queue/queue.h"
#include "smtpfwd/receive/listener.h"
#include "smtpfwd/recipients/recipients.h"
#include "smtpfwd/report/reporter.h"
#include "tests/relay/wire.h"
#include "tests/sim/sim.h"

struct relay {
	struct sim		*sim;
	struct loop		*loop;
	struct policy		*policy;
	struct resolver		*names;		/* of the checks of mail */
	struct os_crew		*signers;
	char			 destination_room[POLICY_DESTINATION_MAX];	/* of the one told last */
	struct queue		*queue;
	struct couriers		*couriers;
	struct recipients	*recipients;	/* what is known of mailboxes, in /spool/recipients */
	struct reporter		*reporter;
	struct class_rates	*rates;
	struct listeners	*listeners;
	struct endpoint		 at;		/* they listen here */
	struct network		 trusted;
	struct endpoint		 client_at;	/* where client_send's mail comes from; no address: anywhere */
	struct log		 log;		/* on stdout with RELAY_LOG=1; a note of kind "ambiguous", key "", for each recipient of mail that it calls so */
	int			 n_expired, n_lost_reports;	/* lines of the log that say so */
	int			 n_fell_back;	/* mails for the queue, though their clients waited for the next hop */
	struct list		 servers;	/* peers.c's */
};

/* Where everybody is. */
extern const char	RELAY_AT[], NEW_SERVER_AT[], HOME_AT[];	/* endpoints; HOME takes what is not for example.com */
extern const char	TRUSTED_AT[];		/* an address: who comes from there may relay, and is signed for */

struct relay_signer {
	const char			*domain, *selector;
	struct str			 pem;
};

struct relay_plan {			/* whose mail goes where, and by rules' forwarding how; there is a "route:out" for all else */
	const struct relay_rule		*rules;
	int				 n_rules;
	const struct route_settings	*routes;
	int				 n_routes;
	struct verify_rules		 verify;	/* zero: nothing is checked; with arc, what is checked is sealed too */
	const struct relay_signer	*signers;
	int				 n_signers;
	bool				 holds_unverified;	/* what fails of senders who were not verified */
	const char			*srs_secret;	/* NULL: no SRS, else that of fwd.example.com */
	struct policy_classes		 classes;	/* the listener is "mx" */
};

/* Opens the queue in /spool and serves; the loop does not run yet.  The first relays example.com to NEW_SERVER. */
void	relay_start(struct relay *relay, struct sim *sim);
/* That, with all checks of mail, and mail of the signer's domain signed. */
void	relay_start_judging(struct relay *relay, struct sim *sim, const struct relay_signer *signer, struct resolver *names);
/* As that, and the next hop of example.com is asked while clients wait, within 20 s. */
void	relay_start_online(struct relay *relay, struct sim *sim, const struct relay_signer *signer, struct resolver *names);
/* As judging, without the signer, and what fails of senders who were not verified is held. */
void	relay_start_withholding(struct relay *relay, struct sim *sim, struct resolver *names);
/* The plan is copied.  names: what checks of mail ask, which outlives the relay; NULL: nobody has a name. */
void	relay_start_as(struct relay *relay, struct sim *sim, const struct relay_plan *plan, struct resolver *names);

/*
 * As smtpfwd/reload.c does it, at work and without suspending: policy, next hops, listeners and queue are made anew by the
 * plan, the first retry comes after another span.
 */
void	relay_reload(struct relay *relay, const struct relay_plan *plan, struct span first);

struct verify_rules		relay_all_checks(void);			/* nothing is refused for them */
struct next_hop_settings	relay_next_hop(const char *at);		/* an endpoint's text, which must live on */

/* Ends all parts and servers and frees them; from outside of the loop: runs it until done. */
void	relay_end(struct relay *relay);
/* The same in two steps: what is of the caller's on the loop is told to end in between, and awaited by the second. */
void	relay_stop(struct relay *relay);
void	relay_free(struct relay *relay);

/*
 * A mail server at an endpoint.  It takes all but recipients whose local part starts with "bad" (550 5.1.1)
 * and, the first two times each, with "later" (451).  A mail whose first recipient is "never..." is refused at its end (554);
 * one for "mute..." is taken, and the first time the session ends without a word.  What it takes is noted before its 250: kind "arrived", key
 * "SUBJECT to RECIPIENT", the bytes of the mail; "arrived-at", the same key, its endpoint's text.  Each MAIL and RCPT command is a note of kind "mail" or "rcpt" with
 * the line as its key.
 */
void	new_server_start(struct relay *relay, const char *at);
void	server_offer(struct relay *relay, const char *at, const char *offers);	/* its reply to EHLO from now on; kept */
void	servers_stop(struct relay *relay);	/* all of them; their sessions end in the loop's next rounds */
void	servers_free(struct relay *relay);

/* A session past EHLO; 250, or what was said instead, or 0.  Its stream is NULL where there is none. */
int	client_open(struct relay *relay, struct wire *wire_out);
int	client_ask(const struct wire *wire, struct str command);	/* an empty one: only reads.  The reply's code, 0 when it broke */

/*
 * Sends a mail from alice@example.org, in the calling fiber.  For each recipient a note of kind "promised", key
 * "SUBJECT to RECIPIENT", with the bytes sent, once the relay said 250.  body lines end in CRLF.  The code of the
 * last reply; 0 when the connection broke.
 */
int	client_send(struct relay *relay, const char *subject, const char *const *recipients, int n_recipients,
	    struct str body);

/*
 * Sends a mail by commands of the caller's, MAIL and RCPT, behind an EHLO; no line of the mail starts with a dot.
 * The code of the reply to the mail, or of the first command that was not answered 250; 0 when the connection broke.
 */
int	client_talk(struct relay *relay, const char *const *commands, int n_commands, struct str mail);

#endif
