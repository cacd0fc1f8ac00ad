/*
 * signed.h - is a mail that arrived signed once, by whom it should be, and rightly?
 */
#ifndef TESTS_RELAY_SIGNED_H
#define TESTS_RELAY_SIGNED_H

#include "policy/dkim/dkim_verify.h"

/* Exactly one signature, of the domain, and right by the keys of these names, which do not suspend. */
bool	signed_once(struct str mail, const char *domain, struct dkim_verifier *verifier, struct resolver *names);

#endif
