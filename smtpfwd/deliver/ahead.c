/*
 * ahead.c - the next mail's envelope goes out in the same write as the end of the mail before
 */
#include "smtpfwd/deliver/ahead.h"
#include "smtpfwd/deliver/batch.h"
#include "smtpfwd/deliver/sender.h"

enum {
	/* One after the other over one session; then the session goes back, so that destinations take turns. */
	SAME_SESSION_MAX_MAILS = 100,
	/* The same where others wait for the next hop or for a courier: enough to be worth a session. */
	TURN_MAX_MAILS = 10,
};

static struct ahead *
ahead_of(struct sequel *sequel)
{
	return (struct ahead *)(void *)sequel;
}

/* --- which mail --- */

static bool
answers_soon(const struct next_hop *next_hop)
{
	return next_hop->latency.ns > 0 && next_hop->latency.ns < span_ms(AHEAD_SOON_MS).ns;
}

/* With more mail than room the site itself stands in the line: its large mails get their room there, and a short wait is no loss to them. */
static bool
others_wait(const struct site *site, const struct next_hop *next_hop)
{
	const struct list *line = &next_hop->waiting[LINE_MAIL];
	bool is_ours = line->n == 1 && LIST_ITEM(list_first(line), struct choice, waiting[LINE_MAIL])->site == site;

	return line->n > 0 && !(is_ours && answers_soon(next_hop));
}

/* The held session, or its courier, goes on with the site's next mail. */
static bool
goes_on(const struct ahead *a)
{
	const struct couriers *c = a->c;
	const struct next_hop *next_hop = a->held->next_hop;

	if (a->held->client == NULL || c->is_stopping || a->site->is_gone || !next_hop->is_up || plan_of(a->held->client) != c->plan)
		return false;
	if (next_hop_n_busy(next_hop) > next_hop->limit.now || next_hop_is_awaited(next_hop))
		return false;
	if (others_wait(a->site, next_hop) || room_share(a->site) < 0)
		return a->n_mails < TURN_MAX_MAILS;
	return a->n_mails < SAME_SESSION_MAX_MAILS;
}

static struct instant
reading_deadline(const struct couriers *c)
{
	return instant_after(loop_now(c->loop), c->plan->idle_max);
}

/* Whatever mail it is. */
static bool
session_takes_ahead(const struct ahead *a)
{
	const struct client *client = a->held->client;
	uint64_t mail_max = client->ehlo.limit_mailmax;

	return client->ehlo.has_pipelining && !client->stands_for_one && client->n_refused == 0 &&
	    (mail_max == 0 || client->n_transactions < mail_max) &&
	    !instant_is_before(loop_now(a->c->loop), a->held->next_hop->ahead_rests_until);
}

static bool
may_go_ahead(const struct ahead *a, const struct delivery *d)
{
	const struct client *client = a->held->client;
	const struct ehlo *ehlo = &client->ehlo;
	struct outcome outcome;
	struct trouble trouble;

	if (d->n_recipients > batch_limit(ehlo) || d->n_recipients > AHEAD_RECIPIENTS_MAX ||
	    (ehlo->limit_rcptdomainmax != 0 && d->n_recipients > 1))
		return false;
	return !trouble_of_lack(ehlo, d->envelope, &trouble) && !outcome_of_size(ehlo, d->content_bytes, STR_EMPTY, &outcome) &&
	    !identity_is_to_be_told(client, d->facts->identity, &a->held->next_hop->route->identity) &&
	    !again_is_elsewhere(&a->c->again, &d->mail, a->held->next_hop);
}

static bool
find(struct sequel *sequel)
{
	struct ahead *a = ahead_of(sequel);

	if (a->next == NULL && goes_on(a) && session_takes_ahead(a))
		a->next = queue_take_next(a->c->queue, a->delivery, !answers_soon(a->held->next_hop), reading_deadline(a->c));
	return a->next != NULL && session_takes_ahead(a) && may_go_ahead(a, a->next);
}

static int
write_envelope(struct sequel *sequel, struct instant deadline, struct fault *fault_out)
{
	struct ahead *a = ahead_of(sequel);
	struct client *client = a->held->client;
	const struct delivery *d = a->next;
	const struct address *srs = sender_srs(a->held->next_hop->route->srs, d->envelope, sender_is_seen(client, d->facts->identity));

	a->is_written = true;
	if (client_write_mail(client, d->envelope, srs != NULL ? srs : &d->envelope->reverse_path, (uint64_t)d->content_bytes, deadline,
	    fault_out) != 0)
		return -1;
	for (int i = 0; i < d->n_recipients; i++)
		if (client_write_rcpt(client, &d->recipients[i].recipient, deadline, fault_out) != 0)
			return -1;
	return client_write_data(client, deadline, fault_out);
}

/* --- for the courier and its delivery --- */

void
ahead_init(struct ahead *a, struct couriers *c, struct site *site, struct held *held)
{
	*a = (struct ahead){ .sequel = { .find = find, .write = write_envelope }, .c = c, .site = site, .held = held };
}

void
ahead_leave(struct ahead *a)
{
	if (a->next != NULL)
		queue_give_back_next(a->c->queue, a->next, a->delivery);
	a->next = NULL;
	a->is_written = false;
}

struct delivery *
ahead_next(struct ahead *a)
{
	struct delivery *next = a->next;
	bool is_written = a->is_written;

	a->n_mails++;
	a->next = NULL;
	a->is_written = false;
	/* An envelope that went ahead, of a mail that did not come here after all. */
	if (!is_written && a->held->client != NULL && !client_is_reusable(a->held->client))
		held_drop(a->held);
	a->is_begun = next != NULL && is_written && a->held->client != NULL;
	if (next == NULL)
		return a->held->client != NULL && goes_on(a) ? queue_take_same(a->c->queue, a->site->destination, reading_deadline(a->c)) : NULL;
	if (a->is_begun || goes_on(a))
		return next;
	queue_give_back_first(a->c->queue, next);
	return NULL;
}

struct sequel *
ahead_sequel(struct ahead *a, struct delivery *delivery)
{
	a->is_written = false;
	a->delivery = delivery;
	return &a->sequel;
}

bool
ahead_take_begun(struct ahead *a)
{
	const struct client *client = a->held->client;
	bool is_begun = a->is_begun && client != NULL && client->n_outstanding > 0;

	a->is_begun = false;
	return is_begun;
}

void
ahead_let_go(struct ahead *a)
{
	struct delivery *next = a->next;

	a->next = NULL;
	a->is_written = false;
	if (next != NULL)
		queue_give_back_first(a->c->queue, next);
}

bool
ahead_stands(const struct ahead *a)
{
	const struct client *client = a->held->client;

	return a->is_written && !client->is_broken && !client->is_closing;
}

void
ahead_rest(struct next_hop *next_hop, const struct trouble *trouble)
{
	struct couriers *c = next_hop->couriers;
	struct instant now = loop_now(c->loop);
	struct log_line line;

	if (instant_is_before(now, next_hop->ahead_rests_until))	/* others were on their way already */
		return;
	next_hop->ahead_rests_until = instant_after(now, span_s(AHEAD_REST_H * 3600));
	log_begin(&line, c->log, LOG_LEVEL_INFO, "nexthop-one-by-one");
	log_str(&line, "nexthop", next_hop->written);
	log_str(&line, "route", next_hop->route->destination);
	log_text(&line, "why", trouble->text);
	log_end(&line);
}
