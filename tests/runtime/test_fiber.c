/*
 * test_fiber.c - fibers, their wakes, deadlines and ends
 */
#include <fenv.h>
#include <stdio.h>
#include <unistd.h>

#include "smtpfwd/runtime/fiber_sanitize.h"
#include "smtpfwd/runtime/sync.h"
#include "tests/expect.h"

enum { MANY = 5000 };

#ifdef FIBER_HAS_ASAN
enum { IS_WITH_ASAN = 1 };
#else
enum { IS_WITH_ASAN = 0 };
#endif

struct scene {
	struct loop		*loop;
	struct buf_text { char text[64]; size_t len; } said;
	struct fiber		*first, *second;
	struct signal_list	 change;
	enum wake		 wake;
	int			 n;
	int			 sum;
	struct timer		 timer;
	int64_t			 weight;
	struct round_end	 round_end;
};

static void
say(struct scene *s, char c)
{
	if (s->said.len < sizeof(s->said.text))
		s->said.text[s->said.len++] = c;
}

static struct str
said(const struct scene *s)
{
	return str_n(s->said.text, s->said.len);
}

static struct instant
soon(struct loop *loop, int ms)
{
	return instant_after(loop_now(loop), span_ms(ms));
}

static void
scene_begin(struct scene *s, int max_fibers)
{
	*s = (struct scene){ .n = 0 };
	s->loop = loop_new(max_fibers, NULL);
	signal_init(&s->change);
}

static void
scene_end(struct scene *s)
{
	loop_free(s->loop);
}

/* --- turns --- */

static void
yielder(void *arg)
{
	struct scene *s = arg;
	char me = s->n++ == 0 ? 'a' : 'b';

	for (int i = 0; i < 3; i++) {
		say(s, me);
		fiber_yield();
	}
}

static void
test_turns(void)
{
	struct scene s;

	test_case("fibers that yield take turns");
	scene_begin(&s, 10);
	fiber_start(s.loop, "a", yielder, &s);
	fiber_start(s.loop, "b", yielder, &s);
	expect_int(loop_n_fibers(s.loop), 2);
	expect(fiber_self() == NULL);
	loop_run(s.loop);
	expect_str(said(&s), STR("ababab"));
	expect_int(loop_n_fibers(s.loop), 0);
	scene_end(&s);
}

static void
endless(void *arg)
{
	struct scene *s = arg;

	while (!fiber_is_cancelled()) {
		s->n++;
		fiber_yield();
	}
}

static void
sleeper_who_cancels(void *arg)
{
	struct scene *s = arg;

	s->wake = fiber_sleep(soon(s->loop, 10));
	fiber_cancel(s->first);
}

static void
test_fairness(void)
{
	struct scene s;

	test_case("a fiber that always yields does not hold up a timer");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "endless", endless, &s);
	fiber_start(s.loop, "sleeper", sleeper_who_cancels, &s);
	loop_run(s.loop);
	expect_int(s.wake, WAKE_TIMED_OUT);
	expect(s.n > 10);
	scene_end(&s);
}

/* --- parks and wakes --- */

static void
parker(void *arg)
{
	struct scene *s = arg;

	s->wake = fiber_park(soon(s->loop, 2000));
	say(s, 'p');
}

static void
waker(void *arg)
{
	struct scene *s = arg;

	say(s, 'w');
	fiber_wake(s->first);
	fiber_wake(s->first);
	say(s, 'W');
}

static void
parker_late(void *arg)
{
	struct scene *s = arg;

	fiber_yield();			/* the wake comes meanwhile */
	fiber_yield();
	s->wake = fiber_park(INSTANT_NEVER);
	say(s, s->wake == WAKE_READY ? 'r' : '?');
	s->wake = fiber_park(soon(s->loop, 1));
	say(s, s->wake == WAKE_TIMED_OUT ? 't' : '?');
}

static void
test_wakes(void)
{
	struct scene s;

	test_case("a wake ends a park");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "parker", parker, &s);
	fiber_start(s.loop, "waker", waker, &s);
	loop_run(s.loop);
	expect_str(said(&s), STR("wWp"));
	expect_int(s.wake, WAKE_READY);
	scene_end(&s);

	test_case("one wake that comes before the park is remembered, and only one");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "parker", parker_late, &s);
	fiber_start(s.loop, "waker", waker, &s);
	loop_run(s.loop);
	expect_str(said(&s), STR("wWrt"));
	scene_end(&s);
}

