/*
 * storm.h - a storm: thousands of mails while everything goes wrong at once, and the ledger that judges it
 *
 * The ledger stands in shared memory, outside of the processes that are killed, and knows only what clients, next
 * hops, the sender's home and the operator saw.  What a mail is (recipients, size, content) follows from the seed and
 * its number, so that whoever meets it can tell whether it is whole.
 */
#ifndef TESTS_RELAY_STORM_H
#define TESTS_RELAY_STORM_H

#include "tests/relay/relay.h"

enum {
	STORM_RECIPIENTS_MAX = 5,
	STORM_DOMAINS = 5,		/* d0.example ... d4.example, each a relay of its own */
	STORM_SPLIT_DOMAIN = 1,		/* some of its mailboxes have moved: each next hop refuses those of the other */
	STORM_OUTSIDE = STORM_DOMAINS,	/* d5.example: trusted clients' mail goes there by the routes "out" or "bulk", as its class says */
	STORM_ROUTES = STORM_DOMAINS + 2,	/* of each domain, "bulk", and "out" as the last */
	STORM_BULK = 8, STORM_HOME = 9,	/* the next hops of these; reports to the senders go home */
	STORM_HOPS = 10,
	STORM_CLASSES = 3,
	STORM_CLIENTS = 40,
	STORM_TRIES_MAX = 14,		/* of a client for one mail; then it gives up.  Each may bring it to the recipients of one domain */
};

enum storm_fate {
	FATE_GOOD,
	FATE_BAD,			/* 550, always */
	FATE_GREY,			/* 451 until some minutes after it was first asked */
};

enum storm_origin {
	ORIGIN_STRANGER,		/* unsigned; SPF lets the client send it */
	ORIGIN_SIGNED,			/* by its author's domain, for which SPF would not let the client send */
	ORIGIN_SPOILED,			/* that, and changed since */
	ORIGIN_OURS,			/* from a trusted client, of a domain that the relay signs for */
};

enum storm_kind {			/* by a field that trusted clients bring */
	KIND_USUAL,
	KIND_LIST,			/* has a way of its own */
	KIND_SEEN,			/* that, and is held until the operator has seen it */
};

enum storm_return {			/* reports that servers behind the next hops send back to an SRS address, or what claims to be one */
	RETURN_NOT,
	RETURN_GOOD,			/* from nobody, to the address that the mail's sender would have had: it goes to him */
	RETURN_FORGED,			/* by another's secret */
	RETURN_OLD,
	RETURN_OF_SOMEBODY,		/* no report: it has a sender */
};

enum storm_key { STORM_KEY_A, STORM_KEY_B, STORM_KEY_OF_OTHERS, STORM_KEYS };

enum storm_names_trouble { NAMES_FINE, NAMES_LATE, NAMES_NEVER, NAMES_SERVFAIL, NAMES_BOGUS, NAMES_MIXED };

struct storm_recipient {
	enum storm_fate	 fate;
	int		 domain;
	bool		 is_moved;	/* of STORM_SPLIT_DOMAIN: its mailbox is at the second next hop, else at the first */
	bool		 is_rejected;	/* its client was told so for good, and has nothing more to do */
	int		 n_promised;	/* 250s to the mail */
	int		 n_unanswered;	/* the whole mail was sent for it, and no answer came */
	int64_t		 promised_ms;	/* first 250 */
	int		 n_arrived;	/* whole mails, byte for byte */
	int		 n_unsure;	/* of these, the relay may not have heard the next hop's 250 */
	int		 n_of_kills;	/* of these, in a life that ended by a kill */
	int		 n_this_life;
	int		 n_refused;	/* a 5xx to it or to its mail */
	int		 n_failed, n_delayed, n_relayed;	/* reports that reached the sender */
	int		 n_withheld;	/* failed and shown as held at the end, because the sender is not verified */
	int64_t		 asked_ms;	/* first, of a grey one; 0: never */
};

struct storm_mail {
	int		 n_recipients;
	size_t		 body_bytes;
	bool		 is_null;	/* reverse-path <> */
	bool		 is_poison;	/* 554 at the final dot, always */
	enum storm_origin origin;
	enum storm_kind	 kind;
	bool		 is_let_go;	/* the operator released what it may have been among */
	bool		 is_forged;	/* it brings results in the relay's name */
	bool		 is_disturbed;	/* a question about its own names was answered late, wrongly or not */
	bool		 is_weakly_checked;	/* other checks than usual were configured at some time while it was brought */
	bool		 is_bounced;	/* the operator wanted it reported, though it was withheld */
	enum storm_return returns;
	const char	*notify;	/* NULL: none asked */
	bool		 is_busy;	/* a client has it */
	int		 n_tries;	/* of clients */
	int64_t		 again_ms;	/* a client may try again then */
	bool		 is_removed;	/* the operator tried to */
	struct storm_recipient recipients[STORM_RECIPIENTS_MAX];
};

