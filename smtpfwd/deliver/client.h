/*
 * client.h - the SMTP client's session, top to bottom: each step of RFC 5321 a function
 *
 * A step suspends, and between steps the session can be held as long as the caller likes, in
 * the middle of a transaction too.  Knows the wire and its order; what a reply means for a mail
 * or a next hop is for handover and dial.
 *
 * Every step gives 0 and the server's reply, whatever its code; or -1 and a fault: the
 * connection is lost, too slow, or the server does not keep to the protocol.  After a fault
 * only client_close is left.  Replies are valid until the next call on the client.
 */
#ifndef DELIVER_CLIENT_H
#define DELIVER_CLIENT_H

#include "base/list.h"
#include "mail/envelope.h"
#include "mail/reply.h"
#include "smtpfwd/deliver/route.h"
#include "smtpfwd/runtime/tls.h"
#include "smtpfwd/smtp/data.h"
#include "smtpfwd/smtp/ehlo.h"
#include "smtpfwd/smtp/reply_read.h"

/* What a reply answers: how long it may take (RFC 5321 4.5.3.2), and how a fault names it. */
enum client_step {
	CLIENT_GREETING, CLIENT_EHLO, CLIENT_STARTTLS, CLIENT_AUTH, CLIENT_XCLIENT, CLIENT_XFORWARD, CLIENT_RSET, CLIENT_MAIL, CLIENT_RCPT,
	CLIENT_DATA, CLIENT_FINAL, CLIENT_QUIT,
};

enum { CLIENT_REFUSED_MAX = 8 };	/* see client_is_worn */

struct client_settings {
	const char	*hostname;	/* our EHLO name */
	struct span	 connect_timeout;
	struct span	 greeting_timeout;	/* EHLO, STARTTLS, AUTH and XCLIENT too */
	struct span	 mail_timeout;	/* RSET and XFORWARD too */
	struct span	 rcpt_timeout;
	struct span	 data_timeout;	/* for the 354 */
	struct span	 block_timeout;	/* a piece of what we send has gone out */
	struct span	 final_timeout;	/* for the answer to the final dot */
};

struct client {				/* private but for what is said to be read */
	struct loop			*loop;
	const struct client_settings	*settings;
	struct stream			*stream;
	struct reply_reader		 reader;
	struct data_encoder		 encoder;
	struct endpoint			 remote;	/* read: who it is connected to */
	struct ehlo			 ehlo;		/* read: what the server offers; as of the latest EHLO */
	struct tls_info			 tls;		/* read: empty in the clear */
	int				 n_outstanding;	/* replies to what was written, not read yet */
	int64_t				 n_bytes_behind_end;	/* of commands, behind the final dot that was written last */
	bool				 is_in_transaction;	/* MAIL was accepted and nothing ended it */
	bool				 is_broken;
	bool				 is_closing;	/* the server said 421 */
	bool				 is_out_of_step;	/* read: it said what answers nothing; replies before may have been to something else, too */
	int				 n_replies;	/* read: since the greeting */
	int				 n_refused;	/* RCPT commands since the last mail that it took */
	uint64_t			 n_transactions;	/* MAIL commands written */
	enum identity_means		 told;		/* read: how the server knows of the client we stand for; identity.c's */
	bool				 stands_for_one;	/* read: a client, or ourselves, for good: not for a pool; identity.c's */
	bool				 is_half_introduced;	/* read: refused in the middle: to be closed; identity.c's */
	char				 hello[DOMAIN_MAX_BYTES + 1];	/* the name for EHLO; "": ours; identity.c's */
	struct list_link		 in_pool;	/* pool.c's */
	struct instant			 idle_until;	/* pool.c's */
};

/* --- the session's start --- */

/* Connects; from: local address or NULL.  The settings must outlive the client. NULL and a fault when it cannot. */
struct client	*client_connect(struct loop *loop, const struct client_settings *settings,
		    const struct endpoint *to, const struct endpoint *from, struct instant deadline,
		    struct fault *fault_out);

/* Bytes that go before all else, in one write, and have no reply: a PROXY header.  Right behind client_connect. */
int	client_say_first(struct client *client, struct str bytes, struct instant deadline, struct fault *fault_out);

int	client_greeting(struct client *client, struct instant deadline, struct reply *reply_out,
	    struct fault *fault_out);

/* EHLO, or HELO where that is not known (RFC 5321 3.2), with client->hello or our name.  client->ehlo is filled after a 250. */
int	client_ehlo(struct client *client, struct instant deadline, struct reply *reply_out,
	    struct fault *fault_out);

