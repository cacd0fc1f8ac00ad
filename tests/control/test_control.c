/*
 * test_control.c - the operator's socket over a real queue, in the simulated world
 *
 * What is sent is what a program could send, not only what smtpfwdctl does.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/code.h"
#include "base/insist.h"
#include "base/list.h"
#include "base/mem.h"
#include "smtpfwd/control/queue_commands.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

enum { DAEMON_UID = 990, OTHER_UID = 1000, ANSWER_MAX_BYTES = 4 * 1024 * 1024, MAILS_MAX = 8, ASK_WITHIN_S = 60 };
#define CONTROL_AT	"/run/control"

struct scene {
	struct sim		*sim;
	struct loop		*loop;
	struct log		 log;
	char			 logged[4096];
	char			 retried[64];		/* destinations that were to be checked */
	struct queue		*queue;
	struct control		*control;
	struct queue_commands	 queue_commands;
	struct control_command	 commands[QUEUE_COMMANDS_N + 2];
	char			 ids[MAILS_MAX][MAIL_ID_TEXT_MAX];
	int			 n_mails;
	struct buf		 answer;		/* of the latest request */
	char			 request[256];
};

static struct instant
soon(const struct scene *s)
{
	return instant_after(loop_now(s->loop), span_s(ASK_WITHIN_S));
}

static void
write_log(struct log *log, enum log_level level, struct str line)
{
	struct scene *s = LIST_ITEM(log, struct scene, log);
	size_t len = strlen(s->logged);

	(void)level;
	snprintf(s->logged + len, sizeof(s->logged) - len, "%.*s\n", STR_ARG(line));
}

/* --- a queue with mails --- */

static struct str
destination_of(void *context, const struct envelope *envelope, const struct recipient *recipient, const struct mail_facts *facts)
{
	(void)context;
	(void)envelope;
	(void)facts;
	return str_ends_nocase(recipient->address.domain, STR("b.example")) ? STR("relay:b") : STR("relay:a");
}

/* "both" are two destinations of one next hop. */
static void
each_destination(void *context, struct str word, void (*visit)(void *visit_context, struct str destination), void *visit_context)
{
	(void)context;
	if (str_eq(word, STR("a")) || str_eq(word, STR("both")))
		visit(visit_context, STR("relay:a"));
	if (str_eq(word, STR("b")) || str_eq(word, STR("both")))
		visit(visit_context, STR("relay:b"));
}

static void
note_retried(void *context, struct str destination)
{
	struct scene *s = context;
	size_t len = strlen(s->retried);

	snprintf(s->retried + len, sizeof(s->retried) - len, "<%.*s>", STR_ARG(destination));
}

static void
put_mail(struct scene *s, const char *recipient)
{
	struct envelope envelope = { .ret = RET_UNSET };
	struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR("192.0.2.7"),
	    .listener = STR("mx") };
	struct draft *draft = draft_new(s->queue);
	struct mail_id id = draft_id(draft);
	struct recipient to = { .notify = NOTIFY_UNSET };
	struct arena arena;
	struct fault fault;

	arena_init(&arena, 4096);
	insist(address_parse(STR("alice@x.example"), true, &envelope.reverse_path));
	insist(address_parse(str_of(recipient), true, &to.address));
	insist(envelope_add_recipient(&envelope, &to, &arena));
	insist(draft_append(draft, STR("Subject: x\r\n\r\nx\r\n"), soon(s), &fault) == 0);
	mail_id_text(&id, s->ids[s->n_mails++]);
	insist(queue_put(s->queue, draft, &envelope, &facts, STR_EMPTY, soon(s), &fault) == 0);
	arena_fini(&arena);
}

static void
fill_queue(struct scene *s)
{
	s->n_mails = 0;
	put_mail(s, "bob@a.example");
	put_mail(s, "bob@b.example");
	put_mail(s, "carol@A.example");
}

/* --- asking --- */

static int
connect_as(struct scene *s, uint32_t uid, struct stream **stream_out)
{
	struct stream_limits limits = { .input_max_bytes = ANSWER_MAX_BYTES, .output_max_bytes = ANSWER_MAX_BYTES };
	int socket = sim_connect_unix(s->sim, CONTROL_AT, uid);

	*stream_out = socket >= 0 ? stream_new(s->loop, socket, limits, NULL) : NULL;
	return *stream_out != NULL ? 0 : -1;
}