struct storm_counts {
	int	 n_garbled, n_strange;	/* arrivals that are not what was sent; mails and reports nobody can place */
	int	 n_waited_for, n_rejected;	/* recipients promised or told no by relays that ask the next hop meanwhile */
	int	 n_fell_back;		/* mails of these that were queued */
	int	 n_seen, n_forwarded;	/* recipients at next hops that knew the client: as it, or in their log */
	int	 n_misled;		/* arrived as their class forbids */
	int	 n_by_class, n_seen_first, n_put_off;	/* arrivals by the way of a class, and of these held at first; what limits of rate put off */
	int	 n_misjudged;		/* what stands on top of an arrival is not what must */
	int	 n_results, n_temperrors, n_signed, n_reports_signed, n_disturbed;
	int	 n_rewritten, n_returned, n_unreturned;	/* SRS: MAIL of them, reports that came back, and what was refused as none */
	int	 n_withheld, n_bounced, n_let_off;	/* operator's: seen at the end, reported after all, tried again or removed */
	int	 n_arrived, n_duplicates, n_reports, n_kills, n_removed, n_stops, n_refused_by_relay, n_cut, n_troubles, n_reloads;
};

struct storm_ledger {
	uint64_t		 seed;
	int			 n_mails;
	struct storm_keys	*keys;		/* in each process's own memory */
	struct srs_rules	*srs, *srs_of_others;	/* too: the relay's, and a forger's */
	bool			 is_helo_disturbed;	/* as is_disturbed, of names that all mails share */
	int64_t			 base_ms, now_ms;	/* time of the storm: goes on over lives, whatever the calendar does */
	struct storm_counts	 counts;
	struct storm_mail	 mails[];
};

struct storm;

struct storm_hop {
	struct watch	 watch;
	struct storm	*storm;
	int		 number;
	int		 socket;	/* -1: closed */
	struct list	 sessions;
	int		 trouble_percent;	/* chance of mischief at each step */
	bool		 is_away;	/* a trouble has it: no other touches it */
};

struct storm_names {
	struct resolver		 resolver;
	struct storm		*storm;
	enum storm_names_trouble trouble;
};

struct storm {				/* one life */
	struct relay		 relay;
	struct storm_ledger	*ledger;
	struct storm_hop	 hops[STORM_HOPS];
	struct storm_names	 names;
	bool			 is_calm;
	bool			 is_ending;	/* no new troubles: the relay is to be stopped */
	bool			 is_over;	/* no new mails: it is, in the midst of others */
	bool			 is_clock_wrong;
	int			 n_put_off_before;	/* in lives before */
	int			 n_releasing;	/* by how many operators mail is being released at this moment */
	bool			 is_reconfigured;	/* not as usual */
	int			 n_until;	/* clients send the mails below this number */
	int			 first_open;	/* mails below need nothing more of a client */
	int			 n_open;	/* mails below n_until that do */
	int			 n_clients, n_troublemakers;	/* fibers at work */
	int64_t			 start_ms;	/* of the loop's clock */
};

/* --- storm_ledger.c --- */
struct storm_ledger	*ledger_new(uint64_t seed, int n_mails);	/* never NULL */
void	 ledger_free(struct storm_ledger *ledger);
void	 ledger_begin_life(struct storm_ledger *ledger);
void	 ledger_note_kill(struct storm_ledger *ledger);		/* the life that just was ended by one */
int64_t	 storm_now_ms(struct storm *storm);

/* As sent, not dot-stuffed; or what must be left of that when it goes on. */
void	 ledger_write_mail(const struct storm_ledger *ledger, int number, bool goes_on, struct buf *out);
void	 ledger_write_address(const struct storm_ledger *ledger, int number, int index, struct buf *out);
void	 ledger_write_sender(const struct storm_ledger *ledger, int number, struct buf *out);
struct storm_recipient	*ledger_find(struct storm_ledger *ledger, struct str address, struct storm_mail **mail_out,
	    int *number_out);		/* NULL: not one of ours */
bool	 ledger_is_whole(const struct storm_ledger *ledger, int number, struct str arrived, size_t *top_bytes_out);
void	 ledger_note_report(struct storm *storm, struct str report);

/* Expectations over all mails, once all is calm.  n_ambiguous: recipients whose mail the relay said it may have handed over. */
void	 ledger_judge(struct storm_ledger *ledger, int n_ambiguous);

/* --- storm_returns.c: SRS addresses --- */
extern const char STORM_SRS_SECRET[];

void	 returns_init(struct storm_ledger *ledger);
void	 returns_fini(struct storm_ledger *ledger);
void	 returns_write_address(const struct storm_ledger *ledger, int number, struct buf *out);
enum srs_mode	returns_mode(int route);	/* of mail that goes by it, always; that to the outside goes by two that are the same */
/* What MAIL said of a mail to one of the domains is right: the sender, or an address that a report goes back by. */
bool	 returns_is_sender(const struct storm_ledger *ledger, int number, int domain, struct str path, bool is_client_seen,
	    bool *is_rewritten_out);

