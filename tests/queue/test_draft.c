/*
 * test_draft.c - what was appended to a draft is read back, from memory and from the disk
 */
#include <errno.h>

#include "base/mem.h"
#include "tests/queue/yard.h"

enum { PIECE_BYTES = 10000, ROOM_BYTES = 70000 };

/* All of it, by reads of that size at most. */
static int
read_all(struct draft *draft, size_t n_bytes, struct buf *out, struct fault *fault_out)
{
	char *room = mem_new(n_bytes);
	int64_t offset = 0;
	ssize_t n;

	buf_clear(out);
	while ((n = draft_read(draft, offset, room, n_bytes, yard_in(60), fault_out)) > 0) {
		expect(buf_append(out, str_n(room, (size_t)n)) == 0);
		offset += n;
	}
	mem_free(room);
	return n < 0 ? -1 : 0;
}

static struct draft *
make(struct yard *yard, struct buf *content, size_t n_bytes)
{
	struct draft *draft = draft_new(yard->queue);
	struct fault fault;

	buf_clear(content);
	yard_content(content, 7, n_bytes);
	for (struct str rest = buf_str(content); rest.len > 0; rest = str_from(rest, PIECE_BYTES))
		expect_int(draft_append(draft, str_sub(rest, 0, PIECE_BYTES), yard_in(60), &fault), 0);
	return draft;
}

static void
bytes_story(struct yard *yard)
{
	static const size_t sizes[] = { 0, 1, PIECE_BYTES, 8 * 1024 + 1, 200 * 1000, 300 * 1024, 2000 * 1024 };
	struct buf content, got;
	struct fault fault;

	buf_init(&content, 4 * 1024 * 1024);
	buf_init(&got, 4 * 1024 * 1024);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct draft *draft = make(yard, &content, sizes[i]);
		int64_t n_syncs = sim_disk_n_calls(yard->sim, SIM_SYNC);

		expect_int(read_all(draft, ROOM_BYTES, &got, &fault), 0);
		expect_str(buf_str(&got), buf_str(&content));
		expect_int(read_all(draft, 4093, &got, &fault), 0);
		expect_str(buf_str(&got), buf_str(&content));
		expect_int(sim_disk_n_calls(yard->sim, SIM_SYNC), n_syncs);
		draft_discard(draft);
	}
	buf_fini(&content);
	buf_fini(&got);
}

static void
put_after_reading_story(struct yard *yard)
{
	const struct mail_facts facts = { .arrived = os_wall_clock(), .class_name = STR("incoming") };
	struct envelope envelope = { .reverse_path = { .local = STR("a"), .domain = STR("sender.example") } };
	const struct recipient recipient = { .address = { .local = STR("b"), .domain = STR("x.example") } };
	struct buf content, got;
	struct draft *draft;
	struct delivery *d;
	struct arena arena;
	struct fault fault;

	buf_init(&content, 4 * 1024 * 1024);
	buf_init(&got, 4 * 1024 * 1024);
	arena_init(&arena, 10000);
	expect(envelope_add_recipient(&envelope, &recipient, &arena));
	draft = make(yard, &content, 1000 * 1024);
	expect_int(read_all(draft, ROOM_BYTES, &got, &fault), 0);
	expect_int(draft_append(draft, STR("more\r\n"), yard_in(60), &fault), 0);
	expect_int(buf_append(&content, STR("more\r\n")), 0);
	expect_int(queue_put(yard->queue, draft, &envelope, &facts, STR_EMPTY, yard_in(60), &fault), 0);
	d = yard_take(yard, 1, &got);
	if (expect(d != NULL)) {
		expect_str(buf_str(&got), buf_str(&content));
		yard_settle(yard, d, OUTCOME_DELIVERED);
	}
	arena_fini(&arena);
	buf_fini(&content);
	buf_fini(&got);
}

static void
unreadable_story(struct yard *yard)
{
	struct buf content, got;
	struct draft *draft;
	struct fault fault;

	buf_init(&content, 4 * 1024 * 1024);
	buf_init(&got, 4 * 1024 * 1024);
	draft = make(yard, &content, 1000 * 1024);
	sim_disk_fail(yard->sim, SIM_READ, 1, 1, EIO);
	expect_int(read_all(draft, ROOM_BYTES, &got, &fault), -1);
	expect_int(fault.kind, FAULT_TEMPORARY);
	expect_int((int)got.len, 0);
	sim_disk_heal(yard->sim);
	expect_int(read_all(draft, ROOM_BYTES, &got, &fault), 0);
	expect_str(buf_str(&got), buf_str(&content));
	draft_discard(draft);
	buf_fini(&content);
	buf_fini(&got);
}

int
main(void)
{
	yard_lives("a draft is read as it was appended, and nothing is synced for it", bytes_story, NULL, NULL);
	yard_lives("what was read can grow, and be put", put_after_reading_story, NULL, NULL);
	yard_lives("a disk that does not read is a fault, and not the end of the mail", unreadable_story, NULL, NULL);
	return test_end();
}
