/*
 * mx.c - which hosts take mail for a domain, by its MX records (RFC 5321 5.1, RFC 7505)
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/code.h"
#include "mail/domain.h"
#include "smtpfwd/deliver/mx.h"
#include "smtpfwd/runtime/os.h"

enum {
	ANSWERS_MAX_BYTES = 2 * 1024 * 1024,	/* of all hosts' addresses, at most 256 records each */
	NAME_SHOWN_MAX_BYTES = 80,
	NAME_ROOM_BYTES = NAME_SHOWN_MAX_BYTES + 20,	/* with the dots of one that is cut */
};

struct finding {
	const struct mx_query	*query;
	struct str		 domain;	/* canonical */
	struct mx_hosts		*out;
	struct dns_answer	*addresses;	/* two of each host */
	bool			 is_implicit;	/* the domain is its own host (RFC 5321 5.1) */
	bool			 is_any_unsettled;
	uint32_t		 ttl_s;
};

/* --- ends --- */

/* A name for people: it is a stranger's, and of any bytes where it is none. */
static struct str
shown(struct str name, char room[NAME_ROOM_BYTES])
{
	struct buf text = { .at = room, .cap = NAME_ROOM_BYTES, .max = NAME_ROOM_BYTES };

	(void)escape_append(name, true, NAME_SHOWN_MAX_BYTES, &text);
	return buf_str(&text);
}

static void
end(struct mx_hosts *out, enum mx_result result, struct status status, const char *before, struct str name, const char *behind)
{
	char room[NAME_ROOM_BYTES];

	out->result = result;
	out->n = 0;
	out->status = status;
	snprintf(out->why, sizeof(out->why), "%s%.*s%s", before, STR_ARG(shown(name, room)), behind);
}

static void
end_unsettled(struct finding *f, const struct dns_answer *answer, const char *kind, struct str name)
{
	char room[NAME_ROOM_BYTES];

	end(f->out, MX_UNSETTLED, STATUS(4, 4, 3), "looking up the ", STR_EMPTY, "");
	snprintf(f->out->why, sizeof(f->out->why), "looking up the %s of %.*s: %s%s", kind,
	    STR_ARG(shown(name, room)), answer->is_bogus ? "bogus by DNSSEC: " : "", answer->why);
}

static void
keep_ttl(struct finding *f, const struct dns_answer *answer)
{
	if (answer->ttl_s < f->ttl_s)
		f->ttl_s = answer->ttl_s;
}

/* --- addresses --- */

bool
mx_may_use(const struct ip *ip, bool may_use_loopback)
{
	static const uint8_t zero[16];

	if (ip_is_loopback(ip))
		return may_use_loopback;
	if (ip->family == IP_V4)	/* "this network" (RFC 1122 3.2.1.3), multicast, reserved and broadcast */
		return ip->bytes[0] != 0 && ip->bytes[0] < 224;
	return ip->family == IP_V6 && ip->bytes[0] != 0xff && memcmp(ip->bytes, zero, sizeof(zero)) != 0;
}

/* All addresses of a family. */
static bool
is_any(const struct ip *ip, enum ip_family family)
{
	static const uint8_t zero[16];

	return ip->family == family && memcmp(ip->bytes, zero, family == IP_V6 ? 16 : 4) == 0;
}

static bool
is_ours(const struct mx_query *query, const struct ip *ip)
{
	for (int i = 0; i < query->n_ours; i++)
		if (query->ours[i].port == query->port &&
		    (ip_eq(&query->ours[i].ip, ip) || (is_any(&query->ours[i].ip, ip->family) && os_ip_is_local(ip))))
			return true;
	return false;
}

/* What a host's addresses say of it. */
enum standing { HOST_USABLE, HOST_UNUSABLE, HOST_IS_OURS };

static enum standing
judge_addresses(struct finding *f, const struct dns_answer answers[2])
{
	enum standing standing = HOST_UNUSABLE;

	for (int k = 0; k < 2; k++) {
		const struct dns_answer *answer = &answers[k];

		if (answer->result == DNS_UNSETTLED) {
			f->is_any_unsettled = true;
			standing = HOST_USABLE;		/* dialling asks again */
			continue;
		}
		keep_ttl(f, answer);
		for (int i = 0; answer->result == DNS_FOUND && i < answer->n_records; i++) {
			if (is_ours(f->query, &answer->records[i].ip))
				return HOST_IS_OURS;
			if (mx_may_use(&answer->records[i].ip, f->query->may_use_loopback))
				standing = HOST_USABLE;
		}
	}
	return standing;
}

