/*
 * turnstile.c - passwords are tried here: some at a time, off the loop, and not by who guesses too much
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/auth/turnstile.h"
#include "smtpfwd/runtime/sync.h"

enum { THREADS = 2 };			/* some 100 passwords a second by yescrypt; the other cores are the loop's and the disk's */

struct turnstile {
	struct loop		*loop;
	struct sasl		*sasl;
	struct os_crew		*crew;		/* NULL before the first password */
	struct guesses		*guesses;
	struct ip		 inside[TURNSTILE_INSIDE_MAX];
	int			 n_inside;
	int			 n_waiting;
	struct signal_list	 left;		/* somebody has */
};

struct turnstile *
turnstile_new(struct loop *loop)
{
	struct turnstile *turnstile = mem_new(sizeof(*turnstile));
	uint64_t seed[2];

	turnstile->loop = loop;
	turnstile->sasl = sasl_new();
	if (turnstile->sasl == NULL) {
		mem_free(turnstile);
		return NULL;
	}
	os_random(seed, sizeof(seed));
	turnstile->guesses = guesses_new(seed);
	signal_init(&turnstile->left);
	return turnstile;
}

void
turnstile_free(struct turnstile *turnstile)
{
	if (turnstile == NULL)
		return;
	insist(turnstile->n_inside == 0);
	insist(turnstile->n_waiting == 0);
	if (turnstile->crew != NULL)
		os_crew_free(turnstile->crew);
	guesses_free(turnstile->guesses);
	sasl_free(turnstile->sasl);
	mem_free(turnstile);
}

struct sasl *
turnstile_sasl(struct turnstile *turnstile)
{
	return turnstile->sasl;
}

/* --- who may --- */

enum attempt
turnstile_judge(const struct turnstile *turnstile, const struct guesser *guesser)
{
	switch (guesses_judge(turnstile->guesses, guesser, loop_now(turnstile->loop))) {
	case GUESS_MAY:
		break;
	case GUESS_PAIR_WAITS:
		return ATTEMPT_PAIR_WAITS;
	case GUESS_LOGIN_WAITS:
		return ATTEMPT_LOGIN_WAITS;
	case GUESS_ADDRESS_WAITS:
		return ATTEMPT_ADDRESS_WAITS;
	}
	return ATTEMPT_RIGHT;
}

void
turnstile_note(struct turnstile *turnstile, const struct guesser *guesser, bool was_right)
{
	struct instant now = loop_now(turnstile->loop);

	guesses_begin(turnstile->guesses, guesser, now);
	guesses_end(turnstile->guesses, guesser, was_right, now);
}

static bool
is_same_place(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == IP_V6 ? 8 : 4) == 0;
}

static bool
has_room(const struct turnstile *turnstile, const struct ip *ip, bool is_known)
{
	int n = 0, most = TURNSTILE_INSIDE_MAX - (is_known ? 0 : TURNSTILE_INSIDE_KEPT);

	for (int i = 0; i < turnstile->n_inside; i++)
		n += is_same_place(&turnstile->inside[i], ip);
	return turnstile->n_inside < most && n < TURNSTILE_INSIDE_OF_ADDRESS_MAX;
}

static void
leave(struct turnstile *turnstile, const struct ip *ip)
{
	int i = 0;

	while (!is_same_place(&turnstile->inside[i], ip))
		i++;
	turnstile->inside[i] = turnstile->inside[--turnstile->n_inside];
	signal_all(&turnstile->left);
}

/* ATTEMPT_RIGHT: it is this one's turn, and it is inside. */
static enum attempt
enter(struct turnstile *turnstile, const struct guesser *guesser, struct instant deadline)
{
	bool is_known = guesses_knows(turnstile->guesses, guesser, loop_now(turnstile->loop));
	bool has_turn = is_known || turnstile->n_waiting == 0;	/* those before go first: they look when somebody leaves */

	for (;;) {
		enum attempt judged = turnstile_judge(turnstile, guesser);
		enum wake wake;

		if (judged != ATTEMPT_RIGHT)
			return judged;
		if (has_turn && has_room(turnstile, &guesser->ip, is_known))
			break;
		has_turn = true;
		if (turnstile->n_waiting >= TURNSTILE_WAITING_MAX)
			return ATTEMPT_BUSY;
		turnstile->n_waiting++;
		wake = signal_wait(&turnstile->left, deadline);
		turnstile->n_waiting--;
		if (wake != WAKE_READY)
			return ATTEMPT_BUSY;
	}
	turnstile->inside[turnstile->n_inside++] = guesser->ip;
	return ATTEMPT_RIGHT;
}

/* --- trying --- */

struct trial {
	struct os_job		 job;
	const struct verifier	*verifier;
	struct str		 password;
	bool			 fits;
};

static void
run(struct os_job *job)
{
	struct trial *trial = (struct trial *)(void *)((char *)job - offsetof(struct trial, job));

	trial->fits = verifier_fits(trial->verifier, trial->password);
}

enum attempt
turnstile_try(struct turnstile *turnstile, const struct guesser *guesser, const struct users *users, struct str password,
    struct instant deadline)
{
	struct instant until = instant_min(deadline, instant_after(loop_now(turnstile->loop), span_s(TURNSTILE_WAIT_MAX_S)));
	struct trial trial = { .job.run = run, .password = password };
	enum attempt entered;
	bool is_known;

	if (turnstile->crew == NULL)
		turnstile->crew = os_crew_new(loop_poller(turnstile->loop), THREADS, "passwords");
	if (turnstile->crew == NULL)
		return ATTEMPT_BUSY;
	entered = enter(turnstile, guesser, until);
	if (entered != ATTEMPT_RIGHT)
		return entered;
	trial.verifier = users_find(users, guesser->login, &is_known);
	guesses_begin(turnstile->guesses, guesser, loop_now(turnstile->loop));
	if (trial.verifier != NULL)
		fiber_run_on_crew(turnstile->crew, &trial.job);
	guesses_end(turnstile->guesses, guesser, trial.fits && is_known, loop_now(turnstile->loop));
	leave(turnstile, &guesser->ip);
	return trial.fits && is_known ? ATTEMPT_RIGHT : ATTEMPT_WRONG;
}
