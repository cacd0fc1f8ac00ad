/*
 * test_srs.c - SRS addresses made and undone
 *
 * The hashes of the table are Python's hmac module's; test@otherdomain.com is PostSRSd's own test.  test_srs_judges.c has the
 * programs of others.
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/srs/srs.h"
#include "tests/expect.h"

#define DOMAIN	"fwd.example"
#define SECRET	"tops3cr3t"

enum { ARENA_BYTES = 64 * 1024 };

static const int64_t now_s = 1577836860;	/* 2020-01-01 00:01 UTC: 2W */
static const int64_t day_s = 24 * 60 * 60;

static struct timestamp
at(int64_t s)
{
	return (struct timestamp){ s * 1000000 };
}

static struct srs_rules *
rules_of(const char *const *secrets, char separator, int local_max_bytes)
{
	struct str list[SRS_SECRETS_MAX];
	struct srs_settings settings = { .domain = DOMAIN, .secrets = list, .separator = separator, .local_max_bytes = local_max_bytes };
	struct fault fault = { .text = "" };
	struct srs_rules *rules;

	for (; secrets[settings.n_secrets] != NULL; settings.n_secrets++)
		list[settings.n_secrets] = str_of(secrets[settings.n_secrets]);
	rules = srs_rules_new(&settings, &fault);
	expect_text(fault.text, "");
	insist(rules != NULL);
	return rules;
}

static struct srs_rules *
usual_rules(void)
{
	return rules_of((const char *const []){ SECRET, NULL }, '=', 0);
}

static struct address
address_of(const char *text)
{
	struct address address = { .local = STR_EMPTY, .domain = STR_EMPTY };

	insist(text[0] == '\0' || address_parse(str_of(text), true, &address));
	return address;
}

static enum srs_reverse_result
reverse(const struct srs_rules *rules, const char *text, int64_t s, struct arena *arena, struct str *text_out)
{
	struct address address = address_of(text), original = { .local = STR("unset"), .domain = STR_EMPTY };
	enum srs_reverse_result result = srs_reverse(rules, &address, at(s), arena, &original);

	expect(result == SRS_REVERSE_UNDONE || str_eq(original.local, STR("unset")));
	insist(address_text(&original, arena, text_out));
	return result;
}

static enum srs_forward_result
forward(const struct srs_rules *rules, const char *text, int64_t s, struct arena *arena, struct str *text_out)
{
	struct address address = address_of(text), made;
	enum srs_forward_result result = srs_forward(rules, &address, at(s), arena, &made);

	insist(address_text(&made, arena, text_out));
	return result;
}

/* --- forward --- */

