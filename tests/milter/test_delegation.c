/*
 * test_delegation.c - Postfix's policy delegation protocol: the example of SMTPD_POLICY_README, and what is none
 */
#include <stdlib.h>

#include "milter/delegation.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define BYTES(literal)	literal, sizeof(literal) - 1

/* SMTPD_POLICY_README, "Policy delegation protocol". */
#define README_REQUEST \
	"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=SMTP\nhelo_name=some.domain.tld\nqueue_id=8045F2AB23\n" \
	"sender=foo@bar.tld\nrecipient=bar@foo.tld\nrecipient_count=0\nclient_address=1.2.3.4\nclient_name=another.domain.tld\n" \
	"reverse_client_name=another.domain.tld\ninstance=123.456.7\nsasl_method=plain\nsasl_username=you\nsasl_sender=\nsize=12345\n" \
	"ccert_subject=solaris9.porcupine.org\nccert_issuer=Wietse+20Venema\nccert_fingerprint=C2:9D:F4:87:71:73:73:D9:18:E7:C2:F3:C1:DA:6E:04\n" \
	"encryption_protocol=TLSv1/SSLv3\nencryption_cipher=DHE-RSA-AES256-SHA\nencryption_keysize=256\netrn_domain=\nstress=\n" \
	"ccert_pubkey_fingerprint=68:B3:29:DA:98:93:E3:40:99:C7:D8:AD:5C:B9:C9:40\nclient_port=1234\npolicy_context=submission\n" \
	"server_address=10.3.2.1\nserver_port=54321\n\n"

static void
test_readme(void)
{
	struct delegation_request request;
	size_t n_taken = 0;

	test_case("the request of Postfix's own document");
	expect_int(delegation_read(STR(README_REQUEST "request=next\n"), &request, &n_taken), DELEGATION_WHOLE);
	expect_int((int64_t)n_taken, sizeof(README_REQUEST) - 1);
	expect_str(request.request, STR("smtpd_access_policy"));
	expect_str(request.protocol_state, STR("RCPT"));
	expect_str(request.instance, STR("123.456.7"));
	expect_str(request.queue_id, STR("8045F2AB23"));
	expect_str(request.client_address, STR("1.2.3.4"));
	expect_str(request.client_name, STR("another.domain.tld"));
	expect_str(request.helo_name, STR("some.domain.tld"));
	expect_str(request.sasl_username, STR("you"));
	expect_str(request.ccert_subject, STR("solaris9.porcupine.org"));
	expect_str(request.sender, STR("foo@bar.tld"));
	expect_str(request.recipient, STR("bar@foo.tld"));
	expect_str(request.policy_context, STR("submission"));
	expect_int((int64_t)request.size, 12345);
	expect_int((int64_t)request.recipient_count, 0);
	test_case("a piece of it is only a piece");
	for (size_t n = 0; n < sizeof(README_REQUEST) - 1; n++)
		expect_int(delegation_read(str_sub(STR(README_REQUEST), 0, n), &request, &n_taken), DELEGATION_PART);
}

static const struct {
	const char		*name, *bytes;
	size_t			 n_bytes;
	enum delegation_state	 want;
	const char		*sender;
	int64_t			 size;
} requests[] = {
	{ "values may be empty", BYTES("sender=\nsize=\n\n"), DELEGATION_WHOLE, "", 0 },
	{ "or not be there", BYTES("x=y\n\n"), DELEGATION_WHOLE, "", 0 },
	{ "a value has equal signs and blanks", BYTES("sender=a=b c@d\n\n"), DELEGATION_WHOLE, "a=b c@d", 0 },
	{ "the first of two counts", BYTES("sender=a\nsender=b\nsize=1\nsize=2\n\n"), DELEGATION_WHOLE, "a", 1 },
	{ "also where it is empty", BYTES("sender=\nsender=b\n\n"), DELEGATION_WHOLE, "", 0 },
	{ "names in the very case", BYTES("Sender=a\n\n"), DELEGATION_WHOLE, "", 0 },
	{ "a number that is none", BYTES("size=12x\n\n"), DELEGATION_WHOLE, "", 0 },
	{ "a number that is too large", BYTES("size=99999999999999999999\n\n"), DELEGATION_WHOLE, "", 0 },
	{ "no attributes at all", BYTES("\n"), DELEGATION_WHOLE, "", 0 },
	{ "a line without an equal sign", BYTES("sender\n\n"), DELEGATION_BROKEN, NULL, 0 },
	{ "a line without a name", BYTES("=a\n\n"), DELEGATION_BROKEN, NULL, 0 },
	{ "a NUL", BYTES("sender=a\0b\n\n"), DELEGATION_BROKEN, NULL, 0 },
	{ "CRLF", BYTES("sender=a\r\n\r\n"), DELEGATION_BROKEN, NULL, 0 },
	{ "HTTP", BYTES("GET / HTTP/1.0\r\n\r\n"), DELEGATION_BROKEN, NULL, 0 },
};

static void
test_requests(void)
{
	static char endless[DELEGATION_REQUEST_MAX_BYTES];
	struct delegation_request request;
	size_t n_taken;

	for (int i = 0; i < N_OF(requests); i++) {
		char *copy = malloc(requests[i].n_bytes);	/* so that a byte too far is found */

		test_case("%s", requests[i].name);
		n_taken = 0;
		memcpy(copy, requests[i].bytes, requests[i].n_bytes);
		expect_int(delegation_read(str_n(copy, requests[i].n_bytes), &request, &n_taken), requests[i].want);
		if (requests[i].want == DELEGATION_WHOLE) {
			expect_str(request.sender, str_of(requests[i].sender));
			expect_int((int64_t)request.size, requests[i].size);
			expect_int((int64_t)n_taken, (int64_t)requests[i].n_bytes);
		}
		free(copy);
	}
	test_case("a request without end");
	memset(endless, 'a', sizeof(endless));
	expect_int(delegation_read(str_n(endless, sizeof(endless) - 1), &request, &n_taken), DELEGATION_PART);
	expect_int(delegation_read(str_n(endless, sizeof(endless)), &request, &n_taken), DELEGATION_BROKEN);
}

static void
test_replies(void)
{
	static char text[1000];
	struct buf out;

	buf_init(&out, 1000);
	test_case("an action alone");
	expect_int(delegation_reply("DUNNO", STR_EMPTY, &out), 0);
	expect_str(buf_str(&out), STR("action=DUNNO\n\n"));
	test_case("one with a text, which stays on its line");
	buf_clear(&out);
	expect_int(delegation_reply("450 4.7.1", STR("too much\n\naction=OK \xff"), &out), 0);
	expect_str(buf_str(&out), STR("action=450 4.7.1 too much??action=OK ?\n\n"));
	test_case("a long text is cut");
	buf_clear(&out);
	memset(text, 'x', sizeof(text));
	expect_int(delegation_reply("450", str_n(text, sizeof(text)), &out), 0);
	expect_int((int64_t)out.len, (int64_t)sizeof("action=450 \n\n") - 1 + 400);
	buf_fini(&out);
	test_case("without room for it nothing is appended");
	buf_init(&out, 10);
	expect_int(delegation_reply("DUNNO", STR_EMPTY, &out), -1);
	expect_int((int64_t)out.len, 0);
	buf_fini(&out);
}

int
main(void)
{
	test_readme();
	test_requests();
	test_replies();
	return test_end();
}
