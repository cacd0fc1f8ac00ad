/*
 * judge.c - what the end of a try says of the next hop: it bears more, it bears less, it is down, or nothing
 */
#include "smtpfwd/deliver/couriers.h"
#include "smtpfwd/deliver/judge.h"

enum {
	/* Without an answer for so long, other connections that stand may be as dead as the one that failed. */
	SIGN_MAX_S = 60,
};

/* The connection that failed still counts. */
static bool
serves_others(const struct next_hop *next_hop, bool has_answered, struct instant now)
{
	/* Others that are being opened may be served: the last one of them that is turned away will tell. */
	if (has_answered)
		return next_hop_n_busy(next_hop) > 1;
	return next_hop->n_sessions > (int)next_hop->idle.n && now.ns - next_hop->last_sign.ns < span_s(SIGN_MAX_S).ns;
}

void
judge_dialling(struct next_hop *next_hop, struct instant began, struct trouble *trouble)
{
	struct couriers *c = next_hop->couriers;
	struct instant now = loop_now(c->loop);

	if (trouble->is_cancelled)
		return;
	next_hop_note_trouble(next_hop, trouble);
	if (trouble->is_ours)
		return;
	trouble->is_full = serves_others(next_hop, trouble->reply_code != 0, now);
	if (trouble->is_full)
		limit_lower(&next_hop->limit, began, now, next_hop->n_sessions - (int)next_hop->idle.n);
	else
		probe_went_down(c, next_hop, trouble);
}

void
judge_answer(struct next_hop *next_hop, struct instant began)
{
	struct instant now = loop_now(next_hop->couriers->loop);

	next_hop->latency = instant_diff(began, now);
	next_hop->last_sign = now;
	next_hop->n_strikes = 0;
	next_hop->check_wait = next_hop->route->check_interval;
	if (limit_succeed(&next_hop->limit, next_hop_n_busy(next_hop)))
		room_came_free(next_hop);
}

/* False: by the same mail as before, or the same client, which proves nothing. */
static bool
is_struck(struct next_hop *next_hop, const struct mail_id *mail, const struct ip *client, struct instant began,
    const struct trouble *trouble)
{
	next_hop_note_trouble(next_hop, trouble);
	if (next_hop->n_strikes > 0 && (mail_id_eq(&next_hop->last_struck, mail) ||
	    (client != NULL && client->family != IP_NONE && ip_eq(&next_hop->last_struck_by, client))))
		return false;
	next_hop->last_struck = *mail;
	next_hop->last_struck_by = client != NULL ? *client : (struct ip){ .family = IP_NONE };
	if (next_hop->n_strikes > 0)
		limit_lower(&next_hop->limit, began, loop_now(next_hop->couriers->loop), -1);
	return true;
}

void
judge_strike(struct next_hop *next_hop, const struct mail_id *mail, const struct ip *client, struct instant began,
    const struct trouble *trouble)
{
	if (trouble->is_to_client || !is_struck(next_hop, mail, client, began, trouble))
		return;
	if (++next_hop->n_strikes >= STRIKES_MAX)
		probe_went_down(next_hop->couriers, next_hop, trouble);
}

void
judge_slowed(struct next_hop *next_hop, const struct mail_id *mail, struct instant began, const struct trouble *trouble)
{
	if (is_struck(next_hop, mail, NULL, began, trouble) && next_hop->n_strikes == 0)
		next_hop->n_strikes = 1;
}

static void
log_await(const struct next_hop *next_hop, enum log_level level, const char *event, const char *why)
{
	struct log_line line;

	log_begin(&line, next_hop->couriers->log, level, event);
	log_str(&line, "nexthop", next_hop->written);
	log_str(&line, "route", next_hop->route->destination);
	if (why != NULL)
		log_text(&line, "why", why);
	log_end(&line);
}

void
judge_in_vain(struct next_hop *next_hop, const struct await_try *tried, const struct trouble *trouble)
{
	if (trouble->is_cancelled || trouble->is_ours || trouble->is_to_client || next_hop->couriers->is_stopping)
		return;
	next_hop_note_trouble(next_hop, trouble);
	if (await_failed(&next_hop->await, tried, loop_now(next_hop->couriers->loop)))
		log_await(next_hop, LOG_LEVEL_WARNING, "nexthop-silent", trouble->text);
}

void
judge_in_time(struct next_hop *next_hop, enum await_step step)
{
	if (await_answered(&next_hop->await, step))
		log_await(next_hop, LOG_LEVEL_INFO, "nexthop-answers", NULL);
}

void
judge_outcome(struct next_hop *next_hop, enum outcome_kind kind)
{
	switch (kind) {
	case OUTCOME_DELIVERED:
	case OUTCOME_RELAYED:
		next_hop->n_delivered++;
		break;
	case OUTCOME_DEFERRED:
		next_hop->n_deferred++;
		break;
	case OUTCOME_FAILED:
		next_hop->n_failed++;
		break;
	}
}
