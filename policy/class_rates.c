/*
 * class_rates.c - who has used how much of the limits of his class
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "base/quantity.h"
#include "policy/class_rates.h"
#include "policy/class/class_rules.h"
#include "policy/class/pattern.h"

enum {
	KEY_MAX_BYTES = ADDRESS_MAX_BYTES,
	KEY_ARENA_MAX_BYTES = 8 * 1024,		/* an address made plain */
};

struct rate_table {
	char			 class_name[CLASS_NAME_MAX_BYTES + 1];
	struct class_rate	 limit;
	struct rate		*rate;
	int64_t			 n_put_off;
	bool			 is_wanted;	/* while limits are adopted */
};

struct class_rates {
	uint64_t		 seed[2];
	struct rate_table	 tables[CLASS_RATE_TABLES_MAX];
	int			 n_tables;
};

/* --- tables --- */

struct class_rates *
class_rates_new(const uint64_t seed[2])
{
	struct class_rates *rates = mem_new(sizeof(*rates));

	rates->seed[0] = seed[0];
	rates->seed[1] = seed[1];
	return rates;
}

void
class_rates_free(struct class_rates *rates)
{
	if (rates == NULL)
		return;
	for (int i = 0; i < rates->n_tables; i++)
		rate_free(rates->tables[i].rate);
	mem_free(rates);
}

bool
class_rates_are_none(const struct class_rates *rates)
{
	return rates == NULL || rates->n_tables == 0;
}

static int
find_table(const struct class_rates *rates, const char *class_name, const struct class_rate *limit)
{
	for (int i = 0; i < rates->n_tables; i++)
		if (class_rate_eq(&rates->tables[i].limit, limit) && strcmp(rates->tables[i].class_name, class_name) == 0)
			return i;
	return -1;
}

static void
want(struct class_rates *rates, const char *class_name, const struct class_rate *limit, struct class_rates *fresh)
{
	int at = find_table(rates, class_name, limit);
	struct rate_table *table;

	if (at >= 0) {
		rates->tables[at].is_wanted = true;
		return;
	}
	if (find_table(fresh, class_name, limit) >= 0)
		return;
	insist(fresh->n_tables < CLASS_RATE_TABLES_MAX && strlen(class_name) <= CLASS_NAME_MAX_BYTES);
	table = &fresh->tables[fresh->n_tables++];
	*table = (struct rate_table){ .limit = *limit, .rate = rate_new(&limit->limit, CLASS_RATE_KEYS_MAX, rates->seed), .is_wanted = true };
	memcpy(table->class_name, class_name, strlen(class_name));
}

static void
drop_unwanted(struct class_rates *rates)
{
	int n = 0;

	for (int i = 0; i < rates->n_tables; i++) {
		if (rates->tables[i].is_wanted)
			rates->tables[n++] = rates->tables[i];
		else
			rate_free(rates->tables[i].rate);
	}
	rates->n_tables = n;
}

void
class_rates_adopt(struct class_rates *rates, const struct class_section *sections, int n_sections)
{
	struct class_rates *fresh = mem_new(sizeof(*fresh));

	for (int i = 0; i < rates->n_tables; i++)
		rates->tables[i].is_wanted = false;
	for (int i = 0; i < n_sections; i++)
		for (int k = 0; k < sections[i].actions.n_rates; k++)
			want(rates, sections[i].name, &sections[i].actions.rates[k], fresh);
	drop_unwanted(rates);
	insist(rates->n_tables + fresh->n_tables <= CLASS_RATE_TABLES_MAX);
	for (int i = 0; i < fresh->n_tables; i++)
		rates->tables[rates->n_tables++] = fresh->tables[i];
	mem_free(fresh);
}

/* --- keys --- */

static struct str
key_text(struct str start, struct str behind, char room[KEY_MAX_BYTES])
{
	struct buf key = { .at = room, .cap = KEY_MAX_BYTES, .max = KEY_MAX_BYTES };

	/* No address is longer than the room; of one that were, the start is a key too. */
	if (buf_append(&key, start) == 0)
		(void)buf_append(&key, behind);
	return buf_str(&key);
}

/* An address is the same in any case and however it is quoted, as in patterns (pattern.h). */
static struct str
sender_key(const struct address *sender, char room[KEY_MAX_BYTES])
{
	struct plain_address plain = { .local = sender->local, .domain = sender->domain };
	struct arena arena;
	struct str local, key = STR_EMPTY;

	arena_init(&arena, KEY_ARENA_MAX_BYTES);
	(void)address_plain(sender, &arena, &plain);
	if (arena_printf(&arena, &local, "%.*s@", STR_ARG(plain.local)))
		key = key_text(local, plain.domain, room);
	arena_fini(&arena);
	for (size_t i = 0; i < key.len; i++)
		if (room[i] >= 'A' && room[i] <= 'Z')
			room[i] = (char)(room[i] - 'A' + 'a');
	return key;
}

/* Whom the limit counts; false: the mail is not limited by it. */
static bool
key_of(const struct rated_mail *mail, const struct class_rate *limit, char room[KEY_MAX_BYTES], struct str *key_out)
{
	switch (limit->key) {
	case RATE_PER_CLIENT:
		*key_out = rate_client_key(&mail->client);
		return true;
	case RATE_PER_LOGIN:
		*key_out = mail->login;
		return mail->login.len > 0;
	case RATE_PER_SENDER:
		*key_out = address_is_null(mail->reverse_path) ? key_text(STR("<>"), rate_client_key(&mail->client), room) :
		    sender_key(mail->reverse_path, room);
		return true;
	}
	return false;
}

