/*
 * yard.c - a queue in the simulated world
 */
#include "tests/queue/yard.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "base/mem.h"

enum { RECIPIENTS_MAX = 50, STOP_S = 600, CONTENT_MAX_BYTES = 4 * 1024 * 1024 };

static void
log_write(struct log *log, enum log_level level, struct str line)
{
	struct yard *yard = (struct yard *)(void *)((char *)log - offsetof(struct yard, log));

	(void)level;
	(void)buf_append(&yard->lines, line);
	(void)buf_append_char(&yard->lines, '\n');
	if (getenv("SIM_LOG") != NULL)
		printf("# %.*s\n", STR_ARG(line));
}

static struct str
domain_is_destination(void *context, const struct envelope *envelope, const struct recipient *recipient,
    const struct mail_facts *facts)
{
	return recipient->address.domain;
}

void
yard_init(struct yard *yard, struct sim *sim)
{
	*yard = (struct yard){
		.sim = sim,
		.log = { .level = LOG_LEVEL_DEBUG, .write = log_write },
		.world = { .destination_of = domain_is_destination },
		.settings = {
			.directory = "/spool",
			.segment_bytes = YARD_SEGMENT_BYTES,
			.content_in_memory_max_bytes = 8 * 1024,
			.min_free_bytes = 100 * 1024,
			.retry = {
				.first = span_s(60), .factor = 2, .max = span_s(3600), .expire = span_s(86400),
				.warn = span_s(4 * 3600), .holds_unverified = true, .hold_expire = span_s(10 * 86400),
			},
		},
	};
	buf_init(&yard->lines, 1024 * 1024);
}

void
yard_fini(struct yard *yard)
{
	buf_fini(&yard->lines);
}

bool
yard_has_logged(const struct yard *yard, const char *text)
{
	return str_find_str(buf_str(&yard->lines), str_of(text)) >= 0;
}

struct instant
yard_in(int64_t seconds)
{
	return instant_after(os_now(), span_s(seconds));
}

static void
yard_fiber(void *arg)
{
	struct yard *yard = arg;
	struct fault fault;

	yard->story(yard);
	expect_int(queue_stop(yard->queue, yard_in(STOP_S), &fault), 0);
	loop_stop(yard->loop);
}

bool
yard_run(struct yard *yard, void (*story)(struct yard *yard))
{
	yard->story = story;
	yard->loop = loop_new(1000, &yard->fault);
	insist(yard->loop != NULL);
	yard->queue = queue_open(yard->loop, &yard->settings, &yard->world, &yard->log, &yard->fault);
	if (yard->queue != NULL) {
		insist(fiber_start(yard->loop, "story", yard_fiber, yard) != NULL);
		loop_run(yard->loop);
		queue_close(yard->queue);
	}
	loop_free(yard->loop);
	return yard->queue != NULL;
}

/* --- mails --- */

void
yard_content(struct buf *out, int number, size_t n_bytes)
{
	size_t end = out->len + n_bytes;

	(void)buf_printf(out, "Subject: mail %d\r\n\r\n", number);
	for (int line = 0; out->len < end; line++)
		(void)buf_printf(out, "line %d of mail %d: the quick brown fox jumps over the lazy dog\r\n", line, number);
	out->len = end;
}

