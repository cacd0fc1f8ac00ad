/*
 * test_guesses.c - wrong passwords counted, and who must wait, by a clock of the test's own
 */
#include <stdio.h>

#include "smtpfwd/auth/guesses.h"
#include "tests/expect.h"

enum { MANY = 40000 };			/* more than are remembered */

struct trial {
	struct guesses	*guesses;
	struct instant	 now;
};

static const uint64_t seed[2] = { 1, 2 };

static struct guesser
by(const char *address, const char *login)
{
	struct guesser guesser = { .login = str_of(login) };

	ip_parse(str_of(address), &guesser.ip);
	return guesser;
}

/* One wrong password, where it may be tried at all. */
static enum guess
guess(struct trial *t, const char *address, const char *login)
{
	struct guesser guesser = by(address, login);
	enum guess judged = guesses_judge(t->guesses, &guesser, t->now);

	if (judged == GUESS_MAY) {
		guesses_begin(t->guesses, &guesser, t->now);
		guesses_end(t->guesses, &guesser, false, t->now);
	}
	return judged;
}

static enum guess
come_in(struct trial *t, const char *address, const char *login)
{
	struct guesser guesser = by(address, login);
	enum guess judged = guesses_judge(t->guesses, &guesser, t->now);

	if (judged == GUESS_MAY) {
		guesses_begin(t->guesses, &guesser, t->now);
		guesses_end(t->guesses, &guesser, true, t->now);
	}
	return judged;
}

static int
guess_often(struct trial *t, const char *address, const char *login, int n)
{
	int n_heard = 0;

	for (int i = 0; i < n; i++)
		n_heard += guess(t, address, login) == GUESS_MAY;
	return n_heard;
}

static void
pass_s(struct trial *t, int64_t seconds)
{
	t->now = instant_after(t->now, span_s(seconds));
}

static void
begin(struct trial *t, const char *name)
{
	test_case("%s", name);
	guesses_free(t->guesses);
	t->guesses = guesses_new(seed);
}

static void
test_pairs(struct trial *t)
{
	begin(t, "an address has five tries at a login, then it waits a minute, two, four ... 15");
	expect_int(guess_often(t, "192.0.2.1", "ann", 200), GUESSES_PAIR_FREE);
	expect_int(guess(t, "192.0.2.1", "ann"), GUESS_PAIR_WAITS);
	pass_s(t, 59);
	expect_int(guess(t, "192.0.2.1", "ann"), GUESS_PAIR_WAITS);
	pass_s(t, 2);
	expect_int(guess(t, "192.0.2.1", "ann"), GUESS_MAY);
	expect_int(guess(t, "192.0.2.1", "ann"), GUESS_PAIR_WAITS);

	begin(t, "however long it goes on, it is some hundred tries a day");
	{
		int n = 0;

		for (int s = 0; s < 86400; s++, pass_s(t, 1))
			n += guess(t, "192.0.2.1", "ann") == GUESS_MAY;
		expect(n > 50 && n < 200);
		printf("# %d tries a day\n", n);
	}
	test_case("and the right one is heard within 15 minutes");
	pass_s(t, 15 * 60);
	expect_int(come_in(t, "192.0.2.1", "ann"), GUESS_MAY);
	test_case("it wipes the slate");
	expect_int(guess_often(t, "192.0.2.1", "ann", 200), GUESSES_PAIR_FREE);

	begin(t, "others at the address, and the login from elsewhere, do not wait");
	guess_often(t, "192.0.2.1", "ann", 200);
	expect_int(come_in(t, "192.0.2.1", "bob"), GUESS_MAY);
	expect_int(come_in(t, "192.0.2.2", "ann"), GUESS_MAY);
	expect_int(come_in(t, "2001:db8::1", "ann"), GUESS_MAY);
	test_case("a wrong one now and then is forgotten");
	for (int i = 0; i < 100; i++, pass_s(t, 700))
		expect_int(guess(t, "192.0.2.7", "ann"), GUESS_MAY);
}

