/*
 * test_memory.c - buffers, arenas, lists, heaps and maps
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "tests/expect.h"

static void
test_buf(void)
{
	struct buf b;

	test_case("a buffer grows up to its maximum and no byte further");
	buf_init(&b, 1000);
	expect(b.at == NULL);
	for (int i = 0; i < 100; i++)
		expect_int(buf_append(&b, STR("0123456789")), 0);
	expect_int(buf_append_char(&b, 'x'), -1);
	expect_int(buf_printf(&b, "%d", 1), -1);
	expect(buf_room(&b, 1) == NULL);
	expect_int((int64_t)b.len, 1000);
	expect_str(str_from(buf_str(&b), 995), STR("56789"));

	test_case("what is consumed leaves at the front");
	buf_consume(&b, 996);
	expect_str(buf_str(&b), STR("6789"));
	expect_int(buf_printf(&b, "-%s-%d", "ab", 42), 0);
	expect_str(buf_str(&b), STR("6789-ab-42"));
	buf_clear(&b);
	buf_shrink(&b);
	expect(b.at == NULL);
	expect_int(buf_append(&b, STR("")), 0);
	buf_fini(&b);

	test_case("a printed text may fill a buffer to its maximum");
	buf_init(&b, 5);
	expect_int(buf_printf(&b, "%s", "123456"), -1);
	expect_int(buf_printf(&b, "%s", "12345"), 0);
	expect_str(buf_str(&b), STR("12345"));
	buf_fini(&b);
}

static void
test_arena(void)
{
	struct arena a;
	struct str copy;
	char *first, *second;

	test_case("an arena's memory is zeroed, aligned and apart");
	arena_init(&a, 200000);
	first = arena_alloc(&a, 3);
	second = arena_alloc(&a, 100000);
	expect(first != NULL && second != NULL);
	expect_int((int64_t)((uintptr_t)second % _Alignof(max_align_t)), 0);
	memset(first, 'x', 3);
	expect(second[0] == 0 && second[99999] == 0);
	expect(arena_copy(&a, STR("text"), &copy));
	expect_str(copy, STR("text"));
	expect(copy.at[4] == '\0');
	expect(arena_printf(&a, &copy, "%s-%d", "x", 7));
	expect_str(copy, STR("x-7"));

	test_case("an arena says no at its limit");
	expect(arena_alloc(&a, 200000) == NULL);
	expect(arena_alloc(&a, SIZE_MAX) == NULL);
	expect(arena_array(&a, SIZE_MAX / 2, 3) == NULL);
	expect(!arena_copy(&a, str_n(second, 100000), &copy));
	arena_fini(&a);
	expect_int((int64_t)a.used_bytes, 0);
	expect(arena_alloc(&a, 200000) != NULL);
	expect(arena_alloc(&a, 1) == NULL);
	arena_fini(&a);
}

struct thing {
	int			 number;
	struct list_link	 link;
	struct heap_item	 item;
};

static void
test_list(void)
{
	struct thing things[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	struct list l;
	int order = 0;

	test_case("a list keeps its order and survives removal while it is walked");
	list_init(&l);
	expect(list_first(&l) == NULL);
	list_append(&l, &things[1].link);
	list_append(&l, &things[2].link);
	list_prepend(&l, &things[0].link);
	LIST_EACH(link, &l) {
		struct thing *thing = LIST_ITEM(link, struct thing, link);

		order = order * 10 + thing->number + 1;
		list_remove(&l, link);
		expect(!list_has_link(link));
	}
	expect_int(order, 123);
	expect(list_is_empty(&l));
	expect(list_take_first(&l) == NULL);
}

enum { N_THINGS = 500 };

static void
test_heap(void)
{
	static struct thing things[N_THINGS];
	struct heap h;
	int64_t before = INT64_MIN;
	int n_taken = 0;
	bool in_order = true;

	test_case("items leave a heap by their keys, moved and removed ones too");
	heap_init(&h);
	for (int i = 0; i < N_THINGS; i++)
		heap_add(&h, &things[i].item, (i * 7919) % 1009);
	for (int i = 0; i < N_THINGS; i += 3)
		heap_move(&h, &things[i].item, (i * 31) % 997 - 500);
	for (int i = 1; i < N_THINGS; i += 5)
		heap_remove(&h, &things[i].item);
	expect(!heap_has(&things[1].item));
	expect(heap_has(&things[0].item));
	while (heap_least(&h) != NULL) {
		struct heap_item *least = heap_least(&h);

		in_order = in_order && least->key >= before;
		before = least->key;
		heap_remove(&h, least);
		n_taken++;
	}
	expect(in_order);
	expect_int(n_taken, N_THINGS - N_THINGS / 5);
	heap_fini(&h);
}

static bool
sum_up(void *context, struct str key, void *value)
{
	*(int64_t *)context += *(int *)value;
	return *(int *)value != -1;
}

static void
test_map(void)
{
	static const uint64_t seed[2] = { 1, 2 };
	static int values[1000];
	struct map m;
	int64_t sum = 0;
	bool all_found = true, none_found = true;

	test_case("a map finds what was set and not removed");
	map_init(&m, seed);
	expect(map_get(&m, STR("nothing")) == NULL);
	expect(map_remove(&m, STR("nothing")) == NULL);
	for (int i = 0; i < 1000; i++) {
		values[i] = i;
		map_set(&m, str_n(&i, sizeof(i)), &values[i]);
	}
	expect_int((int64_t)m.n, 1000);
	for (int i = 0; i < 1000; i += 2)
		expect(map_remove(&m, str_n(&i, sizeof(i))) == &values[i]);
	for (int i = 0; i < 1000; i++) {
		void *got = map_get(&m, str_n(&i, sizeof(i)));

		all_found = all_found && (i % 2 == 0 || got == &values[i]);
		none_found = none_found && (i % 2 == 1 || got == NULL);
	}
	expect(all_found);
	expect(none_found);
	map_each(&m, sum_up, &sum);
	expect_int(sum, 250000);		/* 1 + 3 + ... + 999 */

	test_case("a key set again has the new value; an empty key is one too");
	map_set(&m, STR(""), &values[1]);
	map_set(&m, STR(""), &values[2]);
	expect(map_get(&m, STR("")) == &values[2]);
	expect_int((int64_t)m.n, 501);
	map_fini(&m);
	expect(map_get(&m, STR("")) == NULL);
}

static void
test_siphash(void)
{
	/* The reference vectors of SipHash-2-4: key 00..0f, text 00..n-1. */
	static const struct { size_t n_bytes; uint64_t want; } cases[] = {
		{ 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd }, { 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
	};
	static const uint64_t seed[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	unsigned char text[64];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)i;
	test_case("SipHash-2-4 gives its reference vectors");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(siphash(seed, str_n(text, cases[i].n_bytes)) == cases[i].want);
}

int
main(void)
{
	test_buf();
	test_arena();
	test_list();
	test_heap();
	test_map();
	test_siphash();
	return test_end();
}
