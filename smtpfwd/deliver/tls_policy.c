/*
 * tls_policy.c - what a route wants of TLS, and what to do on a session at hand
 */
#include "base/insist.h"
#include "smtpfwd/deliver/tls_policy.h"

enum tls_step
tls_policy_step(const struct tls_policy *policy, const struct ehlo *ehlo)
{
	switch (policy->mode) {
	case TLS_OFF:
		return TLS_STEP_CLEAR;
	case TLS_OPPORTUNISTIC:
		return ehlo->has_starttls ? TLS_STEP_START : TLS_STEP_CLEAR;
	case TLS_REQUIRED:
	case TLS_VERIFY:
		return ehlo->has_starttls ? TLS_STEP_START : TLS_STEP_REFUSE;
	}
	insist(!"a TLS mode that is none");
	return TLS_STEP_REFUSE;
}

bool
tls_policy_may_fall_back(const struct tls_policy *policy)
{
	return policy->mode == TLS_OFF || policy->mode == TLS_OPPORTUNISTIC;
}

struct tls_expect
tls_policy_expect(const struct tls_policy *policy, struct str host)
{
	return (struct tls_expect){
		.server_name = policy->name != NULL ? str_of(policy->name) : host,
		.must_verify = policy->mode == TLS_VERIFY,
	};
}
