/*
 * test_dkim_judges.c - what we sign is right for two verifiers that others wrote, libopendkim and dkimpy, on mails that hurt
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/mem.h"
#include "policy/dkim/dkim_sign.h"
#include "tests/expect.h"
#include "tests/policy/dkim_judge.h"
#include "tests/policy/dkim_vectors.h"

#define DOMAIN		"football.example.com"

enum {
	ROOM_MAX_BYTES = 64 * 1024 * 1024,
	NOW_S = 1528637909,
	SHOWN_MAX = 5,
	N_KEYS = 3,
	BIG_BODY_BYTES = 10 * 1024 * 1024,
};

struct judged_key {
	const char	*selector;
	struct dkim_key	*key;
	const char	*record;
};

struct scene {
	struct judged_key keys[N_KEYS];	/* RSA of 2048 bits, Ed25519, RSA of 1024 bits */
	struct dkim_judge *opendkim;
	FILE		*dkimpy;
	char		 answers[40];
	int		 n_told;
};

/* --- the mails --- */

#define FROM	"From: Joe <joe@football.example.com>\r\n"

static const struct mail_row {
	const char	*name, *header, *body;
} mails[] = {
	{ "the mail of RFC 8463", RFC8463_HEADER, RFC8463_BODY },
	{ "an empty body", FROM "Subject: x\r\n\r\n", "" },
	{ "a body of one empty line", FROM "Subject: x\r\n\r\n", "\r\n" },
	{ "a body of empty lines", FROM "Subject: x\r\n\r\n", "\r\n\r\n\r\n\r\n" },
	{ "a body of blanks", FROM "Subject: x\r\n\r\n", "  \t\r\n \r\n\t\r\n" },
	{ "blanks and empty lines at the end", FROM "\r\n", "a \t \r\n b\t\tc  \r\n\r\n \r\n\r\n" },
	{ "empty lines at the start and in the middle", FROM "\r\n", "\r\n\r\na\r\n\r\n\r\nb\r\n" },
	{ "dots", FROM "\r\n", ".\r\n..\r\n...\r\n" },
	{ "values folded everywhere", "From:\r\n Joe\r\n\t<joe@football.example.com>  \r\nSubject: a\r\n  b \r\n\tc\r\n   d\r\nTo:\r\n\ta@example.net,\r\n b@example.net\r\n\r\n", "x\r\n" },
	{ "empty values", FROM "Subject:\r\nTo: \r\nCc: \t \r\nReply-To:\t\r\n\r\n", "x\r\n" },
	{ "repeated fields, signed and not", "To: 1@example.net\r\nReceived: a\r\n" FROM "To: 2@example.net\r\nSubject: a\r\nSubject: b\r\nReceived: b\r\n"
	  "TO: 3@example.net\r\nX-A: 1\r\nX-A: 2\r\nsubject: c\r\n\r\n", "x\r\n" },
	{ "names in odd case, colons in values", "fROM: Joe <joe@football.example.com>\r\nsUbJeCt: a: b :c\r\nMESSAGE-id:<1@x>\r\n\r\n", "a: b\r\n" },
	{ "8-bit bytes in fields and body", FROM "Subject: \xc3\xa4\xe2\x82\xac \xff\xfe\r\n\r\n", "\xc3\xa4 \x80\xff\xa0 \r\n\xa0\r\n" },
	{ "controls", FROM "Subject: a\x01\x7f\x62\r\n\r\n", "\x01\x0b \x0c\x1b\r\n" },
	{ "a mail of a list, in MIME", FROM "To: list@example.net\r\nCc: a@example.net\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <a@b>\r\n"
	  "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"=_x;y\"\r\nContent-Transfer-Encoding: 8bit\r\nList-Id: <l.example.net>\r\n"
	  "List-Unsubscribe: <https://example.net/u?a=1;b=2>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nIn-Reply-To: <1@b>\r\n"
	  "References: <1@b>\r\n <2@b>\r\nSender: l@example.net\r\nReply-To: l@example.net\r\n\r\n",
	  "--=_x;y\r\nContent-Type: text/plain\r\n\r\nhello = world;\r\n--=_x;y--\r\n" },
	/* Not for dkimpy: it takes no blank before a colon, which RFC 5322 4.5 lets be read; and the stranger's key is nowhere. */
	{ "the fields of RFC 6376 3.4.5", FROM "Reply-To: X\r\nSubject : Y\t\r\n\tZ  \r\n\r\n", " C \r\nD \t E\r\n\r\n\r\n" },
	{ "a signature of somebody else's below", "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from; bh=x; b=x\r\n" FROM "Subject: x\r\n\r\n", "x\r\n" },
};
enum {
	N_MAILS = sizeof(mails) / sizeof(mails[0]),
	N_MAILS_FOR_DKIMPY = N_MAILS - 2,
};

