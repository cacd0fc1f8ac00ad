/*
 * test_handover.c - what one mail's recipients come to by what a next hop says, and says wrongly
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/deliver/handover.h"
#include "tests/deliver/peer.h"
#include "tests/expect.h"
#include "tests/sim/sim.h"

static const struct client_settings timeouts = {	/* RFC 5321 4.5.3.2 */
	.hostname = "relay.example.net",
	.connect_timeout = { 30 * INT64_C(1000000000) }, .greeting_timeout = { 300 * INT64_C(1000000000) },
	.mail_timeout = { 300 * INT64_C(1000000000) }, .rcpt_timeout = { 300 * INT64_C(1000000000) },
	.data_timeout = { 120 * INT64_C(1000000000) }, .block_timeout = { 180 * INT64_C(1000000000) },
	.final_timeout = { 600 * INT64_C(1000000000) },
};

struct row {
	const char	*name;
	const char	*dialogue;
	int		 n_recipients;	/* r1@example.com ...; 0: one */
	const char	*mail;		/* NULL: a short one */
	int64_t		 content_bytes;	/* of a mail of x; 0: mail */
	int64_t		 ends_at;	/* the content stops there, though it says it is longer; 0: it does not */
	bool		 is_unreadable;	/* ... with a fault */
	bool		 is_8bit, is_smtputf8, wants_dsn;
	bool		 was_idle;
	bool		 has_domains;	/* the second recipient's is another */
	const char	*want;		/* outcomes, "-" for none, and the end */
	const char	*want_heard;	/* NULL: not looked at */
	int		 want_ambiguous;
	bool		 wants_no_dot;	/* the server must not see an end of mail */
	const char	*want_told;	/* of recipients, to who listens; NULL: not looked at */
	bool		 is_null;	/* the reverse-path */
	const char	*want_trouble;	/* a part of its text; NULL: not looked at */
	int		 want_after_s;	/* the handover took that long; 0: not looked at */
};

#define HELLO_PLAIN	"S: 220 peer.example.com ESMTP\nC: EHLO relay.example.net\nS: 250 peer.example.com\n"
#define HELLO(keywords)	"S: 220 peer.example.com ESMTP\nC: EHLO relay.example.net\nS: 250-peer.example.com\n" keywords
#define PIPELINED	HELLO("S: 250-PIPELINING\nS: 250 DSN\n")
#define MAIL_RCPT_DATA	"C: MAIL FROM:<a@example.org>\nC: RCPT TO:<r1@example.com>\nC: DATA\n"

