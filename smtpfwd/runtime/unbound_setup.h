/*
 * unbound_setup.h - a libunbound context made from the resolver's settings
 */
#ifndef RUNTIME_UNBOUND_SETUP_H
#define RUNTIME_UNBOUND_SETUP_H

#include "smtpfwd/runtime/resolver.h"

struct ub_ctx;
struct ub_event_base;

/*
 * A finished context: whatever can be wrong in the settings is found here and not
 * at the first question.  Blocks (files).  NULL and a fault.
 */
struct ub_ctx	*unbound_setup(struct ub_event_base *base, const struct resolver_settings *settings,
		    struct fault *fault_out);

#endif
