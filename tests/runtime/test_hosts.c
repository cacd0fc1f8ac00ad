/*
 * test_hosts.c - the hosts file before another resolver, and the servers of a resolv.conf
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "smtpfwd/runtime/hosts.h"
#include "smtpfwd/runtime/resolv_conf.h"
#include "tests/expect.h"

enum { ANSWERS_MAX_BYTES = 65536 };

/* The one below: answers all with one address, and counts. */
struct below {
	struct resolver	 resolver;
	int		 n_calls, n_questions;
};

static void
below_ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct below *below = (struct below *)(void *)resolver;

	below->n_calls++;
	below->n_questions += n_questions;
	for (int i = 0; i < n_questions; i++) {
		answers_out[i] = (struct dns_answer){ .result = DNS_FOUND, .n_records = 1 };
		answers_out[i].records = arena_array(arena, 1, sizeof(struct dns_record));
		arena_printf(arena, &answers_out[i].records[0].text, "below %.*s", STR_ARG(questions[i].name));
	}
}

static void
show(const struct dns_answer *answer, char *line, size_t line_bytes)
{
	char room[IP_TEXT_MAX];
	size_t n = 0;

	snprintf(line, line_bytes, "%s", answer->result == DNS_NO_DATA ? "no data" : "");
	for (int i = 0; i < answer->n_records; i++) {
		struct str shown = answer->records[i].text;

		if (answer->records[i].ip.family != IP_NONE)
			shown = ip_text(&answer->records[i].ip, room);
		n += (size_t)snprintf(line + n, line_bytes - n, "%s%.*s", i != 0 ? " " : "", STR_ARG(shown));
	}
}

static const struct {
	const char	*name;
	const char	*file;
	const char	*question;
	enum dns_type	 type;
	const char	*want;
} cases[] = {
	{ "a name of the file has its address", "192.0.2.1 mail\n", "mail", DNS_A, "192.0.2.1" },
	{ "the last line may lack its end", "192.0.2.1 mail", "mail", DNS_A, "192.0.2.1" },
	{ "so have all names of a line", "192.0.2.1\tmail.example.org  mail\n", "mail", DNS_A, "192.0.2.1" },
	{ "IPv6 too", "2001:db8::1 mail\n", "mail", DNS_AAAA, "2001:db8::1" },
	{ "case does not matter", "192.0.2.1 Mail\n", "mAIL", DNS_A, "192.0.2.1" },
	{ "a last dot in the file does not matter", "192.0.2.1 mail.example.\n", "mail.example", DNS_A, "192.0.2.1" },
	{ "a name may stand in several lines", "192.0.2.1 mail\n2001:db8::1 mail\n192.0.2.2 mail\n192.0.2.1 mail\n",
	  "mail", DNS_A, "192.0.2.1 192.0.2.2" },
	{ "the other family has no data", "192.0.2.1 mail\n", "mail", DNS_AAAA, "no data" },
	{ "other types go on", "192.0.2.1 mail\n", "mail", DNS_MX, "below mail" },
	{ "other names go on", "192.0.2.1 mail\n", "mail.example.org", DNS_A, "below mail.example.org" },
	{ "what stands behind # is not read", "192.0.2.1 mail # post\n# 192.0.2.2 post\n", "post", DNS_A, "below post" },
	{ "a line whose address is none is passed over", "192.0.2 mail\nfe80::1%eth0 mail\n", "mail", DNS_A, "below mail" },
	{ "CR at a line's end is passed over", "192.0.2.1 mail\r\n", "mail", DNS_A, "192.0.2.1" },
	{ "localhost is known without a line", "", "localhost", DNS_A, "127.0.0.1" },
	{ "over IPv6 too", "192.0.2.1 mail\n", "localhost", DNS_AAAA, "::1" },
	{ "a line for localhost is what counts", "127.0.0.2 localhost\n", "localhost", DNS_A, "127.0.0.2" },
	{ "and the only thing", "127.0.0.2 localhost\n", "localhost", DNS_AAAA, "no data" },
	{ "the root goes on", "192.0.2.1 .\n", "", DNS_A, "below " },
};

static struct resolver *
resolver_of(const char *text, struct resolver *below)
{
	char path[] = "/tmp/test-hosts.XXXXXX";
	int fd = mkstemp(path);
	struct resolver *hosts;

	expect(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	hosts = hosts_resolver_new(path, below);
	unlink(path);
	return hosts;
}

static void
test_names(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct below below = { .resolver = { .ask = below_ask } };
		struct dns_question question = { .name = str_of(cases[i].question), .type = cases[i].type };
		struct resolver *hosts;
		struct dns_answer answer;
		struct arena arena;
		char line[200];

		test_case("%s", cases[i].name);
		arena_init(&arena, ANSWERS_MAX_BYTES);
		hosts = resolver_of(cases[i].file, &below.resolver);
		dns_ask(hosts, &question, 1, INSTANT_NEVER, &arena, &answer);
		show(&answer, line, sizeof(line));
		expect_text(line, cases[i].want);
		hosts_resolver_free(hosts);
		arena_fini(&arena);
	}
}

