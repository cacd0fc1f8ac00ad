/*
 * test_online.c - a mail whose client waits: what the next hop says to each recipient and to the mail, and says wrongly
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/online_inside.h"
#include "tests/deliver/stage.h"

enum { DIALOGUES_MAX = 4, GOT_MAX_BYTES = 1000, BUDGET_S = 60, FINAL_S = 300, DIALOGUE_MAX_BYTES = 10000 };

/*
 * What a client does, in words: rN asks for rN@example.com, u for one that is not ASCII; RN asks for rN and has said DATA;
 * wN waits so many seconds; send sends
 * the mail, send8 one with 8-bit bytes, sendu an internationalised one, big one of a megabyte; down and up: the peer.
 */
struct row {
	const char	*name;
	const char	*acts;
	const char	*want;		/* "250", "5.1.1" where there is a status, "unavailable", "ambiguous" for each that has an end */
	const char	*dialogues[DIALOGUES_MAX];	/* of the first peer */
	const char	*second[DIALOGUES_MAX];		/* of the second, for two next hops */
	int		 budget_s, final_s, idle_s;
	uint64_t	 size_bytes;
	bool		 is_smtputf8;
	const char	*want_heard;	/* a part of what the first peer heard */
	const char	*want_trouble;	/* a part of the last trouble's text */
	const char	*want_log;
	int		 want_mails;
	int		 want_after_s;	/* the last act took that long; 0: not looked at */
	bool		 is_down;	/* the next hop is known as down then */
};

#define HELLO(keywords)	"S: 220 peer.example.com ESMTP\nC: EHLO relay.example.net\nS: 250-peer.example.com\n" keywords
#define PIPELINED	HELLO("S: 250-PIPELINING\nS: 250 DSN\n")
#define PLAIN		HELLO("S: 250 HELP\n")
#define ENVELOPE	"C: MAIL FROM:<a@example.org>\nC: RCPT TO:<r1@example.com>\nS: 250 ok\nS: 250 2.1.5 fine\n"
#define REFUSED(i)	"C: RCPT TO:<r" i "@\nS: 550 5.1.1\n"
#define WHOLE		ENVELOPE "C: DATA\nS: 354 go\nD:\nS: 250 2.6.0 taken\n"

