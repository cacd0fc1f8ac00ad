/*
 * unbound_events.c - the event base that libunbound wants, on our loop
 *
 * The library expects libevent's ways: an event may be deleted or freed by its own
 * callback; one that is not persistent is off before its callback; a persistent
 * one's timeout starts anew with each event; and readiness is told as long as it lasts,
 * while our loop tells it once.
 */
#include <sys/time.h>
#include <unbound.h>
#include <unbound-event.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/runtime/unbound_events.h"

struct unbound_events {
	struct ub_event_base	 base;		/* first: the library knows us by it */
	struct loop		*loop;
	size_t			 n_events;	/* made and not yet freed */
};

struct event {
	struct ub_event		 ub;		/* first: the library knows the event by it */
	struct watch		 watch;
	struct timer		 timer;
	struct unbound_events	*events;
	int			 fd;		/* the library's; -1: only a timer */
	unsigned		 bits;		/* UB_EV_ */
	bool			 is_watched;
	bool			 has_timeout;
	struct span		 timeout;
	void			(*callback)(int fd, short bits, void *arg);
	void			*arg;
	bool			*is_gone;	/* of the call in progress, to be told of our end; or NULL */
};

static struct event *
event_of(struct ub_event *ub)
{
	return (struct event *)(void *)ub;
}

static void
timeout_start(struct event *event, const struct timeval *after)
{
	if (after != NULL) {
		event->has_timeout = true;
		event->timeout = (struct span){ after->tv_sec * INT64_C(1000000000) + after->tv_usec * INT64_C(1000) };
	}
	if (event->has_timeout)
		timer_set(event->events->loop, &event->timer,
		    instant_after(loop_now(event->events->loop), event->timeout));
}

static int
watch_start(struct event *event)
{
	if (event->is_watched || event->fd < 0 || (event->bits & (UB_EV_READ | UB_EV_WRITE)) == 0)
		return 0;
	if (loop_watch(event->events->loop, event->fd, &event->watch) != 0)
		return -1;
	event->is_watched = true;
	return 0;
}

static void
watch_stop(struct event *event)
{
	if (event->is_watched)
		loop_unwatch(event->events->loop, event->fd, &event->watch);
	event->is_watched = false;
}

static void
event_stop(struct event *event)
{
	watch_stop(event);
	timer_clear(event->events->loop, &event->timer);
	event->has_timeout = false;
}

/* Calls the library, which may free the event; false if it did. */
static bool
event_tell(struct event *event, unsigned bits)
{
	bool is_gone = false;
	bool *outer = event->is_gone;

	event->is_gone = &is_gone;
	event->callback(event->fd, (short)bits, event->arg);
	if (is_gone) {
		if (outer != NULL)
			*outer = true;
		return false;
	}
	event->is_gone = outer;
	return true;
}

static void
event_notice(struct watch *watch, unsigned what)
{
	struct event *event = LIST_ITEM(watch, struct event, watch);
	unsigned bits = 0;

	if (what & (OS_READABLE | OS_BROKEN))
		bits |= UB_EV_READ;
	if (what & (OS_WRITABLE | OS_BROKEN))
		bits |= UB_EV_WRITE;
	bits &= event->bits;
	if (bits == 0)
		return;
	if (event->bits & UB_EV_PERSIST)
		timeout_start(event, NULL);
	else
		event_stop(event);
	if (!event_tell(event, bits) || !event->is_watched)
		return;

	/*
	 * The library may have left something unread and expects to be told again.
	 * Being watched anew brings what is ready now as news.
	 */
	watch_stop(event);
	(void)watch_start(event);	/* a fault is a question that times out */
}

static void
event_ring(struct timer *timer)
{
	struct event *event = HEAP_ITEM(timer, struct event, timer);

	if (event->bits & UB_EV_PERSIST)
		timeout_start(event, NULL);
	else
		event_stop(event);
	(void)event_tell(event, UB_EV_TIMEOUT);
}

/* --- the table of an event --- */

static void
ub_add_bits(struct ub_event *ub, short bits)
{
	event_of(ub)->bits |= (unsigned short)bits;
}

static void
ub_del_bits(struct ub_event *ub, short bits)
{
	event_of(ub)->bits &= ~(unsigned)(unsigned short)bits;
}