static void
timed(void *arg)
{
	struct scene *s = arg;
	struct instant start = loop_now(s->loop);

	s->wake = fiber_park(soon(s->loop, 20));
	s->n = (int)span_to_ms(instant_diff(start, loop_now(s->loop)));
}

static void
timed_thrice(void *arg)
{
	struct scene *s = arg;
	struct instant start = loop_now(s->loop);

	/* A near deadline that is not reached, a far one, and a near one again. */
	fiber_wake(fiber_self());
	expect_int(fiber_park(soon(s->loop, 5)), WAKE_READY);
	expect_int(fiber_park(soon(s->loop, 30)), WAKE_TIMED_OUT);
	expect(!instant_is_before(loop_now(s->loop), instant_after(start, span_ms(30))));
	expect_int(fiber_park(soon(s->loop, 5)), WAKE_TIMED_OUT);
	expect_int(fiber_park(start), WAKE_TIMED_OUT);
	s->n = (int)span_to_ms(instant_diff(start, loop_now(s->loop)));
}

static void
test_deadlines(void)
{
	struct scene s;

	test_case("a park ends at its deadline and not before");
	scene_begin(&s, 10);
	fiber_start(s.loop, "timed", timed, &s);
	loop_run(s.loop);
	expect_int(s.wake, WAKE_TIMED_OUT);
	expect(s.n >= 20);
	expect(s.n < 2000);
	scene_end(&s);

	test_case("an alarm left from an earlier park does not end a later one");
	scene_begin(&s, 10);
	fiber_start(s.loop, "timed", timed_thrice, &s);
	loop_run(s.loop);
	expect(s.n >= 35);
	scene_end(&s);
}

static void
cancelled_one(void *arg)
{
	struct scene *s = arg;

	say(s, fiber_park(INSTANT_NEVER) == WAKE_CANCELLED ? 'c' : '?');
	say(s, fiber_park(INSTANT_NEVER) == WAKE_CANCELLED ? 'c' : '?');
	say(s, fiber_sleep(soon(s->loop, 10000)) == WAKE_CANCELLED ? 'c' : '?');
	say(s, signal_wait(&s->change, INSTANT_NEVER) == WAKE_CANCELLED ? 'c' : '?');
	say(s, fiber_is_cancelled() ? 'c' : '?');
}

static void
canceller(void *arg)
{
	struct scene *s = arg;

	fiber_cancel(s->first);
}

static void
test_cancel(void)
{
	struct scene s;

	test_case("a cancelled fiber is told at this and every later park");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "cancelled", cancelled_one, &s);
	fiber_start(s.loop, "canceller", canceller, &s);
	loop_run(s.loop);
	expect_str(said(&s), STR("ccccc"));
	scene_end(&s);

	test_case("a fiber cancelled before it first ran runs, and is told");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "cancelled", cancelled_one, &s);
	fiber_cancel(s.first);
	loop_run(s.loop);
	expect_str(said(&s), STR("ccccc"));
	scene_end(&s);
}

static void
sleeper_woken(void *arg)
{
	struct scene *s = arg;
	struct instant start = loop_now(s->loop);

	s->wake = fiber_sleep(soon(s->loop, 15));
	s->n = (int)span_to_ms(instant_diff(start, loop_now(s->loop)));
	expect_int(fiber_park(INSTANT_NEVER), WAKE_READY);
}

static void
test_sleep(void)
{
	struct scene s;

	test_case("a wake does not cut a sleep short, and is remembered");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "sleeper", sleeper_woken, &s);
	fiber_start(s.loop, "waker", waker, &s);
	loop_run(s.loop);
	expect_int(s.wake, WAKE_TIMED_OUT);
	expect(s.n >= 15);
	scene_end(&s);
}

/* --- signals between fibers --- */

