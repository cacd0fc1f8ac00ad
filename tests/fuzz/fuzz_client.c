/*
 * fuzz_client.c - the SMTP client against a server made of the input: nobody counts as delivered who is not
 *
 * The server says what stands between two NULs, then waits until the client said something.  A
 * simple reading of both sides, replies against commands, tells who was taken.  It is told of a client, too, whose name would be a
 * command if it came through as it is.
 */
#include <errno.h>

#include "base/list.h"
#include "smtpfwd/deliver/handover.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim.h"

enum { PROXY_BYTES = 28, RECIPIENTS_MAX = 3, HEARD_MAX_BYTES = 1024 * 1024, REPLIES_MAX = 4096, HOURS_S = 50000 };

static const struct client_settings settings = {
	.hostname = "relay.example.net",
	.connect_timeout = { 30 * INT64_C(1000000000) }, .greeting_timeout = { 300 * INT64_C(1000000000) },
	.mail_timeout = { 300 * INT64_C(1000000000) }, .rcpt_timeout = { 300 * INT64_C(1000000000) },
	.data_timeout = { 120 * INT64_C(1000000000) }, .block_timeout = { 180 * INT64_C(1000000000) },
	.final_timeout = { 600 * INT64_C(1000000000) },
};

struct play {
	struct fuzz		 f;
	unsigned		 choice;
	struct loop		*loop;
	int			 listener;
	struct content		 content;
	struct str		 text;		/* the mail */
	struct buf		 said, heard;	/* by the server */
	struct offered		 offered[RECIPIENTS_MAX];
	int			 n_recipients;
	struct identity_rule	 rule;		/* how the server is told of a client */
	struct arena		 arena;
};

static const struct identity somebody = {
	.client = { { .family = IP_V4, .bytes = { 192, 0, 2, 1 } }, 4660 }, .name_state = PEER_NAME_UNSETTLED,
	.helo = { "h\r\nDATA", 7 }, .is_esmtp = true, .login = { "alice", 5 },
};

static const struct endpoint at = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } }, .port = 2525 };
static const struct stream_limits limits = { .input_max_bytes = 256 * 1024, .output_max_bytes = 64 * 1024 };

static struct instant
in_s(const struct play *p, int seconds)
{
	return instant_after(loop_now(p->loop), span_s(seconds));
}

/* --- the server --- */

static bool
hear(struct play *p, struct stream *stream, int seconds)
{
	bool has_more = stream_fill(stream, in_s(p, seconds), NULL) > 0;
	struct str input = stream_input(stream);

	insist(buf_append(&p->heard, input) == 0);
	stream_take(stream, input.len);
	return has_more;
}

static void
serve(void *arg)
{
	struct play *p = arg;
	struct endpoint from, to;
	struct stream *stream;
	int socket;

	while ((socket = os_accept(p->listener, &from, &to)) == -EAGAIN)
		fiber_sleep(instant_after(loop_now(p->loop), span_ms(1)));
	insist(socket >= 0);
	stream = stream_new(p->loop, socket, limits, NULL);
	while (p->f.rest.len > 0) {
		struct str part = str_sub(p->f.rest, 0, p->f.rest.len), piece;
		ptrdiff_t end = str_find(part, '\0');

		if (end >= 0)
			part = str_sub(part, 0, (size_t)end);
		p->f.rest = str_from(p->f.rest, part.len + 1);
		while (fuzz_piece(&p->f, p->choice & 1 ? 7 : 1000, &part, &piece)) {
			insist(buf_append(&p->said, piece) == 0);
			if (stream_write(stream, piece, in_s(p, 10), NULL) != 0 || stream_flush(stream, in_s(p, 10), NULL) != 0)
				break;
		}
		if (end >= 0 && !hear(p, stream, 5))
			break;
	}
	while (hear(p, stream, p->choice & 2 ? HOURS_S : 1))
		;
	stream_close(stream);
}

/* --- the client --- */

static ssize_t
read_text(struct content *content, int64_t offset, void *room, size_t n_bytes, struct instant deadline, struct fault *fault_out)
{
	struct play *p = LIST_ITEM(content, struct play, content);
	struct str part = str_sub(p->text, (size_t)offset, n_bytes);

	memcpy(room, part.at, part.len);
	return (ssize_t)part.len;
}

static void
hand_over(struct play *p, struct client *client)
{
	struct recipient recipients[RECIPIENTS_MAX] = {
		{ .address = { STR("r0"), STR("example.com") }, .notify = NOTIFY_FAILURE }, { .address = { STR("r1"), STR("example.net") } },
		{ .address = { STR("r2"), STR("example.com") } },
	};
	struct envelope envelope = { .reverse_path = { STR("a"), STR("example.org") }, .ret = RET_HDRS };
	struct introduction introduction = { .identity = &somebody, .rule = p->rule, .ident = STR("id") };
	struct handover h = {
		.client = client, .introduction = &introduction, .envelope = &envelope, .content = &p->content, .recipients = p->offered,
		.n_recipients = p->n_recipients, .remote_mta = STR("peer"), .arena = &p->arena,
	};
	struct trouble trouble = { .text = "" };
	enum handover_end end;
	int n_ambiguous;

	for (int i = 0; i < p->n_recipients; i++)
		p->offered[i] = (struct offered){ .recipient = &recipients[i] };
	end = handover_run(&h, in_s(p, HOURS_S), &trouble, &n_ambiguous);
	insist(!identity_is_seen(client) || client->stands_for_one);
	insist(str_is_utf8(str_of(trouble.text)) && n_ambiguous >= 0 && n_ambiguous <= p->n_recipients);
	for (int i = 0; i < p->n_recipients; i++)
		insist(end != HANDOVER_DONE || p->offered[i].has_outcome);
}

