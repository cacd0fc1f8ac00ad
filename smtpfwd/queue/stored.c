/*
 * stored.c - reads mails back from the log, once for all who need one at the same time
 */
#include <errno.h>

#include "base/code.h"
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

enum {
	/* Decoded envelope, states and outcomes of the largest mail; a common one takes a few KB. */
	STORED_ARENA_MAX_BYTES = 512 * 1024 * 1024,
	VERSION_JUMP = 1000,		/* above any version that a lost STATE may have had */
};

/* --- reading, from the page cache or by the crew --- */

struct read_job {
	struct os_job	 job;
	int		 fd;
	char		*room;
	size_t		 n_bytes;
	int64_t		 offset;
	ssize_t		 result;
};

static void
read_run(struct os_job *job)
{
	struct read_job *read = (struct read_job *)(void *)((char *)job - offsetof(struct read_job, job));

	read->result = spool_read(read->fd, read->room, read->n_bytes, read->offset);
}

/* Bytes read, fewer only at the end of the file, or -errno.  Suspends. */
static ssize_t
read_whole(struct queue *queue, int fd, char *room, size_t n_bytes, int64_t offset)
{
	size_t n_read = 0;

	while (n_read < n_bytes) {
		ssize_t n = os_pread_cached(fd, room + n_read, n_bytes - n_read, offset + (int64_t)n_read);

		if (n <= 0)		/* not in memory, or the end, or trouble: the crew finds out */
			break;
		n_read += (size_t)n;
	}
	if (n_read < n_bytes) {
		struct read_job read = {
			.job.run = read_run,
			.fd = fd,
			.room = room + n_read,
			.n_bytes = n_bytes - n_read,
			.offset = offset + (int64_t)n_read,
		};

		fiber_run_on_crew(queue->disk_crew, &read.job);
		if (read.result < 0)
			return read.result;
		n_read += (size_t)read.result;
	}
	return (ssize_t)n_read;
}

/* --- damage found while serving --- */

struct keep_job {
	struct os_job	 job;
	struct queue	*queue;
	struct place	 place;
	const struct mail_id *large;	/* whose content goes along; NULL: none */
	bool		 is_kept;
};

static void
keep_run(struct os_job *job)
{
	struct keep_job *keep = (struct keep_job *)(void *)((char *)job - offsetof(struct keep_job, job));
	int64_t from = place_offset(&keep->place);

	keep->is_kept = damaged_keep(keep->queue, keep->place.segment, from, from + keep->place.bytes) &&
	    (keep->large == NULL || damaged_keep_large(keep->queue, keep->large));
}

/* 0, and why in *fault_out: the record is set aside.  -1: it could not be, so it stays where it is. */
static int
set_aside(struct queue *queue, const struct place *place, const struct mail_id *large, const char *why)
{
	struct keep_job keep = { .job.run = keep_run, .queue = queue, .place = *place, .large = large };
	int64_t from = place_offset(place);

	fiber_run_on_crew(queue->disk_crew, &keep.job);
	damaged_report(queue, place->segment, from, from + place->bytes, why);
	return keep.is_kept ? 0 : -1;
}

/* --- loading --- */

/* The record's meta, or all of it if it is small; NULL with a fault, permanent if it is damaged. */
static char *
load_record(struct queue *queue, const struct place *place, struct record_header *header_out, bool *is_whole_out,
    struct fault *fault_out)
{
	size_t n_bytes = place->bytes <= RECORD_READ_WHOLE_BYTES ? place->bytes : RECORD_READ_META_BYTES, n_needed;
	char *bytes = mem_resize_array(NULL, n_bytes, 1);
	ssize_t n = read_whole(queue, place->segment->fd, bytes, n_bytes, place_offset(place));

	if (n == (ssize_t)n_bytes && record_read_header(bytes, place->segment->stamp, header_out) &&
	    record_span_bytes(header_out->length) == place->bytes) {
		n_needed = RECORD_HEADER_BYTES + (size_t)header_out->meta_length;
		if (n_needed > n_bytes) {		/* many recipients */
			bytes = mem_resize_array(bytes, n_needed, 1);
			n = read_whole(queue, place->segment->fd, bytes + n_bytes, n_needed - n_bytes,
			    place_offset(place) + (int64_t)n_bytes);
			if (n >= 0)
				n += (ssize_t)n_bytes;
		}
		if (n >= (ssize_t)n_needed && record_meta_is_whole(bytes, header_out)) {
			*is_whole_out = place->bytes <= RECORD_READ_WHOLE_BYTES;
			return bytes;
		}
	}
	mem_free(bytes);
	if (n < 0)
		(void)fault_temporary(fault_out, "read segment %u: %s", (unsigned)place->segment->number, strerror((int)-n));
	else
		(void)fault_permanent(fault_out, "the record's header or checksum is wrong");
	return NULL;
}