/*
 * STARTTLS, and the handshake after a 220.  *is_handshake_out: the fault is one of TLS.  To be followed by another
 * EHLO (RFC 3207 4.2).
 */
int	client_starttls(struct client *client, const struct tls_client *tls, const struct tls_expect *expect,
	    struct instant deadline, struct reply *reply_out, bool *is_handshake_out, struct fault *fault_out);

/* A line of a login with its CRLF: AUTH, or the answer to a 334 (RFC 4954 4), which is a reply in order here. */
int	client_auth(struct client *client, struct str line, struct instant deadline, struct reply *reply_out,
	    struct fault *fault_out);

/*
 * A line of XCLIENT or XFORWARD (step) with its CRLF.  XCLIENT is to be followed by another EHLO; neither may come inside a
 * transaction.
 */
int	client_introduce(struct client *client, enum client_step step, struct str line, struct instant deadline,
	    struct reply *reply_out, struct fault *fault_out);

/* --- a transaction, one step at a time --- */

/* size_bytes 0: unknown.  Only parameters that the server offers are sent. */
int	client_mail(struct client *client, const struct envelope *envelope, const struct address *reverse_path,
	    uint64_t size_bytes, struct instant deadline, struct reply *reply_out, struct fault *fault_out);
int	client_rcpt(struct client *client, const struct recipient *recipient, struct instant deadline,
	    struct reply *reply_out, struct fault *fault_out);
int	client_data(struct client *client, struct instant deadline, struct reply *reply_out,
	    struct fault *fault_out);	/* 354, or a refusal */
int	client_rset(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out);

/*
 * Sends content after a 354: any pieces, dots are stuffed here.  0: go on; 1: the server refused the mail before its
 * end (a 4xx or 5xx in *reply_out): nothing was accepted, and the session is of no more use; -1: fault.
 */
int	client_content(struct client *client, struct str piece, struct instant deadline,
	    struct reply *reply_out, struct fault *fault_out);

/*
 * Sends the final dot and waits for the answer.  After a fault *is_ambiguous_out tells whether the server may have
 * the mail all the same (RFC 1047).  Behind client_write_end the dot is there already, and maybe commands behind it, whose replies
 * are read afterwards.
 */
int	client_finish(struct client *client, struct instant deadline, struct reply *reply_out,
	    bool *is_ambiguous_out, struct fault *fault_out);

/* --- the same, several commands in one write (RFC 2920); only when client->ehlo.has_pipelining --- */

/* The final dot.  Commands may follow in the same write (RFC 2920 3.1), but client_finish comes before their replies. */
int	client_write_end(struct client *client, struct instant deadline, struct fault *fault_out);

/* Collect; the replies are read in the same order by client_read after client_flush. */
int	client_write_rset(struct client *client, struct instant deadline, struct fault *fault_out);
int	client_write_mail(struct client *client, const struct envelope *envelope, const struct address *reverse_path,
	    uint64_t size_bytes, struct instant deadline, struct fault *fault_out);
int	client_write_rcpt(struct client *client, const struct recipient *recipient, struct instant deadline,
	    struct fault *fault_out);
int	client_write_data(struct client *client, struct instant deadline, struct fault *fault_out);
int	client_flush(struct client *client, struct instant deadline, struct fault *fault_out);
int	client_read(struct client *client, enum client_step step, struct instant deadline, struct reply *reply_out,
	    struct fault *fault_out);

/* --- the session's end --- */

/* True if the session can take one more mail: between transactions or to be reset, and LIMITS MAILMAX allows. */
bool	client_is_reusable(const struct client *client);

/*
 * True if so much was refused in it that the server may soon slow it down or end it (Postfix: after 10, and 20), as
 * happens when many names are tried out: a new session is better, and says nothing bad about the next hop.
 */
static inline bool
client_is_worn(const struct client *client)
{
	return client->n_refused >= CLIENT_REFUSED_MAX;
}

/* True if the server said or ended something while nobody asked: an idle session that is over. */
bool	client_is_stale(struct client *client);

/*
 * True, and a fault, if behind a refusal that was the last reply we waited for there is another reply already, and no refusal: the
 * one we have answers something before.  (What refuses once more, or says goodbye, is only a server that does not know multi-line replies.)
 */
bool	client_is_ahead(struct client *client, struct fault *fault_out);

/* QUIT, waits for its reply until the deadline, closes, frees. */
void	client_quit(struct client *client, struct instant deadline);
void	client_close(struct client *client);	/* at once; frees */

#endif
