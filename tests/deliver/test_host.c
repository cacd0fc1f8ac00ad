/*
 * test_host.c - a name's addresses in the order to try them, and what the DNS cannot say
 */
#include <stdio.h>

#include "smtpfwd/deliver/host.h"
#include "tests/expect.h"

struct row {
	const char	*name;
	enum dns_result	 v6_result, v4_result;
	int		 n_v6, n_v4;
	const char	*want;		/* "6a 4a 6b ..." or the status of the trouble */
};

static const struct row rows[] = {
	{ .name = "families take turns, IPv6 first", .n_v6 = 2, .n_v4 = 3, .want = "6a 4a 6b 4b 4c" },
	{ .name = "one family alone", .v6_result = DNS_NO_DATA, .n_v4 = 2, .want = "4a 4b" },
	{ .name = "one family unsettled is no reason to wait", .v6_result = DNS_UNSETTLED, .n_v4 = 1, .want = "4a" },
	{ .name = "more than enough are cut off", .n_v6 = 20, .n_v4 = 20,
	  .want = "6a 4a 6b 4b 6c 4c 6d 4d 6e 4e 6f 4f 6g 4g 6h 4h" },
	{ .name = "a name that does not exist is temporary trouble", .v6_result = DNS_NO_NAME, .v4_result = DNS_NO_NAME, .want = "4.4.4" },
	{ .name = "a name without addresses is temporary trouble", .v6_result = DNS_NO_DATA, .v4_result = DNS_NO_DATA, .want = "4.4.4" },
	{ .name = "a resolver without an answer is temporary trouble", .v6_result = DNS_UNSETTLED, .v4_result = DNS_UNSETTLED, .want = "4.4.3" },
	{ .name = "no IPv6 and IPv4 unsettled is unsettled", .v6_result = DNS_NO_DATA, .v4_result = DNS_UNSETTLED, .want = "4.4.3" },
};

struct fake {
	struct resolver		 resolver;
	const struct row	*row;
};

static void
fill(struct dns_answer *answer, enum dns_result result, enum ip_family family, int n, struct arena *arena)
{
	int i;

	*answer = (struct dns_answer){ .result = result, .why = "SERVFAIL" };
	if (result != DNS_FOUND)
		return;
	answer->records = arena_array(arena, (size_t)n, sizeof(*answer->records));
	for (i = 0; i < n; i++)
		answer->records[i].ip = (struct ip){ .family = family, .bytes = { (uint8_t)('a' + i) } };
	answer->n_records = n;
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	const struct row *row = ((struct fake *)(void *)resolver)->row;
	int i;

	(void)deadline;
	for (i = 0; i < n_questions; i++) {
		expect_str(questions[i].name, STR("mail.example.com"));
		if (questions[i].type == DNS_AAAA)
			fill(&answers_out[i], row->v6_result, IP_V6, row->n_v6, arena);
		else
			fill(&answers_out[i], row->v4_result, IP_V4, row->n_v4, arena);
	}
}

static void
check(const struct row *row)
{
	struct fake fake = { .resolver.ask = ask, .row = row };
	struct host_addresses addresses;
	struct trouble trouble;
	char got[200] = "", status[STATUS_TEXT_MAX];
	struct buf text = { .at = got, .cap = sizeof(got), .max = sizeof(got) };
	int i;

	test_case("%s", row->name);
	if (host_find(&fake.resolver, STR("Mail.Example.COM"), false, INSTANT_NEVER, &addresses, &trouble) != 0)
		buf_append(&text, status_text(trouble.status, status));
	for (i = 0; i < addresses.n_ips; i++)
		buf_printf(&text, "%s%c%c", i > 0 ? " " : "", addresses.ips[i].family == IP_V6 ? '6' : '4', addresses.ips[i].bytes[0]);
	expect_str(buf_str(&text), str_of(row->want));
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
	return test_end();
}
