/*
 * test_socketmap.c - netstrings, and requests and replies of socketmap tables in them (socketmap_table(5))
 */
#include <stdlib.h>

#include "base/insist.h"
#include "milter/socketmap.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))
#define BYTES(literal)	literal, sizeof(literal) - 1

static const struct {
	const char		*name, *bytes;
	size_t			 n_bytes;
	enum netstring_state	 want;
	const char		*map, *key;
	size_t			 n_taken;
} requests[] = {
	{ "a request", BYTES("22:routes joe@example.com,"), NETSTRING_WHOLE, "routes", "joe@example.com", 26 },
	{ "one of two", BYTES("3:a b,3:c d,"), NETSTRING_WHOLE, "a", "b", 6 },
	{ "a key with blanks", BYTES("9:a \"b c\"@d,"), NETSTRING_WHOLE, "a", "\"b c\"@d", 12 },
	{ "an empty key", BYTES("2:a ,"), NETSTRING_WHOLE, "a", "", 5 },
	{ "a key with what looks like an end", BYTES("7:a 1:b,,,"), NETSTRING_WHOLE, "a", "1:b,,", 10 },
	{ "nothing yet", BYTES(""), NETSTRING_PART, NULL, NULL, 0 },
	{ "a length so far", BYTES("22"), NETSTRING_PART, NULL, NULL, 0 },
	{ "all but the comma", BYTES("3:a b"), NETSTRING_PART, NULL, NULL, 0 },
	{ "the longest request so far", BYTES("16384:a "), NETSTRING_PART, NULL, NULL, 0 },
	{ "a longer one, at once", BYTES("16385"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a length without end", BYTES("0000000000000000000000"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a leading zero", BYTES("03:a b,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a sign", BYTES("+3:a b,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a negative length", BYTES("-1:a b,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a blank before the length", BYTES(" 3:a b,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "no length", BYTES(":a b,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "no comma", BYTES("3:a b;"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "too short a length", BYTES("2:a b,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "an empty message", BYTES("0:,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "no blank", BYTES("3:abc,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "no map's name", BYTES("4: abc,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a NUL", BYTES("4:a b\0,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "a line end", BYTES("4:a b\n,"), NETSTRING_BROKEN, NULL, NULL, 0 },
	{ "HTTP", BYTES("GET / HTTP/1.0\r\n"), NETSTRING_BROKEN, NULL, NULL, 0 },
};

static void
test_requests(void)
{
	for (int i = 0; i < N_OF(requests); i++) {
		/* Memory of its own, so that a byte too far is found. */
		char *copy = malloc(requests[i].n_bytes + 1);
		struct str bytes = str_n(memcpy(copy, requests[i].bytes, requests[i].n_bytes), requests[i].n_bytes);
		struct socketmap_request request;
		size_t n_taken = 0;

		test_case("request: %s", requests[i].name);
		expect_int(socketmap_read(bytes, &request, &n_taken), requests[i].want);
		if (requests[i].want == NETSTRING_WHOLE) {
			expect_str(request.map, str_of(requests[i].map));
			expect_str(request.key, str_of(requests[i].key));
			expect_int((int64_t)n_taken, (int64_t)requests[i].n_taken);
			for (size_t n = 0; n < n_taken; n++)
				expect_int(socketmap_read(str_sub(bytes, 0, n), &request, &n_taken), NETSTRING_PART);
		}
		free(copy);
	}
}

static const struct {
	const char		*name;
	enum socketmap_status	 status;
	const char		*text, *want;
} replies[] = {
	{ "what was looked up", SOCKETMAP_OK, "smtp:[192.0.2.1]:25", "22:OK smtp:[192.0.2.1]:25," },
	{ "nothing was found", SOCKETMAP_NOTFOUND, "", "9:NOTFOUND ," },
	{ "and no text goes with it", SOCKETMAP_NOTFOUND, "x", "9:NOTFOUND ," },
	{ "not now", SOCKETMAP_TEMP, "reload", "11:TEMP reload," },
	{ "too late", SOCKETMAP_TIMEOUT, "DNS", "11:TIMEOUT DNS," },
	{ "never", SOCKETMAP_PERM, "no such map", "16:PERM no such map," },
	{ "an empty answer is none", SOCKETMAP_OK, "", "24:PERM the answer is empty," },
	{ "an answer stays on its line", SOCKETMAP_OK, "smtp:a\r\nb\x7f", "13:OK smtp:a  b ," },
	{ "beyond ASCII it stays", SOCKETMAP_OK, "smtp:b\xc3\xbc" "cher.example", "23:OK smtp:b\xc3\xbc" "cher.example," },
};

static void
test_replies(void)
{
	static char text[SOCKETMAP_REPLY_MAX_BYTES + 1];
	struct buf out;
	struct str inside;
	size_t n_taken;

	for (int i = 0; i < N_OF(replies); i++) {
		test_case("reply: %s", replies[i].name);
		buf_init(&out, SOCKETMAP_REPLY_MAX_BYTES);
		expect_int(socketmap_reply(replies[i].status, str_of(replies[i].text), &out), 0);
		expect_str(buf_str(&out), str_of(replies[i].want));
		expect_int(netstring_read(buf_str(&out), SOCKETMAP_REPLY_MAX_BYTES, &inside, &n_taken), NETSTRING_WHOLE);
		expect_int((int64_t)n_taken, (int64_t)out.len);
		buf_fini(&out);
	}
	memset(text, 'x', sizeof(text));
	buf_init(&out, 2 * SOCKETMAP_REPLY_MAX_BYTES);
	test_case("reply: what is too long is no answer");
	expect_int(socketmap_reply(SOCKETMAP_OK, str_n(text, sizeof(text)), &out), 0);
	expect_str(buf_str(&out), STR("27:PERM the answer is too long,"));
	test_case("reply: a reason is cut to what Postfix takes");
	buf_clear(&out);
	expect_int(socketmap_reply(SOCKETMAP_TEMP, str_n(text, sizeof(text)), &out), 0);
	expect_int(netstring_read(buf_str(&out), SOCKETMAP_REPLY_MAX_BYTES, &inside, &n_taken), NETSTRING_WHOLE);
	expect(str_starts(inside, STR("TEMP xxx")));
	buf_fini(&out);
	test_case("reply: without room for it nothing is appended");
	buf_init(&out, 15);
	expect_int(buf_append(&out, STR("1234")), 0);
	expect_int(socketmap_reply(SOCKETMAP_NOTFOUND, STR_EMPTY, &out), -1);
	expect_str(buf_str(&out), STR("1234"));
	buf_fini(&out);
	test_case("a netstring may hold a NUL");
	buf_init(&out, 100);
	expect_int(netstring_append(str_n("a\0b", 3), &out), 0);
	expect_str(buf_str(&out), str_n("3:a\0b,", 6));
	buf_fini(&out);
}

int
main(void)
{
	test_requests();
	test_replies();
	return test_end();
}