struct mail_id
yard_put_from(struct yard *yard, const char *from, const char *recipients, struct str content, struct fault *fault_out)
{
	struct recipient list[RECIPIENTS_MAX];
	struct envelope envelope = { .recipients = list };
	struct mail_facts facts = {
		.arrived = os_wall_clock(), .class_name = STR("incoming"), .client = STR("192.0.2.7"), .listener = STR("mx"),
		.is_unverified = yard->is_unverified, .comes_held = yard->comes_held,
	};
	struct draft *draft = draft_new(yard->queue);
	struct mail_id id = draft_id(draft);
	struct str rest = str_of(recipients), word;

	insist(from[0] == '\0' || address_parse(str_of(from), false, &envelope.reverse_path));
	while (str_take_word(&rest, &word)) {
		struct recipient *r = &list[envelope.n_recipients++];

		*r = (struct recipient){ .notify = NOTIFY_UNSET };
		for (; word.at[0] == '!' || word.at[0] == '+' || word.at[0] == '~'; word = str_from(word, 1))
			r->notify |= word.at[0] == '!' ? NOTIFY_NEVER : word.at[0] == '+' ? NOTIFY_SUCCESS : NOTIFY_FAILURE;
		insist(address_parse(word, false, &r->address));
	}
	if (draft_append(draft, content, yard_in(60), fault_out) == 0 &&
	    queue_put(yard->queue, draft, &envelope, &facts, STR("Received: by us\r\n"), yard_in(60), fault_out) == 0)
		return id;
	draft_discard(draft);
	return (struct mail_id){ .bytes = { 0 } };
}

struct mail_id
yard_put(struct yard *yard, const char *recipients, struct str content)
{
	return yard_put_from(yard, "a@sender.example", recipients, content, NULL);
}

struct delivery *
yard_take(struct yard *yard, int64_t seconds, struct buf *out)
{
	struct delivery *delivery = queue_take(yard->queue, yard_in(seconds));
	char *room = mem_new(3000);
	int64_t offset = 0;
	ssize_t n = 1;
	struct fault fault;

	if (out != NULL)
		buf_clear(out);
	while (delivery != NULL && out != NULL && n > 0) {
		n = queue_read(yard->queue, delivery, offset, room, 3000, yard_in(60), &fault);
		offset += n > 0 ? n : 0;
		expect(n >= 0);
		if (n > 0)
			(void)buf_append(out, str_n(room, (size_t)n));
	}
	if (delivery != NULL && out != NULL)
		expect_int(offset, delivery->content_bytes);
	mem_free(room);
	return delivery;
}

void
yard_settle(struct yard *yard, struct delivery *delivery, enum outcome_kind kind)
{
	struct outcome *outcomes = mem_new_array((size_t)delivery->n_recipients, sizeof(*outcomes));
	const struct reply replies[] = {
		[OUTCOME_DELIVERED] = REPLY(250, 2, 0, 0, "taken"), [OUTCOME_RELAYED] = REPLY(250, 2, 0, 0, "taken"),
		[OUTCOME_DEFERRED] = REPLY(450, 4, 2, 1, "not now"), [OUTCOME_FAILED] = REPLY(550, 5, 1, 1, "no such user"),
	};

	for (int i = 0; i < delivery->n_recipients; i++)
		outcomes[i] = (struct outcome){
			.kind = kind, .reply = replies[kind], .status = replies[kind].status, .remote_mta = STR("mx.example"),
		};
	queue_settle(yard->queue, delivery, outcomes, false);
	mem_free(outcomes);
}

struct queue_counts
yard_count(struct yard *yard)
{
	struct queue_counts counts;

	queue_count(yard->queue, &counts);
	return counts;
}

int64_t
yard_seconds_until_due(struct yard *yard, int64_t at_most, enum outcome_kind kind)
{
	struct instant began = os_now();
	struct delivery *d = yard_take(yard, at_most, NULL);

	if (d == NULL)
		return -1;
	yard_settle(yard, d, kind);
	return span_to_s(instant_diff(began, os_now()));
}

void
yard_lives(const char *name, void (*one)(struct yard *yard), void (*two)(struct yard *yard), void (*three)(struct yard *yard))
{
	struct sim_options options = { .seed = sim_seed(8), .disk_bytes = 8 * 1024 * 1024 };
	struct sim *sim = sim_new(&options);
	struct yard yard;

	test_case("%s", name);
	sim_enter(sim);
	yard_init(&yard, sim);
	expect(yard_run(&yard, one));
	if (two != NULL)
		expect(yard_run(&yard, two));
	if (three != NULL)
		expect(yard_run(&yard, three));
	yard_fini(&yard);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}
