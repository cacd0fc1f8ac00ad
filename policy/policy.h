/*
 * policy.h - the rules that judge mail: immutable once made, shared by relay and milter
 *
 * Knows whose a domain is and where its mail goes by name; turning names into hosts is
 * deliver's.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/arena.h"
#include "mail/address.h"
#include "mail/envelope.h"
#include "policy/arc/arc_seal.h"
#include "policy/class/class_rules.h"
#include "policy/dkim/dkim_verify.h"
#include "policy/dmarc/dmarc.h"
#include "policy/sign_rules.h"
#include "policy/srs/srs.h"
#include "policy/transports.h"

struct policy;

enum { FORWARDING_WAYS_MAX = 16 };	/* an unknown mailbox is asked for at each, while a client waits */

struct forwarding {			/* how a relay section's mail goes on; zero: it is taken into the queue unasked */
	bool		 is_online;		/* mode: the next hop is asked while the client waits, and its answer is the client's */
	struct span	 online_timeout;	/* how long it may take for all but the last answer; > 0 with is_online */
	bool		 queues_4xx;		/* online-4xx: a temporary refusal puts the mail into the queue and is not passed on */
	bool		 queues_mixed;		/* mixed: recipients of other next hops are taken too, and the mail is queued; else 452 */
	bool		 verifies_recipients;	/* also with mode = queue the next hop is asked whether it has the mailbox */
	bool		 accepts_unknown;	/* recipients-unknown: of whom nothing is known while nobody can be asked; else 451 */
	bool		 is_by_recipient;	/* next-hop-by-recipient: the first one that has the mailbox takes the mail */
	const char *const *ways;	/* is_by_recipient: "relay:NAME/NEXT-HOP" of each, in the order to ask them */
	int		 n_ways;
};

/* "NAME/NEXT-HOP" of a way, and "NAME" of "relay:NAME": what mailboxes there are known by. */
static inline struct str
forwarding_name(struct str destination)
{
	return str_from(destination, sizeof("relay:") - 1);
}

struct relay_rule {			/* a relay section */
	const char		*name;
	const char *const	*domains;	/* "example.org", or ".example.org" for its subdomains */
	int			 n_domains;
	struct forwarding	 forwarding;
};

enum doomed_mode {			/* the setting `forward-doomed`: mail that DMARC will have refused behind us, though it passes here */
	DOOMED_SEND,			/* as all other mail; the log tells */
	DOOMED_REJECT,
	DOOMED_HOLD,			/* queued, held until an operator releases it */
};

struct verify_rules {			/* the verify section; zero: nothing is checked */
	bool			 spf, dkim, arc;
	enum dmarc_mode		 dmarc;		/* other than DMARC_OFF only with SPF or DKIM */
	const char		*authserv_id;	/* NULL: the hostname */
	struct dkim_settings	 dkim_settings;
	bool			 with_received_spf;
	struct span		 timeout;	/* of all the checks of one mail */
	const char		*mark_field;	/* "X-Spam-Flag: YES": of mail that is to be quarantined */
	enum doomed_mode	 doomed;
};

struct policy_signing {			/* the sign sections, one signer for each rule, and the arc section */
	struct dkim_key		**keys;		/* owned by the policy when it is made, as are each signer and the sealer; the arrays are not */
	int			 n_keys;
	struct sign_rule	*rules;
	int			 n_rules;
	struct arc_sealer	*sealer;	/* NULL: nothing is sealed; else only with verify.arc */
};

struct policy_srs {			/* the srs section */
	struct srs_rules	*rules;		/* owned by the policy when it is made; NULL: no SRS */
	bool			 takes_reports_only;	/* mail to SRS addresses must have a null reverse-path */
};

struct policy_classes {			/* the class sections, and where a mail's class is told */
	const struct class_section	*sections;
	int				 n_sections;
	const char			*field_name;	/* of the header; NULL: in none */
};

struct policy_settings {
	const char			*hostname;
	const struct relay_rule		*relays;
	int				 n_relays;
	const char			*outbound;	/* a route's name, or NULL: nothing is relayed outward */
	bool				 is_outbound_by_domain;	/* each domain outside is a destination of its own */
	struct verify_rules		 verify;
	struct dkim_verifier		*dkim_verifier;	/* owned by the policy when it is made; NULL only without verify.dkim */
	struct policy_signing		 signing;
	struct policy_srs		 srs;
	struct policy_classes		 classes;
	const struct transport_text	*transports;	/* of relays and routes; none where nobody asks for them */
	int				 n_transports;
};

/* Copies what it keeps.  Domains are canonical already; one that two relays name is an insist (the configuration refuses it). */
struct policy	*policy_new(const struct policy_settings *settings, const uint64_t seed[2]);
/* One more who uses it, in the same thread; policy_free then is one less, and the last one's frees it.  NULL is nothing. */
const struct policy *policy_hold(const struct policy *policy);
void		 policy_free(const struct policy *policy);

const char	*policy_hostname(const struct policy *policy);
const struct verify_rules *policy_verify_rules(const struct policy *policy);	/* authserv_id and mark_field are set */
struct dkim_verifier *policy_dkim_verifier(const struct policy *policy);	/* NULL: DKIM is not checked */
const struct sign_rules *policy_sign_rules(const struct policy *policy);	/* never NULL; it may have no rule */
const struct arc_sealer *policy_arc_sealer(const struct policy *policy);	/* NULL: nothing is sealed */
const struct policy_srs *policy_srs(const struct policy *policy);	/* never NULL; it may have no rules */
const struct class_rules *policy_class_rules(const struct policy *policy);	/* never NULL; it may have no rule */
const struct transports *policy_transports(const struct policy *policy);	/* never NULL; it may have none */
const char	*policy_class_field(const struct policy *policy);	/* NULL: a mail's class is told in no field */

/*
 * The name of the relay that takes mail for a domain (exact name first, then the closest parent that
 * was given with a leading dot), or NULL.  Any case; A- or U-labels; a bare <Postmaster> (empty domain) is the first relay's.
 */
const char	*policy_relay_of(const struct policy *policy, struct str domain);
const struct forwarding *policy_forwarding_of(const struct policy *policy, struct str domain);	/* the same relay's; or NULL */

/* Ours are the hostname and what relays and sign sections have, in any form. */
bool		 policy_is_ours(const struct policy *policy, struct str domain);

bool		 policy_has_outbound(const struct policy *policy);

enum { POLICY_DESTINATION_MAX = 1024 };	/* bytes: a route's name and a domain */

/*
 * Where mail of a class for an address goes: "relay:NAME", or the first of a relay's ways; "route:NAME" (the class's own, else
 * outbound), "route:NAME/DOMAIN" where that goes by the domain (lower case, A-labels; or a literal), or "none" when nobody takes it.
 * A class that no section has, "" too, has no route of its own.  The text is constant, the policy's or in the room.
 */
struct str	 policy_destination_of(const struct policy *policy, struct str class_name, const struct address *address,
		    char room[POLICY_DESTINATION_MAX]);

#endif