/* The answer to its end into s->answer. */
static void
read_answer(struct scene *s, struct stream *stream)
{
	buf_clear(&s->answer);
	while (stream_fill(stream, instant_after(loop_now(s->loop), span_s(3600)), NULL) > 0)
		;
	insist(buf_append(&s->answer, stream_input(stream)) == 0);
	stream_close(stream);
}

static struct str
ask_as(struct scene *s, uint32_t uid, struct str request)
{
	struct stream *stream;

	buf_clear(&s->answer);
	if (connect_as(s, uid, &stream) != 0)
		return STR("no connection");
	(void)stream_write(stream, request, soon(s), NULL);
	(void)stream_flush(stream, soon(s), NULL);
	read_answer(s, stream);
	return buf_str(&s->answer);
}

static struct str __attribute__((format(printf, 2, 3)))
ask(struct scene *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->request, sizeof(s->request) - 1, format, args);
	va_end(args);
	strcat(s->request, "\n");
	return ask_as(s, 0, str_of(s->request));
}

/* Which mails the answer lists: bit i is of mail i; -1 if a line is no JSON object or the last is not "done". */
static int
listed(const struct scene *s)
{
	struct str left = buf_str(&s->answer);
	bool is_done = false;
	int bits = 0;

	while (left.len > 0) {
		ptrdiff_t end = str_find(left, '\n');
		json_t *object = end < 0 ? NULL : json_loadb(left.at, (size_t)end, 0, NULL);
		const char *id = json_string_value(json_object_get(json_object_get(object, "mail"), "id"));

		if (!json_is_object(object) || is_done)
			return -1;
		is_done = json_is_true(json_object_get(object, "done"));
		for (int i = 0; id != NULL && i < s->n_mails; i++)
			if (strcmp(id, s->ids[i]) == 0)
				bits |= 1 << i;
		json_decref(object);
		left = str_from(left, (size_t)end + 1);
	}
	return is_done ? bits : -1;
}

static int
list(struct scene *s, const char *filter)
{
	(void)ask(s, "{\"command\":\"queue-list\"%s%s}", filter[0] != '\0' ? "," : "", filter);
	return listed(s);
}

#define DONE		"{\"done\":true}\n"
#define ERROR(text)	"{\"done\":true,\"error\":\"" text "\"}\n"
#define NO_REQUEST	ERROR("the request is no JSON object with a command")

/* --- who may ask, and what is no request --- */

static void
test_who(struct scene *s)
{
	test_case("root and the daemon's user are served, nobody else");
	expect_str(ask_as(s, 0, STR("{\"command\":\"queue-list\",\"held\":true}\n")), STR(DONE));
	expect_str(ask_as(s, DAEMON_UID, STR("{\"command\":\"queue-list\",\"held\":true}\n")), STR(DONE));
	expect_str(ask_as(s, OTHER_UID, STR("{\"command\":\"queue-remove\",\"all\":true}\n")),
	    STR(ERROR("only root and the daemon's user may ask")));
	expect_int(list(s, ""), 7);
}

static void
test_no_request(struct scene *s)
{
	static const struct { const char *name, *request, *want; } cases[] = {
		{ "an empty line is no request", "\n", NO_REQUEST },
		{ "words are no request", "queue list\n", NO_REQUEST },
		{ "JSON that breaks off is none", "{\"command\":\"queue-list\"\n", NO_REQUEST },
		{ "an array is none", "[\"command\",\"queue-list\"]\n", NO_REQUEST },
		{ "a command is a text", "{\"command\":5}\n", NO_REQUEST },
		{ "a key stands once", "{\"command\":\"queue-list\",\"command\":\"queue-remove\"}\n", NO_REQUEST },
		{ "a NUL is in no text", "{\"command\":\"queue-list\\u0000\"}\n", NO_REQUEST },
		{ "bytes that are no UTF-8", "{\"command\":\"\xff\"}\n", NO_REQUEST },
		{ "an unknown command", "{\"command\":\"queue-burn\"}\n", ERROR("there is no such command") },
		{ "what stands behind the line is not looked at", "{\"command\":\"queue-list\",\"held\":true}\n{\"command\"", DONE },
		{ "brackets in a text are no depth", "{\"command\":\"[[[[[[[[[[[[\\\"[[[\"}\n", ERROR("there is no such command") },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s", cases[i].name);
		expect_str(ask_as(s, 0, str_of(cases[i].request)), str_of(cases[i].want));
	}
}

