/*
 * online.c - a mail whose client waits: its owner's side, and the fiber that does the work
 *
 * The fiber is there while something is asked, and on while a session is held; it begins with an order and ends by giving the
 * session back.  Owner and fiber tell each other by signals; who lets go last frees.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "smtpfwd/deliver/online_inside.h"

enum {
	IDLE_MAX_DEFAULT_S = 10,	/* as long as a client's round trips may take, and not a next hop's five minutes */
	AWAITED_MAX_MS = 1000,		/* the same while others wait for a place; a client that does not dawdle takes less */
	NEARLY_ALL_PART = 10,		/* so much less than all is nearly all: who finds no place at all does not wait, but is unavailable */
	RESET_MAX_S = 5,		/* for the reply to RSET, before the session goes to the pool */
	ONLINE_FIXED_MAX_BYTES = 32 * 1024,
	/* An address, an ORCPT and its share of an array that doubles. */
	ONLINE_RECIPIENT_MAX_BYTES = ADDRESS_MAX_BYTES + ENVELOPE_ORCPT_MAX_BYTES + 4 * sizeof(struct recipient),
	ONLINE_RECIPIENTS_MAX = 5000,	/* of the longest addresses; the usual ones are a tenth of that */
	ASKED_MAX_BYTES = 8 * 1024,
	PREFIX_MAX_BYTES = 1024 * 1024,
};

/* --- life and death --- */

static struct ip
client_of(const struct online_settings *settings)
{
	struct ip client = settings->client;

	if (client.family == IP_NONE && settings->identity != NULL)
		client = settings->identity->client.ip;
	if (client.family == IP_V6)
		memset(client.bytes + 8, 0, sizeof(client.bytes) - 8);
	return client;
}

struct online *
online_new(const struct online_settings *settings)
{
	struct online *o = mem_new(sizeof(*o));
	uint8_t random[MAIL_ID_RANDOM_BYTES];

	os_random(random, sizeof(random));
	*o = (struct online){
		.c = settings->couriers, .size_bytes = settings->size_bytes, .idle_max = settings->idle_max,
		.has_identity = settings->identity != NULL, .mail_id = settings->id,
		.id = settings->id,
	};
	if (mail_id_is_none(&o->id))
		o->id = mail_id_make(os_wall_clock(), random);
	if (o->idle_max.ns == 0)
		o->idle_max = span_s(IDLE_MAX_DEFAULT_S);
	arena_init(&o->arena, ONLINE_FIXED_MAX_BYTES + (size_t)ONLINE_RECIPIENTS_MAX * ONLINE_RECIPIENT_MAX_BYTES);
	insist(arena_copy(&o->arena, settings->destination, &o->destination));
	insist(envelope_copy(settings->envelope, false, &o->arena, &o->envelope));
	o->client = client_of(settings);
	if (o->has_identity)
		insist(identity_copy(settings->identity, &o->arena, &o->identity));
	o->envelope.is_8bit = true;		/* BODY=8BITMIME is said wherever it is offered: the data may need it */
	arena_init(&o->asked_arena, ASKED_MAX_BYTES);
	buf_init(&o->prefix, PREFIX_MAX_BYTES);
	signal_init(&o->ordered);
	signal_init(&o->answered);
	return o;
}

static void
free_online(struct online *o)
{
	if (o->mail.draft != NULL)
		draft_discard(o->mail.draft);
	buf_fini(&o->prefix);
	arena_fini(&o->asked_arena);
	arena_fini(&o->arena);
	mem_free(o);
}

void
online_drop(struct online *o)
{
	if (o == NULL)
		return;
	o->is_dropped = true;
	if (o->is_running)
		signal_all(&o->ordered);
	else
		free_online(o);
}

/* --- the fiber --- */

static void
answer(struct online *o, enum online_end end)
{
	online_seek_end(o);
	o->end = end;
	o->order = ORDER_NONE;
	signal_all(&o->answered);
	if (!o->is_abandoned)
		o->mail.draft = NULL;		/* it is the owner's again */
}

