/*
 * test_class_rates.c - limits of classes: who is counted by which, what is taken and given back, a reload, and a flood of keys
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/class_rates.h"
#include "policy/class/class_rules.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

enum { LIMITS_MAX = 4 };

static const uint64_t seed[2] = { 1, 2 };
static const struct rated_amount nothing;

static struct instant
at_ms(int64_t ms)
{
	return (struct instant){ 1000000000000 + ms * 1000000 };
}

static struct class_rate
limit_of(const char *text)
{
	struct class_rate limit;
	const char *why;

	insist(class_rate_read(str_of(text), &limit, &why));
	return limit;
}

static struct rated_amount
amount(int64_t n_messages, int64_t n_recipients, int64_t n_bytes)
{
	return (struct rated_amount){ .n = { [RATE_OF_MESSAGES] = n_messages, [RATE_OF_RECIPIENTS] = n_recipients, [RATE_OF_BYTES] = n_bytes } };
}

static struct ip
ip_of(const char *text)
{
	struct ip ip = { .family = IP_NONE };

	insist(text[0] == '\0' || ip_parse(str_of(text), &ip));
	return ip;
}

static struct address
address_of(const char *text)
{
	struct address address = { .local = STR_EMPTY, .domain = STR_EMPTY };

	insist(text[0] == '\0' || address_parse(str_of(text), true, &address));
	return address;
}

/* Tables for one class "a" with these limits. */
static struct class_rates *
rates_with(const char *const *texts, struct class_rate limits_out[LIMITS_MAX], int *n_out)
{
	struct class_rates *rates = class_rates_new(seed);
	struct class_section section = { .name = "a" };

	for (*n_out = 0; *n_out < LIMITS_MAX && texts[*n_out] != NULL; (*n_out)++)
		limits_out[*n_out] = limit_of(texts[*n_out]);
	section.actions.rates = limits_out;
	section.actions.n_rates = *n_out;
	class_rates_adopt(rates, &section, 1);
	return rates;
}

/* --- who is counted --- */

/* A first mail uses all there is of "1 message/1h per ..."; whether a second one is the same's. */
static const struct row {
	const char	*name, *limit;
	const char	*client, *login, *sender;
	const char	*other_client, *other_login, *other_sender;
	bool		 is_same;
} rows[] = {
	{ "a client is its address", "1 message/1h per client", "192.0.2.1", "joe", "a@example.org", "192.0.2.1", "ann", "b@example.org", true },
	{ "another address is another client", "1 message/1h per client", "192.0.2.1", "joe", "a@example.org", "192.0.2.2", "joe", "a@example.org", false },
	{ "a network of 64 bits is one client", "1 message/1h per client", "2001:db8::1", "", "", "2001:db8::ffff:1", "", "", true },
	{ "clients of whom no address is known are one", "1 message/1h per client", "", "", "a@example.org", "", "", "b@example.org", true },
	{ "a login is the same from everywhere", "1 message/1h per login", "192.0.2.1", "joe", "a@example.org", "192.0.2.2", "joe", "", true },
	{ "a login has its case", "1 message/1h per login", "192.0.2.1", "joe", "", "192.0.2.1", "Joe", "", false },
	{ "who has not logged in is not limited by a limit per login", "1 message/1h per login", "192.0.2.1", "", "", "192.0.2.1", "", "", false },
	{ "a sender is the same from everywhere", "1 message/1h per sender", "192.0.2.1", "", "a@example.org", "192.0.2.2", "joe", "a@example.org", true },
	{ "in any case", "1 message/1h per sender", "192.0.2.1", "", "A.b@example.org", "192.0.2.1", "", "a.B@EXAMPLE.org", true },
	{ "in needless quotes", "1 message/1h per sender", "192.0.2.1", "", "a@example.org", "192.0.2.1", "", "\"a\"@example.org", true },
	{ "in A-labels and U-labels", "1 message/1h per sender", "192.0.2.1", "", "a@b\xc3\xbc" "cher.example", "192.0.2.1", "", "a@xn--bcher-kva.example", true },
	{ "another sender is another", "1 message/1h per sender", "192.0.2.1", "", "a@example.org", "192.0.2.1", "", "b@example.org", false },
	{ "at another domain too", "1 message/1h per sender", "192.0.2.1", "", "a@example.org", "192.0.2.1", "", "a@example.net", false },
	{ "a null reverse-path is its client's", "1 message/1h per sender", "192.0.2.1", "", "", "192.0.2.1", "joe", "", true },
	{ "so the world's reports are not one sender's", "1 message/1h per sender", "192.0.2.1", "", "", "192.0.2.2", "", "", false },
	{ "and no address is it", "1 message/1h per sender", "97.64.98.99", "", "", "192.0.2.1", "", "a@bc", false },
};