static const struct {
	const char	*name, *reverse_path, *want;	/* NULL: needless */
	const char	*want_back;			/* NULL: the reverse_path */
	char		 separator;
} forwards[] = {
	{ "PostSRSd's example", "test@otherdomain.com", "SRS0=vmyz=2W=otherdomain.com=test@fwd.example", NULL, '=' },
	{ "a null reverse-path is left alone", "", NULL, NULL, '=' },
	{ "an address of the SRS domain is left alone", "u@fwd.example", NULL, NULL, '=' },
	{ "so in any case", "SRS0=HHHH=TT=a.example=u@FWD.Example", NULL, NULL, '=' },
	{ "a literal has no SPF", "u@[192.0.2.1]", NULL, NULL, '=' },
	{ "SRS0", "u@a.example", "SRS0=1S/b=2W=a.example=u@fwd.example", NULL, '=' },
	{ "case is kept, and not hashed", "User@A.Example", "SRS0=zWgn=2W=A.Example=User@fwd.example", NULL, '=' },
	{ "+ as separator", "u@a.example", "SRS0+1S/b=2W=a.example=u@fwd.example", NULL, '+' },
	{ "- as separator", "u@a.example", "SRS0-1S/b=2W=a.example=u@fwd.example", NULL, '-' },
	{ "separators inside a local part", "a=b+c-d@a.example", "SRS0=EyA6=2W=a.example=a=b+c-d@fwd.example", NULL, '=' },
	{ "U-labels go in as A-labels", "u@b\xc3\xbc" "cher.example", "SRS0=tw/i=2W=xn--bcher-kva.example=u@fwd.example",
	    "u@xn--bcher-kva.example", '=' },
	{ "a local part of UTF-8", "\xc3\xb6@a.example", "SRS0=rz37=2W=a.example=\xc3\xb6@fwd.example", NULL, '=' },
	{ "a quoted local part makes a quoted one", "\"a b\"@a.example", "\"SRS0=j30/=2W=a.example=a b\"@fwd.example", NULL, '=' },
	{ "a quoted pair is hashed as what it stands for", "\"a\\\"b\"@a.example", "\"SRS0=NSGs=2W=a.example=a\\\"b\"@fwd.example", NULL, '=' },
	{ "the empty quoted local part", "\"\"@a.example", "\"SRS0=frT0=2W=a.example=\"@fwd.example", NULL, '=' },
	{ "needless quotes are kept", "\"u\"@a.example", "\"SRS0=1S/b=2W=a.example=u\"@fwd.example", NULL, '=' },
	{ "SRS0 of another makes SRS1", "SRS0=HHHH=TT=a.example=u@b.example", "SRS1=trD/=b.example==HHHH=TT=a.example=u@fwd.example", NULL, '=' },
	{ "the first forwarder's separator is kept", "SRS0+HHHH=TT=a.example=u@b.example",
	    "SRS1=Kld2=b.example=+HHHH=TT=a.example=u@fwd.example", NULL, '=' },
	{ "ours stands in front", "SRS0=HHHH=TT=a.example=u@b.example", "SRS1-trD/=b.example==HHHH=TT=a.example=u@fwd.example", NULL, '-' },
	{ "a quoted SRS0", "\"SRS0=HHHH=TT=a.example=a b\"@b.example", "\"SRS1=vhSF=b.example==HHHH=TT=a.example=a b\"@fwd.example", NULL, '=' },
	{ "whatever stands behind SRS0=", "SRS0=@b.example", "SRS1=qUMN=b.example==@fwd.example", NULL, '=' },
	{ "SRS0 of a domain in U-labels", "SRS0=x@b\xc3\xbc" "cher.example", "SRS1=/eYY=xn--bcher-kva.example==x@fwd.example",
	    "SRS0=x@xn--bcher-kva.example", '=' },
	{ "SRS1 of another is signed anew and points to the first forwarder", "SRS1=XXXX=b.example==HHHH=TT=a.example=u@c.example",
	    "SRS1=trD/=b.example==HHHH=TT=a.example=u@fwd.example", "SRS0=HHHH=TT=a.example=u@b.example", '=' },
	{ "in lower case too", "srs1+xxxxxx=b.example==HHHH=TT=a.example=u@c.example",
	    "SRS1=trD/=b.example==HHHH=TT=a.example=u@fwd.example", "SRS0=HHHH=TT=a.example=u@b.example", '=' },
	{ "what only looks like SRS1 is wrapped", "SRS1=x@b.example", "SRS0=T7fx=2W=b.example=SRS1=x@fwd.example", NULL, '=' },
	{ "so with a host that is none", "SRS1=HHHH=b..c==x@b.example", "SRS0=g8vl=2W=b.example=SRS1=HHHH=b..c==x@fwd.example", NULL, '=' },
	{ "SRS0 without a separator is a name", "SRS0x@b.example", "SRS0=fAg5=2W=b.example=SRS0x@fwd.example", NULL, '=' },
};

static void
test_forward(void)
{
	for (size_t i = 0; i < sizeof(forwards) / sizeof(forwards[0]); i++) {
		struct srs_rules *rules = rules_of((const char *const []){ SECRET, NULL }, forwards[i].separator, 0);
		const char *want = forwards[i].want != NULL ? forwards[i].want : forwards[i].reverse_path;
		const char *back = forwards[i].want_back != NULL ? forwards[i].want_back : forwards[i].reverse_path;
		struct arena arena;
		struct str text, original;

		test_case("%s", forwards[i].name);
		arena_init(&arena, ARENA_BYTES);
		expect_text(srs_forward_word(forward(rules, forwards[i].reverse_path, now_s, &arena, &text)),
		    forwards[i].want != NULL ? "rewritten" : "needless");
		expect_str(text, str_of(want));
		if (forwards[i].want != NULL) {
			expect_text(srs_reverse_word(reverse(rules, want, now_s, &arena, &original)), "undone");
			expect_str(original, str_of(back));
		}
		arena_fini(&arena);
		srs_rules_free(rules);
	}
}

