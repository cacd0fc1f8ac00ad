/*
 * scan.c - finds the records of a segment
 */
#include "smtpfwd/queue/scan.h"

#include "base/mem.h"
#include "base/octets.h"

enum { READ_BYTES = 1024 * 1024 };

void
scan_init(struct scan *scan, struct segment *segment, const struct skip *skips, uint32_t n_skips)
{
	*scan = (struct scan){
		.segment = segment, .end = segment->bytes, .offset = SEGMENT_HEADER_BYTES,
	};
	for (uint32_t i = 0; i < n_skips; i++) {
		if (skips[i].generation != segment->generation)
			continue;
		if (skips[i].to != INT64_MAX) {
			scan->skips = mem_resize_array(scan->skips, scan->n_skips + 1, sizeof(*skips));
			scan->skips[scan->n_skips++] = skips[i];
			continue;
		}
		scan->is_end_known = true;
		if (skips[i].from < scan->end)
			scan->end = skips[i].from;
	}
}

void
scan_fini(struct scan *scan)
{
	mem_free(scan->room);
	mem_free(scan->skips);
}

/* n bytes at an offset, or NULL if they are not there or cannot be read. */
static const char *
scan_bytes(struct scan *scan, int64_t offset, size_t n_bytes)
{
	size_t kept;
	ssize_t n;

	if (offset + (int64_t)n_bytes > scan->end)
		return NULL;
	if (offset >= scan->room_from && offset + (int64_t)n_bytes <= scan->room_from + (int64_t)scan->n_room)
		return scan->room + (offset - scan->room_from);
	if (scan->room_bytes < n_bytes + READ_BYTES) {
		scan->room_bytes = n_bytes + READ_BYTES;
		scan->room = mem_resize_array(scan->room, scan->room_bytes, 1);
	}
	kept = 0;
	if (offset >= scan->room_from && offset < scan->room_from + (int64_t)scan->n_room) {
		kept = (size_t)(scan->room_from + (int64_t)scan->n_room - offset);
		memmove(scan->room, scan->room + (offset - scan->room_from), kept);
	}
	scan->room_from = offset;
	scan->n_room = kept;
	n = spool_read(scan->segment->fd, scan->room + kept, scan->room_bytes - kept, offset + (int64_t)kept);
	if (n < 0) {
		scan->error = (int)n;
		return NULL;
	}
	scan->n_room += (size_t)n;
	return scan->n_room >= n_bytes ? scan->room : NULL;
}

static const char *
scan_record(struct scan *scan, int64_t offset, struct record_header *header_out)
{
	const char *bytes = scan_bytes(scan, offset, RECORD_HEADER_BYTES);

	if (bytes == NULL || !record_read_header(bytes, scan->segment->stamp, header_out) ||
	    offset + record_span_bytes(header_out->length) > scan->end)
		return NULL;
	bytes = scan_bytes(scan, offset, RECORD_HEADER_BYTES + (size_t)header_out->meta_length);
	if (bytes == NULL || !record_meta_is_whole(bytes, header_out))
		return NULL;
	return scan_bytes(scan, offset, (size_t)record_span_bytes(header_out->length));
}

/* The end of a part to be passed over that begins at or before offset; -1: there is none. */
static int64_t
scan_skip_to(const struct scan *scan, int64_t offset)
{
	for (uint32_t i = 0; i < scan->n_skips; i++) {
		const struct skip *skip = &scan->skips[i];

		if (skip->from <= offset && offset < skip->to)
			return skip->to;
	}
	return -1;
}

enum scan_found
scan_next(struct scan *scan, struct scan_piece *piece_out)
{
	int64_t from, at, skip_to;

	while ((skip_to = scan_skip_to(scan, scan->offset)) >= 0)
		scan->offset = skip_to;
	from = scan->offset;
	*piece_out = (struct scan_piece){ .from = from };
	if (from + RECORD_HEADER_BYTES > scan->end)
		return SCAN_END;
	for (at = from; at + RECORD_HEADER_BYTES <= scan->end; at += RECORD_ALIGN_BYTES) {
		const char *record = scan_record(scan, at, &piece_out->header);

		if (at != from && (record != NULL || scan_skip_to(scan, at) >= 0)) {
			piece_out->to = scan->offset = at;
			return SCAN_HOLE;
		}
		if (record != NULL) {
			piece_out->record = record;
			piece_out->to = scan->offset = at + record_span_bytes(piece_out->header.length);
			return SCAN_RECORD;
		}
	}
	piece_out->to = scan->offset = scan->end;
	return scan->is_end_known ? SCAN_HOLE : SCAN_TAIL;
}