/* --- storm_names.c: the DNS --- */
void	 names_init(struct storm_names *names, struct storm *storm);
void	 names_answer(const struct storm_ledger *ledger, const struct dns_question *question, struct arena *arena,
	    struct dns_answer *out);		/* as it is without troubles */

/* --- storm_judged.c: signatures, and what must stand on top of an arrival --- */
enum { STORM_SIGNERS = 2 };

struct storm_keys	*judged_keys_new(void);
void	 judged_keys_free(struct storm_keys *keys);
const char *judged_key_record(const struct storm_ledger *ledger, enum storm_key key);
void	 judged_plan(const struct storm_ledger *ledger, enum storm_key key, struct relay_signer signers[STORM_SIGNERS],
	    struct relay_plan *plan);		/* its rules to check and to sign, all of them on */
void	 judged_write_signature(const struct storm_ledger *ledger, int number, struct str mail, struct buf *out);
void	 judged_write_forged(struct buf *out);
/* signed_once, by a DNS that always answers. */
bool	 judged_is_signed(const struct storm_ledger *ledger, struct str mail, const char *domain);
/* What is wrong with the fields on top, so many bytes of it; NULL: nothing. */
const char *judged_wrong(struct storm_ledger *ledger, int number, struct str arrived, size_t top_bytes);

/* --- storm_classes.c --- */
struct storm_classes {
	struct network		 trusted;
	struct class_section	 sections[STORM_CLASSES];
};

void	 classes_plan(struct storm_classes *classes, bool is_usual, struct relay_plan *plan);	/* kept as long as the plan */
void	 classes_write_field(const struct storm_mail *mail, struct buf *out);
void	 classes_write_forged(struct buf *out);
const char *classes_wrong_top(const struct storm_mail *mail, const struct header_section *top);	/* NULL: nothing */
const char *classes_wrong_arrival(const struct storm *storm, const struct storm_mail *mail, int domain, int hop);	/* NULL: nothing */
void	 classes_let_go(struct storm_ledger *ledger, int domain);	/* the operator releases what is for it; -1: all */
void	 classes_count(struct storm *storm);		/* what limits of rate put off, in each life now and then */

/* --- storm_hop.c, storm_hop_session.c: next hops --- */
void	 hops_start(struct storm *storm);
void	 hops_stop(struct storm *storm);		/* their sessions end in the loop's next rounds */
void	 hop_open(struct storm_hop *hop);
void	 hop_close(struct storm_hop *hop);		/* who connects is refused; sessions go on */
struct endpoint	 hop_endpoint(int number);
void	 hop_serve(struct storm_hop *hop, int socket);

/* --- storm_hop_identity.c: who a next hop is told the client is --- */
struct storm_identity {
	char	 seen[60];		/* by PROXY or XCLIENT, for the whole session; "": nobody */
	char	 forwarded[60];		/* by XFORWARD, for the next mail */
};

const char	*identity_offers(int hop);		/* lines of its EHLO reply; "" */
enum identity_means	identity_of_route(int route);
bool	 identity_has_proxy(int hop);			/* each connection begins with a header */
bool	 identity_read_proxy(const struct wire *wire, struct storm_identity *identity);	/* false: it is none, or the connection broke */
bool	 identity_read_command(struct str line, struct storm_identity *identity);	/* XCLIENT or XFORWARD; false: it must not be */
bool	 identity_is_right(const struct storm_identity *identity, const struct storm_mail *mail);

/* --- storm_outcome.c: which mail a client brings to whom, and what came of it --- */
int	 outcome_next_mail(struct storm *storm, bool wants_ours, bool wants_others);	/* -1: none now */
bool	 outcome_is_open(const struct storm_mail *mail, const struct storm_recipient *recipient);
void	 outcome_count_open(struct storm *storm);
/* A reply to RCPT; true: it takes the mail. */
bool	 outcome_of_rcpt(struct storm *storm, int number, int index, int code);
/* taken: bits of those that took it.  code 0: the connection broke. */
void	 outcome_of_mail(struct storm *storm, int number, unsigned taken, bool has_sent_all, int code);

/* --- storm_client.c --- */
void	 clients_start(struct storm *storm);		/* they end when all but a few of the mails below n_until are promised or given up */

/* --- storm_trouble.c --- */
void	 troubles_start(struct storm *storm);		/* they end when the clients have */

/* --- storm_operator.c --- */
void	 operator_holds_and_releases(struct storm *storm);
void	 operator_retries(struct storm *storm);
void	 operator_removes(struct storm *storm);
void	 operator_sees_to_the_withheld(struct storm *storm);	/* to one mail */
void	 operator_ends(struct storm *storm);	/* in the calm: all that is withheld is entered, or bounced */

const struct relay_plan	*storm_plan(struct route_settings routes[STORM_ROUTES],
	    struct next_hop_settings next_hops[STORM_HOPS], struct relay_rule rules[STORM_DOMAINS],
	    struct relay_plan *plan_out);

#endif
