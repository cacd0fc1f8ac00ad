/*
 * segment.c - makes, opens and marks the files of the log
 *
 * The header stands twice in its page, so that a torn or damaged sector leaves one.
 */
#include "smtpfwd/queue/segment.h"

#include <errno.h>

#include "base/code.h"
#include "base/mem.h"
#include "base/octets.h"

enum {
	HEADER_COPY_AT = 2048,		/* another sector, another 4 KB block's half */
	HEADER_BYTES = 48,
	HEADER_VERSION = 1,
	AT_MAGIC = 0, AT_VERSION = 8, AT_NUMBER = 12, AT_GENERATION = 16, AT_STAMP = 24, AT_BYTES = 32, AT_CRC = 40,
};

static const char header_magic[8] = { 'S', 'm', 'F', 'w', 'S', 'e', 'g', '\n' };

static void
header_encode(const struct segment *segment, uint64_t generation, uint64_t stamp, char *at)
{
	memcpy(at + AT_MAGIC, header_magic, sizeof(header_magic));
	octets_store(at + AT_VERSION, HEADER_VERSION, 4);
	octets_store(at + AT_NUMBER, segment->number, 4);
	octets_store(at + AT_GENERATION, generation, 8);
	octets_store(at + AT_STAMP, stamp, 8);
	octets_store(at + AT_BYTES, (uint64_t)segment->bytes, 8);
	octets_store(at + AT_CRC, crc32c(0, at, AT_CRC), 4);
}

static bool
header_decode(const struct segment *segment, const char *at, uint64_t *generation_out, uint64_t *stamp_out)
{
	if (memcmp(at + AT_MAGIC, header_magic, sizeof(header_magic)) != 0 ||
	    octets_load(at + AT_CRC, 4) != crc32c(0, at, AT_CRC) ||
	    octets_load(at + AT_VERSION, 4) != HEADER_VERSION || octets_load(at + AT_NUMBER, 4) != segment->number)
		return false;
	*generation_out = octets_load(at + AT_GENERATION, 8);
	*stamp_out = octets_load(at + AT_STAMP, 8);
	return true;
}

int
segment_write_header(struct segment *segment, uint64_t generation, uint64_t stamp)
{
	char *page = mem_new(SEGMENT_HEADER_BYTES);
	struct iovec piece = { .iov_base = page, .iov_len = SEGMENT_HEADER_BYTES };
	int result;

	header_encode(segment, generation, stamp, page);
	header_encode(segment, generation, stamp, page + HEADER_COPY_AT);
	result = spool_write(segment->fd, &piece, 1, 0);
	mem_free(page);
	return result;
}

enum segment_use
segment_read_header(struct segment *segment, int *error_out)
{
	char *page = mem_new(SEGMENT_HEADER_BYTES);
	uint64_t generation[2] = { 0, 0 }, stamp[2] = { 0, 0 };
	ssize_t n = spool_read(segment->fd, page, SEGMENT_HEADER_BYTES, 0);
	enum segment_use use = SEGMENT_UNREADABLE;
	bool has_any = false;

	*error_out = n < 0 ? (int)n : 0;
	for (int i = 0; i < 2 && n == SEGMENT_HEADER_BYTES; i++)
		has_any |= header_decode(segment, page + (i == 0 ? 0 : HEADER_COPY_AT), &generation[i], &stamp[i]);
	if (has_any) {
		/* After a torn change the used one holds: its records tell for themselves. */
		int i = generation[1] > generation[0] ? 1 : 0;

		segment->generation = generation[i];
		segment->stamp = stamp[i];
		use = generation[i] != 0 ? SEGMENT_USED : SEGMENT_FREE;
	} else if (n >= 0) {
		ssize_t i = 0;

		while (i < n && page[i] == 0)
			i++;
		if (i == n)		/* made, and never written */
			use = SEGMENT_FREE;
	}
	mem_free(page);
	return use;
}

static struct segment *
segment_new(uint32_t number, int fd, int64_t bytes)
{
	struct segment *segment = mem_new(sizeof(*segment));

	segment->number = number;
	segment->fd = fd;
	segment->bytes = bytes;
	segment->end = SEGMENT_HEADER_BYTES;
	return segment;
}

struct segment *
segment_create(const char *directory, uint32_t number, int64_t bytes, struct fault *fault_out)
{
	struct spool_path path, folder;
	struct segment *segment;
	int fd, error;

	spool_path_segment(&path, directory, number);
	spool_path(&folder, directory, "segments");
	fd = os_open(path.text, OS_OPEN_CREATE);
	if (fd < 0) {
		(void)spool_fault(fault_out, fd, "make", path.text);
		return NULL;
	}
	segment = segment_new(number, fd, bytes);
	error = os_allocate(fd, bytes);
	if (error == 0)
		error = segment_write_header(segment, 0, 0);
	if (error == 0)
		error = os_sync_data(fd);
	if (error == 0)
		error = os_sync_dir(folder.text);
	if (error == 0)
		return segment;
	(void)spool_fault(fault_out, error, "allocate", path.text);
	segment_free(segment);
	(void)os_unlink(path.text);	/* nothing was in it */
	return NULL;
}

struct segment *
segment_open(const char *directory, uint32_t number, struct fault *fault_out)
{
	struct spool_path path;
	int64_t bytes;
	int fd;

	spool_path_segment(&path, directory, number);
	fd = os_open(path.text, OS_OPEN_WRITE);
	if (fd < 0) {
		(void)spool_fault(fault_out, fd, "open", path.text);
		return NULL;
	}
	bytes = os_file_bytes(fd);
	if (bytes < 0) {
		(void)spool_fault(fault_out, (int)bytes, "open", path.text);
		os_close(fd);
		return NULL;
	}
	return segment_new(number, fd, bytes);
}

void
segment_free(struct segment *segment)
{
	os_close(segment->fd);
	mem_free(segment);
}
