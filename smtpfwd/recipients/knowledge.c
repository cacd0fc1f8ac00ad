/*
 * knowledge.c - what is told goes in, what is too much goes out
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/domain.h"
#include "smtpfwd/recipients/knowledge_inside.h"

enum {
	UNASKED_PART = 8,		/* twice the next one, or what is told each day would be asked for again */
	FRESH_PART = 16,		/* told again within this part of its time, an entry keeps its time: no record is due */
	STEP_BACK_US = 60 * 1000 * 1000,	/* of the clock; less than that is its being kept right */
	OWN_ACCEPTED_WITHIN_S = 60,	/* an address comes onto a blocklist from one minute to the next */
	ARENA_BYTES = 4096,		/* for a domain's canonical form */
};

struct knowledge *
knowledge_new(const struct knowledge_bounds *bounds, const uint64_t seed[2])
{
	struct knowledge *knowledge = mem_new(sizeof(*knowledge));

	*knowledge = (struct knowledge){ .bounds = *bounds, .table.seed = { seed[0], seed[1] } };
	map_init(&knowledge->relays, seed);
	buf_init(&knowledge->changes, KNOWLEDGE_CHANGES_MAX_BYTES);
	return knowledge;
}

void
knowledge_free(struct knowledge *knowledge)
{
	if (knowledge == NULL)
		return;
	knowledge_set_relays(knowledge, NULL, 0);
	map_fini(&knowledge->relays);
	known_table_fini(&knowledge->table);
	buf_fini(&knowledge->changes);
	mem_free(knowledge);
}

/* --- keys and times --- */

static bool
make_key(const struct address *address, char room[ADDRESS_MAX_BYTES], struct str *key_out)
{
	struct arena arena;
	struct str domain;
	bool is_made;

	if (address->local.len == 0 || address->local.len > ADDRESS_LOCAL_MAX_BYTES)
		return false;
	arena_init(&arena, ARENA_BYTES);
	is_made = domain_canonical(address->domain, &arena, &domain) && domain.len <= DOMAIN_MAX_BYTES;
	if (is_made) {
		memcpy(room, address->local.at, address->local.len);
		room[address->local.len] = '@';
		memcpy(room + address->local.len + 1, domain.at, domain.len);
		*key_out = str_n(room, address->local.len + 1 + domain.len);
	}
	arena_fini(&arena);
	return is_made;
}

static struct span
keep_of(const struct knowledge *knowledge, enum known known)
{
	return known == KNOWN_GOOD ? knowledge->bounds.good_keep : knowledge->bounds.bad_keep;
}

static int64_t
max_of(const struct knowledge *knowledge, enum known known)
{
	return known == KNOWN_GOOD ? knowledge->bounds.good_max : knowledge->bounds.bad_max;
}

/* From a to b; 0 when b is the earlier.  Times of a file are any numbers. */
static uint64_t
us_between(struct timestamp a, struct timestamp b)
{
	return a.us < b.us ? (uint64_t)b.us - (uint64_t)a.us : 0;
}

/* Told by a clock that was ahead, it is young. */
bool
knowledge_is_old(const struct knowledge *knowledge, enum known known, struct timestamp told, struct timestamp now)
{
	return us_between(told, now) > (uint64_t)keep_of(knowledge, known).ns / 1000;
}

static bool
bring_back(void *context, struct str name, void *value)
{
	const struct timestamp *now = context;
	struct known_relay *relay = value;

	(void)name;
	for (int i = 0; i < KNOWN_KINDS; i++)
		LIST_EACH(link, &relay->lists[i])
			if (known_entry_of(link)->told.us > now->us)
				known_entry_of(link)->told = *now;
	if (relay->own_accepted.us > now->us)
		relay->own_accepted = *now;
	return true;
}

/* What a clock told that was years ahead would else stay for years. */
void
knowledge_see_time(struct knowledge *knowledge, struct timestamp now)
{
	if (us_between(now, knowledge->latest) > STEP_BACK_US) {
		map_each(&knowledge->relays, bring_back, &now);
		knowledge->latest = now;
	}
	if (now.us > knowledge->latest.us)
		knowledge->latest = now;
}

/* --- changes --- */

static void
note_change(struct knowledge *knowledge, const struct known_record *record)
{
	if (!knowledge->is_overrun && known_record_append(record, &knowledge->changes) != 0) {
		knowledge->is_overrun = true;
		buf_clear(&knowledge->changes);
	}
}

bool
knowledge_take_changes(struct knowledge *knowledge, struct buf *records)
{
	struct buf taken = knowledge->changes;
	bool is_all = !knowledge->is_overrun;

	insist(records->len == 0);
	knowledge->changes = *records;
	*records = taken;
	knowledge->changes.max = KNOWLEDGE_CHANGES_MAX_BYTES;
	knowledge->is_overrun = false;
	return is_all;
}

