/*
 * test_rate.c - limits of rate: tables worked by hand, and a full table beside one that forgets nothing
 */
#include <stdio.h>

#include "base/insist.h"
#include "policy/class/rate.h"
#include "tests/expect.h"

#define N_OF(array)	((int)(sizeof(array) / sizeof((array)[0])))

static const uint64_t seed[2] = { 1, 2 };

static struct instant
at_ms(int64_t ms)
{
	return (struct instant){ 1000000000000 + ms * 1000000 };
}

/* --- one key, or a few that all have room --- */

/* 6 in 60 s: one comes back each 10 s. */
static const struct step {
	int64_t		 ms;
	const char	*key;
	int64_t		 n, want_wait_ms;	/* 0: it goes, and is taken */
} steps[] = {
	{ 0, "a", 1, 0 }, { 0, "a", 1, 0 }, { 0, "a", 1, 0 }, { 0, "a", 1, 0 }, { 0, "a", 1, 0 }, { 0, "a", 1, 0 },
	{ 0, "a", 1, 10000 },		/* the seventh */
	{ 0, "b", 6, 0 },		/* another's limit is its own; six at once are six */
	{ 0, "b", 1, 10000 },
	{ 4000, "a", 1, 6000 },		/* what was refused cost nothing */
	{ 9999, "a", 1, 1 },
	{ 10000, "a", 1, 0 },
	{ 10000, "a", 1, 10000 },
	{ 10000, "a", 2, 20000 },
	{ 30000, "a", 3, 10000 },	/* two are back */
	{ 30000, "a", 2, 0 },
	{ 90000, "a", 6, 0 },		/* a window later: all of it */
	{ 90000, "a", 1, 10000 },
	{ 90000, "c", 9, 0 },		/* more than the limit, of one who used nothing: 90 s of debt */
	{ 90000, "c", 1, 40000 },	/* when 50 of them are left */
	{ 130000, "c", 1, 0 },
	{ 130000, "c", 9, 60000 },	/* the next of that kind: when nothing is used */
	{ 189999, "c", 9, 1 },
	{ 190000, "c", 9, 0 },
	{ 190000, "d", 0, 0 },		/* nothing always goes */
	{ 190000, "c", 0, 30000 },	/* but not for who is in debt */
};

static void
test_steps(void)
{
	static const struct rate_limit limit = { .most = 6, .window = { INT64_C(60) * 1000000000 } };
	struct rate *rate = rate_new(&limit, 10, seed);

	for (int i = 0; i < N_OF(steps); i++) {
		struct span wait;

		test_case("6 in 60 s: step %d, at %d ms", i, (int)steps[i].ms);
		wait = rate_wait(rate, str_of(steps[i].key), steps[i].n, at_ms(steps[i].ms));
		expect_int(span_to_ms(wait), steps[i].want_wait_ms);
		if (wait.ns == 0)
			rate_take(rate, str_of(steps[i].key), steps[i].n, at_ms(steps[i].ms));
	}
	rate_free(rate);
}

static int
count_going(struct rate *rate, int64_t ms, int n_tries)
{
	int n = 0;

	for (int i = 0; i < n_tries; i++) {
		if (rate_wait(rate, STR("a"), 1, at_ms(ms)).ns != 0)
			continue;
		rate_take(rate, STR("a"), 1, at_ms(ms));
		n++;
	}
	return n;
}

