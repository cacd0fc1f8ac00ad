/*
 * talk.h - plays .talk dialogues: what a client says to a listener, and what must come back
 *
 *	# A comment; empty lines are skipped.
 *	connect from 198.51.100.7	a connection, from an address or the usual one
 *	C: EHLO client.example		said with CRLF; consecutive C: lines go in one write.  A line
 *					that ends in \n, \r or \c (nothing) gets no CRLF
 *	S: 250				a whole reply; its first line starts so ("-" behind the code
 *					counts as a blank).  Empty: any reply
 *	has SIZE 1000			the reply just read has a line whose text starts so
 *	lacks AUTH			it has none
 *	...				what usually leads up to mail data: greeting, EHLO, MAIL, RCPT,
 *					DATA, those that were not said yet, each with its usual reply
 *	advance 5m			time passes (ms, s, m, h, d)
 *	silent 10s			the same, and nothing comes meanwhile
 *	slowly 1s			from here on bytes go one by one, so far apart; 0s: as usual
 *	starttls			a TLS handshake
 *	close				hangs up
 *	closed				the server has hung up, or does within the patience
 *	expect WORDS			judged by the test that plays it
 *
 * Escapes in C: \r \n \t \0 \\ \xHH \c and \{3 abc} for abcabcabc.  A dialogue that begins
 * with neither connect nor S: is connected, greeted and through EHLO already.
 */
#ifndef SIM_TALK_H
#define SIM_TALK_H

#include "smtpfwd/runtime/tls.h"

struct talk {				/* zero means the usual */
	struct loop		*loop;
	struct endpoint		 to;
	struct ip		 from;
	const struct tls_client	*tls;		/* for starttls; NULL: it fails */
	const char		*helo;		/* client.example.org */
	const char		*reverse_path;	/* a@example.org */
	const char		*forward_path;	/* b@example.com */
	struct span		 patience;	/* for each reply; 5 minutes */
	/* Whether the words are true; says why not (empty: they are not understood). */
	bool	(*judge)(void *context, struct str words, struct buf *why_out);
	void			*context;
};

/*
 * Plays a file (of the real disk: found from the working directory or $srcdir) in the running
 * fiber; what does not hold is a missed expectation at that line, and ends the dialogue.
 * True if all held.  Suspends, for each line as long as the talk's patience.
 */
bool	talk_play(const struct talk *talk, const char *path);
bool	talk_play_text(const struct talk *talk, const char *name, struct str text);

#endif
