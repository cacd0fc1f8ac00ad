/*
 * judging_stage.c - see judging_stage.h
 */
#include "base/insist.h"
#include "policy/dkim/dkim_key_record.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/receive/judging_stage.h"

static const char ZONE[] =
	"1.2.0.192.in-addr.arpa PTR client.example.org\n"
	"7.2.0.192.in-addr.arpa timeout\n"
	"8.2.0.192.in-addr.arpa timeout\n"
	"client.example.org A 192.0.2.1\n"
	"66.2.0.192.in-addr.arpa PTR client.example.org\n"
	"client.example.org TXT v=spf1 a -all\n"
	"example.org TXT v=spf1 ip4:192.0.2.1 -all\n"
	"_dmarc.example.org TXT v=DMARC1; p=reject\n"
	"quarantine.example TXT v=spf1 -all\n"
	"_dmarc.quarantine.example TXT v=DMARC1; p=quarantine\n"
	"broken.example servfail\n"
	"_dmarc.broken.example servfail\n"
	"lost.example timeout\n"
	"_dmarc.lost.example timeout\n"
	"_dmarc.example.com TXT v=DMARC1; p=none\n"
	"slow.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"slow.example delay 10s\n"
	"far.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"far.example delay 30ms\n"
	"_dmarc.slow.example TXT v=DMARC1; p=none\n";

struct world *
world_of(struct stage *stage)
{
	return (struct world *)(void *)((char *)stage - offsetof(struct world, stage));
}

struct policy *
make_policy(struct buf *zone, enum dmarc_mode dmarc, bool is_checked)
{
	static const char *const domains[] = { "example.com" };
	static const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1 } };
	static const uint64_t seed[2] = { 1, 2 };
	struct dkim_key *keys[] = { dkim_key_new(STR(RFC8463_RSA_PEM), NULL), dkim_key_new(STR(RFC8463_ED25519_PEM), NULL) };
	struct dkim_signer_settings signer = { .domain = "example.com", .selectors = { { "r", keys[0] }, { "e", keys[1] } },
	    .n_selectors = 2 };
	struct sign_rule rules[] = { { .domain = "example.com", .with_subdomains = true, .signer = dkim_signer_new(&signer, NULL) } };
	struct policy_settings settings = {
		.hostname = "relay.example.com", .relays = relays, .n_relays = 1, .outbound = "internet",
		.signing = { .keys = keys, .n_keys = 2, .rules = rules, .n_rules = 1 },
	};

	if (zone != NULL) {
		buf_printf(zone, "r._domainkey.example.com TXT ");
		dkim_key_record(keys[0], zone);
		buf_printf(zone, "\ne._domainkey.example.com TXT ");
		dkim_key_record(keys[1], zone);
		buf_append_char(zone, '\n');
		buf_append_char(zone, '\0');
	}
	if (is_checked) {
		settings.verify = (struct verify_rules){ .spf = true, .dkim = true, .dmarc = dmarc, .with_received_spf = true,
		    .dkim_settings = { .signatures_max = 10, .drift_s = 300 }, .timeout = span_s(20) };
		settings.dkim_verifier = dkim_verifier_new();
	}
	return policy_new(&settings, seed);
}

void
stamps(struct stage *stage)
{
	struct world *world = world_of(stage);

	buf_init(&world->zone, 200000);
	buf_append(&world->zone, str_of(ZONE));
	policy_free(stage->policy);
	stage->policy = make_policy(&world->zone, DMARC_STAMP, true);
	resolver_sim_init(&world->names, world->zone.at);
	stage->names = &world->names.resolver;
	insist(network_parse(STR("0.0.0.0/0"), &world->everywhere));
	insist(network_parse(STR("198.51.100.0/24"), &world->trusted));
	stage->settings.xclient_from = &world->everywhere;
	stage->settings.networks = &world->trusted;
	stage->settings.n_xclient_from = stage->settings.n_networks = 1;
	stage->settings.message_max_bytes = 20 << 20;
	stage->signers = os_crew_new(loop_poller(stage->loop), 2, "sign");
}

void
enforces(struct stage *stage)
{
	stamps(stage);
	policy_free(stage->policy);
	stage->policy = make_policy(NULL, DMARC_ENFORCE, true);
}

const struct fake_mail *
last(struct stage *stage)
{
	insist(stage->queue.n_mails > 0);
	return stage->queue.mails[stage->queue.n_mails - 1];
}

void
play_one(struct stage *stage, const char *const *script)
{
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, script);
	stage_close(&client);
}

static void
play_scene(const struct scene *scene)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = scene->sends_whole ? -1 : 0 });
	struct world world = { .zone.len = 0 };

	sim_enter(sim);
	stage_init(&world.stage, scene->change);
	endpoint_parse(STR("192.0.2.100:25"), &world.stage.at);
	stage_run(&world.stage, scene->play);
	stage_fini(&world.stage);
	buf_fini(&world.zone);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

void
play_scenes(const struct scene *scenes, int n_scenes, int argc, char **argv)
{
	for (int i = 0; i < n_scenes; i++) {
		if (argc > 1 && strstr(scenes[i].name, argv[1]) == NULL)
			continue;
		test_case("%s", scenes[i].name);
		play_scene(&scenes[i]);
	}
}
