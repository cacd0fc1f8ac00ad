/*
 * fuzz_spool.c - a spool that was damaged in any way: the queue opens, and holds nothing that was not put
 *
 * A queue puts and settles some mails; then the input says what becomes of its files.  Damage as disks and people do
 * it leaves mails as they were or takes them; opening it twice is the same as once.  With records
 * that somebody forged, checksums and all, the queue need only live.
 */
#include <stdio.h>

#include "base/code.h"
#include "base/mem.h"
#include "smtpfwd/queue/record.h"
#include "smtpfwd/runtime/os.h"
#include "tests/fuzz/fuzz.h"
#include "tests/queue/yard.h"

enum { MAILS_MAX = 6, FILES_MAX = 12, NAME_MAX_BYTES = 64, CONTENT_MAX_BYTES = 32 * 1024, OPS_MAX = 40, LARGE_BYTES = 9000 };
enum { SEGMENT_HEADER_BYTES = 4096, HEADER_BYTES = 44, HEADER_NUMBER_AT = 12, HEADER_STAMP_AT = 24, HEADER_CRC_AT = 40 };		/* queue/README */

struct spool_file { char path[NAME_MAX_BYTES]; };

struct put {
	struct mail_id	 id;
	int		 number;
	size_t		 content_bytes;
	bool		 has_two;	/* recipients */
};

struct scene {
	struct yard	 yard;
	struct fuzz	 f;
	unsigned	 choice;
	bool		 is_forged;
	struct put	 puts[MAILS_MAX];
	int		 n_puts;
	struct buf	 seen[2];	/* what a walk over the queue told, at each opening */
	int		 n_openings;
	struct spool_file files[FILES_MAX];
	int		 n_files;
	const char	*folder;	/* being listed */
};

/* --- a spool as it should be --- */

static void
put_some(struct yard *yard)
{
	struct scene *s = yard->arg;
	struct delivery *d;
	struct buf content;

	buf_init(&content, CONTENT_MAX_BYTES);
	for (int i = 0; i < 1 + (int)(s->choice % MAILS_MAX); i++) {
		struct put *put = &s->puts[s->n_puts];

		buf_clear(&content);
		*put = (struct put){ .number = i, .content_bytes = i == 1 ? LARGE_BYTES : 200, .has_two = i % 3 == 2 };
		yard_content(&content, i, put->content_bytes);
		put->id = yard_put(yard, put->has_two ? "b@x.example c@y.example" : "b@x.example", buf_str(&content));
		insist(!mail_id_is_none(&put->id));
		s->n_puts++;
	}
	for (int i = 0; i < (int)(s->choice >> 3) % 4 && (d = yard_take(yard, 1, &content)) != NULL; i++)
		yard_settle(yard, d, (enum outcome_kind)((s->choice >> 5) + (unsigned)i) % 4);
	buf_fini(&content);
}

/* --- what becomes of it --- */

static void
note_file(void *context, const char *name)
{
	struct scene *s = context;

	if (s->n_files < FILES_MAX)
		snprintf(s->files[s->n_files++].path, NAME_MAX_BYTES, "/spool/%s/%.40s", s->folder, name);
}

static unsigned
two_bytes(struct fuzz *f)
{
	unsigned low = fuzz_byte(f);

	return low | fuzz_byte(f) << 8;
}

static void
write_at(int fd, const void *bytes, size_t n_bytes, int64_t offset)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = n_bytes };

	while (piece.iov_len > 0) {
		ssize_t n = os_pwritev(fd, &piece, 1, offset);

		if (n <= 0)
			return;
		piece = (struct iovec){ .iov_base = (char *)piece.iov_base + n, .iov_len = piece.iov_len - (size_t)n };
		offset += n;
	}
}

static size_t
read_at(int fd, char *room, size_t n_bytes, int64_t offset)
{
	size_t n_read = 0;
	ssize_t n;

	while (n_read < n_bytes && (n = os_pread(fd, room + n_read, n_bytes - n_read, offset + (int64_t)n_read)) > 0)
		n_read += (size_t)n;
	return n_read;
}