static void
test_hostile(struct scene *s)
{
	static const char brackets[] = { '[', '{' };
	struct stream *stream;
	struct instant start;
	char *text;
	size_t n;

	for (size_t kind = 0; kind < 2; kind++) {
		test_case("60,000 levels of %c are no request", brackets[kind]);
		text = mem_new(70000);
		n = (size_t)snprintf(text, 100, "{\"command\":\"queue-list\",\"id\":");
		memset(text + n, brackets[kind], 60000);
		text[n + 60000] = '\n';
		expect_str(ask_as(s, 0, str_n(text, n + 60001)), STR(NO_REQUEST));
		memset(text, 'x', 70000);
		mem_free(text);
	}
	test_case("a request longer than 64 KB is refused, and said so");
	text = mem_new(70000);
	memset(text, 'x', 70000);
	expect_str(ask_as(s, 0, str_n(text, 70000)), STR(ERROR("no request: more than 65536 bytes of input")));
	mem_free(text);

	test_case("who says nothing is let go after 10 s");
	expect_int(connect_as(s, 0, &stream), 0);
	start = loop_now(s->loop);
	read_answer(s, stream);
	expect_int(span_to_s(instant_diff(start, loop_now(s->loop))), 10);
	expect(str_find_str(buf_str(&s->answer), STR("\"error\":\"no request: ")) > 0);
}

static void
test_too_many(struct scene *s)
{
	struct stream *streams[20];

	test_case("with 20 who have not asked yet the next is turned away, and told");
	for (int i = 0; i < 20; i++)
		insist(connect_as(s, 0, &streams[i]) == 0);
	expect_str(ask(s, "{\"command\":\"queue-list\"}"), STR(ERROR("too many ask at once")));
	test_case("when one has gone there is room again");
	stream_close(streams[0]);
	fiber_sleep(instant_after(loop_now(s->loop), span_s(1)));
	expect_int(list(s, ""), 7);
	for (int i = 1; i < 20; i++)
		stream_close(streams[i]);
	fiber_sleep(instant_after(loop_now(s->loop), span_s(1)));
}

static void
test_bytes(struct scene *s)
{
	test_case("bytes that are no text come escaped");
	expect_str(ask(s, "{\"command\":\"bytes\"}"), STR("{\"text\":\"a\\\\xff\\\\x00b\"}\n" DONE));
}

/* --- the queue's commands --- */

static void
test_filters(struct scene *s)
{
	static const struct { const char *name, *filter; int want; } cases[] = {
		{ "all without a filter", "", 7 },
		{ "all by name", "\"all\":true", 7 },
		{ "a recipient's domain, in any case", "\"recipient-domain\":\"a.EXAMPLE\"", 5 },
		{ "a domain of no mail", "\"recipient-domain\":\"c.example\"", 0 },
		{ "a next hop", "\"next-hop\":\"b\"", 2 },
		{ "a next hop of two destinations", "\"next-hop\":\"both\"", 7 },
		{ "a next hop and a domain: both must hold", "\"next-hop\":\"b\",\"recipient-domain\":\"a.example\"", 0 },
		{ "held ones, while none is", "\"held\":true", 0 },
	};
	char filter[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("list: %s", cases[i].name);
		expect_int(list(s, cases[i].filter), cases[i].want);
	}
	test_case("list: an id");
	snprintf(filter, sizeof(filter), "\"id\":\"%s\"", s->ids[1]);
	expect_int(list(s, filter), 2);
}

