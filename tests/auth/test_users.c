/*
 * test_users.c - verifiers and the users file
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/code.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/auth/users.h"
#include "tests/expect.h"

/* RFC 7677 3: user "user", password "pencil". */
#define SALT	"W22ZaJ0SNY7soEsUEjb6gQ=="
#define RFC7677	"SCRAM-SHA-256$4096:" SALT "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define AUTH_MESSAGE \
	"n=user,r=rOprNGfwEbeRWgbNEkqO," \
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=" SALT ",i=4096," \
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define PROOF	"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SIGNATURE	"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

/* Made by openssl passwd, for "pencil". */
#define SHA512	"$6$saltsalt$rD9fW1BwIrjB90WCgCTdIQc3phTBhf04I6Iw/XlgKD9E9aEbzqGZipjiFxGo/4wWXDA6jV6/vZO.kKdDSfUJb0"
#define SHA256	"$5$saltsalt$hl9BvcGsj7AkON13nbqeQHDgRpHyFxt7WDzLoS.OCQ/"

enum { TEXT_MAX_BYTES = 2000 };

static struct str
code(const char *text, struct buf *room)
{
	buf_clear(room);
	expect_int(base64_decode(str_of(text), room), 0);
	return buf_str(room);
}

static void
test_rfc7677(void)
{
	unsigned char signature[SCRAM_KEY_BYTES], client_key[SCRAM_KEY_BYTES], stored[SCRAM_KEY_BYTES];
	struct verifier verifier;
	struct buf room, made;
	const char *why;

	test_case("SCRAM keys are those of RFC 7677's example");
	buf_init(&room, TEXT_MAX_BYTES);
	buf_init(&made, TEXT_MAX_BYTES);
	expect_int((int64_t)code(SALT, &room).len, SCRAM_SALT_MADE_BYTES);
	expect_int(verifier_make_scram(STR("pencil"), (const uint8_t *)room.at, 4096, &made), 0);
	expect_str(buf_str(&made), STR(RFC7677));
	expect_int(verifier_parse(buf_str(&made), &verifier, &why), 0);
	expect_int(verifier.kind, VERIFIER_SCRAM);
	expect_int(verifier.scram.iterations, 4096);

	/* The example's proof and signature, by RFC 5802 3's formulas from our keys. */
	HMAC(EVP_sha256(), verifier.scram.stored_key, SCRAM_KEY_BYTES, (const unsigned char *)AUTH_MESSAGE,
	    sizeof(AUTH_MESSAGE) - 1, signature, NULL);
	code(PROOF, &room);
	for (int i = 0; i < SCRAM_KEY_BYTES; i++)
		client_key[i] = (unsigned char)room.at[i] ^ signature[i];
	EVP_Digest(client_key, sizeof(client_key), stored, NULL, EVP_sha256(), NULL);
	expect_str(str_n(stored, sizeof(stored)), str_n(verifier.scram.stored_key, SCRAM_KEY_BYTES));
	HMAC(EVP_sha256(), verifier.scram.server_key, SCRAM_KEY_BYTES, (const unsigned char *)AUTH_MESSAGE,
	    sizeof(AUTH_MESSAGE) - 1, signature, NULL);
	expect_str(str_n(signature, sizeof(signature)), code(SIGNATURE, &room));
	buf_fini(&room);
	buf_fini(&made);
}

static void
test_fits(void)
{
	static const struct { const char *name, *text; } cases[] = {
		{ "SCRAM", RFC7677 }, { "SHA-512 crypt", SHA512 }, { "SHA-256 crypt", SHA256 },
	};
	struct verifier verifier;
	struct buf made;
	const char *why;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case("%s knows its password and no other", cases[i].name);
		expect_int(verifier_parse(str_of(cases[i].text), &verifier, &why), 0);
		expect(verifier_fits(&verifier, STR("pencil")));
		expect(!verifier_fits(&verifier, STR("Pencil")));
		expect(!verifier_fits(&verifier, STR("pencil ")));
		expect(!verifier_fits(&verifier, STR_EMPTY));
		expect(!verifier_fits(&verifier, STR("pencil\0x")));
	}
	test_case("a yescrypt that is made knows its password");
	buf_init(&made, TEXT_MAX_BYTES);
	expect_int(verifier_make_crypt(STR("pencil"), &made), 0);
	buf_append_char(&made, '\0');
	expect(str_starts(buf_str(&made), STR("$y$")));
	expect_int(verifier_parse(str_of(made.at), &verifier, &why), 0);
	expect(verifier_fits(&verifier, STR("pencil")));
	expect(!verifier_fits(&verifier, STR("pencils")));
	buf_fini(&made);
}