/* A byte of the nth record's payload is changed, and the record sealed again. */
static void
forge(struct scene *s, int fd)
{
	char *room = mem_new(YARD_SEGMENT_BYTES);
	size_t n = read_at(fd, room, YARD_SEGMENT_BYTES, 0), at = SEGMENT_HEADER_BYTES;
	unsigned nth = fuzz_byte(&s->f), where = two_bytes(&s->f), byte = fuzz_byte(&s->f);
	struct record_header header;
	uint64_t stamp;

	s->is_forged = true;
	memcpy(&stamp, room + HEADER_STAMP_AT, sizeof(stamp));
	for (; at + RECORD_HEADER_BYTES < n; at += (size_t)record_span_bytes(header.length)) {
		if (!record_read_header(room + at, stamp, &header) || at + (size_t)record_span_bytes(header.length) > n)
			break;
		if (nth-- > 0)
			continue;
		if (header.meta_length > 0)
			room[at + RECORD_HEADER_BYTES + where % header.meta_length] = (char)byte;
		record_seal(room + at, stamp, byte & 1 ? header.batch : byte, header.flags);
		write_at(fd, room + at, (size_t)record_span_bytes(header.length), (int64_t)at);
		break;
	}
	mem_free(room);
}

/* Generation, stamp and size of a segment are what the input says, in both copies of its header. */
static void
forge_header(struct scene *s, int fd)
{
	char header[HEADER_BYTES];
	unsigned where = fuzz_byte(&s->f), n = fuzz_byte(&s->f) % 9;
	uint32_t crc;

	s->is_forged = true;
	if (read_at(fd, header, sizeof(header), 0) != sizeof(header))
		return;
	for (unsigned i = 0; i < n; i++)
		header[HEADER_NUMBER_AT + (where + i) % (HEADER_CRC_AT - HEADER_NUMBER_AT)] = (char)fuzz_byte(&s->f);
	crc = crc32c(0, header, HEADER_CRC_AT);
	memcpy(header + HEADER_CRC_AT, &crc, sizeof(crc));
	write_at(fd, header, sizeof(header), 0);
	write_at(fd, header, sizeof(header), SEGMENT_HEADER_BYTES / 2);
}

static void
copy_part(struct scene *s, int fd)
{
	char room[1024];
	int64_t from = two_bytes(&s->f), to = two_bytes(&s->f);

	write_at(fd, room, read_at(fd, room, sizeof(room), from), to);
}

static void
damage_file(struct scene *s, int fd)
{
	unsigned what = fuzz_byte(&s->f) % 7, at = two_bytes(&s->f);
	char byte;

	switch (what) {
	case 0:				/* a bit turns over */
		if (read_at(fd, &byte, 1, at) == 1) {
			byte = (char)(byte ^ 1 << fuzz_byte(&s->f) % 8);
			write_at(fd, &byte, 1, at);
		}
		break;
	case 1: {			/* bytes are written over */
		struct str part = str_sub(s->f.rest, 0, fuzz_byte(&s->f) % 64);

		write_at(fd, part.at, part.len, at);
		s->f.rest = str_from(s->f.rest, part.len);
		break;
	}
	case 2:
		(void)os_truncate(fd, at);
		break;
	case 3:				/* a sector is lost */
		write_at(fd, (char[512]){ 0 }, 512, at & ~511u);
		break;
	case 4:
		copy_part(s, fd);
		break;
	case 5:
		forge(s, fd);
		break;
	case 6:
		forge_header(s, fd);
		break;
	}
}

static void
damage(struct scene *s)
{
	char path[NAME_MAX_BYTES];
	int fd;

	s->n_files = 0;
	s->folder = "segments";
	(void)os_list_dir("/spool/segments", note_file, s);
	s->folder = "large";
	(void)os_list_dir("/spool/large", note_file, s);
	for (int i = 0; i < OPS_MAX && s->f.rest.len > 0 && s->n_files > 0; i++) {
		unsigned which = fuzz_byte(&s->f);
		const char *victim = s->files[which % 16 % (unsigned)s->n_files].path;

		if (which >= 0xf0) {
			(void)os_unlink(victim);
		} else if (which >= 0xe0) {
			snprintf(path, sizeof(path), "/spool/segments/%08u.seg", fuzz_byte(&s->f));
			(void)os_rename(victim, path);
		} else if ((fd = os_open(victim, OS_OPEN_WRITE)) >= 0) {
			damage_file(s, fd);
			os_close(fd);
		}
	}
}

