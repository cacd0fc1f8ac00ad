/*
 * schedule.c - turns, due times and backoff
 */
#include "smtpfwd/queue/schedule.h"

#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"

static void	schedule_ring(struct timer *timer);

void
schedule_init(struct schedule *schedule, struct loop *loop)
{
	uint64_t seed[2];

	os_random(seed, sizeof(seed));
	*schedule = (struct schedule){ .loop = loop, .timer.ring = schedule_ring, .rings = INSTANT_NEVER };
	map_init(&schedule->by_name, seed);
	list_init(&schedule->all);
	list_init(&schedule->preferred);
	list_init(&schedule->ready);
	heap_init(&schedule->wakes);
	signal_init(&schedule->takers);
}

/* --- destinations --- */

struct destination *
destination_find(const struct schedule *schedule, struct str name)
{
	return map_get(&schedule->by_name, name);
}

struct destination *
destination_get(struct schedule *schedule, struct str name)
{
	struct destination *d = destination_find(schedule, name);

	if (d != NULL)
		return d;
	d = mem_new(sizeof(*d) + name.len);
	if (name.len != 0)
		memcpy(d->name, name.at, name.len);
	d->name_bytes = name.len;
	d->limit = QUEUE_NO_LIMIT;
	for (int i = 0; i < N_LINES; i++) {
		list_init(&d->lines[i].due);
		heap_init(&d->lines[i].later);
		heap_init(&d->lines[i].released);
		d->lines[i].limit = QUEUE_NO_LIMIT;
	}
	map_set(&schedule->by_name, destination_name(d), d);
	list_append(&schedule->all, &d->by_name);
	return d;
}

static struct list *
ready_list(struct schedule *schedule, const struct destination *d)
{
	return d->is_preferred ? &schedule->preferred : &schedule->ready;
}

static void
destination_free(struct schedule *schedule, struct destination *d)
{
	(void)map_remove(&schedule->by_name, destination_name(d));
	list_remove(&schedule->all, &d->by_name);
	if (list_has_link(&d->ready))
		list_remove(ready_list(schedule, d), &d->ready);
	if (heap_has(&d->wake))
		heap_remove(&schedule->wakes, &d->wake);
	for (int i = 0; i < N_LINES; i++) {
		heap_fini(&d->lines[i].later);
		heap_fini(&d->lines[i].released);
	}
	mem_free(d);
}

void
schedule_fini(struct schedule *schedule)
{
	timer_clear(schedule->loop, &schedule->timer);
	LIST_EACH(link, &schedule->all) {
		struct destination *d = LIST_ITEM(link, struct destination, by_name);

		insist(d->n_slots == 0);
		destination_free(schedule, d);
	}
	heap_fini(&schedule->wakes);
	map_fini(&schedule->by_name);
}

static void
line_promote(struct line *line, struct instant now)
{
	struct heap_item *least;

	while ((least = heap_least(&line->later)) != NULL && least->key <= now.ns) {
		struct slot *slot = HEAP_ITEM(least, struct slot, room.later);

		heap_remove(&line->later, least);
		slot->room.due = (struct list_link){ .next = NULL };
		slot->where = SLOT_DUE;
		list_append(&line->due, &slot->room.due);
	}
}

/* A probe need not be due by its own retry time: the question is whether the destination is back. */
static bool
line_can_give(const struct line *line, bool is_probe)
{
	return line->n_out < line->limit &&
	    (!list_is_empty(&line->due) || line->released.n != 0 || (is_probe && line->later.n != 0));
}

/* The line whose turn it is, or NULL. */
static struct line *
destination_line(struct destination *d, struct instant now)
{
	if (d->n_out >= d->limit || (d->is_held_back && (d->is_probe_out || d->held_until.ns > now.ns)))
		return NULL;
	for (int i = 0; i < N_LINES; i++) {
		struct line *line = &d->lines[(d->turn + i) % N_LINES];

		if (line_can_give(line, d->is_held_back))
			return line;
	}
	return NULL;
}

static struct instant
destination_next_look(const struct destination *d, struct instant now)
{
	struct instant next = INSTANT_NEVER;

	if (d->is_held_back)
		return d->held_until.ns > now.ns ? d->held_until : INSTANT_NEVER;
	for (int i = 0; i < N_LINES; i++) {
		const struct heap_item *least = heap_least(&d->lines[i].later);

		if (least != NULL)
			next = instant_min(next, (struct instant){ least->key });
	}
	return next;
}

static void
schedule_set_timer(struct schedule *schedule)
{
	const struct heap_item *least = heap_least(&schedule->wakes);
	struct instant at = least != NULL ? (struct instant){ least->key } : INSTANT_NEVER;

	if (at.ns == schedule->rings.ns)
		return;
	schedule->rings = at;
	if (at.ns != INT64_MAX)
		timer_set(schedule->loop, &schedule->timer, at);
	else
		timer_clear(schedule->loop, &schedule->timer);
}

