/*
 * limits.c - the limits of rate of one of Postfix's mails
 */
#include "milter/limits.h"
#include "smtpfwd/runtime/os.h"

static struct rated_mail
rated_mail(const struct limited_mail *mail)
{
	return (struct rated_mail){ .class_name = mail->class->match.name, .limits = mail->class->actions->rates,
	    .n_limits = mail->class->actions->n_rates, .client = mail->peer->client.ip, .login = mail->peer->login,
	    .reverse_path = &mail->envelope->reverse_path };
}

static struct rated_amount
amount(const struct limited_mail *mail)
{
	return (struct rated_amount){ .n = { [RATE_OF_MESSAGES] = 1, [RATE_OF_RECIPIENTS] = mail->envelope->n_recipients,
	    [RATE_OF_BYTES] = mail->n_bytes } };
}

static bool
ask(struct limits *limits, const struct limited_mail *mail, bool uses, struct arena *arena, struct verdict *verdict)
{
	const struct rated_mail rated = rated_mail(mail);
	const struct rated_amount wanted = amount(mail);
	struct limit_wait wait = locked_rates_ask(limits->rates, &rated, &wanted, uses, os_now());

	if (wait.rated.limit != NULL)
		*verdict = class_rates_verdict(&rated, &wait.rated, wait.n_put_off, arena);
	return wait.rated.limit == NULL;
}

void
limits_ask(struct limits *limits, const struct limited_mail *mail, struct arena *arena, struct verdict *verdict)
{
	if (limits->rates != NULL)
		(void)ask(limits, mail, false, arena, verdict);
}

void
limits_use(struct limits *limits, const struct limited_mail *mail, struct arena *arena, struct verdict *verdict)
{
	if (limits->rates == NULL || !ask(limits, mail, true, arena, verdict))
		return;
	limits->is_used = true;
	limits->used = amount(mail);
}

void
limits_settle(const struct limits *limits, const struct limited_mail *mail, enum action action)
{
	bool gives_back = limits->is_used && action == ACTION_DEFER, takes = !limits->is_used && action == ACTION_REJECT;
	struct rated_mail rated;
	struct rated_amount tried;

	if (limits->rates == NULL || mail->class->actions == NULL || (!gives_back && !takes))
		return;
	rated = rated_mail(mail);
	tried = amount(mail);
	pthread_mutex_lock(&limits->rates->lock);
	if (gives_back)
		class_rates_give_back(limits->rates->rates, &rated, &limits->used, os_now());
	else
		class_rates_take(limits->rates->rates, &rated, &tried, os_now());
	pthread_mutex_unlock(&limits->rates->lock);
}

bool
limits_count_bytes(const struct limits *limits, const struct mail_class *class)
{
	for (int i = 0; limits->rates != NULL && class->actions != NULL && i < class->actions->n_rates; i++)
		if (class->actions->rates[i].unit == RATE_OF_BYTES)
			return true;
	return false;
}
