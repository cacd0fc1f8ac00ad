/*
 * allowance.c - whether a transaction's mail may come now, by the limits of rate of its class
 */
#include "smtpfwd/receive/transaction.h"

static struct class_rates *
rates_of(const struct session *session)
{
	return session->listener->world->rates;
}

/* A reload may bring limits in the middle of a transaction: they are for the next one. */
static bool
is_limited(const struct session *session)
{
	return !class_rates_are_none(rates_of(session)) && session->transaction->allowance.class.actions != NULL;
}

static struct rated_mail
rated_mail(const struct session *session, const struct mail_class *class)
{
	return (struct rated_mail){ .class_name = class->match.name, .limits = class->actions->rates, .n_limits = class->actions->n_rates,
	    .client = session->peer.client.ip, .login = session->peer.login, .reverse_path = &session->transaction->envelope.reverse_path };
}

/* What came of the mail, or was announced; a byte will come. */
static int64_t
known_bytes(const struct transaction *transaction)
{
	uint64_t came = transaction->content.decoder.n_bytes, announced = transaction->forward.size_bytes;

	return (int64_t)(came > announced ? came : announced > 0 ? announced : 1);
}

static struct rated_amount
amount(int64_t n_messages, int64_t n_recipients, int64_t n_bytes)
{
	return (struct rated_amount){ .n = { [RATE_OF_MESSAGES] = n_messages, [RATE_OF_RECIPIENTS] = n_recipients, [RATE_OF_BYTES] = n_bytes } };
}

/* --- saying it --- */

static void
put_off(struct session *session, const struct rated_mail *mail, const struct rated_wait *wait, struct verdict *verdict)
{
	int64_t n = class_rates_put_off(rates_of(session), mail, wait->limit, loop_now(fiber_loop()));

	*verdict = class_rates_verdict(mail, wait, n, &session->transaction->arena);
}

static void
ask(struct session *session, const struct mail_class *class, struct rated_amount before, struct rated_amount more, struct verdict *verdict_out)
{
	struct rated_mail mail = rated_mail(session, class);
	struct rated_wait wait = class_rates_wait(rates_of(session), &mail, &before, &more, loop_now(fiber_loop()));

	*verdict_out = (struct verdict){ .action = ACTION_ACCEPT };
	if (wait.limit != NULL)
		put_off(session, &mail, &wait, verdict_out);
}

/* --- the envelope --- */

/*
 * A class that more recipients may change is looked at again each time their number has doubled: all of them are compared
 * with all patterns then.
 */
static void
look(struct session *session)
{
	struct transaction *transaction = session->transaction;
	struct allowance *allowance = &transaction->allowance;
	struct class_evidence evidence = session_class_evidence(session);
	int n = transaction->envelope.n_recipients;

	if (allowance->is_settled || n < allowance->look_at)
		return;
	evidence.envelope = &transaction->envelope;
	allowance->class = classify(transaction->policy, &evidence);
	allowance->is_settled = classify_is_settled(transaction->policy, &evidence);
	allowance->look_at = n > 0 ? 2 * n : 1;
}

void
allowance_mail(struct session *session, struct verdict *verdict_out)
{
	*verdict_out = (struct verdict){ .action = ACTION_ACCEPT };
	if (class_rates_are_none(rates_of(session)))
		return;
	look(session);
	if (session->transaction->allowance.is_settled)
		ask(session, &session->transaction->allowance.class, amount(0, 0, 0), amount(1, 0, known_bytes(session->transaction)), verdict_out);
}

/*
 * Where recipients may change the class, what mail to this one is of: it may never be in the envelope, and names of a class are not to be
 * tried at the cost of another.  True: mail that has it is, whoever else it is for.
 */
static bool
look_at(const struct session *session, const struct recipient *rcpt, struct mail_class *class_out)
{
	const struct transaction *transaction = session->transaction;
	struct class_evidence evidence = session_class_evidence(session);
	struct recipient only = *rcpt;
	struct envelope alone = envelope_alone(&transaction->envelope, &only);

	*class_out = transaction->allowance.class;
	if (transaction->allowance.is_settled)
		return true;
	evidence.envelope = &alone;
	*class_out = classify(transaction->policy, &evidence);
	return classify_is_settled(transaction->policy, &evidence);
}

void
allowance_rcpt(struct session *session, const struct recipient *rcpt, struct verdict *verdict_out)
{
	struct mail_class class;

	*verdict_out = (struct verdict){ .action = ACTION_ACCEPT };
	if (!is_limited(session))
		return;
	look(session);
	if (look_at(session, rcpt, &class))
		ask(session, &class, amount(0, session->transaction->envelope.n_recipients, 0), amount(0, 1, 0), verdict_out);
}

/* --- what counts --- */

static void
take(struct session *session, const struct mail_class *class, struct rated_amount tried)
{
	struct rated_mail mail = rated_mail(session, class);

	class_rates_take(rates_of(session), &mail, &tried, loop_now(fiber_loop()));
}

void
allowance_refused_rcpt(struct session *session, const struct recipient *rcpt)
{
	struct mail_class class;

	if (!is_limited(session))
		return;
	(void)look_at(session, rcpt, &class);
	take(session, &class, amount(0, 1, 0));
}

/* --- the mail --- */

void
allowance_settle(struct session *session, const struct mail_class *class)
{
	session->transaction->allowance.class = *class;
	session->transaction->allowance.is_settled = true;
}

void
allowance_ask(struct session *session, struct verdict *verdict_out)
{
	const struct transaction *transaction = session->transaction;

	ask(session, &transaction->allowance.class, amount(0, 0, 0), amount(1, transaction->envelope.n_recipients, known_bytes(transaction)), verdict_out);
}

void
allowance_use(struct session *session, struct verdict *verdict_out)
{
	struct transaction *transaction = session->transaction;
	struct rated_amount whole = amount(1, transaction->envelope.n_recipients, (int64_t)transaction->content.decoder.n_bytes);
	struct rated_mail mail = rated_mail(session, &transaction->allowance.class);
	struct rated_wait wait = class_rates_use(rates_of(session), &mail, &whole, loop_now(fiber_loop()));

	*verdict_out = (struct verdict){ .action = ACTION_ACCEPT };
	if (wait.limit != NULL) {
		put_off(session, &mail, &wait, verdict_out);
		return;
	}
	transaction->allowance.is_used = true;
	transaction->allowance.used = whole;
}

void
allowance_end(struct session *session)
{
	const struct transaction *transaction = session->transaction;
	const struct allowance *allowance = &transaction->allowance;
	const struct content *content = &transaction->content;
	bool is_refused = reply_is_permanent(&content->failure);
	bool is_given_up = content->failure.code == 0 && (!content->is_begun || session->why == NULL);	/* not lost with its connection */
	struct rated_mail mail;

	if (!is_limited(session))
		return;
	mail = rated_mail(session, &allowance->class);
	/* Put off, or cut short by us: the same mail comes again. */
	if (allowance->is_used && (reply_is_temporary(&content->failure) || fiber_is_cancelled()))
		class_rates_give_back(rates_of(session), &mail, &allowance->used, loop_now(fiber_loop()));
	else if (!allowance->is_used && is_refused)
		take(session, &allowance->class, amount(1, transaction->envelope.n_recipients, (int64_t)content->decoder.n_bytes));
	else if (!allowance->is_used && is_given_up && !fiber_is_cancelled())
		take(session, &allowance->class, amount(0, transaction->envelope.n_recipients, 0));
}
