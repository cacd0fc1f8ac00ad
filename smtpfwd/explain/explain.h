/*
 * explain.h - what the daemon would check, find and do with a mail, step by step, without sending anything
 *
 *	explain.c		the steps of connection and envelope, in the order of SMTP, and the outcome
 *	explain_mailbox.c	who is asked whether there is the mailbox, and what is known of it
 *	explain_content.c	those of the mail itself
 *	explain_class.c		its class
 *	explain_onward.c	whether it waits for the answer, and what of its proofs holds at the next hop
 *	explain_identity.c	what the next hop is told of the client, and which reverse-path it gets
 *	explain_findings.c	the checks, and what SPF, DKIM, ARC and DMARC found
 *	explain_signing.c	by whom it would be signed and sealed, whoever may read the keys
 *	explain_milter.c	where smtpfwd-milter is asked: what stands in the place of a listener
 *	explain_text.c		steps as people read them
 *
 * A step is a JSON object with a "step" and what is to be said of it; smtpfwdctl(8) lists them.  To explain something new: a
 * function that appends a step, called where SMTP has its place, and a row in explain_text.c.
 */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include <jansson.h>

#include "policy/class_bounds.h"
#include "policy/inspect.h"
#include "policy/seal.h"
#include "policy/survive.h"
#include "policy/verdict.h"
#include "smtpfwd/config/config.h"
#include "smtpfwd/explain/mail.h"

struct explanation {
	/* Asked; all of it outlives the explanation. */
	const struct config		*config;
	const struct listener_settings	*listener;	/* of a milter, what it has of one */
	bool				 is_milter;	/* Postfix takes the mail, and decides about recipients and where it goes */
	const struct policy		*policy;
	struct resolver			*resolver;
	struct timestamp		 now;
	struct peer			 peer;		/* the client's address, helo and login; the rest is found out */
	struct envelope			 envelope;	/* the reverse-path; recipients that are taken are added */
	const struct address		*recipients;	/* asked for */
	int				 n_recipients;
	const struct explain_mail	*mail;		/* NULL: only connection and envelope are judged */

	struct arena			*arena;
	json_t				*steps;		/* an array */

	/* So far: */
	struct class_bounds		 bounds;	/* as known so far */
	struct mail_class		 class;		/* behind explain_class */
	json_t				**ways;		/* of each recipient that is taken, its step: where it goes is said when the class is known */
	enum action			 action;	/* what the client hears in the end of the whole mail */
	struct reply			 reply;		/* unless it is accepted */
	const char			*at;		/* "mail", "rcpt", "data": where it hears it; NULL: it was accepted */
	int				 n_refused, n_deferred;		/* of the recipients */
	struct knowledge		*knowledge;	/* explain_mailbox.c's; NULL: nobody needed it */
	bool				 is_knowledge_hidden;	/* its file cannot be read here */
	bool				 is_held;	/* if it is accepted: for an operator */
	struct str			 way;		/* the destination that is asked about the recipients taken; "": none is */
	const struct forwarding		*forwarding;	/* its; NULL without one */
};

/* Suspends. */
void	explain(struct explanation *e);

/* --- for the files of explain --- */

/* A service of Postfix's by its daemon name, as the milter section and the class of such a service have it.  In the arena; it does not fail. */
const struct listener_settings *explain_service(const struct config *config, const char *daemon_name, struct arena *arena);

/*
 * The rules of a configuration without its private keys: where it signs, another key stands in their place, which tells all
 * but what a signature would be.  NULL and a fault.
 */
struct policy *explain_policy(const struct config *config, struct fault *fault_out);

/* The class of a mail with this header section; of one whose header is not known (NULL).  Says of the recipients taken where they go. */
void	explain_class(struct explanation *e, const struct header_section *section);

/* Whether its class lets the mail be so large, for so many, and go where it is to go.  False: it is refused. */
bool	explain_bounds(struct explanation *e);

/* By what its class is found, but for the header. */
struct class_evidence explain_evidence(const struct explanation *e);

/* A seal for a mail with this header section, as it would leave: by no key that signs.  To be freed. */
struct seal *explain_seal(const struct explanation *e, const struct header_section *section);

/* By which section and keys it would be signed, and whether it would get a set of ARC. */
void	explain_signing(struct explanation *e, struct seal *seal, const struct findings *findings);

/* Of a recipient's step: by which mode it goes on; the verdict where it goes another way than those before. */
void	explain_way(struct explanation *e, const struct address *recipient, json_t *step, struct verdict *verdict);

/*
 * What of a mail's proofs holds at the next hop, and what is done if too little does; section is as it came, and the edits what goes
 * of it.  False: the verdict refuses it.
 */
bool	explain_survival(struct explanation *e, const struct findings *findings, const struct header_section *section,
	    const struct edits *edits, struct seal *seal, struct verdict *verdict);

/* Where the recipients go that were taken, in their steps. */
void	explain_destinations(struct explanation *e);

/* The section of a destination, which is "route:NAME/DOMAIN" where mail goes by each domain's MX records; NULL: there is none. */
const struct route_settings *explain_route(const struct config *config, struct str destination);

/* Of a recipient's step: how its next hop is told who the client is, whom SPF sees there, and the reverse-path if it is rewritten. */
void	explain_identity(struct explanation *e, json_t *step, const struct route_settings *route);

/* Of a recipient's step: who is asked whether there is such a mailbox, what is known of it, and the answer while nobody can be asked. */
void	explain_mailbox(struct explanation *e, json_t *step, const struct address *address);

/* Suspends.  The steps of the mail itself. */
void	explain_content(struct explanation *e);

/* The checks of a mail with this header section, or of the envelope alone (NULL).  Suspends.  NULL: there is no room for them, and it is deferred. */
const struct findings	*explain_checks(struct explanation *e, const struct header_section *section);

/* A new step at the end; the explanation's.  Members: texts of others are made valid; an empty one is left out. */
json_t	*step_new(struct explanation *e, const char *name);
void	 step_str(json_t *step, const char *key, struct str value);
void	 step_text(json_t *step, const char *key, const char *value);
void	 step_bool(json_t *step, const char *key, bool value);
void	 step_number(json_t *step, const char *key, int64_t value);
void	 step_reply(json_t *step, const char *key, const struct reply *reply);	/* as the client reads it */
/* "action": "accept", "reject", "defer"; "reply" as the client reads it and the "reason" where it is not accept. */
void	 step_verdict(json_t *step, const struct verdict *verdict);

/* --- the output --- */

/* One step; on stdout, for people. */
void	 explain_show(const json_t *step);
void	 explain_show_class(const json_t *step);
void	 explain_show_way(const json_t *step);
void	 explain_show_survival(const json_t *step);
void	 explain_show_identity(const json_t *step);	/* lines below a recipient */
void	 explain_show_mailbox(const json_t *step);	/* the same */

#endif
