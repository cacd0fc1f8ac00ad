/*
 * test_busy.c - of thousands of next hops and destinations only the few that matter are told, and how many there are
 *
 * The couriers and the queue are played here; both tell in an order that is none.
 */
#include <stdio.h>

#include "base/mem.h"
#include "smtpfwd/busy.h"
#include "tests/expect.h"

enum { N = 5000, STEP = 7 };		/* without a common factor, so i * STEP % N is each number once */

struct couriers {
	char	 names[N][16];
};

void
couriers_each_next_hop(const struct couriers *couriers, void (*visit)(void *context, const struct next_hop_view *view),
    void *context)
{
	for (int i = 0; i < N; i++) {
		int number = i * STEP % N;
		struct next_hop_view view = { .destination = STR("mx:x"), .next_hop = str_of(couriers->names[number]),
		    .is_up = number % 1000 != 3, .n_connections = number / 10, .n_delivered = number };

		visit(context, &view);
	}
}

void
queue_each_destination(const struct queue *queue, void (*visit)(void *context, const struct destination_counts *d), void *context)
{
	(void)queue;
	for (int i = 0; i < N; i++) {
		struct destination_counts counts = { .name = STR("d"), .n_waiting = i * STEP % N, .is_held_back = i % 2 == 0 };

		visit(context, &counts);
	}
}

/* A member of the objects of a kind, parted by blanks. */
static const char *
members(const json_t *objects, const char *kind, const char *key, char room[400])
{
	const json_t *object, *value;
	size_t i, len = 0;

	room[0] = '\0';
	json_array_foreach(objects, i, object) {
		value = json_object_get(json_object_get(object, kind), key);
		if (value == NULL || len > 300)
			continue;
		len += (size_t)(json_is_string(value) ? snprintf(room + len, 400 - len, "%s ", json_string_value(value)) :
		    snprintf(room + len, 400 - len, "%lld ", (long long)json_integer_value(value)));
	}
	return room;
}

int
main(void)
{
	struct couriers *couriers = mem_new(sizeof(*couriers));
	json_t *objects = json_array();
	char room[400];

	for (int i = 0; i < N; i++)
		snprintf(couriers->names[i], sizeof(couriers->names[i]), "hop%d", i);

	test_case("next hops that are down come first, each group by connections and then by what was delivered");
	busy_add_next_hops(objects, couriers, BUSY_TROUBLED, 8);
	expect_text(members(objects, "next-hop", "name", room), "hop4003 hop3003 hop2003 hop1003 hop3 hop4999 hop4998 hop4997 ");
	expect_text(members(objects, "next-hops", "all", room), "5000 ");
	expect_text(members(objects, "next-hops", "down", room), "5 ");
	json_array_clear(objects);

	test_case("or only by connections and what was delivered");
	busy_add_next_hops(objects, couriers, BUSY_ACTIVE, 3);
	expect_text(members(objects, "next-hop", "name", room), "hop4999 hop4998 hop4997 ");
	json_array_clear(objects);

	test_case("more places than next hops, and all of them");
	busy_add_next_hops(objects, couriers, BUSY_ACTIVE, 2 * N);
	expect_int((int64_t)json_array_size(objects), N + 1);
	json_array_clear(objects);
	busy_add_all_next_hops(objects, couriers);
	expect_int((int64_t)json_array_size(objects), N);
	json_array_clear(objects);

	test_case("destinations by what waits for them");
	busy_add_destinations(objects, NULL, 4);
	expect_text(members(objects, "destination", "waiting", room), "4999 4998 4997 4996 ");
	expect_text(members(objects, "destinations", "all", room), "5000 ");
	expect_text(members(objects, "destinations", "held-back", room), "2500 ");
	json_decref(objects);
	mem_free(couriers);
	return test_end();
}
