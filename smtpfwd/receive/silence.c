/*
 * silence.c - next hops that a question of our own was put to in vain, to the end of its time
 */
#include "base/mem.h"
#include "smtpfwd/receive/silence.h"

void
silence_init(struct silence *silence)
{
	static const uint64_t seed[2] = { 0, 0 };	/* the keys are the administrator's own */

	map_init(&silence->until, seed);
}

static bool
free_one(void *context, struct str destination, void *until)
{
	(void)context;
	(void)destination;
	mem_free(until);
	return true;
}

void
silence_fini(struct silence *silence)
{
	map_each(&silence->until, free_one, NULL);
	map_fini(&silence->until);
}

bool
silence_is_on(const struct silence *silence, struct str destination, struct instant now)
{
	const struct instant *until = map_get(&silence->until, destination);

	return until != NULL && instant_is_before(now, *until);
}

void
silence_begin(struct silence *silence, struct str destination, struct instant now)
{
	struct instant *until = map_get(&silence->until, destination);

	if (until == NULL)
		map_set(&silence->until, destination, until = mem_new(sizeof(*until)));
	*until = instant_after(now, span_s(SILENCE_REST_S));
}
