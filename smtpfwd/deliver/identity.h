/*
 * identity.h - the real client's identity, told to the next hop by the best means it takes
 *
 * Speaks on a session that its caller opens.  By PROXY and XCLIENT the next hop sees the client where it would see us: in
 * SPF, blocklists, limits, milters, and so such a session stands for one client for good and must not come into a pool
 * (client->stands_for_one).  XFORWARD is for its log only, once for each mail.  A next hop is told only what
 * it announced: XCLIENT and XFORWARD are privileges that it gives, PROXY is set by its administrator and ours.
 *
 * A client at a loopback or link-local address is not told: there it would be another machine, and have its rights.  Mail of
 * a client that we trust is ours to answer for, and its address is often one that nobody takes mail from: XFORWARD may
 * tell of it, and XCLIENT with its login.
 *
 * How a session goes (NULL: our own mail, of nobody):
 *
 *	client_connect
 *	identity_say_proxy		where identity_by_proxy; else nothing
 *	client_greeting, client_ehlo, TLS
 *	identity_tell			NOT_POSSIBLE: just go on
 *	before each mail:
 *	identity_forward		the same
 *
 * Where one means is refused, identity_next_means is what is left to try.
 */
#ifndef DELIVER_IDENTITY_H
#define DELIVER_IDENTITY_H

#include "mail/identity.h"
#include "smtpfwd/deliver/client.h"
#include "smtpfwd/deliver/route.h"

enum {
	/* So many next hops in turn refuse a means to one mail, and the others are not told by it: two that take turns would never end. */
	IDENTITY_REFUSALS_MAX = 2,
};

struct identity_rule {			/* a route's */
	enum identity_means	 means;
	bool			 tells_login;	/* the next hop may know the client's login */
	bool			 has_login;	/* we log in there, and XCLIENT would undo that: it is not said */
};

enum identity_result {
	IDENTITY_TOLD,
	IDENTITY_NOT_POSSIBLE,		/* nothing was said: it takes no means that the rule allows, or there is nobody to tell of */
	IDENTITY_REFUSED,		/* the means, whoever the client is */
	IDENTITY_TURNED_AWAY,		/* the client: the reply (4xx or 5xx, not 421) is one to it, as to MAIL; the session is over */
	IDENTITY_LOST,			/* the connection, or it says 421: a fault, as of any step; the session is over */
};

/* There is a client (not NULL), and at no address that means another machine at the next hop. */
bool	identity_can_be_told(const struct identity *identity);

/* The same, and by the rule it may be seen in our place: it is not one that we answer for. */
bool	identity_may_be_seen(const struct identity *identity, const struct identity_rule *rule);

/* True if identity_tell or identity_forward would say something in this session. */
bool	identity_is_to_be_told(const struct client *client, const struct identity *identity, const struct identity_rule *rule);

/* True if a connection begins with the header, those for our own mail and for checks too. */
bool	identity_by_proxy(const struct identity_rule *rule);

/* Right behind client_connect.  Tells of the client; of ourselves where there is none that can be told.  0, or -1 and a fault. */
int	identity_say_proxy(struct client *client, const struct identity *identity, struct instant deadline,
	    struct fault *fault_out);

/*
 * XCLIENT where the rule allows it and it is announced, then EHLO with the client's name (by EHLO always, also for a client
 * that said HELO: the mail may need extensions).  client->ehlo is new then.  After TLS; ends an open
 * transaction first (RSET).
 * REFUSED: the session is as before if client->is_half_introduced is not set; else it is to be closed, and only a
 * fresh one will do.  Suspends.
 */
enum identity_result	identity_tell(struct client *client, const struct identity *identity,
			    const struct identity_rule *rule, struct instant deadline, struct reply *reply_out,
			    struct fault *fault_out);

/*
 * XFORWARD where the rule allows it, it is announced and the session does not stand for the client already.  To be said before
 * each MAIL; ends an open transaction first (RSET).  ident: the mail's id here.  REFUSED: mail can go on all the same.
 * Suspends.
 */
enum identity_result	identity_forward(struct client *client, const struct identity *identity,
			    const struct identity_rule *rule, struct str ident, struct instant deadline,
			    struct reply *reply_out, struct fault *fault_out);

/* What to try after the means was refused: of auto XFORWARD, else none. */
enum identity_means	identity_next_means(enum identity_means refused);

/*
 * True if the next hop takes this session for the client's own, not only in its log: the original reverse-path
 * passes SPF there.
 */
bool	identity_is_seen(const struct client *client);

/* For the log: "xclient" ... of what was told last on the session; "none". */
struct str	identity_means_name(enum identity_means means);

#endif
