/*
 * stage.c - stories told to a whole relay
 */
#include "base/insist.h"
#include "tests/relay/stage.h"

void
sleep_for(struct story *story, struct span span)
{
	fiber_sleep(instant_after(loop_now(story->relay.loop), span));
}

int
n_mails(struct story *story)
{
	struct queue_counts counts;

	queue_count(story->relay.queue, &counts);
	return (int)counts.n_mails;
}

void
set_new_server(struct story *story, enum sim_host state)
{
	struct endpoint at;

	insist(endpoint_parse(str_of(NEW_SERVER_AT), &at));
	sim_net_host(story->relay.sim, &at.ip, state);
}

int
n_commands(struct story *story, const char *kind, struct str start, struct str part)
{
	struct str key, bytes;
	int n = 0;

	for (int i = 0; sim_find_note(story->relay.sim, kind, (struct str){ .at = NULL }, i, &key, &bytes); i++)
		n += str_starts(key, start) && str_find_str(key, part) >= 0;
	return n;
}

static void
run_story(void *arg)
{
	struct story *story = arg;

	story->tell(story);
	loop_stop(story->relay.loop);
}

void
play(uint64_t seed, void (*tell)(struct story *story))
{
	struct sim_options options = { .seed = seed };
	struct sim *sim = sim_new(&options);
	struct story story = { .tell = tell };

	sim_enter(sim);
	relay_start(&story.relay, sim);
	new_server_start(&story.relay, NEW_SERVER_AT);
	new_server_start(&story.relay, HOME_AT);
	insist(fiber_start(story.relay.loop, "story", run_story, &story) != NULL);
	loop_run(story.relay.loop);
	relay_end(&story.relay);
	sim_leave(sim);
	sim_free(sim);
}