/* Signed by the first n keys, the body in pieces.  The whole mail goes to out. */
static void
sign(const struct scene *s, int n_keys, bool is_simple_header, bool is_simple_body, struct str header, struct str body,
    size_t piece_bytes, struct buf *out)
{
	struct dkim_signer_settings settings = {
		.domain = DOMAIN, .n_selectors = n_keys, .is_simple_header = is_simple_header, .is_simple_body = is_simple_body,
	};
	struct header_section section;
	struct dkim_signer *signer;
	struct dkim_signing *signing;
	struct arena arena;

	for (int i = 0; i < n_keys; i++)
		settings.selectors[i] = (struct dkim_selector){ s->keys[i].selector, s->keys[i].key };
	arena_init(&arena, ROOM_MAX_BYTES);
	insist(header_read(header, &arena, &section) == 0 && section.has_empty_line);
	signer = dkim_signer_new(&settings, NULL);
	signing = dkim_signing_new(signer, &section, (struct timestamp){ NOW_S * INT64_C(1000000) }, NULL);
	insist(signing != NULL);
	for (size_t at = 0; at < body.len; at += piece_bytes)
		dkim_signing_body(signing, str_sub(body, at, piece_bytes));
	dkim_signing_ready(signing);
	buf_clear(out);
	insist(dkim_signing_sign(signing, NULL) == 0 && dkim_signing_fields(signing, out) == 0);
	insist(buf_append(out, header) == 0 && buf_append(out, body) == 0);
	dkim_signing_free(signing);
	dkim_signer_free(signer);
	arena_fini(&arena);
}

/* --- dkimpy --- */

