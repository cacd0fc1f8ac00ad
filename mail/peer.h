/*
 * peer.h - who is at the other end of a session: what is known, claimed and proven
 *
 * Facts only; whether they suffice for something is judged in policy.
 */
#ifndef MAIL_PEER_H
#define MAIL_PEER_H

#include "base/endpoint.h"
#include "mail/peer_name.h"

struct peer_tls {
	bool		 is_on;
	struct str	 version;	/* "TLSv1.3" */
	struct str	 cipher;
	int		 bits;
	struct str	 sni;		/* claimed */
	struct str	 verified_name;	/* of a certificate that was verified; "" for none */
};

struct peer {				/* strings belong to the session */
	struct endpoint	 client;	/* who is judged: as PROXY or XCLIENT said, else the connection's */
	struct endpoint	 connection;	/* the real TCP peer */
	struct endpoint	 local;		/* what the client connected to, as PROXY or XCLIENT said */
	enum peer_name	 name_state;
	struct str	 name;		/* verified both ways; "" unless PEER_NAME_FOUND */
	struct str	 reverse_name;	/* what the reverse look-up said, unproven; "" for none */
	struct str	 helo;		/* claimed, as received; "" before HELO */
	bool		 is_esmtp;	/* said EHLO */
	struct str	 login;		/* authenticated; "" for none */
	struct peer_tls	 tls;
	bool		 is_trusted;	/* may relay: by the listener's networks or a login */
	struct str	 listener;	/* the listener's name in the configuration */
};

/* "ESMTPSA" and its kin (RFC 3848, RFC 6531 4.3), for Received and logs. */
struct str	peer_protocol(const struct peer *peer, bool is_smtputf8);

#endif