static void
obey(struct online *o)
{
	o->n_replies_before = o->held.client != NULL ? o->held.client->n_replies : -1;
	o->is_changed = false;
	o->asked_at = loop_now(o->c->loop);
	if (o->is_abandoned) {
		answer(o, ONLINE_CANCELLED);
		return;
	}
	switch (o->order) {
	case ORDER_NONE:
		break;
	case ORDER_RCPT:
		answer(o, online_ask(o));
		break;
	case ORDER_SEND:
		answer(o, online_hand_over(o));
		break;
	}
}

/* More may be asked of it; what came to another end than an answer goes on in the queue. */
static bool
is_worth_holding(const struct online *o)
{
	return o->held.client != NULL && !o->held.client->is_broken && o->is_open && !o->is_changed &&
	    o->end == ONLINE_ANSWERED && !o->is_dropped && !o->c->is_stopping;
}

/* A mail whose client waits could go on in its place: at the next hop, or as one of all that may be at work. */
static bool
is_awaited(const struct online *o)
{
	size_t max = (size_t)o->c->plan->deliveries_max;

	return !list_is_empty(&o->held.next_hop->waiting[LINE_ONLINE]) || o->c->onlines.n >= max - max / NEARLY_ALL_PART;
}

static void
hold(struct online *o)
{
	struct instant now = loop_now(o->c->loop), until = instant_after(now, o->idle_max);
	enum wake wake = WAKE_READY;

	while (o->order == ORDER_NONE && is_worth_holding(o) && instant_is_before(now, until) &&
	    (wake == WAKE_READY || (wake == WAKE_TIMED_OUT && !is_awaited(o)))) {
		wake = signal_wait(&o->ordered, instant_min(until, instant_after(now, span_ms(AWAITED_MAX_MS))));
		now = loop_now(o->c->loop);
	}
}

void
online_give_back(struct online *o)
{
	struct instant deadline = instant_after(loop_now(o->c->loop), span_s(RESET_MAX_S));
	struct reply reply;
	struct fault fault;

	o->is_open = false;
	if (o->held.client == NULL)
		return;
	if (client_is_reusable(o->held.client) && o->held.client->is_in_transaction &&
	    (client_rset(o->held.client, deadline, &reply, &fault) != 0 || !reply_is_positive(&reply))) {
		held_drop(&o->held);
		return;
	}
	held_keep(o->c, &o->held);
}

/* Who was accepted, and got no mail: it was refused here, or the client dawdles. */
static void
note_unsent(struct online *o)
{
	if (o->held.client != NULL && o->is_open && o->envelope.n_recipients > 0)
		o->held.next_hop->n_sent_in_row = 0;
}

static void
run(struct couriers *c, void *arg)
{
	struct online *o = arg;

	o->fiber = fiber_self();
	do {
		while (o->order != ORDER_NONE) {
			obey(o);
			hold(o);
		}
		note_unsent(o);
		online_give_back(o);
	} while (o->order != ORDER_NONE);
	list_remove(&c->onlines, &o->link);
	o->fiber = NULL;
	o->is_running = false;
	if (o->is_dropped)
		free_online(o);
}

void
onlines_wake(struct couriers *c)
{
	LIST_EACH(link, &c->onlines)
		signal_all(&LIST_ITEM(link, struct online, link)->ordered);
}

/* --- orders --- */

/* Where all wait for one next hop that hangs, the other half is for mail to others. */
static bool
is_crowded(const struct online *o)
{
	const struct site *site = map_get(&o->c->sites, o->destination);

	return site != NULL && site->n_clients >= (o->c->plan->deliveries_max + 1) / 2;
}

static bool
start(struct online *o)
{
	struct couriers *c = o->c;

	if (c->is_stopping)
		trouble_of_text(STATUS(4, 3, 2), "the relay is stopping", &o->trouble);
	else if (c->onlines.n >= (size_t)c->plan->deliveries_max)
		trouble_of_text(STATUS(4, 4, 5), "too much mail is on its way", &o->trouble);
	else if (is_crowded(o))
		trouble_of_text(STATUS(4, 4, 5), "too much mail waits for this next hop", &o->trouble);
	else if (!couriers_start(c, TENDED_ONLINE, "online", run, o))
		trouble_of_text(STATUS(4, 4, 5), "no room for a fiber", &o->trouble);
	else {
		o->is_running = true;
		list_append(&c->onlines, &o->link);
		return true;
	}
	return false;
}