static void
test_misunderstood(struct scene *s)
{
	static const struct { const char *filter, *want; } cases[] = {
		{ "\"id\":\"nonsense\"", ERROR("\\\"nonsense\\\" is no mail's id") },
		{ "\"id\":7,\"all\":true", ERROR("\\\"id\\\" must be a text, and not empty") },
		{ "\"id\":\"\",\"all\":true", ERROR("\\\"id\\\" must be a text, and not empty") },
		{ "\"recipient-domain\":[\"a.example\"],\"all\":true", ERROR("\\\"recipient-domain\\\" must be a text, and not empty") },
		{ "\"recipient_domain\":\"a.example\",\"all\":true", ERROR("\\\"recipient_domain\\\" is nothing that a request can say") },
		{ "\"all\":\"yes\"", ERROR("\\\"all\\\" must be true, or left out") },
		{ "\"held\":false", ERROR("\\\"held\\\" must be true, or left out") },
		{ "\"next-hop\":\"c\"", ERROR("\\\"c\\\" is no relay, route or next hop") },
	};
	static const char *const commands[] = { "queue-list", "queue-hold", "queue-release", "queue-retry", "queue-remove",
	    "queue-bounce" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s changes nothing", cases[i].filter);
		for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++)
			expect_str(ask(s, "{\"command\":\"%s\",%s}", commands[k], cases[i].filter), str_of(cases[i].want));
	}
	test_case("what changes mails must be told which ones");
	for (size_t k = 1; k < sizeof(commands) / sizeof(commands[0]); k++)
		expect_str(ask(s, "{\"command\":\"%s\"}", commands[k]),
		    STR(ERROR("say which: an id, a recipient domain, a next hop, or all")));
	expect_int(list(s, ""), 7);
	expect_int(list(s, "\"held\":true"), 0);
}

static void
test_show(struct scene *s)
{
	struct str got;

	test_case("show tells of one mail");
	got = ask(s, "{\"command\":\"queue-show\",\"id\":\"%s\"}", s->ids[0]);
	expect_int(listed(s), 1);
	expect(str_find_str(got, STR("\"from\":\"alice@x.example\"")) > 0);
	expect(str_find_str(got, STR("\"class\":\"incoming\",\"client\":\"192.0.2.7\",\"listener\":\"mx\",\"held\":false")) > 0);
	expect(str_find_str(got, STR("\"recipients\":[{\"address\":\"bob@a.example\",\"state\":\"waiting\",\"destination\":\"relay:a\"")) > 0);
	test_case("show needs an id, and one that is there");
	expect_str(ask(s, "{\"command\":\"queue-show\",\"all\":true}"), STR(ERROR("show needs an id")));
	expect_str(ask(s, "{\"command\":\"queue-show\",\"id\":\"%.16s%c\"}", s->ids[0], s->ids[0][16] == 'B' ? 'C' : 'B'),
	    STR(ERROR("no such mail is in the queue")));
}

static void
test_hold(struct scene *s)
{
	test_case("hold by domain holds what it names");
	expect_str(ask(s, "{\"command\":\"queue-hold\",\"recipient-domain\":\"a.example\"}"), STR("{\"mails\":2}\n" DONE));
	expect_int(list(s, "\"held\":true"), 5);
	expect(str_find_str(ask(s, "{\"command\":\"queue-show\",\"id\":\"%s\"}", s->ids[2]), STR("\"state\":\"held\"")) > 0);
	test_case("the id of no mail is not all mails");
	expect_str(ask(s, "{\"command\":\"queue-hold\",\"id\":\"00000000000000000\"}"),
	    STR(ERROR("\\\"00000000000000000\\\" is no mail's id")));
	test_case("to hold what is held is no error");
	expect_str(ask(s, "{\"command\":\"queue-hold\",\"id\":\"%s\"}", s->ids[0]), STR("{\"mails\":0}\n" DONE));
	test_case("retry leaves what is held");
	expect_str(ask(s, "{\"command\":\"queue-retry\",\"all\":true}"), STR("{\"mails\":1}\n" DONE));
	test_case("a retry, and nothing else, has the next hops checked");
	expect_str(str_of(s->retried), STR("<>"));
	ask(s, "{\"command\":\"queue-retry\",\"next-hop\":\"both\"}");
	expect_str(str_of(s->retried), STR("<><relay:a><relay:b>"));
	expect_int(list(s, "\"held\":true"), 5);
	test_case("release by id");
	expect_str(ask(s, "{\"command\":\"queue-release\",\"id\":\"%s\"}", s->ids[0]), STR("{\"mails\":1}\n" DONE));
	expect_int(list(s, "\"held\":true"), 4);
	test_case("release of all that a next hop has");
	expect_str(ask(s, "{\"command\":\"queue-release\",\"next-hop\":\"both\"}"), STR("{\"mails\":1}\n" DONE));
	expect_int(list(s, "\"held\":true"), 0);
	expect_int(list(s, ""), 7);
}

