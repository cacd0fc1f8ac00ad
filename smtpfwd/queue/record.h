/*
 * record.h - the records of the log: mails, their states, tombstones, as bytes and back
 *
 * Pure: bytes in, structs out, and back.  Where records stand is segment.h, when they are
 * written commit.h.  The layout is in README.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "base/buf.h"
#include "smtpfwd/queue/queue.h"

enum record_type {
	RECORD_START	= 1,		/* the first of a segment: which bytes of older ones are to be passed over */
	RECORD_MAIL	= 2,		/* a mail exists */
	RECORD_STATE	= 3,		/* what became of its recipients; the highest version holds */
	RECORD_GONE	= 4,		/* a mail is no more */
	RECORD_END	= 5,		/* closed in good order: whatever is missing before it is damage */
};

enum { RECORD_LAST_OF_BATCH = 1 };	/* flags */

enum {
	RECORD_HEADER_BYTES = 40,
	RECORD_ALIGN_BYTES = 8,		/* where a record may begin; also the step of a search behind damage */
	RECORD_MAX_BYTES = 60 * 1024 * 1024,	/* below a segment's default size, header page and START kept free */
	/* Texts of an outcome as kept; longer ones are cut.  A reply of several lines fits. */
	OUTCOME_TEXT_MAX_BYTES = 1000,
	OUTCOME_TEXT_OF_MANY_MAX_BYTES = 120,	/* in a mail with more recipients than ... */
	OUTCOME_TEXT_MANY = 1000,
	OUTCOME_REMOTE_MAX_BYTES = 255,		/* a host's name */
	/* A recipient's state without texts is smaller: what a mail must leave free for them in its segment. */
	RECIPIENT_STATE_ROOM_BYTES = 64,
};

struct record_header {
	enum record_type type;
	unsigned	 flags;
	uint32_t	 length;	/* of the payload, without padding */
	uint32_t	 meta_length;	/* the part of it that the header's checksum covers; the rest is inline content */
	uint64_t	 stamp;		/* the segment's of this generation */
	uint64_t	 batch;
};

static inline int64_t
record_span_bytes(uint32_t length)	/* on disk, header and padding too */
{
	return ((int64_t)RECORD_HEADER_BYTES + length + RECORD_ALIGN_BYTES - 1) & ~(int64_t)(RECORD_ALIGN_BYTES - 1);
}

/* --- what became of a mail --- */

enum recipient_step { RECIPIENT_WAITING, RECIPIENT_DONE, RECIPIENT_FAILED };

struct recipient_state {
	enum recipient_step	 step;
	unsigned		 owed;		/* bits 1 << enum report_kind: a report was earned; a release takes back what is withheld */
	unsigned		 paid;		/* ... and is paid; only ever grows */
	uint32_t		 n_tries;
	struct timestamp	 next_try;	/* 0: none set */
	struct timestamp	 last_try;	/* 0: none was made */
	bool			 has_outcome;
	struct outcome		 outcome;	/* the last */
};

struct mail_state {
	uint32_t		 version;	/* 0: as it came in */
	bool			 is_held;	/* by the operator */
	bool			 is_warned;	/* the delay report was thought of */
	bool			 is_removed;	/* by the operator, while in delivery */
	bool			 is_bounced;	/* by the operator: reports go to its sender, verified or not */
	struct timestamp	 lives_until;	/* it does not expire before, however old it is; 0: not set */
	struct recipient_state	*recipients;	/* as many as the envelope has */
	int			 n_recipients;
};

struct payment {			/* what a report pays for */
	struct mail_id	 mail;		/* none: it is no report */
	enum report_kind kind;
	uint32_t	*recipients;	/* indexes in the paid mail's envelope */
	uint32_t	 n_recipients;
};

struct mail_record {
	struct mail_id		 id;
	struct mail_facts	 facts;
	struct envelope		 envelope;
	struct mail_state	 state;
	struct payment		 pays;
	uint32_t		 prefix_bytes;	/* the last of the meta, so that inline content follows it */
	int64_t			 content_bytes;	/* without the prefix */
	uint32_t		 content_crc;	/* of the content alone; the header's covers the prefix */
	bool			 is_large;	/* the content is a file of its own */
};

struct skip {				/* bytes of a generation that recovery passes over */
	uint64_t	 generation;
	int64_t		 from, to;	/* to is INT64_MAX where the generation ends */
};

/* --- encoding: appends a whole record, header unsealed, padding included.  0, or -1 when out is full. --- */

/* Inline content stands behind prefix; for large content give STR_EMPTY.  Texts of outcomes are cut. */
int	record_encode_mail(const struct mail_record *record, struct str prefix, struct str content,
	    size_t text_max_bytes, struct buf *out);
/*
 * The same up to its content, which is to be written behind it, followed by so many zeros (fewer than
 * RECORD_ALIGN_BYTES).  record->is_large is false.
 */
int	record_encode_mail_start(const struct mail_record *record, struct str prefix, size_t text_max_bytes, struct buf *out,
	    size_t *n_zeros_out);
int	record_encode_state(const struct mail_id *id, const struct mail_state *state, size_t text_max_bytes,
	    struct buf *out);
int	record_encode_gone(const struct mail_id *id, struct buf *out);
int	record_encode_start(const struct skip *skips, uint32_t n_skips, struct buf *out);
int	record_encode_end(struct buf *out);

/* Writes stamp, batch, flags and checksum into an encoded record: the last thing before it goes to the disk. */
void	record_seal(char *record, uint64_t stamp, uint64_t batch, unsigned flags);

/* --- decoding: bytes may be damaged or hostile --- */

/* True if a header of this generation stands here and its lengths can be. bytes has RECORD_HEADER_BYTES. */
bool	record_read_header(const char *bytes, uint64_t stamp, struct record_header *header_out);

/* The header's checksum over header and meta. */
bool	record_meta_is_whole(const char *record, const struct record_header *header);

/* Each takes a record whose meta is whole.  Strings are in the arena.  0, or -1 with a permanent fault. */
int	record_decode_mail(const char *record, const struct record_header *header, struct arena *arena,
	    struct mail_record *mail_out, struct fault *fault_out);
int	record_decode_state(const char *record, const struct record_header *header, struct arena *arena,
	    struct mail_id *id_out, struct mail_state *state_out, struct fault *fault_out);
int	record_decode_gone(const char *record, const struct record_header *header, struct mail_id *id_out,
	    struct fault *fault_out);
int	record_decode_start(const char *record, const struct record_header *header, struct arena *arena,
	    struct skip **skips_out, uint32_t *n_skips_out, struct fault *fault_out);

/* Where prefix and inline content begin, from the record's start. */
static inline uint32_t
record_stream_offset(const struct record_header *header, const struct mail_record *mail)
{
	return RECORD_HEADER_BYTES + header->meta_length - mail->prefix_bytes;
}

/* Only the id of a MAIL, STATE or GONE; false for others. */
bool	record_mail_id(const char *record, const struct record_header *header, struct mail_id *id_out);

/* True if an encoded record reads back: what is not understood is not written. */
bool	record_is_sound(const char *record, struct fault *fault_out);

/* A fresh state for n recipients; false at the arena's limit. */
bool	mail_state_init(struct mail_state *state, int n_recipients, struct arena *arena);

#endif
