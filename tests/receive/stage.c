/*
 * stage.c - a listener, its clients and a fake queue in one loop, on which dialogues are played
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "smtpfwd/runtime/stream_inside.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"

enum { STAGE_FIBERS_MAX = 10000, LOG_MAX_BYTES = 4 * 1024 * 1024, WAIT_MAX_S = 10, SPLIT_PAUSE_MS = 1 };

static const char *const domains[] = { "example.com" };
static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1 } };

static void
keep_log(struct log *log, enum log_level level, struct str line)
{
	struct stage_log *kept = (struct stage_log *)(void *)log;

	(void)level;
	buf_append(&kept->text, line);
	buf_append_char(&kept->text, '\n');
	if (getenv("STAGE_LOG") != NULL)
		printf("# %.*s\n", STR_ARG(line));
}

static void
answer(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	(void)resolver;
	fiber_sleep(instant_min(deadline, instant_after(loop_now(fiber_loop()), span_ms(1))));
	for (int i = 0; i < n_questions; i++) {
		struct dns_record *record = arena_array(arena, 1, sizeof(*record));

		answers_out[i] = (struct dns_answer){ .result = DNS_NO_NAME };
		if (questions[i].type == DNS_PTR && str_eq(questions[i].name, STR("1.0.0.127.in-addr.arpa")))
			record->name = STR("client.example.org");
		else if (questions[i].type == DNS_PTR && str_eq(questions[i].name, STR("9.2.0.192.in-addr.arpa")))
			record->name = STR("client.example.org");	/* a liar: it leads elsewhere */
		else if (questions[i].type == DNS_A && str_eq(questions[i].name, STR("client.example.org")))
			ip_parse(STR("127.0.0.1"), &record->ip);
		else
			continue;
		answers_out[i] = (struct dns_answer){ .result = DNS_FOUND, .records = record, .n_records = 1 };
	}
}

void
stage_init(struct stage *stage, void (*change)(struct stage *stage))
{
	static const uint64_t seed[2] = { 1, 2 };

	*stage = (struct stage){ .loop = loop_new(STAGE_FIBERS_MAX, NULL), .resolver.ask = answer };
	stage->couriers.loop = stage->loop;
	stage->turnstile = turnstile_new(stage->loop);
	stage->log.log = (struct log){ .level = LOG_LEVEL_DEBUG, .write = keep_log };
	buf_init(&stage->log.text, LOG_MAX_BYTES);
	stage->policy = policy_new(&(struct policy_settings){
		.hostname = "relay.example.com", .relays = relays, .n_relays = 1, .outbound = "internet",
	}, seed);
	stage->at = (struct endpoint){ .port = 0 };
	ip_parse(STR("127.0.0.1"), &stage->at.ip);
	stage->settings = (struct listener_settings){
		.name = "mx", .addresses = &stage->at, .n_addresses = 1, .class_name = "incoming",
		.message_max_bytes = 100000, .recipients_max = 100, .connections_max = 100, .errors_max = 10,
		.received_max = 50, .command_timeout = span_s(300), .data_timeout = span_s(300),
		.session_max = span_s(3600),
	};
	if (change != NULL)
		change(stage);
}

struct run {
	struct stage	*stage;
	void	       (*main)(struct stage *stage);
};

static void
run_main(void *arg)
{
	struct run *run = arg;
	struct stage *stage = run->stage;

	stage->began = loop_now(stage->loop);
	run->main(stage);
	listeners_stop(stage->listeners, instant_after(loop_now(stage->loop), span_s(WAIT_MAX_S)));
}

void
stage_run(struct stage *stage, void (*main)(struct stage *stage))
{
	struct run run = { .stage = stage, .main = main };
	struct receive_world world = {
		.queue = &stage->queue, .couriers = stage->couriers.rcpts != NULL ? &stage->couriers : NULL,
		.knowledge = stage->knowledge, .policy = stage->policy, .tls = stage->tls,
		.resolver = stage->names != NULL ? stage->names : &stage->resolver, .signers = stage->signers,
		.users = stage->users, .turnstile = stage->turnstile, .rates = stage->rates, .log = &stage->log.log,
		.transactions_max_bytes = stage->transactions_max_bytes,
	};
	struct fault fault;
	int socket = os_listen(&stage->at, 50);

	expect(socket >= 0);
	expect_int(os_local_endpoint(socket, &stage->at), 0);
	stage->listeners = listeners_new(stage->loop, &stage->settings, 1, &socket, &world, &fault);
	if (!expect(stage->listeners != NULL))
		abort();
	fiber_start(stage->loop, "main", run_main, &run);
	loop_run(stage->loop);
	listeners_free(stage->listeners);
	expect_int(stage->queue.n_drafts, 0);
	expect_int(fake_online_n_open(&stage->couriers), 0);
}