static void
test_file(void)
{
	struct fault fault = { .text = "" };
	struct users *users = users_parse(STR(
	    "# who may send\n"
	    "\n"
	    "  user:" RFC7677 "  \r\n"
	    "mailman@lists.example.org:" SHA512 "\n"
	    "I\xc2\xadX:" SHA256), "users", &fault);
	struct scram_keys keys, again;
	bool is_known;

	test_case("comments, blank lines, blanks and CRs are passed over");
	if (!expect(users != NULL))
		return;
	expect_int(users_n(users), 3);
	expect_int(users_n_scram(users), 1);
	test_case("a user is found by the exact name");
	expect_int(users_find(users, STR("user"), &is_known)->kind, VERIFIER_SCRAM);
	expect(is_known);
	expect_str(users_find(users, STR("mailman@lists.example.org"), &is_known)->hash, STR(SHA512));
	expect(is_known);
	users_find(users, STR("User"), &is_known);
	expect(!is_known);
	test_case("names are prepared (RFC 4013 3)");
	expect_str(users_find(users, STR("IX"), &is_known)->hash, STR(SHA256));
	expect(is_known);
	test_case("a stranger has a verifier too, always the same one");
	expect(users_find(users, STR("eve"), &is_known) == users_find(users, STR("eve"), &is_known));
	expect(!is_known);

	test_case("SCRAM keys are the user's own");
	expect(users_find_scram(users, STR("user"), &keys));
	expect_int(keys.iterations, 4096);
	expect_int(keys.stored_key[0], 0x58);
	test_case("who has no SCRAM verifier gets a salt that stays the same and differs from others'");
	expect(users_find_scram(users, STR("eve"), &keys));
	expect(users_find_scram(users, STR("eve"), &again));
	expect_str(str_n(keys.salt, keys.n_salt_bytes), str_n(again.salt, again.n_salt_bytes));
	expect_int(keys.iterations, 4096);
	expect_int((int64_t)keys.n_salt_bytes, 16);
	expect(users_find_scram(users, STR("mailman@lists.example.org"), &again));
	expect(!str_eq(str_n(keys.salt, keys.n_salt_bytes), str_n(again.salt, again.n_salt_bytes)));
	users_unref(users_ref(users));
	users_unref(users);

	test_case("the made-up salt outlives a reload");
	users = users_parse(STR("new:" SHA512 "\nuser:" RFC7677 "\n"), "users", &fault);
	expect(users_find_scram(users, STR("eve"), &again));
	expect_str(str_n(keys.salt, keys.n_salt_bytes), str_n(again.salt, again.n_salt_bytes));
	users_unref(users);

	test_case("without a SCRAM verifier there is no SCRAM, without users nobody to compare with");
	users = users_parse(STR("mailman:" SHA512), "users", &fault);
	expect(!users_find_scram(users, STR("mailman"), &keys));
	users_unref(users);
	users = users_parse(STR_EMPTY, "users", &fault);
	expect_int(users_n(users), 0);
	expect(users_find(users, STR("eve"), &is_known) == NULL);
	users_unref(users);
}

