/*
 * choices.c - the next hops of one site, in the order to try them
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/choices.h"

/* --- life and death --- */

struct choices *
choices_new(int n, bool by_least_busy)
{
	struct choices *choices = mem_new(sizeof(*choices) + (size_t)n * sizeof(choices->at[0]));

	insist(n >= 0 && n <= ROUTE_NEXT_HOPS_MAX);
	*choices = (struct choices){ .n_users = 1, .n = n, .by_least_busy = by_least_busy };
	return choices;
}

void
choices_put(struct choices *choices, int i, struct next_hop *next_hop, unsigned rank)
{
	next_hop_use(next_hop);
	choices->at[i] = (struct choice){ .next_hop = next_hop, .rank = rank };
}

void
choices_use(struct choices *choices)
{
	choices->n_users++;
}

void
choices_leave(struct choices *choices)
{
	if (choices == NULL || --choices->n_users > 0)
		return;
	for (int i = 0; i < choices->n; i++) {
		insist(!list_has_link(&choices->at[i].listed));
		next_hop_leave(choices->at[i].next_hop);
	}
	mem_free(choices);
}

void
choices_list(struct choices *choices, struct site *site)
{
	for (int i = 0; i < choices->n; i++) {
		choices->at[i].site = site;
		list_append(&choices->at[i].next_hop->listed, &choices->at[i].listed);
	}
}

void
choices_unlist(struct choices *choices)
{
	for (int line = 0; line < LINE_N_KINDS; line++)
		choices_stop_waiting(choices, (enum line)line);
	for (int i = 0; i < choices->n; i++)
		list_remove(&choices->at[i].next_hop->listed, &choices->at[i].listed);
}

/* --- choosing --- */

/* The least rank that has one up and untried; false: there is none. */
static bool
find_rank(const struct choices *choices, uint64_t tried, unsigned *rank_out)
{
	for (int i = 0; i < choices->n; i++) {
		if (choices->at[i].next_hop->is_up && (tried >> i & 1) == 0) {
			*rank_out = choices->at[i].rank;
			return true;
		}
	}
	return false;
}

static bool
is_less_busy(const struct next_hop *a, const struct next_hop *b)
{
	return next_hop_n_busy(a) < next_hop_n_busy(b);
}

static int
room_at(const struct next_hop *next_hop, enum line line)
{
	switch (line) {
	case LINE_MAIL:
		return next_hop_room(next_hop);
	case LINE_LARGE:
		return next_hop_room_large(next_hop);
	case LINE_ONLINE:
		return next_hop_room_online(next_hop);
	case LINE_N_KINDS:
		break;
	}
	insist(!"no line");
	return 0;
}

bool
choices_has_room(const struct choices *choices, int i, enum line line)
{
	return choices->at[i].next_hop->is_up && room_at(choices->at[i].next_hop, line) > 0;
}

enum choosing
choices_choose(struct choices *choices, uint64_t tried, enum line line, int *i_out)
{
	int best = -1;
	unsigned rank;

	if (!find_rank(choices, tried, &rank))
		return CHOICE_NONE_LEFT;
	for (int i = 0; i < choices->n; i++) {
		int at = (int)((choices->turn + (unsigned)i) % (unsigned)choices->n);
		const struct choice *choice = &choices->at[at];
		const struct next_hop *next_hop = choice->next_hop;

		if (choice->rank != rank || !next_hop->is_up || (tried >> at & 1) != 0)
			continue;
		if (room_at(next_hop, line) == 0)
			continue;
		if (best < 0 || (choices->by_least_busy && is_less_busy(next_hop, choices->at[best].next_hop)))
			best = at;
	}
	if (best < 0)
		return CHOICE_ALL_BUSY;
	choices->turn = (unsigned)(best + 1) % (unsigned)choices->n;
	*i_out = best;
	return CHOICE_MADE;
}

uint64_t
choices_vain(const struct choices *choices)
{
	uint64_t vain = 0;

	for (int i = 0; i < choices->n; i++)
		if (choices->at[i].next_hop->is_up && next_hop_is_vain(choices->at[i].next_hop))
			vain |= (uint64_t)1 << i;
	return vain;
}