/* After any change to a destination: is it ready, when is it to be looked at, is it of use at all. */
static void
destination_changed(struct schedule *schedule, struct destination *d, struct instant now)
{
	struct instant look;
	bool can_give;

	for (int i = 0; i < N_LINES; i++)
		line_promote(&d->lines[i], now);
	can_give = destination_line(d, now) != NULL;
	if (can_give && !list_has_link(&d->ready))
		list_append(ready_list(schedule, d), &d->ready);
	else if (!can_give && list_has_link(&d->ready))
		list_remove(ready_list(schedule, d), &d->ready);
	if (can_give)
		signal_one(&schedule->takers);
	look = destination_next_look(d, now);
	if (look.ns != INT64_MAX) {
		if (!heap_has(&d->wake))
			heap_add(&schedule->wakes, &d->wake, look.ns);
		else if (d->wake.key != look.ns)
			heap_move(&schedule->wakes, &d->wake, look.ns);
	} else if (heap_has(&d->wake)) {
		heap_remove(&schedule->wakes, &d->wake);
	}
	schedule_set_timer(schedule);
	if (d->n_slots == 0 && d->limit == QUEUE_NO_LIMIT && !(d->is_held_back && d->held_until.ns > now.ns))
		destination_free(schedule, d);
}

static void
schedule_ring(struct timer *timer)
{
	struct schedule *schedule = (struct schedule *)(void *)((char *)timer - offsetof(struct schedule, timer));
	struct instant now = loop_now(schedule->loop);
	struct heap_item *least;

	schedule->rings = INSTANT_NEVER;
	while ((least = heap_least(&schedule->wakes)) != NULL && least->key <= now.ns) {
		heap_remove(&schedule->wakes, least);
		destination_changed(schedule, HEAP_ITEM(least, struct destination, wake), now);
	}
	schedule_set_timer(schedule);
}

/* --- slots --- */

struct slot *
slot_new(struct schedule *schedule, struct entry *entry, struct destination *destination, bool is_large)
{
	struct slot *slot = mem_new(sizeof(*slot));

	slot->entry = entry;
	slot->destination = destination;
	slot->is_large = is_large;
	destination->n_slots++;
	return slot;
}

static struct line *
slot_line(const struct slot *slot)
{
	return &slot->destination->lines[slot->is_large ? LINE_LARGE : LINE_SMALL];
}

/* No mark in the slot says so: a release swaps the heaps and touches none of their slots. */
static bool
slot_is_released(const struct slot *slot)
{
	const struct heap *released = &slot_line(slot)->released;
	size_t place = slot->room.later.place;

	return slot->where == SLOT_LATER && place <= released->n && released->items[place - 1] == &slot->room.later;
}

/* Out of whatever holds it; the caller says what changed. */
static void
slot_detach(struct slot *slot)
{
	struct destination *d = slot->destination;
	struct line *line = slot_line(slot);

	switch (slot->where) {
	case SLOT_IDLE:
		break;
	case SLOT_DUE:
		list_remove(&line->due, &slot->room.due);
		break;
	case SLOT_LATER:
		heap_remove(slot_is_released(slot) ? &line->released : &line->later, &slot->room.later);
		break;
	case SLOT_OUT:
		d->n_out -= !slot->is_succeeded;
		line->n_out -= !slot->is_succeeded;
		if (slot->is_probe)
			d->is_probe_out = false;
		slot->is_probe = slot->is_succeeded = false;
		break;
	}
	slot->where = SLOT_IDLE;
	memset(&slot->room, 0, sizeof(slot->room));
}

void
slot_free(struct schedule *schedule, struct slot *slot)
{
	struct destination *d = slot->destination;

	slot_detach(slot);
	mem_free(slot);
	d->n_slots--;
	destination_changed(schedule, d, loop_now(schedule->loop));
}

void
slot_place(struct schedule *schedule, struct slot *slot, struct instant due, struct instant now)
{
	struct destination *d = slot->destination;

	slot_detach(slot);
	if (due.ns <= now.ns) {
		slot->where = SLOT_DUE;
		list_append(&slot_line(slot)->due, &slot->room.due);
	} else {
		slot->where = SLOT_LATER;
		heap_add(&slot_line(slot)->later, &slot->room.later, due.ns);
	}
	destination_changed(schedule, d, now);
}

void
slot_place_first(struct schedule *schedule, struct slot *slot, struct instant now)
{
	slot_detach(slot);
	slot->where = SLOT_DUE;
	list_prepend(&slot_line(slot)->due, &slot->room.due);
	destination_changed(schedule, slot->destination, now);
}

void
slot_set_idle(struct schedule *schedule, struct slot *slot)
{
	slot_detach(slot);
	destination_changed(schedule, slot->destination, loop_now(schedule->loop));
}

struct instant
slot_due(const struct slot *slot, struct instant now)
{
	return slot->where == SLOT_LATER && !slot_is_released(slot) ? (struct instant){ slot->room.later.key } : now;
}

/* --- taking --- */

