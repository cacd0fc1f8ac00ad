/*
 * asking.h - questions of a test's fibers, and answers as a line of text
 */
#ifndef TESTS_RUNTIME_ASKING_H
#define TESTS_RUNTIME_ASKING_H

#include "smtpfwd/runtime/resolver.h"
#include "tests/runtime/name_servers.h"

enum { ANSWERS_MAX_BYTES = 1 << 20 };

struct world {
	struct name_servers	 servers;
	struct loop		*loop;
};

struct resolver	*resolver_for(struct world *w, const struct endpoint *server, struct span timeout, int tries);
struct instant	 in_ms(int64_t ms);		/* from now on */

/* An answer as one line: its result, and its records in the order of their text. */
struct str	 answer_line(const struct dns_answer *answer, enum dns_type type, struct arena *arena);

/* Runs a test in a fiber until all fibers have ended. */
void		 in_fiber(struct world *w, struct resolver *resolver,
		    void (*run)(struct world *w, struct resolver *resolver));

/* The answer without its records; took_out may be NULL.  Suspends. */
struct dns_answer	ask_one(struct resolver *resolver, const char *name, enum dns_type type,
			    struct instant deadline, struct span *took_out);

void		 expect_answer(struct resolver *resolver, const char *name, enum dns_type type, const char *want);
void		 expect_took(struct span took, int64_t least_ms, int64_t most_ms);

#endif