static void
test_bounds(void)
{
	struct rate_limit limit = { .most = 7, .window = span_s(10) };	/* 10 s by 7 is no whole number of ns */
	struct rate *rate = rate_new(&limit, 10, seed);
	int n = 0;

	test_case("what does not divide the window is not rounded away");
	expect_int(count_going(rate, 0, 100), 7);
	test_case("in any time t at most most * (1 + t / window) go, and in the long run so many do");
	for (int64_t ms = 1; ms <= 100000; ms++)
		n += count_going(rate, ms, 1);
	expect_int(n, 70);
	rate_free(rate);

	limit = (struct rate_limit){ .most = RATE_MOST_MAX, .window = RATE_WINDOW_MAX };
	rate = rate_new(&limit, 10, seed);
	test_case("the largest numbers: all at once, then nothing for a whole window");
	expect_int(rate_wait(rate, STR("a"), RATE_MOST_MAX, at_ms(0)).ns, 0);
	rate_take(rate, STR("a"), RATE_MOST_MAX, at_ms(0));
	expect_int(rate_wait(rate, STR("a"), RATE_MOST_MAX, at_ms(0)).ns, RATE_WINDOW_MAX.ns);
	rate_take(rate, STR("a"), INT64_MAX, at_ms(0));
	rate_take(rate, STR("a"), INT64_MAX, at_ms(0));
	test_case("a debt has an end");
	expect_int(rate_wait(rate, STR("a"), RATE_MOST_MAX, at_ms(0)).ns, RATE_WINDOW_MAX.ns * RATE_DEBT_MAX_WINDOWS);
	rate_free(rate);

	limit = (struct rate_limit){ .most = RATE_MOST_MAX, .window = span_s(1) };
	rate = rate_new(&limit, 10, seed);
	test_case("a piece of a nanosecond counts as one");
	rate_take(rate, STR("a"), 1, at_ms(0));
	expect_int(rate_wait(rate, STR("a"), RATE_MOST_MAX, at_ms(0)).ns, 1);
	test_case("a clock that goes back gives nothing back");
	expect_int(rate_wait(rate, STR("a"), RATE_MOST_MAX, at_ms(-5)).ns, 5000001);
	rate_free(rate);
}

static void
test_behind(void)
{
	static const struct rate_limit limit = { .most = 6, .window = { INT64_C(60) * 1000000000 } };
	struct rate *rate = rate_new(&limit, 10, seed);

	test_case("one by one behind those that are not taken yet: no more than the limit");
	for (int before = 0; before < 6; before++)
		expect_int(rate_wait_behind(rate, STR("a"), before, 1, at_ms(0)).ns, 0);
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 6, 1, at_ms(0))), 10000);
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 8, 1, at_ms(0))), 30000);
	rate_take(rate, STR("a"), 4, at_ms(0));
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 1, 1, at_ms(0))), 0);
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 2, 1, at_ms(0))), 10000);
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), INT64_MAX, INT64_MAX, at_ms(0))), 40000 + 60000 * RATE_DEBT_MAX_WINDOWS);

	test_case("what is given back can be had again, then and later");
	rate_give_back(rate, STR("a"), 3, at_ms(0));
	expect_int(span_to_ms(rate_wait(rate, STR("a"), 5, at_ms(0))), 0);
	expect_int(span_to_ms(rate_wait(rate, STR("a"), 6, at_ms(0))), 10000);
	test_case("what has come back by itself is not given back again, nor what was never taken");
	rate_give_back(rate, STR("a"), 6, at_ms(0));
	rate_give_back(rate, STR("nobody"), 6, at_ms(0));
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 5, 1, at_ms(0))), 0);
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 6, 1, at_ms(0))), 10000);
	rate_take(rate, STR("a"), 6, at_ms(0));
	rate_give_back(rate, STR("a"), 1, at_ms(59000));
	expect_int(span_to_ms(rate_wait(rate, STR("a"), 6, at_ms(59000))), 0);
	expect_int(span_to_ms(rate_wait_behind(rate, STR("a"), 6, 1, at_ms(59000))), 10000);
	rate_free(rate);
}

static void
test_refusals(void)
{
	static const struct rate_limit limit = { .most = 1, .window = { INT64_C(3600) * 1000000000 } };
	struct rate *rate = rate_new(&limit, 2, seed);
	struct span quiet = span_s(60);

	rate_take(rate, STR("a"), 1, at_ms(0));
	rate_take(rate, STR("b"), 2, at_ms(0));
	test_case("a first refusal is told, those of the next minute together behind it, each key's by itself");
	expect_int(rate_count_refusal(rate, STR("a"), at_ms(0), quiet), 1);
	expect_int(rate_count_refusal(rate, STR("a"), at_ms(1), quiet), 0);
	expect_int(rate_count_refusal(rate, STR("b"), at_ms(1), quiet), 1);
	expect_int(rate_count_refusal(rate, STR("a"), at_ms(59999), quiet), 0);
	expect_int(rate_count_refusal(rate, STR("a"), at_ms(60000), quiet), 3);
	expect_int(rate_count_refusal(rate, STR("a"), at_ms(60001), quiet), 0);
	test_case("keys for which there is no place are told together");
	expect_int(rate_count_refusal(rate, STR("c"), at_ms(60000), quiet), 1);
	expect_int(rate_count_refusal(rate, STR("d"), at_ms(60001), quiet), 0);
	expect_int(rate_count_refusal(rate, STR("c"), at_ms(120000), quiet), 2);
	test_case("who takes another's place begins anew");
	rate_take(rate, STR("c"), 1, at_ms(120000));
	expect_int(rate_count_refusal(rate, STR("c"), at_ms(120001), quiet), 1);
	rate_free(rate);
}