void
stage_fini(struct stage *stage)
{
	turnstile_free(stage->turnstile);
	if (stage->signers != NULL)
		os_crew_free(stage->signers);
	users_unref(stage->users);
	knowledge_free(stage->knowledge);
	loop_free(stage->loop);
	policy_free(stage->policy);
	tls_server_free(stage->tls);
	tls_client_free(stage->tls_client);
	fake_queue_fini(&stage->queue);
	buf_fini(&stage->log.text);
}

/* --- a client --- */

static struct instant
later(const struct stage_client *client)
{
	return instant_after(loop_now(client->stage->loop), span_s(WAIT_MAX_S));
}

void
stage_connect(struct stage_client *client, struct stage *stage)
{
	struct stream_limits limits = { .input_max_bytes = 200000, .output_max_bytes = 200000 };
	struct fault fault;

	client->stage = stage;
	buf_init(&client->reply, 100000);
	client->stream = stream_connect(stage->loop, &stage->at, NULL, limits, later(client), &fault);
	if (!expect(client->stream != NULL))
		abort();
}

void
stage_close(struct stage_client *client)
{
	stream_close(client->stream);
	client->stream = NULL;
	buf_fini(&client->reply);
}

static void
send_piece(struct stage_client *client, struct str piece)
{
	struct fault fault;

	if (piece.len == 0 || stream_write(client->stream, piece, later(client), &fault) != 0)
		return;
	stream_flush(client->stream, later(client), &fault);	/* the server may be gone: the next step tells */
}

static void
pause_ms(struct stage_client *client, int ms)
{
	fiber_sleep(instant_after(loop_now(client->stage->loop), span_ms(ms)));
}

void
stage_send(struct stage_client *client, struct str bytes)
{
	size_t first = client->is_by_byte ? 1 : client->split_at > 0 ? (size_t)client->split_at : bytes.len;

	while (bytes.len > 0) {
		send_piece(client, str_sub(bytes, 0, first));
		bytes = str_from(bytes, first);
		if (bytes.len > 0)
			pause_ms(client, SPLIT_PAUSE_MS);
		if (!client->is_by_byte)
			first = bytes.len;
	}
}

/* The end of the first whole reply in the input; 0: not there yet. */
static size_t
reply_end(struct str input)
{
	size_t at = 0;
	ptrdiff_t lf;

	while ((lf = str_find(str_from(input, at), '\n')) >= 0) {
		bool is_last = lf < 4 || input.at[at + 3] != '-';

		at += (size_t)lf + 1;
		if (is_last)
			return at;
	}
	return 0;
}

bool
stage_hear(struct stage_client *client)
{
	struct fault fault;
	size_t end;

	buf_clear(&client->reply);
	while ((end = reply_end(stream_input(client->stream))) == 0) {
		if (stream_fill(client->stream, later(client), &fault) <= 0)
			return false;
	}
	buf_append(&client->reply, str_sub(stream_input(client->stream), 0, end));
	stream_take(client->stream, end);
	if (getenv("STAGE_LOG") != NULL)
		printf("# S: %.*s", STR_ARG(buf_str(&client->reply)));
	return true;
}

/* The reply's lines behind the code, one by one. */
static bool
reply_has(struct stage_client *client, struct str start)
{
	struct str rest = buf_str(&client->reply), line;

	while (str_take_until(&rest, '\n', &line)) {
		if (str_starts(str_from(line, 4), start))
			return true;
	}
	return false;
}

static struct str
last_line(struct stage_client *client)
{
	struct str rest = buf_str(&client->reply), line, last = STR_EMPTY;

	while (str_take_until(&rest, '\n', &line))
		last = line;
	return last;
}

/* --- scripts --- */

static const struct fake_mail *
last_mail(struct stage *stage)
{
	static const struct fake_mail none;

	return stage->queue.n_mails > 0 ? stage->queue.mails[stage->queue.n_mails - 1] : &none;
}

static void
expect_recipients(const struct fake_mail *mail, struct str want)
{
	struct buf got;

	buf_init(&got, 100000);
	for (int i = 0; i < mail->envelope.n_recipients; i++) {
		if (i > 0)
			buf_append_char(&got, ' ');
		address_append(&mail->envelope.recipients[i].address, &got);
	}
	expect_str(buf_str(&got), want);
	buf_fini(&got);
}

