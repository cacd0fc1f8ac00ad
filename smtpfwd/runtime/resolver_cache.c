/*
 * resolver_cache.c - the answers of the last minute
 */
#include "base/insist.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "smtpfwd/runtime/resolver_cache.h"

enum {
	NAME_MAX_BYTES = 4 * 255,	/* each byte of a name may stand as \DDD */
	KEY_MAX_BYTES = NAME_MAX_BYTES + 2,
	ANSWER_MAX_BYTES = 8 * 1024,	/* of its records; others are rare, and take the room of many */
};

struct kept {
	struct list_link	 link;		/* in the order in which they came */
	struct str		 key;		/* behind the records, as all text is */
	struct instant		 until;
	struct instant		 holds_until;	/* by its TTL, which may be later */
	enum dns_result		 result;
	bool			 is_secure;
	size_t			 n_bytes;	/* all of it */
	int			 n_records;
	struct dns_record	 records[];
};

struct resolver_cache {
	struct resolver		 resolver;
	struct resolver		*below;
	struct loop		*loop;
	struct map		 by_key;
	struct list		 kept;
	size_t			 n_bytes;
};

/* The name in lower case, and the type.  "": there is no such name. */
static struct str
key_of(const struct dns_question *question, char room[KEY_MAX_BYTES])
{
	size_t len = question->name.len;

	if (len > NAME_MAX_BYTES)
		return STR_EMPTY;
	for (size_t i = 0; i < len; i++) {
		char c = question->name.at[i];

		room[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	room[len] = (char)(question->type >> 8);
	room[len + 1] = (char)question->type;
	return str_n(room, len + 2);
}

static void
forget(struct resolver_cache *c, struct kept *kept)
{
	map_remove(&c->by_key, kept->key);
	list_remove(&c->kept, &kept->link);
	c->n_bytes -= kept->n_bytes;
	mem_free(kept);
}

/* --- what is known --- */

static bool
copy_records(const struct kept *kept, struct arena *arena, struct dns_record *records)
{
	for (int i = 0; i < kept->n_records; i++) {
		records[i] = kept->records[i];
		if (!arena_copy(arena, kept->records[i].name, &records[i].name) ||
		    !arena_copy(arena, kept->records[i].text, &records[i].text))
			return false;
	}
	return true;
}

static bool
find(struct resolver_cache *c, const struct dns_question *question, struct arena *arena, struct dns_answer *answer_out)
{
	struct instant now = loop_now(c->loop);
	char room[KEY_MAX_BYTES];
	struct str key = key_of(question, room);
	struct kept *kept = key.len > 0 ? map_get(&c->by_key, key) : NULL;
	struct dns_record *records = NULL;

	if (kept == NULL)
		return false;
	if (!instant_is_before(now, kept->until)) {
		forget(c, kept);
		return false;
	}
	if (kept->n_records > 0) {
		records = arena_array(arena, (size_t)kept->n_records, sizeof(*records));
		if (records == NULL || !copy_records(kept, arena, records))
			return false;		/* below it is no better, but there it is said so */
	}
	*answer_out = (struct dns_answer){
		.result = kept->result, .is_secure = kept->is_secure, .ttl_s = (uint32_t)span_to_s(instant_diff(now, kept->holds_until)),
		.records = records, .n_records = kept->n_records,
	};
	return true;
}

static bool
find_all(struct resolver_cache *c, const struct dns_question *questions, int n_questions, struct arena *arena,
    struct dns_answer *answers_out)
{
	for (int i = 0; i < n_questions; i++)
		if (!find(c, &questions[i], arena, &answers_out[i]))
			return false;
	return true;
}

/* --- what becomes known --- */

static size_t
text_bytes(const struct dns_answer *answer)
{
	size_t n = 0;

	for (int i = 0; i < answer->n_records; i++)
		n += answer->records[i].name.len + answer->records[i].text.len;
	return n;
}

static struct str
put_text(char **room, struct str text)
{
	struct str kept = str_n(*room, text.len);

	if (text.len > 0)
		memcpy(*room, text.at, text.len);
	*room += text.len;
	return kept;
}

static struct kept *
copy(struct str key, const struct dns_answer *answer, struct instant now)
{
	size_t n_fixed = sizeof(struct kept) + (size_t)answer->n_records * sizeof(answer->records[0]);
	size_t n_bytes = n_fixed + key.len + text_bytes(answer);
	struct kept *kept;
	char *room;

	if (n_bytes > ANSWER_MAX_BYTES)
		return NULL;
	kept = mem_new(n_bytes);
	*kept = (struct kept){
		.holds_until = instant_after(now, span_s(answer->ttl_s)), .result = answer->result, .is_secure = answer->is_secure,
		.n_bytes = n_bytes, .n_records = answer->n_records,
	};
	kept->until = instant_min(kept->holds_until, instant_after(now, span_s(RESOLVER_CACHE_MOST_S)));
	room = (char *)kept + n_fixed;
	kept->key = put_text(&room, key);
	for (int i = 0; i < answer->n_records; i++) {
		kept->records[i] = answer->records[i];
		kept->records[i].name = put_text(&room, answer->records[i].name);
		kept->records[i].text = put_text(&room, answer->records[i].text);
	}
	return kept;
}

static bool
is_settled(const struct dns_answer *answer)
{
	return answer->result != DNS_UNSETTLED && answer->ttl_s > 0;
}

static void
keep(struct resolver_cache *c, const struct dns_question *question, const struct dns_answer *answer)
{
	char room[KEY_MAX_BYTES];
	struct str key = key_of(question, room);
	struct kept *kept;

	if (!is_settled(answer) || key.len == 0)
		return;
	kept = map_get(&c->by_key, key);
	if (kept != NULL)			/* somebody else asked the same meanwhile */
		forget(c, kept);
	kept = copy(key, answer, loop_now(c->loop));
	if (kept == NULL)
		return;
	c->n_bytes += kept->n_bytes;
	list_append(&c->kept, &kept->link);
	map_set(&c->by_key, kept->key, kept);
	while (c->n_bytes > RESOLVER_CACHE_MAX_BYTES)
		forget(c, LIST_ITEM(list_first(&c->kept), struct kept, link));
}

static void
ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline, struct arena *arena,
    struct dns_answer *answers_out)
{
	struct resolver_cache *c = (struct resolver_cache *)(void *)resolver;

	if (find_all(c, questions, n_questions, arena, answers_out))
		return;
	dns_ask(c->below, questions, n_questions, deadline, arena, answers_out);
	for (int i = 0; i < n_questions; i++)
		keep(c, &questions[i], &answers_out[i]);
}

/* --- life and death --- */

struct resolver *
resolver_cache_new(struct loop *loop, struct resolver *below)
{
	struct resolver_cache *c = mem_new(sizeof(*c));
	uint64_t seed[2];

	os_random(seed, sizeof(seed));
	c->resolver.ask = ask;
	c->below = below;
	c->loop = loop;
	map_init(&c->by_key, seed);
	list_init(&c->kept);
	return &c->resolver;
}

struct resolver *
resolver_cache_below(const struct resolver *resolver)
{
	return ((const struct resolver_cache *)(const void *)resolver)->below;
}

void
resolver_cache_free(struct resolver *resolver)
{
	struct resolver_cache *c = (struct resolver_cache *)(void *)resolver;
	struct list_link *first;

	if (c == NULL)
		return;
	while ((first = list_first(&c->kept)) != NULL)
		forget(c, LIST_ITEM(first, struct kept, link));
	map_fini(&c->by_key);
	mem_free(c);
}
