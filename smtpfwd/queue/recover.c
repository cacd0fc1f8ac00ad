/*
 * recover.c - what the log says after a start: which mails there are, and what became of them
 *
 * Segments are read in the order they were written.  A tombstone always stands behind all copies
 * of its mail, and of states the highest version holds, so nothing else depends on the order.
 * What cannot be read is reported and set aside, and the search goes on behind it.
 */
#include <stdlib.h>

#include "base/code.h"
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/recover.h"

enum { RECORD_ARENA_MAX_BYTES = 512 * 1024 * 1024 };	/* of one record while it is looked at */

/* --- records --- */

static void
apply_state(struct recovering *rec, const struct mail_state *state)
{
	if (state->n_recipients != rec->n || state->version < rec->version)
		return;
	rec->version = state->version;
	rec->is_held = state->is_held;
	rec->is_warned = state->is_warned;
	rec->is_removed = state->is_removed;
	rec->is_bounced = state->is_bounced;
	rec->lives_until = state->lives_until;
	for (int i = 0; i < rec->n; i++) {
		struct recovering_recipient *to = &rec->recipients[i];
		const struct recipient_state *from = &state->recipients[i];

		to->next_try = from->next_try;
		to->n_tries = from->n_tries;
		to->step = (uint8_t)from->step;
		to->owed = (uint8_t)from->owed;		/* a release takes some back */
		to->paid |= (uint8_t)from->paid;
	}
}

static void
apply_mail(struct recovery *r, const struct mail_record *mail, const struct place *place)
{
	struct queue *queue = r->queue;
	struct entry *entry = index_find(&queue->index, &mail->id);
	const struct place nowhere = { .segment = NULL };
	struct recovering *rec;
	size_t n = (size_t)mail->envelope.n_recipients;

	if (entry == NULL) {
		entry = entry_new(&mail->id);
		rec = arena_alloc(&r->arena, sizeof(*rec) + n * sizeof(rec->recipients[0]));
		insist(rec != NULL);
		rec->n = (int)n;
		rec->arrived = mail->facts.arrived;
		for (size_t i = 0; i < n; i++)
			rec->recipients[i].destination = destination_get(&queue->schedule, queue->world.destination_of(
			    queue->world.context, &mail->envelope, &mail->envelope.recipients[i], &mail->facts));
		entry->recovering = rec;
		entry->content_bytes = mail->prefix_bytes + mail->content_bytes;
		entry->is_large = mail->is_large;
		entry->is_unverified = mail->facts.is_unverified;
		entry->came_held = mail->facts.comes_held;
		index_add(&queue->index, entry);
	}
	rec = entry->recovering;
	if (mail->state.version >= rec->version)	/* the copy's state is the newest: none stands beside it */
		entry_set_state(queue, entry, &nowhere);
	entry_set_mail(queue, entry, place);
	apply_state(rec, &mail->state);
	if (!mail_id_is_none(&mail->pays.mail) && mail->pays.n_recipients > 0) {
		struct recovered_payment *payment = arena_alloc(&r->arena, sizeof(*payment));
		uint32_t *recipients = arena_array(&r->arena, mail->pays.n_recipients, sizeof(uint32_t));

		insist(payment != NULL && recipients != NULL);
		memcpy(recipients, mail->pays.recipients, mail->pays.n_recipients * sizeof(uint32_t));
		*payment = (struct recovered_payment){ .next = r->payments, .pays = mail->pays };
		payment->pays.recipients = recipients;
		r->payments = payment;
	}
}

void
recover_forget(struct queue *queue, struct entry *entry)
{
	const struct place nowhere = { .segment = NULL };

	index_remove(&queue->index, entry);
	entry_set_mail(queue, entry, &nowhere);
	entry_set_state(queue, entry, &nowhere);
	entry->recovering = NULL;
	entry_unref(entry);
}

