/*
 * host.c - the addresses of a next hop, in the order to try them
 */
#include <stdio.h>

#include "mail/domain.h"
#include "smtpfwd/deliver/host.h"

enum {
	ANSWERS_MAX_BYTES = 64 * 1024,	/* two answers of at most 256 records */
};

static void
interleave(const struct dns_answer *v6, const struct dns_answer *v4, struct host_addresses *out)
{
	int n_v6 = v6->result == DNS_FOUND ? v6->n_records : 0;
	int n_v4 = v4->result == DNS_FOUND ? v4->n_records : 0;
	int i;

	out->n_ips = 0;
	for (i = 0; i < n_v6 || i < n_v4; i++) {
		if (i < n_v6 && out->n_ips < HOST_ADDRESSES_MAX)
			out->ips[out->n_ips++] = v6->records[i].ip;
		if (i < n_v4 && out->n_ips < HOST_ADDRESSES_MAX)
			out->ips[out->n_ips++] = v4->records[i].ip;
	}
}

static int
nothing_found(struct str name, const struct dns_answer *v6, const struct dns_answer *v4, struct trouble *trouble_out)
{
	const struct dns_answer *unsettled = v4->result == DNS_UNSETTLED ? v4 : v6;
	char text[240];

	if (unsettled->result == DNS_UNSETTLED) {
		snprintf(text, sizeof(text), "looking up %.*s: %s", STR_ARG(str_sub(name, 0, 100)), unsettled->why);
		trouble_of_text(STATUS(4, 4, 3), text, trouble_out);
		return -1;
	}
	snprintf(text, sizeof(text), v4->result == DNS_NO_NAME ? "the name %.*s does not exist" : "the name %.*s has no address",
	    STR_ARG(str_sub(name, 0, 100)));
	trouble_of_text(STATUS(4, 4, 4), text, trouble_out);
	return -1;
}

int
host_find(struct resolver *resolver, struct str name, bool is_strangers, struct instant deadline,
    struct host_addresses *addresses_out, struct trouble *trouble_out)
{
	struct dns_question questions[2] = {
		{ .type = DNS_AAAA, .is_strangers = is_strangers }, { .type = DNS_A, .is_strangers = is_strangers },
	};
	struct dns_answer answers[2];
	struct str canonical;
	struct arena arena;
	int found = 0;

	arena_init(&arena, ANSWERS_MAX_BYTES);
	addresses_out->n_ips = 0;
	if (!domain_canonical(name, &arena, &canonical)) {
		trouble_of_text(STATUS(4, 3, 5), "the next hop's name is no host name", trouble_out);
		found = -1;
	} else {
		questions[0].name = questions[1].name = canonical;
		dns_ask(resolver, questions, 2, deadline, &arena, answers);
		interleave(&answers[0], &answers[1], addresses_out);
		if (addresses_out->n_ips == 0)
			found = nothing_found(name, &answers[0], &answers[1], trouble_out);
	}
	arena_fini(&arena);
	return found;
}
