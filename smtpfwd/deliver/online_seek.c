/*
 * online_seek.c - a session for a mail whose client waits, at one of the next hops of its destination
 */
#include <stdio.h>

#include "smtpfwd/deliver/judge.h"
#include "smtpfwd/deliver/online_inside.h"

enum {
	/* More are for the queue: the client waits, and each that failed is known as down. */
	NEXT_HOPS_TRIED_MAX = 3,
	/* Who waits for room is called when there is some; and looks by himself after this, as the next hop's state changes. */
	LOOK_AGAIN_MS = 1000,
};

/* --- where it goes --- */

static bool
not_now(struct online *o, struct status status, const char *why)
{
	trouble_of_text(status, why, &o->trouble);
	return false;
}

static bool
find(struct online *o)
{
	if (o->site == NULL) {
		o->site = site_get(o->c, o->destination);
		if (o->site != NULL) {
			site_enter_online(o->site);
			o->site->n_clients++;
		}
	}
	if (o->site == NULL || o->site->is_gone)
		return not_now(o, STATUS(4, 3, 5), "the section that this mail was to go by is not in the configuration any more");
	if (site_find(o->site, o->deadline))
		return true;
	if (fiber_is_cancelled())
		return not_now(o, STATUS(4, 3, 2), "the relay is stopping");
	return not_now(o, STATUS(4, 4, 3), o->site->status.class != 0 ? o->site->why : "its mail hosts are not known yet");
}

static void
take_choices(struct online *o)
{
	if (o->choices == o->site->choices)
		return;
	choices_leave(o->choices);
	o->choices = o->site->choices;
	choices_use(o->choices);
	o->tried = 0;
}

bool
online_all_lack(const struct online *o)
{
	if (o->n_lacking == 0 || o->n_lacking < o->n_tried)
		return false;
	for (int i = 0; i < o->choices->n; i++)
		if ((o->tried >> i & 1) == 0)
			return false;
	return true;
}

void
online_seek_end(struct online *o)
{
	choices_leave(o->choices);
	o->choices = NULL;
	if (o->site != NULL) {
		o->site->n_clients--;
		site_leave_online(o->site);
	}
	o->site = NULL;
	o->tried = 0;
	o->n_tried = o->n_lacking = 0;
}

void
online_pass_over(struct online *o)
{
	if (o->choices == NULL)		/* a session from before this order: its next hop may have a new one */
		return;
	choices_mark(o->choices, o->held.next_hop, &o->tried);
	o->n_tried++;
}

/* --- a place, and a session in it --- */

/* True: look again. */
static bool
wait_for_room(struct online *o)
{
	struct instant look_again = instant_after(loop_now(o->c->loop), span_ms(LOOK_AGAIN_MS));
	enum wake wake;

	if (online_is_late(o))
		return not_now(o, STATUS(4, 4, 5), "all connections to the next hop are in use");
	o->is_waiting = true;
	wake = site_wait_for_room(o->site, instant_min(o->deadline, look_again));
	o->is_waiting = false;
	if (wake == WAKE_CANCELLED)
		return not_now(o, STATUS(4, 3, 2), "the relay is stopping");
	return true;
}

/* A 421 would end the session of a client that may have mail for others; and some say nothing at all. */
static struct reply
reply_at_door(const struct trouble *trouble)
{
	struct reply reply = trouble_reply(trouble);

	if (reply.code == 0)
		return REPLY(451, 4, 7, 1, "The next hop does not talk with this client now");
	if (reply.code == 421)
		reply.code = 451;
	return reply;
}

bool
online_is_turned_away(struct online *o)
{
	const struct reply reply = reply_at_door(&o->trouble);

	if (!o->trouble.is_to_client || o->envelope.n_recipients > 0)
		return false;
	online_keep_reply(o, &reply);
	return o->is_refused = true;
}

void
online_in_vain(struct online *o, struct next_hop *next_hop, const struct mail_id *id)
{
	struct await_try tried = { .mail = *id, .step = o->order == ORDER_SEND ? AWAIT_MAIL : AWAIT_RCPT };

	if (instant_diff(o->asked_at, loop_now(o->c->loop)).ns < span_s(AWAIT_LEAST_S).ns)
		return;
	if (o->held.client != NULL && o->has_identity && o->held.client->hello[0] != '\0')
		tried.client = o->client;
	judge_in_vain(next_hop, &tried, &o->trouble);
}

