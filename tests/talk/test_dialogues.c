/*
 * test_dialogues.c - plays every .talk file of this folder with a whole relay, in a world of its own each
 *
 * What a dialogue may expect:
 *	queue empty, queue 2		so many mails wait
 *	arrived TEXT			the new server has a mail with this in it (advance first)
 *	nothing arrived			it has none
 * SIM_SEED chooses another world.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/insist.h"
#include "tests/expect.h"
#include "tests/relay/relay.h"
#include "tests/sim/talk.h"

enum { N_SEEDS = 3, PATH_MAX_BYTES = 600 };

struct scene {
	struct relay	 relay;
	const char	*path;
};

static bool
judge_queue(struct scene *scene, struct str words, struct buf *why_out)
{
	struct queue_counts counts;
	uint64_t want = 0;

	if (!str_eq(words, STR("empty")) && !str_to_u64(words, &want))
		return false;
	queue_count(scene->relay.queue, &counts);
	buf_printf(why_out, "%lld mails", (long long)counts.n_mails);
	return (uint64_t)counts.n_mails == want;
}

static bool
judge(void *context, struct str words, struct buf *why_out)
{
	struct scene *scene = context;
	struct str bytes;

	if (str_starts(words, STR("queue ")))
		return judge_queue(scene, str_from(words, 6), why_out);
	for (int i = 0; sim_find_note(scene->relay.sim, "arrived", (struct str){ .at = NULL }, i, NULL, &bytes); i++) {
		buf_append(why_out, bytes);
		if (str_starts(words, STR("arrived ")) && str_find_str(bytes, str_from(words, 8)) >= 0)
			return true;
	}
	if (why_out->len == 0 && str_starts(words, STR("arrived ")))
		buf_append(why_out, STR("nothing"));
	return str_eq(words, STR("nothing arrived")) && why_out->len == 0;
}

static void
play(void *arg)
{
	struct scene *scene = arg;
	struct talk talk = { .loop = scene->relay.loop, .judge = judge, .context = scene };

	insist(endpoint_parse(str_of(RELAY_AT), &talk.to) && ip_parse(STR("198.51.100.7"), &talk.from));
	talk_play(&talk, scene->path);
	loop_stop(scene->relay.loop);
}

static void
scenario(struct sim *sim, void *arg)
{
	struct scene scene = { .path = arg };

	relay_start(&scene.relay, sim);
	new_server_start(&scene.relay, NEW_SERVER_AT);
	insist(fiber_start(scene.relay.loop, "talk", play, &scene) != NULL);
	loop_run(scene.relay.loop);
	relay_end(&scene.relay);
}

static int
is_dialogue(const struct dirent *entry)
{
	return str_ends_nocase(str_of(entry->d_name), STR(".talk"));
}

int
main(void)
{
	const char *top = getenv("top_srcdir");
	struct dirent **files;
	char folder[PATH_MAX_BYTES], path[PATH_MAX_BYTES * 2];
	int n;

	snprintf(folder, sizeof(folder), "%s/tests/talk", top != NULL ? top : ".");
	n = scandir(folder, &files, is_dialogue, alphasort);
	test_case("there are dialogues in %s", folder);
	expect(n > 0);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]->d_name);
		for (uint64_t k = 0; k < N_SEEDS; k++) {
			struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1) + k });

			test_case("%s (SIM_SEED=%llu)", files[i]->d_name, (unsigned long long)(sim_seed(1) + k));
			expect_int(sim_run(sim, 0, scenario, path), SIM_ENDED);
			sim_free(sim);
		}
		free(files[i]);
	}
	if (n >= 0)
		free(files);
	return test_end();
}