static void
test_remove(struct scene *s)
{
	test_case("remove of held ones leaves the others");
	expect_str(ask(s, "{\"command\":\"queue-hold\",\"next-hop\":\"b\"}"), STR("{\"mails\":1}\n" DONE));
	expect_str(ask(s, "{\"command\":\"queue-remove\",\"held\":true}"), STR("{\"mails\":1}\n" DONE));
	expect_int(list(s, ""), 5);
	test_case("remove by id");
	expect_str(ask(s, "{\"command\":\"queue-remove\",\"id\":\"%s\"}", s->ids[0]), STR("{\"mails\":1}\n" DONE));
	expect_int(list(s, ""), 4);
	test_case("a mail that has gone is an error to whoever names it");
	expect_str(ask(s, "{\"command\":\"queue-remove\",\"id\":\"%s\"}", s->ids[0]),
	    STR("{\"mails\":0}\n" ERROR("no such mail is in the queue")));
	expect_str(ask(s, "{\"command\":\"queue-hold\",\"id\":\"%s\"}", s->ids[0]),
	    STR("{\"mails\":0}\n" ERROR("no such mail is in the queue")));
	test_case("remove all");
	expect_str(ask(s, "{\"command\":\"queue-remove\",\"all\":true}"), STR("{\"mails\":1}\n" DONE));
	expect_int(list(s, ""), 0);
}

static bool
is_logged(const struct scene *s, const char *event, const char *key, int mail)
{
	char line[64];

	snprintf(line, sizeof(line), "%s id=%s %s=operator\n", event, s->ids[mail], key);
	return strstr(s->logged, line) != NULL;
}

static void
test_log(struct scene *s)
{
	test_case("what an operator did to a mail is in the log");
	expect(is_logged(s, "held", "why", 0));
	expect(is_logged(s, "released", "by", 0));
	expect(is_logged(s, "removed", "by", 0));
	expect(is_logged(s, "held", "why", 1));
	expect(!is_logged(s, "released", "by", 1));
}

/* --- the end --- */

static void
test_stop(struct scene *s)
{
	struct stream *stream;

	test_case("stopping cuts off who has not asked yet, and nobody is served after it");
	expect_int(connect_as(s, 0, &stream), 0);
	fiber_sleep(instant_after(loop_now(s->loop), span_ms(100)));
	control_stop(s->control);
	read_answer(s, stream);
	expect_int(sim_connect_unix(s->sim, CONTROL_AT, 0), -ECONNREFUSED);
}

/* --- export --- */

static void
test_export(struct scene *s)
{
	struct buf content;
	struct str rest, line;
	int n_mails = 0, n_ends = 0;

	test_case("export gives each mail's envelope, its bytes in base64, and an end");
	buf_init(&content, 10000);
	rest = ask(s, "{\"command\":\"queue-export\",\"id\":\"%s\"}", s->ids[1]);
	while (str_take_until(&rest, '\n', &line)) {
		json_t *object = json_loadb(line.at, line.len, 0, NULL), *end = json_object_get(object, "end");
		const char *piece = json_string_value(json_object_get(object, "content"));

		n_mails += json_object_get(object, "mail") != NULL;
		if (piece != NULL)
			expect_int(base64_decode(str_of(piece), &content), 0);
		n_ends += end != NULL && json_object_get(end, "error") == NULL;
		json_decref(object);
	}
	expect_int(n_mails, 1);
	expect_int(n_ends, 1);
	expect_str(buf_str(&content), STR("Subject: x\r\n\r\nx\r\n"));
	buf_fini(&content);
	test_case("mails that cannot be read are told of");
	sim_disk_fail(s->sim, SIM_READ, 1, 1000, EIO);
	expect_str(ask(s, "{\"command\":\"queue-export\"}"), STR(ERROR("3 mails could not be read, as the log says")));
	expect_str(ask(s, "{\"command\":\"queue-show\",\"id\":\"%s\"}", s->ids[1]),
	    STR(ERROR("1 mail could not be read, as the log says")));
	sim_disk_heal(s->sim);
	test_case("export of a mail that is not there is an error");
	expect_str(ask(s, "{\"command\":\"queue-export\",\"id\":\"00000000000000001\"}"),
	    STR(ERROR("no such mail is in the queue")));
}

