/*
 * test_sasl.c - SASL exchanges, each side against fixed lines and against the other
 */
#include <stdio.h>

#include "base/code.h"
#include "smtpfwd/auth/sasl.h"
#include "tests/expect.h"

/* "pencil": RFC 7677 3. */
#define SCRAM	"SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

struct trial {
	struct sasl	*sasl;
	struct users	*users;
	struct buf	 line, other;
};

static struct str
code(struct trial *t, struct str bytes)
{
	buf_clear(&t->other);
	expect_int(base64_encode(bytes, &t->other), 0);
	return buf_str(&t->other);
}

static struct str
decoded(struct trial *t, struct str text)
{
	buf_clear(&t->other);
	expect_int(base64_decode(text, &t->other), 0);
	return buf_str(&t->other);
}

static enum sasl_step
answer(struct trial *t, struct sasl_server *server, struct str line)
{
	buf_clear(&t->line);
	return sasl_server_step(server, line, &t->line);
}

static enum sasl_step
begin(struct trial *t, struct sasl_server *server, bool has_initial, struct str initial)
{
	buf_clear(&t->line);
	return sasl_server_begin(server, has_initial, initial, &t->line);
}

static void
test_plain(struct trial *t)
{
	static const struct {
		const char *name; struct str message; enum sasl_step want; struct str login, password;
	} cases[] = {
		{ "RFC 4616 4, the first", STR("\0tim\0tanstaaftanstaaf"), SASL_PASSWORD, STR("tim"), STR("tanstaaftanstaaf") },
		{ "RFC 4616 4, the second: for somebody else", STR("Ursel\0Kurt\0xipj3plmq"), SASL_WRONG, STR("Kurt"), STR("xipj3plmq") },
		{ "for oneself", STR("tim\0tim\0pass"), SASL_PASSWORD, STR("tim"), STR("pass") },
		{ "prepared", STR("\0I\xc2\xadX\0p\xc2\xa0q"), SASL_PASSWORD, STR("IX"), STR("p q") },
		{ "without a password", STR("\0tim\0"), SASL_WRONG, STR("tim"), STR("") },
		{ "one NUL", STR("tim\0pass"), SASL_MALFORMED, STR(""), STR("") },
		{ "no NUL", STR("tim"), SASL_MALFORMED, STR(""), STR("") },
		{ "nothing", STR(""), SASL_MALFORMED, STR(""), STR("") },
		{ "a login that is not UTF-8", STR("\0t\xff\0pass"), SASL_MALFORMED, STR(""), STR("") },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int has_initial = 0; has_initial < 2; has_initial++) {
			struct sasl_server *server = sasl_server_new(t->sasl, SASL_PLAIN, t->users);
			struct str line = code(t, cases[i].message);
			enum sasl_step got;

			test_case("PLAIN, %s%s", cases[i].name, has_initial ? ", at once" : "");
			if (has_initial) {
				got = begin(t, server, true, line.len > 0 ? line : STR("="));
			} else {
				expect_int(begin(t, server, false, STR_EMPTY), SASL_CHALLENGE);
				expect_str(buf_str(&t->line), STR_EMPTY);
				got = answer(t, server, line);
			}
			expect_int(got, cases[i].want);
			if (cases[i].want != SASL_MALFORMED) {
				expect_str(sasl_server_login(server), cases[i].login);
				expect_str(sasl_server_password(server), cases[i].password);
			}
			sasl_server_free(server);
		}
	}
	test_case("longer than any names and password");
	{
		struct sasl_server *server = sasl_server_new(t->sasl, SASL_PLAIN, t->users);
		static char message[3000];

		memset(message, 'a', sizeof(message));
		memcpy(message, "\0tim", 5);
		expect_int(begin(t, server, true, code(t, str_n(message, sizeof(message)))), SASL_MALFORMED);
		expect_int((int64_t)sasl_server_login(server).len, 0);
		sasl_server_free(server);
	}
	test_case("NULs behind the password make no other password of it");
	{
		struct sasl_server *server = sasl_server_new(t->sasl, SASL_PLAIN, t->users);

		expect_int(begin(t, server, true, code(t, STR("\0tim\0pass\0more"))), SASL_MALFORMED);
		sasl_server_free(server);
	}
}

