/*
 * test_await.c - whether a next hop is worth a client's wait: what says so, for how long, and what ends it
 *
 * A story is a word: "1" to "9" are mails that waited in vain up to RCPT, "A" to "H" behind it, "f" to "k" the same as "1" to "6"
 * but each by a client that the next hop sees, "x" to "z" by one that it sees; "r" is an answer to RCPT, "m" one to a mail,
 * "." ten seconds, "t" reason to try again, "o" one that tries.
 */
#include <stdio.h>

#include "smtpfwd/deliver/await.h"
#include "tests/expect.h"

struct row {
	const char	*name, *story;
	bool		 want;
};

static const struct row rows[] = {
	{ "nothing is known: it is not vain", "", false },
	{ "four mails in a row are not enough", "1234", false },
	{ "five are", "12345", true },
	{ "one mail that comes again is one", "1111111", false },
	{ "and one in turn with others that waited in vain counts", "12121", true },
	{ "one client that the next hop sees is one, with all its mails", "xyzxyzxyz", false },
	{ "five such are five", "fghij", true },
	{ "one among others counts", "12x34", true },
	{ "an answer in between begins anew", "1234r5", false },
	{ "after the rest one may try", "12345...", false },
	{ "not before it", "12345..", true },
	{ "and one at a time", "12345...o", true },
	{ "the next rest is longer", "12345...6.....", true },
	{ "by twice", "12345...6......", false },
	{ "also where the one mail is left that tries", "12345...5..", true },
	{ "those that were asked together end together", "123456789..", true },
	{ "for one rest", "123456789...", false },
	{ "never longer than two minutes", "12345...6......7............8............9............", false },
	{ "an answer ends it", "12345ro", false },
	{ "and what comes then has its five again", "12345r6789", false },
	{ "reason to try ends the rest", "12345t", false },
	{ "for one", "12345to", true },
	{ "that is in vain again", "12345t6.....", true },
	{ "an answer to RCPT does not make up for a mail that hung", "ArBrCrDrEr", true },
	{ "one to a mail does", "ArBrCrDrmEr", false },
};

static struct await_try
try_of(char c)
{
	uint8_t random[MAIL_ID_RANDOM_BYTES] = { (uint8_t)c };
	struct await_try tried = { .mail = mail_id_make((struct timestamp){ 1 }, random) };
	bool is_seen = c >= 'f' && c <= 'z';

	tried.step = c >= 'A' && c <= 'H' ? AWAIT_MAIL : AWAIT_RCPT;
	if (is_seen)
		tried.client = (struct ip){ .family = IP_V4, .bytes = { 192, 0, 2, (uint8_t)(c >= 'x' ? 1 : c) } };
	return tried;
}

static void
check(const struct row *row)
{
	struct instant now = { 1000 };
	struct await await = { .n_in_vain = 0 };
	struct await_try tried;
	bool is_free = true;

	test_case("%s", row->name);
	for (const char *p = row->story; *p != '\0'; p++) {
		tried = try_of(*p);
		if (*p == 'r')
			await_answered(&await, AWAIT_RCPT);
		else if (*p == 'm')
			await_answered(&await, AWAIT_MAIL);
		else if (*p == 't')
			await_rested(&await);
		else if (*p == 'o')
			is_free = false;
		else if (*p == '.')
			now = instant_after(now, span_s(10));
		else
			await_failed(&await, &tried, now);
	}
	expect_int(await_is_vain(&await, is_free, now), row->want);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
	return test_end();
}
