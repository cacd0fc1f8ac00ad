/*
 * spf_fence.c - writes the record of tokens, has libspf2 evaluate it, and answers its questions
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <spf2/spf.h>

#include "base/insist.h"
#include "policy/spf/spf_fence.h"

enum {
	TOKEN_MAX_BYTES = sizeof("h4294967295.x"),
	RECORD_MAX_BYTES = sizeof("v=spf1 exists:end.x") + SPF_FENCE_TERMS_MAX * sizeof(" exists:t99.x//128"),
	/* The library's own count is by record, so ours is used (spf.c); this one is never reached. */
	LIBRARY_TERMS_MAX = 100,
	ADDRESSES_MAX = 256,		/* as base/dns takes */
};

struct evaluation {			/* what the hooks know, by dns->hook */
	struct spf_fence		*fence;
	const struct spf_fence_term	*terms;
	int				 n_terms;
	int				 term;		/* the latest that was asked for; n_terms is "end" */
	int				 n_hosts;	/* of it */
	bool				 is_stopped;
	bool				 is_broken;	/* the library asked for what it was not given */
};

static SPF_dns_rr_t *
answer(SPF_dns_server_t *dns, const char *token, ns_type type, int status)
{
	SPF_dns_rr_t *rr = SPF_dns_rr_new_init(dns, token, type, 0, status);

	insist(rr != NULL);			/* no memory */
	return rr;
}

/* The library gives up at it at once; we know better why. */
static SPF_dns_rr_t *
stop(struct evaluation *e, SPF_dns_server_t *dns, const char *token, ns_type type)
{
	e->is_stopped = true;
	return answer(dns, token, type, TRY_AGAIN);
}

static SPF_dns_rr_t *
broken(struct evaluation *e, SPF_dns_server_t *dns, const char *token, ns_type type)
{
	e->is_broken = true;
	return stop(e, dns, token, type);
}

/* Room for one more record; the caller fills it. */
static SPF_dns_rr_data_t *
add(SPF_dns_rr_t *rr, size_t n_bytes)
{
	SPF_errcode_t status = SPF_dns_rr_buf_realloc(rr, rr->num_rr,
	    n_bytes > sizeof(SPF_dns_rr_data_t) ? n_bytes : sizeof(SPF_dns_rr_data_t));

	insist(status == SPF_E_SUCCESS);	/* no memory */
	return rr->rr[rr->num_rr++];
}

static SPF_dns_rr_t *
answer_exists(struct evaluation *e, SPF_dns_server_t *dns, const char *token, ns_type type)
{
	bool exists = e->term == e->n_terms;
	SPF_dns_rr_t *rr;

	if (type != ns_t_a)
		return broken(e, dns, token, type);
	if (!exists && !e->fence->exists(e->fence, e->term, &exists))
		return stop(e, dns, token, type);
	if (!exists)
		return answer(dns, token, type, NO_DATA);
	rr = answer(dns, token, type, NETDB_SUCCESS);
	add(rr, sizeof(struct in_addr))->a.s_addr = htonl(INADDR_LOOPBACK);
	return rr;
}

static SPF_dns_rr_t *
answer_addresses(struct evaluation *e, SPF_dns_server_t *dns, const char *token, ns_type type, int host)
{
	const struct dns_record *records = NULL;
	int n_records = 0;
	SPF_dns_rr_t *rr;

	if (type != ns_t_a && type != ns_t_aaaa)
		return broken(e, dns, token, type);
	if (!e->fence->addresses(e->fence, e->term, host, &records, &n_records))
		return stop(e, dns, token, type);
	rr = answer(dns, token, type, n_records > 0 ? NETDB_SUCCESS : NO_DATA);
	for (int i = 0; i < n_records && i < ADDRESSES_MAX; i++) {
		if (records[i].ip.family == IP_V4 && type == ns_t_a)
			memcpy(&add(rr, 4)->a, records[i].ip.bytes, 4);
		else if (records[i].ip.family == IP_V6 && type == ns_t_aaaa)
			memcpy(&add(rr, 16)->aaaa, records[i].ip.bytes, 16);
	}
	return rr;
}

static SPF_dns_rr_t *
answer_hosts(struct evaluation *e, SPF_dns_server_t *dns, const char *token, ns_type type)
{
	SPF_dns_rr_t *rr;

	e->n_hosts = 0;
	if (type != ns_t_mx)
		return broken(e, dns, token, type);
	if (!e->fence->hosts(e->fence, e->term, &e->n_hosts))
		return stop(e, dns, token, type);
	insist(e->n_hosts >= 0 && e->n_hosts <= SPF_FENCE_HOSTS_MAX);
	rr = answer(dns, token, type, e->n_hosts > 0 ? NETDB_SUCCESS : NO_DATA);
	for (int i = 0; i < e->n_hosts; i++)
		snprintf(add(rr, TOKEN_MAX_BYTES)->mx, TOKEN_MAX_BYTES, "h%d.x", i);
	return rr;
}

/* "t12.x" is 12; -1 for what is no such token below n. */
static int
token_number(const char *token, char letter, int n)
{
	uint64_t number;
	struct str text = str_of(token);

	if (text.len < 4 || text.at[0] != letter || !str_ends_nocase(text, STR(".x")) ||
	    !str_to_u64(str_sub(text, 1, text.len - 3), &number) || number >= (uint64_t)n)
		return -1;
	return (int)number;
}

