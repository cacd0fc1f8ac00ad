/*
 * sim_network.c - bytes on their way between two sockets, and the poller's view of them
 *
 * As Linux does it: events on changes only, each with all that is true then; a send that
 * was cut short brings OS_WRITABLE later, any other does not; what came before a reset
 * can still be read; closing with unread input resets.
 */
#include <errno.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/sim/sim_net.h"

enum {
	STALL_LOOK_NS = 200000000,	/* how often a stalled segment looks whether its host is back */
	SPURIOUS_PERCENT = 5,		/* arrivals that also wake the sender, as acknowledgements do */
};

struct sim_socket *
sim_socket_new(enum sim_socket_state state)
{
	struct sim_socket *s = mem_new(sizeof(*s));

	s->state = state;
	s->cut_after = -1;
	s->arrival.happen = sim_network_arrival;
	s->relief.happen = sim_network_relief;
	list_init(&s->coming);
	list_init(&s->waiting);
	buf_init(&s->input, (size_t)1 << 30);	/* n_unread bounds it */
	list_append(&sim_world()->sockets, &s->link);
	return s;
}

static void
socket_free(struct sim_socket *s)
{
	struct list_link *link;

	while ((link = list_take_first(&s->coming)) != NULL)
		mem_free(LIST_ITEM(link, struct sim_segment, link));
	buf_fini(&s->input);
	mem_free(s);
}

void
sim_network_free(struct sim_process *p)
{
	struct list_link *link;

	while ((link = list_take_first(&p->sockets)) != NULL)
		socket_free(LIST_ITEM(link, struct sim_socket, link));
	while ((link = list_take_first(&p->hosts)) != NULL)
		mem_free(LIST_ITEM(link, struct sim_host_state, link));
	while ((link = list_take_first(&p->cuts)) != NULL)
		mem_free(LIST_ITEM(link, struct sim_cut, link));
}

/* --- readiness --- */

static size_t
room_to_send(const struct sim_socket *s)
{
	size_t max = sim_world()->sim->options.socket_bytes;

	if (heap_has(&s->relief.room))
		return 0;
	return s->n_unread < max ? max - s->n_unread : 0;
}

static unsigned
what_is_ready(const struct sim_socket *s)
{
	unsigned what = 0;

	switch (s->state) {
	case SOCKET_LISTENS:
		return list_is_empty(&s->waiting) ? 0 : OS_READABLE;
	case SOCKET_CONNECTING:
		return 0;
	case SOCKET_BROKEN:
		return OS_READABLE | OS_WRITABLE | OS_BROKEN;
	case SOCKET_OPEN:
		if (s->input.len > 0)
			what |= OS_READABLE;
		if (s->has_ended)
			what |= OS_READABLE | OS_BROKEN;
		if (room_to_send(s) >= sim_world()->sim->options.socket_bytes / 3)
			what |= OS_WRITABLE;
		return what;
	}
	insist(s->state <= SOCKET_BROKEN);
	return 0;
}

void
sim_socket_changed(struct sim_socket *s)
{
	if (s->poller != NULL && !list_has_link(&s->changed_link))
		list_append(&s->poller->changed, &s->changed_link);
}

int
sim_network_collect(struct os_poller *poller, struct os_event *events_out, int max_events)
{
	int n = 0;

	while (n < max_events && !list_is_empty(&poller->changed)) {
		struct list_link *link = list_first(&poller->changed);
		struct sim_socket *s;
		unsigned what;

		for (uint64_t skip = sim_world_dice(DICE_ORDER, poller->changed.n); skip > 0; skip--)
			link = link->next;	/* no order is promised */
		list_remove(&poller->changed, link);
		s = LIST_ITEM(link, struct sim_socket, changed_link);
		what = what_is_ready(s);
		if (what == 0)
			continue;
		sim_world_trace("event", "", s->remote.port, what);
		events_out[n++] = (struct os_event){ .tag = s->tag, .what = what };
	}
	return n;
}

int
os_poller_add(struct os_poller *poller, int fd, void *tag)
{
	struct sim_socket *s = sim_fd_get(fd, FD_SOCKET)->socket;

	if (s->poller != NULL)
		return -EEXIST;
	s->poller = poller;
	s->tag = tag;
	sim_socket_changed(s);
	return 0;
}

static void
leave_poller(struct sim_socket *s)
{
	if (s->poller != NULL && list_has_link(&s->changed_link))
		list_remove(&s->poller->changed, &s->changed_link);
	s->poller = NULL;
}