static void
test_addresses(struct trial *t)
{
	char login[20];
	int n = 0;

	begin(t, "an address has twenty tries over all logins");
	for (int i = 0; i < 200; i++) {
		snprintf(login, sizeof(login), "u%d", i);
		n += guess(t, "2001:db8::1", login) == GUESS_MAY;
	}
	expect_int(n, GUESSES_ADDRESS_FREE);
	test_case("its network of 64 bits is one address");
	expect_int(guess(t, "2001:db8::ffff:1", "x"), GUESS_ADDRESS_WAITS);
	expect_int(guess(t, "2001:db8::ffff:1", ""), GUESS_ADDRESS_WAITS);
	expect_int(guess(t, "2001:db8:0:1::1", "x"), GUESS_MAY);
	begin(t, "a network of 48 bits has eighty, however many of its networks of 64 bits try");
	n = 0;
	for (int i = 0; i < 200; i++) {
		char address[40];

		snprintf(login, sizeof(login), "u%d", i);
		snprintf(address, sizeof(address), "2001:db8:7:%x::1", i);
		n += guess(t, address, login) == GUESS_MAY;
	}
	expect_int(n, GUESSES_SITE_FREE);
	expect_int(guess(t, "2001:db8:8::1", "x"), GUESS_MAY);
	begin(t, "a login that came in from there before is heard");
	expect_int(come_in(t, "2001:db8::2", "ann"), GUESS_MAY);
	for (int i = 0; i < 200; i++) {
		snprintf(login, sizeof(login), "u%d", i);
		guess(t, "2001:db8::1", login);
	}
	expect_int(guess(t, "2001:db8::1", "bob"), GUESS_ADDRESS_WAITS);
	expect_int(come_in(t, "2001:db8::1", "ann"), GUESS_MAY);
	test_case("and still has no more than five guesses");
	expect_int(guess_often(t, "2001:db8::1", "ann", 200), GUESSES_PAIR_FREE);
	test_case("who comes from inside is not counted by address");
	for (int i = 0; i < 200; i++) {
		struct guesser guesser = by("10.0.0.1", "");

		guesser.is_inside = true;
		expect_int(guesses_judge(t->guesses, &guesser, t->now), GUESS_MAY);
		guesses_end(t->guesses, &guesser, false, t->now);
	}
	begin(t, "twenty within some minutes are twenty");
	n = 0;
	for (int i = 0; i < 100; i++, pass_s(t, 1)) {
		snprintf(login, sizeof(login), "u%d", i);
		n += guess(t, "192.0.2.8", login) == GUESS_MAY;
	}
	expect(n >= GUESSES_ADDRESS_FREE && n <= GUESSES_ADDRESS_FREE + 1);
	begin(t, "what is refused is not counted: a device that goes on trying shuts nobody out");
	for (int s = 0; s < 86400; s++, pass_s(t, 1)) {
		guess(t, "192.0.2.1", "printer");
		if (s % 3600 == 0)
			expect_int(come_in(t, "192.0.2.1", "ann"), GUESS_MAY);
	}
}

static void
test_logins(struct trial *t)
{
	char address[30];
	int n = 0, waited_s = 0;

	begin(t, "a login is tried but once in ten seconds after 50 wrong ones from many addresses");
	expect_int(come_in(t, "203.0.113.5", "ann"), GUESS_MAY);
	for (int i = 0; i < 200; i++) {
		snprintf(address, sizeof(address), "198.51.%d.1", i);
		n += guess(t, address, "ann") == GUESS_MAY;
	}
	expect_int(n, GUESSES_LOGIN_FREE);
	for (int s = 0, i = 0; s < 100; s++, pass_s(t, 1)) {
		for (int k = 0; k < 20; k++, i++) {
			snprintf(address, sizeof(address), "10.1.%d.%d", i / 250, i % 250);
			n += guess(t, address, "ann") == GUESS_MAY;
		}
	}
	expect(n >= GUESSES_LOGIN_FREE + 9 && n <= GUESSES_LOGIN_FREE + 10);
	test_case("where the owner came in before, nothing waits");
	expect_int(come_in(t, "203.0.113.5", "ann"), GUESS_MAY);
	test_case("from a new place the owner comes in when it is the first after a pause");
	while (come_in(t, "203.0.113.77", "ann") != GUESS_MAY && waited_s++ < 60)
		pass_s(t, 1);
	expect(waited_s <= 10);
	test_case("others' logins are as ever");
	expect_int(come_in(t, "203.0.113.78", "bob"), GUESS_MAY);
	test_case("a pause begins with the try, not with its end");
	{
		struct guesser one = by("203.0.113.80", "ann"), two = by("203.0.113.81", "ann");

		pass_s(t, 10);
		expect_int(guesses_judge(t->guesses, &one, t->now), GUESS_MAY);
		guesses_begin(t->guesses, &one, t->now);
		expect_int(guesses_judge(t->guesses, &two, t->now), GUESS_LOGIN_WAITS);
	}
}

static void
test_bounds(struct trial *t)
{
	char address[30], login[30];

	begin(t, "a flood is forgotten from its old end; who came in before is not");
	come_in(t, "203.0.113.5", "ann");
	for (int i = 0; i < GUESSES_LOGIN_FREE + 20; i++) {
		snprintf(address, sizeof(address), "198.51.%d.1", i);
		guess(t, address, "ann");
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(address, sizeof(address), "10.%d.%d.1", i / 250, i % 250);
		snprintf(login, sizeof(login), "u%d", i);
		guess(t, address, i % 100 == 0 ? "ann" : login);
		pass_s(t, i % 10 == 0);
	}
	guess(t, "192.0.2.98", "ann");
	expect_int(guess(t, "192.0.2.99", "ann"), GUESS_LOGIN_WAITS);
	expect_int(come_in(t, "203.0.113.5", "ann"), GUESS_MAY);
}

int
main(void)
{
	struct trial t = { .now = { 1 } };

	test_pairs(&t);
	test_addresses(&t);
	test_logins(&t);
	test_bounds(&t);
	guesses_free(t.guesses);
	return test_end();
}