static void
test_login(struct trial *t)
{
	struct sasl_server *server = sasl_server_new(t->sasl, SASL_LOGIN, t->users);

	test_case("LOGIN asks for name and password");
	expect_int(begin(t, server, false, STR_EMPTY), SASL_CHALLENGE);
	expect_str(buf_str(&t->line), STR("VXNlcm5hbWU6"));
	expect_int(answer(t, server, STR("dGlt")), SASL_CHALLENGE);
	expect_str(buf_str(&t->line), STR("UGFzc3dvcmQ6"));
	expect_int(answer(t, server, STR("cGFzcw==")), SASL_PASSWORD);
	expect_str(sasl_server_login(server), STR("tim"));
	expect_str(sasl_server_password(server), STR("pass"));
	test_case("an exchange at its end goes no further");
	expect_int(answer(t, server, STR("cGFzcw==")), SASL_MALFORMED);
	sasl_server_free(server);

	server = sasl_server_new(t->sasl, SASL_LOGIN, t->users);
	test_case("LOGIN's name may come at once");
	expect_int(begin(t, server, true, STR("dGlt")), SASL_CHALLENGE);
	expect_str(buf_str(&t->line), STR("UGFzc3dvcmQ6"));
	expect_int(answer(t, server, STR("cGFzcw==")), SASL_PASSWORD);
	expect_str(sasl_server_login(server), STR("tim"));
	sasl_server_free(server);

	server = sasl_server_new(t->sasl, SASL_LOGIN, t->users);
	test_case("a NUL does not cut a name");
	begin(t, server, false, STR_EMPTY);
	expect_int(answer(t, server, code(t, STR("tim\0x"))), SASL_MALFORMED);
	sasl_server_free(server);
}

static void
test_lines(struct trial *t)
{
	static char endless[SASL_LINE_MAX_BYTES + 5];
	static const struct { const char *name; struct str line; enum sasl_step want; } cases[] = {
		{ "a star cancels", STR("*"), SASL_CANCELLED },
		{ "no base64", STR("dGlt!"), SASL_MALFORMED },
		{ "base64 without its padding", STR("dGltcA"), SASL_MALFORMED },
		{ "a line with blanks", STR("dG lt"), SASL_MALFORMED },
		{ "\"=\" is empty in AUTH's line only", STR("="), SASL_MALFORMED },
		{ "a command", STR("MAIL FROM:<a@example.org>"), SASL_MALFORMED },
		{ "a line that is too long", { endless, sizeof(endless) }, SASL_MALFORMED },
	};

	memset(endless, 'A', sizeof(endless));
	for (int m = 0; m < SASL_N_MECHANISMS; m++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct sasl_server *server = sasl_server_new(t->sasl, (enum sasl_mechanism)m, t->users);

			test_case("%s: %s", sasl_mechanism_name((enum sasl_mechanism)m), cases[i].name);
			expect_int(begin(t, server, false, STR_EMPTY), SASL_CHALLENGE);
			expect_int(answer(t, server, cases[i].line), cases[i].want);
			sasl_server_free(server);
		}
	}
}

/* Both our sides; they share the library, so gsasl's program and swaks judge in tests/live. */
static enum sasl_step
converse(struct trial *t, enum sasl_mechanism mechanism, struct str login, struct str password, bool *is_client_done)
{
	struct sasl_server *server = sasl_server_new(t->sasl, mechanism, t->users);
	struct sasl_client *client = sasl_client_new(t->sasl, mechanism, login, password);
	struct fault fault = { .text = "" };
	enum sasl_step got;
	struct buf reply;

	buf_init(&reply, SASL_LINE_MAX_BYTES);
	if (sasl_client_begins(mechanism)) {
		expect_int(sasl_client_step(client, STR_EMPTY, &reply, &fault), 0);
		got = begin(t, server, true, buf_str(&reply));
	} else
		got = begin(t, server, false, STR_EMPTY);
	while (got == SASL_CHALLENGE) {
		buf_clear(&reply);
		if (!expect_int(sasl_client_step(client, buf_str(&t->line), &reply, &fault), 0)) {
			expect_text(fault.text, "");
			break;
		}
		got = answer(t, server, buf_str(&reply));
	}
	*is_client_done = sasl_client_is_done(client);
	expect_str(sasl_server_login(server), login);
	buf_fini(&reply);
	sasl_server_free(server);
	sasl_client_free(client);
	return got;
}

static void
test_both(struct trial *t)
{
	static const enum sasl_step wants[] = { [SASL_PLAIN] = SASL_PASSWORD, [SASL_LOGIN] = SASL_PASSWORD,
	    [SASL_SCRAM_SHA_256] = SASL_PROVEN };
	bool is_done;

	for (int m = 0; m < SASL_N_MECHANISMS; m++) {
		test_case("client and server agree in %s", sasl_mechanism_name((enum sasl_mechanism)m));
		expect_int(converse(t, (enum sasl_mechanism)m, STR("user"), STR("pencil"), &is_done), wants[m]);
		expect(is_done);
	}
	test_case("SCRAM with a wrong password");
	expect_int(converse(t, SASL_SCRAM_SHA_256, STR("user"), STR("pencils"), &is_done), SASL_WRONG);
	expect(!is_done);
	test_case("SCRAM of nobody");
	expect_int(converse(t, SASL_SCRAM_SHA_256, STR("eve"), STR("pencil"), &is_done), SASL_WRONG);
	test_case("SCRAM where nobody has it proves nothing");
	{
		struct trial crypt = { .sasl = t->sasl };
		struct fault fault = { .text = "" };

		crypt.users = users_parse(STR("user:$5$saltsalt$hl9BvcGsj7AkON13nbqeQHDgRpHyFxt7WDzLoS.OCQ/"), "users", &fault);
		buf_init(&crypt.line, 2 * SASL_LINE_MAX_BYTES);
		expect(converse(&crypt, SASL_SCRAM_SHA_256, STR("user"), STR("pencil"), &is_done) != SASL_PROVEN);
		buf_fini(&crypt.line);
		users_unref(crypt.users);
	}
	test_case("SCRAM with \",\" and \"=\" in the name");
	expect_int(converse(t, SASL_SCRAM_SHA_256, STR("a,b=c"), STR("pencil"), &is_done), SASL_PROVEN);
}

