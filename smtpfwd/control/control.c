/*
 * control.c - connections of operators: one request, one answer each
 */
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/runtime/stream.h"
#include "smtpfwd/runtime/sync.h"

enum {
	REQUEST_MAX_BYTES = 64 * 1024,
	OUTPUT_MAX_BYTES = 64 * 1024,
	CONNECTIONS_MAX = 20,		/* operators and their scripts */
	REQUEST_WITHIN_S = 10,
	ANSWER_WITHIN_S = 3600,		/* a list of a million mails, slowly read */
	TROUBLE_PAUSE_MS = 1000,
	BEAT_S = 5,			/* an operator who waits is told that we live; smtpfwdctl gives us 30 s */
	BEAT_WITHIN_S = 1,
	REQUEST_DEPTH_MAX = 8,		/* the library recurses for each level, and a fiber's stack is small */
};

struct control {
	struct loop			*loop;
	int				 listener;
	uid_t				 daemon_uid;
	struct watch			 watch;
	struct timer			 again;		/* after trouble with accepting */
	const struct control_command	*commands;
	int				 n_commands;
	struct log			*log;
	struct list			 answers;
	struct signal_list		 ended;
	struct fiber			*beat;		/* NULL: it has ended */
	struct signal_list		 changed;	/* answers came, or one is not written to any more */
	bool				 is_stopping;
};

struct answer {				/* a connection */
	struct control		*control;
	struct list_link	 link;
	struct fiber		*fiber;
	int			 socket;
	struct stream		*stream;
	char			 error[300];	/* "" if none */
	bool			 is_running;	/* the command, which may have nothing to say for long */
	bool			 is_written;	/* by somebody: the command, or the beat */
	struct instant		 written_at;
};

void
answer_error(struct answer *answer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(answer->error, sizeof(answer->error), format, args);
	va_end(args);
}

/* For the command's fiber: the beat is short. */
static void
answer_lock(struct answer *answer)
{
	while (answer->is_written)
		if (signal_wait(&answer->control->changed, INSTANT_NEVER) == WAKE_CANCELLED)
			fiber_yield();		/* nothing suspends us any more, but the beat must come to its end */
	answer->is_written = true;
}

static void
answer_unlock(struct answer *answer)
{
	answer->is_written = false;
	answer->written_at = loop_now(answer->control->loop);
	signal_all(&answer->control->changed);
}

int
answer_write(struct answer *answer, json_t *object, struct instant deadline)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	int status;

	json_decref(object);
	insist(text != NULL);
	answer_lock(answer);
	status = stream_write(answer->stream, str_of(text), deadline, NULL);
	free(text);
	if (status == 0)
		status = stream_write(answer->stream, STR("\n"), deadline, NULL);
	answer_unlock(answer);
	return status != 0 ? -1 : 0;
}

/* --- a sign of life --- */

static bool
is_silent(const struct answer *answer, struct instant now)
{
	return answer->is_running && !answer->is_written &&
	    !instant_is_before(now, instant_after(answer->written_at, span_s(BEAT_S)));
}

/* An empty line to each who has heard nothing for long; with it goes what stood in the stream. */
static void
beat_all(struct control *control)
{
	struct list_link *link = control->answers.head.next;

	while (link != &control->answers.head) {
		struct answer *answer = LIST_ITEM(link, struct answer, link);
		struct instant now = loop_now(control->loop);

		if (!is_silent(answer, now)) {
			link = link->next;
			continue;
		}
		answer->is_written = true;	/* it is not freed now */
		if (stream_write(answer->stream, STR("\n"), instant_after(now, span_s(BEAT_WITHIN_S)), NULL) == 0)
			(void)stream_flush(answer->stream, instant_after(now, span_s(BEAT_WITHIN_S)), NULL);
		answer_unlock(answer);
		link = control->answers.head.next;	/* others may have come and gone; who was beaten is silent no more */
	}
}

static void
beat(void *arg)
{
	struct control *control = arg;

	while (!control->is_stopping) {
		if (list_is_empty(&control->answers)) {
			(void)signal_wait(&control->changed, INSTANT_NEVER);
			continue;
		}
		(void)fiber_sleep(instant_after(loop_now(control->loop), span_s(BEAT_S)));
		beat_all(control);
	}
	control->beat = NULL;
	signal_all(&control->ended);
}

/* Reads the request's line; what stands behind it is not looked at.  False: there is none; the answer's error says why. */
static bool
read_line(struct answer *answer, struct instant deadline, struct str *line_out)
{
	struct fault fault;
	struct str input;
	ptrdiff_t end;
	int n;

	for (;;) {
		input = stream_input(answer->stream);
		end = str_find(input, '\n');
		if (end >= 0) {
			*line_out = str_sub(input, 0, (size_t)end);
			return true;
		}
		n = stream_fill(answer->stream, deadline, &fault);
		if (n <= 0) {
			answer_error(answer, "no request: %s", n == 0 ? "the line has no end" : fault.text);
			return false;
		}
	}
}

/* True when no more brackets are open at once than a request of ours can have. */
static bool
is_shallow(struct str line)
{
	bool is_quoted = false;
	int depth = 0;

	for (size_t i = 0; i < line.len && depth <= REQUEST_DEPTH_MAX; i++) {
		char c = line.at[i];

		if (is_quoted && c == '\\')
			i++;
		else if (c == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && (c == '{' || c == '['))
			depth++;
		else if (!is_quoted && (c == '}' || c == ']'))
			depth--;
	}
	return depth <= REQUEST_DEPTH_MAX;
}

