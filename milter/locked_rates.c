/*
 * locked_rates.c - counts and their lock
 */
#include "milter/locked_rates.h"
#include "smtpfwd/runtime/os.h"

void
locked_rates_init(struct locked_rates *locked)
{
	uint64_t seed[2];

	os_random(seed, sizeof(seed));
	pthread_mutex_init(&locked->lock, NULL);
	locked->rates = class_rates_new(seed);
}

void
locked_rates_fini(struct locked_rates *locked)
{
	class_rates_free(locked->rates);
	pthread_mutex_destroy(&locked->lock);
}

void
locked_rates_adopt(struct locked_rates *locked, const struct policy_classes *classes)
{
	pthread_mutex_lock(&locked->lock);
	class_rates_adopt(locked->rates, classes->sections, classes->n_sections);
	pthread_mutex_unlock(&locked->lock);
}

struct limit_wait
locked_rates_ask(struct locked_rates *locked, const struct rated_mail *mail, const struct rated_amount *amount, bool uses, struct instant now)
{
	static const struct rated_amount nothing = { .n = { 0 } };
	struct limit_wait wait = { .n_put_off = 0 };

	pthread_mutex_lock(&locked->lock);
	wait.rated = uses ? class_rates_use(locked->rates, mail, amount, now) : class_rates_wait(locked->rates, mail, &nothing, amount, now);
	if (wait.rated.limit != NULL)
		wait.n_put_off = class_rates_put_off(locked->rates, mail, wait.rated.limit, now);
	pthread_mutex_unlock(&locked->lock);
	return wait;
}

bool
locked_rates_are_none(struct locked_rates *locked)
{
	bool are_none;

	pthread_mutex_lock(&locked->lock);
	are_none = class_rates_are_none(locked->rates);
	pthread_mutex_unlock(&locked->lock);
	return are_none;
}