/* --- the hosts --- */

/* A name that can be somebody else's host; "localhost" is everybody's own (RFC 6761 6.3). */
static bool
is_host_name(struct str name)
{
	struct ip ip;

	return domain_is_valid(name, false) && !ip_parse(name, &ip) && !str_eq_nocase(name, STR("localhost")) &&
	    !str_ends_nocase(name, STR(".localhost"));
}

static int
by_preference(const void *a, const void *b)
{
	const struct mx_host *x = a, *y = b;

	return (x->preference > y->preference) - (x->preference < y->preference);
}

/* RFC 5321 5.1: equal ones are tried in random order, to spread the load. */
static void
shuffle(struct mx_host *hosts, int n)
{
	uint16_t random[MX_HOSTS_MAX];

	os_random(random, sizeof(random));
	for (int i = n - 1; i > 0; i--) {
		int k = random[i] % (i + 1);
		struct mx_host host = hosts[i];

		hosts[i] = hosts[k];
		hosts[k] = host;
	}
}

static void
sort(struct mx_hosts *out)
{
	int from = 0;

	qsort(out->hosts, (size_t)out->n, sizeof(out->hosts[0]), by_preference);
	for (int i = 1; i <= out->n; i++) {
		if (i < out->n && out->hosts[i].preference == out->hosts[from].preference)
			continue;
		shuffle(&out->hosts[from], i - from);
		from = i;
	}
}

static bool
has_host(const struct mx_hosts *out, struct str name)
{
	for (int i = 0; i < out->n; i++)
		if (str_eq(out->hosts[i].name, name))
			return true;
	return false;
}

/* From the records; the best MX_HOSTS_MAX of them. */
static void
take_records(struct finding *f, const struct dns_answer *mx)
{
	struct mx_hosts *out = f->out;

	for (int i = 0; i < mx->n_records; i++) {
		const struct dns_record *record = &mx->records[i];
		int at = out->n;

		if (!is_host_name(record->name) || has_host(out, record->name))
			continue;
		if (out->n == MX_HOSTS_MAX) {		/* the worst gives way */
			at = 0;
			for (int k = 1; k < out->n; k++)
				if (out->hosts[k].preference > out->hosts[at].preference)
					at = k;
			if (out->hosts[at].preference <= record->preference)
				continue;
		} else {
			out->n++;
		}
		out->hosts[at] = (struct mx_host){ .name = record->name, .preference = record->preference };
	}
	sort(out);
}

static void
ask_addresses(struct finding *f, struct resolver *resolver, struct instant deadline, struct arena *arena)
{
	struct dns_question questions[2 * MX_HOSTS_MAX];
	int n = f->out->n;

	for (int i = 0; i < n; i++) {
		questions[2 * i] = (struct dns_question){ .name = f->out->hosts[i].name, .type = DNS_AAAA, .is_strangers = true };
		questions[2 * i + 1] = (struct dns_question){ .name = f->out->hosts[i].name, .type = DNS_A, .is_strangers = true };
	}
	f->addresses = arena_array(arena, 2 * MX_HOSTS_MAX, sizeof(*f->addresses));
	dns_ask(resolver, questions, 2 * n, deadline, arena, f->addresses);
}

/* Leaves out who cannot be used; where we are among them, those of our preference and worse (RFC 5321 5.1). */
static void
leave_out(struct finding *f)
{
	struct mx_hosts *out = f->out;
	int n = 0, ours_at = -1, our_preference = 0x10000;

	for (int i = 0; i < out->n && out->hosts[i].preference < our_preference; i++) {
		enum standing standing = str_eq_nocase(out->hosts[i].name, f->query->hostname) ? HOST_IS_OURS :
		    judge_addresses(f, &f->addresses[2 * i]);

		if (standing == HOST_IS_OURS) {
			ours_at = i;
			our_preference = out->hosts[i].preference;
		} else if (standing == HOST_USABLE) {
			out->hosts[n++] = out->hosts[i];
		}
	}
	/* Equal ones that stood before ours. */
	while (n > 0 && out->hosts[n - 1].preference >= our_preference)
		n--;
	out->n = n;
	if (n > 0)
		return;
	/* Most of all a relay section that was taken out, or never written: somebody will see it, and mend it. */
	if (ours_at >= 0)
		end(out, MX_UNSETTLED, STATUS(4, 4, 6), "this server itself is the best mail host of ", f->domain,
		    ", and no relay section takes its mail: it would go in a circle");
	else if (f->is_implicit)
		end(out, MX_NEVER, STATUS(5, 4, 4), "the domain ", f->domain, " has neither mail hosts (MX) nor a usable address");
	else
		end(out, MX_UNSETTLED, STATUS(4, 4, 4), "no mail host (MX) of ", f->domain, " has a usable address");
}