static int
load_state(struct stored *stored, const struct place *place)
{
	struct queue *queue = stored->queue;
	struct record_header header;
	struct mail_state state;
	struct mail_id id;
	bool is_whole;
	char *bytes = load_record(queue, place, &header, &is_whole, &stored->fault);

	if (bytes != NULL) {
		if (record_decode_state(bytes, &header, &stored->arena, &id, &state, &stored->fault) == 0 &&
		    mail_id_eq(&id, &stored->entry->id) && state.n_recipients == stored->record.state.n_recipients) {
			if (state.version > stored->record.state.version)
				stored->record.state = state;
			mem_free(bytes);
			return 0;
		}
		mem_free(bytes);
	} else if (stored->fault.kind == FAULT_TEMPORARY) {
		return -1;
	}
	/* What became of it is lost, the mail is not: better delivered twice than not at all. */
	if (set_aside(queue, place, NULL, "a mail's state cannot be read") != 0)
		return fault_temporary(&stored->fault, "a damaged state could not be set aside");
	stored->record.state.version += VERSION_JUMP;
	return 0;
}

static int
load_mail(struct stored *stored)
{
	struct record_header header = { .length = 0 };
	bool is_whole = false;
	char *bytes = load_record(stored->queue, &stored->place, &header, &is_whole, &stored->fault);
	struct mail_record *mail = &stored->record;

	if (bytes == NULL)
		return -1;
	if (record_decode_mail(bytes, &header, &stored->arena, mail, &stored->fault) != 0 ||
	    !mail_id_eq(&mail->id, &stored->entry->id)) {
		mem_free(bytes);
		return fault_permanent(&stored->fault, "the record is not of this mail");
	}
	stored->stream_offset = record_stream_offset(&header, mail);
	if (is_whole && !mail->is_large && crc32c(0, bytes + RECORD_HEADER_BYTES + header.meta_length,
	    (size_t)mail->content_bytes) != mail->content_crc) {
		mem_free(bytes);
		return fault_permanent(&stored->fault, "the content's checksum is wrong");
	}
	if (is_whole)
		stored->bytes = bytes;
	else
		mem_free(bytes);
	return 0;
}

static void
stored_load(struct stored *stored)
{
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;
	struct place state = entry->state;

	if (state.segment != NULL)
		state.segment->n_pins++;
	if (load_mail(stored) != 0) {
		stored->is_bad = true;
		if (stored->fault.kind == FAULT_PERMANENT) {
			const struct mail_id *large = entry->is_large ? &entry->id : NULL;

			if (set_aside(queue, &stored->place, large, stored->fault.text) != 0)
				(void)fault_temporary(&stored->fault, "a damaged record could not be set aside");
			else if (entry->is_in_index)
				entry_forget(queue, entry);
			entry->is_set_aside = true;
		}
	} else if (state.segment != NULL && load_state(stored, &state) != 0) {
		stored->is_bad = true;
	}
	if (state.segment != NULL)
		state.segment->n_pins--;
	if (!stored->is_bad) {
		payments_enter(queue, &entry->id, &stored->record.state);
		stored->slot_of = mem_new_array((size_t)stored->record.envelope.n_recipients, sizeof(struct slot *));
		stored_match_slots(stored, loop_now(queue->loop));
	}
}

