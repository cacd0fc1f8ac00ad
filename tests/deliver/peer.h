/*
 * peer.h - a next hop by the letter of a dialogue: says and expects just what is written
 *
 * A dialogue is lines of:
 *	S: text		says the text and CRLF
 *	S* 500 text	says it 500 times
 *	R* 500 text	says it 500 times on one line, which is left open
 *	R: text		says the text without a line end; \r \n \0 and \xHH in it are bytes
 *	C: text		the client's next line starts with the text
 *	D:		reads mail data up to the dot, and keeps it
 *	H: 28		reads so many bytes, whatever they are
 *	W: 1500		waits that many milliseconds
 *	T:		does the server's part of a TLS handshake
 *	N:		the client must have said nothing yet
 *	M: keywords	is a server that takes all mail; EHLO offers the keywords, parted by commas
 *	X:		closes
 * At the end the client may say QUIT, and must say nothing else.
 */
#ifndef TESTS_DELIVER_PEER_H
#define TESTS_DELIVER_PEER_H

#include "base/buf.h"
#include "smtpfwd/runtime/tls.h"

enum { PEER_DIALOGUES_MAX = 32 };

struct peer {
	struct watch		 watch;
	struct loop		*loop;
	int			 listener;
	struct endpoint		 at;
	const struct tls_server	*tls;		/* for T: */
	const char		*dialogues[PEER_DIALOGUES_MAX];	/* of the first, second ... connection; the last repeats */
	int			 n_dialogues;
	int			 n_connections;	/* so far */
	int			 n_open;
	struct buf		 heard;		/* client's lines and mail data, \n between */
	int			 n_mails;	/* D: and M: */
	struct timestamp	 last_mail;	/* by the wall clock */
	int			 n_open_most;
	int			 n_quits;	/* M: */
	int64_t			 reply_wait_ms;	/* M: before the answer to the dot */
	int64_t			 large_wait_ms;	/* the same for mails of a megabyte */
	const char		*mail_reply;	/* M: to MAIL; NULL: 250 */
	const char		*bad_rcpt, *rcpt_reply;	/* M: to RCPT with that in it */
	const char		*has;		/* M: to RCPT a 550 5.1.1, but for these local parts, parted by spaces; NULL: has all */
	const char		*poison;	/* M: mail data with that in it has us close at once */
	int			 n_refused;	/* M: MAIL commands */
	int			 open_max;	/* more than so many are turned away with 421; 0: none is */
	bool			 is_closed;	/* all are turned away with 421 */
	int			 n_turned_away;	/* not in n_open and n_open_most */
	struct buf		 complaint;	/* what did not go by the dialogue; "" if all did */
};

/* Listens; it serves while the loop runs. */
void	peer_start(struct peer *peer, struct loop *loop, const struct endpoint *at);
void	peer_says(struct peer *peer, const char *dialogue);	/* one more connection's */
void	peer_stop(struct peer *peer);		/* takes no more connections; open ones go on */
void	peer_listen(struct peer *peer);		/* again */
void	peer_free(struct peer *peer);

#endif
