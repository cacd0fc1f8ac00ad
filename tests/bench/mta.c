/*
 * mta.c - a mail server's side of the milter protocol, and nothing else of one: many sessions at once that show mails to a filter
 *
 *	mta --port N --messages N [--first N] [--sessions N] [--per-session N] [--bytes N] [--mails 0|1] [--kept N] [--gather 0|1]
 *	    [--ramp-ms N]
 *
 * For what a filter does where Postfix would be the limit.  It says what Postfix 3.7 says, as late as that one: what needs no answer waits
 * for what does.  Mails are of message.h, or with --mails those of standard input.  Every mail that `kept` divides is written to
 * NUMBER.eml, with the fields that the filter put on it.  With --gather all sessions are open before the first mail, and each has one: a burst.
 * With --ramp-ms they begin one after the other, spread over that time: no burst.
 *
 * Prints a line of JSON: what was accepted and what not, when it began and ended (monotonic clock), and how long mails took, from MAIL to the end.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/insist.h"
#include "smtpfwd/runtime/stream.h"
#include "tests/bench/arguments.h"
#include "tests/bench/latencies.h"
#include "tests/bench/mails.h"
#include "tests/bench/message.h"

enum {
	FIBERS_MAX = 60000, PATIENCE_S = 120,
	BODY_PIECE_BYTES = 65535, FIELDS_MAX = 20, PACKET_MAX_BYTES = 70000,
	PROTOCOL = 6, ALL_ACTIONS = 0x1ff, ALL_STEPS = 0x1fffff,
};

enum step {				/* of mfdef.h */
	NO_CONNECT = 0x1, NO_HELO = 0x2, NO_MAIL = 0x4, NO_RCPT = 0x8, NO_BODY = 0x10, NO_FIELDS = 0x20, NO_END_OF_HEADER = 0x40,
	UNANSWERED_FIELD = 0x80, NO_DATA = 0x200, UNANSWERED_CONNECT = 0x1000, UNANSWERED_HELO = 0x2000, UNANSWERED_MAIL = 0x4000,
	UNANSWERED_RCPT = 0x8000, UNANSWERED_DATA = 0x10000, UNANSWERED_END_OF_HEADER = 0x40000, UNANSWERED_BODY = 0x80000,
	LEADING_SPACE = 0x100000,
};

struct mta {
	long		 port, n_messages, first, n_sessions, per_session, n_bytes, has_mails, kept, gathers, ramp_ms;
	struct mails	 mails;
	struct loop	*loop;
	struct endpoint	 to;
	long		 n_given, n_accepted, n_refused, n_broken;
	long		 n_gathered, n_begun;
	struct fiber	**gathered;
	struct instant	 began, ended;
	struct latencies latencies;
};

struct session {
	struct mta	*mta;
	struct stream	*stream;
	uint32_t	 steps;		/* as agreed */
};

static const struct stream_limits limits = { .input_max_bytes = 256 * 1024, .output_max_bytes = 256 * 1024 };

static struct instant
patience(const struct session *session)
{
	return instant_after(loop_now(session->mta->loop), span_s(PATIENCE_S));
}

/* --- packets --- */

static void
add_number(struct buf *out, uint32_t value)
{
	const unsigned char bytes[] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
	    (unsigned char)value };

	insist(buf_append(out, str_n(bytes, 4)) == 0);
}