static void
test_wrong_lines(void)
{
	static const struct { const char *name; struct str text; const char *want; } cases[] = {
		{ "no colon, and the line is not shown", STR("#\nmailman secret"), "users:2: is no name:verifier" },
		{ "no name", STR(":" SHA512), "users:1: \"\" is no name of 1 to 255 bytes of UTF-8" },
		{ "a name that is not UTF-8", STR("a\xff:" SHA512), "users:1: \"a\\xff\" is no name of 1 to 255 bytes of UTF-8" },
		{ "a name twice", STR("a:" SHA512 "\n\na:" SHA256), "users:3: \"a\" stands in line 1 too" },
		{ "clear text", STR("a:pencil"), "users:1: \"a\" is neither a crypt(3) hash nor a SCRAM-SHA-256 verifier; make one with smtpfwdctl passwd" },
		{ "DES", STR("a:ab1cd2ef3gh4i"), "users:1: \"a\" is neither a crypt(3) hash nor a SCRAM-SHA-256 verifier; make one with smtpfwdctl passwd" },
		{ "nothing", STR("a:"), "users:1: \"a\" is neither a crypt(3) hash nor a SCRAM-SHA-256 verifier; make one with smtpfwdctl passwd" },
		{ "MD5", STR("a:$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41"), "users:1: \"a\" is a hash that is too weak or unknown; make one with smtpfwdctl passwd" },
		{ "a hash that is cut", STR("a:$6$saltsalt$abcdef"), "users:1: \"a\" is a crypt(3) hash that is cut or damaged" },
		{ "a hash of hours", STR("a:$6$rounds=999999999$saltsalt$rD9fW1BwIrjB90WCgCTdIQc3phTBhf04I6Iw/XlgKD9E9aEbzqGZipjiFxGo/4wWXDA6jV6/vZO.kKdDSfUJb0"),
		  "users:1: \"a\" is a hash that would take too long: more than 5,000,000 rounds, or a cost above 15" },
		{ "a bcrypt of days", STR("a:$2b$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234"),
		  "users:1: \"a\" is a hash that would take too long: more than 5,000,000 rounds, or a cost above 15" },
		{ "few iterations", STR("a:SCRAM-SHA-256$4095:" SALT "$x:y"), "users:1: \"a\" has SCRAM iterations outside of 4096 to 1000000" },
		{ "many iterations", STR("a:SCRAM-SHA-256$4294967295:" SALT "$x:y"), "users:1: \"a\" has SCRAM iterations outside of 4096 to 1000000" },
		{ "a short key", STR("a:SCRAM-SHA-256$4096:" SALT "$AAAA:AAAA"), "users:1: \"a\" has a SCRAM key that is not base64 of 32 bytes" },
		{ "no salt", STR("a:SCRAM-SHA-256$4096:$AAAA:AAAA"), "users:1: \"a\" has a SCRAM salt that is not base64 of 1 to 64 bytes" },
		{ "half a SCRAM", STR("a:SCRAM-SHA-256$4096:" SALT), "users:1: \"a\" is no SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault fault = { .text = "" };

		test_case("refused: %s", cases[i].name);
		expect(users_parse(cases[i].text, "users", &fault) == NULL);
		expect_text(fault.text, cases[i].want);
	}
}

static void
test_permissions(void)
{
	char path[] = "/tmp/test_users.XXXXXX", want[200];
	int fd = mkstemp(path);
	struct fault fault = { .text = "" };
	struct users *users;
	struct buf line;

	test_case("a users file that all may read is refused");
	expect(write(fd, "a:" SHA512 "\n", sizeof("a:" SHA512)) > 0);
	expect_int(fchmod(fd, 0644), 0);
	expect(users_read(path, &fault) == NULL);
	snprintf(want, sizeof(want), "%s: is open to all users of this machine (chmod o= %s)", path, path);
	expect_text(fault.text, want);
	test_case("one that a group may read is read");
	expect_int(fchmod(fd, 0640), 0);
	users = users_read(path, &fault);
	expect(users != NULL && users_n(users) == 1);
	users_unref(users);
	test_case("a password file's first line is the password");
	buf_init(&line, TEXT_MAX_BYTES);
	expect_int(ftruncate(fd, 0), 0);
	expect(pwrite(fd, " two words \r\nsecond\n", 20, 0) == 20);
	expect_int(secret_file_read_line(path, &line, &fault), 0);
	expect_str(buf_str(&line), STR("two words"));
	test_case("an empty one is refused");
	expect_int(ftruncate(fd, 0), 0);
	expect_int(secret_file_read_line(path, &line, &fault), -1);
	snprintf(want, sizeof(want), "%s: its first line is empty", path);
	expect_text(fault.text, want);
	close(fd);
	unlink(path);
	test_case("so is a missing one");
	expect_int(secret_file_read_line(path, &line, &fault), -1);
	snprintf(want, sizeof(want), "%s: No such file or directory", path);
	expect_text(fault.text, want);
	buf_fini(&line);
}

int
main(void)
{
	test_rfc7677();
	test_fits();
	test_file();
	test_wrong_lines();
	test_permissions();
	return test_end();
}
