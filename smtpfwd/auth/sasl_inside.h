/*
 * sasl_inside.h - what the files of a SASL exchange share; not for others
 */
#ifndef AUTH_SASL_INSIDE_H
#define AUTH_SASL_INSIDE_H

#include <gsasl.h>

#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/sasl.h"

struct sasl {
	Gsasl	*gsasl;
};

/* The server's answer to what the library asks for; the session's hook is the sasl_server. */
int	sasl_server_tell(Gsasl_session *session, Gsasl_property wanted);

/* A property that holds a secret: overwritten before the library lets go of it. */
void	sasl_wipe(Gsasl_session *session, Gsasl_property property);

#endif
