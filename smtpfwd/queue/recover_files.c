/*
 * recover_files.c - which files the spool has after a start, before and after their records are read
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "smtpfwd/queue/recover.h"

enum { SEGMENT_NUMBER_MAX = 99999999 };	/* what a name of 8 digits can say */

/* --- the files --- */

struct number_list {
	uint32_t	*numbers;
	size_t		 n;
};

static void
list_segment(void *context, const char *name)
{
	struct number_list *list = context;
	unsigned long number;
	char *end;

	number = strtoul(name, &end, 10);
	if (end != name + 8 || strcmp(end, ".seg") != 0 || number == 0 || number > SEGMENT_NUMBER_MAX)
		return;
	list->numbers = mem_resize_array(list->numbers, list->n + 1, sizeof(*list->numbers));
	list->numbers[list->n++] = (uint32_t)number;
}

/* Sorts into the log, by generation; there are few. */
static void
log_insert(struct room *room, struct segment *segment)
{
	struct list_link *place = room->log.head.prev;

	while (place != &room->log.head && LIST_ITEM(place, struct segment, link)->generation > segment->generation)
		place = place->prev;
	list_insert_after(&room->log, place, &segment->link);
}

/* Both copies of its header are damaged: the file is kept for people, whole. */
static void
set_file_aside(struct recovery *r, struct segment *segment)
{
	struct queue *queue = r->queue;
	struct spool_path from, to;
	char name[64];

	(void)snprintf(name, sizeof(name), "damaged/segment-%08u-%lld", (unsigned)segment->number,
	    (long long)r->wall_now.us);
	spool_path_segment(&from, queue->directory, segment->number);
	spool_path(&to, queue->directory, name);
	r->has_damage = true;
	damaged_report(queue, segment, 0, segment->bytes, "the segment's header cannot be read");
	(void)os_rename(from.text, to.text);
	segment_free(segment);
}

int
recover_segments(struct recovery *r, struct fault *fault_out)
{
	struct queue *queue = r->queue;
	struct room *room = &queue->room;
	struct number_list list = { .n = 0 };
	struct spool_path path;
	int error, result = 0;

	spool_path(&path, queue->directory, "segments");
	error = os_list_dir(path.text, list_segment, &list);
	if (error < 0)
		result = spool_fault(fault_out, error, "list", path.text);
	for (size_t i = 0; i < list.n && result == 0; i++) {
		struct segment *segment = segment_open(queue->directory, list.numbers[i], fault_out);
		enum segment_use use;

		if (segment == NULL) {
			result = -1;
			break;
		}
		if (segment->number >= room->next_number)
			room->next_number = segment->number + 1;
		use = segment_read_header(segment, &error);
		if (error != 0) {		/* the disk, not its bytes: to be tried again, nothing to be set aside */
			result = spool_fault(fault_out, error, "read a segment of", queue->directory);
			segment_free(segment);
			break;
		}
		switch (use) {
		case SEGMENT_USED:
			log_insert(room, segment);
			break;
		case SEGMENT_FREE:
			if (segment->bytes == queue->segment_bytes) {
				list_append(&room->spares, &segment->link);
				break;
			}
			spool_path_segment(&path, queue->directory, segment->number);	/* half made, or of another size */
			(void)os_unlink(path.text);
			segment_free(segment);
			break;
		case SEGMENT_UNREADABLE:
			set_file_aside(r, segment);
			break;
		}
	}
	mem_free(list.numbers);
	return result;
}

void
recover_starts(struct recovery *r)
{
	LIST_EACH(link, &r->queue->room.log) {
		struct segment *segment = LIST_ITEM(link, struct segment, link);
		struct scan scan;
		struct scan_piece piece;
		struct skip *skips;
		uint32_t n_skips;

		scan_init(&scan, segment, NULL, 0);
		if (scan_next(&scan, &piece) == SCAN_RECORD && piece.header.type == RECORD_START &&
		    record_decode_start(piece.record, &piece.header, &r->arena, &skips, &n_skips, NULL) == 0 && n_skips > 0) {
			r->skips = mem_resize_array(r->skips, r->n_skips + n_skips, sizeof(*r->skips));
			memcpy(r->skips + r->n_skips, skips, n_skips * sizeof(*skips));
			r->n_skips += n_skips;
		}
		scan_fini(&scan);
	}
}

/* --- large files --- */

static void
large_seen(void *context, const char *name)
{
	struct recovery *r = context;
	struct queue *queue = r->queue;
	struct spool_path path;
	struct entry *entry;
	struct mail_id id;

	if (!mail_id_parse(str_of(name), &id))
		return;
	entry = index_find(&queue->index, &id);
	if (entry != NULL && entry->is_large) {
		entry->recovering->has_file = true;
		return;
	}
	if (r->has_damage) {
		(void)damaged_keep_large(queue, &id);
		return;
	}
	spool_path_large(&path, queue->directory, &id);
	(void)os_unlink(path.text);		/* nobody was told 250 for it, or it is delivered */
}

int
recover_large(struct recovery *r, struct fault *fault_out)
{
	struct queue *queue = r->queue;
	struct spool_path path;
	int error;

	spool_path(&path, queue->directory, "large");
	error = os_list_dir(path.text, large_seen, r);
	if (error < 0)
		return spool_fault(fault_out, error, "list", path.text);
	LIST_EACH(link, &queue->index.by_age) {
		struct entry *entry = LIST_ITEM(link, struct entry, by_age);
		struct segment *segment = entry->mail.segment;
		int64_t from = place_offset(&entry->mail);

		if (!entry->is_large || entry->recovering->has_file)
			continue;
		recover_set_aside(r, segment, from, from + entry->mail.bytes, "its large content is missing");
		recover_forget(queue, entry);
	}
	return 0;
}
