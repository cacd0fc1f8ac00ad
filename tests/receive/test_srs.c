/*
 * test_srs.c - recipients that are SRS addresses: whom the queue gets, what clients hear
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/srs/srs.h"
#include "smtpfwd/runtime/os.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"

enum { LINE_MAX_BYTES = 300 };

static struct srs_rules *
make_rules(const char *secret)
{
	struct str secrets[] = { str_of(secret) };
	struct srs_settings settings = { .domain = "fwd.example.com", .secrets = secrets, .n_secrets = 1 };

	return srs_rules_new(&settings, NULL);
}

static void
with_srs(struct stage *stage)
{
	static const char *const domains[] = { "example.com" };
	static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1 } };
	static const uint64_t seed[2] = { 1, 2 };

	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){
		.hostname = "relay.example.com", .relays = relays, .n_relays = 1, .outbound = "internet",
		.srs = { .rules = make_rules("ours"), .takes_reports_only = true },
	}, seed);
	stage->settings.errors_max = 3;
}

/* To a next hop that is asked at once; a class by its recipients wants another form of the sender than mail of others. */
static void
with_classes(struct stage *stage)
{
	static const char *const domains[] = { "example.com" }, *const careful[] = { "c*@example.com" };
	static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1,
	    .forwarding = { .is_online = true, .online_timeout = { INT64_C(60000000000) } } } };
	static const struct network everybody[] = { { .ip = { IP_V4, { 0 } } } };
	static const struct class_section sections[] = { { .name = "careful", .networks = everybody, .n_networks = 1, .recipients = careful,
	    .n_recipients = 1, .actions = { .srs = SRS_WISH_ALWAYS } } };
	static const uint64_t seed[2] = { 1, 2 };

	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){ .hostname = "relay.example.com", .relays = relays, .n_relays = 1,
	    .srs = { .rules = make_rules("ours") }, .classes = { .sections = sections, .n_sections = 1 } }, seed);
	stage->couriers.rcpts = "++";
	stage->couriers.mail = '+';
}

/* RCPT with an SRS address that a secret makes now. */
static const char *
rcpt(const char *secret, char line[LINE_MAX_BYTES])
{
	struct srs_rules *rules = make_rules(secret);
	struct address sender = { STR("u"), STR("a.example") }, forward;
	struct arena arena;
	struct str text;

	arena_init(&arena, 10000);
	if (srs_forward(rules, &sender, os_wall_clock(), &arena, &forward) != SRS_FORWARD_REWRITTEN ||
	    !address_text(&forward, &arena, &text))
		abort();
	snprintf(line, LINE_MAX_BYTES, "CRCPT TO:<%.*s>", STR_ARG(text));
	arena_fini(&arena);
	srs_rules_free(rules);
	return line;
}

int
main(void)
{
	char ours_room[LINE_MAX_BYTES], other_room[LINE_MAX_BYTES];
	const char *ours = rcpt("ours", ours_room), *other = rcpt("another's", other_room);

	test_case("a report to an SRS address goes to the original sender, though the client is nobody");
	stage_talk(with_srs, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<>", "S250", ours, "S250 2.1.5",
	    "CDATA", "S354", "CSubject: x\r\n\r\nx\r\n.", "S250", "Q1", "F", "Tu@a.example", "Dundone from=<> srs=", NULL });

	test_case("forged ones are refused, and are the client's errors");
	stage_talk(with_srs, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<>", "S250", other, "S550 5.1.1",
	    "CRCPT TO:<SRS0=x@fwd.example.com>", "S550 5.1.1", other, "S550 5.1.1", other, "S421", "E", "Q0", NULL });

	test_case("mail that is no report is refused");
	stage_talk(with_srs, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<x@b.example>", "S250", ours,
	    "S550 5.7.1", "CRCPT TO:<b@example.com>", "S250", "Dsrs-no-report", NULL });

	test_case("the first recipient tells by what class the sender is said, so its mail need not wait in the queue");
	stage_talk(with_classes, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<x@b.example>", "S250",
	    "CRCPT TO:<c@example.com>", "S250", "CDATA", "S354", "CSubject: x\r\n\r\nx\r\n.", "S250", "Q0", "Onew relay:moved x 0; rcpt c; send 1 17; drop; ", NULL });
	test_case("where a later one tells otherwise it does");
	stage_talk(with_classes, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<x@b.example>", "S250",
	    "CRCPT TO:<b@example.com>", "S250", "CRCPT TO:<c@example.com>", "S250", "CDATA", "S354", "CSubject: x\r\n\r\nx\r\n.", "S250", "Q1", NULL });

	test_case("other addresses of the domain are as any other, and so are all without a section");
	stage_talk(with_srs, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<>", "S250",
	    "CRCPT TO:<u@fwd.example.com>", "S550 5.7.1", NULL });
	stage_talk(NULL, (const char *const[]){ "S220", "CEHLO client.example.org", "S250", "CMAIL FROM:<>", "S250", ours, "S550 5.7.1", NULL });
	return test_end();
}