/* The table and the key by which a mail is limited; NULL: by none. */
static struct rate *
rate_of(const struct class_rates *rates, const struct rated_mail *mail, const struct class_rate *limit, char room[KEY_MAX_BYTES],
    struct str *key_out)
{
	int at = rates != NULL ? find_table(rates, mail->class_name, limit) : -1;

	return at >= 0 && key_of(mail, limit, room, key_out) ? rates->tables[at].rate : NULL;
}

/* --- asking and taking --- */

struct rated_wait
class_rates_wait(const struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *before,
    const struct rated_amount *amount, struct instant now)
{
	struct rated_wait longest = { .limit = NULL };
	char room[KEY_MAX_BYTES];
	struct str key;

	for (int i = 0; i < mail->n_limits; i++) {
		const struct class_rate *limit = &mail->limits[i];
		struct rate *rate = amount->n[limit->unit] > 0 ? rate_of(rates, mail, limit, room, &key) : NULL;
		struct span wait;

		if (rate == NULL)
			continue;
		wait = rate_wait_behind(rate, key, before->n[limit->unit], amount->n[limit->unit], now);
		if (wait.ns > longest.wait.ns)
			longest = (struct rated_wait){ .limit = limit, .wait = wait };
	}
	return longest;
}

static void
change_all(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now,
    void (*change)(struct rate *rate, struct str key, int64_t n, struct instant now))
{
	char room[KEY_MAX_BYTES];
	struct str key;

	for (int i = 0; i < mail->n_limits; i++) {
		struct rate *rate = rate_of(rates, mail, &mail->limits[i], room, &key);

		if (rate != NULL)
			change(rate, key, amount->n[mail->limits[i].unit], now);
	}
}

void
class_rates_take(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now)
{
	change_all(rates, mail, amount, now, rate_take);
}

struct rated_wait
class_rates_use(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now)
{
	static const struct rated_amount nothing;
	struct rated_wait wait = class_rates_wait(rates, mail, &nothing, amount, now);

	if (wait.limit == NULL)
		class_rates_take(rates, mail, amount, now);
	return wait;
}

void
class_rates_give_back(struct class_rates *rates, const struct rated_mail *mail, const struct rated_amount *amount, struct instant now)
{
	change_all(rates, mail, amount, now, rate_give_back);
}

/* --- telling --- */

int64_t
class_rates_put_off(struct class_rates *rates, const struct rated_mail *mail, const struct class_rate *limit, struct instant now)
{
	int at = rates != NULL ? find_table(rates, mail->class_name, limit) : -1;
	char room[KEY_MAX_BYTES];
	struct str key;

	if (at < 0 || !key_of(mail, limit, room, &key))
		return 0;
	rates->tables[at].n_put_off++;
	return rate_count_refusal(rates->tables[at].rate, key, now, span_s(CLASS_RATES_QUIET_S));
}

/* Rounded up, to what a person would say: 36s, 5m, 3h. */
static struct span
round_up(struct span span)
{
	static const int64_t units_s[] = { 1, 60, 60 * 60, 24 * 60 * 60 };
	enum { COARSE = 2 };		/* 90s is said, and 120s is 2m */
	int64_t s = (span.ns + span_s(1).ns - 1) / span_s(1).ns, unit_s = 1;

	for (size_t i = 0; i < sizeof(units_s) / sizeof(units_s[0]); i++)
		if (s >= COARSE * units_s[i])
			unit_s = units_s[i];
	return span_s((s + unit_s - 1) / unit_s * unit_s);
}

struct str
class_rates_reply(const struct rated_mail *mail, const struct rated_wait *wait, char room[CLASS_RATES_REPLY_MAX_BYTES])
{
	char limit_room[CLASS_RATE_TEXT_MAX], wait_room[QUANTITY_TEXT_MAX];
	int len = snprintf(room, CLASS_RATES_REPLY_MAX_BYTES, "Limit of class %s: %.*s; try again in %.*s", mail->class_name,
	    STR_ARG(class_rate_text(wait->limit, limit_room)), STR_ARG(quantity_span_text(round_up(wait->wait), wait_room)));

	insist(len > 0 && len < CLASS_RATES_REPLY_MAX_BYTES);
	return str_n(room, (size_t)len);
}

struct verdict
class_rates_verdict(const struct rated_mail *mail, const struct rated_wait *wait, int64_t n_put_off, struct arena *arena)
{
	struct verdict verdict = { .action = ACTION_DEFER, .reply = REPLY(450, 4, 7, 1, "Limit of rate; try again later"), .reason = "rate",
	    .is_quiet = n_put_off == 0 };
	char room[CLASS_RATES_REPLY_MAX_BYTES];
	struct str text;

	if (arena_copy(arena, class_rates_reply(mail, wait, room), &text))
		verdict.reply.text = text;
	if (n_put_off > 1 && arena_printf(arena, &text, "rate, %lld times since the last line", (long long)n_put_off))
		verdict.reason = text.at;
	return verdict;
}

void
class_rates_each(const struct class_rates *rates, void (*visit)(void *context, const struct class_rates_view *view), void *context)
{
	for (int i = 0; i < rates->n_tables; i++) {
		const struct rate_table *table = &rates->tables[i];

		visit(context, &(struct class_rates_view){ .class_name = table->class_name, .limit = table->limit,
		    .n_keys = rate_n_keys(table->rate), .n_put_off = table->n_put_off });
	}
}

size_t
class_rates_memory_bytes(const struct class_rates *rates)
{
	size_t n = sizeof(*rates);

	for (int i = 0; i < rates->n_tables; i++)
		n += (size_t)rate_n_keys(rates->tables[i].rate) * RATE_KEY_BYTES;
	return n;
}
