/*
 * tls_policy.h - what a route wants of TLS, and what to do on a session at hand
 */
#ifndef DELIVER_TLS_POLICY_H
#define DELIVER_TLS_POLICY_H

#include "smtpfwd/deliver/route.h"
#include "smtpfwd/runtime/tls.h"
#include "smtpfwd/smtp/ehlo.h"

struct tls_policy {
	enum tls_mode			 mode;
	const struct tls_client		*client;	/* NULL only with TLS_OFF */
	const char			*name;		/* NULL: the next hop as written */
};

enum tls_step {
	TLS_STEP_CLEAR,			/* go on in the clear */
	TLS_STEP_START,			/* say STARTTLS */
	TLS_STEP_REFUSE,		/* the server does not offer what the route requires */
};

enum tls_step		tls_policy_step(const struct tls_policy *policy, const struct ehlo *ehlo);

/* True if a refusal or a failed handshake may be followed by mail in the clear. */
bool			tls_policy_may_fall_back(const struct tls_policy *policy);

/* What the handshake must prove to this next hop.  The strings are the policy's or the next hop's. */
struct tls_expect	tls_policy_expect(const struct tls_policy *policy, struct str host);

#endif