static void
expect_reverse_path(const struct fake_mail *mail, struct str want)
{
	struct buf got;

	buf_init(&got, 1000);
	address_append(&mail->envelope.reverse_path, &got);
	expect_str(buf_str(&got), want);
	buf_fini(&got);
}

/* Sends text; byte 1 goes as NUL, for a C string cannot hold it. */
static void
send_raw(struct stage_client *client, struct str text, struct str end)
{
	struct buf wire;

	buf_init(&wire, 300000);
	buf_append(&wire, text);
	buf_append(&wire, end);
	for (size_t i = 0; i < wire.len; i++) {
		if (wire.at[i] == '\1')
			wire.at[i] = '\0';
	}
	stage_send(client, buf_str(&wire));
	buf_fini(&wire);
}

static void
expect_reply(struct stage_client *client, struct str want)
{
	struct str got = stage_hear(client) ? last_line(client) : STR("(no reply)");

	if (!str_starts(got, want))
		expect_str(got, want);
	else
		expect(true);
}

static void
expect_end(struct stage_client *client)
{
	struct fault fault;
	int got = stream_input(client->stream).len > 0 ? 1 : stream_fill(client->stream, later(client), &fault);

	if (got > 0)
		expect_str(stream_input(client->stream), STR("(the end)"));
	else
		expect(got == 0 || fault.cause == FAULT_CLOSED);
}

static void
start_tls(struct stage_client *client)
{
	struct tls_expect no_name = { .must_verify = false };
	struct fault fault = { .text = "" };

	if (stream_tls_connect(client->stream, client->stage->tls_client, &no_name, later(client), &fault) != 0)
		expect_text(fault.text, "(a handshake)");
}

static void
expect_logged(struct stage_client *client, struct str text)
{
	if (str_find_str(buf_str(&client->stage->log.text), text) < 0)
		expect_str(buf_str(&client->stage->log.text), text);
	else
		expect(true);
}

static void
expect_asked(struct stage_client *client, struct str want)
{
	struct couriers *couriers = &client->stage->couriers;

	expect_str(str_n(couriers->said, couriers->n_said), want);
	couriers->n_said = 0;
}

static void
play_step(struct stage_client *client, const char *step)
{
	const struct fake_mail *mail = last_mail(client->stage);
	struct str text = str_of(step + 1);

	switch (step[0]) {
	case 'C': send_raw(client, text, STR("\r\n")); break;
	case 'R': send_raw(client, text, STR_EMPTY); break;
	case 'S': expect_reply(client, text); break;
	case 'L': expect_true(reply_has(client, text), step, __FILE__, __LINE__); break;
	case 'N': expect_true(!reply_has(client, text), step, __FILE__, __LINE__); break;
	case 'E': expect_end(client); break;
	case 'X': expect_int(shutdown(client->stream->socket, SHUT_WR), 0); break;
	case 'Q': expect_int(client->stage->queue.n_mails, atoi(step + 1)); break;
	case 'F': expect_reverse_path(mail, text); break;
	case 'T': expect_recipients(mail, text); break;
	case 'B': expect_str(mail->content, text); break;
	case '8': expect_int(mail->envelope.is_8bit, atoi(step + 1)); break;
	case 'O': expect_asked(client, text); break;
	case 'H': if (str_find_str(mail->prefix, text) < 0) expect_str(mail->prefix, text); break;
	case 'h': expect_true(str_find_str(mail->prefix, text) < 0, step, __FILE__, __LINE__); break;
	case 'D': pause_ms(client, 1); expect_logged(client, text); break;
	case 'U': pause_ms(client, 1); expect(str_find_str(buf_str(&client->stage->log.text), text) < 0); break;
	case '!': start_tls(client); break;
	case 'P': pause_ms(client, atoi(step + 1)); break;
	default: expect_text(step, "(a step)"); break;
	}
}

void
stage_play(struct stage_client *client, const char *const *script)
{
	for (; *script != NULL; script++)
		play_step(client, *script);
}

static const char *const *talk_script;

static void
talk_main(struct stage *stage)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, talk_script);
	stage_close(&client);
}

void
stage_talk(void (*change)(struct stage *stage), const char *const *script)
{
	struct stage stage;

	talk_script = script;
	stage_init(&stage, change);
	stage_run(&stage, talk_main);
	stage_fini(&stage);
}