static void
waits_for_change(void *arg)
{
	struct scene *s = arg;
	char me = (char)('a' + s->n++);

	if (signal_wait(&s->change, soon(s->loop, 5000)) == WAKE_READY)
		say(s, me);
}

static void
signals_changes(void *arg)
{
	struct scene *s = arg;

	fiber_wake(s->first);		/* not what it waits for */
	fiber_yield();
	signal_one(&s->change);
	fiber_yield();
	say(s, '1');
	signal_all(&s->change);
	signal_one(&s->change);		/* nobody waits: forgotten */
	say(s, '*');
}

static void
test_signals(void)
{
	struct scene s;

	test_case("signal_one tells who waits longest, signal_all the rest, other wakes nobody");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "a", waits_for_change, &s);
	fiber_start(s.loop, "b", waits_for_change, &s);
	fiber_start(s.loop, "c", waits_for_change, &s);
	fiber_start(s.loop, "signals", signals_changes, &s);
	loop_run(s.loop);
	expect_str(said(&s), STR("a1*bc"));
	scene_end(&s);
}

/* --- many --- */

static void
one_of_many(void *arg)
{
	struct scene *s = arg;
	int mine = s->n++;
	double half = mine / 2.0;

	s->wake = signal_wait(&s->change, soon(s->loop, 20000));
	if (s->wake == WAKE_READY && half * 2.0 == mine)
		s->sum++;
}

static void
teller_of_many(void *arg)
{
	struct scene *s = arg;

	while (s->change.waiting.n < MANY)
		fiber_yield();
	signal_all(&s->change);
}

static void
test_many(void)
{
	struct scene s;

	test_case("%d fibers wait and are woken, twice over the same stacks", MANY);
	scene_begin(&s, MANY + 1);
	for (int times = 0; times < 2; times++) {
		s.n = s.sum = 0;
		for (int i = 0; i < MANY; i++)
			expect(fiber_start(s.loop, "one", one_of_many, &s) != NULL);
		expect(fiber_start(s.loop, "teller", teller_of_many, &s) != NULL);
		expect(fiber_start(s.loop, "one too many", one_of_many, &s) == NULL);
		loop_run(s.loop);
		expect_int(s.sum, MANY);
	}
	scene_end(&s);
}

static int64_t
resident_bytes(void)
{
	long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%*s %lld", &pages) != 1)
		pages = 0;
	if (file != NULL)
		fclose(file);
	return pages * 4096;
}

static void
weighs_many(void *arg)
{
	struct scene *s = arg;

	while (s->change.waiting.n < MANY)
		fiber_yield();
	s->weight = resident_bytes();
	signal_all(&s->change);
}

static void
test_weight(void)
{
	struct scene s;
	int64_t before = resident_bytes();

	test_case("a fiber that waits costs little more than a page");
	if (sysconf(_SC_PAGESIZE) != 4096 || before == 0 || IS_WITH_ASAN) {
		expect(true);		/* nothing to measure by */
		return;
	}
	scene_begin(&s, MANY + 1);
	for (int i = 0; i < MANY; i++)
		fiber_start(s.loop, "one", one_of_many, &s);
	fiber_start(s.loop, "weighs", weighs_many, &s);
	loop_run(s.loop);
	expect((s.weight - before) / MANY < 5 * 1024);
	test_case("and gives it back when it ends");
	expect((resident_bytes() - before) / MANY < 1024);
	scene_end(&s);
}

/* --- what a switch keeps --- */

static int __attribute__((noinline))
depth(int n)
{
	volatile char room[512];

	room[0] = (char)n;
	if (n == 0) {
		fiber_yield();
		return 0;
	}
	return depth(n - 1) + (room[0] == (char)n);
}

static void
goes_deep(void *arg)
{
	struct scene *s = arg;

	s->sum += depth(100);
}

static void
rounds_up(void *arg)
{
	struct scene *s = arg;

	fesetround(FE_UPWARD);
	fiber_yield();
	s->n += fegetround() == FE_UPWARD;
	fesetround(FE_TONEAREST);
}

static void
rounds_to_nearest(void *arg)
{
	struct scene *s = arg;

	s->n += fegetround() == FE_TONEAREST;
	fiber_yield();
	s->n += fegetround() == FE_TONEAREST;
}

