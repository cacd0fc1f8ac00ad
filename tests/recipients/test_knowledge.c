/*
 * test_knowledge.c - what is known of whom, for how long, and what goes when there is too much
 */
#include <stdio.h>

#include "base/insist.h"
#include "smtpfwd/recipients/knowledge.h"
#include "tests/expect.h"

enum { GOOD_MAX = 20, BAD_MAX = 5 };

static const int64_t hour = 3600, day = 86400;
static const int64_t start_s = 1792540800;
static const char *const relays[] = { "new", "old", NULL };

static struct timestamp
at(int64_t s)
{
	return (struct timestamp){ (start_s + s) * 1000000 };
}

static struct knowledge *
begin_with(int64_t good_max, int64_t bad_max)
{
	struct knowledge_bounds bounds = { .good_max = good_max, .bad_max = bad_max, .good_keep = span_s(7 * day),
	    .bad_keep = span_s(2 * hour) };
	struct knowledge *k = knowledge_new(&bounds, (const uint64_t[2]){ 1, 2 });

	knowledge_set_relays(k, relays, 2);
	return k;
}

static struct knowledge *
begin(void)
{
	return begin_with(GOOD_MAX, BAD_MAX);
}

static struct address
address_of(const char *text)
{
	struct address address;

	insist(address_parse(str_of(text), true, &address));
	return address;
}

static const char *
ask_of(struct knowledge *k, const char *relay, const char *text, int64_t s)
{
	struct address address = address_of(text);

	switch (knowledge_ask(k, str_of(relay), &address, at(s))) {
	case KNOWN_NOT:
		return "unknown";
	case KNOWN_GOOD:
		return "good";
	case KNOWN_BAD:
		return "bad";
	}
	return "?";
}

static const char *
ask(struct knowledge *k, const char *text, int64_t s)
{
	return ask_of(k, "new", text, s);
}

static void
tell_of(struct knowledge *k, const char *relay, const char *text, struct reply reply, enum recipient_asker asker, int64_t s)
{
	struct address address = address_of(text);

	knowledge_tell(k, str_of(relay), &address, &(struct recipient_answer){ .reply = &reply, .question = QUESTION_RCPT,
	    .asker = asker }, at(s));
}

static void
good(struct knowledge *k, const char *text, int64_t s)
{
	tell_of(k, "new", text, REPLY(250, 2, 1, 5, "ok"), ASKER_CLIENT, s);
}

static void
bad(struct knowledge *k, const char *text, int64_t s)
{
	tell_of(k, "new", text, REPLY(550, 5, 1, 1, "no"), ASKER_CLIENT, s);
}

static void
bare(struct knowledge *k, const char *text, enum recipient_asker asker, int64_t s)
{
	tell_of(k, "new", text, (struct reply){ .code = 550, .text = STR("no") }, asker, s);
}

static struct knowledge_counts
counts(struct knowledge *k)
{
	struct knowledge_counts c;

	insist(knowledge_count(k, STR("new"), &c));
	return c;
}

static void
test_told(void)
{
	struct knowledge *k = begin();

	test_case("who was never told of is unknown");
	expect_text(ask(k, "bob@x.example", 0), "unknown");
	test_case("a yes makes good, for seven days");
	good(k, "bob@x.example", 0);
	expect_text(ask(k, "bob@x.example", 0), "good");
	expect_text(ask(k, "bob@x.example", 7 * day), "good");
	expect_text(ask(k, "bob@x.example", 7 * day + 1), "unknown");
	test_case("another yes makes it longer");
	good(k, "bob@x.example", 5 * day);
	expect_text(ask(k, "bob@x.example", 12 * day), "good");
	expect_text(ask(k, "bob@x.example", 12 * day + 1), "unknown");
	test_case("a no makes bad what was good, for two hours");
	bad(k, "bob@x.example", 6 * day);
	expect_text(ask(k, "bob@x.example", 6 * day + 2 * hour), "bad");
	expect_text(ask(k, "bob@x.example", 6 * day + 2 * hour + 1), "unknown");
	test_case("a yes clears a no");
	good(k, "bob@x.example", 6 * day + 1);
	expect_text(ask(k, "bob@x.example", 6 * day + 1), "good");
	expect_int(counts(k).n_bad, 0);
	test_case("not now changes nothing");
	tell_of(k, "new", "bob@x.example", REPLY(450, 4, 2, 0, "greylisted"), ASKER_OURSELVES, 6 * day + 2);
	expect_text(ask(k, "bob@x.example", 6 * day + 2), "good");
	test_case("a client's blocklist, SPF or reputation changes nothing");
	tell_of(k, "new", "bob@x.example", REPLY(550, 5, 7, 1, "blocked"), ASKER_CLIENT, 6 * day + 2);
	tell_of(k, "new", "ann@x.example", REPLY(550, 5, 7, 23, "spf"), ASKER_OURSELVES, 6 * day + 2);
	expect_text(ask(k, "bob@x.example", 6 * day + 2), "good");
	expect_text(ask(k, "ann@x.example", 6 * day + 2), "unknown");
	knowledge_free(k);
}