static void
send_mail(void *arg)
{
	struct play *p = arg;
	struct instant deadline = in_s(p, HOURS_S);
	struct client *client = client_connect(p->loop, &settings, &at, NULL, deadline, NULL);
	struct reply reply;
	struct fault fault;

	if (client == NULL)
		return;
	if (identity_by_proxy(&p->rule))
		insist(identity_say_proxy(client, &somebody, deadline, &fault) == 0 || client->is_broken);
	if (client_greeting(client, deadline, &reply, &fault) == 0 && reply.code == 220 &&
	    client_ehlo(client, deadline, &reply, &fault) == 0 && reply.code == 250)
		hand_over(p, client);
	client_quit(client, in_s(p, 5));
}

/* --- who was really taken --- */

/* The codes of all that the server said, by the letter; what is no reply ends them. */
static int
read_codes(struct str said, int codes_out[REPLIES_MAX])
{
	struct str line;
	int n = 0;

	while (n < REPLIES_MAX && str_find(said, '\n') >= 0 && str_take_until(&said, '\n', &line)) {
		if (line.len < 3 || line.at[0] < '2' || line.at[0] > '5')
			break;
		if (line.len == 3 || line.at[3] != '-')
			codes_out[n++] = (line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + (line.at[2] - '0');
	}
	return n;
}

struct story {
	struct str	 heard;		/* not yet looked at */
	const int	*codes;
	int		 n_codes, i;	/* the next reply */
};

static int
next_code(struct story *s)
{
	return s->i < s->n_codes ? s->codes[s->i++] : 0;
}

/* Mail data up to the dot; false if it did not come. */
static bool
skip_data(struct story *s)
{
	ptrdiff_t end = str_starts(s->heard, STR(".\r\n")) ? 0 : str_find_str(s->heard, STR("\r\n.\r\n"));

	if (end < 0)
		return false;
	s->heard = str_from(s->heard, (size_t)end + (str_starts(s->heard, STR(".\r\n")) ? 3 : 5));
	return true;
}

/* Bit i: recipient i was accepted, and the final dot of that transaction got a 2xx. */
static unsigned
who_was_taken(const struct play *p, const int *codes, int n_codes)
{
	struct story s = { .heard = str_from(buf_str(&p->heard), identity_by_proxy(&p->rule) ? PROXY_BYTES : 0), .codes = codes, .n_codes = n_codes, .i = 1 };
	unsigned taken = 0, accepted = 0;
	struct str line;

	while (str_find(s.heard, '\n') >= 0 && str_take_until(&s.heard, '\n', &line)) {
		int code = next_code(&s);

		if (str_starts(line, STR("MAIL")) || str_starts(line, STR("RSET")))
			accepted = 0;
		if (str_starts(line, STR("RCPT TO:<r")) && code / 100 == 2)
			accepted |= 1u << (line.at[strlen("RCPT TO:<r")] - '0');
		if (!str_starts(line, STR("DATA")) || code / 100 != 3)
			continue;
		if (!skip_data(&s))
			break;
		if (next_code(&s) / 100 == 2)
			taken |= accepted;
	}
	return taken;
}

static void
check(const struct play *p)
{
	int codes[REPLIES_MAX];
	unsigned taken = who_was_taken(p, codes, read_codes(buf_str(&p->said), codes));

	for (int i = 0; i < p->n_recipients; i++) {
		const struct outcome *outcome = &p->offered[i].outcome;

		if (!p->offered[i].has_outcome)
			continue;
		if (outcome->kind == OUTCOME_DELIVERED || outcome->kind == OUTCOME_RELAYED)
			insist((taken & 1u << i) != 0);
		else
			insist(outcome->status.class == (outcome->kind == OUTCOME_FAILED ? 5 : 4));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct play p = { .content = { .read = read_text }, .text = STR("Subject: hi\r\n\r\n.hello\r\n") };
	struct sim *sim;

	fuzz_begin(&p.f, bytes, n_bytes, &p.choice);
	p.n_recipients = 1 + (int)(p.choice >> 2) % RECIPIENTS_MAX;
	p.rule.means = (enum identity_means[]){ IDENTITY_NONE, IDENTITY_AUTO, IDENTITY_PROXY, IDENTITY_XFORWARD }[p.choice >> 4 & 3];
	p.rule.tells_login = (p.choice & 64) != 0;
	p.content.n_bytes = (int64_t)p.text.len;
	buf_init(&p.said, HEARD_MAX_BYTES);
	buf_init(&p.heard, HEARD_MAX_BYTES);
	arena_init(&p.arena, FUZZ_ROOM_MAX_BYTES);
	sim = sim_new(&(struct sim_options){ .seed = p.choice });
	sim_enter(sim);
	p.loop = loop_new(10, NULL);
	p.listener = os_listen(&at, 5);
	fiber_start(p.loop, "server", serve, &p);
	fiber_start(p.loop, "client", send_mail, &p);
	loop_run(p.loop);
	check(&p);
	os_close(p.listener);
	loop_free(p.loop);
	insist(sim_leave(sim) == 0);
	sim_free(sim);
	arena_fini(&p.arena);
	buf_fini(&p.said);
	buf_fini(&p.heard);
	fuzz_end(&p.f);
	return 0;
}