static const struct row rows[] = {
	/* --- the way through --- */
	{ .name = "with PIPELINING, MAIL and the first RCPT go together", .acts = "r1 send", .want = "2.1.5 2.6.0",
	  .dialogues = { PIPELINED WHOLE }, .want_mails = 1, .want_log = "delivered ",
	  .want_heard = "RCPT TO:<r1@example.com>\nDATA\nReceived: here\r\nSubject: hi\r\n\r\nhello\r\n" },
	{ .name = "without, each waits for its reply", .acts = "r1 r2 send", .want = "250 250 2.6.0",
	  .dialogues = { PLAIN "C: MAIL\nN:\nS: 250\nC: RCPT TO:<r1@\nN:\nS: 250\nC: RCPT TO:<r2@\nS: 250\nC: DATA\nN:\nS: 354\nD:\nS: 250 2.6.0 ok\n" },
	  .want_mails = 1 },
	{ .name = "a recipient is asked while the client waits, and no sooner", .acts = "r1 w2 r2 w2 send", .want = "2.1.5 250 250",
	  .dialogues = { PIPELINED ENVELOPE "W: 1000\nN:\nC: RCPT TO:<r2@\nS: 250\nW: 1000\nN:\nC: DATA\nS: 354\nD:\nS: 250\n" }, .want_mails = 1 },
	{ .name = "BODY=8BITMIME is said wherever it is offered, and the size as the client said it", .acts = "r1 send8", .size_bytes = 999,
	  .want = "250 250", .want_mails = 1,
	  .dialogues = { HELLO("S: 250-SIZE 1000\nS: 250 8BITMIME\n") "C: MAIL FROM:<a@example.org> SIZE=999 BODY=8BITMIME\nS: 250\nC: RCPT\nS: 250\n"
	    "C: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "a large mail comes whole", .acts = "r1 big", .want = "2.1.5 2.6.0", .dialogues = { PIPELINED WHOLE }, .want_mails = 1 },

	/* --- each recipient has its answer --- */
	{ .name = "recipients are refused one by one, with the next hop's words", .acts = "r1 r2 r3 send", .want = "5.1.1 4.2.1 250 250", .want_mails = 1,
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nS: 250\nS: 550 5.1.1 unknown\nC: RCPT TO:<r2@\nS: 450 4.2.1 later\n"
	    "C: RCPT TO:<r3@\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "nobody accepted: the transaction is ended there", .acts = "r1", .want = "5.1.1",
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT\nS: 250\nS: 550 5.1.1\nC: RSET\nS: 250\n" } },
	{ .name = "a refused MAIL is the answer to all recipients", .acts = "r1 r2", .want = "5.7.1 5.7.1",
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT\nS: 550 5.7.1 not you\nS: 503\n" } },
	{ .name = "a MAIL put off, too", .acts = "r1 w20 r2", .want = "4.3.0 4.3.0", .dialogues = { PLAIN "C: MAIL\nS: 451 4.3.0\n" } },
	{ .name = "a MAIL that is about the session is no answer", .acts = "r1", .want = "unavailable",
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT\nS: 530 5.7.0 STARTTLS first\nS: 503\n" }, .want_trouble = "530" },
	{ .name = "nor is such a RCPT", .acts = "r1", .want = "unavailable",
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT\nS: 250\nS: 503 5.5.1 what\nC: RSET\nS: 250\n" } },
	{ .name = "too many for one transaction: 452, also for a server's 552", .acts = "r1 r2 send", .want = "2.1.5 4.5.3 2.6.0", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: RCPT TO:<r2@\nS: 552 too many\nC: DATA\nS: 354\nD:\nS: 250 2.6.0 ok\n" } },
	{ .name = "LIMITS RCPTMAX is kept without a question", .acts = "r1 r2 send", .want = "250 4.5.3 250", .want_mails = 1,
	  .dialogues = { HELLO("S: 250 LIMITS RCPTMAX=1\n") "C: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },

	{ .name = "a session in which many were refused is left before it is slowed down", .acts = "r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 send",
	  .want = "250 5.1.1 5.1.1 5.1.1 5.1.1 5.1.1 5.1.1 5.1.1 5.1.1 250 250", .want_mails = 1,
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nS: 250\nS: 250\n" REFUSED("2") REFUSED("3") REFUSED("4") REFUSED("5") REFUSED("6")
	    REFUSED("7") REFUSED("8") REFUSED("9") "C: QUIT\nS: 221\n",
	    PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r10@\nS: 250\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },

	/* --- what the mail gets --- */
	{ .name = "a refused DATA is the mail's answer", .acts = "r1 send", .want = "2.1.5 5.6.0",
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 554 5.6.0 no\nC: RSET\nS: 250\n" } },
	{ .name = "a 503 to DATA is none", .acts = "r1 send", .want = "2.1.5 unavailable",
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 503\nC: RSET\nS: 250\n" } },
	{ .name = "a refusal at the dot is, and RSET ends what a server may have left open", .acts = "r1 send", .want = "2.1.5 5.7.1", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nS: 550 5.7.1 spam\nC: RSET\nS: 250\n" } },
	{ .name = "so is a 4xx at the dot", .acts = "r1 send", .want = "2.1.5 4.3.1", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nS: 452 4.3.1 full\nC: RSET\nS: 250\n" } },
	{ .name = "and a refusal while it is coming", .acts = "r1 big", .want = "2.1.5 5.3.4",
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nR: 354\\r\\n552 5.3.4 too much\\r\\n\nW: 1000\nX:\n" } },

	/* --- what it does not offer --- */
	{ .name = "a report of success is its own to make", .acts = "n1 send", .want = "250 250", .want_mails = 1,
	  .dialogues = { PIPELINED "C: MAIL\nC: RCPT TO:<n1@example.com> NOTIFY=SUCCESS\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "if it makes none the queue is to do it", .acts = "n1 r2 send", .want = "250 250 unavailable", .want_trouble = "DSN",
	  .dialogues = { PLAIN "C: MAIL\nS: 250\nC: RCPT TO:<n1@example.com>\nS: 250\nC: RCPT\nS: 250\nC: RSET\nS: 250\n" } },
	{ .name = "larger than SIZE: refused without a question", .acts = "r1 big", .want = "250 5.3.4",
	  .dialogues = { HELLO("S: 250 SIZE 1000\n") "C: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT\nS: 250\nC: RSET\nS: 250\n" } },
	{ .name = "8-bit mail without 8BITMIME is refused while its client waits", .acts = "r1 send8", .want = "2.1.5 5.6.3",
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" }, .want_trouble = "8-bit" },
	{ .name = "where EHLO was refused it is the queue's", .acts = "r1 send8", .want = "250 unavailable", .want_trouble = "refused EHLO",
	  .dialogues = { "S: 220 old\nC: EHLO\nS: 500\nC: HELO\nS: 250 old.example.com\nC: MAIL\nS: 250\nC: RCPT\nS: 250\nC: RSET\nS: 250\n" } },
	{ .name = "an internationalised recipient without SMTPUTF8 is refused for good", .acts = "u", .want = "5.6.7", .is_smtputf8 = true,
	  .dialogues = { PIPELINED } },
	{ .name = "and another one goes on", .acts = "r1 u r2 send", .want = "2.1.5 5.6.7 250 250", .is_smtputf8 = true, .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\nC: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nS: 250\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "where EHLO was refused that is not known", .acts = "u", .want = "unavailable", .is_smtputf8 = true, .want_trouble = "refused EHLO",
	  .dialogues = { "S: 220 old\nC: EHLO\nS: 500\nC: HELO\nS: 250 old.example.com\n" } },
	{ .name = "an internationalised mail that only shows at its end is refused there", .acts = "r1 sendu", .want = "2.1.5 5.6.9",
	  .is_smtputf8 = true, .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" }, .want_trouble = "SMTPUTF8" },

	/* --- trouble before the dot: the same question elsewhere, or none --- */
	{ .name = "turned away at the door", .acts = "r1", .want = "unavailable", .dialogues = { "S: 421 4.3.2 not now\nX:\n" },
	  .want_trouble = "421 4.3.2 not now", .is_down = true },
	{ .name = "a 554 at the door is no answer", .acts = "r1", .want = "unavailable", .dialogues = { "S: 554 no\n" }, .is_down = true },
	{ .name = "421 to MAIL", .acts = "r1", .want = "unavailable", .dialogues = { PLAIN "C: MAIL\nS: 421 4.3.2 going\nX:\n" }, .want_trouble = "421" },
	{ .name = "421 to RCPT", .acts = "r1", .want = "unavailable", .dialogues = { PLAIN "C: MAIL\nS: 250\nC: RCPT\nS: 421\nX:\n" } },
	{ .name = "421 to DATA", .is_down = true, .acts = "r1 send", .want = "2.1.5 unavailable",
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nW: 100\nS: 421\nX:\n", "S: 421 still\nX:\n" }, .want_trouble = "421" },
	{ .name = "421 to the dot", .is_down = true, .acts = "r1 send", .want = "2.1.5 unavailable", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nS: 421\nX:\n", "S: 421 still\nX:\n" } },
	{ .name = "cut before the reply to MAIL", .acts = "r1", .want = "unavailable", .dialogues = { PLAIN "C: MAIL\nX:\n" } },
	{ .name = "cut before the reply to RCPT", .acts = "r1", .want = "unavailable", .dialogues = { PLAIN "C: MAIL\nS: 250\nC: RCPT\nX:\n" } },
	{ .name = "cut inside a reply", .acts = "r1", .want = "unavailable", .dialogues = { PLAIN "C: MAIL\nR: 250-half\nX:\n" } },
	{ .name = "cut in the data, and taken at the next try", .acts = "r1 big", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nX:\n",
	    PIPELINED "C: MAIL\nC: RCPT\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250 2.6.0 ok\n" } },
	{ .name = "down, and that is known at once the next time", .acts = "down r1 r2", .want = "unavailable unavailable", .is_down = true,
	  .dialogues = { PIPELINED }, .want_trouble = "the next hop is down" },
	{ .name = "a session that went away while nothing was asked is opened again", .acts = "r1 w3 r2 w3 send", .want = "2.1.5 5.1.1 250",
	  .dialogues = { PIPELINED ENVELOPE "X:\n",
	    PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nS: 250\nS: 250\nS: 550 5.1.1\nS: 421 4.4.2 idle\nX:\n",
	    PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" }, .want_mails = 1 },
	{ .name = "one that answers otherwise then is no answer", .acts = "r1 w3 send", .want = "2.1.5 unavailable", .want_trouble = "said again",
	  .dialogues = { PIPELINED ENVELOPE "X:\n", PIPELINED "C: MAIL\nC: RCPT\nS: 250\nS: 550 5.1.1\nC: RSET\nS: 250\n" } },
	{ .name = "nor is a MAIL that is refused then", .acts = "r1 w3 r2", .want = "2.1.5 unavailable", .want_trouble = "said again",
	  .dialogues = { PIPELINED ENVELOPE "X:\n", PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nS: 450\nS: 503\nS: 503\n" } },

	/* --- and behind it --- */
	{ .name = "cut after the dot: nobody knows", .acts = "r1 send", .want = "2.1.5 ambiguous", .want_mails = 1, .want_log = "ambiguous ",
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nX:\n" }, .want_trouble = "not known" },
	{ .name = "cut inside the reply to it: the same", .acts = "r1 send", .want = "2.1.5 ambiguous", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nR: 250-tak\nX:\n" }, .want_log = "ambiguous " },
	{ .name = "garbage: the same", .acts = "r1 send", .want = "2.1.5 ambiguous", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nR: \\0\\xff\\r\\n\nX:\n" } },
	{ .name = "a 250 behind the 354 is not the answer to the dot", .is_down = true, .acts = "r1 send", .want = "2.1.5 unavailable",
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nR: 354\\r\\n250 taken\\r\\n\nW: 1000\nX:\n", "S: 421\nX:\n" } },

	/* --- slow --- */
	{ .name = "a late RCPT is unavailable when the budget is over", .acts = "r1", .want = "unavailable", .want_after_s = 60,
	  .dialogues = { PLAIN "C: MAIL\nS: 250\nC: RCPT\nW: 100000\nX:\n" } },
	{ .name = "a next hop that takes no connections in time is not down for that", .acts = "r1", .want = "unavailable", .budget_s = 5,
	  .want_after_s = 5, .dialogues = { "W: 20000\nX:\n" } },
	{ .name = "an answer to the dot may come later than the budget", .acts = "r1 send", .want = "2.1.5 250", .want_mails = 1, .want_after_s = 200,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nW: 200000\nS: 250\n" } },
	{ .name = "but not for ever", .acts = "r1 send", .want = "2.1.5 ambiguous", .want_mails = 1, .want_after_s = 300,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nD:\nW: 400000\nX:\n" } },
	{ .name = "a next hop that stops reading: no dot", .acts = "r1 big", .want = "2.1.5 unavailable", .want_after_s = 60,
	  .dialogues = { PIPELINED ENVELOPE "C: DATA\nS: 354\nW: 100000\nX:\n" } },

	/* --- a client that dawdles --- */
	{ .name = "a session is not held for long, and the envelope is said again", .acts = "r1 w15 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" WHOLE } },
	{ .name = "and again", .acts = "r1 w5 r2 w5 r3 w5 send", .want = "2.1.5 250 250 250", .want_mails = 1, .idle_s = 3,
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nS: 250\nS: 250\nS: 250\nC: RSET\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: RCPT TO:<r3@\nS: 250\nS: 250\nS: 250\nS: 250\nC: RSET\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: RCPT TO:<r3@\nS: 250\nS: 250\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "a refused RSET ends the session", .acts = "r1 w15 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 500\n", PIPELINED WHOLE } },
	{ .name = "a next hop that went down meanwhile is unavailable", .acts = "r1 w15 down w31 send", .want = "2.1.5 unavailable", .is_down = true,
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" } },
	{ .name = "and one that is back is asked", .acts = "down r1 up w35 r1 send", .want = "unavailable 2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { PIPELINED WHOLE } },
};

/* Two next hops, the first before the second. */
static const struct row rows_of_two[] = {
	{ .name = "the next hop that takes 8-bit mail is found at its end", .acts = "r1 send8", .want = "2.1.5 250", .want_mails = 1,
	  .dialogues = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" },
	  .second = { HELLO("S: 250 8BITMIME\n") "C: MAIL FROM:<a@example.org> BODY=8BITMIME\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "one that is down may take it", .acts = "down r1 send8", .want = "2.1.5 unavailable", .want_trouble = "8-bit", .is_down = true,
	  .dialogues = { PIPELINED }, .second = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" } },
	{ .name = "and may take an internationalised recipient", .acts = "down r1 u", .want = "2.1.5 unavailable", .is_smtputf8 = true, .is_down = true,
	  .dialogues = { PIPELINED }, .second = { PIPELINED ENVELOPE "C: RSET\nS: 250\n" } },
	{ .name = "the next hop that does take it is found", .acts = "u send", .want = "250 250", .is_smtputf8 = true, .want_mails = 1,
	  .dialogues = { PIPELINED },
	  .second = { HELLO("S: 250 SMTPUTF8\n") "C: MAIL FROM:<a@example.org> SMTPUTF8\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "lost at the first, the second next hop is asked", .acts = "r1 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { PLAIN "C: MAIL\nX:\n" }, .second = { PIPELINED WHOLE } },
	{ .name = "down at the first, the second is asked", .acts = "down r1 send", .want = "2.1.5 2.6.0", .want_mails = 1, .is_down = true,
	  .dialogues = { PIPELINED }, .second = { PIPELINED WHOLE } },
};

/* Behind ONLINE_SURE_MAILS, in the session that they went by. */
#define AHEAD		"C: MAIL FROM:<a@example.org>\nC: RCPT TO:<r1@example.com>\nC: DATA\nS: 250\nS: 250 2.1.5 fine\n"
#define GOES_ON		"C: MAIL FROM:<a@example.org>\nC: RCPT TO:<r1@example.com>\nS: 250 ok\nS: 250 2.1.5 fine\nC: DATA\nS: 354 go\nD:\nS: 250 2.6.0 taken\n"

static const struct row rows_of_sure[] = {
	{ .name = "where mails go on, DATA goes with the only recipient", .acts = "R1 w1 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { AHEAD "S: 354 go\nD:\nS: 250 2.6.0 taken\n" } },
	{ .name = "but not before the client has said it", .acts = "r1 w1 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { "C: MAIL\nC: RCPT\nS: 250\nS: 250 2.1.5\nW: 100\nN:\nC: DATA\nS: 354 go\nD:\nS: 250 2.6.0 taken\n" } },
	{ .name = "nor behind other recipients", .acts = "r1 w1 R2 send", .want = "2.1.5 250 250", .want_mails = 1,
	  .dialogues = { "C: MAIL\nC: RCPT\nS: 250\nS: 250 2.1.5\nC: RCPT TO:<r2@\nW: 100\nN:\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "and again behind one that was refused, in the same transaction", .acts = "R1 R2 send", .want = "5.1.1 250 250", .want_mails = 1,
	  .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 250\nS: 550 5.1.1\nS: 554 none\nC: RCPT TO:<r2@\nC: DATA\nS: 250\nS: 354\nD:\nS: 250\n" } },
	{ .name = "but not of a mail that did not come then", .acts = "R1 r2 w1 send", .want = "5.1.1 250 250", .want_mails = 1,
	  .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 250\nS: 550 5.1.1\nS: 554 none\nC: RCPT TO:<r2@\nS: 250\nW: 100\nN:\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "the only one is refused: the session is as before", .acts = "R1", .want = "5.1.1",
	  .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 250\nS: 550 5.1.1\nS: 554 none\nC: RSET\nS: 250\n" } },
	{ .name = "the only one is refused, and a mail is waited for (RFC 2920 3.1): the session is left", .acts = "R1 r2 send", .want = "5.1.1 250 250",
	  .want_mails = 1, .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 250\nS: 550 5.1.1\nS: 354 go\nW: 100\nX:\n",
	    PIPELINED "C: MAIL\nC: RCPT TO:<r2@\nS: 250\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n" } },
	{ .name = "MAIL is refused, and all behind it", .acts = "R1 r2", .want = "5.7.1 5.7.1",
	  .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 550 5.7.1\nS: 503\nS: 503\n" } },
	{ .name = "a reply too many: a refusal may be of another mail, and is none", .acts = "R1", .want = "unavailable",
	  .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 250\nS: 550 5.1.1 of another mail\nS: 250\nS: 354\nW: 100\nX:\n" } },
	{ .name = "nor is a refused MAIL", .acts = "R1", .want = "unavailable",
	  .dialogues = { "C: MAIL\nC: RCPT\nC: DATA\nS: 550 5.7.1 of another mail\nS: 250\nS: 250\nS: 354\nW: 100\nX:\n" } },
	{ .name = "DATA is refused: that is the mail's answer", .acts = "R1 send", .want = "2.1.5 5.6.0",
	  .dialogues = { AHEAD "S: 554 5.6.0 no\nC: RSET\nS: 250\n" } },
	{ .name = "421 to DATA is none", .acts = "R1 w1 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { AHEAD "S: 421 4.3.2 going\nX:\n", PIPELINED WHOLE } },
	{ .name = "the session went away behind DATA", .acts = "R1 w1 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { AHEAD "S: 354 go\nX:\n", PIPELINED WHOLE } },
	{ .name = "the mail is refused at its end", .acts = "R1 send", .want = "2.1.5 5.7.1", .want_mails = 1,
	  .dialogues = { AHEAD "S: 354 go\nD:\nS: 550 5.7.1 spam\nC: RSET\nS: 250\n" } },
	{ .name = "cut at the dot: nobody knows", .acts = "R1 send", .want = "2.1.5 ambiguous", .want_mails = 1, .want_log = "ambiguous ",
	  .dialogues = { AHEAD "S: 354 go\nD:\nX:\n" } },
	{ .name = "a client that dawdles: no dot, and DATA waits for the next one", .acts = "R1 w15 send", .want = "2.1.5 2.6.0", .want_mails = 1,
	  .dialogues = { AHEAD "S: 354 go\nW: 20000\nX:\n", PIPELINED WHOLE } },
	{ .name = "no mail after all: no dot", .acts = "R1", .want = "2.1.5", .dialogues = { AHEAD "S: 354 go\nW: 20000\nX:\n" } },
	{ .name = "a mail that it cannot take: no dot", .acts = "R1 send8", .want = "2.1.5 5.6.3", .want_trouble = "8-bit",
	  .dialogues = { AHEAD "S: 354 go\nW: 20000\nX:\n", PIPELINED } },
};

/* --- a client --- */

static struct instant
in_s(const struct world *w, int seconds)
{
	return instant_after(loop_now(w->loop), span_s(seconds));
}

static struct online *
new_online(struct world *w, const struct row *row)
{
	const struct envelope envelope = {
		.reverse_path = { .local = STR("a"), .domain = STR("example.org") }, .is_smtputf8 = row->is_smtputf8,
	};

	return online_new(&(struct online_settings){
		.couriers = w->couriers, .destination = STR("relay:x"), .envelope = &envelope,
		.size_bytes = row->size_bytes, .idle_max = span_s(row->idle_s),
	});
}

static enum online_end
ask(struct world *w, struct online *online, struct str local, int budget_s)
{
	const struct recipient recipient = {
		.address = { .local = local, .domain = STR("example.com") },
		.notify = str_starts(local, STR("n")) ? NOTIFY_SUCCESS : NOTIFY_UNSET,
	};

	return online_rcpt(online, &recipient, in_s(w, budget_s));
}

static enum online_end
ask_announced(struct world *w, struct online *online, struct str word, int budget_s)
{
	char local[] = "r0";

	insist(word.len == 2);
	local[1] = word.at[1];
	online_announce_mail(online);
	return ask(w, online, str_of(local), budget_s);
}

static struct draft *
make_draft(struct world *w, struct str kind)
{
	struct draft *draft = draft_new(w->queue);
	struct str piece = str_eq(kind, STR("big")) ? STR("a line of a large mail, and more of it in this one, xxxxxx\r\n") : STR("hello\r\n");
	int n = str_eq(kind, STR("big")) ? 18000 : 1;
	struct fault fault;

	expect_int(draft_append(draft, STR("Subject: hi\r\n\r\n"), in_s(w, 60), &fault), 0);
	while (n-- > 0)
		expect_int(draft_append(draft, piece, in_s(w, 60), &fault), 0);
	w->id = draft_id(draft);
	return draft;
}

static enum online_end
send(struct world *w, struct online *online, struct str kind, int budget_s, int final_s)
{
	struct online_mail mail = {
		.draft = make_draft(w, kind), .prefix = STR("Received: here\r\n"), .arrived = os_wall_clock(),
		.is_8bit = str_eq(kind, STR("send8")) || str_eq(kind, STR("sendu")), .is_smtputf8 = str_eq(kind, STR("sendu")),
	};
	enum online_end end = online_send(online, &mail, in_s(w, budget_s), in_s(w, budget_s + final_s));

	if (end != ONLINE_CANCELLED)
		draft_discard(mail.draft);
	return end;
}

static void
describe(const struct online *online, enum online_end end, struct buf *out)
{
	const struct reply *reply = online_reply(online);
	char room[STATUS_TEXT_MAX];

	if (out->len > 0)
		buf_append_char(out, ' ');
	switch (end) {
	case ONLINE_ANSWERED:
		if (reply->status.class != 0)
			buf_append(out, status_text(reply->status, room));
		else
			buf_printf(out, "%d", reply->code);
		break;
	case ONLINE_UNAVAILABLE:
		buf_append(out, STR("unavailable"));
		break;
	case ONLINE_AMBIGUOUS:
		buf_append(out, STR("ambiguous"));
		break;
	case ONLINE_CANCELLED:
		buf_append(out, STR("cancelled"));
		break;
	}
}

static void
act(struct world *w, const struct row *row, struct online *online, struct str word, struct buf *got)
{
	int budget_s = row->budget_s > 0 ? row->budget_s : BUDGET_S, final_s = row->final_s > 0 ? row->final_s : FINAL_S;

	if (str_eq(word, STR("down")))
		peer_stop(&w->peers[0]);
	else if (str_eq(word, STR("up")))
		peer_listen(&w->peers[0]);
	else if (word.at[0] == 'w')
		wait_s(w, atoi(word.at + 1));
	else if (word.at[0] == 'r' || word.at[0] == 'n')
		describe(online, ask(w, online, word, budget_s), got);
	else if (word.at[0] == 'R')
		describe(online, ask_announced(w, online, word, budget_s), got);
	else if (word.at[0] == 'u')
		describe(online, ask(w, online, STR("\xc3\xa4"), budget_s), got);
	else
		describe(online, send(w, online, word, budget_s, final_s - budget_s), got);
}

static int
n_busy(struct world *w)
{
	int n = 0;

	for (int i = 0; i < n_hops_known(w); i++)
		n += hop(w, i).n_connections - hop(w, i).n_idle;
	return n;
}

static void
expect_nothing_left(struct world *w)
{
	wait_s(w, 6);
	expect_int(n_busy(w), 0);
	expect_int(counts(w).n_put, 0);
	expect_int(counts(w).n_commits, 0);
}

static void
play_acts(struct world *w, const struct row *row)
{
	struct str rest = str_of(row->acts), word;
	struct online *online = new_online(w, row);
	struct instant began = loop_now(w->loop);
	int64_t n_syncs = sim_disk_n_calls(w->sim, SIM_SYNC);
	int n_mails = w->peers[0].n_mails;
	struct buf got;

	buf_init(&got, GOT_MAX_BYTES);
	while (str_take_until(&rest, ' ', &word)) {
		began = loop_now(w->loop);
		act(w, row, online, word, &got);
	}
	if (row->want_after_s > 0)
		expect_int(span_to_s(instant_diff(began, loop_now(w->loop))), row->want_after_s);
	expect_str(buf_str(&got), str_of(row->want));
	if (row->want_trouble != NULL && !expect(strstr(online_trouble(online)->text, row->want_trouble) != NULL))
		printf("# trouble: %s\n", online_trouble(online)->text);
	online_drop(online);
	expect_nothing_left(w);
	expect_int(sim_disk_n_calls(w->sim, SIM_SYNC), n_syncs);
	expect_int(w->peers[0].n_mails + w->peers[1].n_mails - n_mails, row->want_mails);
	if (row->want_heard != NULL)
		expect(str_find_str(buf_str(&w->peers[0].heard), str_of(row->want_heard)) >= 0);
	if (row->want_log != NULL)
		expect_int(n_lines(w, row->want_log), 1);
	expect_int(n_lines(w, "nexthop-down ") - n_lines(w, "nexthop-up ") > 0, row->is_down);
	if (w->peers[0].listener < 0)
		peer_listen(&w->peers[0]);
	buf_fini(&got);
}

static void
play_row(struct world *w)
{
	const struct row *row = w->story->n_hops == 2 ? &rows_of_two[w->round] : &rows[w->round];

	if (w->round > 0)
		test_case("%s", row->name);
	for (int i = 0; i < DIALOGUES_MAX && row->dialogues[i] != NULL; i++)
		peer_says(&w->peers[0], row->dialogues[i]);
	for (int i = 0; i < DIALOGUES_MAX && row->second[i] != NULL; i++)
		peer_says(&w->peers[1], row->second[i]);
	play_acts(w, row);
}

static void
bring_one(struct world *w)
{
	static const struct row usual = { .name = "usual" };
	struct online *online = new_online(w, &usual);

	expect_int(ask_announced(w, online, STR("R1"), BUDGET_S), ONLINE_ANSWERED);
	expect_int(send(w, online, STR("send"), BUDGET_S, FINAL_S), ONLINE_ANSWERED);
	online_drop(online);
	wait_s(w, 1);
}

/* Some mails go on, and then what the row tells. */
static void
play_sure(struct world *w)
{
	const struct row *row = &rows_of_sure[w->round];

	if (w->round > 0)
		test_case("%s", row->name);
	buf_init(&w->dialogue, DIALOGUE_MAX_BYTES);
	buf_append(&w->dialogue, STR(PIPELINED));
	for (int i = 0; i < ONLINE_SURE_MAILS; i++)
		buf_append(&w->dialogue, STR(GOES_ON));
	buf_append(&w->dialogue, str_of(row->dialogues[0]));
	buf_append_char(&w->dialogue, '\0');
	peer_says(&w->peers[0], w->dialogue.at);
	for (int i = 1; i < DIALOGUES_MAX && row->dialogues[i] != NULL; i++)
		peer_says(&w->peers[0], row->dialogues[i]);
	for (int i = 0; i < ONLINE_SURE_MAILS; i++)
		bring_one(w);
	expect_int(w->peers[0].n_mails, ONLINE_SURE_MAILS);
	play_acts(w, row);
}

static const struct story stories[] = {
	{ .name = "where mails go on, DATA goes with the only recipient", .tell = play_sure, .n_times = sizeof(rows_of_sure) / sizeof(rows_of_sure[0]) },
	{ .name = "with PIPELINING, MAIL and the first RCPT go together", .tell = play_row, .n_times = sizeof(rows) / sizeof(rows[0]) },
	{ .name = "the next hop that takes 8-bit mail is found at its end", .tell = play_row, .n_hops = 2,
	  .n_times = sizeof(rows_of_two) / sizeof(rows_of_two[0]) },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
