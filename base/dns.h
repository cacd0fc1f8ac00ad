/*
 * dns.h - questions and answers of the DNS, and the wire packet read strictly
 *
 * struct resolver is the seam at which DNS is cut: the daemon's stands on libunbound
 * (runtime/resolver), the tests' on a zone file.
 */
#ifndef BASE_DNS_H
#define BASE_DNS_H

#include "base/arena.h"
#include "base/endpoint.h"
#include "base/fault.h"
#include "base/instant.h"

enum dns_type {
	DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28,
	DNS_TLSA = 52,
};

enum dns_result {
	DNS_FOUND,			/* at least one record */
	DNS_NO_DATA,			/* the name exists, not with this type */
	DNS_NO_NAME,			/* NXDOMAIN */
	DNS_UNSETTLED,			/* SERVFAIL, refused, bogus, timed out: ask again later */
};

struct dns_question {
	struct str	 name;		/* A-labels, without the last dot */
	enum dns_type	 type;
	bool		 is_strangers;	/* who gave the name is no administrator: a hosts file is not for it */
};

struct dns_record {			/* of the type that was asked for */
	struct ip	 ip;		/* A, AAAA */
	uint16_t	 preference;	/* MX */
	struct str	 name;		/* MX, PTR, CNAME: host, lower case, no last dot; "" is the root */
	struct str	 text;		/* TXT: all its strings joined; TLSA: the raw data */
};

struct dns_answer {
	enum dns_result		 result;
	bool			 is_secure;	/* validated by DNSSEC */
	bool			 is_bogus;	/* result is DNS_UNSETTLED then */
	uint32_t		 ttl_s;
	struct dns_record	*records;	/* in the arena */
	int			 n_records;
	char			 why[120];	/* for DNS_UNSETTLED, printable */
};

struct resolver {
	/*
	 * Asks all the questions at once and waits for all answers, at most until the
	 * deadline; what is open then is DNS_UNSETTLED.  Answers live in the arena.
	 * Suspends.
	 */
	void	(*ask)(struct resolver *resolver, const struct dns_question *questions,
		    int n_questions, struct instant deadline, struct arena *arena,
		    struct dns_answer *answers_out);
};

static inline void
dns_ask(struct resolver *resolver, const struct dns_question *questions, int n_questions,
    struct instant deadline, struct arena *arena, struct dns_answer *answers_out)
{
	resolver->ask(resolver, questions, n_questions, deadline, arena, answers_out);
}

/*
 * Reads the answer to a question out of a wire packet (RFC 1035 4): follows CNAMEs
 * inside the packet, takes the least TTL (of the SOA for a negative answer, RFC 2308).
 * A packet that is malformed, truncated or does not answer gives DNS_UNSETTLED.
 * At most 256 records are taken.  Bytes of a name other than letters, digits, "-" and "_"
 * are \DDD in the text (RFC 1035 5.1), in a question's too.
 */
void	dns_read_packet(struct str packet, const struct dns_question *question,
	    struct arena *arena, struct dns_answer *answer_out);

#endif
