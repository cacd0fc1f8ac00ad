/*
 * iprev.c - from an address to names and back
 */
#include <stdio.h>

#include "base/decimal.h"
#include "mail/domain.h"
#include "policy/spf/iprev.h"

const char *
iprev_value_word(enum iprev_value value)
{
	switch (value) {
	case IPREV_PASS:
		return "pass";
	case IPREV_FAIL:
		return "fail";
	case IPREV_TEMPERROR:
		return "temperror";
	case IPREV_PERMERROR:
		return "permerror";
	}
	return "temperror";
}

struct str
iprev_question(const struct ip *ip, char room[IPREV_QUESTION_MAX_BYTES])
{
	static const char hex_digits[] = "0123456789abcdef";
	struct str zone = ip->family != IP_V6 ? STR("in-addr.arpa") : STR("ip6.arpa");
	char *end = room;

	for (int i = ip->family != IP_V6 ? 3 : 15; i >= 0; i--) {
		if (ip->family != IP_V6) {
			end = decimal_put(end, ip->bytes[i]);
		} else {
			*end++ = hex_digits[ip->bytes[i] & 15];
			*end++ = '.';
			*end++ = hex_digits[ip->bytes[i] >> 4];
		}
		*end++ = '.';
	}
	memcpy(end, zone.at, zone.len);
	end[zone.len] = '\0';
	return str_n(room, (size_t)(end - room) + zone.len);
}

static void
end(struct iprev_result *result, enum iprev_value value, const char *problem)
{
	result->value = value;
	snprintf(result->problem, sizeof(result->problem), "%s", problem);
}

static bool
has_ip(const struct dns_answer *answer, const struct ip *ip)
{
	for (int i = 0; i < answer->n_records; i++) {
		if (ip_eq(&answer->records[i].ip, ip))
			return true;
	}
	return false;
}

/* The first IPREV_NAMES_MAX records, as questions for addresses; their number. */
static int
names_asked(const struct dns_answer *reverse, const struct ip *ip, struct dns_question *questions)
{
	int n = 0;

	for (int i = 0; i < reverse->n_records && i < IPREV_NAMES_MAX; i++) {
		if (!domain_is_valid(reverse->records[i].name, false))
			continue;		/* with \DDD or without a byte: no host is called so */
		questions[n++] = (struct dns_question){
			.name = reverse->records[i].name, .type = ip->family == IP_V6 ? DNS_AAAA : DNS_A, .is_strangers = true,
		};
	}
	return n;
}

static void
confirm(const struct ip *ip, const struct dns_question *questions, const struct dns_answer *answers, int n,
    struct iprev_result *result)
{
	const struct dns_answer *open = NULL;
	bool has_addresses = false;

	for (int i = 0; i < n; i++) {
		if (answers[i].result == DNS_UNSETTLED)
			open = &answers[i];
		if (answers[i].result != DNS_FOUND)
			continue;
		has_addresses = true;
		if (has_ip(&answers[i], ip))
			result->names[result->n_names++] = questions[i].name;
	}
	if (result->n_names > 0)
		end(result, IPREV_PASS, "");
	else if (open != NULL)
		end(result, IPREV_TEMPERROR, open->why);
	else if (has_addresses)
		end(result, IPREV_FAIL, "no name of the address leads back to it");
	else
		end(result, IPREV_PERMERROR, "the names of the address have no addresses");
}

void
iprev_check(const struct ip *ip, struct resolver *resolver, struct instant deadline, struct arena *arena,
    struct iprev_result *result_out)
{
	char room[IPREV_QUESTION_MAX_BYTES];
	struct dns_question question = { .name = iprev_question(ip, room), .type = DNS_PTR, .is_strangers = true };
	struct dns_question *questions = arena_array(arena, IPREV_NAMES_MAX, sizeof(questions[0]));
	struct dns_answer *answers = arena_array(arena, IPREV_NAMES_MAX, sizeof(answers[0]));
	struct dns_answer reverse = { .result = DNS_UNSETTLED };
	int n;

	*result_out = (struct iprev_result){ .reverse = DNS_UNSETTLED, .reverse_name = STR_EMPTY };
	if (questions == NULL || answers == NULL) {
		end(result_out, IPREV_TEMPERROR, "no memory");
		return;
	}
	if (ip->family == IP_NONE) {
		end(result_out, IPREV_PERMERROR, "the client has no address");
		return;
	}
	dns_ask(resolver, &question, 1, deadline, arena, &reverse);
	result_out->reverse = reverse.result;
	if (reverse.result != DNS_FOUND) {
		if (reverse.result == DNS_UNSETTLED)
			end(result_out, IPREV_TEMPERROR, reverse.why);
		else
			end(result_out, IPREV_PERMERROR, "the address has no name");
		return;
	}
	n = names_asked(&reverse, ip, questions);
	if (n == 0) {
		end(result_out, IPREV_PERMERROR, "the address has no valid name");
		return;
	}
	result_out->reverse_name = questions[0].name;
	dns_ask(resolver, questions, n, deadline, arena, answers);
	confirm(ip, questions, answers, n, result_out);
}
