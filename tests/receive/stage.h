/*
 * stage.h - a listener, its clients and a fake queue in one loop, on which dialogues are played
 *
 * A script is a list of steps, each a letter and its text; NULL ends it:
 *	C	the client sends the text and CRLF
 *	R	it sends the text raw; byte \1 stands for NUL
 *	S	the next reply's last line starts with the text
 *	L, N	the reply just read has a line that starts with the text, has none
 *	E	the server ends the connection
 *	X	the client will send no more (a half-close, without QUIT)
 *	Q	so many mails are queued
 *	F, T	the last mail's reverse-path; its recipients, parted by blanks
 *	B	the last mail's content, whole
 *	O	all that was asked of next hops since the last O, as fake_online says it
 *	8	1: the last mail is marked as 8-bit; 0: not
 *	H, h	what was put on top of it holds the text, does not
 *	D	all said so far is in the log, which holds the text
 *	U	no line of the log holds the text
 *	!	the client's TLS handshake
 *	P	a pause of so many ms
 */
#ifndef TESTS_RECEIVE_STAGE_H
#define TESTS_RECEIVE_STAGE_H

#include "smtpfwd/receive/listener.h"
#include "tests/receive/fake_online.h"
#include "tests/receive/fake_queue.h"

struct stage;

struct stage_log {
	struct log	 log;
	struct buf	 text;
};

struct stage {
	struct loop			*loop;
	struct queue			 queue;
	struct couriers			 couriers;	/* of which the listeners know if rcpts is set */
	struct knowledge		*knowledge;	/* NULL: nothing is known; freed with the stage */
	struct policy			*policy;
	struct resolver			 resolver;	/* knows of client.example.org only */
	struct resolver			*names;		/* another one instead; NULL: not */
	struct os_crew			*signers;	/* NULL: the loop signs; freed with the stage */
	struct stage_log		 log;
	struct tls_server		*tls;
	struct tls_client		*tls_client;
	struct users			*users;		/* NULL: nobody can log in */
	struct turnstile		*turnstile;
	struct class_rates		*rates;		/* NULL: no class has limits; the test's */
	struct listener_settings	 settings;
	int64_t				 transactions_max_bytes;	/* 0: the default */
	struct endpoint			 at;		/* of the listener */
	struct listeners		*listeners;
	struct instant			 began;
	int				 n_playing;
};

/* A listener on loopback with usual settings, relaying for example.com; `change` alters them, may be NULL. */
void	stage_init(struct stage *stage, void (*change)(struct stage *stage));

/* Plays: main runs in a fiber; when it returns the listeners stop.  Then all is freed but the queue. */
void	stage_run(struct stage *stage, void (*main)(struct stage *stage));
void	stage_fini(struct stage *stage);

/* --- in the stage's fibers --- */
struct stage_client {
	struct stage	*stage;
	struct stream	*stream;	/* NULL: not connected */
	struct buf	 reply;		/* the last one */
	int		 split_at;	/* what is sent goes in two pieces, the first of so many bytes; 0: whole */
	bool		 is_by_byte;	/* every byte by itself */
};

void	stage_connect(struct stage_client *client, struct stage *stage);
void	stage_close(struct stage_client *client);
void	stage_send(struct stage_client *client, struct str bytes);
bool	stage_hear(struct stage_client *client);	/* a reply; false: none came */
void	stage_play(struct stage_client *client, const char *const *script);

/* init, one client with this script, fini. */
void	stage_talk(void (*change)(struct stage *stage), const char *const *script);

#endif