static void
dkimpy_start(struct scene *s)
{
	const char *top = getenv("top_srcdir");
	char command[1000];
	int fd;

	strcpy(s->answers, "/tmp/smtpfwd-dkimpy.XXXXXX");
	fd = mkstemp(s->answers);
	insist(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/tests/policy/dkimpy_judge.py' >%s", top != NULL ? top : ".", s->answers);
	s->dkimpy = popen(command, "w");
	insist(s->dkimpy != NULL);
	for (int i = 0; i < N_KEYS; i++)
		fprintf(s->dkimpy, "%s._domainkey." DOMAIN ". %s\n", s->keys[i].selector, s->keys[i].record);
	fputc('\n', s->dkimpy);
}

static void
dkimpy_tell(struct scene *s, int n_signatures, struct str mail)
{
	fprintf(s->dkimpy, "%d %zu\n", n_signatures, mail.len);
	insist(fwrite(mail.at, 1, mail.len, s->dkimpy) == mail.len);
	s->n_told++;
}

static int
dkimpy_end(struct scene *s)
{
	int n_right = -1, status = pclose(s->dkimpy);
	FILE *in = fopen(s->answers, "r");
	char line[1000];

	insist(in != NULL);
	for (int n = 0; fgets(line, sizeof(line), in) != NULL; n++)
		if (sscanf(line, "right: %d", &n_right) != 1 && n < SHOWN_MAX)
			printf("# %s", line);
	fclose(in);
	unlink(s->answers);
	return status == 0 ? n_right : -1;
}

/* --- the tests --- */

static void
test_mails(struct scene *s)
{
	struct buf mail;

	buf_init(&mail, ROOM_MAX_BYTES);
	for (int i = 0; i < N_MAILS; i++) {
		test_case("libopendkim takes both signatures, all canonical forms: %s", mails[i].name);
		for (int canon = 0; canon < 4; canon++) {
			sign(s, 2, canon & 1, canon & 2, str_of(mails[i].header), str_of(mails[i].body), (size_t)i + 1, &mail);
			expect_int(dkim_judge_n_right(s->opendkim, DOMAIN, buf_str(&mail)), 2);
			if (i < N_MAILS_FOR_DKIMPY)
				dkimpy_tell(s, 2, buf_str(&mail));
		}
	}
	buf_fini(&mail);
}

static void
test_big(struct scene *s)
{
	struct buf body, mail;
	uint32_t dice = 1;

	buf_init(&body, ROOM_MAX_BYTES);
	buf_init(&mail, ROOM_MAX_BYTES);
	test_case("10 MB, with lines of all lengths and all bytes, blanks and empty lines among them");
	while (body.len < BIG_BODY_BYTES) {
		dice = dice * 1664525 + 1013904223;
		if ((dice >> 24) < 4)
			buf_append(&body, STR("\r\n"));
		else if ((dice >> 24) < 40)
			buf_append(&body, STR(" \t "));
		else if (dice >> 24 != '\r' && dice >> 24 != '\n')
			buf_append_char(&body, (char)(dice >> 24));
	}
	buf_append(&body, STR(" \r\n"));
	for (int canon = 0; canon < 4; canon += 3) {
		sign(s, 2, canon & 1, canon & 2, STR(RFC8463_HEADER), buf_str(&body), 60000, &mail);
		expect_int(dkim_judge_n_right(s->opendkim, DOMAIN, buf_str(&mail)), 2);
		dkimpy_tell(s, 2, buf_str(&mail));
	}
	test_case("a line of 1 MB, and 100,000 empty lines before the end");
	buf_clear(&body);
	for (int i = 0; i < 1024 * 1024; i++)
		buf_append_char(&body, (char)('a' + i % 26));
	for (int i = 0; i < 100 * 1000; i++)
		buf_append(&body, STR("\r\n"));
	for (int canon = 0; canon < 4; canon += 3) {
		sign(s, 2, canon & 1, canon & 2, STR(RFC8463_HEADER), buf_str(&body), 4099, &mail);
		expect_int(dkim_judge_n_right(s->opendkim, DOMAIN, buf_str(&mail)), 2);
		dkimpy_tell(s, 2, buf_str(&mail));
	}
	buf_fini(&body);
	buf_fini(&mail);
}

/* What somebody on the way changes: what he adds on top, or a byte of the original. */
static const struct change {
	const char	*name, *on_top, *from, *to;
	int		 n_right;	/* signatures, of two */
} changes[] = {
	{ "nothing changed", "", "", "", 2 },
	{ "a trace field on top", "Received: by x\r\n", "", "", 2 },
	{ "a second From on top", "From: boss@example.com\r\n", "", "", 0 },
	{ "a second Subject on top", "Subject: urgent\r\n", "", "", 0 },
	{ "a Reply-To where there was none", "Reply-To: x@example.com\r\n", "", "", 0 },
	{ "a second Date on top", "Date: now\r\n", "", "", 0 },
	{ "another word of the body", "", "hungry", "thirsty", 0 },
	{ "another subject", "", "dinner", "supper", 0 },
	{ "a blank more in the body, which is relaxed", "", "game.  Are", "game.    Are", 2 },
};

static void
test_changes(struct scene *s)
{
	struct buf mail, changed;

	buf_init(&mail, ROOM_MAX_BYTES);
	buf_init(&changed, ROOM_MAX_BYTES);
	sign(s, 2, false, false, STR(RFC8463_HEADER), STR(RFC8463_BODY), 7, &mail);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		ptrdiff_t at = str_find_str(buf_str(&mail), str_of(changes[i].from));

		test_case("changed on the way: %s", changes[i].name);
		buf_clear(&changed);
		insist(at >= 0);
		buf_append(&changed, str_of(changes[i].on_top));
		buf_append(&changed, str_sub(buf_str(&mail), 0, (size_t)at));
		buf_append(&changed, str_of(changes[i].to));
		buf_append(&changed, str_from(buf_str(&mail), (size_t)at + strlen(changes[i].from)));
		expect_int(dkim_judge_n_right(s->opendkim, DOMAIN, buf_str(&changed)), changes[i].n_right);
	}
	buf_fini(&mail);
	buf_fini(&changed);
}

static void
add_key(struct scene *s, int i, const char *selector, struct dkim_key *key)
{
	s->keys[i] = (struct judged_key){ selector, key, dkim_judge_add(s->opendkim, selector, key) };
}

int
main(void)
{
	struct scene s = { .n_told = 0 };

	s.opendkim = dkim_judge_new(NOW_S + 1);
	add_key(&s, 0, "rsa", dkim_key_make(DKIM_RSA_SHA256, 2048, NULL));
	add_key(&s, 1, "ed", dkim_key_new(STR(RFC8463_ED25519_PEM), NULL));
	add_key(&s, 2, "old", dkim_key_new(STR(RFC8463_RSA_PEM), NULL));
	dkimpy_start(&s);
	test_mails(&s);
	test_big(&s);
	test_changes(&s);
	test_case("dkimpy takes all of them");
	expect_int(dkimpy_end(&s), s.n_told);
	for (int i = 0; i < N_KEYS; i++)
		dkim_key_free(s.keys[i].key);
	dkim_judge_free(s.opendkim);
	return test_end();
}
