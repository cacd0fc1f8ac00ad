/*
 * dkim_judge.c - libopendkim as the judge of what we signed
 */
#include <sys/types.h>

#include <dkim.h>
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "mail/header.h"
#include "policy/dkim/dkim_key_record.h"
#include "tests/policy/dkim_judge.h"

enum {
	ROOM_MAX_BYTES = 64 * 1024 * 1024,
	RECORD_MAX_BYTES = 1024,
	RECORDS_MAX = 8,
};

struct record {
	const char	*selector;
	char		 text[RECORD_MAX_BYTES];
};

struct dkim_judge {
	DKIM_LIB	*library;
	struct record	 records[RECORDS_MAX];
	int		 n_records;
};

static DKIM_CBSTAT
find_record(DKIM *dkim, DKIM_SIGINFO *signature, u_char *room, size_t room_bytes)
{
	const struct dkim_judge *judge = dkim_get_user_context(dkim);

	for (int i = 0; i < judge->n_records; i++) {
		if (strcmp((char *)dkim_sig_getselector(signature), judge->records[i].selector) == 0) {
			snprintf((char *)room, room_bytes, "%s", judge->records[i].text);
			return DKIM_CBSTAT_CONTINUE;
		}
	}
	return DKIM_CBSTAT_NOTFOUND;
}

struct dkim_judge *
dkim_judge_new(uint64_t now_s)
{
	struct dkim_judge *judge = mem_new(sizeof(*judge));

	judge->library = dkim_init(NULL, NULL);
	insist(judge->library != NULL && dkim_set_key_lookup(judge->library, find_record) == DKIM_STAT_OK);
	insist(dkim_options(judge->library, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &now_s, sizeof(now_s)) == DKIM_STAT_OK);
	return judge;
}

void
dkim_judge_free(struct dkim_judge *judge)
{
	dkim_close(judge->library);
	mem_free(judge);
}

const char *
dkim_judge_add(struct dkim_judge *judge, const char *selector, const struct dkim_key *key)
{
	struct record *record = &judge->records[judge->n_records++];
	struct buf text;

	insist(judge->n_records <= RECORDS_MAX && key != NULL);
	buf_init(&text, RECORD_MAX_BYTES - 1);
	insist(dkim_key_record(key, &text) == 0);
	memcpy(record->text, text.at, text.len);
	record->selector = selector;
	buf_fini(&text);
	return record->text;
}

int
dkim_judge_n_right(struct dkim_judge *judge, const char *domain, struct str mail)
{
	struct header_section section;
	struct arena arena;
	DKIM_SIGINFO **signatures;
	int n = 0, n_right = 0;
	DKIM_STAT status;
	DKIM *dkim = dkim_verify(judge->library, (const unsigned char *)"test", NULL, &status);

	insist(dkim != NULL && dkim_set_user_context(dkim, judge) == DKIM_STAT_OK);
	arena_init(&arena, ROOM_MAX_BYTES);
	insist(header_read(mail, &arena, &section) == 0);
	for (int i = 0; i < section.n_fields; i++)
		insist(dkim_header(dkim, (u_char *)(uintptr_t)section.fields[i].whole.at, section.fields[i].whole.len - 2) == DKIM_STAT_OK);
	(void)dkim_eoh(dkim);
	if (mail.len > section.body_at)
		(void)dkim_body(dkim, (u_char *)(uintptr_t)(mail.at + section.body_at), mail.len - section.body_at);
	(void)dkim_eom(dkim, NULL);
	if (dkim_getsiglist(dkim, &signatures, &n) == DKIM_STAT_OK)
		for (int i = 0; i < n; i++)
			if (strcmp((char *)dkim_sig_getdomain(signatures[i]), domain) == 0 && DKIM_SIG_CHECK(signatures[i]))
				n_right++;
	arena_fini(&arena);
	dkim_free(dkim);
	return n_right;
}
