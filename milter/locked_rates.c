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