static void
test_lengths(void)
{
	static const struct {
		const char	*name, *in_front, *behind;
		int		 n_letters, local_max_bytes, want_bytes;	/* 0: too long */
	} rows[] = {
		{ "64 octets are made", "", "@a.example", 41, 0, 64 },
		{ "65 are too long", "", "@a.example", 42, 0, 0 },
		{ "unless the setting says so", "", "@a.example", 42, 65, 65 },
		{ "its limit is one too", "", "@a.example", 43, 65, 0 },
		{ "255 at most: what we take back", "", "@a.example", 232, 255, 255 },
		{ "256 are not made", "", "@a.example", 233, 255, 0 },
		{ "quotes count", "\"", "\"@a.example", 40, 0, 0 },
		{ "with them 64 are made", "\"", "\"@a.example", 39, 0, 64 },
		{ "SRS1 of 64 octets", "SRS0=HHHH=TT=a.example=", "@b.example", 25, 0, 64 },
		{ "SRS1 of 65", "SRS0=HHHH=TT=a.example=", "@b.example", 26, 0, 0 },
		{ "a long SRS1 of another goes on: it does not grow", "SRS1=XXXX=b.example==HHHH=TT=a.example=", "@c.example", 80, 0, 119 },
		{ "a long SRS1 of another with a longer hash shrinks", "SRS1=XXXXXX=b.example==HHHH=TT=a.example=", "@c.example", 80, 0, 119 },
		{ "a long address does not become longer", "", "@a.example", 80, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct srs_rules *rules = rules_of((const char *const []){ SECRET, NULL }, '=', rows[i].local_max_bytes);
		char letters[ADDRESS_MAX_BYTES + 1], text[2 * ADDRESS_MAX_BYTES];
		struct arena arena;
		struct str made;

		test_case("%s", rows[i].name);
		arena_init(&arena, ARENA_BYTES);
		memset(letters, 'u', sizeof(letters));
		snprintf(text, sizeof(text), "%s%.*s%s", rows[i].in_front, rows[i].n_letters, letters, rows[i].behind);
		expect_text(srs_forward_word(forward(rules, text, now_s, &arena, &made)), rows[i].want_bytes != 0 ? "rewritten" : "too-long");
		if (rows[i].want_bytes != 0)
			expect_int((int64_t)made.len, rows[i].want_bytes + (int64_t)strlen("@" DOMAIN));
		else
			expect_str(made, str_of(text));
		arena_fini(&arena);
		srs_rules_free(rules);
	}
}

/* --- reverse --- */

static const struct {
	const char	*name, *address, *want, *want_original;
} reverses[] = {
	{ "PostSRSd's example", "SRS0=vmyz=2W=otherdomain.com=test@fwd.example", "undone", "test@otherdomain.com" },
	{ "any other address", "u@fwd.example", "not-srs", NULL },
	{ "a bare <Postmaster> or <>", "", "not-srs", NULL },
	{ "SRS0 as a name", "SRS0@fwd.example", "not-srs", NULL },
	{ "SRS0 with no separator we know", "SRS0.1S/b=2W=a.example=u@fwd.example", "not-srs", NULL },
	{ "SRS2", "SRS2=1S/b=2W=a.example=u@fwd.example", "not-srs", NULL },
	{ "another domain", "SRS0=1S/b=2W=a.example=u@other.example", "foreign", NULL },
	{ "a domain below", "SRS0=1S/b=2W=a.example=u@x.fwd.example", "foreign", NULL },
	{ "a literal", "SRS0=1S/b=2W=a.example=u@[192.0.2.1]", "foreign", NULL },
	{ "all in lower case", "srs0=1s/b=2w=a.example=u@fwd.example", "undone", "u@a.example" },
	{ "all in upper case", "SRS0=1S/B=2W=A.EXAMPLE=U@FWD.EXAMPLE", "undone", "U@A.EXAMPLE" },
	{ "+ as separator", "SRS0+1S/b=2W=a.example=u@fwd.example", "undone", "u@a.example" },
	{ "- as separator", "srs0-1S/b=2W=a.example=u@fwd.example", "undone", "u@a.example" },
	{ "needless quotes came on the way", "\"SRS0=1S/b=2W=a.example=u\"@fwd.example", "undone", "\"u\"@a.example" },
	{ "needless quoted pairs came on the way", "\"SRS0=1S/b=2W=a.example=\\u\"@fwd.example", "undone", "\"\\u\"@a.example" },
	{ "needless quotes went on the way, those needed did not", "\"SRS0=j30/=2W=a.example=a\\ b\"@fwd.example", "undone", "\"a\\ b\"@a.example" },
	{ "a longer hash that is right", "SRS0=1S/bGDnBNremWDSe3f5ruoJZSZc=2W=a.example=u@fwd.example", "undone", "u@a.example" },
	{ "a longer hash that begins so", "SRS0=1S/bGDnBNremWDSe3f5ruoJZSZd=2W=a.example=u@fwd.example", "forged", NULL },
	{ "a hash longer than there is", "SRS0=1S/bGDnBNremWDSe3f5ruoJZSZc1=2W=a.example=u@fwd.example", "malformed", NULL },
	{ "a hash of three", "SRS0=1S/=2W=a.example=u@fwd.example", "malformed", NULL },
	{ "no hash", "SRS0==2W=a.example=u@fwd.example", "malformed", NULL },
	{ "nothing behind the tag", "SRS0=@fwd.example", "malformed", NULL },
	{ "only a hash", "SRS0=1S/b@fwd.example", "malformed", NULL },
	{ "no host", "SRS0=1S/b=2W@fwd.example", "malformed", NULL },
	{ "no user", "SRS0=1S/b=2W=a.example@fwd.example", "malformed", NULL },
	{ "an empty user", "SRS0=1S/b=2W=a.example=@fwd.example", "malformed", NULL },
	{ "a host that is none", "SRS0=1S/b=2W=a..example=u@fwd.example", "malformed", NULL },
	{ "a stamp of one", "SRS0=1S/b=2=a.example=u@fwd.example", "malformed", NULL },
	{ "a stamp of three", "SRS0=1S/b=A2W=a.example=u@fwd.example", "malformed", NULL },
	{ "a stamp that is not base32", "SRS0=1S/b=1W=a.example=u@fwd.example", "malformed", NULL },
	{ "another hash", "SRS0=1S/c=2W=a.example=u@fwd.example", "forged", NULL },
	{ "another secret's", "SRS0=H3wf=2W=a.example=u@fwd.example", "forged", NULL },
	{ "a forged one of long ago is forged, not expired", "SRS0=1S/b=AA=a.example=u@fwd.example", "forged", NULL },
	{ "SRS1", "SRS1=trD/=b.example==HHHH=TT=a.example=u@fwd.example", "undone", "SRS0=HHHH=TT=a.example=u@b.example" },
	{ "SRS1 in lower case", "srs1=trd/=b.example==hhhh=tt=a.example=u@fwd.example", "undone", "SRS0=hhhh=tt=a.example=u@b.example" },
	{ "SRS1 with another host", "SRS1=trD/=c.example==HHHH=TT=a.example=u@fwd.example", "forged", NULL },
	{ "SRS1 with another separator inside", "SRS1=trD/=b.example=+HHHH=TT=a.example=u@fwd.example", "forged", NULL },
	{ "SRS1 of the old kind, without a hash", "SRS1=b.example==HHHH=TT=a.example=u@fwd.example", "malformed", NULL },
	{ "SRS1 without anything behind the host", "SRS1=trD/=b.example=@fwd.example", "malformed", NULL },
	{ "SRS1 that ends at the host", "SRS1=trD/=b.example@fwd.example", "malformed", NULL },
	{ "SRS0's hash is none for SRS1", "SRS1=1S/b=2W=a.example=u@fwd.example", "forged", NULL },
};

static void
test_reverse(void)
{
	struct srs_rules *rules = usual_rules();

	for (size_t i = 0; i < sizeof(reverses) / sizeof(reverses[0]); i++) {
		struct arena arena;
		struct str original;

		test_case("back: %s", reverses[i].name);
		arena_init(&arena, ARENA_BYTES);
		expect_text(srs_reverse_word(reverse(rules, reverses[i].address, now_s, &arena, &original)), reverses[i].want);
		if (reverses[i].want_original != NULL)
			expect_str(original, str_of(reverses[i].want_original));
		arena_fini(&arena);
	}
	srs_rules_free(rules);
}

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/*
 * Each character replaced by each other one: what is undone differs in case only, or in the tag's separator, about which
 * there is no hash.
 */
static void
test_changes(void)
{
	static const char *const good[] = {
		"SRS0=1S/b=2W=a.example=u@fwd.example", "SRS1=trD/=b.example==HHHH=TT=a.example=u@fwd.example",
		"SRS0=EyA6=2W=a.example=a=b+c-d@fwd.example",
	};
	struct srs_rules *rules = usual_rules();

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int n_tried = 0, n_undone = 0;

		test_case("each character changed: %s", good[i]);
		for (size_t j = 0; good[i][j] != '@'; j++) {
			for (char c = '!'; c <= '~'; c++) {
				char changed[80];
				struct address address;
				struct arena arena;
				struct str original;

				snprintf(changed, sizeof(changed), "%s", good[i]);
				changed[j] = c;
				if (c == good[i][j] || !address_parse(str_of(changed), false, &address))
					continue;
				arena_init(&arena, ARENA_BYTES);
				n_tried++;
				if (reverse(rules, changed, now_s, &arena, &original) == SRS_REVERSE_UNDONE) {
					n_undone++;
					expect(lower(c) == lower(good[i][j]) || (j == 4 && strchr("=+-", c) != NULL));
				}
				arena_fini(&arena);
			}
		}
		expect(n_tried > 1500);
		expect(n_undone > 10 && n_undone < 40);
	}
	srs_rules_free(rules);
}