static enum online_end
give_order(struct online *o, enum online_order order, struct instant deadline, struct instant final_deadline)
{
	insist(o->order == ORDER_NONE && !o->is_dropped && !o->is_abandoned);
	o->order = order;
	o->deadline = deadline;
	o->final_deadline = final_deadline;
	if (o->is_running)
		signal_all(&o->ordered);
	else if (!start(o)) {
		o->order = ORDER_NONE;
		o->mail.draft = NULL;
		return ONLINE_UNAVAILABLE;
	}
	while (o->order != ORDER_NONE) {		/* each step of the fiber keeps to the deadlines */
		if (signal_wait(&o->answered, INSTANT_NEVER) == WAKE_CANCELLED && o->order != ORDER_NONE) {
			o->is_abandoned = true;
			if (o->fiber != NULL)
				fiber_cancel(o->fiber);
			return ONLINE_CANCELLED;
		}
	}
	return o->end;
}

void
online_announce_mail(struct online *o)
{
	o->is_announced = true;
}

enum online_end
online_rcpt(struct online *o, const struct recipient *recipient, struct instant deadline)
{
	enum online_end end;

	arena_fini(&o->asked_arena);
	arena_init(&o->asked_arena, ASKED_MAX_BYTES);
	o->asked = *recipient;
	insist(address_copy(&o->asked_arena, &recipient->address, &o->asked.address));
	insist(arena_copy(&o->asked_arena, recipient->orcpt, &o->asked.orcpt));
	end = give_order(o, ORDER_RCPT, deadline, deadline);
	o->is_announced = false;
	return end;
}

static ssize_t
read_content(struct content *content, int64_t offset, void *room, size_t n_bytes, struct instant deadline,
    struct fault *fault_out)
{
	struct online *o = (struct online *)(void *)((char *)content - offsetof(struct online, content));
	struct str prefix;

	if (offset >= (int64_t)o->prefix.len)
		return draft_read(o->mail.draft, offset - (int64_t)o->prefix.len, room, n_bytes, deadline, fault_out);
	prefix = str_sub(buf_str(&o->prefix), (size_t)offset, n_bytes);
	memcpy(room, prefix.at, prefix.len);
	return (ssize_t)prefix.len;
}

enum online_end
online_send(struct online *o, const struct online_mail *mail, struct instant deadline, struct instant final_deadline)
{
	insist(o->envelope.n_recipients > 0 && mail->draft != NULL);
	if (buf_append(&o->prefix, mail->prefix) != 0) {
		trouble_of_text(STATUS(4, 3, 0), "the fields on top are too long", &o->trouble);
		return ONLINE_UNAVAILABLE;
	}
	o->mail = *mail;
	o->mail.prefix = buf_str(&o->prefix);
	o->content = (struct content){
		.n_bytes = (int64_t)mail->prefix.len + draft_content_bytes(mail->draft), .read = read_content,
	};
	return give_order(o, ORDER_SEND, deadline, final_deadline);
}

/* --- what it came to --- */

const struct reply *
online_reply(const struct online *o)
{
	return &o->reply;
}

const struct trouble *
online_trouble(const struct online *o)
{
	return &o->trouble;
}

struct str
online_next_hop(const struct online *o)
{
	return str_of(o->next_hop_name);
}

size_t
online_memory_bytes(const struct online *o)
{
	return sizeof(*o) + o->arena.used_bytes + o->asked_arena.used_bytes + o->prefix.cap;
}

bool
online_was_rcpt_answered(const struct online *o)
{
	return o->was_rcpt_answered;
}

bool
online_is_seen(const struct online *o)
{
	return o->is_seen;
}