static struct slot *
line_first(const struct line *line)
{
	struct list_link *due = list_first(&line->due);
	struct heap_item *least;

	if (due != NULL)
		return LIST_ITEM(due, struct slot, room.due);
	least = heap_least(&line->released);
	if (least == NULL)
		least = heap_least(&line->later);		/* for a probe */
	return least != NULL ? HEAP_ITEM(least, struct slot, room.later) : NULL;
}

static struct slot *
destination_take(struct schedule *schedule, struct destination *d, struct instant now)
{
	struct line *line = destination_line(d, now);
	struct slot *slot = line != NULL ? line_first(line) : NULL;

	insist(slot != NULL);
	d->turn = (int)(line - d->lines + 1) % N_LINES;
	slot_detach(slot);
	slot->where = SLOT_OUT;
	slot->is_probe = d->is_held_back;
	d->is_probe_out |= d->is_held_back;
	d->n_out++;
	line->n_out++;
	/* The others have their turn before it comes again. */
	if (list_has_link(&d->ready))
		list_remove(ready_list(schedule, d), &d->ready);
	destination_changed(schedule, d, now);
	return slot;
}

struct slot *
schedule_take(struct schedule *schedule, struct instant now)
{
	const struct list *from = list_is_empty(&schedule->preferred) ? &schedule->ready : &schedule->preferred;
	struct list_link *first = list_first(from);
	struct slot *slot;

	if (first == NULL)
		return NULL;
	slot = destination_take(schedule, LIST_ITEM(first, struct destination, ready), now);
	if (schedule_has_ready(schedule))
		signal_one(&schedule->takers);		/* there is more: pass it on */
	return slot;
}

struct slot *
schedule_take_of(struct schedule *schedule, struct destination *destination, struct instant now)
{
	if (destination_line(destination, now) == NULL)
		return NULL;
	return destination_take(schedule, destination, now);
}

static void
count_out(struct slot *slot, int n)
{
	slot->destination->n_out += n;
	slot_line(slot)->n_out += n;
	slot->is_succeeded = n < 0;
}

struct slot *
schedule_take_next(struct schedule *schedule, struct slot *before, bool only_if_full, struct instant now)
{
	struct destination *d = before->destination;

	insist(before->where == SLOT_OUT);
	if (before->is_probe || (only_if_full && destination_line(d, now) != NULL))
		return NULL;
	if (!before->is_succeeded)		/* the one that had its place may have been given back */
		count_out(before, -1);
	if (destination_line(d, now) != NULL)
		return destination_take(schedule, d, now);
	count_out(before, 1);
	return NULL;
}

void
schedule_take_back_place(struct schedule *schedule, struct slot *before, struct instant now)
{
	if (!before->is_succeeded)
		return;
	count_out(before, 1);
	destination_changed(schedule, before->destination, now);
}

bool
schedule_limit(struct schedule *schedule, struct str name, int limit, int limit_large, struct instant now)
{
	struct destination *d = destination_get(schedule, name);
	bool can_give;

	d->limit = limit;
	d->lines[LINE_LARGE].limit = limit_large;
	can_give = destination_line(d, now) != NULL;
	destination_changed(schedule, d, now);		/* may free it */
	return can_give;
}

void
schedule_prefer(struct schedule *schedule, struct str name, struct instant now)
{
	struct destination *d = destination_get(schedule, name);

	if (list_has_link(&d->ready))
		list_remove(ready_list(schedule, d), &d->ready);
	d->is_preferred = true;
	destination_changed(schedule, d, now);		/* may free it */
}

void
schedule_hold_back(struct schedule *schedule, struct str name, struct instant until, const char *why,
    struct instant now)
{
	struct destination *d = destination_get(schedule, name);

	d->is_held_back = true;
	d->held_until = until;
	snprintf(d->held_why, sizeof(d->held_why), "%s", why);
	destination_changed(schedule, d, now);
}

/* What waits is due at once.  The larger heap is kept, the smaller one's slots are moved. */
static void
line_release(struct line *line)
{
	struct heap_item *item;
	struct heap other;

	if (line->later.n > line->released.n) {
		other = line->later;
		line->later = line->released;
		line->released = other;
	}
	while ((item = heap_least(&line->later)) != NULL) {
		int64_t key = item->key;

		heap_remove(&line->later, item);
		heap_add(&line->released, item, key);
	}
}

void
schedule_release(struct schedule *schedule, struct str name, struct instant now)
{
	struct destination *d = destination_find(schedule, name);

	if (d == NULL)
		return;
	d->is_held_back = false;
	for (int i = 0; i < N_LINES; i++)
		line_release(&d->lines[i]);
	destination_changed(schedule, d, now);
}

struct span
retry_wait(const struct retry_settings *retry, uint32_t n_tries, uint64_t random)
{
	double wait = (double)retry->first.ns, max = (double)retry->max.ns;

	for (uint32_t i = 1; i < n_tries && wait < max && retry->factor > 1; i++)
		wait *= retry->factor;
	if (wait > max)
		wait = max;
	wait -= wait * 0.2 * ((double)(random >> 11) / (double)(UINT64_C(1) << 53));
	return (struct span){ (int64_t)wait };
}