/* --- a full table --- */

static void
test_full_by_hand(void)
{
	static const struct rate_limit limit = { .most = 6, .window = { INT64_C(60) * 1000000000 } };
	struct rate *rate = rate_new(&limit, 3, seed);

	rate_take(rate, STR("a"), 5, at_ms(0));		/* used for 50 s */
	rate_take(rate, STR("b"), 3, at_ms(0));		/* 30 */
	rate_take(rate, STR("c"), 1, at_ms(0));		/* 10 */
	test_case("full: a new key has used what the least in the table has");
	expect_int(span_to_ms(rate_wait(rate, STR("d"), 5, at_ms(0))), 0);
	expect_int(span_to_ms(rate_wait(rate, STR("d"), 6, at_ms(0))), 10000);
	rate_take(rate, STR("d"), 1, at_ms(0));		/* 20, in the place of c */
	expect_int(rate_n_keys(rate), 3);
	test_case("full: who was put out has not used less than before");
	expect_int(span_to_ms(rate_wait(rate, STR("c"), 5, at_ms(0))), 10000);
	test_case("full: the others keep what they used");
	expect_int(span_to_ms(rate_wait(rate, STR("a"), 6, at_ms(0))), 50000);
	expect_int(span_to_ms(rate_wait(rate, STR("b"), 6, at_ms(0))), 30000);
	test_case("full: what is given back leaves a key no less than the least, who was put out counts as that");
	rate_give_back(rate, STR("a"), 5, at_ms(0));
	expect_int(span_to_ms(rate_wait(rate, STR("a"), 6, at_ms(0))), 20000);
	rate_give_back(rate, STR("d"), 1, at_ms(0));
	expect_int(span_to_ms(rate_wait(rate, STR("c"), 6, at_ms(0))), 20000);
	rate_take(rate, STR("a"), 3, at_ms(0));
	test_case("full: what is used no more makes room");
	expect_int(span_to_ms(rate_wait(rate, STR("e"), 6, at_ms(20000))), 0);
	rate_take(rate, STR("e"), 6, at_ms(20000));
	expect_int(rate_n_keys(rate), 3);
	test_case("the table gets small again");
	rate_take(rate, STR("f"), 1, at_ms(200000));
	expect_int(rate_n_keys(rate), 2);
	rate_take(rate, STR("f"), 1, at_ms(200000));
	expect_int(rate_n_keys(rate), 1);
	rate_free(rate);
}

static void
test_flood(void)
{
	static const struct rate_limit limit = { .most = 100, .window = { INT64_C(3600) * 1000000000 } };
	struct rate *rate = rate_new(&limit, 50, seed);
	char key[20];
	int n_going = 0;

	test_case("full: a flood of keys gives no fresh start");
	rate_take(rate, STR("spammer"), 100, at_ms(0));
	for (int i = 0; i < 4000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		rate_take(rate, str_of(key), 1, at_ms(0));
	}
	expect_int(rate_n_keys(rate), 50);
	expect(rate_wait(rate, STR("spammer"), 1, at_ms(0)).ns > 0);
	test_case("full: keys by turns, each put out by the next, get no more than the table's share");
	/* Two keys and one place left for them: the least in the table is what both are taken to have used. */
	for (int i = 0; i < 1000; i++) {
		if (rate_wait(rate, i % 2 == 0 ? STR("x") : STR("y"), 1, at_ms(0)).ns > 0)
			continue;
		rate_take(rate, i % 2 == 0 ? STR("x") : STR("y"), 1, at_ms(0));
		n_going++;
	}
	expect(n_going <= 200);
	rate_free(rate);
}

