/*
 * test_policy_server.c - the questions that a Postfix asks of a mail, one by one, and what limits of rate say to them
 */
#include <stdio.h>

#include "base/insist.h"
#include "milter/policy_server.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

enum { QUESTION_MAX_BYTES = 2000 };

static int n_lines;
static char last_line[LOG_LINE_MAX_BYTES + 1];

static void
keep_line(struct log *log, enum log_level level, struct str line)
{
	(void)log;
	(void)level;
	n_lines++;
	snprintf(last_line, sizeof(last_line), "%.*s", STR_ARG(line));
}

static struct log the_log = { .level = LOG_LEVEL_INFO, .write = keep_line };

struct place_to_ask {
	struct policy		*policy;
	struct network		 networks[1];
	struct listener_class	 classes[1];
	struct rules		 rules;
	struct locked_rates	 rates;
	struct buf		 out;
};

static void
begin(struct place_to_ask *place)
{
	static const char *const logins[] = { "shop*" }, *const senders[] = { "*@lists.example.com" }, *const names[] = { "app.example.com" },
	    *const listeners[] = { "submission" };
	static const struct class_rate application[] = {
		{ .unit = RATE_OF_MESSAGES, .key = RATE_PER_LOGIN, .limit = { .most = 2, .window = { 3600 * INT64_C(1000000000) } } },
		{ .unit = RATE_OF_RECIPIENTS, .key = RATE_PER_LOGIN, .limit = { .most = 10, .window = { 3600 * INT64_C(1000000000) } } },
	};
	static const struct class_rate list[] = {
		{ .unit = RATE_OF_BYTES, .key = RATE_PER_SENDER, .limit = { .most = 1000, .window = { 3600 * INT64_C(1000000000) } } },
	};
	static const struct class_rate proven[] = {
		{ .unit = RATE_OF_MESSAGES, .key = RATE_PER_CLIENT, .limit = { .most = 1, .window = { 3600 * INT64_C(1000000000) } } },
	};
	static const struct class_section sections[] = {
		{ .name = "shop", .logins = logins, .n_logins = 1, .actions = { .rates = application, .n_rates = 2 } },
		{ .name = "list", .senders = senders, .n_senders = 1, .actions = { .rates = list, .n_rates = 1 } },
		{ .name = "proven", .client_names = names, .n_client_names = 1, .actions = { .rates = proven, .n_rates = 1 } },
		{ .name = "submitted", .listeners = listeners, .n_listeners = 1, .actions = { .rates = proven, .n_rates = 1 } },
	};
	struct policy_settings settings = { .hostname = "mx.example.net", .classes = { .sections = sections, .n_sections = N_OF(sections) } };

	*place = (struct place_to_ask){ .classes = { { .listener = "submission", .class_name = "application" } } };
	insist(network_parse(STR("10.0.0.0/8"), &place->networks[0]));
	place->policy = policy_new(&settings, (uint64_t[]){ 1, 2 });
	place->rules = (struct rules){ .policy = place->policy, .trust = { .networks = place->networks, .n_networks = 1 }, .classes = place->classes, .n_classes = 1 };
	locked_rates_init(&place->rates);
	locked_rates_adopt(&place->rates, &settings.classes);
	buf_init(&place->out, QUESTION_MAX_BYTES);
}

static void
end(struct place_to_ask *place)
{
	buf_fini(&place->out);
	locked_rates_fini(&place->rates);
	policy_free(place->policy);
}

/* The action, at so many seconds. */
static struct str
ask(struct place_to_ask *place, int64_t at_s, const char *state, const char *more)
{
	char question[QUESTION_MAX_BYTES];
	int n = snprintf(question, sizeof(question), "request=smtpd_access_policy\nprotocol_state=%s\n%s\n", state, more);
	struct str answer;

	buf_clear(&place->out);
	expect_int(policy_answer(&place->rules, &place->rates, &the_log, str_n(question, (size_t)n), (struct instant){ (1000 + at_s) * INT64_C(1000000000) },
	    &place->out), n);
	answer = buf_str(&place->out);
	insist(str_starts(answer, STR("action=")) && str_ends_nocase(answer, STR("\n\n")));
	return str_sub(answer, strlen("action="), answer.len - strlen("action=") - 2);
}

#define SHOP	"client_address=192.0.2.1\nsasl_username=shop7\nsender=a@b.example\n"
#define OTHER	"client_address=192.0.2.1\nsasl_username=shop8\nsender=a@b.example\n"
#define TOO_MANY "450 4.7.1 Limit of class shop: 2 messages/1h per login; try again in "

