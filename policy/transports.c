/*
 * transports.c - a text for each destination
 */
#include "base/map.h"
#include "base/mem.h"
#include "policy/transports.h"

struct transports {
	struct map	  by_destination;	/* to a text */
	char		**texts;		/* owned */
	int		  n;
};

struct transports *
transports_new(const struct transport_text *transports, int n, const uint64_t seed[2])
{
	struct transports *made = mem_new(sizeof(*made));

	map_init(&made->by_destination, seed);
	made->texts = mem_new_array((size_t)n + 1, sizeof(*made->texts));
	made->n = n;
	for (int i = 0; i < n; i++) {
		size_t n_bytes = strlen(transports[i].text) + 1;

		made->texts[i] = mem_new(n_bytes);
		memcpy(made->texts[i], transports[i].text, n_bytes);
		map_set(&made->by_destination, str_of(transports[i].destination), made->texts[i]);
	}
	return made;
}

void
transports_free(struct transports *transports)
{
	if (transports == NULL)
		return;
	for (int i = 0; i < transports->n; i++)
		mem_free(transports->texts[i]);
	mem_free(transports->texts);
	map_fini(&transports->by_destination);
	mem_free(transports);
}

const char *
transports_find(const struct transports *transports, struct str destination)
{
	return map_get(&transports->by_destination, destination);
}
