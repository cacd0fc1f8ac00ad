/*
 * fuzz_names.c - resolv.conf and the hosts file: any bytes give servers and addresses within their bounds
 */
#include "smtpfwd/runtime/hosts.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/runtime/resolv_conf.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim.h"

#define HOSTS_AT	"/hosts"

static void
nobody_knows(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	for (int i = 0; i < n_questions; i++)
		answers_out[i] = (struct dns_answer){ .result = DNS_NO_NAME };
}

static void
ask(struct resolver *resolver, struct str name, enum dns_type type)
{
	struct dns_question question = { .name = name, .type = type };
	struct dns_answer answer = { .n_records = 0 };
	struct arena arena;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	dns_ask(resolver, &question, 1, INSTANT_NEVER, &arena, &answer);
	insist((answer.result == DNS_FOUND) == (answer.n_records > 0));
	for (int i = 0; i < answer.n_records; i++)
		insist(answer.records[i].ip.family == (type == DNS_A ? IP_V4 : IP_V6));
	arena_fini(&arena);
}

/* Each word of the file may be a name in it. */
static void
check_hosts(struct str text)
{
	struct resolver below = { .ask = nobody_knows };
	struct resolver *resolver;
	struct iovec piece = { .iov_base = (void *)(uintptr_t)text.at, .iov_len = text.len };
	struct str word;
	int fd = os_open(HOSTS_AT, OS_OPEN_CREATE);

	insist(fd >= 0 && (text.len == 0 || os_pwritev(fd, &piece, 1, 0) == (ssize_t)text.len));
	os_close(fd);
	resolver = hosts_resolver_new(HOSTS_AT, &below);
	ask(resolver, STR("localhost"), DNS_A);
	for (int n = 0; n < 30 && str_take_word(&text, &word); n++) {
		ask(resolver, word, DNS_A);
		ask(resolver, word, DNS_AAAA);
	}
	hosts_resolver_free(resolver);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str text = str_n(bytes, n_bytes);
	struct endpoint servers[RESOLVER_SERVERS_MAX];
	int n = resolv_conf_parse(text, servers);
	struct sim *sim = sim_new(&(struct sim_options){ .short_percent = -1 });

	insist(n >= 1 && n <= RESOLVER_SERVERS_MAX);
	for (int i = 0; i < n; i++)
		insist(servers[i].ip.family != IP_NONE && servers[i].port != 0);
	sim_enter(sim);
	check_hosts(text);
	insist(sim_leave(sim) == 0);
	sim_free(sim);
	return 0;
}