/* 0, or -1: what the checksum covers is whole, but it makes no sense or the content is not whole. */
static int
apply_record(struct recovery *r, struct segment *segment, const struct scan_piece *piece, struct fault *fault_out)
{
	struct queue *queue = r->queue;
	struct place place = {
		.segment = segment,
		.at = (uint32_t)(piece->from / RECORD_ALIGN_BYTES),
		.bytes = (uint32_t)(piece->to - piece->from),
	};
	struct entry *entry = NULL;
	struct arena arena;
	struct mail_record mail;
	struct mail_state state;
	struct mail_id id;
	int result = 0;

	arena_init(&arena, RECORD_ARENA_MAX_BYTES);
	if (record_mail_id(piece->record, &piece->header, &id))
		entry = index_find(&queue->index, &id);
	switch (piece->header.type) {
	case RECORD_START:
	case RECORD_END:
		break;
	case RECORD_MAIL:
		result = record_decode_mail(piece->record, &piece->header, &arena, &mail, fault_out);
		if (result == 0 && !mail.is_large && crc32c(0, piece->record + RECORD_HEADER_BYTES +
		    piece->header.meta_length, (size_t)mail.content_bytes) != mail.content_crc)
			result = fault_permanent(fault_out, "the content's checksum is wrong");
		if (result == 0)
			apply_mail(r, &mail, &place);
		break;
	case RECORD_STATE:
		result = record_decode_state(piece->record, &piece->header, &arena, &id, &state, fault_out);
		if (result == 0 && entry != NULL && state.version > entry->recovering->version &&
		    state.n_recipients == entry->recovering->n) {
			apply_state(entry->recovering, &state);
			entry_set_state(queue, entry, &place);
		}
		break;
	case RECORD_GONE:
		if (entry != NULL)
			recover_forget(queue, entry);
		break;
	}
	arena_fini(&arena);
	return result;
}

/* --- holes --- */

void
recover_set_aside(struct recovery *r, struct segment *segment, int64_t from, int64_t to, const char *why)
{
	r->has_damage = true;
	damaged_report(r->queue, segment, from, to, why);
	if (damaged_keep(r->queue, segment, from, to))
		commit_skip(&r->queue->commit, segment->generation, from, to);
	else
		segment->n_pins++;		/* not freed, so that the next start finds it again */
}

/*
 * Behind the last record that can be read.  A power cut leaves a torn batch here, which nobody was
 * told is durable; but damage to the last batch looks the same, so what bears our stamp is kept.
 */
static void
look_at_tail(struct recovery *r, struct segment *segment, const struct scan_piece *tail, bool is_batch_whole)
{
	char bytes[RECORD_HEADER_BYTES];
	struct record_header header = { .length = 0 };
	bool has_header;
	int64_t to;

	segment->end = tail->from;
	has_header = spool_read(segment->fd, bytes, sizeof(bytes), tail->from) == (ssize_t)sizeof(bytes) &&
	    record_read_header(bytes, segment->stamp, &header);
	if (!has_header && is_batch_whole)
		return;
	to = tail->from + (has_header ? record_span_bytes(header.length) : RECORD_HEADER_BYTES);
	if (to > tail->to)
		to = tail->to;
	r->has_damage = true;
	damaged_report(r->queue, segment, tail->from, to, "a torn or damaged end of the last batch");
	if (!damaged_keep(r->queue, segment, tail->from, to))
		segment->n_pins++;
}

