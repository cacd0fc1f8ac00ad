/*
 * class_rates.h - who has used how much of the limits of his class: the tables that live beside the policy, one set in a process
 *
 * One front for all who take mail in: the relay's sessions, the milter's callbacks, the policy service.  They ask before they
 * answer, and take at the end of the mail:
 *
 *	MAIL		class_rates_wait of a message and of the bytes that were announced
 *	RCPT		class_rates_wait of a recipient, behind those the mail has; class_rates_take of it if it is refused for good (5xx)
 *	end of data	class_rates_use of the whole mail, before it is handed on; class_rates_give_back if it is put off then (4xx)
 *
 * Limits are of a class, which more recipients or the header may change: who knows only a part of it asks of a class that is settled
 * (classify_is_settled), or not yet.
 *
 * What counts: mail that is taken, and mail and recipients that are refused for good, or nothing would keep a client from trying all
 * names there are; so do the recipients of a transaction that its client ends before the data.  What is put off, by a limit or by
 * whomever, does not count: it is the same mail that comes again.  Of several limits all are asked, and all or none is taken.
 *
 * Counts go on over a reload for limits that are the same: of the class of that name, the same unit, key, number and window.  Others
 * begin with nothing used.  The time is an argument.  Not for two threads at once: who has some puts one lock around each call.
 */
#ifndef POLICY_CLASS_RATES_H
#define POLICY_CLASS_RATES_H

#include "mail/address.h"
#include "policy/class/class_rate.h"
#include "policy/verdict.h"

enum {
	CLASS_RATE_KEYS_MAX = 20000,	/* clients, logins or senders of one limit: 4 MB (rate.h says what is known of more) */
	CLASS_RATE_TABLES_MAX = 64,	/* limits of all classes together: 256 MB, if strangers fill each */
};

struct class_rates;
struct class_section;			/* class_rules.h */

struct class_rates	*class_rates_new(const uint64_t seed[2]);	/* without any limit */
void			 class_rates_free(struct class_rates *rates);	/* NULL is nothing */

bool	class_rates_are_none(const struct class_rates *rates);		/* no class has a limit; also of NULL: nobody needs to ask */

/* The limits of these sections from now on, at most CLASS_RATE_TABLES_MAX; copies them.  Of another one nothing is known: it is as if nobody had used it. */
void	class_rates_adopt(struct class_rates *rates, const struct class_section *sections, int n_sections);

struct rated_mail {			/* whose mail it is, and what is the limit; all of it is the caller's */
	const char		*class_name;
	const struct class_rate	*limits;	/* of that class */
	int			 n_limits;
	struct ip		 client;
	struct str		 login;		/* "" for none */
	const struct address	*reverse_path;	/* as the client gave it */
};

struct rated_amount {
	int64_t	 n[CLASS_RATE_UNITS];	/* by enum class_rate_unit */
};

/* The limit that is in the way for the longest, and for how long; limit NULL and 0: none is. */
struct rated_wait {
	const struct class_rate	*limit;		/* one of the mail's */
	struct span		 wait;
};

/* May there be so much more, behind what the mail has already?  Takes nothing.  A unit of which the amount is 0 is not asked.  Without rates (NULL), always. */
struct rated_wait	class_rates_wait(const struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *before,
			    const struct rated_amount *amount, struct instant now);

/* Asks, and takes all of it where no limit is in the way. */
struct rated_wait	class_rates_use(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now);

void	class_rates_take(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now);
void	class_rates_give_back(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now);

/*
 * Something was put off by a limit: counts it.  How many there were of the same client, login or sender since it was last told of, 1 for the
 * first; 0: it was told less than CLASS_RATES_QUIET_S ago, and needs no line in the log.
 */
enum { CLASS_RATES_QUIET_S = 60 };
int64_t	class_rates_put_off(struct class_rates *rates, const struct rated_mail *mail, const struct class_rate *limit, struct instant now);

/* What the client hears, behind "450 4.7.1": "Limit of class list: 100 messages/1h per login; try again in 36s". */
enum { CLASS_RATES_REPLY_MAX_BYTES = 256 };
struct str	class_rates_reply(const struct rated_mail *mail, const struct rated_wait *wait, char room[CLASS_RATES_REPLY_MAX_BYTES]);

/*
 * The same as a verdict: ACTION_DEFER with 450 4.7.1, which is what Postfix says for its own limits (of what RFC 5248's registry has, nothing
 * is nearer).  n_put_off is what class_rates_put_off returned; texts are constant or in the arena.
 */
struct verdict	class_rates_verdict(const struct rated_mail *mail, const struct rated_wait *wait, int64_t n_put_off, struct arena *arena);

struct class_rates_view {		/* of one limit */
	const char		*class_name;
	struct class_rate	 limit;
	int			 n_keys;	/* who have used some of it of late */
	int64_t			 n_put_off;	/* since it is there */
};
void	class_rates_each(const struct class_rates *rates, void (*visit)(void *context, const struct class_rates_view *view), void *context);

size_t	class_rates_memory_bytes(const struct class_rates *rates);	/* about */

#endif
