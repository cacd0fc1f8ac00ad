/*
 * returned.c - what a report returns of the mail it is about
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/header.h"
#include "smtpfwd/report/returned.h"
#include "smtpfwd/report/wording.h"

enum {
	PIECE_BYTES = 16 * 1024,
	QUOTED_MAX_BYTES = 4 * PIECE_BYTES,	/* a byte makes three, and line ends */
	/* Without RET a mail up to this size is returned whole, a larger one by its header section. */
	RETURN_FULL_MAX_BYTES = 64 * 1024,
	/* With RET=FULL too, a report must fit into the mailbox that it is for: nearly every server takes this much. */
	RETURN_ASKED_MAX_BYTES = 10 * 1024 * 1024,
	HEADER_RETURNED_MAX_BYTES = 256 * 1024,
	HEADER_ARENA_MAX_BYTES = 1024 * 1024,	/* its fields as structs */
	MESSAGE_ID_MAX_BYTES = 250,		/* the longest in use have some 150 */
	SUBJECT_MAX_BYTES = 200,		/* enough to know the mail by */
};

static bool
returns_full(const struct owed *owed)
{
	if (owed->kind != REPORT_FAILED)
		return false;		/* RFC 3461 6.2: other reports have the header only */
	switch (owed->envelope->ret) {
	case RET_FULL:
		return owed->content_bytes <= RETURN_ASKED_MAX_BYTES;
	case RET_HDRS:
		return false;
	case RET_UNSET:
		return owed->content_bytes <= RETURN_FULL_MAX_BYTES;
	}
	return false;
}

/* --- looking --- */

/* msg-id without comments (RFC 5322 3.6.4), for fields of ours. */
static bool
is_message_id(struct str text)
{
	if (text.len < 5 || text.len > MESSAGE_ID_MAX_BYTES || text.at[0] != '<' || str_find(text, '@') < 0 ||
	    str_find(text, '>') != (ptrdiff_t)text.len - 1 || str_rfind(text, '<') != 0)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] <= ' ' || text.at[i] >= 0x7f)
			return false;
	return true;
}

/* The value of the first field of this name, unfolded, in the arena; "" for none and for one that is too long. */
static struct str
value_of(const struct header_section *section, struct str name, size_t max_bytes, struct arena *arena)
{
	int at = header_find(section, name, 0);
	struct str value = STR_EMPTY;
	struct buf line;

	if (at < 0)
		return value;
	buf_init(&line, max_bytes);
	if (header_unfold(section->fields[at].value, &line) != 0 || !arena_copy(arena, str_trim(buf_str(&line)), &value))
		value = STR_EMPTY;
	buf_fini(&line);
	return value;
}

static void
look_at_header(struct str bytes, const struct owed *owed, struct returned *returned)
{
	struct header_section section;
	struct arena arena;

	arena_init(&arena, HEADER_ARENA_MAX_BYTES);
	if (header_read(bytes, &arena, &section) == 0) {
		returned->n_bytes = (int64_t)section.header_bytes;
		returned->message_id = value_of(&section, STR("Message-ID"), MESSAGE_ID_MAX_BYTES, owed->arena);
		returned->subject = value_of(&section, STR("Subject"), SUBJECT_MAX_BYTES, owed->arena);
	}
	if (!is_message_id(returned->message_id))
		returned->message_id = STR_EMPTY;
	returned->is_8bit = !str_is_ascii(str_sub(bytes, 0, (size_t)returned->n_bytes));
	arena_fini(&arena);
}

/* Behind the empty line that ends a header section: what comes after is not looked at. */
static bool
has_header(struct str bytes)
{
	return str_starts(bytes, STR("\r\n")) || str_find_str(bytes, STR("\r\n\r\n")) >= 0;
}

static int
look_at_start(struct queue *queue, const struct owed *owed, struct instant deadline, struct returned *returned,
    struct fault *fault_out)
{
	struct buf start;
	ssize_t n = 0;
	char *room;

	buf_init(&start, HEADER_RETURNED_MAX_BYTES);
	while (!has_header(buf_str(&start)) && (room = buf_room(&start, PIECE_BYTES)) != NULL) {
		n = queue_read_owed(queue, owed, (int64_t)start.len, room, PIECE_BYTES, deadline, fault_out);
		if (n <= 0)
			break;
		buf_added(&start, (size_t)n);
	}
	if (n >= 0)
		look_at_header(buf_str(&start), owed, returned);
	buf_fini(&start);
	return n < 0 ? -1 : 0;
}

static int
look_at_all(struct queue *queue, const struct owed *owed, struct instant deadline, struct returned *returned,
    struct fault *fault_out)
{
	char *piece = mem_new(PIECE_BYTES);
	int64_t offset = 0;
	ssize_t n;

	while ((n = queue_read_owed(queue, owed, offset, piece, PIECE_BYTES, deadline, fault_out)) > 0) {
		returned->is_8bit = returned->is_8bit || !str_is_ascii(str_n(piece, (size_t)n));
		offset += n;
	}
	mem_free(piece);
	returned->n_bytes = offset;
	return n < 0 ? -1 : 0;
}

int
returned_look(struct queue *queue, const struct owed *owed, struct instant deadline, struct returned *returned_out,
    struct fault *fault_out)
{
	*returned_out = (struct returned){ .is_full = returns_full(owed), .message_id = STR_EMPTY, .subject = STR_EMPTY };
	if (look_at_start(queue, owed, deadline, returned_out, fault_out) != 0)
		return -1;
	return returned_out->is_full ? look_at_all(queue, owed, deadline, returned_out, fault_out) : 0;
}

/* --- copying --- */

static int
copy_piece(struct quoted *quoted, struct str piece, bool is_quoted, struct outlet *outlet, struct instant deadline,
    struct fault *fault_out)
{
	struct buf encoded;
	int status = -1;

	if (!is_quoted)
		return outlet_append(outlet, piece, deadline, fault_out);
	buf_init(&encoded, QUOTED_MAX_BYTES);
	if (quoted_append(quoted, piece, &encoded) != 0)
		fault_temporary(fault_out, "the returned mail cannot be encoded");
	else
		status = outlet_append(outlet, buf_str(&encoded), deadline, fault_out);
	buf_fini(&encoded);
	return status;
}

static int
copy_end(struct quoted *quoted, struct outlet *outlet, struct instant deadline, struct fault *fault_out)
{
	char room[8];
	struct buf end = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	insist(quoted_end(quoted, &end) == 0);
	return outlet_append(outlet, buf_str(&end), deadline, fault_out);
}

int
returned_copy(struct queue *queue, const struct owed *owed, const struct returned *returned, bool is_quoted,
    struct outlet *outlet, struct instant deadline, struct fault *fault_out)
{
	struct quoted quoted = { .column = 0 };
	char *piece = mem_new(PIECE_BYTES);
	int64_t left = returned->n_bytes;
	ssize_t n = 0;

	while (left > 0) {
		size_t wanted = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;

		n = queue_read_owed(queue, owed, returned->n_bytes - left, piece, wanted, deadline, fault_out);
		if (n <= 0)
			break;
		if (copy_piece(&quoted, str_n(piece, (size_t)n), is_quoted, outlet, deadline, fault_out) != 0) {
			n = -1;
			break;
		}
		left -= n;
	}
	mem_free(piece);
	return n < 0 ? -1 : copy_end(&quoted, outlet, deadline, fault_out);
}