/* --- what the queue makes of it --- */

static const struct put *
find_put(const struct scene *s, const struct mail_id *id)
{
	for (int i = 0; i < s->n_puts; i++)
		if (mail_id_eq(&s->puts[i].id, id))
			return &s->puts[i];
	return NULL;
}

static bool
see(void *context, const struct queue_mail_view *mail)
{
	struct scene *s = context;
	struct buf *seen = &s->seen[s->n_openings];
	const struct put *put = find_put(s, &mail->id);
	char room[MAIL_ID_TEXT_MAX];

	(void)buf_printf(seen, "%.*s %d", STR_ARG(mail_id_text(&mail->id, room)), mail->is_held);
	for (int i = 0; i < mail->n_recipients; i++)
		(void)buf_printf(seen, " %.*s %d", STR_ARG(mail->recipients[i].address), mail->recipients[i].state);
	(void)buf_append_char(seen, '\n');
	if (!s->is_forged) {
		insist(put != NULL && mail->n_recipients == (put->has_two ? 2 : 1));
		insist(str_eq(mail->recipients[0].address, STR("b@x.example")));
	}
	return true;
}

/* All of a mail that can be read is what was put. */
static void
check_content(struct scene *s, const struct delivery *d)
{
	const struct put *put = find_put(s, &d->mail);
	char room[3000];
	struct buf got, want;
	struct fault fault;
	ssize_t n;

	buf_init(&got, FUZZ_ROOM_MAX_BYTES);
	buf_init(&want, FUZZ_ROOM_MAX_BYTES);
	while ((n = queue_read(s->yard.queue, d, (int64_t)got.len, room, sizeof(room), yard_in(60), &fault)) > 0)
		insist(buf_append(&got, str_n(room, (size_t)n)) == 0);
	if (n == 0 && !s->is_forged) {
		insist(put != NULL && (int64_t)got.len == d->content_bytes);
		(void)buf_append(&want, STR("Received: by us\r\n"));
		yard_content(&want, put->number, put->content_bytes);
		insist(str_eq(buf_str(&got), buf_str(&want)));
	}
	buf_fini(&got);
	buf_fini(&want);
}

static void
look(struct yard *yard)
{
	struct scene *s = yard->arg;
	struct delivery *d;

	queue_list(yard->queue, &(struct queue_filter){ .is_held_only = false }, see, s, yard_in(60));
	for (int i = 0; s->n_openings == 1 && i < 2 * MAILS_MAX && (d = queue_take(yard->queue, yard_in(100))) != NULL; i++) {
		check_content(s, d);
		yard_settle(yard, d, OUTCOME_DELIVERED);
	}
}

static void
open_again(struct scene *s)
{
	bool is_open;

	sim_enter(s->yard.sim);
	is_open = yard_run(&s->yard, look);
	if (!is_open)
		fprintf(stderr, "%s\n", s->yard.fault.text);
	insist(is_open);
	insist(sim_leave(s->yard.sim) == 0);
	s->n_openings++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct scene s = { .n_puts = 0 };
	unsigned more;

	fuzz_begin(&s.f, bytes, n_bytes, &s.choice);
	more = fuzz_byte(&s.f);
	yard_init(&s.yard, sim_new(&(struct sim_options){ .seed = more % 16, .rule = (enum sim_rule)(more >> 4) % 6 }));
	s.yard.arg = &s;
	buf_init(&s.seen[0], FUZZ_ROOM_MAX_BYTES);
	buf_init(&s.seen[1], FUZZ_ROOM_MAX_BYTES);
	sim_enter(s.yard.sim);
	insist(yard_run(&s.yard, put_some));
	insist(sim_leave(s.yard.sim) == 0);
	if (more & 0x80)
		sim_power_cut(s.yard.sim);
	sim_enter(s.yard.sim);
	damage(&s);
	insist(sim_leave(s.yard.sim) == 0);
	open_again(&s);
	open_again(&s);
	insist(s.is_forged || str_eq(buf_str(&s.seen[0]), buf_str(&s.seen[1])));
	insist(test_counts().n_missed == 0);
	sim_free(s.yard.sim);
	yard_fini(&s.yard);
	buf_fini(&s.seen[0]);
	buf_fini(&s.seen[1]);
	fuzz_end(&s.f);
	return 0;
}