static int
read_segment(struct recovery *r, struct segment *segment, struct fault *fault_out)
{
	struct scan scan;
	struct scan_piece piece;
	enum scan_found found;
	unsigned flags = RECORD_LAST_OF_BATCH;
	struct fault why;

	scan_init(&scan, segment, r->skips, r->n_skips);
	segment->end = SEGMENT_HEADER_BYTES;
	r->was_closed = false;
	while ((found = scan_next(&scan, &piece)) != SCAN_END && scan.error == 0) {
		if (found == SCAN_TAIL) {
			if (!r->was_closed)
				look_at_tail(r, segment, &piece, (flags & RECORD_LAST_OF_BATCH) != 0);
			break;
		}
		r->was_closed = false;
		segment->end = piece.to;
		if (found == SCAN_HOLE) {
			recover_set_aside(r, segment, piece.from, piece.to, "no record can be read here");
			continue;
		}
		if (apply_record(r, segment, &piece, &why) != 0)
			recover_set_aside(r, segment, piece.from, piece.to, why.text);
		flags = piece.header.flags;
		r->was_closed = piece.header.type == RECORD_END;
		if (piece.header.batch > r->batch_max)
			r->batch_max = piece.header.batch;
	}
	scan_fini(&scan);
	/* What was read may stand in the page cache only, if the last process was killed; it is acted upon from now on. */
	if (scan.error == 0 && os_sync_data(segment->fd) != 0)
		log_say(r->queue->log, LOG_LEVEL_WARNING, "sync_failed", "segment %u, at the start", (unsigned)segment->number);
	if (scan.error != 0)
		return spool_fault(fault_out, scan.error, "read a segment of", r->queue->directory);
	return 0;
}

/* --- into service --- */

static void
apply_payments(struct recovery *r)
{
	for (struct recovered_payment *p = r->payments; p != NULL; p = p->next) {
		struct entry *entry = index_find(&r->queue->index, &p->pays.mail);
		uint8_t bit = (uint8_t)(1u << p->pays.kind);
		bool is_news = false;

		for (uint32_t i = 0; entry != NULL && i < p->pays.n_recipients; i++) {
			if (p->pays.recipients[i] >= (uint32_t)entry->recovering->n)
				continue;
			is_news |= (entry->recovering->recipients[p->pays.recipients[i]].paid & bit) == 0;
			entry->recovering->recipients[p->pays.recipients[i]].paid |= bit;
		}
		if (is_news)
			payment_keep(r->queue, &p->pays);
	}
}

static int
entry_cmp(const void *a, const void *b)
{
	return mail_id_cmp(&(*(struct entry *const *)a)->id, &(*(struct entry *const *)b)->id);
}

/* Copies stand behind younger mails in the log; ids sort by age. */
static void
sort_by_age(struct index *index)
{
	struct entry **all = mem_new_array(index->n + 1, sizeof(struct entry *));
	struct list_link *link;
	size_t n = 0;

	while ((link = list_take_first(&index->by_age)) != NULL)
		all[n++] = LIST_ITEM(link, struct entry, by_age);
	qsort(all, n, sizeof(struct entry *), entry_cmp);
	for (size_t i = 0; i < n; i++)
		list_append(&index->by_age, &all[i]->by_age);
	mem_free(all);
}

static void
place_recipient(struct recovery *r, struct entry *entry, const struct recovering_recipient *from)
{
	struct queue *queue = r->queue;
	struct slot *slot = entry_find_slot(entry, from->destination);

	if (slot == NULL) {
		slot = entry_add_slot(queue, entry, from->destination);
		if (!entry->is_held)
			slot_place(&queue->schedule, slot, recipient_due(queue, from->next_try, r->now), r->now);
	}
	if (from->n_tries > slot->n_tries)
		slot->n_tries = from->n_tries;
}

/* How old it is for expiring: one that was released late is younger, also when the time it got is over. */
static struct span
age_of(const struct recovery *r, const struct recovering *rec)
{
	struct span age = timestamp_diff(rec->arrived, r->wall_now), left = timestamp_diff(r->wall_now, rec->lives_until);
	struct span expire = r->queue->retry.expire;

	/* Never more than a wait's length by a clock that was set back. */
	if (left.ns > r->queue->retry.max.ns)
		left = r->queue->retry.max;
	if (rec->lives_until.us != 0 && age.ns > expire.ns - left.ns)
		age.ns = expire.ns - left.ns;
	return age;
}