static void
test_counting(void)
{
	struct place_to_ask place;

	begin(&place);
	test_case("what is only asked for does not count");
	for (int i = 0; i < 20; i++)
		expect_str(ask(&place, 0, i % 2 ? "RCPT" : "MAIL", SHOP "recipient=c@d.example\n"), STR("DUNNO"));
	expect_str(ask(&place, 0, "DATA", SHOP "recipient_count=3\n"), STR("DUNNO"));
	test_case("at its end a mail counts");
	expect_str(ask(&place, 0, "END-OF-MESSAGE", SHOP "recipient_count=3\nsize=500\n"), STR("DUNNO"));
	expect_str(ask(&place, 0, "END-OF-MESSAGE", SHOP "recipient_count=3\nsize=500\n"), STR("DUNNO"));
	test_case("beyond the limit the next one is put off, at each command");
	expect(str_starts(ask(&place, 0, "MAIL", SHOP), STR(TOO_MANY)));
	expect(str_starts(ask(&place, 0, "RCPT", SHOP), STR(TOO_MANY)));
	expect(str_starts(ask(&place, 0, "END-OF-MESSAGE", SHOP "recipient_count=1\n"), STR(TOO_MANY)));
	test_case("which the log says once");
	expect_int(n_lines, 1);
	expect(str_starts(str_of(last_line), STR("rate-limited client=192.0.2.1 login=shop7 from=a@b.example class=shop at=MAIL times=1 reply=\"Limit of")));
	test_case("another login is another one");
	expect_str(ask(&place, 0, "MAIL", OTHER), STR("DUNNO"));
	test_case("so many recipients at once are more than there may be behind them");
	expect_str(ask(&place, 0, "DATA", OTHER "recipient_count=11\n"), STR("DUNNO"));	/* the whole limit, when nothing is used */
	expect_str(ask(&place, 0, "END-OF-MESSAGE", OTHER "recipient_count=11\n"), STR("DUNNO"));
	expect(str_starts(ask(&place, 0, "RCPT", OTHER), STR("450 4.7.1 Limit of class shop: 10 recipients/1h per login")));
	test_case("later there may be more");
	expect_str(ask(&place, 3600, "MAIL", SHOP), STR("DUNNO"));
	end(&place);
}

static const struct {
	const char	*name, *who;
	const char	*class_name;	/* that has a limit of one; NULL: nothing limits it */
} classes[] = {
	{ "a login", "client_address=192.0.2.1\nsasl_username=shop\nsize=1\n", NULL },
	{ "a reverse-path of a neighbour", "client_address=10.1.2.3\nsender=x@lists.example.com\nsize=1000\n", "list" },
	{ "one that a stranger claims", "client_address=192.0.2.1\nsender=x@lists.example.com\nsize=1000\n", NULL },
	{ "a certificate", "client_address=192.0.2.1\nccert_subject=app.example.com\nsize=1\n", "proven" },
	{ "one that says something else", "client_address=192.0.2.1\nccert_subject=app.example.org\nsize=1\n", NULL },
	{ "the context, as a listener's name", "client_address=10.1.2.3\npolicy_context=submission\nsize=1\n", "submitted" },
	{ "no client at all", "size=1\n", NULL },
};

static void
test_classes(void)
{
	for (int i = 0; i < N_OF(classes); i++) {
		struct place_to_ask place;
		char want[100];

		begin(&place);
		test_case("class: %s", classes[i].name);
		expect_str(ask(&place, 0, "END-OF-MESSAGE", classes[i].who), STR("DUNNO"));
		snprintf(want, sizeof(want), "450 4.7.1 Limit of class %s: ", classes[i].class_name != NULL ? classes[i].class_name : "");
		if (classes[i].class_name == NULL)
			expect_str(ask(&place, 0, "END-OF-MESSAGE", classes[i].who), STR("DUNNO"));
		else
			expect(str_starts(ask(&place, 0, "END-OF-MESSAGE", classes[i].who), str_of(want)));
		end(&place);
	}
}

static void
test_odd(void)
{
	static const char *const states[] = { "CONNECT", "EHLO", "HELO", "VRFY", "ETRN", "", "end-of-message" };
	static const char *const senders[] = { "\"a b\"@c.example", "a b@c.example", "a@b@c.example", "a", "@", "a@", "" };
	struct place_to_ask place;
	char more[200];

	begin(&place);
	test_case("at other commands nothing is said, nor counted");
	for (int n = 0; n < 5; n++)
		for (int i = 0; i < N_OF(states); i++)
			expect_str(ask(&place, 0, states[i], SHOP), STR("DUNNO"));
	expect_str(ask(&place, 0, "MAIL", SHOP), STR("DUNNO"));
	test_case("whatever a sender looks like");
	for (int i = 0; i < N_OF(senders); i++) {
		snprintf(more, sizeof(more), "client_address=192.0.2.%d\nsasl_username=shop%d\nsender=%s\n", i, i, senders[i]);
		expect_str(ask(&place, 0, "END-OF-MESSAGE", more), STR("DUNNO"));
	}
	test_case("a number beyond all limits is the most that counts");
	expect_str(ask(&place, 0, "END-OF-MESSAGE", "sasl_username=shopmax\nsize=18446744073709551615\nrecipient_count=18446744073709551615\n"), STR("DUNNO"));
	expect(str_starts(ask(&place, 0, "RCPT", "sasl_username=shopmax\n"), STR("450 ")));
	test_case("a part of a question is waited for, and what is none ends the connection");
	expect_int(policy_answer(&place.rules, &place.rates, &the_log, STR("request=smtpd_access_policy\n"), (struct instant){ 0 }, &place.out), 0);
	expect_int(policy_answer(&place.rules, &place.rates, &the_log, STR("GET / HTTP/1.0\r\n\r\n"), (struct instant){ 0 }, &place.out), -1);
	end(&place);
}

int
main(void)
{
	test_counting();
	test_classes();
	test_odd();
	return test_end();
}
