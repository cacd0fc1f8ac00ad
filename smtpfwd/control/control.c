/*
 * control.c - connections of operators: one request, one answer each
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/code.h"
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
	TEXT_MAX_BYTES = 64 * 1024,
};

struct control {
	struct loop			*loop;
	int				 listener;
	uid_t				 daemon_uid;
	struct watch			 watch;
	const struct control_command	*commands;
	int				 n_commands;
	struct log			*log;
	struct list			 answers;
	struct signal_list		 ended;
};

struct answer {				/* a connection */
	struct control		*control;
	struct list_link	 link;
	struct fiber		*fiber;
	int			 socket;
	struct stream		*stream;
	char			 error[300];	/* "" if none */
};

json_t *
control_json_str(struct str text)
{
	struct buf shown;
	json_t *string;

	if (str_is_utf8(text))
		return json_stringn(text.at != NULL ? text.at : "", text.len);
	buf_init(&shown, TEXT_MAX_BYTES);
	escape_append(text, true, TEXT_MAX_BYTES / 4, &shown);
	string = json_stringn(shown.at != NULL ? shown.at : "", shown.len);
	buf_fini(&shown);
	return string;
}

void
answer_error(struct answer *answer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(answer->error, sizeof(answer->error), format, args);
	va_end(args);
}

int
answer_write(struct answer *answer, json_t *object, struct instant deadline)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	int status;

	json_decref(object);
	insist(text != NULL);
	status = stream_write(answer->stream, str_of(text), deadline, NULL);
	free(text);
	return status != 0 ? -1 : stream_write(answer->stream, STR("\n"), deadline, NULL);
}

/* Reads the request's line; what stands behind it is not looked at. */
static bool
read_line(struct answer *answer, struct instant deadline, struct str *line_out)
{
	struct str input;
	ptrdiff_t end;

	for (;;) {
		input = stream_input(answer->stream);
		end = str_find(input, '\n');
		if (end >= 0) {
			*line_out = str_sub(input, 0, (size_t)end);
			return true;
		}
		if (stream_fill(answer->stream, deadline, NULL) <= 0)
			return false;
	}
}

static void
run_request(struct answer *answer, struct str line, struct instant deadline)
{
	struct control *control = answer->control;
	json_error_t trouble;
	json_t *request = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, &trouble);
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
			if (may)
				run_request(answer, line, deadline);
			else
				answer_error(answer, "only root and the daemon's user may ask");
			say_done(answer, deadline);
		}
		stream_close(answer->stream);
	}
	list_remove(&control->answers, &answer->link);
	signal_all(&control->ended);
	mem_free(answer);
}

static void
accept_all(struct watch *watch, unsigned what)
{
	struct control *control = LIST_ITEM(watch, struct control, watch);
	struct endpoint peer, local;
	struct answer *answer;
	int socket;

	while ((socket = os_accept(control->listener, &peer, &local)) >= 0) {
		if (control->answers.n >= CONNECTIONS_MAX) {
			os_close(socket);
			continue;
		}
		answer = mem_new(sizeof(*answer));
		answer->control = control;
		answer->socket = socket;
		list_append(&control->answers, &answer->link);
		answer->fiber = fiber_start(control->loop, "control", serve, answer);
		if (answer->fiber == NULL) {
			os_close(socket);
			list_remove(&control->answers, &answer->link);
			mem_free(answer);
		}
	}
}

struct control *
control_new(struct loop *loop, int listener, uid_t daemon_uid, const struct control_command *commands,
    int n_commands, struct log *log, struct fault *fault_out)
{
	struct control *control = mem_new(sizeof(*control));
	int error;

	*control = (struct control){ .loop = loop, .listener = listener, .daemon_uid = daemon_uid,
	    .watch = { .notice = accept_all }, .commands = commands, .n_commands = n_commands, .log = log };
	list_init(&control->answers);
	signal_init(&control->ended);
	error = loop_watch(loop, listener, &control->watch);
	if (error != 0) {
		fault_temporary(fault_out, "the control socket cannot be watched: %s", strerror(-error));
		mem_free(control);
		return NULL;
	}
	accept_all(&control->watch, OS_READABLE);	/* who came before the watch */
	return control;
}

void
control_stop(struct control *control)
{
	loop_unwatch(control->loop, control->listener, &control->watch);
	os_close(control->listener);
	LIST_EACH(link, &control->answers)
		fiber_cancel(LIST_ITEM(link, struct answer, link)->fiber);
	while (!list_is_empty(&control->answers) && signal_wait(&control->ended, INSTANT_NEVER) == WAKE_READY)
		;
}

void
control_free(struct control *control)
{
	insist(list_is_empty(&control->answers));
	mem_free(control);
}
