/*
 * inquiries.c - connections of those who ask: a fiber each, deadlines, and no more than so many
 */
#include <errno.h>

#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "milter/inquiries.h"
#include "smtpfwd/runtime/stream.h"
#include "smtpfwd/runtime/sync.h"

enum {
	TURN_CONNECTIONS = 64,		/* accepted in one turn of the loop, then others run */
	TURN_QUESTIONS = 64,		/* of one connection, the same */
	TROUBLE_PAUSE_MS = 200,		/* out of descriptors: trying at once again helps nobody */
	IDLE_MAX_S = 1200,		/* Postfix itself closes after 300 s, and none older than 1,000 s */
	QUESTION_WITHIN_S = 10,		/* from its first byte to its last */
	ANSWER_WITHIN_S = 10,		/* until it is taken */
};

struct inquiries {
	struct loop			*loop;
	int				 listener;
	const struct inquiry_kind	*kind;
	void				*context;
	struct log			*log;
	struct watch			 watch;
	struct timer			 again;		/* more may wait: the poller tells of news only */
	int64_t				 n_answered;
	struct list			 connections;	/* who was heard of longest ago first */
	struct signal_list		 ended;
};

struct connection {
	struct list_link	 link;
	struct inquiries	*inquiries;
	struct fiber		*fiber;
	int			 socket;
	bool			 is_idle;	/* it has asked nothing that is not answered */
};

/* --- a connection --- */

/* Answers all that is there.  How many questions that were; -1: what came behind them is none, or the answers were not taken. */
static int
answer_all(struct connection *connection, struct stream *stream, struct buf *out)
{
	struct inquiries *inquiries = connection->inquiries;
	struct instant deadline;
	ptrdiff_t taken = 0;
	int n = 0;

	do {
		struct instant now = loop_now(inquiries->loop);

		deadline = instant_after(now, span_s(ANSWER_WITHIN_S));
		buf_clear(out);
		taken = inquiries->kind->answer(inquiries->context, stream_input(stream), now, out);
		if (taken <= 0)
			break;
		stream_take(stream, (size_t)taken);
		if (stream_write(stream, buf_str(out), deadline, NULL) != 0)
			return -1;
		n++;
		inquiries->n_answered++;
		if (n % TURN_QUESTIONS == 0)
			fiber_yield();
	} while (stream_input(stream).len > 0);
	if (n > 0 && stream_flush(stream, deadline, NULL) != 0)
		return -1;
	return taken < 0 ? -1 : n;
}

/* Until the peer ends, says what is no question, or dawdles. */
static void
converse(struct connection *connection, struct stream *stream, struct buf *out)
{
	struct inquiries *inquiries = connection->inquiries;
	struct instant deadline = instant_after(loop_now(inquiries->loop), span_s(IDLE_MAX_S));

	while (stream_fill(stream, deadline, NULL) > 0) {
		bool was_idle = connection->is_idle;
		int n_answered;

		connection->is_idle = false;
		list_remove(&inquiries->connections, &connection->link);
		list_append(&inquiries->connections, &connection->link);
		n_answered = answer_all(connection, stream, out);
		if (n_answered < 0)
			return;
		connection->is_idle = stream_input(stream).len == 0;
		if (connection->is_idle) {
			buf_fini(out);		/* thousands wait; none keeps its memory */
			deadline = instant_after(loop_now(inquiries->loop), span_s(IDLE_MAX_S));
		} else if (was_idle || n_answered > 0) {
			deadline = instant_after(loop_now(inquiries->loop), span_s(QUESTION_WITHIN_S));
		}
	}
}

static void
serve(void *arg)
{
	struct connection *connection = arg;
	struct inquiries *inquiries = connection->inquiries;
	/* One byte more than the longest question: that shows it to be too long. */
	struct stream_limits limits = { .input_max_bytes = inquiries->kind->question_max_bytes + 1,
	    .output_max_bytes = inquiries->kind->answer_max_bytes };
	struct stream *stream = stream_new(inquiries->loop, connection->socket, limits, NULL);
	struct buf out;

	buf_init(&out, inquiries->kind->answer_max_bytes);
	if (stream != NULL) {
		converse(connection, stream, &out);
		stream_close(stream);
	}
	buf_fini(&out);
	list_remove(&inquiries->connections, &connection->link);
	signal_all(&inquiries->ended);
	mem_free(connection);
}