static SPF_dns_rr_t *
lookup(SPF_dns_server_t *dns, const char *token, ns_type type, int should_cache)
{
	struct evaluation *e = dns->hook;
	int host, term;

	if (e->is_stopped)
		return answer(dns, token, type, TRY_AGAIN);
	host = token_number(token, 'h', e->n_hosts);
	if (host >= 0)
		return answer_addresses(e, dns, token, type, host);
	term = strcmp(token, "end.x") == 0 ? e->n_terms : token_number(token, 't', e->n_terms);
	if (term < 0)
		return broken(e, dns, token, type);
	e->term = term;
	e->n_hosts = 0;
	if (term == e->n_terms)
		return answer_exists(e, dns, token, type);
	switch (e->terms[term].kind) {
	case FENCE_A:
		return answer_addresses(e, dns, token, type, 0);
	case FENCE_MX:
		return answer_hosts(e, dns, token, type);
	case FENCE_EXISTS:
		return answer_exists(e, dns, token, type);
	}
	return broken(e, dns, token, type);
}

static void
write_record(char room[RECORD_MAX_BYTES], const struct ip *client, const struct spf_fence_term *terms, int n_terms)
{
	const char *slashes = client->family == IP_V6 ? "//" : "/";
	int len = snprintf(room, RECORD_MAX_BYTES, "v=spf1");

	for (int i = 0; i < n_terms; i++) {
		char *at = room + len;
		size_t left = RECORD_MAX_BYTES - (size_t)len;

		insist(terms[i].kind == FENCE_EXISTS || (terms[i].prefix_bits > 0 && terms[i].prefix_bits <= 128));
		switch (terms[i].kind) {
		case FENCE_A:
			len += snprintf(at, left, " a:t%d.x%s%d", i, slashes, terms[i].prefix_bits);
			break;
		case FENCE_MX:
			len += snprintf(at, left, " mx:t%d.x%s%d", i, slashes, terms[i].prefix_bits);
			break;
		case FENCE_EXISTS:
			len += snprintf(at, left, " exists:t%d.x", i);
			break;
		}
	}
	len += snprintf(room + len, RECORD_MAX_BYTES - (size_t)len, " exists:end.x");
	insist(len < RECORD_MAX_BYTES);
}

static bool
set_client(SPF_request_t *request, const struct ip *client)
{
	struct in_addr ip4;
	struct in6_addr ip6;

	memcpy(&ip4, client->bytes, sizeof(ip4));
	memcpy(&ip6, client->bytes, sizeof(ip6));
	if ((client->family == IP_V6 ? SPF_request_set_ipv6(request, ip6) : SPF_request_set_ipv4(request, ip4)) != SPF_E_SUCCESS)
		return false;
	/* For texts of the library that nobody reads; it returns 0 where it has made them. */
	return SPF_request_set_helo_dom(request, "helo.x") == SPF_E_SUCCESS && SPF_request_set_env_from(request, "from@x") == 0;
}

/* True if the library says pass: then the term that was asked for last is the one that matches. */
static bool
evaluate(SPF_server_t *server, SPF_request_t *request, const char *record)
{
	SPF_response_t *response = SPF_response_new(request);
	SPF_record_t *compiled = NULL;
	bool passes = false;

	if (response == NULL)
		return false;
	if (SPF_record_compile(server, response, &compiled, record) == SPF_E_SUCCESS && compiled != NULL) {
		request->cur_dom = "x";
		response->spf_record_exp = compiled;
		passes = SPF_record_interpret(compiled, request, response, 0) == SPF_E_SUCCESS &&
		    SPF_response_result(response) == SPF_RESULT_PASS;
	}
	if (compiled != NULL)
		SPF_record_free(compiled);
	SPF_response_free(response);
	return passes;
}

int
spf_fence_match(struct spf_fence *fence, const struct ip *client, const struct spf_fence_term *terms, int n_terms)
{
	struct evaluation e = { .fence = fence, .terms = terms, .n_terms = n_terms, .term = SPF_FENCE_NONE };
	SPF_dns_server_t dns = { .lookup = lookup, .name = "fence", .hook = &e };
	char receiver[] = "receiver.x", record[RECORD_MAX_BYTES];
	/*
	 * Ours and not SPF_server_new_dns's, which aborts where the machine's name has 64 bytes, and
	 * compiles texts that nobody wants.  Without an explanation the library must never come to
	 * a result that has one: "end.x" sees to that.
	 */
	SPF_server_t server = { .resolver = &dns, .rec_dom = receiver, .max_dns_mech = LIBRARY_TERMS_MAX,
	    .max_dns_ptr = SPF_MAX_DNS_PTR, .max_dns_mx = SPF_FENCE_HOSTS_MAX };
	SPF_request_t *request;
	bool passes = false;

	insist(n_terms >= 0 && n_terms <= SPF_FENCE_TERMS_MAX && client->family != IP_NONE);
	if (n_terms == 0)
		return SPF_FENCE_NONE;
	request = SPF_request_new(&server);
	if (request != NULL && set_client(request, client)) {
		write_record(record, client, terms, n_terms);
		passes = evaluate(&server, request, record);
	}
	if (request != NULL)
		SPF_request_free(request);
	if (e.is_broken)
		return SPF_FENCE_BROKEN;
	if (e.is_stopped)
		return SPF_FENCE_STOPPED;
	if (!passes || e.term < 0)
		return SPF_FENCE_BROKEN;
	return e.term == n_terms ? SPF_FENCE_NONE : e.term;
}