static uint32_t
number_at(struct str bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.at;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool
say(struct session *session, char code, struct str data)
{
	struct buf head;
	bool is_said;

	buf_init(&head, 5);
	add_number(&head, (uint32_t)data.len + 1);
	insist(buf_append_char(&head, code) == 0);
	is_said = stream_write(session->stream, buf_str(&head), patience(session), NULL) == 0 &&
	    stream_write(session->stream, data, patience(session), NULL) == 0;
	buf_fini(&head);
	return is_said;
}

/* Strings, each of which ends in a NUL: written with '|' for it. */
static bool
say_words(struct session *session, char code, const char *words)
{
	char bytes[512];
	size_t n = strlen(words);

	insist(n < sizeof(bytes));
	for (size_t i = 0; i < n; i++)
		bytes[i] = words[i] == '|' ? '\0' : words[i];
	return say(session, code, str_n(bytes, n));
}

/* The next packet: its code; 0: the connection is gone.  What it holds is valid until the next call. */
static char
hear(struct session *session, struct str *data_out)
{
	struct str input = stream_input(session->stream);
	size_t n;

	if (stream_flush(session->stream, patience(session), NULL) != 0)
		return 0;
	for (; input.len < 5 || input.len < number_at(input) + 4; input = stream_input(session->stream))
		if (stream_fill(session->stream, patience(session), NULL) <= 0)
			return 0;
	n = number_at(input);
	if (n == 0 || n > PACKET_MAX_BYTES)
		return 0;
	*data_out = str_sub(input, 5, n - 1);
	return input.at[4];
}

static void
heard(struct session *session, struct str data)
{
	stream_take(session->stream, data.len + 5);
}

/* The answer to a step that is answered, 'c' where it is not. */
static char
answer(struct session *session, uint32_t unanswered)
{
	struct str data = STR_EMPTY;
	char code;

	if ((session->steps & unanswered) != 0)
		return 'c';
	code = hear(session, &data);
	if (code != 0)
		heard(session, data);
	return code;
}

static char
step(struct session *session, char code, const char *words, uint32_t no, uint32_t unanswered)
{
	if ((session->steps & no) != 0)
		return 'c';
	return say_words(session, code, words) ? answer(session, unanswered) : 0;
}

/* --- a session --- */

static bool
negotiate(struct session *session)
{
	struct buf offer;
	struct str data;
	bool is_agreed;

	buf_init(&offer, 12);
	add_number(&offer, PROTOCOL);
	add_number(&offer, ALL_ACTIONS);
	add_number(&offer, ALL_STEPS);
	is_agreed = say(session, 'O', buf_str(&offer)) && hear(session, &data) == 'O' && data.len >= 12;
	buf_fini(&offer);
	if (!is_agreed)
		return false;
	session->steps = number_at(str_from(data, 8));
	heard(session, data);
	return true;
}

static bool
greet(struct session *session)
{
	struct buf who;
	bool is_taken = true;

	if (!say_words(session, 'D', "Cj|mx.bench.example|{daemon_name}|mx.bench.example|{daemon_addr}|127.0.0.1|v|Postfix 3.7.11|"
	    "{client_addr}|127.0.0.1|{client_port}|40000|{client_name}|localhost|{client_ptr}|localhost|{client_resolve}|OK|"
	    "_|localhost [127.0.0.1]|"))
		return false;
	if ((session->steps & NO_CONNECT) == 0) {
		buf_init(&who, 100);
		insist(buf_printf(&who, "localhost%c4%c%c127.0.0.1%c", 0, 40000 >> 8, 40000 & 255, 0) == 0);
		is_taken = say(session, 'C', buf_str(&who)) && answer(session, UNANSWERED_CONNECT) == 'c';
		buf_fini(&who);
	}
	return is_taken && say_words(session, 'D', "H") && step(session, 'H', "source.bench.example|", NO_HELO, UNANSWERED_HELO) == 'c';
}

static bool
open_session(struct mta *mta, struct session *session)
{
	*session = (struct session){ .mta = mta };
	session->stream = stream_connect(mta->loop, &mta->to, NULL, limits, patience(session), NULL);
	if (session->stream == NULL)
		return false;
	if (negotiate(session) && greet(session))
		return true;
	stream_close(session->stream);
	return false;
}

static void
close_session(struct session *session)
{
	(void)say(session, 'Q', STR_EMPTY);
	(void)stream_flush(session->stream, patience(session), NULL);
	stream_close(session->stream);
}

/* --- a mail --- */

static char
show_envelope(struct session *session, struct str author)
{
	char words[300];
	char code;

	snprintf(words, sizeof(words), "<%.*s>|", STR_ARG(author));
	if (!say_words(session, 'D', "M{mail_addr}|source|{mail_host}||{mail_mailer}|smtp|"))
		return 0;
	code = step(session, 'M', words, NO_MAIL, UNANSWERED_MAIL);
	if (code != 'c' || !say_words(session, 'D', "Ri|4XQ|{rcpt_addr}|user@example.com|{rcpt_host}|example.com|{rcpt_mailer}|discard|"))
		return code;
	code = step(session, 'R', "<user@example.com>|", NO_RCPT, UNANSWERED_RCPT);
	if (code != 'c' || !say_words(session, 'D', "Ti|4XQ|"))
		return code;
	return step(session, 'T', "", NO_DATA, UNANSWERED_DATA);
}

/* The lines of a field up to its end; folded with LF alone, as Postfix hands them on. */
static bool
take_field(struct str *rest, struct buf *field_out)
{
	struct str line;

	buf_clear(field_out);
	do {
		if (!str_take_until(rest, '\n', &line) || line.len <= 1)
			return false;
		insist(field_out->len == 0 || buf_append_char(field_out, '\n') == 0);
		insist(buf_append(field_out, str_sub(line, 0, line.len - 1)) == 0);
	} while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'));
	return true;
}

static char
show_field(struct session *session, struct str field)
{
	struct str value = field, name;
	struct buf data;
	bool is_said;

	insist(str_take_until(&value, ':', &name));
	if ((session->steps & LEADING_SPACE) == 0 && value.len > 0 && value.at[0] == ' ')
		value = str_from(value, 1);
	buf_init(&data, PACKET_MAX_BYTES);
	insist(buf_printf(&data, "%.*s%c%.*s%c", STR_ARG(name), 0, STR_ARG(value), 0) == 0);
	is_said = say(session, 'L', buf_str(&data));
	buf_fini(&data);
	return is_said ? answer(session, UNANSWERED_FIELD) : 0;
}

/* What is left of the mail is its body then. */
static char
show_header(struct session *session, struct str *rest)
{
	struct buf field;
	char code = 'c';

	buf_init(&field, PACKET_MAX_BYTES);
	while (code == 'c' && take_field(rest, &field))
		if ((session->steps & NO_FIELDS) == 0)
			code = show_field(session, buf_str(&field));
	buf_fini(&field);
	if (code != 'c' || !say_words(session, 'D', "Ni|4XQ|"))
		return code;
	return step(session, 'N', "", NO_END_OF_HEADER, UNANSWERED_END_OF_HEADER);
}

static char
show_body(struct session *session, struct str rest)
{
	char code = 'c';

	for (; code == 'c' && rest.len > 0 && (session->steps & NO_BODY) == 0; rest = str_from(rest, str_sub(rest, 0, BODY_PIECE_BYTES).len))
		code = say(session, 'B', str_sub(rest, 0, BODY_PIECE_BYTES)) ? answer(session, UNANSWERED_BODY) : 0;
	return code == 's' ? 'c' : code;	/* it has seen enough */
}

/* A field that goes on top. */
static void
add_field(struct str data, struct buf *fields)
{
	struct str value = data, name;
	struct buf before;

	insist(str_take_until(&value, '\0', &name) && value.len > 0);
	buf_init(&before, PACKET_MAX_BYTES);
	insist(buf_append(&before, buf_str(fields)) == 0);
	buf_clear(fields);
	insist(buf_printf(fields, "%.*s:%s", STR_ARG(name), value.at[0] == ' ' ? "" : " ") == 0);
	for (size_t i = 0; i < value.len - 1; i++)
		insist(buf_append(fields, value.at[i] == '\n' ? STR("\r\n") : str_sub(value, i, 1)) == 0);
	insist(buf_append(fields, STR("\r\n")) == 0 && buf_append(fields, buf_str(&before)) == 0);
	buf_fini(&before);
}

/* The verdict; what is changed before it is collected. */
static char
end_mail(struct session *session, struct buf *fields)
{
	struct str data = STR_EMPTY;
	char code;

	if (!say_words(session, 'D', "Ei|4XQ|") || !say(session, 'E', STR_EMPTY))
		return 0;
	for (;;) {
		code = hear(session, &data);
		if (code == 0)
			return 0;
		if (code == 'i' && data.len > 4)	/* where it goes says the number before it: 0 or 1 is the top */
			add_field(str_from(data, 4), fields);
		else if (code == 'h')
			add_field(data, fields);
		heard(session, data);
		if (strchr("cartdy", code) != NULL)
			return code;
	}
}

static void
keep(long number, struct str fields, struct str mail)
{
	char name[40];
	FILE *file;

	snprintf(name, sizeof(name), "%ld.eml", number);
	file = fopen(name, "wb");
	insist(file != NULL);
	insist(fwrite(fields.at, 1, fields.len, file) == fields.len && fwrite(mail.at, 1, mail.len, file) == mail.len);
	insist(fclose(file) == 0);
}

static char
show_mail(struct session *session, struct str mail, struct buf *fields)
{
	struct str rest = mail;
	char code = show_envelope(session, mails_author(mail));

	if (code == 'c')
		code = show_header(session, &rest);
	if (code == 'c')
		code = show_body(session, rest);
	return code == 'c' ? end_mail(session, fields) : code;
}

/* False when the session is of no more use. */
static bool
send_mail(struct session *session, long number)
{
	struct mta *mta = session->mta;
	struct instant began = os_now();
	struct buf made, fields;
	struct str mail;
	char code;

	buf_init(&made, MESSAGE_MOST_BYTES);
	buf_init(&fields, PACKET_MAX_BYTES);
	if (!mta->has_mails)
		message_write(number, (size_t)mta->n_bytes, &made);
	mail = mta->has_mails ? mails_get(&mta->mails, number) : buf_str(&made);
	code = show_mail(session, mail, &fields);
	mta->ended = os_now();
	latencies_add(&mta->latencies, instant_diff(began, mta->ended));
	mta->n_accepted += code == 'c' || code == 'a';
	mta->n_refused += code != 'c' && code != 'a' && code != 0;
	mta->n_broken += code == 0;
	if ((code == 'c' || code == 'a') && mta->kept > 0 && number % mta->kept == 0)
		keep(number, buf_str(&fields), mail);
	buf_fini(&fields);
	buf_fini(&made);
	return code == 'c' || code == 'a';
}

/* --- many sessions --- */

static void
gather(struct mta *mta)
{
	mta->gathered[mta->n_gathered++] = fiber_self();
	if (mta->n_gathered == mta->n_sessions) {
		mta->began = os_now();
		for (long i = 0; i < mta->n_gathered; i++)
			fiber_wake(mta->gathered[i]);
	}
	while (mta->n_gathered < mta->n_sessions)
		(void)fiber_park(INSTANT_NEVER);
}

static void
run_sessions(void *arg)
{
	struct mta *mta = arg;

	if (mta->ramp_ms > 0)
		(void)fiber_sleep(instant_after(mta->began, span_ms(mta->ramp_ms * mta->n_begun++ / mta->n_sessions)));
	while (mta->n_given < mta->n_messages) {
		struct session session;
		bool is_open = open_session(mta, &session);

		if (mta->gathers)
			gather(mta);
		if (!is_open) {			/* its mail counts as not shown: nobody waits for ever */
			mta->n_given++;
			mta->n_broken++;
			continue;
		}
		for (long i = 0; i < mta->per_session && mta->n_given < mta->n_messages && is_open; i++)
			is_open = send_mail(&session, mta->first + mta->n_given++);
		close_session(&session);
		if (mta->gathers)
			return;
	}
}

static void
measure(struct mta *mta)
{
	struct latencies *latencies = &mta->latencies;

	latencies_init(latencies, mta->n_messages);
	mta->began = os_now();
	for (long i = 0; i < mta->n_sessions; i++)
		insist(fiber_start(mta->loop, "session", run_sessions, mta) != NULL);
	loop_run(mta->loop);
	latencies_sort(latencies);
	printf("{\"accepted\":%ld,\"refused\":%ld,\"broken\":%ld,\"began_s\":%.6f,\"ended_s\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"worst_ms\":%.3f}\n",
	    mta->n_accepted, mta->n_refused, mta->n_broken, (double)mta->began.ns / 1e9, (double)mta->ended.ns / 1e9,
	    latencies_share(latencies, 0.5), latencies_share(latencies, 0.99), latencies_share(latencies, 1));
	latencies_fini(latencies);
}

int
main(int argc, char **argv)
{
	struct mta mta = { .n_messages = 1000, .n_sessions = 50, .per_session = 1, .n_bytes = 4096,
	    .to = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } } } };
	const struct argument arguments[] = {
		{ "--port", &mta.port, 1, 65535 }, { "--messages", &mta.n_messages, 1, 2000000000 }, { "--first", &mta.first, 0, 2000000000 },
		{ "--sessions", &mta.n_sessions, 1, FIBERS_MAX }, { "--per-session", &mta.per_session, 1, 1000000 },
		{ "--bytes", &mta.n_bytes, MESSAGE_LEAST_BYTES, MESSAGE_MOST_BYTES }, { "--mails", &mta.has_mails, 0, 1 },
		{ "--kept", &mta.kept, 0, 1000000 }, { "--gather", &mta.gathers, 0, 1 }, { "--ramp-ms", &mta.ramp_ms, 0, 60000 },
	};

	if (!arguments_read(argc, argv, arguments, sizeof(arguments) / sizeof(arguments[0])) || mta.port == 0 ||
	    (mta.has_mails && !mails_read(&mta.mails)) || (mta.gathers && mta.n_messages != mta.n_sessions))
		return 2;
	arguments_raise_limits();
	signal(SIGPIPE, SIG_IGN);
	mta.loop = loop_new(FIBERS_MAX, NULL);
	mta.gathered = calloc((size_t)mta.n_sessions, sizeof(mta.gathered[0]));
	insist(mta.loop != NULL && mta.gathered != NULL);
	mta.to.port = (uint16_t)mta.port;
	measure(&mta);
	free(mta.gathered);
	return 0;
}