uint64_t
choices_silent(const struct choices *choices, uint64_t tried, struct instant since)
{
	uint64_t silent = 0;
	unsigned rank;

	if (!find_rank(choices, tried, &rank))
		return 0;
	for (int i = 0; i < choices->n; i++)
		if (choices->at[i].rank == rank && !instant_is_before(since, choices->at[i].next_hop->last_sign))
			silent |= (uint64_t)1 << i;
	return silent;
}

bool
choices_has_left(const struct choices *choices, uint64_t tried)
{
	unsigned rank;

	return find_rank(choices, tried, &rank);
}

bool
choices_are_down(const struct choices *choices)
{
	return !choices_has_left(choices, 0);
}

void
choices_tell_down(const struct choices *choices, struct trouble *trouble_out)
{
	struct str why = str_of(choices->at[0].next_hop->last_trouble);
	char text[400];
	struct buf line = { .at = text, .cap = sizeof(text), .max = sizeof(text) - 1 };

	buf_append(&line, choices->n == 1 ? STR("the next hop is down: ") : STR("all next hops are down: "));
	buf_append(&line, str_sub(why, 0, sizeof(text) - 60));
	text[line.len] = '\0';
	trouble_of_text(STATUS(4, 4, 1), text, trouble_out);
}

void
choices_mark(const struct choices *choices, const struct next_hop *next_hop, uint64_t *tried)
{
	for (int i = 0; i < choices->n; i++)
		if (choices->at[i].next_hop == next_hop)
			*tried |= (uint64_t)1 << i;
}

int
choices_room(const struct choices *choices, int *n_large_out)
{
	unsigned rank;
	int n = 0;

	*n_large_out = 0;
	if (!find_rank(choices, 0, &rank))
		return -1;
	for (int i = 0; i < choices->n; i++) {
		if (choices->at[i].rank != rank || !choices->at[i].next_hop->is_up)
			continue;
		n += next_hop_room(choices->at[i].next_hop);
		*n_large_out += next_hop_room_large(choices->at[i].next_hop);
	}
	return n;
}

/* --- waiting --- */

void
choices_wait(struct choices *choices, enum line line)
{
	uint64_t not_these = line == LINE_ONLINE ? choices_vain(choices) : 0;
	unsigned rank;

	if (!find_rank(choices, not_these, &rank))
		return;
	for (int i = 0; i < choices->n; i++) {
		struct choice *choice = &choices->at[i];

		if (choice->rank == rank && choice->next_hop->is_up && (not_these >> i & 1) == 0 && !list_has_link(&choice->waiting[line]))
			list_append(&choice->next_hop->waiting[line], &choice->waiting[line]);
	}
}

void
choices_stop_waiting(struct choices *choices, enum line line)
{
	for (int i = 0; i < choices->n; i++) {
		struct choice *choice = &choices->at[i];

		if (list_has_link(&choice->waiting[line]))
			list_remove(&choice->next_hop->waiting[line], &choice->waiting[line]);
	}
}

bool
choices_are_waiting(const struct choices *choices)
{
	for (int i = 0; i < choices->n; i++)
		for (int line = 0; line < LINE_N_KINDS; line++)
			if (list_has_link(&choices->at[i].waiting[line]))
				return true;
	return false;
}

bool
choices_have_a_line(const struct choices *choices)
{
	unsigned rank;

	if (!find_rank(choices, 0, &rank))
		return false;
	for (int i = 0; i < choices->n; i++) {
		const struct choice *choice = &choices->at[i];
		const struct next_hop *next_hop = choice->next_hop;
		size_t n_others = next_hop->waiting[LINE_MAIL].n - list_has_link(&choice->waiting[LINE_MAIL]);

		if (choice->rank == rank && next_hop->is_up && n_others > 0 && next_hop_n_busy(next_hop) > 0)
			return true;
	}
	return false;
}
