/*
 * dial.h - from a next hop to an open session: its addresses, connect, greeting, EHLO, TLS, login
 */
#ifndef DELIVER_DIAL_H
#define DELIVER_DIAL_H

#include "base/log.h"
#include "smtpfwd/deliver/client.h"
#include "smtpfwd/deliver/host.h"
#include "smtpfwd/deliver/next_hop.h"

struct dialer {
	struct loop			*loop;
	struct resolver			*resolver;
	struct log			*log;
	const struct client_settings	*settings;
	struct logins			*logins;	/* NULL where no route has a login */
	const struct identity		*identity;	/* of the client whose mail the session is for; NULL: nobody's */
};

/*
 * Tries the next hop's addresses in turn until one gives a session that the route's TLS policy allows.
 * Whatever goes wrong here is trouble of the next hop or ours and never of a mail, a 5xx greeting too: the
 * trouble is temporary.  The caller has claimed the connection.  NULL: trouble, of the last address tried.  Suspends.
 */
struct client	*dial(const struct dialer *dialer, struct next_hop *next_hop, struct instant deadline,
		    struct trouble *trouble_out);

#endif