int64_t
knowledge_live_bytes(const struct knowledge *knowledge)
{
	return knowledge->table.record_bytes;
}

/* --- relays and bounds --- */

int64_t
knowledge_empty_relay(struct knowledge *knowledge, struct known_relay *relay)
{
	int64_t n = 0;

	for (int i = 0; i < KNOWN_KINDS; i++)
		while (!list_is_empty(&relay->lists[i])) {
			known_table_remove(&knowledge->table, known_entry_of(list_first(&relay->lists[i])));
			n++;
		}
	return n;
}

static void
add_relay(struct map *relays, struct known_relay *old, struct str name)
{
	struct known_relay *relay = old;

	if (relay == NULL) {
		relay = mem_new(sizeof(*relay) + name.len);
		relay->name_len = name.len;
		if (name.len > 0)
			memcpy(relay->name, name.at, name.len);
		for (int i = 0; i < KNOWN_KINDS; i++)
			list_init(&relay->lists[i]);
	}
	map_set(relays, name, relay);
}

static bool
drop_relay(void *context, struct str name, void *value)
{
	(void)name;
	(void)knowledge_empty_relay(context, value);
	mem_free(value);
	return true;
}

void
knowledge_set_relays(struct knowledge *knowledge, const char *const *names, int n_names)
{
	struct map relays;

	map_init(&relays, knowledge->relays.seed);
	for (int i = 0; i < n_names; i++)
		if (str_of(names[i]).len <= KNOWN_RELAY_MAX_BYTES && map_get(&relays, str_of(names[i])) == NULL)
			add_relay(&relays, map_remove(&knowledge->relays, str_of(names[i])), str_of(names[i]));
	map_each(&knowledge->relays, drop_relay, knowledge);
	map_fini(&knowledge->relays);
	knowledge->relays = relays;
}

static void
make_room(struct knowledge *knowledge, struct known_relay *relay, enum known known)
{
	int i = known - KNOWN_GOOD;

	while ((int64_t)relay->lists[i].n > max_of(knowledge, known)) {
		known_table_remove(&knowledge->table, known_entry_of(list_first(&relay->lists[i])));
		relay->n_gone[i]++;
	}
}

static bool
make_room_everywhere(void *context, struct str name, void *value)
{
	(void)name;
	make_room(context, value, KNOWN_GOOD);
	make_room(context, value, KNOWN_BAD);
	return true;
}

void
knowledge_set_bounds(struct knowledge *knowledge, const struct knowledge_bounds *bounds)
{
	knowledge->bounds = *bounds;
	map_each(&knowledge->relays, make_room_everywhere, knowledge);
}

/* --- asked and told --- */

bool
knowledge_look_up(const struct knowledge *knowledge, struct str relay, const struct address *address, struct timestamp now,
    struct known_record *record_out)
{
	const struct known_relay *of = knowledge_relay(knowledge, relay);
	const struct known_entry *entry;
	char room[ADDRESS_MAX_BYTES];
	struct str key;

	if (of == NULL || !make_key(address, room, &key))
		return false;
	entry = known_table_find(&knowledge->table, of, key);
	if (entry == NULL || knowledge_is_old(knowledge, (enum known)entry->known, entry->told, now))
		return false;
	*record_out = known_entry_record(entry);
	return true;
}

enum known
knowledge_ask(const struct knowledge *knowledge, struct str relay, const struct address *address, struct timestamp now)
{
	struct known_record record;

	return knowledge_look_up(knowledge, relay, address, now, &record) ? record.known : KNOWN_NOT;
}

bool
knowledge_is_fresh(const struct knowledge *knowledge, struct str relay, const struct address *address, struct timestamp now)
{
	struct known_record record;

	return knowledge_look_up(knowledge, relay, address, now, &record) && record.known == KNOWN_GOOD &&
	    us_between(record.told, now) < (uint64_t)keep_of(knowledge, KNOWN_GOOD).ns / 1000 / UNASKED_PART;
}

/* Known is good or bad; entry may be NULL.  True: it is a change. */
static bool
enter(struct knowledge *knowledge, struct known_entry *entry, struct known_relay *relay, struct str key, enum known known,
    struct timestamp told)
{
	if (entry == NULL) {
		entry = known_table_add(&knowledge->table, relay, key);
	} else {
		bool is_fresh = entry->known == known && told.us >= entry->told.us &&
		    us_between(entry->told, told) < (uint64_t)keep_of(knowledge, known).ns / 1000 / FRESH_PART;

		list_remove(&relay->lists[entry->known - KNOWN_GOOD], &entry->link);
		if (is_fresh) {
			list_append(&relay->lists[known - KNOWN_GOOD], &entry->link);
			return false;
		}
	}
	entry->known = (uint8_t)known;
	entry->told = told;
	list_append(&relay->lists[known - KNOWN_GOOD], &entry->link);
	return true;
}