static bool
fresh(struct knowledge *k, const char *text, int64_t s)
{
	struct address address = address_of(text);

	return knowledge_is_fresh(k, STR("new"), &address, at(s));
}

static void
test_fresh(void)
{
	struct knowledge *k = begin();

	test_case("who is good need not be asked about for an eighth of the seven days");
	good(k, "bob@x.example", 0);
	expect(fresh(k, "bob@x.example", 21 * hour - 1));
	expect(!fresh(k, "bob@x.example", 21 * hour));
	test_case("nor ever with a mail each half of that");
	for (int64_t s = 0; s < 30 * day; s += 10 * hour) {
		expect(fresh(k, "bob@x.example", s));
		good(k, "bob@x.example", s);
	}
	test_case("who is bad or unknown is asked about");
	bad(k, "eve@x.example", 0);
	expect(!fresh(k, "eve@x.example", 0));
	expect(!fresh(k, "ann@x.example", 0));
	knowledge_free(k);
}

static void
test_bare(void)
{
	struct knowledge *k = begin();
	struct address accepted;

	good(k, "bob@x.example", 0);
	test_case("a bare 550 to a client's question tells nothing");
	bare(k, "nobody@x.example", ASKER_CLIENT, 0);
	expect_text(ask(k, "nobody@x.example", 0), "unknown");
	test_case("a bare 550 to our own is not believed while no question of our own was accepted: it may be meant for our address");
	bare(k, "nobody@x.example", ASKER_OURSELVES, 0);
	expect_text(ask(k, "nobody@x.example", 0), "unknown");
	test_case("a postmaster who was accepted proves nothing: he is let through where others of our address are not");
	tell_of(k, "new", "Postmaster@x.example", REPLY(250, 2, 1, 5, "ok"), ASKER_OURSELVES, 9);
	bare(k, "nobody@x.example", ASKER_OURSELVES, 9);
	expect_text(ask(k, "nobody@x.example", 9), "unknown");
	expect(!knowledge_own_accepted(k, STR("new"), at(9), &accepted));
	test_case("once one was it is believed, for a minute");
	tell_of(k, "new", "ann@x.example", REPLY(250, 2, 1, 5, "ok"), ASKER_OURSELVES, 10);
	bare(k, "nobody@x.example", ASKER_OURSELVES, 20);
	expect_text(ask(k, "nobody@x.example", 20), "bad");
	bare(k, "late@x.example", ASKER_OURSELVES, 10 + 60 + 1);
	expect_text(ask(k, "late@x.example", 10 + 60 + 1), "unknown");
	test_case("who was accepted can be asked again, while he is known good");
	expect(knowledge_own_accepted(k, STR("new"), at(20), &accepted));
	expect_str(accepted.local, STR("ann"));
	expect_str(accepted.domain, STR("x.example"));
	expect(!knowledge_own_accepted(k, STR("old"), at(20), &accepted));
	expect(!knowledge_own_accepted(k, STR("new"), at(8 * day), &accepted));
	test_case("it never makes bad what is known to be good");
	bare(k, "bob@x.example", ASKER_OURSELVES, 30);
	expect_text(ask(k, "bob@x.example", 30), "good");
	test_case("what one relay accepted of us says nothing of another one's answers");
	tell_of(k, "old", "nobody@x.example", (struct reply){ .code = 550 }, ASKER_OURSELVES, 30);
	expect_text(ask_of(k, "old", "nobody@x.example", 30), "unknown");
	knowledge_free(k);
}

