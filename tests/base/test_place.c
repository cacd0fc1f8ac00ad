/*
 * test_place.c - places to listen at, as Postfix and as libmilter write them
 */
#include "base/place.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static const struct {
	const char	*text, *path, *at;	/* path NULL: TCP; both NULL: it is none */
} cases[] = {
	{ "unix:/run/smtpfwd/socketmap", "/run/smtpfwd/socketmap", NULL },
	{ "unix:run/socketmap", NULL, NULL },
	{ "unix:/run/", NULL, NULL },
	{ "unix:", NULL, NULL },
	{ "/run/socketmap", NULL, NULL },
	{ "inet:127.0.0.1:8892", NULL, "127.0.0.1:8892" },
	{ "inet:[::1]:8892", NULL, "[::1]:8892" },
	{ "inet:8892@127.0.0.1", NULL, "127.0.0.1:8892" },
	{ "inet6:8892@::1", NULL, "[::1]:8892" },
	{ "inet6:8892@[::1]", NULL, "[::1]:8892" },
	{ "inet:localhost:8892", NULL, NULL },
	{ "inet:8892@localhost", NULL, NULL },
	{ "inet:8892", NULL, NULL },
	{ "inet:8892@", NULL, NULL },
	{ "inet:@127.0.0.1", NULL, NULL },
	{ "inet:0@127.0.0.1", NULL, NULL },
	{ "inet:127.0.0.1:0", NULL, NULL },
	{ "inet:65536@127.0.0.1", NULL, NULL },
	{ "127.0.0.1:8892", NULL, NULL },
	{ "", NULL, NULL },
};

int
main(void)
{
	static char longest[5 + PLACE_PATH_MAX_BYTES + 1];
	char room[ENDPOINT_TEXT_MAX];
	struct place place;

	for (int i = 0; i < N_OF(cases); i++) {
		bool is_place = cases[i].path != NULL || cases[i].at != NULL;

		test_case("%s", cases[i].text[0] != '\0' ? cases[i].text : "nothing");
		expect_int(place_parse(str_of(cases[i].text), &place), is_place);
		if (cases[i].path != NULL)
			expect_str(place.path, str_of(cases[i].path));
		if (cases[i].at != NULL) {
			expect_int((int64_t)place.path.len, 0);
			expect_str(endpoint_text(&place.at, room), str_of(cases[i].at));
		}
	}
	test_case("a path has the room of a unix socket's address");
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "unix:/", 6);
	expect(place_parse(str_n(longest, 5 + PLACE_PATH_MAX_BYTES), &place));
	expect(!place_parse(str_n(longest, 5 + PLACE_PATH_MAX_BYTES + 1), &place));
	return test_end();
}
