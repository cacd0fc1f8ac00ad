/*
 * identity.h - who brought a mail, as far as a next hop may be told
 *
 * What of struct peer another server can use; it outlives the session, for mail that waits.  Facts and claims only:
 * whom to tell, and how, is for deliver.
 */
#ifndef MAIL_IDENTITY_H
#define MAIL_IDENTITY_H

#include "base/arena.h"
#include "base/endpoint.h"
#include "mail/peer_name.h"

struct peer;

struct identity {			/* strings are whose it is */
	struct endpoint	 client;	/* family IP_NONE: not known; port 0: not known */
	struct endpoint	 local;		/* what the client connected to; family IP_NONE: not known */
	enum peer_name	 name_state;
	struct str	 name;		/* verified both ways; "" unless PEER_NAME_FOUND */
	struct str	 reverse_name;	/* unproven; "" for none */
	struct str	 helo;		/* claimed, any bytes; "" for none */
	bool		 is_esmtp;	/* said EHLO */
	struct str	 login;		/* authenticated; "" for none */
	bool		 is_trusted;	/* it may relay: by our networks, a login or a certificate */
};

enum client_view {			/* whose address a next hop sees in a session of ours: SPF there is asked for that one */
	VIEW_UNKNOWN,
	VIEW_OF_CLIENT,
	VIEW_OF_US,
};

/* The strings are the peer's. */
struct identity	identity_of_peer(const struct peer *peer);

/* Copies the strings into the arena.  False at its limit. */
bool		identity_copy(const struct identity *identity, struct arena *arena, struct identity *copy_out);

#endif
