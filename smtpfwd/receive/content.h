/*
 * content.h - a mail's content on its way from the decoder into the queue
 */
#ifndef RECEIVE_CONTENT_H
#define RECEIVE_CONTENT_H

#include "smtpfwd/receive/judgement.h"
#include "smtpfwd/receive/session.h"
#include "smtpfwd/receive/utf8_fields.h"
#include "smtpfwd/smtp/data.h"

struct content {
	bool			 is_begun;
	bool			 is_spoiled;	/* a BDAT was refused: nothing but RSET helps (RFC 3030 4.2) */
	struct data_decoder	 decoder;
	struct draft		*draft;		/* NULL before the mail has an id, and where the mail is refused already */
	struct mail_id		 id;
	struct buf		 header;	/* the start of the mail, until the header section is whole and judged */
	struct judgement	*judgement;	/* NULL before that, and where the mail is refused already */
	struct utf8_fields	 utf8_fields;	/* looked for where SMTPUTF8 was asked for */
	uint64_t		 n_raw_bytes;	/* as they came */
	struct reply		 answer;	/* the next hop's 2xx; code 0: it is the queue's */
	struct reply		 failure;	/* code 0: none so far; else the answer at the end */
	const char		*why;		/* for the log; may be NULL */
	bool			 is_blameless;	/* the failure is no error of the client's */
	bool			 is_quiet;	/* it needs no line in the log */
};

/* The mail's id, made when it is asked for or with the start. */
struct mail_id	content_id(struct session *session);

/* Data begin to come: a draft, a decoder. */
void	content_begin(struct session *session, enum data_kind kind);

/* One span that the decoder gave, on its way to the draft.  Suspends; trouble shows in content->failure. */
void	content_take(struct session *session, struct str span);

/* What the decoder saw so far that no mail may have becomes a failure. */
void	content_look(struct content *content);

/* The mail will be refused: the first reason stays, but one for good outdoes one for now. */
void	content_fail(struct content *content, const struct reply *reply, const char *why);

/* Answers and logs the failure. */
int	content_answer_failure(struct session *session);

/* All of the mail was read: it is judged, stored and answered, and the transaction ends.  Suspends. */
int	content_finish(struct session *session);

/* Lets go of what came; content is as before its start. */
void	content_drop(struct content *content);

#endif
