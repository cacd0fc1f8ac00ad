/*
 * fuzz_control.c - requests on the operator's socket over a real queue and what is known of recipients: each is answered, what is wrong does nothing
 *
 * Each line of the input is a request on a connection of its own; the first byte lets some come from a stranger.
 */
#include "smtpfwd/control/queue_commands.h"
#include "smtpfwd/control/recipients_commands.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/fuzz/fuzz.h"
#include "tests/queue/yard.h"

#define CONTROL_AT	"/run/control"

enum { DAEMON_UID = 990, STRANGER_UID = 1000, REQUESTS_MAX = 20 };

struct scene {
	struct yard		 yard;
	struct fuzz		 f;
	unsigned		 choice;
	struct queue_commands	 queue_commands;
	struct recipients_commands recipients_commands;
	struct control_command	 commands[QUEUE_COMMANDS_N + RECIPIENTS_COMMANDS_N];
};

static void
each_destination(void *context, struct str word, void (*visit)(void *visit_context, struct str destination), void *visit_context)
{
	if (str_eq(word, STR("x")))
		visit(visit_context, STR("x.example"));
}

static const char *
relay_of(void *context, struct str domain)
{
	(void)context;
	return str_ends_nocase(domain, STR("x.example")) ? "x" : NULL;
}

static struct knowledge *
new_knowledge(void)
{
	struct knowledge_bounds bounds = { .good_max = 5, .bad_max = 2, .good_keep = span_s(86400), .bad_keep = span_s(3600) };
	struct knowledge *knowledge = knowledge_new(&bounds, (const uint64_t[2]){ 1, 2 });

	knowledge_set_relays(knowledge, (const char *const []){ "x", "y" }, 2);
	return knowledge;
}

/* Lines of one JSON object each, the last and only the last of them done.  True if it tells an error. */
static bool
check_answer(struct str answer)
{
	bool is_done = false, has_error = false;

	insist(answer.len > 0);
	while (answer.len > 0) {
		ptrdiff_t end = str_find(answer, '\n');
		json_t *object = end < 0 ? NULL : json_loadb(answer.at, (size_t)end, JSON_REJECT_DUPLICATES, NULL);

		insist(json_is_object(object) && !is_done);
		is_done = json_is_true(json_object_get(object, "done"));
		has_error = json_object_get(object, "error") != NULL;
		json_decref(object);
		answer = str_from(answer, (size_t)end + 1);
	}
	insist(is_done);
	return has_error;
}

static void
ask(struct scene *s, struct str request, uint32_t uid)
{
	struct stream_limits limits = { .input_max_bytes = FUZZ_ROOM_MAX_BYTES, .output_max_bytes = FUZZ_ROOM_MAX_BYTES };
	struct queue_counts before = yard_count(&s->yard), after;
	struct stream *stream = stream_new(s->yard.loop, sim_connect_unix(s->yard.sim, CONTROL_AT, uid), limits, NULL);
	struct str piece;
	bool has_error;

	insist(stream != NULL);
	while (fuzz_piece(&s->f, 100, &request, &piece))
		if (stream_write(stream, piece, yard_in(10), NULL) != 0 || stream_flush(stream, yard_in(10), NULL) != 0)
			break;
	if (s->choice & 1)		/* otherwise it has no end, and times out */
		(void)stream_write(stream, STR("\n"), yard_in(10), NULL);
	(void)stream_flush(stream, yard_in(10), NULL);
	while (stream_fill(stream, yard_in(4000), NULL) > 0)
		;
	has_error = check_answer(stream_input(stream));
	after = yard_count(&s->yard);
	insist(uid != STRANGER_UID || has_error);
	insist(!has_error || (after.n_mails == before.n_mails && after.n_held == before.n_held));
	stream_close(stream);
}

static void
operate(struct yard *yard)
{
	struct scene *s = yard->arg;
	struct control *control;
	int n = 0;

	(void)yard_put(yard, "b@x.example", STR("Subject: 1\r\n\r\n"));
	(void)yard_put(yard, "b@x.example c@y.example", STR("Subject: 2\r\n\r\n"));
	insist(yard_count(yard).n_mails == 2);
	s->queue_commands = (struct queue_commands){ .queue = yard->queue, .log = &yard->log, .each_destination = each_destination };
	queue_commands_fill(&s->queue_commands, s->commands);
	s->recipients_commands = (struct recipients_commands){ .knowledge = new_knowledge(), .log = &yard->log, .relay_of = relay_of };
	recipients_commands_fill(&s->recipients_commands, s->commands + QUEUE_COMMANDS_N);
	control = control_new(yard->loop, os_listen_unix(CONTROL_AT, 0600), DAEMON_UID, s->commands, QUEUE_COMMANDS_N + RECIPIENTS_COMMANDS_N, &yard->log, NULL);
	insist(control != NULL);
	while (s->f.rest.len > 0 && n++ < REQUESTS_MAX) {
		uint32_t uid = s->choice & 2 && n % 4 == 0 ? STRANGER_UID : n % 2 == 0 ? 0 : DAEMON_UID;
		struct str line = fuzz_line(&s->f);

		ask(s, line, uid);
	}
	control_stop(control);
	control_free(control);
	knowledge_free(s->recipients_commands.knowledge);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct scene s = { .choice = 0 };

	fuzz_begin(&s.f, bytes, n_bytes, &s.choice);
	yard_init(&s.yard, sim_new(&(struct sim_options){ .seed = s.choice }));
	s.yard.arg = &s;
	sim_disk_make_dir(s.yard.sim, "/run");
	sim_enter(s.yard.sim);
	insist(yard_run(&s.yard, operate));
	insist(sim_leave(s.yard.sim) == 0);
	insist(test_counts().n_missed == 0);
	sim_free(s.yard.sim);
	yard_fini(&s.yard);
	fuzz_end(&s.f);
	return 0;
}