static void
set(struct knowledge *knowledge, struct known_relay *relay, struct str key, enum known known, struct timestamp told, bool is_loading)
{
	struct known_record record = { .known = known, .told = told, .relay = known_relay_name(relay), .address = key };
	struct known_entry *entry = known_table_find(&knowledge->table, relay, key);
	bool is_change = entry != NULL;

	if (known != KNOWN_NOT)
		is_change = enter(knowledge, entry, relay, key, known, told);
	else if (entry != NULL)
		known_table_remove(&knowledge->table, entry);
	if (is_change && !is_loading)
		note_change(knowledge, &record);
	if (known != KNOWN_NOT)
		make_room(knowledge, relay, known);
}

bool
knowledge_enter(struct knowledge *knowledge, const struct known_record *record, const struct address *address, struct timestamp now,
    bool is_loading)
{
	struct known_relay *relay = knowledge_relay(knowledge, record->relay);
	struct timestamp told = record->told.us < now.us ? record->told : now;
	char room[ADDRESS_MAX_BYTES];
	struct str key;

	knowledge_see_time(knowledge, now);
	if (relay == NULL || !make_key(address, room, &key))
		return false;
	if (record->known != KNOWN_NOT && knowledge_is_old(knowledge, record->known, told, now)) {
		if (is_loading)		/* it took the place of what an earlier record said */
			set(knowledge, relay, key, KNOWN_NOT, told, true);
		return false;
	}
	set(knowledge, relay, key, record->known, told, is_loading);
	return true;
}

bool
knowledge_set(struct knowledge *knowledge, struct str relay, const struct address *address, enum known known,
    struct timestamp told, struct timestamp now)
{
	return knowledge_enter(knowledge, &(struct known_record){ .known = known, .told = told, .relay = relay }, address, now, false);
}

/* A bare 550: it may be meant for our address, and then it is said of any mailbox. */
static bool
is_believed(const struct knowledge *knowledge, const struct known_relay *relay, const struct address *address, struct timestamp now)
{
	return relay->own_accepted.us != 0 &&
	    us_between(relay->own_accepted, now) <= (uint64_t)span_s(OWN_ACCEPTED_WITHIN_S).ns / 1000 &&
	    knowledge_ask(knowledge, known_relay_name(relay), address, now) != KNOWN_GOOD;
}

/* Who is often let through where an address is on a blocklist, so that it can be talked about: no proof that ours is not. */
static bool
is_exempt(const struct address *address)
{
	return str_eq_nocase(address->local, STR("postmaster")) || str_eq_nocase(address->local, STR("abuse"));
}

static void
note_own_accepted(struct known_relay *relay, const struct address *address, struct timestamp now)
{
	struct str key;

	if (is_exempt(address) || !make_key(address, relay->own_key, &key))
		return;
	relay->own_key_len = key.len;
	relay->own_accepted = now;
}

bool
knowledge_own_accepted(const struct knowledge *knowledge, struct str relay, struct timestamp now, struct address *address_out)
{
	const struct known_relay *of = knowledge_relay(knowledge, relay);
	struct str key;
	ptrdiff_t at;

	if (of == NULL || of->own_key_len == 0)
		return false;
	key = str_n(of->own_key, of->own_key_len);
	at = str_rfind(key, '@');
	*address_out = (struct address){ .local = str_sub(key, 0, (size_t)at), .domain = str_from(key, (size_t)at + 1) };
	return knowledge_ask(knowledge, relay, address_out, now) == KNOWN_GOOD;
}

enum known
knowledge_tell(struct knowledge *knowledge, struct str relay, const struct address *address,
    const struct recipient_answer *answer, struct timestamp now)
{
	struct known_relay *of = knowledge_relay(knowledge, relay);

	knowledge_see_time(knowledge, now);
	if (of == NULL)
		return KNOWN_NOT;
	switch (meaning_of(answer)) {
	case MEANS_NOTHING:
		return KNOWN_NOT;
	case MEANS_GOOD:
		if (answer->asker == ASKER_OURSELVES)
			note_own_accepted(of, address, now);
		(void)knowledge_set(knowledge, relay, address, KNOWN_GOOD, now, now);
		return KNOWN_GOOD;
	case MEANS_BAD_PERHAPS:
		if (!is_believed(knowledge, of, address, now))
			return KNOWN_NOT;
		break;
	case MEANS_BAD:
		break;
	}
	(void)knowledge_set(knowledge, relay, address, KNOWN_BAD, now, now);
	return KNOWN_BAD;
}
