/*
 * fuzz_servers.c - whatever is asked of the socketmap server and the policy service: an answer is one message of the protocol, leads mail nowhere
 * but where the configuration says, and is the same however the question came in
 */
#include "base/mem.h"
#include "milter/policy_server.h"
#include "milter/socketmap.h"
#include "milter/socketmap_server.h"
#include "tests/fuzz/fuzz.h"

#define RELAY_TEXT	"relay:[192.0.2.1]:25"
#define ROUTE_TEXT	"bulk:"

static const struct timestamp today = { .us = 1795262400 * INT64_C(1000000) };

static void
say_nothing(struct log *log, enum log_level level, struct str line)
{
	(void)log;
	(void)level;
	insist(line.len <= LOG_LINE_MAX_BYTES && str_find(line, '\n') < 0 && str_find(line, '\0') < 0 && str_find(line, '\x1b') < 0);
}

static struct policy *
make_policy(const struct class_section *sections, int n_sections)
{
	static const char *const domains[] = { "example.org", ".example.org" };
	static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 2 } };
	static const struct transport_text transports[] = { { "relay:moved", RELAY_TEXT }, { "route:bulk", ROUTE_TEXT } };
	struct str secrets[] = { STR("a secret of ours") };
	struct srs_settings srs = { .domain = "fwd.example.com", .secrets = secrets, .n_secrets = 1 };
	struct policy_settings settings = { .hostname = "mx.example.net", .relays = relays, .n_relays = 1, .transports = transports, .n_transports = 2,
	    .classes = { .sections = sections, .n_sections = n_sections }, .srs = { .rules = srs_rules_new(&srs, NULL) } };

	return policy_new(&settings, (uint64_t[]){ 1, 2 });
}

/* --- socketmap --- */

static void
check_socketmap_answer(const struct socketmap_request *request, struct str answer)
{
	struct str inside;
	size_t n;

	insist(netstring_read(answer, SOCKETMAP_REPLY_MAX_BYTES, &inside, &n) == NETSTRING_WHOLE && n == answer.len);
	insist(str_find(inside, '\n') < 0 && str_find(inside, '\0') < 0);
	if (!str_starts(inside, STR("OK ")))
		return;
	inside = str_from(inside, strlen("OK "));
	if (str_starts(request->map, STR("transport")))
		insist(str_find(request->key, '@') >= 0 && (str_eq(inside, STR(RELAY_TEXT)) || str_eq(inside, STR(ROUTE_TEXT))));
	else if (str_eq(request->map, STR("relay-domains")))
		insist(str_eq(inside, STR("moved")));
	else
		insist(str_eq(request->map, STR("srs")) && str_starts_nocase(request->key, STR("srs")));
}

static void
ask_socketmap(const struct policy *policy, struct str rest)
{
	struct socketmap_request request;
	struct buf out, again;
	ptrdiff_t taken;
	size_t n;

	buf_init(&out, SOCKETMAP_REPLY_MAX_BYTES + 10);
	buf_init(&again, SOCKETMAP_REPLY_MAX_BYTES + 10);
	while ((taken = socketmap_answer(policy, rest, today, &out)) > 0) {
		insist(socketmap_read(rest, &request, &n) == NETSTRING_WHOLE && n == (size_t)taken);
		check_socketmap_answer(&request, buf_str(&out));
		insist(socketmap_answer(policy, str_sub(rest, 0, n), today, &again) == taken && str_eq(buf_str(&out), buf_str(&again)));
		rest = str_from(rest, n);
		buf_clear(&out);
		buf_clear(&again);
	}
	insist(out.len == 0);
	buf_fini(&out);
	buf_fini(&again);
}

/* --- policy service --- */

static void
ask_policy_service(const struct rules *rules, struct locked_rates *rates, struct str rest)
{
	struct log log = { .level = LOG_LEVEL_DEBUG, .write = say_nothing };
	struct instant now = { .ns = 1000 * INT64_C(1000000000) };
	struct buf out;
	ptrdiff_t taken;

	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	while ((taken = policy_answer(rules, rates, &log, rest, now, &out)) > 0) {
		insist((size_t)taken <= rest.len);
		insist(str_eq(buf_str(&out), STR("action=DUNNO\n\n")) || str_starts(buf_str(&out), STR("action=450 4.7.1 Limit of class ")));
		insist(str_find(buf_str(&out), '\n') == (ptrdiff_t)out.len - 2);
		rest = str_from(rest, (size_t)taken);
		now = instant_after(now, span_s(1));
		buf_clear(&out);
	}
	insist(out.len == 0);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	static const char *const senders[] = { "*@lists.example.com" }, *const logins[] = { "shop*" };
	static const struct class_rate limits[] = {
		{ .unit = RATE_OF_MESSAGES, .key = RATE_PER_CLIENT, .limit = { .most = 3, .window = { 3600 * INT64_C(1000000000) } } },
		{ .unit = RATE_OF_BYTES, .key = RATE_PER_SENDER, .limit = { .most = 5000, .window = { 60 * INT64_C(1000000000) } } },
		{ .unit = RATE_OF_RECIPIENTS, .key = RATE_PER_LOGIN, .limit = { .most = 10, .window = { 60 * INT64_C(1000000000) } } },
	};
	static const struct class_section sections[] = {
		{ .name = "list", .senders = senders, .n_senders = 1, .actions = { .route = "route:bulk", .rates = limits, .n_rates = 3 } },
		{ .name = "shop", .logins = logins, .n_logins = 1, .actions = { .rates = limits, .n_rates = 3 } },
	};
	static const struct network all = { .ip = { .family = IP_V4 }, .prefix_bits = 1 };
	struct policy *policy = make_policy(sections, 2);
	struct rules rules = { .policy = policy, .trust = { .networks = &all, .n_networks = 1 } };
	struct locked_rates rates;
	unsigned choice;
	struct fuzz f;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	locked_rates_init(&rates);
	locked_rates_adopt(&rates, &(struct policy_classes){ .sections = sections, .n_sections = 2 });
	if (choice & 1)
		ask_policy_service(&rules, &rates, f.rest);
	else
		ask_socketmap(policy, f.rest);
	locked_rates_fini(&rates);
	policy_free(policy);
	fuzz_end(&f);
	return 0;
}
