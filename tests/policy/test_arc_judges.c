/*
 * test_arc_judges.c - dkimpy finds right what we seal: on top of nothing, of its own sets and of ours
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/policy/arc_stage.h"
#include "tests/policy/dkim_vectors.h"

enum { SHOWN_MAX = 5, JUDGED_MIN = 150 };

struct scene {
	struct arc_stage stage;
	struct dkim_key	*key;
	struct arc_sealer *sealer, *exact;	/* the usual one, and one with names that include our own results */
	FILE		*judge;
	char		 answers[40];
	struct buf	 mail;
};

static void
judge_start(struct scene *s, struct str all)
{
	const char *top = getenv("top_srcdir");
	struct str line;
	char command[1000];
	int fd;

	strcpy(s->answers, "/tmp/smtpfwd-arc.XXXXXX");
	fd = mkstemp(s->answers);
	insist(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "/usr/bin/python3 '%s/tests/policy/arc_judge.py' >%s", top != NULL ? top : ".", s->answers);
	s->judge = popen(command, "w");
	insist(s->judge != NULL);
	while (str_take_until(&all, '\n', &line)) {
		if (str_starts(line, STR("key ")))
			fprintf(s->judge, "%.*s\n", STR_ARG(line));
	}
	fputc('\n', s->judge);
}

static void
judge_tell(struct scene *s, size_t below_bytes)
{
	fprintf(s->judge, "%zu %zu\n", s->mail.len, below_bytes);
	insist(fwrite(s->mail.at, 1, s->mail.len, s->judge) == s->mail.len);
}

static void
judge_end(struct scene *s)
{
	int n_right = -1, n_judged = 0, n_shown = 0;
	char line[2000];
	FILE *in;

	test_case("dkimpy finds each as we do");
	expect_int(pclose(s->judge), 0);
	in = fopen(s->answers, "r");
	insist(in != NULL);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (sscanf(line, "right: %d of %d", &n_right, &n_judged) != 2 && n_shown++ < SHOWN_MAX)
			printf("# %s", line);
	}
	fclose(in);
	unlink(s->answers);
	expect(n_judged >= JUDGED_MIN);
	expect_int(n_right, n_judged);
}

/* Seals as what it is, and looks at it ourselves. */
static void
seal(struct scene *s, const struct arc_sealer *sealer, struct str mail)
{
	struct str results = STR("lists.example.org;\r\n\tspf=pass smtp.mailfrom=joe@football.example.com;\r\n\tdmarc=pass");
	const struct arc_result *result;
	enum arc_status status;
	struct arena arena;
	struct buf copy;

	arena_init(&arena, ARC_CASES_MAX_BYTES);
	buf_init(&copy, ARC_CASES_MAX_BYTES);
	insist(buf_append(&copy, mail) == 0);		/* it may be s->mail */
	status = arc_stage_verify(&s->stage, buf_str(&copy), 1000, &arena)->status;
	if (expect_int(arc_stage_seal(sealer, buf_str(&copy), status, results, 5, &s->mail, NULL), 0)) {
		result = arc_stage_verify(&s->stage, buf_str(&s->mail), 1000, &arena);
		expect_text(arc_status_word(result->status), status == ARC_FAIL ? "fail" : "pass");
		if (status != ARC_FAIL) {
			expect_str(result->reason, STR_EMPTY);
			judge_tell(s, copy.len);
		}
	}
	buf_fini(&copy);
	arena_fini(&arena);
}

/* A mail of 50 sets gets no more, and one without From is not for the sealer's own choice of fields. */
static bool
is_sealed(const struct arc_case *c)
{
	return !str_eq(c->want, STR("fail")) && str_find_str(c->mail, STR("From:")) >= 0 && !str_starts(c->name, STR("50 sets"));
}

int
main(void)
{
	static const char *const names[] = { "from", "to", "date", "subject", "mime-version", "arc-authentication-results", "to" };
	struct arc_sealer_settings settings = { .domain = "example.org", .selector = { .name = "ours" } };
	struct str all = arc_stage_read_cases(NULL), rest = all, text = all;
	struct scene s = { .judge = NULL };
	struct arc_case c;
	struct buf keys;

	s.key = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	settings.selector.key = s.key;
	s.sealer = arc_sealer_new(&settings, NULL);
	settings.names = names;
	settings.n_names = sizeof(names) / sizeof(names[0]);
	s.exact = arc_sealer_new(&settings, NULL);
	insist(s.sealer != NULL && s.exact != NULL);
	buf_init(&s.mail, ARC_CASES_MAX_BYTES);
	buf_init(&keys, 2 * ARC_CASES_MAX_BYTES);
	insist(buf_printf(&keys, "key ours._domainkey.example.org %s\n%.*s", RFC8463_RSA_RECORD, STR_ARG(all)) == 0);
	arc_stage_init(&s.stage, buf_str(&keys));
	judge_start(&s, buf_str(&keys));
	while (arc_stage_take_case(&text, &rest, &c)) {
		if (!is_sealed(&c))
			continue;
		test_case("sealed: %.*s", STR_ARG(c.name));
		seal(&s, s.sealer, c.mail);
		test_case("sealed again: %.*s", STR_ARG(c.name));
		seal(&s, s.exact, buf_str(&s.mail));
		test_case("sealed with its results in h=: %.*s", STR_ARG(c.name));
		seal(&s, s.exact, c.mail);
	}
	judge_end(&s);
	arc_sealer_free(s.sealer);
	arc_sealer_free(s.exact);
	dkim_key_free(s.key);
	buf_fini(&s.mail);
	buf_fini(&keys);
	free((char *)(uintptr_t)all.at);
	return test_end();
}