static bool
open_session(struct online *o, struct next_hop *next_hop)
{
	bool is_open;

	o->asked_at = loop_now(o->c->loop);
	o->is_opening = true;
	is_open = held_open_online(o->c, next_hop, o->has_identity ? &o->identity : NULL, o->deadline, &o->held, &o->trouble);
	o->is_opening = false;
	if (!is_open) {
		if (online_is_late(o))
			online_in_vain(o, next_hop, &o->id);
		return false;
	}
	o->is_open = false;
	o->rule = next_hop->route->identity;
	if (o->means_refused_by != next_hop && o->n_means_refused < IDENTITY_REFUSALS_MAX)
		o->is_means_refused = false;
	if (o->is_means_refused)
		o->rule.means = identity_next_means(o->rule.means);
	o->n_replies_before = o->held.was_idle ? o->held.client->n_replies : -1;
	snprintf(o->next_hop_name, sizeof(o->next_hop_name), "%.*s", STR_ARG(next_hop->written));
	return true;
}

/* Its client has half of the places at the destination or more, and others wait for one: what comes free is for them. */
static bool
gives_way(const struct online *o)
{
	int n_all = 0, n_own = 0;
	bool is_waited_for = false;

	if (o->client.family == IP_NONE)
		return false;
	LIST_EACH(link, &o->c->onlines) {
		const struct online *other = LIST_ITEM(link, struct online, link);
		bool is_own = ip_eq(&other->client, &o->client), has_place = other->is_opening || other->held.client != NULL;

		if (!str_eq(other->destination, o->destination))
			continue;
		n_all += has_place;
		n_own += has_place && is_own;
		is_waited_for |= other->is_waiting && !is_own;
	}
	return is_waited_for && n_own > 0 && n_own * 2 >= n_all;
}

/* Who comes new does not pass those who wait. */
static enum choosing
choose(struct online *o, bool has_waited, int *i_out)
{
	uint64_t not_these = o->tried | choices_vain(o->choices);
	bool is_behind = (o->site->n_online_waiting > 0 && !has_waited) || gives_way(o);

	if (is_behind && choices_has_left(o->choices, not_these))
		return CHOICE_ALL_BUSY;
	return choices_choose(o->choices, not_these, LINE_ONLINE, i_out);
}

/* Those that answered nobody for as long as it has time left, and it waited for room meanwhile. */
static uint64_t
silent(const struct online *o, struct instant since)
{
	struct instant now = loop_now(o->c->loop), then;
	struct span left = instant_diff(now, o->deadline);

	if (left.ns < span_s(AWAIT_LEAST_S).ns)
		left = span_s(AWAIT_LEAST_S);
	then = (struct instant){ now.ns - left.ns };
	if (instant_is_before(then, since))
		return 0;
	return choices_silent(o->choices, o->tried | choices_vain(o->choices), then);
}

static void
tell_none(struct online *o)
{
	if (choices_are_down(o->choices))
		choices_tell_down(o->choices, &o->trouble);
	else
		trouble_of_text(STATUS(4, 4, 1), "the next hop is silent, and others wait for it in vain", &o->trouble);
}

bool
online_seek(struct online *o)
{
	struct instant since = loop_now(o->c->loop);
	bool has_waited = false;
	int i;

	while (o->held.client == NULL) {
		if (o->c->is_stopping)
			return not_now(o, STATUS(4, 3, 2), "the relay is stopping");
		if (o->n_tried > 0 && (online_is_late(o) || o->n_tried >= NEXT_HOPS_TRIED_MAX))
			return false;
		if (!find(o))
			return false;
		take_choices(o);
		switch (choose(o, has_waited, &i)) {
		case CHOICE_NONE_LEFT:
			if (o->n_tried == 0)
				tell_none(o);
			return false;
		case CHOICE_ALL_BUSY:
			if (!wait_for_room(o))
				return false;
			has_waited = true;
			o->tried |= silent(o, since);
			continue;
		case CHOICE_MADE:
			break;
		}
		if (open_session(o, o->choices->at[i].next_hop))
			return true;
		if (o->trouble.is_cancelled || o->trouble.is_ours || online_is_turned_away(o))
			return false;
		o->n_tried++;
		if (!o->trouble.is_full)		/* then there is less room from now on, and it may come free */
			o->tried |= (uint64_t)1 << i;
	}
	return true;
}
