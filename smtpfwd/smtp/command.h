/*
 * command.h - command lines of a client read into structs, and written from them
 *
 * Syntax only: whether a command may come now, and what it does, is for receive/.
 */
#ifndef SMTP_COMMAND_H
#define SMTP_COMMAND_H

#include "base/arena.h"
#include "base/endpoint.h"
#include "mail/envelope.h"
#include "mail/xtext.h"
#include "mail/reply.h"
#include "smtpfwd/smtp/ehlo.h"

enum verb {
	VERB_HELO, VERB_EHLO, VERB_MAIL, VERB_RCPT, VERB_DATA, VERB_BDAT, VERB_RSET, VERB_NOOP,
	VERB_QUIT, VERB_VRFY, VERB_EXPN, VERB_HELP, VERB_STARTTLS, VERB_AUTH, VERB_XCLIENT,
	VERB_UNKNOWN,
};

enum body { BODY_UNSET, BODY_7BIT, BODY_8BITMIME };

struct command_mail {
	struct address	 reverse_path;
	bool		 has_size;
	uint64_t	 size_bytes;
	enum body	 body;
	bool		 is_smtputf8;
	enum ret	 ret;
	struct str	 envid;		/* wire form */
	struct str	 auth;		/* RFC 4954 5, wire form xtext; "" if not given, "<>" for nobody */
};

struct command_bdat {
	uint64_t	 n_bytes;
	bool		 is_last;
};

struct command_auth {
	struct str	 mechanism;
	bool		 has_initial;
	struct str	 initial;	/* base64, or "=" for an empty one (RFC 4954 4) */
};

enum xclient_state {
	XCLIENT_NOT_GIVEN,
	XCLIENT_GIVEN,
	XCLIENT_UNAVAILABLE,		/* known not to exist; for NAME: permanent look-up failure */
	XCLIENT_TEMPUNAVAIL,		/* for NAME: temporary look-up failure */
};

struct command_xclient {
	enum xclient_state states[XCLIENT_N_ATTRIBUTES];	/* by enum xclient_attribute */
	struct str	 name, helo, login, reverse_name;	/* decoded */
	struct ip	 addr, destaddr;
	uint16_t	 port, destport;
	bool		 is_esmtp;	/* PROTO */
};

struct command {
	enum verb	 verb;
	struct str	 word;		/* the verb as it came */
	struct str	 argument;	/* all behind it, trimmed: the name of HELO and EHLO (any text), NOOP's ... */
	struct command_mail	mail;	/* each by its verb */
	struct recipient	rcpt;
	struct command_bdat	bdat;
	struct command_auth	auth;
	struct command_xclient	xclient;
};

/*
 * Reads one command line, without its line end.  offered: what was announced to this client;
 * parameters of other extensions are unknown ones (555).  NULL after HELO or before any
 * greeting: no parameters at all.
 *
 * 0, or -1 with *reply_out the answer to give (500, 501, 553, 555 ...; its text is constant);
 * command_out->verb and word are set then too.  Addresses and strings point into the line,
 * decoded ones into the arena.  An unknown verb is not an error: VERB_UNKNOWN, nor is an empty
 * line.  RCPT takes a UTF-8 address and ORCPT where SMTPUTF8 is offered: whether this MAIL asked for
 * it is the caller's to know (address_is_ascii).  After -1 for BDAT the peers are out of step.
 */
int	command_parse(struct str line, const struct ehlo *offered, struct arena *arena,
	    struct command *command_out, struct reply *reply_out);

/*
 * Append a client's command with its CRLF.  Only parameters that the server offers are written;
 * size_bytes 0: unknown.  Whether the mail may go there without them is the caller's to know.
 * 0, or -1 when out is full.
 */
int	command_write_mail(const struct envelope *envelope, const struct address *reverse_path,
	    uint64_t size_bytes, const struct ehlo *offered, struct buf *out);
int	command_write_rcpt(const struct recipient *recipient, const struct ehlo *offered, struct buf *out);


#endif