/* --- accepting --- */

/* False: there is no place, and nobody to give one up. */
static bool
make_place(struct inquiries *inquiries)
{
	if (inquiries->connections.n < INQUIRIES_CONNECTIONS_MAX)
		return true;
	LIST_EACH(link, &inquiries->connections) {
		struct connection *connection = LIST_ITEM(link, struct connection, link);

		if (!connection->is_idle)
			continue;
		connection->is_idle = false;	/* it goes */
		fiber_cancel(connection->fiber);
		return true;
	}
	return false;
}

static void
welcome(struct inquiries *inquiries, int socket)
{
	struct connection *connection;

	if (!make_place(inquiries)) {
		log_say(inquiries->log, LOG_LEVEL_WARNING, "too-many-ask", "%s: %d connections", inquiries->kind->name, (int)inquiries->connections.n);
		os_close(socket);
		return;
	}
	connection = mem_new(sizeof(*connection));
	*connection = (struct connection){ .inquiries = inquiries, .socket = socket, .is_idle = true };
	connection->fiber = fiber_start(inquiries->loop, inquiries->kind->name, serve, connection);
	if (connection->fiber == NULL) {
		os_close(socket);
		mem_free(connection);
		return;
	}
	list_append(&inquiries->connections, &connection->link);
}

static void
accept_waiting(struct inquiries *inquiries)
{
	struct instant now = loop_now(inquiries->loop);
	int socket = 0;

	for (int n = 0; n < TURN_CONNECTIONS && socket >= 0; n++) {
		socket = os_accept(inquiries->listener, NULL, NULL);
		if (socket >= 0)
			welcome(inquiries, socket);
	}
	if (socket >= 0 || socket == -ECONNABORTED)	/* more may wait */
		timer_set(inquiries->loop, &inquiries->again, now);
	else if (socket != -EAGAIN)
		timer_set(inquiries->loop, &inquiries->again, instant_after(now, span_ms(TROUBLE_PAUSE_MS)));
}

static void
notice(struct watch *watch, unsigned what)
{
	(void)what;
	accept_waiting(LIST_ITEM(watch, struct inquiries, watch));
}

static void
ring(struct timer *timer)
{
	accept_waiting(LIST_ITEM(timer, struct inquiries, again));
}

struct inquiries *
inquiries_open(struct loop *loop, int listener, const struct inquiry_kind *kind, void *context, struct log *log, struct fault *fault_out)
{
	struct inquiries *inquiries = mem_new(sizeof(*inquiries));
	int error;

	*inquiries = (struct inquiries){ .loop = loop, .listener = listener, .kind = kind, .context = context, .log = log,
	    .watch.notice = notice, .again.ring = ring };
	list_init(&inquiries->connections);
	signal_init(&inquiries->ended);
	error = loop_watch(loop, listener, &inquiries->watch);
	if (error != 0) {
		fault_temporary(fault_out, "the %s socket cannot be watched: %s", kind->name, strerror(-error));
		os_close(listener);
		mem_free(inquiries);
		return NULL;
	}
	timer_set(loop, &inquiries->again, loop_now(loop));	/* who came before we watched is no news */
	return inquiries;
}

void
inquiries_stop(struct inquiries *inquiries)
{
	timer_clear(inquiries->loop, &inquiries->again);
	loop_unwatch(inquiries->loop, inquiries->listener, &inquiries->watch);
	os_close(inquiries->listener);
	inquiries->listener = -1;
	LIST_EACH(link, &inquiries->connections)
		fiber_cancel(LIST_ITEM(link, struct connection, link)->fiber);
	while (!list_is_empty(&inquiries->connections))
		if (signal_wait(&inquiries->ended, INSTANT_NEVER) == WAKE_CANCELLED)
			fiber_yield();		/* nothing suspends us any more, but they must come to their end */
}

void
inquiries_free(struct inquiries *inquiries)
{
	if (inquiries == NULL)
		return;
	insist(inquiries->listener == -1 && list_is_empty(&inquiries->connections));
	mem_free(inquiries);
}

const char *
inquiries_name(const struct inquiries *inquiries)
{
	return inquiries->kind->name;
}

int64_t
inquiries_n_answered(const struct inquiries *inquiries)
{
	return inquiries->n_answered;
}

int
inquiries_n_connections(const struct inquiries *inquiries)
{
	return (int)inquiries->connections.n;
}