static void
enter_service(struct recovery *r, struct entry *entry)
{
	struct queue *queue = r->queue;
	const struct recovering *rec = entry->recovering;
	struct span age = age_of(r, rec);
	unsigned debts = 0;

	entry->recovering = NULL;
	entry->arrived = (struct instant){ r->now.ns - (age.ns > 0 ? age.ns : 0) };
	entry_set_held(queue, entry, rec->is_held);
	entry->is_bounced = rec->is_bounced;
	entry->is_warned = rec->is_warned;
	entry->epoch = queue->epoch;
	queue->counts.content_bytes += entry->content_bytes;
	for (int i = 0; i < rec->n; i++) {
		if (rec->recipients[i].step == RECIPIENT_WAITING && !rec->is_removed)
			place_recipient(r, entry, &rec->recipients[i]);
		debts |= rec->recipients[i].owed & ~rec->recipients[i].paid;
	}
	if (rec->is_removed || (entry->slots == NULL && debts == 0)) {
		entry_write_gone(queue, entry, NULL);
		return;
	}
	debts_add(queue, entry, debts);
	entry_set_clock(queue, entry);
}

/* The log goes on in the newest segment if that was closed in good order; else in a new one. */
static void
set_commit(struct recovery *r)
{
	struct queue *queue = r->queue;
	struct commit *commit = &queue->commit;
	struct list_link *last = queue->room.log.n > 0 ? queue->room.log.head.prev : NULL;
	struct segment *newest = last != NULL ? LIST_ITEM(last, struct segment, link) : NULL;

	commit->next_batch = r->batch_max + 1;
	if (newest == NULL)
		return;
	commit->next_generation = newest->generation + 1;
	if (r->was_closed && commit->n_skips == 0 && newest->bytes == queue->segment_bytes)
		commit->current = newest;
	else
		commit_skip(commit, newest->generation, newest->end, INT64_MAX);
}

/* The disk works while records are looked at. */
static void
read_ahead(const struct queue *queue, const struct list_link *link)
{
	const struct segment *segment = LIST_ITEM(link, struct segment, link);

	if (link != &queue->room.log.head)
		os_read_ahead(segment->fd, 0, segment->bytes);
}

int
queue_recover(struct queue *queue, struct fault *fault_out)
{
	struct recovery r = { .queue = queue, .now = os_now(), .wall_now = os_wall_clock() };
	struct instant began = os_now();
	struct log_line line;
	int result, n_read = 0;

	arena_init(&r.arena, SIZE_MAX / 2);
	result = recover_segments(&r, fault_out);
	if (result == 0)
		recover_starts(&r);
	LIST_EACH(link, &queue->room.log) {
		if (result == 0 && queue->world.progress != NULL)
			queue->world.progress(queue->world.context, n_read++, (int)queue->room.log.n);
		if (result == 0)
			read_ahead(queue, link->next);
		if (result == 0)
			result = read_segment(&r, LIST_ITEM(link, struct segment, link), fault_out);
	}
	if (result == 0)
		result = recover_large(&r, fault_out);
	if (result == 0) {
		set_commit(&r);
		apply_payments(&r);
		sort_by_age(&queue->index);
		LIST_EACH(entry_link, &queue->index.by_age)
			enter_service(&r, LIST_ITEM(entry_link, struct entry, by_age));
		damaged_measure(queue);
		log_begin(&line, queue->log, LOG_LEVEL_INFO, "recovered");
		log_int(&line, "mails", (int64_t)queue->index.n);
		log_int(&line, "segments", (int64_t)queue->room.log.n);
		log_int(&line, "set_aside", queue->counts.n_set_aside);
		log_span(&line, "took", instant_diff(began, os_now()));
		log_end(&line);
	}
	arena_fini(&r.arena);
	mem_free(r.skips);
	return result;
}
