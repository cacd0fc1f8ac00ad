/*
 * class_rate.c - the limits of rate in a class section
 */
#include "policy/class_rates.h"
#include "smtpfwd/config/config.h"

static bool
is_one_of(const struct class_rate *rate, const struct class_rate *rates, int n)
{
	for (int i = 0; i < n; i++)
		if (class_rate_eq(rate, &rates[i]))
			return true;
	return false;
}

/* Of all sections before this one. */
static int
count_before(const struct config *config, const struct class_section *class)
{
	int n = 0;

	for (const struct class_section *before = config->policy.classes.sections; before < class; before++)
		n += before->actions.n_rates;
	return n;
}

void
config_read_rates(struct config *config, const struct conf_section *section, struct class_section *class)
{
	int n = 0, n_before = count_before(config, class);
	const char *const *texts = conf_list(section, "rate", &n);
	struct class_rate *rates = config_alloc(config, (size_t)n, sizeof(*rates));
	const char *why;

	class->actions.rates = rates;
	for (int i = 0; i < n; i++) {
		struct class_rate *rate = &rates[class->actions.n_rates];

		if (!class_rate_read(str_of(texts[i]), rate, &why))
			conf_error(config->conf, section, "rate", "\"%s\" %s", texts[i], why);
		else if (is_one_of(rate, rates, class->actions.n_rates))
			conf_error(config->conf, section, "rate", "\"%s\" stands twice", texts[i]);
		else if (n_before + class->actions.n_rates >= CLASS_RATE_TABLES_MAX) {
			conf_error(config->conf, section, "rate", "\"%s\" is one too many: %d limits of all classes are the most", texts[i],
			    (int)CLASS_RATE_TABLES_MAX);
			return;
		} else
			class->actions.n_rates++;
	}
}
