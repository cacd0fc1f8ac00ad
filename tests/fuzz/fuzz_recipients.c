/*
 * fuzz_recipients.c - files of what is known of recipients with any bytes in them, and with right checksums over any bytes
 *
 * Insists that what is read from the file is bounded, known by its address, written anew and then read as the same.  The
 * input is the file behind its header; with the choice's lowest bit its records' lengths and checksums are put right.
 */
#include "base/code.h"
#include "base/mem.h"
#include "base/octets.h"
#include "smtpfwd/recipients/knowledge.h"
#include "smtpfwd/recipients/known_file.h"
#include "smtpfwd/runtime/os.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim.h"

enum { GOOD_MAX = 3, BAD_MAX = 2, TYPICAL_BYTES = 40 };

static const char *const relays[] = { "a", "b", "" };
static const struct timestamp now = { INT64_C(1792540800000000) };

struct scene {
	struct knowledge	*knowledge, *again;
	struct buf		 records;
};

static struct knowledge *
begin(int64_t good_max)
{
	struct knowledge_bounds bounds = { .good_max = good_max, .bad_max = BAD_MAX, .good_keep = span_s(KNOWLEDGE_GOOD_KEEP_S),
	    .bad_keep = span_s(KNOWLEDGE_BAD_KEEP_S) };
	struct knowledge *k = knowledge_new(&bounds, (const uint64_t[2]){ 1, 2 });

	knowledge_set_relays(k, relays, 3);
	return k;
}

static void
load_one(void *context, const struct known_record *record)
{
	knowledge_load(context, record, now);
}

/* What is in the table is known by its own address, unless it is the text of none. */
static void
check_one(void *context, const struct known_record *record)
{
	struct scene *s = context;
	struct address address;

	insist(record->told.us <= now.us);
	insist(address_parse(record->address, true, &address));
	insist(knowledge_ask(s->knowledge, record->relay, &address, now) == record->known);
	insist(known_record_append(record, &s->records) == 0);
}

static void
check_again(void *context, const struct known_record *record)
{
	struct address address;

	insist(address_parse(record->address, true, &address));
	insist(knowledge_ask(context, record->relay, &address, now) == record->known);
}

static void
visit_all(struct knowledge *k, void (*visit)(void *context, const struct known_record *entry), void *context)
{
	size_t place = 0;

	while (knowledge_each(k, &place, visit, context))
		;
}

/* Cuts the input into records of lengths that it says itself, with the head that each must have. */
static void
put_records(struct fuzz *f, struct buf *file)
{
	while (f->rest.len > 0) {
		size_t n = fuzz_byte(f) % (2 * TYPICAL_BYTES);
		struct str body = str_sub(f->rest, 0, n);
		char length[2];

		f->rest = str_from(f->rest, body.len);
		octets_store(length, body.len, 2);
		insist(buf_append(file, str_n(length, 2)) == 0);
		insist(octets_put(file, crc32c(crc32c(0, length, 2), body.at, body.len), 4) == 0);
		insist(buf_append(file, body) == 0);
	}
}

static void
write_file(struct str bytes)
{
	struct known_file file;

	known_file_init(&file, "/recipients", 0);
	insist(known_file_begin_new(&file, 0) == 0 && known_file_append_new(&file, bytes) == 0 && known_file_adopt_new(&file) == 0);
	known_file_fini(&file);
}

static int
read_file(struct knowledge *k)
{
	struct known_file file;
	int error;

	known_file_init(&file, "/recipients", 0);
	error = known_file_read(&file, load_one, k);
	insist(file.is_whole == (error == 0));
	known_file_fini(&file);
	knowledge_loaded(k);
	return error;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct scene s = { .knowledge = begin(GOOD_MAX), .again = begin(GOOD_MAX) };
	struct knowledge_counts counts;
	struct sim *sim;
	struct fuzz f;
	unsigned choice;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	sim = sim_new(&(struct sim_options){ .seed = choice, .may_block = true });
	buf_init(&s.records, FUZZ_ROOM_MAX_BYTES);
	sim_enter(sim);
	if (choice & 1)
		put_records(&f, &s.records);
	else
		insist(buf_append(&s.records, f.rest) == 0);
	write_file(buf_str(&s.records));
	(void)read_file(s.knowledge);
	buf_clear(&s.records);
	visit_all(s.knowledge, check_one, &s);
	insist((int64_t)s.records.len == knowledge_live_bytes(s.knowledge));
	for (int i = 0; i < 3; i++)
		insist(knowledge_count(s.knowledge, str_of(relays[i]), &counts) && counts.n_good <= GOOD_MAX && counts.n_bad <= BAD_MAX);
	write_file(buf_str(&s.records));
	insist(read_file(s.again) == 0);
	insist(knowledge_live_bytes(s.again) == knowledge_live_bytes(s.knowledge));
	visit_all(s.knowledge, check_again, s.again);
	insist(sim_leave(sim) == 0);
	sim_free(sim);
	buf_fini(&s.records);
	knowledge_free(s.knowledge);
	knowledge_free(s.again);
	fuzz_end(&f);
	return 0;
}