struct stored *
stored_open(struct queue *queue, struct entry *entry, struct instant deadline, struct fault *fault_out)
{
	struct stored *stored = entry->stored;

	if (entry->is_gone) {
		(void)fault_permanent(fault_out, "the mail is gone");
		return NULL;
	}
	if (stored == NULL) {
		stored = mem_new(sizeof(*stored));
		*stored = (struct stored){
			.queue = queue, .entry = entry, .n_refs = 1, .is_loading = true, .large_fd = -1,
			.place = entry->mail,
		};
		signal_init(&stored->loaded);
		arena_init(&stored->arena, STORED_ARENA_MAX_BYTES);
		stored->place.segment->n_pins++;
		entry->stored = stored;
		entry_ref(entry);
		stored_load(stored);
		stored->is_loading = false;
		if (stored->is_bad)
			entry->stored = NULL;		/* the next one tries for itself */
		signal_all(&stored->loaded);
	} else {
		stored->n_refs++;
		while (stored->is_loading) {
			if (signal_wait(&stored->loaded, deadline) != WAKE_READY && stored->is_loading) {
				stored_close(stored);
				(void)fault_because(fault_out, FAULT_TIMED_OUT, "the mail is still being read");
				return NULL;
			}
		}
	}
	if (stored->is_bad || entry->is_gone) {
		if (fault_out != NULL && stored->is_bad)
			*fault_out = stored->fault;
		else
			(void)fault_permanent(fault_out, "the mail is gone");
		stored_close(stored);
		return NULL;
	}
	if (stored->epoch != queue->epoch)
		stored_match_slots(stored, loop_now(queue->loop));
	return stored;
}

void
stored_ref(struct stored *stored)
{
	stored->n_refs++;
}

void
stored_close(struct stored *stored)
{
	insist(stored->n_refs > 0);
	if (--stored->n_refs > 0)
		return;
	if (stored->entry->stored == stored)
		stored->entry->stored = NULL;
	if (--stored->place.segment->n_pins == 0 && stored->place.segment->live_bytes == 0)
		room_want(stored->queue);
	entry_unref(stored->entry);
	if (stored->large_fd >= 0)
		os_close(stored->large_fd);
	mem_free(stored->bytes);
	mem_free(stored->slot_of);
	arena_fini(&stored->arena);
	mem_free(stored);
}

/* --- slots --- */

struct instant
recipient_due(const struct queue *queue, struct timestamp next_try, struct instant now)
{
	struct span wait;

	if (next_try.us == 0)
		return now;
	wait = timestamp_diff(os_wall_clock(), next_try);
	if (wait.ns > queue->retry.max.ns)	/* the wall clock was set back */
		wait = queue->retry.max;
	return instant_after(now, wait);
}

/*
 * The slot for a recipient.  A new one is placed by the recipient's own next try; but where routes have changed it is due
 * now, for the tries before were made somewhere else.
 */
static struct slot *
match_recipient(struct stored *stored, int i, struct instant now)
{
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;
	const struct mail_record *mail = &stored->record;
	struct recipient_state *r = &mail->state.recipients[i];
	struct str name = queue->world.destination_of(queue->world.context, &mail->envelope,
	    &mail->envelope.recipients[i], &mail->facts);
	struct destination *destination = destination_get(&queue->schedule, name);
	struct slot *slot = destination->found;

	if (slot == NULL) {
		slot = entry_add_slot(queue, entry, destination);
		destination->found = slot;
		if (!entry->is_held)
			slot_place(&queue->schedule, slot, entry->epoch != queue->epoch ? now :
			    recipient_due(queue, r->next_try, now), now);
	}
	if (r->n_tries > slot->n_tries)
		slot->n_tries = r->n_tries;
	slot->n_recipients++;
	return slot;
}

void
stored_forget_slots(struct stored *stored)
{
	for (int i = 0; i < stored->record.state.n_recipients; i++)
		if (stored->slot_of[i] != NULL && stored->slot_of[i]->where != SLOT_OUT)
			stored->slot_of[i] = NULL;
}

void
stored_match_slots(struct stored *stored, struct instant now)
{
	struct queue *queue = stored->queue;
	struct entry *entry = stored->entry;
	struct mail_state *state = &stored->record.state;
	struct slot *slot, *next;

	for (slot = entry->slots; slot != NULL; slot = slot->next) {
		slot->destination->found = slot;
		slot->n_recipients = 0;
	}
	for (int i = 0; i < state->n_recipients; i++) {
		slot = stored->slot_of[i];
		if (state->recipients[i].step != RECIPIENT_WAITING)
			stored->slot_of[i] = NULL;
		else if (slot != NULL && slot->where == SLOT_OUT)
			slot->n_recipients++;		/* in delivery by the old routes */
		else if (entry->is_removed)
			stored->slot_of[i] = NULL;	/* it waits for nothing but the end of what is out */
		else
			stored->slot_of[i] = match_recipient(stored, i, now);
	}
	for (slot = entry->slots; slot != NULL; slot = next) {
		next = slot->next;
		slot->destination->found = NULL;
		if (slot->n_recipients == 0 && slot->where != SLOT_OUT)
			entry_drop_slot(queue, entry, slot);
	}
	stored->epoch = entry->epoch = queue->epoch;
	entry_set_clock(queue, entry);
}

