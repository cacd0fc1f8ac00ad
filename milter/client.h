/*
 * client.h - who Postfix's client is, by the macros of the milter protocol
 *
 * The names are those of MILTER_README.  Postfix looked its client's name up already, so it is not looked up again.
 */
#ifndef MILTER_CLIENT_H
#define MILTER_CLIENT_H

#include "base/arena.h"
#include "mail/peer.h"

struct macros {				/* those known so far */
	const char	*(*find)(void *context, const char *name);	/* a short name bare, a long one in braces; NULL: it is not set */
	void		 *context;
};

struct client_trust {			/* whose mail Postfix relays, but for those with a login */
	const struct network	*networks;
	int			 n_networks;
	const char *const	*names;		/* of certificates that Postfix verified; canonical, ".x" for those below x */
	int			 n_names;
};

/* To be asked for, each list parted by blanks, at CONNECT, HELO and MAIL. */
#define CLIENT_MACROS_CONNECT	"j {daemon_name} {daemon_addr} {daemon_port} {client_addr} {client_name} {client_port} {client_ptr} {client_resolve}"
#define CLIENT_MACROS_HELO	"{tls_version} {cipher} {cipher_bits} {cert_subject}"
#define CLIENT_MACROS_MAIL	"i {auth_type} {auth_authen} " CLIENT_MACROS_HELO

/*
 * Everything in the peer is a copy in the arena.  It may relay (is_trusted) with a login, from one of the networks, or by the name of
 * its certificate; a client whose address Postfix does not tell has none, and is in no network.  A certificate's name is that of its subject, where that is a domain:
 * Postfix tells it of certificates that it verified.  False at the arena's limit.
 */
bool	client_read(const struct macros *macros, struct str helo, const struct client_trust *trust, struct arena *arena,
	    struct peer *peer_out);

#endif