/* --- days --- */

static void
test_days(void)
{
	static const struct {
		const char	*name;
		int64_t		 passed_s;
		const char	*want;
	} rows[] = {
		{ "the same second", 0, "undone" },
		{ "21 days later", 21 * 86400, "undone" },
		{ "the last second of the 21st day", 22 * 86400 - 1, "undone" },
		{ "the 22nd day", 22 * 86400, "expired" },
		{ "half a turn later", 512 * 86400, "expired" },
		{ "the clock was set back by a day", -1, "undone" },
		{ "by a day at most", -86400, "undone" },
		{ "by more", -86401, "expired" },
		{ "two days before the stamp comes again", 1022 * 86400, "expired" },
		{ "1024 days later the stamp is today's again, as with all who do SRS", 1024 * 86400, "undone" },
	};
	struct srs_rules *rules = usual_rules();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case("age: %s", rows[i].name);
		/* Over the end of the 1024 days as well: each day of a turn is a beginning. */
		for (int64_t day = 0; day <= SRS_DAYS; day++) {
			int64_t made_s = 20 * SRS_DAYS * day_s + day * day_s;
			char room[200];
			struct arena arena;
			struct str text, original;

			arena_init(&arena, ARENA_BYTES);
			expect_int(forward(rules, "u@a.example", made_s, &arena, &text), SRS_FORWARD_REWRITTEN);
			snprintf(room, sizeof(room), "%.*s", STR_ARG(text));
			if (!expect_text(srs_reverse_word(reverse(rules, room, made_s + rows[i].passed_s, &arena, &original)), rows[i].want))
				day = SRS_DAYS;
			arena_fini(&arena);
		}
	}
	test_case("SRS1 has no day of its own");
	for (int64_t day = -40; day < SRS_DAYS; day += 13) {
		struct arena arena;
		struct str original;

		arena_init(&arena, ARENA_BYTES);
		expect_text(srs_reverse_word(reverse(rules, "SRS1=trD/=b.example==HHHH=TT=a.example=u@fwd.example", now_s + day * day_s, &arena, &original)), "undone");
		arena_fini(&arena);
	}
	srs_rules_free(rules);
}

