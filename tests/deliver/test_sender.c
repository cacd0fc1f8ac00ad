/*
 * test_sender.c - which reverse-path MAIL says, by the route, the sender's domain and what the next hop sees
 */
#include "smtpfwd/deliver/sender.h"
#include "tests/expect.h"

static const struct {
	const char *name;
	enum srs_mode mode;
	bool has_form, is_ours, is_seen, want;
	enum srs_wish wish;
} rows[] = {
	{ "auto: a sender of another domain", SRS_AUTO, true, false, false, true, SRS_WISH_NONE },
	{ "auto: ours stay", SRS_AUTO, true, true, false, false, SRS_WISH_NONE },
	{ "auto: where the next hop sees the client", SRS_AUTO, true, false, true, false, SRS_WISH_NONE },
	{ "auto: without a form", SRS_AUTO, false, false, false, false, SRS_WISH_NONE },
	{ "always: ours too", SRS_ALWAYS, true, true, false, true, SRS_WISH_NONE },
	{ "always: where the client is seen too", SRS_ALWAYS, true, false, true, true, SRS_WISH_NONE },
	{ "always: without a form", SRS_ALWAYS, false, false, false, false, SRS_WISH_NONE },
	{ "never", SRS_NEVER, true, false, false, false, SRS_WISH_NONE },
	{ "the mail's never stands above the way's always", SRS_ALWAYS, true, false, false, false, SRS_WISH_NEVER },
	{ "its always above the way's never", SRS_NEVER, true, true, true, true, SRS_WISH_ALWAYS },
	{ "its auto above the way's never", SRS_NEVER, true, false, false, true, SRS_WISH_AUTO },
	{ "and above its always", SRS_ALWAYS, true, true, false, false, SRS_WISH_AUTO },
	{ "its always without a form is nothing", SRS_NEVER, false, false, false, false, SRS_WISH_ALWAYS },
};

static const struct {
	const char *name;
	enum identity_means told;
	bool stands_for_one, has_identity, has_address, want;
} seen[] = {
	{ "the client is seen by XCLIENT", IDENTITY_XCLIENT, true, true, true, true },
	{ "and by PROXY", IDENTITY_PROXY, true, true, true, true },
	{ "not by XFORWARD, which is for the log", IDENTITY_XFORWARD, false, true, true, false },
	{ "not where it was told nothing", IDENTITY_NONE, false, true, true, false },
	{ "not by a PROXY header of our own, for mail of nobody", IDENTITY_NONE, true, false, false, false },
	{ "nor for a client that it could not be told of", IDENTITY_NONE, true, true, true, false },
	{ "nor where its address was not known", IDENTITY_XCLIENT, true, true, false, false },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct envelope envelope = { .is_sender_ours = rows[i].is_ours, .srs_wish = rows[i].wish };

		test_case("%s", rows[i].name);
		if (rows[i].has_form)
			envelope.srs_path = (struct address){ STR("SRS0=x"), STR("fwd.example.com") };
		expect(sender_srs(rows[i].mode, &envelope, rows[i].is_seen) == (rows[i].want ? &envelope.srs_path : NULL));
	}
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		struct client client = { .told = seen[i].told, .stands_for_one = seen[i].stands_for_one };
		struct identity identity = { .is_esmtp = true };

		test_case("%s", seen[i].name);
		if (seen[i].has_address)
			ip_parse(STR("192.0.2.1"), &identity.client.ip);
		expect_int(sender_is_seen(&client, seen[i].has_identity ? &identity : NULL), seen[i].want);
	}
	return test_end();
}