static void
test_together(void)
{
	static const struct dns_question questions[] = {
		{ .name = { "a.example", 9 }, .type = DNS_A }, { .name = { "mail", 4 }, .type = DNS_A },
		{ .name = { "b.example", 9 }, .type = DNS_A },
		{ .name = { "mail", 4 }, .type = DNS_AAAA }, { .name = { "mail", 4 }, .type = DNS_MX },
	};
	static const char *const want[] = { "below a.example", "192.0.2.1", "below b.example", "no data", "below mail" };
	struct below below = { .resolver = { .ask = below_ask } };
	struct resolver *hosts;
	struct dns_answer answers[5];
	struct arena arena;
	char line[200];

	test_case("questions that go on are asked at once, and all answers are in their places");
	arena_init(&arena, ANSWERS_MAX_BYTES);
	hosts = resolver_of("192.0.2.1 mail\n", &below.resolver);
	dns_ask(hosts, questions, 5, INSTANT_NEVER, &arena, answers);
	for (int i = 0; i < 5; i++) {
		show(&answers[i], line, sizeof(line));
		expect_text(line, want[i]);
	}
	expect_int(below.n_calls, 1);
	expect_int(below.n_questions, 3);

	test_case("without room in the arena questions are unsettled");
	arena_fini(&arena);
	arena_init(&arena, 1);
	dns_ask(hosts, questions, 5, INSTANT_NEVER, &arena, answers);
	for (int i = 0; i < 5; i++)
		expect_int(answers[i].result, DNS_UNSETTLED);
	arena_fini(&arena);
	hosts_resolver_free(hosts);

	test_case("a file that is not there has only localhost");
	arena_init(&arena, ANSWERS_MAX_BYTES);
	hosts = hosts_resolver_new("/nowhere/hosts", &below.resolver);
	dns_ask(hosts, &(struct dns_question){ .name = STR("localhost"), .type = DNS_A }, 1, INSTANT_NEVER, &arena, answers);
	show(&answers[0], line, sizeof(line));
	expect_text(line, "127.0.0.1");

	test_case("a stranger's name is not looked for in it");
	dns_ask(hosts, &(struct dns_question){ .name = STR("localhost"), .type = DNS_A, .is_strangers = true }, 1,
	    INSTANT_NEVER, &arena, answers);
	show(&answers[0], line, sizeof(line));
	expect_text(line, "below localhost");
	hosts_resolver_free(hosts);
	arena_fini(&arena);
}

static const struct {
	const char	*name;
	const char	*text;
	const char	*want;
} confs[] = {
	{ "a server is one of port 53", "nameserver 192.0.2.53\n", "192.0.2.53:53" },
	{ "servers come in their order", "nameserver 192.0.2.54\nnameserver 192.0.2.53\n", "192.0.2.54:53 192.0.2.53:53" },
	{ "IPv6 servers too", "nameserver 2001:db8::53\n", "[2001:db8::53]:53" },
	{ "blanks and tabs part words", "\tnameserver\t192.0.2.53 \r\n", "192.0.2.53:53" },
	{ "other lines are passed over", "# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nsearch example.org\n"
	  "options edns0\nnameserver 192.0.2.53", "192.0.2.53:53" },
	{ "an address that is none is passed over", "nameserver ns.example.org\nnameserver fe80::1%eth0\n"
	  "nameserver\nnameserver 192.0.2.53\n", "192.0.2.53:53" },
	{ "without a server it is the local machine", "", "127.0.0.1:53" },
	{ "eight are enough", "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n"
	  "nameserver 192.0.2.5\nnameserver 192.0.2.6\nnameserver 192.0.2.7\nnameserver 192.0.2.8\nnameserver 192.0.2.9\n",
	  "192.0.2.1:53 192.0.2.2:53 192.0.2.3:53 192.0.2.4:53 192.0.2.5:53 192.0.2.6:53 192.0.2.7:53 192.0.2.8:53" },
};

static void
test_resolv_conf(void)
{
	struct endpoint servers[RESOLVER_SERVERS_MAX];
	char line[400], room[ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(confs) / sizeof(confs[0]); i++) {
		int n = resolv_conf_parse(str_of(confs[i].text), servers);
		size_t len = 0;

		test_case("%s", confs[i].name);
		line[0] = '\0';
		for (int k = 0; k < n; k++)
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%.*s", k != 0 ? " " : "",
			    STR_ARG(endpoint_text(&servers[k], room)));
		expect_text(line, confs[i].want);
	}
	test_case("a resolv.conf that is not there means the local machine");
	expect_int(resolv_conf_read("/nowhere/resolv.conf", servers), 1);
	expect(ip_is_loopback(&servers[0].ip));
}

int
main(void)
{
	test_names();
	test_together();
	test_resolv_conf();
	return test_end();
}