/* That is how it is with all who make them (the hash is theirs, too): a hash is no proof of who the sender was. */
static void
test_parted_elsewhere(void)
{
	struct srs_rules *rules = usual_rules();
	struct str made, original, head;
	struct arena arena;
	char room[100];

	test_case("the same text parted elsewhere has the same hash");
	arena_init(&arena, ARENA_BYTES);
	expect_int(forward(rules, "mbob@victim.co", now_s, &arena, &made), SRS_FORWARD_REWRITTEN);
	head = str_sub(made, 0, strlen("SRS0=HHHH=TT="));
	snprintf(room, sizeof(room), "%.*svictim.com=bob@fwd.example", STR_ARG(head));
	expect_int(reverse(rules, room, now_s, &arena, &original), SRS_REVERSE_UNDONE);
	expect_str(original, STR("bob@victim.com"));
	arena_fini(&arena);
	srs_rules_free(rules);
}

/* --- settings --- */

static void
test_rotation(void)
{
	struct srs_rules *old = rules_of((const char *const []){ "older", NULL }, '=', 0);
	struct srs_rules *both = rules_of((const char *const []){ SECRET, "x", "older", NULL }, '=', 0);
	struct srs_rules *new = usual_rules();
	struct arena arena;
	struct str text;

	arena_init(&arena, ARENA_BYTES);
	test_case("the first secret signs");
	expect_int(forward(both, "u@a.example", now_s, &arena, &text), SRS_FORWARD_REWRITTEN);
	expect_str(text, STR("SRS0=1S/b=2W=a.example=u@fwd.example"));
	test_case("all verify");
	expect_int(reverse(both, "SRS0=1S/b=2W=a.example=u@fwd.example", now_s, &arena, &text), SRS_REVERSE_UNDONE);
	expect_int(reverse(both, "SRS0=H3wf=2W=a.example=u@fwd.example", now_s, &arena, &text), SRS_REVERSE_UNDONE);
	expect_int(reverse(old, "SRS0=H3wf=2W=a.example=u@fwd.example", now_s, &arena, &text), SRS_REVERSE_UNDONE);
	test_case("a secret that is gone does not");
	expect_int(reverse(new, "SRS0=H3wf=2W=a.example=u@fwd.example", now_s, &arena, &text), SRS_REVERSE_FORGED);
	expect_int(reverse(old, "SRS0=1S/b=2W=a.example=u@fwd.example", now_s, &arena, &text), SRS_REVERSE_FORGED);
	arena_fini(&arena);
	srs_rules_free(old);
	srs_rules_free(both);
	srs_rules_free(new);
}