static void
ub_set_fd(struct ub_event *ub, int fd)
{
	struct event *event = event_of(ub);

	watch_stop(event);
	event->fd = fd;
}

static void
ub_free(struct ub_event *ub)
{
	struct event *event = event_of(ub);

	event_stop(event);
	if (event->is_gone != NULL)
		*event->is_gone = true;
	insist(event->events->n_events > 0);
	event->events->n_events--;
	mem_free(event);
}

static int
ub_add(struct ub_event *ub, struct timeval *timeout)
{
	struct event *event = event_of(ub);

	if (watch_start(event) != 0)
		return -1;
	if (timeout != NULL)
		timeout_start(event, timeout);
	return 0;
}

static int
ub_del(struct ub_event *ub)
{
	event_stop(event_of(ub));
	return 0;
}

static int
ub_add_timer(struct ub_event *ub, struct ub_event_base *base, void (*callback)(int, short, void *),
    void *arg, struct timeval *after)
{
	struct event *event = event_of(ub);

	event->callback = callback;
	event->arg = arg;
	timeout_start(event, after);
	return 0;
}

static int
ub_del_timer(struct ub_event *ub)
{
	event_stop(event_of(ub));
	return 0;
}

/* Signals and Windows: the table must be full, and the library's header says they are never called. */
static int
ub_add_signal(struct ub_event *ub, struct timeval *timeout)
{
	return -1;
}

static int
ub_del_signal(struct ub_event *ub)
{
	return -1;
}

static void
ub_wsa_unregister(struct ub_event *ub)
{
}

static void
ub_wsa_would_block(struct ub_event *ub, int bit)
{
}

static struct ub_event_vmt event_table = {	/* never written; the library's type is not const */
	.add_bits = ub_add_bits,
	.del_bits = ub_del_bits,
	.set_fd = ub_set_fd,
	.free = ub_free,
	.add = ub_add,
	.del = ub_del,
	.add_timer = ub_add_timer,
	.del_timer = ub_del_timer,
	.add_signal = ub_add_signal,
	.del_signal = ub_del_signal,
	.winsock_unregister_wsaevent = ub_wsa_unregister,
	.winsock_tcp_wouldblock = ub_wsa_would_block,
};

/* --- the table of the base --- */

static void
base_free(struct ub_event_base *base)
{
}

static int
base_dispatch(struct ub_event_base *base)
{
	return -1;			/* the loop runs by itself */
}

static int
base_exit(struct ub_event_base *base, struct timeval *after)
{
	return -1;
}

static struct ub_event *
base_new_event(struct ub_event_base *base, int fd, short bits, void (*callback)(int, short, void *), void *arg)
{
	struct unbound_events *events = (struct unbound_events *)(void *)base;
	struct event *event = mem_new(sizeof(*event));

	*event = (struct event){
		.ub = { .magic = UB_EVENT_MAGIC, .vmt = &event_table },
		.watch = { .notice = event_notice },
		.timer = { .ring = event_ring },
		.events = events,
		.fd = fd,
		.bits = (unsigned short)bits,
		.callback = callback,
		.arg = arg,
	};
	events->n_events++;
	return &event->ub;
}

static struct ub_event *
base_new_signal(struct ub_event_base *base, int fd, void (*callback)(int, short, void *), void *arg)
{
	return NULL;
}

static struct ub_event *
base_new_wsa(struct ub_event_base *base, void *wsa, void (*callback)(int, short, void *), void *arg)
{
	return NULL;
}

static struct ub_event_base_vmt base_table = {
	.free = base_free,
	.dispatch = base_dispatch,
	.loopexit = base_exit,
	.new_event = base_new_event,
	.new_signal = base_new_signal,
	.winsock_register_wsaevent = base_new_wsa,
};

struct unbound_events *
unbound_events_new(struct loop *loop)
{
	struct unbound_events *events = mem_new(sizeof(*events));

	events->base.magic = UB_EVENT_MAGIC;
	events->base.vmt = &base_table;
	events->loop = loop;
	return events;
}

struct ub_event_base *
unbound_events_base(struct unbound_events *events)
{
	return &events->base;
}

void
unbound_events_free(struct unbound_events *events)
{
	if (events == NULL)
		return;
	insist(events->n_events == 0);	/* or the library would still call us */
	mem_free(events);
}
