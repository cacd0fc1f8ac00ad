/*
 * measure.c - what it costs to know 250,000 recipients: memory, time to ask and tell, the file, the start; run by hand
 *
 *	tests/recipients/measure DIRECTORY
 */
#include <malloc.h>
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/recipients/recipients.h"

struct measuring {
	struct loop		*loop;
	struct recipients	*recipients;
	struct knowledge	*k;
	double			 longest_turn_ms;
};

static const char *const relays[] = { "example.com" };

static double
ms_since(struct instant from)
{
	return (double)instant_diff(from, os_now()).ns / 1e6;
}

static struct address
address_number(int i, char room[100])
{
	struct address address;

	snprintf(room, 100, "firstname.lastname%06d@mail.example.com", i);	/* 39 bytes: longer than most */
	insist(address_parse(str_of(room), false, &address));
	return address;
}

static void
ask_and_tell(struct measuring *m)
{
	struct reply yes = REPLY(250, 2, 1, 5, "ok"), no = REPLY(550, 5, 1, 1, "no");
	int n = KNOWLEDGE_GOOD_MAX + KNOWLEDGE_BAD_MAX, n_known = 0;
	size_t before = mallinfo2().uordblks;
	struct timestamp now = os_wall_clock();
	struct instant from = os_now();
	char room[100];

	for (int i = 0; i < n; i++) {
		struct address address = address_number(i, room);

		knowledge_tell(m->k, STR("example.com"), &address, &(struct recipient_answer){ .reply = i < KNOWLEDGE_GOOD_MAX ? &yes : &no,
		    .question = QUESTION_RCPT, .asker = ASKER_CLIENT }, now);
	}
	printf("tell: %.2f us each\n", ms_since(from) * 1e3 / n);
	printf("memory: %.1f bytes an entry, all in all %.1f MB\n",
	    (double)(mallinfo2().uordblks - before) / n, (double)(mallinfo2().uordblks - before) / 1e6);
	from = os_now();
	for (int i = 0; i < n; i++) {
		struct address address = address_number(i * 7 % n, room);

		n_known += knowledge_ask(m->k, STR("example.com"), &address, now) != KNOWN_NOT;
	}
	insist(n_known == n);
	printf("ask: %.2f us each\n", ms_since(from) * 1e3 / n);
}

/* While the file is written anew, how long does the loop not come round? */
static void
run(void *arg)
{
	struct measuring *m = arg;
	struct instant from, end;

	ask_and_tell(m);
	from = os_now();
	end = instant_after(from, span_s(8));
	while (instant_is_before(os_now(), end)) {
		struct instant turn = os_now();

		fiber_yield();
		if (ms_since(turn) > m->longest_turn_ms && instant_is_before(turn, end))
			m->longest_turn_ms = ms_since(turn);
	}
	printf("the loop's longest turn while the file was written: %.2f ms\n", m->longest_turn_ms);
	from = os_now();
	insist(recipients_stop(m->recipients, INSTANT_NEVER));
	printf("stop: %.1f ms\n", ms_since(from));
	loop_stop(m->loop);
}

static void
drop_line(struct log *log, enum log_level level, struct str line)
{
	(void)log;
	(void)level;
	printf("%.*s\n", STR_ARG(line));
}

static void
begin(struct measuring *m, const char *path, struct log *log)
{
	struct recipients_settings settings = { .path = path, .bounds = { .good_max = KNOWLEDGE_GOOD_MAX, .bad_max = KNOWLEDGE_BAD_MAX,
	    .good_keep = span_s(KNOWLEDGE_GOOD_KEEP_S), .bad_keep = span_s(KNOWLEDGE_BAD_KEEP_S) } };
	struct instant from = os_now();

	m->recipients = recipients_new(m->loop, &settings, relays, 1, log, NULL);
	insist(m->recipients != NULL);
	m->k = recipients_knowledge(m->recipients);
	printf("start: %.1f ms, with a file of %.1f MB of live records\n", ms_since(from), (double)knowledge_live_bytes(m->k) / 1e6);
}

static void
stop(void *arg)
{
	struct measuring *m = arg;

	insist(recipients_stop(m->recipients, INSTANT_NEVER));
	loop_stop(m->loop);
}

int
main(int argc, char **argv)
{
	struct measuring m = { .loop = loop_new(10, NULL) };
	struct log log = { .level = LOG_LEVEL_WARNING, .write = drop_line };
	char path[1000];

	if (argc != 2) {
		fprintf(stderr, "usage: measure DIRECTORY\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/recipients", argv[1]);
	(void)os_unlink(path);
	for (int i = 0; i < 2; i++) {
		begin(&m, path, &log);
		insist(fiber_start(m.loop, "measure", i == 0 ? run : stop, &m) != NULL);
		loop_run(m.loop);
		recipients_free(m.recipients);
	}
	loop_free(m.loop);
	(void)os_unlink(path);
	return 0;
}