static void
test_settings(void)
{
	static char long_secret[SRS_SECRET_MAX_BYTES + 1], long_domain[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb."
	    "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
	struct str secrets[SRS_SECRETS_MAX + 1], empty = STR_EMPTY, too_long = str_n(long_secret, sizeof(long_secret));
	const struct {
		const char		*name;
		struct srs_settings	 settings;
	} rows[] = {
		{ "no domain", { "", secrets, 1, 0, 0, 0 } },
		{ "a literal as domain", { "[192.0.2.1]", secrets, 1, 0, 0, 0 } },
		{ "a domain so long that the path would be too", { long_domain, secrets, 1, 0, 0, 0 } },
		{ "no secret", { DOMAIN, secrets, 0, 0, 0, 0 } },
		{ "too many secrets", { DOMAIN, secrets, SRS_SECRETS_MAX + 1, 0, 0, 0 } },
		{ "an empty secret", { DOMAIN, &empty, 1, 0, 0, 0 } },
		{ "a secret of 1001 bytes", { DOMAIN, &too_long, 1, 0, 0, 0 } },
		{ "an age below 0", { DOMAIN, secrets, 1, -1, 0, 0 } },
		{ "an age of more than a year", { DOMAIN, secrets, 1, 366, 0, 0 } },
		{ "a separator of another kind", { DOMAIN, secrets, 1, 0, '.', 0 } },
		{ "a limit below 64", { DOMAIN, secrets, 1, 0, 0, 63 } },
		{ "a limit above what we take", { DOMAIN, secrets, 1, 0, 0, 256 } },
	};
	struct srs_settings good = { DOMAIN, secrets, SRS_SECRETS_MAX, 365, '-', 255 };
	struct srs_rules *rules;

	for (int i = 0; i <= SRS_SECRETS_MAX; i++)
		secrets[i] = STR("s");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault fault = { .text = "" };

		test_case("refused: %s", rows[i].name);
		expect(srs_rules_new(&rows[i].settings, &fault) == NULL);
		expect_int(fault.kind, FAULT_PERMANENT);
		expect(fault.text[0] != '\0');
	}
	test_case("the bounds themselves are taken");
	rules = srs_rules_new(&good, NULL);
	expect(rules != NULL);
	srs_rules_free(rules);
}