static void
test_keys(void)
{
	struct knowledge *k = begin();
	struct address nobody = { .local = STR("postmaster"), .domain = STR_EMPTY }, literal = { .local = STR("bob"), .domain = STR("[192.0.2.1]") };

	good(k, "Bob@X.Example", 0);
	good(k, "\"a@b\"@x.example", 0);
	good(k, "ann@b\xc3\xbc" "cher.example", 0);
	test_case("a domain's case does not matter, nor whether it is in A- or U-labels");
	expect_text(ask(k, "Bob@x.example", 0), "good");
	expect_text(ask(k, "ann@xn--bcher-kva.example", 0), "good");
	expect_text(ask(k, "ann@B\xc3\x9c" "CHER.example", 0), "good");
	test_case("a local part's case does: servers differ");
	expect_text(ask(k, "bob@x.example", 0), "unknown");
	test_case("quotes are part of it");
	expect_text(ask(k, "\"a@b\"@x.example", 0), "good");
	expect_text(ask(k, "\"Bob\"@x.example", 0), "unknown");
	test_case("two relays with the same address are two");
	expect_text(ask_of(k, "old", "Bob@x.example", 0), "unknown");
	tell_of(k, "old", "Bob@x.example", REPLY(550, 5, 1, 1, "no"), ASKER_CLIENT, 0);
	expect_text(ask_of(k, "old", "Bob@x.example", 0), "bad");
	expect_text(ask(k, "Bob@x.example", 0), "good");
	test_case("of a relay that there is not, of <Postmaster> and of literals nothing is known");
	tell_of(k, "gone", "Bob@x.example", REPLY(250, 2, 1, 5, "ok"), ASKER_CLIENT, 0);
	expect_text(ask_of(k, "gone", "Bob@x.example", 0), "unknown");
	expect(!knowledge_set(k, STR("new"), &nobody, KNOWN_GOOD, at(0), at(0)));
	expect(!knowledge_set(k, STR("new"), &literal, KNOWN_GOOD, at(0), at(0)));
	expect_int(knowledge_ask(k, STR("new"), &nobody, at(0)), KNOWN_NOT);
	knowledge_free(k);
}

static void
fill(struct knowledge *k, const char *prefix, int n, void (*how)(struct knowledge *k, const char *text, int64_t s), int64_t s)
{
	char text[60];

	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s%d@x.example", prefix, i);
		how(k, text, s + i);
	}
}

static void
test_bounds(void)
{
	struct knowledge *k = begin();

	test_case("whoever tries out names pushes out bad ones only");
	fill(k, "good", GOOD_MAX, good, 0);
	fill(k, "made-up", 1000, bad, 100);
	expect_int(counts(k).n_good, GOOD_MAX);
	expect_int(counts(k).n_bad, BAD_MAX);
	expect_int(counts(k).n_bad_gone, 1000 - BAD_MAX);
	expect_text(ask(k, "good0@x.example", 1100), "good");
	expect_text(ask(k, "made-up999@x.example", 1100), "bad");
	expect_text(ask(k, "made-up0@x.example", 1100), "unknown");
	test_case("of the good ones the one told longest ago goes first, not the one told first");
	good(k, "good0@x.example", 2000);
	good(k, "another@x.example", 2001);
	expect_text(ask(k, "good0@x.example", 2001), "good");
	expect_text(ask(k, "good1@x.example", 2001), "unknown");
	expect_int(counts(k).n_good_gone, 1);
	test_case("a next hop that takes every name shows by its counts, and mailboxes with mail stay");
	for (int i = 0; i < 100; i++) {
		char text[60];

		snprintf(text, sizeof(text), "catch%d@x.example", i);
		good(k, text, 3000 + i);
		good(k, "good0@x.example", 3000 + i);
	}
	expect_text(ask(k, "good0@x.example", 3100), "good");
	expect(counts(k).n_good_gone > counts(k).n_good);
	test_case("with smaller bounds what is too much goes");
	knowledge_set_bounds(k, &(struct knowledge_bounds){ .good_max = 3, .bad_max = 1, .good_keep = span_s(day), .bad_keep = span_s(hour) });
	expect_int(counts(k).n_good, 3);
	expect_int(counts(k).n_bad, 1);
	expect_text(ask(k, "good0@x.example", 3099 + day + 1), "unknown");
	test_case("what is old goes by and by");
	knowledge_expire(k, at(30 * day));
	expect_int(counts(k).n_good + counts(k).n_bad, 0);
	expect_int(knowledge_live_bytes(k), 0);
	knowledge_free(k);
}

static void
test_clock(void)
{
	struct knowledge *k = begin();

	test_case("what a clock told that was ten years ahead stays no longer than anything else");
	good(k, "bob@x.example", 3650 * day);
	bad(k, "nobody@x.example", 3650 * day);
	expect_text(ask(k, "nobody@x.example", 0), "bad");
	knowledge_expire(k, at(0));
	expect_text(ask(k, "nobody@x.example", 2 * hour), "bad");
	expect_text(ask(k, "nobody@x.example", 2 * hour + 1), "unknown");
	expect_text(ask(k, "bob@x.example", 7 * day), "good");
	expect_text(ask(k, "bob@x.example", 7 * day + 1), "unknown");
	test_case("a clock far ahead forgets, and nothing else");
	good(k, "ann@x.example", 10 * day);
	knowledge_expire(k, at(3650 * day));
	expect_text(ask(k, "ann@x.example", 10 * day), "unknown");
	test_case("times at the ends of the range do no harm");
	for (int i = 0; i < 2; i++) {
		struct address ann = address_of("ann@x.example");
		struct timestamp end = { i == 0 ? INT64_MAX : INT64_MIN };

		(void)knowledge_set(k, STR("new"), &ann, KNOWN_BAD, end, at(11 * day));
		expect_text(ask(k, "ann@x.example", 11 * day), "bad");
		(void)knowledge_ask(k, STR("new"), &ann, end);
	}
	knowledge_free(k);
}