/* --- content --- */

struct open_job {
	struct os_job	 job;
	struct stored	*stored;
	int		 result;
};

static void
open_run(struct os_job *job)
{
	struct open_job *open = (struct open_job *)(void *)((char *)job - offsetof(struct open_job, job));
	struct spool_path path;

	spool_path_large(&path, open->stored->queue->directory, &open->stored->entry->id);
	open->result = os_open(path.text, OS_OPEN_READ);
}

static int
large_open(struct stored *stored, struct fault *fault_out)
{
	struct open_job open = { .job.run = open_run, .stored = stored };

	if (stored->large_fd >= 0)
		return 0;
	fiber_run_on_crew(stored->queue->disk_crew, &open.job);
	if (open.result < 0)
		return spool_fault(fault_out, open.result, "open", "large content");
	if (stored->large_fd >= 0)		/* another one was faster */
		os_close(open.result);
	else
		stored->large_fd = open.result;
	return 0;
}

/* Reads from where the content is; n_bytes stays within prefix or within content of a large one. */
static ssize_t
stream_read(struct stored *stored, int64_t offset, void *room, size_t n_bytes, struct fault *fault_out)
{
	const struct mail_record *mail = &stored->record;
	int fd = stored->place.segment->fd;
	int64_t at = place_offset(&stored->place) + stored->stream_offset + offset;
	ssize_t n;

	if (stored->bytes != NULL && (!mail->is_large || offset < mail->prefix_bytes)) {
		memcpy(room, stored->bytes + stored->stream_offset + offset, n_bytes);
		return (ssize_t)n_bytes;
	}
	if (mail->is_large && offset >= mail->prefix_bytes) {
		if (large_open(stored, fault_out) != 0)
			return -1;
		fd = stored->large_fd;
		at = offset - mail->prefix_bytes;
	}
	n = read_whole(stored->queue, fd, room, n_bytes, at);
	if (n < 0)
		return fault_temporary(fault_out, "read content: %s", strerror((int)-n));
	if (n < (ssize_t)n_bytes)
		return fault_temporary(fault_out, "the content is shorter than it was");
	return n;
}

ssize_t
stored_read(struct stored *stored, struct content_reader *reader, int64_t offset, void *room, size_t n_bytes,
    struct instant deadline, struct fault *fault_out)
{
	const struct mail_record *mail = &stored->record;
	int64_t prefix = mail->prefix_bytes, total = prefix + mail->content_bytes;
	ssize_t n;

	(void)deadline;			/* a disk read is waited for: the room must stay the reader's */
	if (offset >= total || n_bytes == 0)
		return 0;
	if ((int64_t)n_bytes > total - offset)
		n_bytes = (size_t)(total - offset);
	if (offset < prefix && (int64_t)n_bytes > prefix - offset)
		n_bytes = (size_t)(prefix - offset);
	n = stream_read(stored, offset, room, n_bytes, fault_out);
	if (n < 0)
		return -1;
	if (offset == 0)
		*reader = (struct content_reader){ .next_offset = 0 };
	if (offset == reader->next_offset) {
		if (offset >= prefix)
			reader->crc = crc32c(reader->crc, room, (size_t)n);
		reader->next_offset = offset + n;
		if (reader->next_offset == total && reader->crc != mail->content_crc)
			return fault_temporary(fault_out, "the content's checksum is wrong");
	}
	return n;
}

struct outcome
stored_last_outcome(const struct stored *stored, int index)
{
	const struct recipient_state *r = &stored->record.state.recipients[index];
	const struct slot *slot = stored->slot_of[index];

	if (r->has_outcome)
		return r->outcome;
	if (slot == NULL || !slot->destination->is_held_back)
		return (struct outcome){ .kind = OUTCOME_DEFERRED };
	return (struct outcome){ .kind = OUTCOME_DEFERRED, .status = STATUS(4, 4, 1),
	    .text = str_of(slot->destination->held_why) };
}