static struct rated_wait
use(struct class_rates *rates, const struct class_rate *limits, int n_limits, const char *client, const char *login, const char *sender,
    struct rated_amount much, int64_t ms)
{
	struct address reverse_path = address_of(sender);

	return class_rates_use(rates, &(struct rated_mail){ .class_name = "a", .limits = limits, .n_limits = n_limits, .client = ip_of(client),
	    .login = str_of(login), .reverse_path = &reverse_path }, &much, at_ms(ms));
}

static void
test_keys(void)
{
	for (int i = 0; i < N_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct class_rate limits[LIMITS_MAX];
		int n;
		struct class_rates *rates = rates_with((const char *const[]){ row->limit, NULL }, limits, &n);

		test_case("%s", row->name);
		expect(use(rates, limits, n, row->client, row->login, row->sender, amount(1, 1, 1), 0).limit == NULL);
		expect((use(rates, limits, n, row->other_client, row->other_login, row->other_sender, amount(1, 1, 1), 0).limit != NULL) == row->is_same);
		class_rates_free(rates);
	}
}

/* --- what is taken --- */

static struct rated_mail
mail_of(const struct class_rate *limits, int n_limits, const struct address *sender)
{
	return (struct rated_mail){ .class_name = "a", .limits = limits, .n_limits = n_limits, .client = ip_of("192.0.2.1"), .login = STR("joe"),
	    .reverse_path = sender };
}

static void
test_several(void)
{
	static const char *const texts[] = { "10 messages/1h per login", "20 recipients/1h per client", "1000 bytes/100s per sender", NULL };
	struct class_rate limits[LIMITS_MAX];
	int n;
	struct class_rates *rates = rates_with(texts, limits, &n);
	struct address sender = address_of("a@example.org");
	struct rated_mail mail = mail_of(limits, n, &sender);
	struct rated_amount much = amount(1, 15, 100), more;
	struct rated_wait wait;

	test_case("of several limits the one that is in the way for the longest is told");
	class_rates_take(rates, &mail, &much, at_ms(0));
	more = amount(1, 8, 950);	/* 3 of 20 recipients: 9 min; 50 of 1000 bytes: 5 s */
	wait = class_rates_wait(rates, &mail, &nothing, &more, at_ms(0));
	expect(wait.limit == &limits[1]);
	expect_int(span_to_s(wait.wait), 540);
	test_case("what is put off takes of none of them");
	for (int i = 0; i < 100; i++)
		expect(class_rates_use(rates, &mail, &more, at_ms(0)).limit == &limits[1]);
	more = amount(9, 5, 900);
	expect(class_rates_use(rates, &mail, &more, at_ms(0)).limit == NULL);
	test_case("a unit of which nothing is wanted is not asked, not even of who has used all of it");
	more = amount(0, 0, 1);
	expect(class_rates_wait(rates, &mail, &nothing, &more, at_ms(100000)).limit == NULL);
	expect(class_rates_wait(rates, &mail, &nothing, &more, at_ms(0)).limit == &limits[2]);
	test_case("what is given back can be had again, of all of them");
	more = amount(9, 5, 900);
	class_rates_give_back(rates, &mail, &more, at_ms(0));
	expect(class_rates_use(rates, &mail, &more, at_ms(0)).limit == NULL);
	test_case("recipients one by one, behind those that the mail has");
	class_rates_give_back(rates, &mail, &more, at_ms(0));
	class_rates_give_back(rates, &mail, &much, at_ms(0));
	for (int i = 0; i <= 20; i++) {
		struct rated_amount before = amount(0, i, 0), one = amount(0, 1, 0);

		expect((class_rates_wait(rates, &mail, &before, &one, at_ms(0)).limit == NULL) == (i < 20));
	}
	class_rates_free(rates);
}

static void
test_without(void)
{
	struct class_rate limits[LIMITS_MAX];
	int n;
	struct class_rates *rates = rates_with((const char *const[]){ "1 message/1h per client", NULL }, limits, &n);
	struct address sender = address_of("a@example.org");
	struct rated_mail mail = mail_of(limits, n, &sender);
	struct rated_amount one = amount(1, 1, 1);

	test_case("without tables nothing is limited");
	for (int i = 0; i < 3; i++)
		expect(class_rates_use(NULL, &mail, &one, at_ms(0)).limit == NULL);
	expect_int(class_rates_put_off(NULL, &mail, &limits[0], at_ms(0)), 0);
	test_case("nor by a limit that is not there any more");
	mail.class_name = "b";
	for (int i = 0; i < 3; i++)
		expect(class_rates_use(rates, &mail, &one, at_ms(0)).limit == NULL);
	test_case("nor in a class without limits");
	mail.class_name = "a";
	mail.n_limits = 0;
	for (int i = 0; i < 3; i++)
		expect(class_rates_use(rates, &mail, &one, at_ms(0)).limit == NULL);
	class_rates_free(rates);
}

