/*
 * sasl.h - one SASL exchange (RFC 4422) as a value, either side: PLAIN, LOGIN and SCRAM-SHA-256, by GNU SASL
 *
 * Lines go in and come out as the SMTP profile has them (RFC 4954 4), without codes and line ends; who reads and sends
 * them, and which reply says what, is receive's and deliver's.  No channel binding: SCRAM-SHA-256-PLUS is not offered.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "base/buf.h"
#include "base/fault.h"
#include "smtpfwd/auth/users.h"

enum {
	SASL_LINE_MAX_BYTES = 12288 - 2,	/* base64, without CRLF: RFC 4954 4 */
	SASL_STEPS_MAX = 8,			/* SCRAM has three; more lines come from somebody who plays */
};

enum sasl_mechanism { SASL_PLAIN, SASL_LOGIN, SASL_SCRAM_SHA_256, SASL_N_MECHANISMS };

const char	*sasl_mechanism_name(enum sasl_mechanism mechanism);
bool		 sasl_mechanism_named(struct str name, enum sasl_mechanism *mechanism_out);	/* any case */
bool		 sasl_mechanism_shows_password(enum sasl_mechanism mechanism);	/* to who listens: for TLS only */

/* The library's own state; one for a process or a loop, outlives all exchanges.  NULL when there is no memory. */
struct sasl;
struct sasl	*sasl_new(void);
void		 sasl_free(struct sasl *sasl);		/* NULL is nothing */

/* --- the server's side --- */

enum sasl_step {
	SASL_CHALLENGE,			/* send the challenge, and give the client's answer to the next step */
	SASL_PASSWORD,			/* login and password are known: to be verified by the caller */
	SASL_PROVEN,			/* by SCRAM the client has shown that it knows the login's password */
	SASL_WRONG,			/* it has not, or wants to act for somebody else */
	SASL_CANCELLED,			/* by "*" */
	SASL_MALFORMED,			/* not base64, or not what the mechanism has here */
	SASL_BROKEN,			/* our own trouble */
};

struct sasl_server;

/* Keeps a reference to the users.  NULL when there is no memory. */
struct sasl_server	*sasl_server_new(struct sasl *sasl, enum sasl_mechanism mechanism, struct users *users);
void			 sasl_server_free(struct sasl_server *server);		/* wipes what it knows; NULL is nothing */

/* The first step: initial is AUTH's second argument ("=" is an empty one), if it had one. */
enum sasl_step	sasl_server_begin(struct sasl_server *server, bool has_initial, struct str initial, struct buf *challenge_out);

/* The next, with the client's line.  The challenge is appended, in base64.  Neither blocks: SCRAM costs microseconds here. */
enum sasl_step	sasl_server_step(struct sasl_server *server, struct str line, struct buf *challenge_out);

struct str	sasl_server_login(const struct sasl_server *server);	/* prepared; "" as long as it is not known */
struct str	sasl_server_password(const struct sasl_server *server);	/* prepared; after SASL_PASSWORD */

struct users	*sasl_server_users(const struct sasl_server *server);	/* those it was begun with; valid as long as it is */

/* True if the next step decides about the login: guesses are counted there. */
bool		sasl_server_is_last_step(const struct sasl_server *server);

/* --- the client's side --- */

struct sasl_client;

/* NULL when there is no memory. */
struct sasl_client	*sasl_client_new(struct sasl *sasl, enum sasl_mechanism mechanism, struct str login, struct str password);
void			 sasl_client_free(struct sasl_client *client);		/* NULL is nothing */

/* True if the first step needs no challenge: its line goes with AUTH. */
bool	sasl_client_begins(enum sasl_mechanism mechanism);

/*
 * Appends the answer to a challenge (as it came behind 334; "" for the first step of who begins).  Blocks
 * for as long as SCRAM's hashing takes: for a crew's thread.  -1 and a fault: the server's line makes no sense, demands
 * absurd work, or shows that it does not know the password.
 */
int	sasl_client_step(struct sasl_client *client, struct str challenge, struct buf *answer_out, struct fault *fault_out);

/* True if the exchange is at its end, and with SCRAM the server has proven itself: only now a 235 means something. */
bool	sasl_client_is_done(const struct sasl_client *client);

#endif