static const struct row rows[] = {
	/* --- the way through --- */
	{ .name = "without PIPELINING each command waits for its reply",
	  .dialogue = HELLO_PLAIN "C: MAIL FROM:<a@example.org>\nN:\nS: 250 ok\nC: RCPT TO:<r1@example.com>\nN:\nS: 250 ok\n"
	    "C: DATA\nN:\nS: 354 go\nD:\nS: 250 2.6.0 taken\n",
	  .want = "relayed 2.6.0 done",
	  .want_heard = "EHLO relay.example.net\nMAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\n"
	    "Subject: hi\r\n\r\nhello\r\n" },
	{ .name = "with PIPELINING the envelope and DATA come without a reply between",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250 ok\nS: 250 ok\nS: 354 go\nD:\nS: 250 taken\n",
	  .want = "delivered 2.0.0 done" },
	{ .name = "dots at the start of lines are doubled",
	  .mail = ".\r\n..\r\nx.\r\n", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "delivered 2.0.0 done",
	  .want_heard = "EHLO relay.example.net\nMAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\n..\r\n...\r\nx.\r\n" },
	{ .name = "a server that knows only HELO gets HELO",
	  .dialogue = "S: 220 old\nC: EHLO relay.example.net\nS: 502 what\nC: HELO relay.example.net\nS: 250 old.example.com\n"
	    "C: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT TO:<r1@example.com>\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0 done" },
	{ .name = "SIZE and BODY are told where they are offered",
	  .mail = "ab\r\n", .is_8bit = true,
	  .dialogue = HELLO("S: 250-SIZE 1000\nS: 250 8BITMIME\n") "C: MAIL FROM:<a@example.org> SIZE=4 BODY=8BITMIME\nS: 250\n"
	    "C: RCPT TO:<r1@example.com>\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0 done" },
	{ .name = "DSN parameters go to a server that does DSN", .wants_dsn = true,
	  .dialogue = PIPELINED "C: MAIL FROM:<a@example.org> RET=HDRS ENVID=QQ+2B1\n"
	    "C: RCPT TO:<r1@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@example.com\nC: DATA\n"
	    "S: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "delivered 2.0.0 done" },
	{ .name = "a server without DSN gets none of its parameters", .wants_dsn = true,
	  .dialogue = HELLO_PLAIN "C: MAIL FROM:<a@example.org>\nS: 250\nC: RCPT TO:<r1@example.com>\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0 done",
	  .want_heard = "EHLO relay.example.net\nMAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\nSubject: hi\r\n\r\nhello\r\n" },
	{ .name = "a mail of many pieces comes whole", .content_bytes = 300000,
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 250\n", .want = "delivered 2.0.0 done" },

	/* --- each recipient has its own answer --- */
	{ .name = "recipients are refused one by one", .n_recipients = 3,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: RCPT TO:<r3@\nC: DATA\n"
	    "S: 250\nS: 550 5.1.1 unknown\nS: 450 4.2.1 later\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "failed 5.1.1, deferred 4.2.1, delivered 2.0.0 done" },
	{ .name = "with nobody accepted and DATA refused the mail is not sent", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 550\nS: 451\nS: 554 no valid recipients\n",
	  .want = "failed 5.0.0, deferred 4.0.0 done" },
	{ .name = "with nobody accepted and a 354 an empty mail ends it (RFC 2920 3.1)",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 550 5.1.1\nS: 354\nD:\nS: 250 taken\n",
	  .want = "failed 5.1.1 done",
	  .want_heard = "EHLO relay.example.net\nMAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\n" },
	{ .name = "without PIPELINING nobody accepted means no DATA",
	  .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nS: 550 5.1.1\n", .want = "failed 5.1.1 done" },
	{ .name = "a refused MAIL fails all", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 550 5.7.1 no\nS: 503\nS: 503\nS: 503\n",
	  .want = "failed 5.7.1, failed 5.7.1 done" },
	{ .name = "a MAIL put off defers all", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 451 4.3.0\nS: 503\nS: 503\nS: 503\n",
	  .want = "deferred 4.3.0, deferred 4.3.0 done" },
	{ .name = "a 530 to MAIL is about the session: the mail waits",
	  .dialogue = HELLO_PLAIN "C: MAIL\nS: 530 5.7.0 STARTTLS first\n", .want = "deferred 4.0.0 done" },
	{ .name = "a refused DATA fails who was accepted", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 450 4.2.0\nS: 250\nS: 554 5.6.0\n",
	  .want = "deferred 4.2.0, failed 5.6.0 done" },
	{ .name = "a refused end of mail fails who was accepted", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 550 5.1.1\nS: 354\nD:\nS: 550 5.7.1 spam\n",
	  .want = "failed 5.7.1, failed 5.1.1 done" },
	{ .name = "an end of mail put off defers",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 452 4.3.1 full\n", .want = "deferred 4.3.1 done" },
	{ .name = "a status of another class than the code is not believed",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 450 5.1.1 hm\n", .want = "deferred 4.0.0 done" },

	/* --- too many recipients --- */
	{ .name = "who is too many comes in the next transaction", .n_recipients = 3,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: RCPT TO:<r3@\nC: DATA\n"
	    "S: 250\nS: 250\nS: 452 4.5.3 too many\nS: 452 4.5.3 too many\nS: 354\nD:\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r2@\nC: RCPT TO:<r3@\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "delivered 2.0.0, delivered 2.0.0, delivered 2.0.0 done" },
	{ .name = "a 452 to the first recipient is no count", .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nS: 452 4.5.3\n",
	  .want = "deferred 4.5.3 done" },
	{ .name = "a 452 about a mailbox is not about their number", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 452 4.2.2 full\nS: 354\nD:\nS: 250\n",
	  .want = "delivered 2.0.0, deferred 4.2.2 done" },
	{ .name = "a 552 without a status is an old server's 452 (RFC 5321 4.5.3.1.10)", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 552 too many\nS: 354\nD:\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r2@\nC: DATA\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "delivered 2.0.0, delivered 2.0.0 done" },
	{ .name = "LIMITS RCPTMAX is kept", .n_recipients = 3,
	  .dialogue = HELLO("S: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=2\n")
	    "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r3@\nC: DATA\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0, relayed 2.0.0, relayed 2.0.0 done" },
	{ .name = "LIMITS MAILMAX ends the session", .n_recipients = 2,
	  .dialogue = HELLO("S: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=1 MAILMAX=1\n")
	    "C: MAIL\nC: RCPT TO:<r1@\nC: DATA\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0, - over" },
	{ .name = "a transaction that ended without DATA is reset before the next", .n_recipients = 2,
	  .dialogue = HELLO("S: 250 LIMITS RCPTMAX=1\n")
	    "C: MAIL\nS: 250\nC: RCPT TO:<r1@\nS: 550 5.1.1\nC: RSET\nS: 250\n"
	    "C: MAIL\nS: 250\nC: RCPT TO:<r2@\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n",
	  .want = "failed 5.1.1, relayed 2.0.0 done" },

	{ .name = "the same with PIPELINING", .n_recipients = 2,
	  .dialogue = HELLO("S: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=1\n")
	    "C: MAIL\nC: RCPT TO:<r1@\nC: DATA\nS: 250\nS: 550 5.1.1\nS: 554\nC: RSET\n"
	    "C: MAIL\nC: RCPT TO:<r2@\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "failed 5.1.1, relayed 2.0.0 done" },
	{ .name = "a refused RSET is trouble", .n_recipients = 2,
	  .dialogue = HELLO("S: 250 LIMITS RCPTMAX=1\n")
	    "C: MAIL\nS: 250\nC: RCPT TO:<r1@\nS: 550 5.1.1\nC: RSET\nS: 500\n", .want = "failed 5.1.1, - trouble" },
	{ .name = "LIMITS RCPTDOMAINMAX is kept: all of one domain go together", .n_recipients = 3,
	  .dialogue = HELLO("S: 250-PIPELINING\nS: 250 LIMITS RCPTDOMAINMAX=1\n")
	    "C: MAIL\nC: RCPT TO:<r1@\nC: RCPT TO:<r2@\nC: RCPT TO:<r3@\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0, relayed 2.0.0, relayed 2.0.0 done" },
	{ .name = "LIMITS RCPTDOMAINMAX is kept: another domain comes in another transaction", .n_recipients = 3, .has_domains = true,
	  .dialogue = HELLO("S: 250-PIPELINING\nS: 250 LIMITS RCPTDOMAINMAX=1\n")
	    "C: MAIL\nC: RCPT TO:<r1@example.com>\nC: RCPT TO:<r3@example.com>\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n"
	    "C: MAIL\nC: RCPT TO:<r2@example.net>\nC: DATA\nS: 250\nS: 250\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0, relayed 2.0.0, relayed 2.0.0 done" },

	/* --- what it cannot take --- */
	{ .name = "8-bit mail is not for a server that does not offer 8BITMIME", .is_8bit = true, .dialogue = HELLO_PLAIN, .want = "- lacking",
	  .want_trouble = "does not take 8-bit mail" },
	{ .name = "what a server that knows only HELO takes is not known", .is_8bit = true,
	  .dialogue = "S: 220 old\nC: EHLO relay.example.net\nS: 500 what\nC: HELO relay.example.net\nS: 250 old.example.com\n",
	  .want = "- lacking", .want_trouble = "refused EHLO" },
	{ .name = "internationalised mail fails where SMTPUTF8 is not offered", .is_smtputf8 = true,
	  .dialogue = HELLO("S: 250 8BITMIME\n"), .want = "- lacking",
	  .want_trouble = "does not take internationalised mail" },
	{ .name = "a mail larger than SIZE fails", .content_bytes = 1001, .dialogue = HELLO("S: 250 SIZE 1000\n"), .want = "failed 5.3.4 done" },
	{ .name = "SIZE 0 is no limit (RFC 1870 3)", .content_bytes = 1001,
	  .dialogue = HELLO("S: 250 SIZE 0\n") "C: MAIL FROM:<a@example.org> SIZE=1001\nS: 250\nC: RCPT\nS: 250\nC: DATA\nS: 354\nD:\nS: 250\n",
	  .want = "relayed 2.0.0 done" },

	/* --- trouble --- */
	{ .name = "a 421 to MAIL is trouble of the next hop", .dialogue = HELLO_PLAIN "C: MAIL\nS: 421 4.3.2 going\nX:\n",
	  .want = "- trouble", .want_trouble = "421 4.3.2 going" },
	{ .name = "of a server that never said more than a code, too",
	  .dialogue = "S: 220\nC: EHLO relay.example.net\nS: 250\nC: MAIL\nS: 421\nX:\n", .want = "- trouble", .want_trouble = "421" },
	{ .name = "a 421 to RCPT leaves who was refused refused", .n_recipients = 3,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 550 5.1.1\nS: 250\nS: 421 4.3.2\nX:\n",
	  .want = "failed 5.1.1, -, - trouble" },
	{ .name = "a 421 to DATA is trouble", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 421\nX:\n", .want = "- trouble" },
	{ .name = "a 421 to the dot is trouble, and the mail was not taken",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 421 4.3.2\nX:\n", .want = "- trouble" },
	{ .name = "cut before the reply to MAIL", .dialogue = HELLO_PLAIN "C: MAIL\nX:\n", .want = "- trouble",
	  .want_trouble = "the reply to MAIL" },
	{ .name = "cut before the reply to RCPT", .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nX:\n", .want = "- trouble" },
	{ .name = "cut before the reply to DATA", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nX:\n", .want = "- trouble" },
	{ .name = "cut inside a reply", .dialogue = HELLO_PLAIN "C: MAIL\nR: 250-half a re\nX:\n", .want = "- trouble" },
	{ .name = "cut after the dot: nobody knows",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nX:\n",
	  .want = "deferred 4.4.2 done", .want_ambiguous = 1, .want_trouble = "not known" },
	{ .name = "cut inside the reply to the dot: nobody knows", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nR: 250-tak\nX:\n",
	  .want = "deferred 4.4.2, deferred 4.4.2 done", .want_ambiguous = 2 },
	{ .name = "garbage in answer to the dot: nobody knows",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nR: \\0\\xff\\r\\n\nX:\n",
	  .want = "deferred 4.4.2 done", .want_ambiguous = 1 },
	{ .name = "an idle session that is gone is nobody's fault", .was_idle = true, .dialogue = HELLO_PLAIN "X:\n", .want = "- over" },
	{ .name = "an idle session whose server says 421 is nobody's fault", .was_idle = true,
	  .dialogue = HELLO_PLAIN "C: MAIL\nS: 421 4.4.2 idle too long\nX:\n", .want = "- over" },

	{ .name = "a mail that cannot be read to its end gets no dot", .content_bytes = 200000, .ends_at = 100000, .is_unreadable = true,
	  .wants_no_dot = true, .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nX:\n",
	  .want = "- unreadable", .want_trouble = "disk is broken" },
	{ .name = "a mail that is shorter than it says gets no dot", .content_bytes = 200000, .ends_at = 100000,
	  .wants_no_dot = true, .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nX:\n",
	  .want = "- unreadable", .want_trouble = "100000 of 200000 bytes" },

	/* --- hostile --- */
	{ .name = "a reply before it was asked for is a fault",
	  .dialogue = "S: 220 hi\nC: EHLO\nR: 250 peer\\r\\n250 early\\r\\n\nW: 1000\nX:\n", .want = "- trouble", .want_trouble = "before it was asked" },
	{ .name = "a 250 behind the 354 is not the answer to the dot",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "R: 250\\r\\n250\\r\\n354\\r\\n250 taken\\r\\n\nW: 1000\nX:\n",
	  .want = "- trouble", .want_trouble = "accepted the mail before its end" },
	{ .name = "a 250 of a server that has not got the dot is no answer to it", .content_bytes = 30000,
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nW: 1000\nS: 250 taken\nW: 1000\nX:\n",
	  .want = "deferred 4.4.2 done", .want_ambiguous = 1, .want_trouble = "accepted the mail before its end" },
	{ .name = "a 552 while the mail is coming fails it", .content_bytes = 400000,
	  .dialogue = PIPELINED MAIL_RCPT_DATA "R: 250\\r\\n250\\r\\n354\\r\\n552 5.3.4 too much\\r\\n\nW: 1000\nX:\n",
	  .want = "failed 5.3.4 done" },
	{ .name = "a 2xx to DATA is a fault", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 250\nX:\n", .want = "- trouble",
	  .want_trouble = "breaks the protocol" },
	{ .name = "a server that is one reply ahead fails nobody", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n"
	    "R: 250\\r\\n250 once more\\r\\n550 5.1.1 r1\\r\\n250 r2\\r\\n354\\r\\n\nW: 1000\nX:\n",
	  .want = "-, - trouble", .want_trouble = "breaks the protocol" },
	{ .name = "nor does it where the refusal comes in DATA's place", .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n"
	    "R: 250\\r\\n250 once more\\r\\n250 r1\\r\\n550 5.1.1 r2\\r\\n354\\r\\n\nW: 1000\nX:\n",
	  .want = "-, - trouble", .want_trouble = "before it was asked" },
	{ .name = "nor without PIPELINING, where nothing more is asked",
	  .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nR: 550 5.1.1 no\\r\\n250 yes\\r\\n\nW: 1000\nX:\n",
	  .want = "- trouble", .want_trouble = "before it was asked" },
	{ .name = "but one that refuses twice, or says goodbye, has refused",
	  .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nR: 550 5.1.1 no\\r\\n550 such\\r\\n221 mailbox\\r\\n\nW: 1000\nX:\n",
	  .want = "failed 5.1.1 done" },
	{ .name = "a 354 to RCPT is a fault", .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nS: 354\nX:\n", .want = "- trouble" },
	{ .name = "a 354 to the dot leaves it open", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 354\nX:\n",
	  .want = "deferred 4.4.2 done", .want_ambiguous = 1 },
	{ .name = "MAIL refused and a 354: no dot is sent", .wants_no_dot = true, .dialogue = PIPELINED MAIL_RCPT_DATA "S: 550 5.7.1\nS: 250\nS: 354\nD:\nX:\n",
	  .want = "failed 5.7.1 done", .want_heard = "EHLO relay.example.net\nMAIL FROM:<a@example.org>\nRCPT TO:<r1@example.com>\nDATA\n" },
	{ .name = "a reply of endless lines is cut off", .dialogue = HELLO_PLAIN "C: MAIL\nS* 100000 250-and more\nX:\n", .want = "- trouble" },
	{ .name = "a reply of one endless line is cut off", .dialogue = HELLO_PLAIN "C: MAIL\nR* 100000 250 and more\nX:\n", .want = "- trouble" },
	{ .name = "codes that change within a reply are a fault", .dialogue = HELLO_PLAIN "C: MAIL\nS: 250-a\nS: 550 b\nX:\n", .want = "- trouble" },
	{ .name = "what is no reply at all is a fault", .dialogue = HELLO_PLAIN "C: MAIL\nS: HTTP/1.1 400 Bad Request\nX:\n", .want = "- trouble" },

	/* --- what is told of recipients --- */
	{ .name = "each answer to RCPT is told",
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250 2.1.5 ok\nS: 550 5.1.1 who\nS: 450 4.2.1 later\n"
	    "S: 354\nD:\nS: 250\n", .n_recipients = 3, .want = "delivered 2.0.0, failed 5.1.1, deferred 4.2.1 done",
	  .want_told = "r1 250 2.1.5; r2 550 5.1.1; r3 450 4.2.1; " },
	{ .name = "none behind a refused MAIL, whatever it is",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 550 5.7.1 not you\nS: 550 5.1.1 who\nS: 503\n", .want = "failed 5.7.1 done", .want_told = "" },
	{ .name = "nor a 421", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 421 5.1.1\nX:\n", .want = "- trouble", .want_told = "" },
	{ .name = "a refusal of the whole mail, of its one recipient",
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nS: 550 5.1.1 who\n", .want = "failed 5.1.1 done",
	  .want_told = "r1 250 ; r1 550 5.1.1 content; " },
	{ .name = "of two nobody knows whom it means",
	  .dialogue = PIPELINED "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 250\nS: 354\nD:\nS: 550 5.1.1 who\n", .n_recipients = 2,
	  .want = "failed 5.1.1, failed 5.1.1 done", .want_told = "r1 250 ; r2 250 ; " },
	{ .name = "a question of our own is the null reverse-path's, and one recipient's", .is_null = true,
	  .dialogue = PIPELINED "C: MAIL FROM:<>\nC: RCPT\nC: DATA\nS: 250\nS: 550 who\nS: 503\n", .want = "failed 5.0.0 done", .want_told = "r1 550  us; " },
	{ .name = "with two, one may be refused for the other", .is_null = true, .n_recipients = 2,
	  .dialogue = PIPELINED "C: MAIL FROM:<>\nC: RCPT\nC: RCPT\nC: DATA\nS: 250\nS: 250\nS: 550 one recipient of a bounce\nS: 354\nD:\nS: 250\n",
	  .want = "delivered 2.0.0, failed 5.0.0 done", .want_told = "r1 250 ; r2 550 ; " },

	/* --- slow --- */
	{ .name = "MAIL has five minutes", .dialogue = HELLO_PLAIN "C: MAIL\nW: 400000\nX:\n", .want = "- trouble", .want_after_s = 300 },
	{ .name = "a reply that drips has no more time than a slow one",
	  .dialogue = HELLO_PLAIN "C: MAIL\nS: 250-a\nW: 100000\nS: 250-b\nW: 100000\nS: 250-c\nW: 150000\nS: 250 d\nX:\n",
	  .want = "- trouble", .want_after_s = 300 },
	{ .name = "DATA has two minutes", .dialogue = HELLO_PLAIN "C: MAIL\nS: 250\nC: RCPT\nS: 250\nC: DATA\nW: 200000\nX:\n",
	  .want = "- trouble", .want_after_s = 120 },
	{ .name = "the dot has ten minutes", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nW: 500000\nS: 250\n",
	  .want = "delivered 2.0.0 done", .want_after_s = 500 },
	{ .name = "after ten minutes at the dot nobody knows", .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nD:\nW: 700000\nX:\n",
	  .want = "deferred 4.4.2 done", .want_ambiguous = 1, .want_after_s = 600 },
	{ .name = "a server that stops reading has three minutes", .content_bytes = 2000000,
	  .dialogue = PIPELINED MAIL_RCPT_DATA "S: 250\nS: 250\nS: 354\nW: 400000\nX:\n", .want = "- trouble", .want_after_s = 180 },
};

/* --- who listens --- */

static void
hear(void *context, const struct recipient_reply *said)
{
	char room[STATUS_TEXT_MAX];

	expect_str(said->destination, STR("relay:x"));
	buf_printf(context, "%.*s %d %.*s%s%s; ", STR_ARG(said->recipient->local), said->reply->code, STR_ARG(status_text(said->reply->status, room)),
	    said->is_of_content ? " content" : "", said->is_to_us ? " us" : "");
}

/* --- the client's side --- */

struct text_content {
	struct content	 content;
	struct str	 text;		/* .at NULL: lines of x */
	const struct row *row;
};

static ssize_t
read_text(struct content *content, int64_t offset, void *room, size_t n_bytes, struct instant deadline, struct fault *fault_out)
{
	const struct text_content *t = (struct text_content *)(void *)content;
	int64_t end = t->row->ends_at > 0 ? t->row->ends_at : content->n_bytes;
	size_t n = (size_t)(end - offset), i;

	(void)deadline;
	if (n == 0 && t->row->is_unreadable)
		return fault_temporary(fault_out, "the disk is broken");
	if (n > n_bytes)
		n = n_bytes;
	for (i = 0; i < n; i++) {
		int64_t at = offset + (int64_t)i;

		((char *)room)[i] = t->text.at != NULL ? t->text.at[at] : at % 80 == 78 ? '\r' : at % 80 == 79 ? '\n' : 'x';
	}
	return (ssize_t)n;
}

enum { RECIPIENTS_MAX = 3 };

struct play {
	const struct row	*row;
	struct loop		*loop;
	struct peer		 peer;
	struct arena		 arena;
};

static void
describe(const struct offered *recipients, int n, enum handover_end end, struct buf *out)
{
	static const char *const kinds[] = {
		[OUTCOME_DELIVERED] = "delivered", [OUTCOME_RELAYED] = "relayed",
		[OUTCOME_DEFERRED] = "deferred", [OUTCOME_FAILED] = "failed",
	};
	static const char *const ends[] = {
		[HANDOVER_DONE] = "done", [HANDOVER_SESSION_OVER] = "over", [HANDOVER_TROUBLE] = "trouble",
		[HANDOVER_LACKING] = "lacking", [HANDOVER_UNREADABLE] = "unreadable", [HANDOVER_CANCELLED] = "cancelled",
	};
	char room[STATUS_TEXT_MAX];
	int i;

	for (i = 0; i < n; i++) {
		const struct outcome *outcome = &recipients[i].outcome;

		if (recipients[i].has_outcome)
			buf_printf(out, "%s%s %.*s", i > 0 ? ", " : "", kinds[outcome->kind], STR_ARG(status_text(outcome->status, room)));
		else
			buf_printf(out, "%s-", i > 0 ? ", " : "");
	}
	buf_printf(out, " %s", ends[end]);
}

static void
fill_envelope(const struct row *row, struct envelope *envelope, struct recipient *recipients, struct offered *offered, int n)
{
	static const char *const locals[RECIPIENTS_MAX] = { "r1", "r2", "r3" };
	int i;

	*envelope = (struct envelope){
		.reverse_path = { .local = STR("a"), .domain = STR("example.org") },
		.is_8bit = row->is_8bit, .is_smtputf8 = row->is_smtputf8,
	};
	for (i = 0; i < n; i++) {
		recipients[i] = (struct recipient){ .address = { .local = str_of(locals[i]), .domain = STR("example.com") } };
		if (row->has_domains && i == 1)
			recipients[i].address.domain = STR("example.net");
		if (row->wants_dsn) {
			recipients[i].notify = NOTIFY_SUCCESS | NOTIFY_FAILURE;
			recipients[i].orcpt = STR("rfc822;x@example.com");
		}
		offered[i] = (struct offered){ .recipient = &recipients[i] };
	}
	if (row->wants_dsn) {
		envelope->ret = RET_HDRS;
		envelope->envid = STR("QQ+2B1");
	}
}

static void
hand_over(struct play *p, struct client *client)
{
	const struct row *row = p->row;
	struct str mail = row->mail != NULL ? str_of(row->mail) : STR("Subject: hi\r\n\r\nhello\r\n");
	int n = row->n_recipients > 0 ? row->n_recipients : 1, n_ambiguous;
	struct text_content content = { .content = { .n_bytes = (int64_t)mail.len, .read = read_text }, .text = mail, .row = row };
	struct recipient recipients[RECIPIENTS_MAX];
	struct offered offered[RECIPIENTS_MAX];
	struct trouble trouble = { .text = "" };
	struct envelope envelope;
	struct handover h = {
		.client = client, .was_idle = row->was_idle, .envelope = &envelope, .content = &content.content,
		.recipients = offered, .n_recipients = n, .remote_mta = STR("peer"), .arena = &p->arena,
	};
	struct instant began = loop_now(p->loop);
	struct buf got, told;

	buf_init(&told, 1000);
	h.hearing = (struct hearing){ .told = hear, .context = &told };
	h.destination = STR("relay:x");
	if (row->content_bytes > 0)
		content = (struct text_content){ .content = { .n_bytes = row->content_bytes, .read = read_text }, .row = row };
	fill_envelope(row, &envelope, recipients, offered, n);
	if (row->is_null)
		envelope.reverse_path = (struct address){ .local = STR_EMPTY };
	buf_init(&got, 10000);
	if (row->was_idle || strstr(row->name, "before it was asked") != NULL)
		fiber_sleep(instant_after(began, span_ms(500)));
	describe(offered, n, handover_run(&h, instant_after(began, span_s(50000)), &trouble, &n_ambiguous), &got);
	expect_str(buf_str(&got), str_of(row->want));
	expect_int(n_ambiguous, row->want_ambiguous);
	if (row->want_trouble != NULL && !expect(strstr(trouble.text, row->want_trouble) != NULL))
		printf("# trouble: %s\n", trouble.text);
	if (row->want_after_s > 0)
		expect_int(span_to_s(instant_diff(began, loop_now(p->loop))), row->want_after_s);
	if (row->want_told != NULL)
		expect_str(buf_str(&told), str_of(row->want_told));
	buf_fini(&told);
	buf_fini(&got);
}

static void
play_client(void *arg)
{
	struct play *p = arg;
	struct instant deadline = instant_after(loop_now(p->loop), span_s(50000));
	struct fault fault;
	struct client *client = client_connect(p->loop, &timeouts, &p->peer.at, NULL, deadline, &fault);
	struct reply reply;

	if (expect(client != NULL) && expect(client_greeting(client, deadline, &reply, &fault) == 0) &&
	    expect(client_ehlo(client, deadline, &reply, &fault) == 0))
		hand_over(p, client);
	if (client != NULL)
		client_quit(client, instant_after(loop_now(p->loop), span_s(5)));
	peer_stop(&p->peer);
}

static void
play_row(const struct row *row)
{
	const struct endpoint at = { .ip = { .family = IP_V4, .bytes = { 127, 0, 0, 1 } }, .port = 2525 };
	struct sim_options options = { .seed = sim_seed(1) };
	struct sim *sim = sim_new(&options);
	struct play p = { .row = row };

	test_case("%s", row->name);
	sim_enter(sim);
	p.loop = loop_new(10, NULL);
	arena_init(&p.arena, 100000);
	peer_start(&p.peer, p.loop, &at);
	peer_says(&p.peer, row->dialogue);
	fiber_start(p.loop, "client", play_client, &p);
	loop_run(p.loop);
	expect_str(buf_str(&p.peer.complaint), STR(""));
	if (row->wants_no_dot)
		expect_int(p.peer.n_mails, 0);
	if (row->want_heard != NULL)
		expect_str(buf_str(&p.peer.heard), str_of(row->want_heard));
	peer_free(&p.peer);
	arena_fini(&p.arena);
	loop_free(p.loop);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (argc < 2 || strstr(rows[i].name, argv[1]) != NULL)	/* a part of a name: only that */
			play_row(&rows[i]);
	}
	return test_end();
}