/* --- telling --- */

static const struct { const char *limit; int64_t wait_ms; const char *want; } replies[] = {
	{ "100 messages/1h per login", 36000, "Limit of class a: 100 messages/1h per login; try again in 36s" },
	{ "100 messages/1h per login", 1, "Limit of class a: 100 messages/1h per login; try again in 1s" },
	{ "100 messages/1h per login", 35001, "Limit of class a: 100 messages/1h per login; try again in 36s" },
	{ "10M bytes/1d per client", 119001, "Limit of class a: 10M bytes/1d per client; try again in 2m" },
	{ "10M bytes/1d per client", 120001, "Limit of class a: 10M bytes/1d per client; try again in 3m" },
	{ "1 recipient/30d per sender", 7200000, "Limit of class a: 1 recipient/30d per sender; try again in 2h" },
	{ "1 recipient/30d per sender", INT64_C(2592000000), "Limit of class a: 1 recipient/30d per sender; try again in 30d" },
	{ "1 recipient/30d per sender", INT64_C(2592000000) * 100, "Limit of class a: 1 recipient/30d per sender; try again in 3000d" },
};

static void
test_replies(void)
{
	char room[CLASS_RATES_REPLY_MAX_BYTES];

	for (int i = 0; i < N_OF(replies); i++) {
		struct class_rate limit = limit_of(replies[i].limit);
		struct address sender = address_of("a@example.org");
		struct rated_mail mail = mail_of(&limit, 1, &sender);

		test_case("%s", replies[i].want);
		expect_str(class_rates_reply(&mail, &(struct rated_wait){ .limit = &limit, .wait = span_ms(replies[i].wait_ms) }, room), str_of(replies[i].want));
	}
}

struct seen {
	int	 n_keys, n;
	int64_t	 n_put_off;
	char	 names[200];
};

static void
see(void *context, const struct class_rates_view *view)
{
	struct seen *seen = context;
	char room[CLASS_RATE_TEXT_MAX];
	size_t used = strlen(seen->names);

	seen->n++;
	seen->n_keys += view->n_keys;
	seen->n_put_off += view->n_put_off;
	snprintf(seen->names + used, sizeof(seen->names) - used, "%s %.*s; ", view->class_name, STR_ARG(class_rate_text(&view->limit, room)));
}

static struct seen
look(const struct class_rates *rates)
{
	struct seen seen = { .n = 0 };

	class_rates_each(rates, see, &seen);
	return seen;
}

static void
test_put_off(void)
{
	struct class_rate limits[LIMITS_MAX];
	int n;
	struct class_rates *rates = rates_with((const char *const[]){ "1 message/1h per client", "1 message/1h per sender", NULL }, limits, &n);
	struct address sender = address_of("a@example.org"), other = address_of("b@example.org");
	struct rated_mail mail = mail_of(limits, n, &sender), others = mail_of(limits, n, &other);
	struct rated_amount one = amount(1, 1, 1);
	int n_told = 0;

	test_case("of a client that hammers the log has a line a minute, which says how often");
	expect(class_rates_use(rates, &mail, &one, at_ms(0)).limit == NULL);
	expect_int(class_rates_put_off(rates, &mail, &limits[1], at_ms(0)), 1);
	for (int i = 1; i < 60000; i++)
		n_told += class_rates_put_off(rates, &mail, &limits[1], at_ms(i)) > 0;
	expect_int(n_told, 0);
	expect_int(class_rates_put_off(rates, &mail, &limits[1], at_ms(60000)), 60000);
	test_case("another one's is its own, and so is another limit's");
	class_rates_take(rates, &others, &one, at_ms(60000));
	expect_int(class_rates_put_off(rates, &others, &limits[1], at_ms(60001)), 1);
	expect_int(class_rates_put_off(rates, &mail, &limits[0], at_ms(60001)), 1);
	test_case("all are counted");
	expect_int(look(rates).n_put_off, 60003);
	expect_int(look(rates).n_keys, 3);
	expect_text(look(rates).names, "a 1 message/1h per client; a 1 message/1h per sender; ");
	class_rates_free(rates);
}

/* --- a reload --- */