static void
test_switch(void)
{
	struct scene s;

	test_case("deep calls on many stacks do not touch each other");
	scene_begin(&s, 10);
	for (int i = 0; i < 10; i++)
		fiber_start(s.loop, "deep", goes_deep, &s);
	loop_run(s.loop);
	expect_int(s.sum, 1000);
	scene_end(&s);

	test_case("the rounding mode of one fiber is not another's");
	scene_begin(&s, 10);
	fiber_start(s.loop, "up", rounds_up, &s);
	fiber_start(s.loop, "nearest", rounds_to_nearest, &s);
	loop_run(s.loop);
	expect_int(s.n, 3);
	expect_int(fegetround(), FE_TONEAREST);
	scene_end(&s);
}

/* --- timers, stop --- */

static void
timer_rings(struct timer *timer)
{
	struct scene *s = HEAP_ITEM(&timer->room, struct scene, timer.room);

	expect(fiber_self() == NULL);
	if (++s->n < 3)
		timer_set(s->loop, timer, loop_now(s->loop));	/* now: the next round */
	else
		fiber_wake(s->first);
}

static void
test_timers(void)
{
	struct scene s;

	test_case("a timer rings on the loop's stack, and again when set anew");
	scene_begin(&s, 10);
	s.timer.ring = timer_rings;
	timer_set(s.loop, &s.timer, soon(s.loop, 3));
	s.first = fiber_start(s.loop, "parker", parker, &s);
	loop_run(s.loop);
	expect_int(s.wake, WAKE_READY);
	expect_int(s.n, 3);
	scene_end(&s);

	test_case("a cleared timer is silent");
	scene_begin(&s, 10);
	s.timer.ring = timer_rings;
	timer_set(s.loop, &s.timer, soon(s.loop, 3));
	timer_clear(s.loop, &s.timer);
	timer_clear(s.loop, &s.timer);
	fiber_start(s.loop, "timed", timed, &s);
	loop_run(s.loop);
	expect(s.n >= 20);
	scene_end(&s);
}

static void
round_ends(struct round_end *end)
{
	struct scene *s = LIST_ITEM(end, struct scene, round_end);

	expect(fiber_self() == NULL);
	say(s, '.');
}

static void
asker(void *arg)
{
	struct scene *s = arg;
	char me = s->n++ == 0 ? 'a' : 'b';

	for (int i = 0; i < 3; i++) {
		say(s, me);
		expect(round_end_ask(&s->round_end));
		expect(round_end_ask(&s->round_end));
		fiber_yield();
	}
	say(s, me);
	fiber_yield();
	if (me == 'b')
		expect(round_end_ask(&s->round_end));
}

static void
test_round_ends(void)
{
	struct scene s;

	test_case("who asked for a round's end is called once, when all have had their turn, and in the last round too");
	scene_begin(&s, 10);
	s.round_end.call = round_ends;
	expect(!round_end_ask(&s.round_end));
	fiber_start(s.loop, "asker", asker, &s);
	fiber_start(s.loop, "asker", asker, &s);
	loop_run(s.loop);
	expect_str(said(&s), STR("ab.ab.ab.ab."));
	expect(!round_end_ask(&s.round_end));
	scene_end(&s);
}

static void
stopper(void *arg)
{
	struct scene *s = arg;

	loop_stop(s->loop);
}

static void
test_stop(void)
{
	struct scene s;

	test_case("a stopped loop returns, and can be run on");
	scene_begin(&s, 10);
	s.first = fiber_start(s.loop, "parker", parker, &s);
	fiber_start(s.loop, "stopper", stopper, &s);
	loop_run(s.loop);
	expect_int(loop_n_fibers(s.loop), 1);
	fiber_wake(s.first);
	loop_run(s.loop);
	expect_int(loop_n_fibers(s.loop), 0);
	expect_int(s.wake, WAKE_READY);
	scene_end(&s);
}

int
main(void)
{
	test_turns();
	test_fairness();
	test_wakes();
	test_deadlines();
	test_cancel();
	test_sleep();
	test_signals();
	test_weight();
	test_many();
	test_switch();
	test_timers();
	test_round_ends();
	test_stop();
	return test_end();
}