void
os_poller_remove(struct os_poller *poller, int fd)
{
	struct sim_socket *s = sim_fd_get(fd, FD_SOCKET)->socket;

	insist(s->poller == poller || s->poller == NULL);
	leave_poller(s);
}

void
os_poller_close(struct os_poller *poller, int fd)
{
	os_poller_remove(poller, fd);
	os_close(fd);
}

void
sim_network_forget_poller(struct os_poller *poller)
{
	LIST_EACH(link, &sim_world()->sockets) {
		struct sim_socket *s = LIST_ITEM(link, struct sim_socket, link);

		if (s->poller == poller)
			leave_poller(s);
	}
}

/* --- on the way --- */

void
sim_socket_send_segment(struct sim_socket *to, enum sim_segment_kind kind, const char *bytes, size_t n_bytes)
{
	struct sim_segment *segment = mem_new(sizeof(*segment) + n_bytes);
	int64_t at_ns = sim_world()->now_ns + sim_network_latency_ns(to);

	if (at_ns <= to->latest_ns)
		at_ns = to->latest_ns + 1;	/* none overtakes another */
	to->latest_ns = segment->arrives_ns = at_ns;
	segment->kind = kind;
	segment->n_bytes = n_bytes;
	if (n_bytes > 0)
		memcpy(segment->bytes, bytes, n_bytes);
	list_append(&to->coming, &segment->link);
	if (to->coming.n == 1)
		sim_due_at(&to->arrival, at_ns);
}

void
sim_socket_breaks(struct sim_socket *s, int error)
{
	struct list_link *link;

	while ((link = list_take_first(&s->coming)) != NULL)
		mem_free(LIST_ITEM(link, struct sim_segment, link));
	sim_due_drop(&s->arrival);
	sim_due_drop(&s->relief);
	s->state = SOCKET_BROKEN;
	s->error = error;
	if (s->peer != NULL) {
		s->peer->peer = NULL;
		s->peer = NULL;
	}
	sim_socket_changed(s);
}

/* The sender's bytes have left its buffer. */
static void
give_room(struct sim_socket *sender, size_t n_bytes)
{
	insist(sender->n_unread >= n_bytes);
	sender->n_unread -= n_bytes;
	if (sender->wants_room && room_to_send(sender) >= sim_world()->sim->options.socket_bytes / 3) {
		sender->wants_room = false;
		sim_socket_changed(sender);
	}
}

static void
cut_both(struct sim_socket *s)
{
	struct sim_socket *peer = s->peer;

	sim_world_trace("cut", "", s->local.port, s->remote.port);
	sim_socket_breaks(s, ECONNRESET);
	if (peer != NULL)
		sim_socket_breaks(peer, ECONNRESET);
}

static void
data_arrives(struct sim_socket *s, const struct sim_segment *segment)
{
	size_t n = segment->n_bytes;

	if (s->is_closed) {		/* nobody is there to read it: a reset goes back */
		if (s->peer != NULL)
			sim_socket_send_segment(s->peer, SEGMENT_RESET, NULL, 0);
		return;
	}
	if (s->cut_after >= 0 && (int64_t)n > s->cut_after)
		n = (size_t)s->cut_after;
	insist(buf_append(&s->input, str_n(segment->bytes, n)) == 0);
	sim_socket_changed(s);
	if (s->peer != NULL && sim_world_dice_percent(DICE_NETWORK, SPURIOUS_PERCENT))
		sim_socket_changed(s->peer);
	if (s->cut_after >= 0 && (s->cut_after -= (int64_t)n) == 0)
		cut_both(s);
}

static void
segment_arrives(struct sim_socket *s, const struct sim_segment *segment)
{
	switch (segment->kind) {
	case SEGMENT_DATA:
		data_arrives(s, segment);
		break;
	case SEGMENT_END:
		s->has_ended = true;
		sim_socket_changed(s);
		break;
	case SEGMENT_RESET:
		if (!s->is_closed)
			sim_socket_breaks(s, ECONNRESET);
		break;
	}
}

void
sim_network_arrival(struct sim_due *due)
{
	struct sim_socket *s = HEAP_ITEM(&due->room, struct sim_socket, arrival.room);
	struct list_link *link;

	if (sim_network_stalls(s)) {
		sim_due_at(due, sim_world()->now_ns + STALL_LOOK_NS);
		return;
	}
	while ((link = list_first(&s->coming)) != NULL) {
		struct sim_segment *segment = LIST_ITEM(link, struct sim_segment, link);

		if (segment->arrives_ns > sim_world()->now_ns) {
			sim_due_at(due, segment->arrives_ns);
			return;
		}
		list_remove(&s->coming, link);
		segment_arrives(s, segment);
		mem_free(segment);
	}
}