static void
test_reload(void)
{
	struct class_rate before[] = { limit_of("1 message/1h per client"), limit_of("5 recipients/1h per client"), limit_of("1K bytes/1h per client") };
	struct class_rate after[] = { limit_of("1024 bytes/60m per client"), limit_of("6 recipients/1h per client"), limit_of("1 message/1h per client") };
	const struct class_section old[] = { { .name = "a", .actions = { .rates = before, .n_rates = 3 } }, { .name = "b", .actions = { .rates = before, .n_rates = 1 } } };
	const struct class_section new[] = { { .name = "c", .actions = { .rates = before, .n_rates = 1 } }, { .name = "none" },
	    { .name = "a", .actions = { .rates = after, .n_rates = 3 } } };
	struct class_rates *rates = class_rates_new(seed);
	struct address sender = address_of("a@example.org");
	struct rated_mail mail = mail_of(before, 3, &sender), again = mail_of(after, 3, &sender);
	struct rated_amount all = amount(1, 5, 1024), message = amount(1, 0, 0), recipients = amount(0, 6, 0), byte = amount(0, 0, 1);

	test_case("counts go on for limits that are the same, wherever they stand and however they are written");
	class_rates_adopt(rates, old, 2);
	expect_int(look(rates).n, 4);
	expect(class_rates_use(rates, &mail, &all, at_ms(0)).limit == NULL);
	class_rates_adopt(rates, new, 3);
	expect_text(look(rates).names, "a 1 message/1h per client; a 1K bytes/1h per client; c 1 message/1h per client; a 6 recipients/1h per client; ");
	expect(class_rates_wait(rates, &again, &nothing, &message, at_ms(0)).limit == &after[2]);
	expect(class_rates_wait(rates, &again, &nothing, &byte, at_ms(0)).limit == &after[0]);
	test_case("another limit begins anew");
	expect(class_rates_wait(rates, &again, &nothing, &recipients, at_ms(0)).limit == NULL);
	test_case("who is still at it with the old ones is limited by what is left of them");
	expect(class_rates_wait(rates, &mail, &nothing, &message, at_ms(0)).limit == &before[0]);
	expect(class_rates_wait(rates, &mail, &nothing, &recipients, at_ms(0)).limit == NULL);
	test_case("none are left");
	class_rates_adopt(rates, new, 0);
	expect_int(look(rates).n, 0);
	class_rates_free(rates);
}

static void
test_most(void)
{
	struct class_rate limits[CLASS_RATE_TABLES_MAX];
	struct class_section sections[2] = { { .name = "a", .actions = { .rates = limits, .n_rates = CLASS_RATE_TABLES_MAX } } };
	struct class_rates *rates = class_rates_new(seed);

	test_case("all the limits there may be, and the same again");
	for (int i = 0; i < CLASS_RATE_TABLES_MAX; i++)
		limits[i] = (struct class_rate){ .limit = { .most = i + 1, .window = span_s(60) } };
	class_rates_adopt(rates, sections, 1);
	class_rates_adopt(rates, sections, 1);
	expect_int(look(rates).n, CLASS_RATE_TABLES_MAX);
	test_case("as many others in their place");
	sections[0].name = "b";
	class_rates_adopt(rates, sections, 1);
	expect_int(look(rates).n, CLASS_RATE_TABLES_MAX);
	class_rates_free(rates);
}

/* --- a flood --- */

static void
test_flood(void)
{
	enum { FLOOD = 5 * CLASS_RATE_KEYS_MAX };
	struct class_rate limits[LIMITS_MAX];
	int n, n_going = 0;
	struct class_rates *rates = rates_with((const char *const[]){ "100 messages/1h per sender", NULL }, limits, &n);
	struct rated_amount one = amount(1, 1, 1), hundred = amount(100, 1, 1);
	struct address spammer = address_of("spammer@example.org");
	struct rated_mail mail = mail_of(limits, n, &spammer);
	char local[30];

	test_case("a flood of senders: the memory has its bound");
	expect(class_rates_use(rates, &mail, &hundred, at_ms(0)).limit == NULL);
	for (int i = 0; i < FLOOD; i++) {
		struct address forged = { .local = str_n(local, (size_t)snprintf(local, sizeof(local), "x%d", i)), .domain = STR("example.net") };

		mail.reverse_path = &forged;
		n_going += class_rates_use(rates, &mail, &one, at_ms(0)).limit == NULL;
	}
	expect_int(look(rates).n_keys, CLASS_RATE_KEYS_MAX);
	expect(class_rates_memory_bytes(rates) <= (size_t)CLASS_RATE_KEYS_MAX * RATE_KEY_BYTES + 64 * 1024);
	test_case("who had used all has no fresh start");
	mail.reverse_path = &spammer;
	expect(class_rates_use(rates, &mail, &one, at_ms(0)).limit != NULL);
	test_case("and who sends one is not kept out by it: five times the keys count as five");
	expect_int(n_going, FLOOD);
	class_rates_free(rates);
}

int
main(void)
{
	test_keys();
	test_several();
	test_without();
	test_replies();
	test_put_off();
	test_reload();
	test_most();
	test_flood();
	return test_end();
}