/* --- top to bottom --- */

static void
find_literal(struct finding *f)
{
	struct mx_hosts *out = f->out;
	struct str domain = f->query->domain;
	struct ip ip;

	if (!domain_literal_ip(domain, &ip))
		end(out, MX_NEVER, STATUS(5, 1, 2), "", domain, " is no address that mail can go to");
	else if (is_ours(f->query, &ip))
		end(out, MX_NEVER, STATUS(5, 4, 6), "", domain, " is this server itself: the mail would go in a circle");
	else if (!mx_may_use(&ip, f->query->may_use_loopback))
		end(out, MX_NEVER, STATUS(5, 1, 2), "", domain, " is no other host's address");
	else {
		out->hosts[0] = (struct mx_host){ .name = domain, .ip = ip };
		out->n = 1;
		out->result = MX_FOUND;
	}
}

/* False: that is the end of it. */
static bool
find_names(struct finding *f, const struct dns_answer *mx)
{
	struct mx_hosts *out = f->out;

	switch (mx->result) {
	case DNS_FOUND:
		keep_ttl(f, mx);
		if (mx->n_records == 1 && mx->records[0].name.len == 0) {	/* RFC 7505 */
			end(out, MX_NEVER, STATUS(5, 1, 10), "the domain ", f->domain, " takes no mail (its MX record says so)");
			return false;
		}
		take_records(f, mx);
		if (out->n == 0)
			end(out, MX_UNSETTLED, STATUS(4, 4, 4), "no mail host (MX) of ", f->domain, " is a host's name");
		return out->n > 0;
	case DNS_NO_DATA:
		keep_ttl(f, mx);
		f->is_implicit = true;
		out->hosts[0] = (struct mx_host){ .name = f->domain };
		out->n = 1;
		return true;
	case DNS_NO_NAME:
		keep_ttl(f, mx);
		end(out, MX_NEVER, STATUS(5, 1, 2), "the domain ", f->domain, " does not exist");
		return false;
	case DNS_UNSETTLED:
		end_unsettled(f, mx, "mail hosts (MX)", f->domain);
		return false;
	}
	return false;
}

static void
find_by_name(struct finding *f, struct resolver *resolver, struct instant deadline, struct arena *arena)
{
	struct dns_question question = { .name = f->domain, .type = DNS_MX, .is_strangers = true };
	struct dns_answer mx;
	struct arena scratch;

	dns_ask(resolver, &question, 1, deadline, arena, &mx);
	if (!find_names(f, &mx))
		return;
	arena_init(&scratch, ANSWERS_MAX_BYTES);
	ask_addresses(f, resolver, deadline, &scratch);
	f->out->result = MX_FOUND;
	if (f->is_implicit && f->addresses[0].result == DNS_UNSETTLED && f->addresses[1].result != DNS_FOUND)
		end_unsettled(f, &f->addresses[0], "address", f->domain);
	else if (f->is_implicit && f->addresses[1].result == DNS_UNSETTLED && f->addresses[0].result != DNS_FOUND)
		end_unsettled(f, &f->addresses[1], "address", f->domain);
	else
		leave_out(f);
	arena_fini(&scratch);
}

void
mx_find(struct resolver *resolver, const struct mx_query *query, struct instant deadline, struct arena *arena,
    struct mx_hosts *hosts_out)
{
	struct finding f = { .query = query, .out = hosts_out, .ttl_s = MX_TTL_MAX_S };

	*hosts_out = (struct mx_hosts){ .n = 0 };
	if (domain_is_literal(query->domain))
		find_literal(&f);
	else if (!domain_is_valid(query->domain, true) || !domain_canonical(query->domain, arena, &f.domain) ||
	    !is_host_name(f.domain))
		end(hosts_out, MX_NEVER, STATUS(5, 1, 2), "\"", query->domain, "\" is no domain that mail can go to");
	else
		find_by_name(&f, resolver, deadline, arena);
	/* What is not good news, or not all of it, may be mended soon. */
	if (f.is_any_unsettled || hosts_out->result != MX_FOUND)
		f.ttl_s = MX_TTL_MIN_S;
	hosts_out->ttl = span_s(f.ttl_s < MX_TTL_MIN_S ? MX_TTL_MIN_S : f.ttl_s);
}
