/*
 * unbound_events.h - the event base that libunbound wants, on our loop
 *
 * libunbound opens its own sockets and asks for events on them; nothing here knows
 * what it reads from them.  All of it runs on the loop's own stack.
 */
#ifndef RUNTIME_UNBOUND_EVENTS_H
#define RUNTIME_UNBOUND_EVENTS_H

#include "smtpfwd/runtime/fiber.h"

struct ub_event_base;
struct unbound_events;

struct unbound_events	*unbound_events_new(struct loop *loop);

/* For ub_ctx_create_ub_event; that context must be deleted before the events are freed. */
struct ub_event_base	*unbound_events_base(struct unbound_events *events);
void			 unbound_events_free(struct unbound_events *events);

#endif