static void
count_one(void *context, const struct known_record *entry)
{
	(void)entry;
	++*(int *)context;
}

static int
n_each(struct knowledge *k)
{
	size_t place = 0;
	int n = 0;

	while (knowledge_each(k, &place, count_one, &n))
		;
	return n;
}

static void
test_forget(void)
{
	struct knowledge *k = begin_with(100000, 100);
	struct address bob = address_of("bob@x.example");

	test_case("one is forgotten, or all of a relay, or all");
	good(k, "bob@x.example", 0);
	fill(k, "a", 6000, good, 0);
	tell_of(k, "old", "bob@x.example", REPLY(250, 2, 1, 5, "ok"), ASKER_CLIENT, 0);
	expect_int(n_each(k), 6002);
	expect(knowledge_set(k, STR("new"), &bob, KNOWN_NOT, at(1), at(1)));
	expect_text(ask(k, "bob@x.example", 1), "unknown");
	expect_text(ask_of(k, "old", "bob@x.example", 1), "good");
	expect_int(knowledge_forget_all(k, STR("new")), 6000);
	expect_int(knowledge_forget_all(k, STR("nowhere")), 0);
	expect_text(ask_of(k, "old", "bob@x.example", 1), "good");
	expect_int(knowledge_forget_all(k, STR_EMPTY), 1);
	expect_int(n_each(k), 0);
	test_case("at a reload relays that are gone are forgotten, others stay, new ones begin");
	good(k, "bob@x.example", 0);
	tell_of(k, "old", "bob@x.example", REPLY(250, 2, 1, 5, "ok"), ASKER_CLIENT, 0);
	knowledge_set_relays(k, (const char *const []){ "third", "new" }, 2);
	expect_text(ask(k, "bob@x.example", 1), "good");
	expect_text(ask_of(k, "old", "bob@x.example", 1), "unknown");
	tell_of(k, "third", "bob@x.example", REPLY(550, 5, 1, 1, "no"), ASKER_CLIENT, 1);
	expect_text(ask_of(k, "third", "bob@x.example", 1), "bad");
	knowledge_set_relays(k, relays, 2);
	expect_text(ask_of(k, "old", "bob@x.example", 1), "unknown");
	expect_int(n_each(k), 1);
	knowledge_free(k);
}

/* Records of changes, played into another table, make it the same. */
static void
test_changes(void)
{
	struct knowledge *k = begin(), *copy = begin();
	struct known_record record;
	struct buf changes;
	struct str rest;
	int n = 0;

	buf_init(&changes, KNOWLEDGE_CHANGES_MAX_BYTES);
	test_case("changes tell all that happened, and what is no change is none");
	good(k, "bob@x.example", 0);
	good(k, "bob@x.example", 60);
	bad(k, "nobody@x.example", 60);
	bad(k, "ann@x.example", 61);
	good(k, "ann@x.example", 62);
	expect(knowledge_take_changes(k, &changes));
	rest = buf_str(&changes);
	for (; known_record_take(&rest, &record) == KNOWN_READ_ONE; n++)
		knowledge_load(copy, &record, at(70));
	expect_int(n, 4);
	expect_int(rest.len, 0);
	expect_text(ask(copy, "bob@x.example", 70), "good");
	expect_text(ask(copy, "nobody@x.example", 70), "bad");
	expect_text(ask(copy, "ann@x.example", 70), "good");
	expect_int(knowledge_live_bytes(copy), knowledge_live_bytes(k));
	buf_clear(&changes);
	expect(knowledge_take_changes(copy, &changes));
	expect_int(changes.len, 0);
	test_case("a last word that is too old takes away what was said before it");
	record = (struct known_record){ .known = KNOWN_BAD, .told = at(80), .relay = STR("new"), .address = STR("bob@x.example") };
	knowledge_load(copy, &record, at(5 * day));
	expect_text(ask(copy, "bob@x.example", 5 * day), "unknown");
	test_case("too many changes are not kept, but told of");
	fill(k, "somebody-with-a-name-of-some-length", 60000, good, 100);
	expect(!knowledge_take_changes(k, &changes));
	expect_int(changes.len, 0);
	good(k, "one@x.example", 100);
	expect(knowledge_take_changes(k, &changes));
	expect(changes.len > 0);
	buf_fini(&changes);
	knowledge_free(k);
	knowledge_free(copy);
}

int
main(void)
{
	test_told();
	test_fresh();
	test_bare();
	test_keys();
	test_bounds();
	test_clock();
	test_forget();
	test_changes();
	return test_end();
}
