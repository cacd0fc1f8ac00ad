/*
 * header.h - a header section: its fields in order, as received (RFC 5322 2.2)
 *
 * A prefix of the mail is enough if the section ends in it; lines may end in CRLF or LF.  What is
 * read points into the bytes given.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/arena.h"
#include "base/buf.h"

struct header_field {
	struct str	 name;		/* without blanks before the colon */
	struct str	 value;		/* all behind the colon, folding kept, without the last line end */
	struct str	 whole;		/* from the name to the last line end, included */
};

struct header_section {
	struct header_field *fields;	/* in the arena, in order */
	int		 n_fields;
	size_t		 header_bytes;	/* all fields, without the empty line */
	size_t		 body_at;	/* where the body starts: behind the empty line if there is one */
	bool		 has_empty_line;
	bool		 is_cut;	/* the bytes ended before the section did: the last field may be cut */
};

enum {
	HEADER_FIELDS_MAX = 4000,	/* more is an attack; large mailing lists have some 100 */
};

/* 0, or -1 at the arena's limit or beyond HEADER_FIELDS_MAX. */
int	header_read(struct str bytes, struct arena *arena, struct header_section *section_out);

/* The first field of this name from index `from` on, as an index; -1: none. */
int	header_find(const struct header_section *section, struct str name, int from);
int	header_count(const struct header_section *section, struct str name);

/* Printable ASCII without blanks and colons, at least one (RFC 5322 2.2). */
bool	header_is_field_name(struct str name);

/* Appends a value on one line: line ends of the folding dropped, trimmed.  0, or -1 when out is full. */
int	header_unfold(struct str value, struct buf *out);

/*
 * "From a@b Sat Nov 21 ..." stands before each mail of a mailbox file, and some clients send it along.  It is no
 * field, so it would end the section before it began.  As Postfix does, it is made one, X-Mailbox-Line, for which the
 * buffer's maximum grows; a mail that begins otherwise is left as it is.
 */
void	header_name_mailbox_line(struct buf *mail);

#endif
