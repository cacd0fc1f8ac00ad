/*
 * test_ahead_answers.c - two mails in one write, and a server that says anything at any step of them
 */
#include "tests/deliver/stage.h"

#define FRIENDLY	"S: 220 hi\nM: PIPELINING"
#define ENVELOPE	"C: MAIL\nC: RCPT\nC: DATA\n"
#define BEGINNING	"S: 220 hi\nC: EHLO\nS: 250-p\nS: 250-PIPELINING\nS: 250 HELP\n" ENVELOPE "W: 500\nS: 250 ok\nS: 250 ok\nS: 354 go\nD:\n" ENVELOPE

enum {
	TIMES = 1000,			/* of 11 * 9 * 9 * 9 */
	STRIDE = 8,			/* no part of that: none comes twice */
};

static const struct said {		/* by a server that does with a mail as it says first */
	const char	*text;
	bool		 is_yes, is_no, is_end;
} at_dot[] = {
	{ "S: 250 taken\n", .is_yes = true }, { "S: 451 4.3.0 later\n", .is_no = false }, { "S: 550 5.7.1 spam\n", .is_no = true },
	{ "S: 421 4.3.2 going\n", .is_end = true }, { "", .is_end = true }, { "S: nonsense\n", .is_no = false }, { "S: 354 again\n", .is_no = false },
	{ "S: 250 taken\nS: 250 stray\n", .is_yes = true }, { "S: 250 taken\nS: 500 stray\n", .is_yes = true },
	{ "S: 250 taken\nS: 354 stray\n", .is_yes = true }, { "S: 250 taken\n", .is_yes = true, .is_end = true },
}, at_mail[] = {
	{ "S: 250 ok\n", .is_yes = true }, { "S: 451 4.3.0 later\n", .is_no = false }, { "S: 550 5.7.1 no\n", .is_no = true },
	{ "S: 421 4.3.2 going\n", .is_end = true }, { "", .is_end = true }, { "S: nonsense\n", .is_no = false },
	{ "S: 250 ok\nS: 250 stray\n", .is_yes = true }, { "S: 250 ok\nS: 550 stray\n", .is_yes = true }, { "", .is_no = false },
}, at_rcpt[] = {
	{ "S: 250 ok\n", .is_yes = true }, { "S: 452 4.5.3 too many\n", .is_no = false }, { "S: 550 5.1.1 who\n", .is_no = true },
	{ "S: 421 4.3.2 going\n", .is_end = true }, { "", .is_end = true }, { "S: nonsense\n", .is_no = false },
	{ "S: 250 ok\nS: 550 stray\n", .is_yes = true }, { "S: 550 5.1.1 who\nS: 354 stray\n", .is_no = true }, { "", .is_no = false },
}, at_data[] = {
	{ "S: 354 go\n", .is_yes = true }, { "S: 451 4.3.0 later\n", .is_no = false }, { "S: 554 5.5.1 none\n", .is_no = true },
	{ "S: 421 4.3.2 going\n", .is_end = true }, { "", .is_end = true }, { "S: 250 what\n", .is_no = false },
	{ "W: 60\nS: 354 go\n", .is_yes = true }, { "W: 60\nS: 554 none\n", .is_no = true }, { "S: 354 go\nS: 250 stray\n", .is_yes = true },
};
#define N_SAID(at)	((int)(sizeof(at) / sizeof(*(at))))

static const struct said *
pick(const struct said *from, int n, int *round)
{
	const struct said *said = &from[*round % n];

	*round /= n;
	return said;
}

/* One reply too many and another one too few: nobody could tell which. */
static bool
are_uneven(const struct said *const *said, int n_said)
{
	bool has_more = false, has_less = false;

	for (int i = 0; i < n_said; i++) {
		const char *first = strstr(said[i]->text, "S: ");

		has_less |= first == NULL && !said[i]->is_end;
		has_more |= first != NULL && strstr(first + 1, "S: ") != NULL;
	}
	return has_more && has_less;
}

/* What it took came once, or was ambiguous; what failed it refused; and nothing stays. */
static void
whatever(struct world *w)
{
	int round = w->round * STRIDE;
	const struct said *said[] = {
		pick(at_dot, N_SAID(at_dot), &round), pick(at_mail, N_SAID(at_mail), &round), pick(at_rcpt, N_SAID(at_rcpt), &round),
		pick(at_data, N_SAID(at_data), &round),
	};
	bool is_on = true;
	int n_taken, n_failed, n_delivered, n_ambiguous;

	if (are_uneven(said, N_SAID(said)))
		return;
	buf_init(&w->dialogue, 4096);
	buf_append(&w->dialogue, STR(BEGINNING));
	for (int i = 0; i < N_SAID(said) && is_on; i++) {
		buf_append(&w->dialogue, str_of(said[i]->text));
		is_on = !said[i]->is_end;
	}
	if (!is_on)
		buf_append(&w->dialogue, STR("X:\n"));
	else if (said[3]->is_yes)
		buf_append(&w->dialogue, said[1]->is_yes && said[2]->is_yes ? STR("D:\nS: 250 taken\n") : STR("C: .\nS: 554 nobody\n"));
	buf_append(&w->dialogue, STR("M: PIPELINING"));
	buf_append_char(&w->dialogue, '\0');
	peer_says(&w->peers[0], w->dialogue.at);
	peer_says(&w->peers[0], FRIENDLY);
	put(w, 2);
	wait_s(w, 3000);
	expect(str_find_str(buf_str(&w->peers[0].complaint), STR("Received")) < 0);
	buf_clear(&w->peers[0].complaint);		/* a client that leaves is none */
	n_taken = w->peers[0].n_mails - !said[0]->is_yes;
	n_failed = n_lines(w, "failed ");
	n_delivered = n_lines(w, "delivered ");
	n_ambiguous = n_lines(w, "ambiguous ");
	expect_int(n_delivered + n_failed, 2);
	expect(n_taken >= n_delivered);
	expect(n_taken <= n_delivered + n_ambiguous);
	expect(n_failed <= said[0]->is_no + said[2]->is_no);
	expect_int(counts(w).n_mails, counts(w).n_owed);
}

static const struct story stories[] = {
	{ .name = "whatever it says, each mail comes once, and fails by its own refusal only", .tell = whatever, .connections_max = 1, .n_times = TIMES },
};

int
main(int argc, char **argv)
{
	play_all(stories, sizeof(stories) / sizeof(stories[0]), argc, argv);
	return test_end();
}
