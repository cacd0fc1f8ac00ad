/*
 * peer_name.h - what became of the look-up of a client's name
 */
#ifndef MAIL_PEER_NAME_H
#define MAIL_PEER_NAME_H

enum peer_name {
	PEER_NAME_UNASKED,		/* not looked up */
	PEER_NAME_FOUND,		/* the reverse name leads back to the address */
	PEER_NAME_NONE,			/* it has none, or its names have no addresses */
	PEER_NAME_DIFFERS,		/* its names lead to other addresses */
	PEER_NAME_UNSETTLED,		/* the DNS could not say */
};

#endif
