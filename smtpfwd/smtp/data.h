/*
 * data.h - mail data between the wire and its stored form, incrementally and strictly
 *
 * Stored content has CRLF line ends only and no stuffed dots.  Only CRLF.CRLF ends mail data;
 * a bare CR or LF never comes through, wherever packets and chunks are split.  Spans point into
 * the caller's bytes: nothing is copied.
 */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "base/str.h"

enum data_kind {
	DATA_DOTTED,			/* DATA: dots are stuffed, CRLF.CRLF ends */
	DATA_COUNTED,			/* BDAT: the chunks' sizes say where it ends */
};

enum data_line_ends {
	DATA_LINE_ENDS_STRICT,		/* a bare CR or LF is a fault */
	DATA_LINE_ENDS_REPAIR,		/* it becomes CRLF (old devices); the end is as strict as ever */
};

enum data_found {			/* bits: what was seen */
	DATA_FOUND_BARE_CR	= 1,
	DATA_FOUND_BARE_LF	= 2,
	DATA_FOUND_NUL		= 4,
	DATA_FOUND_8BIT		= 8,
	DATA_FOUND_LONG_LINE	= 16,	/* beyond line_max_bytes */
};

struct data_settings {
	enum data_kind		 kind;
	enum data_line_ends	 line_ends;
	size_t			 line_max_bytes;	/* with CRLF, after unstuffing; 64 or more, or 0: any length */
};

struct data_decoder {			/* private but for found and n_bytes */
	struct data_settings	 settings;
	unsigned		 found;		/* bits of enum data_found */
	uint64_t		 n_bytes;	/* of content so far, as handed out */
	uint64_t		 line_at;	/* n_bytes where the line began */
	int			 state;
};

enum data_step {
	DATA_SPAN,			/* *span_out is content; call again */
	DATA_MORE,			/* all input is taken; feed more */
	DATA_END,			/* CRLF.CRLF was read; *input stands behind it */
};

void		data_decoder_init(struct data_decoder *d, const struct data_settings *settings);

/*
 * Takes from *input.  Call until it says other than DATA_SPAN.  A span points into the input or
 * to a constant, and is valid while the input is.  With a bare CR or LF under
 * DATA_LINE_ENDS_STRICT (data_is_refused) nothing more is handed out, but reading goes on to
 * the end, so that the session stays in step.
 */
enum data_step	data_decode(struct data_decoder *d, struct str *input, struct str *span_out);

/* After the last BDAT chunk: what was held back (a CR at the very end).  True if there is a span. */
bool		data_decode_finish(struct data_decoder *d, struct str *span_out);

/* True if line ends are not what they must be: the mail is to be refused (550 5.6.0 or 554). */
bool		data_is_refused(const struct data_decoder *d);

/* --- stored content to the wire of DATA --- */
struct data_encoder {			/* private; zero is the start */
	bool	 is_inside_line;
	bool	 is_dot_doubled;	/* the first copy of this dot is out */
};

/*
 * Takes from *content, which may be split anywhere.  True with the next span to send, false when
 * all is taken.  Spans point into the content.
 */
bool		data_encode(struct data_encoder *e, struct str *content, struct str *span_out);

/* What ends the data: ".\r\n", with a CRLF before it if the content did not end in one.  Constant. */
struct str	data_encode_end(const struct data_encoder *e);

#endif