static void
test_domain_forms(struct scene *s)
{
	int bit = 1 << s->n_mails;

	test_case("a recipient's domain is found in any of its forms, wherever it is written how");
	put_mail(s, "bob@B\xc3\xbc" "cher.example");
	expect_int(list(s, "\"recipient-domain\":\"b\xc3\xbc" "cher.example\""), bit);
	expect_int(list(s, "\"recipient-domain\":\"xn--bcher-kva.EXAMPLE\""), bit);
	expect_int(list(s, "\"recipient-domain\":\"B\xc3\x9c" "CHER.example\""), bit);
	expect_int(list(s, "\"recipient-domain\":\"bucher.example\""), 0);
	(void)ask(s, "{\"command\":\"queue-remove\",\"id\":\"%s\"}", s->ids[--s->n_mails]);
}

/* --- a command that takes its time --- */

static void
test_beat(struct scene *s)
{
	struct instant begin = loop_now(s->loop);
	struct str rest, line;
	int n_empty = 0;

	test_case("while a command has nothing to say, empty lines tell that the daemon lives");
	rest = ask_as(s, 0, STR("{\"command\":\"sleep\"}\n"));
	while (str_take_until(&rest, '\n', &line) && line.len == 0)
		n_empty++;
	expect_str(line, STR("{\"done\":true}"));
	expect_int(rest.len, 0);
	expect(span_to_s(instant_diff(begin, loop_now(s->loop))) >= 60);
	expect(n_empty >= 5 && n_empty <= 12);
}

static void
run_all(void *arg)
{
	struct scene *s = arg;
	struct fault fault;

	fill_queue(s);
	test_who(s);
	test_no_request(s);
	test_hostile(s);
	test_too_many(s);
	test_bytes(s);
	test_filters(s);
	test_misunderstood(s);
	test_show(s);
	test_export(s);
	test_domain_forms(s);
	test_hold(s);
	test_remove(s);
	test_log(s);
	test_beat(s);
	test_stop(s);
	expect_int(queue_stop(s->queue, soon(s), &fault), 0);
	loop_stop(s->loop);
}

static void
answer_bytes(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	(void)context;
	(void)request;
	(void)answer_write(answer, json_pack("{s:o}", "text", control_json_str(str_n("a\xff\0b", 4))), deadline);
}

static void
answer_late(void *context, const json_t *request, struct answer *answer, struct instant deadline)
{
	struct scene *s = context;

	(void)request;
	(void)answer;
	(void)deadline;
	fiber_sleep(instant_after(loop_now(s->loop), span_s(60)));
}

static void
start(struct scene *s)
{
	struct queue_settings settings = { .directory = "/spool", .segment_bytes = 1 << 20, .content_in_memory_max_bytes = 8192,
	    .retry = { .first = span_s(60), .factor = 1.5, .max = span_s(3600), .expire = span_s(5 * 86400), .warn = span_s(4 * 3600) } };
	struct queue_world world = { .destination_of = destination_of };
	struct fault fault;

	s->log = (struct log){ .level = LOG_LEVEL_DEBUG, .write = write_log };
	buf_init(&s->answer, ANSWER_MAX_BYTES);
	s->loop = loop_new(100, &fault);
	s->queue = queue_open(s->loop, &settings, &world, &s->log, &fault);
	insist(s->queue != NULL);
	s->queue_commands = (struct queue_commands){ .queue = s->queue, .log = &s->log, .each_destination = each_destination,
	    .retried = note_retried, .retried_context = s };
	queue_commands_fill(&s->queue_commands, s->commands);
	s->commands[QUEUE_COMMANDS_N] = (struct control_command){ .name = "bytes", .run = answer_bytes, .context = s };
	s->commands[QUEUE_COMMANDS_N + 1] = (struct control_command){ .name = "sleep", .run = answer_late, .context = s };
	s->control = control_new(s->loop, os_listen_unix(CONTROL_AT, 0600), DAEMON_UID, s->commands, QUEUE_COMMANDS_N + 2, &s->log, &fault);
	insist(s->control != NULL);
}

int
main(void)
{
	struct sim_options options = { .seed = sim_seed(1), .uncached_percent = 100 };
	struct scene s = { .n_mails = 0 };

	s.sim = sim_new(&options);
	sim_disk_make_dir(s.sim, "/run");
	sim_enter(s.sim);
	start(&s);
	insist(fiber_start(s.loop, "operator", run_all, &s) != NULL);
	loop_run(s.loop);
	control_free(s.control);
	queue_close(s.queue);
	loop_free(s.loop);
	buf_fini(&s.answer);
	test_case("no socket and no file is left open");
	expect_int(sim_leave(s.sim), 0);
	sim_free(s.sim);
	return test_end();
}