static void
run_request(struct answer *answer, struct str line, struct instant deadline)
{
	struct control *control = answer->control;
	json_error_t trouble;
	json_t *request = is_shallow(line) ? json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, &trouble) : NULL;
	const char *name = json_string_value(json_object_get(request, "command"));

	if (name == NULL) {
		answer_error(answer, "the request is no JSON object with a command");
	} else {
		int i = 0;

		while (i < control->n_commands && strcmp(control->commands[i].name, name) != 0)
			i++;
		if (i < control->n_commands)
			control->commands[i].run(control->commands[i].context, request, answer, deadline);
		else
			answer_error(answer, "there is no such command");
	}
	json_decref(request);
}

static void
say_done(struct answer *answer, struct instant deadline)
{
	json_t *last = json_pack("{s:b}", "done", 1);

	if (answer->error[0] != '\0')
		json_object_set_new(last, "error", control_json_str(str_of(answer->error)));
	if (answer_write(answer, last, deadline) == 0)
		stream_flush(answer->stream, deadline, NULL);
}

static bool
is_allowed(const struct answer *answer)
{
	uid_t uid;

	return os_peer_uid(answer->socket, &uid) == 0 && (uid == 0 || uid == answer->control->daemon_uid);
}

static void
serve(void *arg)
{
	struct answer *answer = arg;
	struct control *control = answer->control;
	struct instant now = loop_now(control->loop);
	struct instant deadline = instant_after(now, span_s(ANSWER_WITHIN_S));
	struct stream_limits limits = { .input_max_bytes = REQUEST_MAX_BYTES, .output_max_bytes = OUTPUT_MAX_BYTES };
	bool may = is_allowed(answer);
	struct str line;

	answer->stream = stream_new(control->loop, answer->socket, limits, NULL);
	if (answer->stream != NULL) {
		if (read_line(answer, instant_after(now, span_s(REQUEST_WITHIN_S)), &line)) {
			answer->written_at = loop_now(control->loop);
			answer->is_running = may;
			if (may)
				run_request(answer, line, deadline);
			else
				answer_error(answer, "only root and the daemon's user may ask");
		}
		say_done(answer, deadline);
		answer->is_running = false;
		answer_lock(answer);		/* no beat is under way */
		stream_close(answer->stream);
	}
	list_remove(&control->answers, &answer->link);
	signal_all(&control->ended);
	mem_free(answer);
}

/* One try to say it: who cannot be served is not waited for either. */
static void
turn_away(int socket)
{
	static const char text[] = "{\"done\":true,\"error\":\"too many ask at once\"}\n";
	struct iovec piece = { .iov_base = (void *)(uintptr_t)text, .iov_len = sizeof(text) - 1 };

	(void)os_sendv(socket, &piece, 1);
	os_close(socket);
}

static void
welcome(struct control *control, int socket)
{
	struct answer *answer;

	if (control->answers.n >= CONNECTIONS_MAX) {
		turn_away(socket);
		return;
	}
	answer = mem_new(sizeof(*answer));
	answer->control = control;
	answer->socket = socket;
	list_append(&control->answers, &answer->link);
	answer->fiber = fiber_start(control->loop, "control", serve, answer);
	if (answer->fiber == NULL) {
		list_remove(&control->answers, &answer->link);
		mem_free(answer);
		turn_away(socket);
		return;
	}
	signal_all(&control->changed);
}

static void
accept_waiting(struct control *control)
{
	int socket;

	timer_clear(control->loop, &control->again);
	while ((socket = os_accept(control->listener, NULL, NULL)) >= 0 || socket == -ECONNABORTED)
		if (socket >= 0)
			welcome(control, socket);
	/* No descriptor is free: no event will come for who waits already. */
	if (socket != -EAGAIN)
		timer_set(control->loop, &control->again, instant_after(loop_now(control->loop), span_ms(TROUBLE_PAUSE_MS)));
}

static void
notice(struct watch *watch, unsigned what)
{
	(void)what;
	accept_waiting(LIST_ITEM(watch, struct control, watch));
}

static void
ring(struct timer *timer)
{
	accept_waiting(LIST_ITEM(timer, struct control, again));
}

struct control *
control_new(struct loop *loop, int listener, uid_t daemon_uid, const struct control_command *commands,
    int n_commands, struct log *log, struct fault *fault_out)
{
	struct control *control = mem_new(sizeof(*control));
	int error;

	*control = (struct control){ .loop = loop, .listener = listener, .daemon_uid = daemon_uid,
	    .watch = { .notice = notice }, .again = { .ring = ring }, .commands = commands, .n_commands = n_commands, .log = log };
	list_init(&control->answers);
	signal_init(&control->ended);
	signal_init(&control->changed);
	error = loop_watch(loop, listener, &control->watch);
	if (error != 0) {
		fault_temporary(fault_out, "the control socket cannot be watched: %s", strerror(-error));
		mem_free(control);
		return NULL;
	}
	control->beat = fiber_start(loop, "control beat", beat, control);
	if (control->beat == NULL) {
		(void)fault_temporary(fault_out, "no memory for a fiber");
		loop_unwatch(loop, listener, &control->watch);
		mem_free(control);
		return NULL;
	}
	accept_waiting(control);	/* who came before the watch */
	return control;
}

void
control_stop(struct control *control)
{
	timer_clear(control->loop, &control->again);
	loop_unwatch(control->loop, control->listener, &control->watch);
	os_close(control->listener);
	LIST_EACH(link, &control->answers)
		fiber_cancel(LIST_ITEM(link, struct answer, link)->fiber);
	control->is_stopping = true;
	if (control->beat != NULL)
		fiber_cancel(control->beat);
	while ((!list_is_empty(&control->answers) || control->beat != NULL) && signal_wait(&control->ended, INSTANT_NEVER) == WAKE_READY)
		;
}

void
control_free(struct control *control)
{
	insist(list_is_empty(&control->answers) && control->beat == NULL);
	mem_free(control);
}
