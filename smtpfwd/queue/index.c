/*
 * index.c - the table of queued mails
 */
#include "smtpfwd/queue/index.h"

#include "base/insist.h"
#include "base/mem.h"

enum {
	PAGE_BUCKETS = 4096,		/* 32 KB: what one step of growth costs at most */
	BUCKETS_AT_START = 1024,
};

/* Ids are ours, made of time and randomness: nobody can choose them to collide. */
static size_t
id_hash(const struct mail_id *id)
{
	uint64_t a, b;

	memcpy(&a, id->bytes, sizeof(a));
	memcpy(&b, id->bytes + 4, sizeof(b));
	a = (a ^ (b * 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
	return (size_t)(a ^ (a >> 32));
}

static size_t
bucket_of(const struct index *index, const struct mail_id *id)
{
	size_t hash = id_hash(id), bucket = hash & ((index->level_mask << 1) | 1);

	return bucket < index->n_buckets ? bucket : hash & index->level_mask;
}

static struct entry **
bucket_at(const struct index *index, size_t bucket)
{
	return &index->pages[bucket / PAGE_BUCKETS][bucket % PAGE_BUCKETS];
}

static void
index_reach(struct index *index, size_t n_buckets)
{
	while (index->n_pages * PAGE_BUCKETS < n_buckets) {
		index->pages = mem_resize_array(index->pages, index->n_pages + 1, sizeof(*index->pages));
		index->pages[index->n_pages++] = mem_new_array(PAGE_BUCKETS, sizeof(struct entry *));
	}
	index->n_buckets = n_buckets;
}

void
index_init(struct index *index)
{
	*index = (struct index){ .level_mask = BUCKETS_AT_START - 1 };
	index_reach(index, BUCKETS_AT_START);
	list_init(&index->by_age);
}

void
index_fini(struct index *index)
{
	for (size_t i = 0; i < index->n_pages; i++)
		mem_free(index->pages[i]);
	mem_free(index->pages);
	*index = (struct index){ .n = 0 };
}

/* Shares one bucket's entries with a new one at the end. */
static void
index_split(struct index *index)
{
	size_t from = index->n_buckets - (index->level_mask + 1);
	struct entry *entry = *bucket_at(index, from), *next;

	*bucket_at(index, from) = NULL;
	index_reach(index, index->n_buckets + 1);
	for (; entry != NULL; entry = next) {
		struct entry **bucket = bucket_at(index, bucket_of(index, &entry->id));

		next = entry->next_in_bucket;
		entry->next_in_bucket = *bucket;
		*bucket = entry;
	}
	if (index->n_buckets == 2 * (index->level_mask + 1))
		index->level_mask = 2 * index->level_mask + 1;
}

struct entry *
index_find(const struct index *index, const struct mail_id *id)
{
	struct entry *entry = *bucket_at(index, bucket_of(index, id));

	while (entry != NULL && !mail_id_eq(&entry->id, id))
		entry = entry->next_in_bucket;
	return entry;
}

void
index_add(struct index *index, struct entry *entry)
{
	struct entry **bucket;

	insist(!entry->is_in_index);
	if (index->n >= index->n_buckets)
		index_split(index);
	bucket = bucket_at(index, bucket_of(index, &entry->id));
	entry->next_in_bucket = *bucket;
	*bucket = entry;
	entry->is_in_index = true;
	list_append(&index->by_age, &entry->by_age);
	index->n++;
}

void
index_remove(struct index *index, struct entry *entry)
{
	struct entry **at = bucket_at(index, bucket_of(index, &entry->id));

	insist(entry->is_in_index);
	while (*at != entry)
		at = &(*at)->next_in_bucket;
	*at = entry->next_in_bucket;
	entry->is_in_index = false;
	list_remove(&index->by_age, &entry->by_age);
	index->n--;
}