static void
test_secrets_read(void)
{
	struct str secrets[SRS_SECRETS_MAX];
	struct fault fault;
	char many[2 * SRS_SECRETS_MAX + 3], line[SRS_SECRET_MAX_BYTES + 2];
	int n = -1;

	test_case("one secret a line, with its blanks, the last one with or without a line end");
	expect_int(srs_secrets_read(STR("one\n\ntwo \r\n #x"), secrets, &n, &fault), 0);
	expect_int(n, 3);
	expect_str(secrets[0], STR("one"));
	expect_str(secrets[1], STR("two "));
	expect_str(secrets[2], STR(" #x"));
	test_case("no secret is a fault");
	expect_int(srs_secrets_read(STR("\n\r\n\n"), secrets, &n, &fault), -1);
	expect_int(n, 0);
	expect_int(fault.kind, FAULT_PERMANENT);
	test_case("16 can be, 17 cannot");
	for (int i = 0; i <= SRS_SECRETS_MAX; i++)
		snprintf(many + 2 * i, 3, "s\n");
	expect_int(srs_secrets_read(str_n(many, sizeof(many) - 1), secrets, &n, &fault), -1);
	expect_int(srs_secrets_read(str_n(many, 2 * SRS_SECRETS_MAX), secrets, &n, &fault), 0);
	expect_int(n, SRS_SECRETS_MAX);
	test_case("1000 bytes can be, 1001 cannot");
	memset(line, 's', sizeof(line));
	expect_int(srs_secrets_read(str_n(line, SRS_SECRET_MAX_BYTES), secrets, &n, &fault), 0);
	expect_int(srs_secrets_read(str_n(line, SRS_SECRET_MAX_BYTES + 1), secrets, &n, &fault), -1);
}

static void
test_no_memory(void)
{
	struct srs_rules *rules = usual_rules();
	struct address path = address_of("\"a b\"@b\xc3\xbc" "cher.example"), made, undone;
	int n_failed = 0, n_made = 0, n_unmade = 0, n_undone = 0;
	struct arena whole;

	test_case("without memory it is a failure of ours, never a verdict");
	arena_init(&whole, ARENA_BYTES);
	expect_int(srs_forward(rules, &path, at(now_s), &whole, &made), SRS_FORWARD_REWRITTEN);
	for (size_t room = 0; room < 6000; room += 8) {
		struct address got;
		struct arena arena;
		enum srs_forward_result forward;
		enum srs_reverse_result reverse;

		arena_init(&arena, room);
		forward = srs_forward(rules, &path, at(now_s), &arena, &got);
		expect(forward == SRS_FORWARD_FAILED ? address_eq(&got, &path) : forward == SRS_FORWARD_REWRITTEN);
		forward == SRS_FORWARD_FAILED ? n_failed++ : n_made++;
		arena_fini(&arena);
		reverse = srs_reverse(rules, &made, at(now_s), &arena, &undone);
		expect(reverse == SRS_REVERSE_FAILED || reverse == SRS_REVERSE_UNDONE);
		reverse == SRS_REVERSE_FAILED ? n_unmade++ : n_undone++;
		arena_fini(&arena);
	}
	expect(n_failed > 0 && n_made > 0 && n_unmade > 0 && n_undone > 0);
	arena_fini(&whole);
	srs_rules_free(rules);
}

int
main(void)
{
	test_forward();
	test_lengths();
	test_reverse();
	test_changes();
	test_days();
	test_parted_elsewhere();
	test_rotation();
	test_settings();
	test_secrets_read();
	test_no_memory();
	return test_end();
}
