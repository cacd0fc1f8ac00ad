/*
 * test_unbound_events.c - events as libunbound expects them of its base, without libunbound
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <unbound.h>
#include <unbound-event.h>

#include "smtpfwd/runtime/unbound_events.h"
#include "tests/expect.h"

enum { CALLS_MAX = 16 };

struct world {
	struct loop		*loop;
	struct unbound_events	*events;
	struct ub_event_base	*base;
	int			 near, far;	/* a pair of sockets */
};

struct seen {				/* by a callback */
	struct world	*world;
	struct ub_event	*event;
	short		 bits[CALLS_MAX];
	int		 n_calls;
	int		 n_read;	/* bytes to be read each time */
	bool		 frees, deletes;
};

static void
see(int fd, short bits, void *arg)
{
	struct seen *s = arg;
	char room[16];

	if (s->n_calls < CALLS_MAX)
		s->bits[s->n_calls] = bits;
	s->n_calls++;
	if (s->n_read > 0 && (bits & UB_EV_READ))
		expect_int(recv(fd, room, (size_t)s->n_read, 0), s->n_read);
	if (s->deletes)
		s->event->vmt->del(s->event);
	if (s->frees)
		s->event->vmt->free(s->event);
}

static void
sleep_run(void *arg)
{
	fiber_sleep(instant_after(os_now(), span_ms(*(int *)arg)));
}

static void
run_for_ms(struct world *w, int ms)
{
	fiber_start(w->loop, "sleep", sleep_run, &ms);
	loop_run(w->loop);
}

static struct ub_event *
event_new(struct world *w, struct seen *s, int fd, short bits)
{
	s->world = w;
	s->event = w->base->vmt->new_event(w->base, fd, bits, see, s);
	return s->event;
}

static void
send_bytes(struct world *w, const char *bytes)
{
	expect_int(send(w->far, bytes, strlen(bytes), 0), (int64_t)strlen(bytes));
}

static void
test_reading(struct world *w)
{
	struct seen s = { .n_read = 1 }, once = { .n_read = 1 };
	struct ub_event *event;

	test_case("who leaves bytes unread is told again");
	event = event_new(w, &s, w->near, UB_EV_READ | UB_EV_PERSIST);
	expect_int(event->vmt->add(event, NULL), 0);
	send_bytes(w, "three");
	run_for_ms(w, 20);
	expect_int(s.n_calls, 5);
	expect_int(s.bits[4], UB_EV_READ);

	test_case("a deleted event is not told of anything");
	event->vmt->del(event);
	send_bytes(w, "ab");
	run_for_ms(w, 20);
	expect_int(s.n_calls, 5);

	test_case("what came meanwhile is told when it is added again");
	event->vmt->add(event, NULL);
	run_for_ms(w, 20);
	expect_int(s.n_calls, 7);
	event->vmt->free(event);

	test_case("an event that is not persistent comes once");
	event = event_new(w, &once, w->near, UB_EV_READ);
	event->vmt->add(event, NULL);
	send_bytes(w, "ab");
	run_for_ms(w, 20);
	expect_int(once.n_calls, 1);
	event->vmt->add(event, NULL);
	run_for_ms(w, 20);
	expect_int(once.n_calls, 2);
	event->vmt->free(event);
}

static void
test_writing(struct world *w)
{
	struct seen s = { .n_read = 0 };
	struct ub_event *event;

	test_case("who wants to read is not told of writing");
	event = event_new(w, &s, w->near, UB_EV_READ | UB_EV_PERSIST);
	event->vmt->add(event, NULL);
	run_for_ms(w, 10);
	expect_int(s.n_calls, 0);

	test_case("bits can be changed");
	event->vmt->del(event);
	event->vmt->del_bits(event, UB_EV_READ);
	event->vmt->add_bits(event, UB_EV_WRITE);
	s.deletes = true;
	event->vmt->add(event, NULL);
	run_for_ms(w, 10);
	expect_int(s.n_calls, 1);
	expect_int(s.bits[0], UB_EV_WRITE);
	event->vmt->free(event);
}

static void
test_timeouts(struct world *w)
{
	struct seen s = { .n_read = 1 }, zero = { .deletes = false }, gone = { .frees = true };
	struct timeval after = { .tv_usec = 200000 }, now = { .tv_sec = 0 };
	struct ub_event *event;

	test_case("a timer of zero rings, once");
	event = event_new(w, &zero, -1, UB_EV_TIMEOUT);
	event->vmt->add_timer(event, w->base, see, &zero, &now);
	run_for_ms(w, 10);
	expect_int(zero.n_calls, 1);
	expect_int(zero.bits[0], UB_EV_TIMEOUT);
	test_case("a timer that was deleted does not");
	event->vmt->add_timer(event, w->base, see, &zero, &now);
	event->vmt->del_timer(event);
	run_for_ms(w, 10);
	expect_int(zero.n_calls, 1);
	event->vmt->free(event);

	test_case("a persistent event's timeout starts anew with what comes");
	event = event_new(w, &s, w->near, UB_EV_READ | UB_EV_PERSIST | UB_EV_TIMEOUT);
	event->vmt->add(event, &after);
	for (int i = 0; i < 3; i++) {
		run_for_ms(w, 70);
		send_bytes(w, "a");
	}
	run_for_ms(w, 70);
	expect_int(s.n_calls, 3);
	expect_int(s.bits[2], UB_EV_READ);
	test_case("and comes again and again when nothing does");
	run_for_ms(w, 500);
	expect(s.n_calls >= 5);
	expect_int(s.bits[3], UB_EV_TIMEOUT);
	event->vmt->free(event);

	test_case("an event may be freed by its own timeout");
	event = event_new(w, &gone, -1, UB_EV_TIMEOUT | UB_EV_PERSIST);
	event->vmt->add(event, &now);
	run_for_ms(w, 10);
	expect_int(gone.n_calls, 1);

	test_case("and by what it is told");
	gone.n_calls = 0;
	event = event_new(w, &gone, w->near, UB_EV_READ | UB_EV_PERSIST);
	event->vmt->add(event, NULL);
	send_bytes(w, "a");
	run_for_ms(w, 10);
	expect_int(gone.n_calls, 1);
}

int
main(void)
{
	struct world w = { .loop = loop_new(10, NULL) };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return 1;
	w.near = pair[0];
	w.far = pair[1];
	w.events = unbound_events_new(w.loop);
	w.base = unbound_events_base(w.events);
	test_reading(&w);
	test_writing(&w);
	test_timeouts(&w);
	unbound_events_free(w.events);
	close(w.near);
	close(w.far);
	loop_free(w.loop);
	return test_end();
}