void
sim_network_relief(struct sim_due *due)
{
	struct sim_socket *s = HEAP_ITEM(&due->room, struct sim_socket, relief.room);

	give_room(s, 0);
}

/* --- calls --- */

ssize_t
os_recv(int socket, void *room, size_t n_bytes)
{
	struct sim_socket *s = sim_fd_get(socket, FD_SOCKET)->socket;
	size_t n = n_bytes < s->input.len ? n_bytes : s->input.len;
	int error = s->error;

	if (n > 0) {
		memcpy(room, s->input.at, n);
		buf_consume(&s->input, n);
		if (s->peer != NULL)
			give_room(s->peer, n);
		sim_world_trace("recv", "", s->remote.port, (int64_t)n);
		return (ssize_t)n;
	}
	if (error != 0) {
		s->error = 0;		/* said once, then it is the end */
		return -error;
	}
	if (s->state == SOCKET_CONNECTING || s->state == SOCKET_LISTENS)
		return s->state == SOCKET_LISTENS ? -ENOTCONN : -EAGAIN;
	return s->has_ended || s->state == SOCKET_BROKEN ? 0 : -EAGAIN;
}

/* Parts arrive one by one, so that reads see any borders. */
static void
send_in_parts(struct sim_socket *s, const char *bytes, size_t n_bytes)
{
	s->n_unread += n_bytes;
	while (n_bytes > 0) {
		size_t n = n_bytes;

		if (n > 1 && sim_world_dice_percent(DICE_NETWORK, s->peer->is_unix ? 0 : sim_world()->sim->options.short_percent))
			n = 1 + sim_world_dice(DICE_NETWORK, n - 1);
		sim_socket_send_segment(s->peer, SEGMENT_DATA, bytes, n);
		bytes += n;
		n_bytes -= n;
	}
}

ssize_t
os_sendv(int socket, const struct iovec *pieces, int n_pieces)
{
	static char gathered[64 << 10];	/* one thread, never in use across calls */
	struct sim_socket *s = sim_fd_get(socket, FD_SOCKET)->socket;
	size_t total = 0, n = 0, max;

	if (s->state == SOCKET_CONNECTING)
		return -EAGAIN;
	if (s->error != 0) {
		int error = s->error;

		s->error = 0;
		return -error;
	}
	if (s->state != SOCKET_OPEN || s->peer == NULL)
		return -EPIPE;
	for (int i = 0; i < n_pieces; i++)
		total += pieces[i].iov_len;
	max = room_to_send(s) < sizeof(gathered) ? room_to_send(s) : sizeof(gathered);
	if (max > 1 && total > 1 && sim_world_dice_percent(DICE_NETWORK, sim_world()->sim->options.short_percent)) {
		max = 1 + sim_world_dice(DICE_NETWORK, (total < max ? total : max) - 1);
		sim_due_at(&s->relief, sim_world()->now_ns + 1 + (int64_t)sim_world_dice(DICE_NETWORK, 1000000));
	}
	for (int i = 0; i < n_pieces && n < max; i++) {
		size_t take = pieces[i].iov_len < max - n ? pieces[i].iov_len : max - n;

		if (take > 0)
			memcpy(gathered + n, pieces[i].iov_base, take);
		n += take;
	}
	if (n < total)
		s->wants_room = true;
	if (n == 0)
		return total == 0 ? 0 : -EAGAIN;
	sim_world_call("send", "", s->remote.port, (int64_t)n);
	send_in_parts(s, gathered, n);
	return (ssize_t)n;
}

/* A machine confirms what it has got; here that is what its owner has read, which comes later. */
int64_t
os_unconfirmed_bytes(int socket)
{
	return (int64_t)sim_fd_get(socket, FD_SOCKET)->socket->n_unread;
}

void
sim_socket_close(struct sim_socket *s)
{
	leave_poller(s);
	if (s->state == SOCKET_LISTENS) {
		sim_listener_close(s);
		return;
	}
	s->is_closed = true;
	sim_due_drop(&s->relief);
	if (s->state == SOCKET_CONNECTING)
		sim_due_drop(&s->arrival);
	if (s->peer == NULL)
		return;
	if (s->input.len > 0)
		sim_socket_send_segment(s->peer, SEGMENT_RESET, NULL, 0);
	else
		sim_socket_send_segment(s->peer, SEGMENT_END, NULL, 0);
}