/* --- a hostile server --- */

/* Gives our client's answer to a server-first message with this nonce's end, salt and count. */
static int
challenge(struct trial *t, const char *rest, struct fault *fault_out)
{
	struct sasl_client *client = sasl_client_new(t->sasl, SASL_SCRAM_SHA_256, STR("user"), STR("pencil"));
	char message[400];
	struct str first;
	int result;

	buf_clear(&t->line);
	sasl_client_step(client, STR_EMPTY, &t->line, fault_out);
	first = decoded(t, buf_str(&t->line));
	first = str_from(first, (size_t)str_find_str(first, STR("r=")));
	snprintf(message, sizeof(message), "%.*s%s", STR_ARG(first), rest);
	buf_clear(&t->line);
	result = sasl_client_step(client, code(t, str_of(message)), &t->line, fault_out);
	sasl_client_free(client);
	return result;
}

static void
test_hostile_server(struct trial *t)
{
	static const struct { const char *rest, *want; } cases[] = {
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295", "it asks for 4294967295 SCRAM iterations; 4096 to 1000000 are accepted" },
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967297", "it asks for 4294967297 SCRAM iterations; 4096 to 1000000 are accepted" },
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001", "it asks for 1000001 SCRAM iterations; 4096 to 1000000 are accepted" },
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1", "it asks for 1 SCRAM iterations; 4096 to 1000000 are accepted" },
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-4096", "its SCRAM challenge is malformed" },
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999999999999", "its SCRAM challenge is malformed" },
		{ "x,s=W22ZaJ0SNY7soEsUEjb6gQ==", "its SCRAM challenge is malformed" },
		{ "x,i=4096,s=W22ZaJ0SNY7soEsUEjb6gQ==", "its SCRAM challenge is malformed" },
		{ "x,s=!,i=4096", "its SCRAM-SHA-256 challenge is malformed" },
	};
	struct fault fault = { .text = "" };
	struct sasl_client *client;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("a server's %s is refused", cases[i].rest);
		expect_int(challenge(t, cases[i].rest, &fault), -1);
		expect_text(fault.text, cases[i].want);
	}
	test_case("an honest one is answered");
	expect_int(challenge(t, "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", &fault), 0);

	test_case("a server without the client's nonce, and one that forges its proof");
	client = sasl_client_new(t->sasl, SASL_SCRAM_SHA_256, STR("user"), STR("pencil"));
	buf_clear(&t->line);
	expect_int(sasl_client_step(client, STR_EMPTY, &t->line, &fault), 0);
	expect_int(sasl_client_step(client, code(t, STR("r=x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")), &t->line, &fault), -1);
	expect(!sasl_client_is_done(client));
	sasl_client_free(client);

	test_case("PLAIN has nothing to say to a second challenge");
	client = sasl_client_new(t->sasl, SASL_PLAIN, STR("user"), STR("pencil"));
	buf_clear(&t->line);
	expect_int(sasl_client_step(client, STR_EMPTY, &t->line, &fault), 0);
	expect(sasl_client_is_done(client));
	expect_str(decoded(t, buf_str(&t->line)), STR("\0user\0pencil"));
	expect_int(sasl_client_step(client, STR_EMPTY, &t->line, &fault), -1);
	expect_text(fault.text, "it goes on asking after the end of PLAIN");
	sasl_client_free(client);
}

int
main(void)
{
	struct fault fault = { .text = "" };
	struct trial t = {
		.sasl = sasl_new(),
		.users = users_parse(STR("user:" SCRAM "\na,b=c:" SCRAM "\n"), "users", &fault),
	};

	test_case("the library starts, the users are read");
	expect(t.sasl != NULL && t.users != NULL);
	buf_init(&t.line, 2 * SASL_LINE_MAX_BYTES);
	buf_init(&t.other, 2 * SASL_LINE_MAX_BYTES);
	test_plain(&t);
	test_login(&t);
	test_lines(&t);
	test_both(&t);
	test_hostile_server(&t);
	buf_fini(&t.line);
	buf_fini(&t.other);
	users_unref(t.users);
	sasl_free(t.sasl);
	return test_end();
}