/* --- beside a table that forgets nothing --- */

enum { MODEL_KEYS = 40, MODEL_TABLE_KEYS = 8, MODEL_STEPS = 200000, MODEL_MOST = 20, MODEL_WINDOW_S = 100 };

static uint64_t
dice(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

struct model {
	int64_t		 unused_at[MODEL_KEYS];		/* ms; 5 s for each one used */
	int64_t		 taken_ms;			/* the cost of all that was taken since all were unused */
	int		 n_escapes, n_beyond_bound, n_went;
};

static void
model_step(struct model *model, struct rate *rate, uint64_t *state, int64_t now_ms)
{
	enum { COST_MS = MODEL_WINDOW_S * 1000 / MODEL_MOST };
	/* Some keys are used much more than others. */
	uint64_t key = dice(state, 2) == 0 ? dice(state, 4) : dice(state, MODEL_KEYS);
	int64_t n = 1 + (int64_t)dice(state, 3), used, said_ms;
	char text[20];

	snprintf(text, sizeof(text), "%d", (int)key);
	used = model->unused_at[key] > now_ms ? model->unused_at[key] - now_ms : 0;
	/* For all of the limit one waits for as long as one has used. */
	said_ms = span_to_ms(rate_wait(rate, str_of(text), MODEL_MOST, at_ms(now_ms)));
	model->n_escapes += said_ms < used;
	model->n_beyond_bound += said_ms - used > model->taken_ms / MODEL_TABLE_KEYS;
	if (rate_wait(rate, str_of(text), n, at_ms(now_ms)).ns > 0)
		return;
	rate_take(rate, str_of(text), n, at_ms(now_ms));
	model->n_went++;
	model->taken_ms += n * COST_MS;
	if (dice(state, 8) == 0)
		rate_give_back(rate, str_of(text), n, at_ms(now_ms));
	else
		model->unused_at[key] = now_ms + used + n * COST_MS;
}

static void
test_model(void)
{
	static const struct rate_limit limit = { .most = MODEL_MOST, .window = { INT64_C(1000000000) * MODEL_WINDOW_S } };
	struct rate *rate = rate_new(&limit, MODEL_TABLE_KEYS, seed);
	struct model model = { .n_went = 0 };
	uint64_t state = 7;
	int64_t now_ms = 0;

	for (int i = 0; i < MODEL_STEPS; i++) {
		if (i % 500 == 0) {		/* a pause, after which nothing is used */
			now_ms += 2 * MODEL_WINDOW_S * 1000;
			model.taken_ms = 0;
		}
		now_ms += (int64_t)dice(&state, 1000);
		model_step(&model, rate, &state, now_ms);
	}
	test_case("40 keys in a table of 8: none is ever taken to have used less than it has");
	expect_int(model.n_escapes, 0);
	test_case("nor more beyond it than all that was taken, divided by the table's keys");
	expect_int(model.n_beyond_bound, 0);
	test_case("and some go");
	expect(model.n_went > MODEL_STEPS / 50);
	rate_free(rate);
}

static void
test_client_keys(void)
{
	struct ip a, b, c, d;

	test_case("a client's key is its address, or its network of 64 bits");
	insist(ip_parse(STR("192.0.2.1"), &a) && ip_parse(STR("::ffff:192.0.2.1"), &b));
	insist(ip_parse(STR("2001:db8:1:2::1"), &c) && ip_parse(STR("2001:db8:1:2:ffff::"), &d));
	expect(str_eq(rate_client_key(&a), rate_client_key(&b)));
	expect(str_eq(rate_client_key(&c), rate_client_key(&d)));
	insist(ip_parse(STR("192.0.2.2"), &b) && ip_parse(STR("2001:db8:1:3::1"), &d));
	expect(!str_eq(rate_client_key(&a), rate_client_key(&b)));
	expect(!str_eq(rate_client_key(&c), rate_client_key(&d)));
}

int
main(void)
{
	test_steps();
	test_bounds();
	test_behind();
	test_refusals();
	test_full_by_hand();
	test_flood();
	test_model();
	test_client_keys();
	return test_end();
}
