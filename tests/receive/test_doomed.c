/*
 * test_doomed.c - mail that DMARC will have refused behind us: refused, held or sent, whichever way it goes, and the log tells
 *
 * Which mail that is, is tests/policy/test_survive's; here stands what becomes of it.
 */
#include "base/insist.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/resolver_sim.h"
#include "tests/sim/sim.h"

#define HELO		"CEHLO client.example.org", "S250"
#define STRANGER	"S220", HELO, "CXCLIENT ADDR=192.0.2.1", "S220", HELO
#define FROM(address)	"CMAIL FROM:<" address ">", "S250 2.1.0", "CRCPT TO:<b@example.com>", "S250"
#define MAIL(author)	"CDATA", "S354", "CFrom: " author "\r\nSubject: x\r\n\r\nx\r\n."

enum { SCRIPT_MAX = 60 };

static const char ZONE[] =
	"example.org TXT v=spf1 ip4:192.0.2.1 -all\n"
	"_dmarc.example.org TXT v=DMARC1; p=reject\n"
	"testing.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"_dmarc.testing.example TXT v=DMARC1; p=reject; t=y\n"
	"soft.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"_dmarc.soft.example TXT v=DMARC1; p=quarantine; sp=reject\n"
	"below.soft.example TXT v=spf1 ip4:192.0.2.1 -all\n"
	"client.example.org TXT v=spf1 ip4:192.0.2.1 -all\n";

static const struct row {
	const char		*name;
	enum doomed_mode	 mode;
	enum client_view	 view;		/* as the last time */
	const char		*rcpts;		/* what the next hop says to recipients, asked online; NULL: it is not asked */
	bool			 is_seen;	/* there */
	const char		*script[SCRIPT_MAX];
} rows[] = {
	{ .name = "sent, and the log tells", .mode = DOOMED_SEND, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250 2.0.0 queued", "Q1", "Dverdict=accept survives=none doomed=spf-only", "Uheld" } },
	{ .name = "refused, for good, and it is said what helps", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S550 5.7.20 This mail is forwarded, and the DMARC policy of example.org has it refused there,"
	    " because only SPF speaks for it: sign it with DKIM for example.org", "Q0",
	    "Dverdict=reject:forward-doomed survives=none doomed=spf-only", "Drejected id=", "Dwhy=forward-doomed" } },
	{ .name = "held in the queue", .mode = DOOMED_HOLD, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250 2.0.0 queued", "Q1", "Dverdict=hold:forward-doomed survives=none doomed=spf-only",
	    "Dheld id=", "Dwhy=forward-doomed" } },
	{ .name = "where the client is seen all is well", .mode = DOOMED_REJECT, .view = VIEW_OF_CLIENT, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250", "Q1", "Dsurvives=spf", "Udoomed" } },
	{ .name = "what is not known dooms nobody", .mode = DOOMED_REJECT, .view = VIEW_UNKNOWN, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250", "Q1", "Dsurvives=spf?", "Udoomed" } },
	{ .name = "a domain that only tests its policy", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@testing.example"), MAIL("a@testing.example"), "S250", "Q1", "Dsurvives=none", "Udoomed" } },
	{ .name = "p=quarantine for the domain, sp=reject below it", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@soft.example"), MAIL("a@soft.example"), "S250", "Udoomed", FROM("a@below.soft.example"),
	    MAIL("a@below.soft.example"), "S550 5.7.20 This mail is forwarded, and the DMARC policy of below.soft.example", "Q1", "Ddoomed=spf-only" } },
	{ .name = "what fails here already is another's matter", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@soft.example"), MAIL("a@example.org"), "S250", "Q1", "Ddmarc=fail:example.org:reject", "Udoomed" } },
	{ .name = "a report", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM(""), MAIL("a@client.example.org"), "S250", "Q1", "Ddmarc=pass", "Udoomed" } },
	{ .name = "online: the next hop sees us: refused before it gets the mail", .mode = DOOMED_REJECT, .view = VIEW_OF_CLIENT, .rcpts = "+", .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S550 5.7.20", "Q0", "Onew relay:moved a 0; rcpt b; drop; ",
	    "Dwhy=forward-doomed", FROM("a@testing.example"), MAIL("a@testing.example"), "S250" } },
	{ .name = "online: the next hop sees the client", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .rcpts = "+", .is_seen = true, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250 2.6.9", "Q0", "Onew relay:moved a 0; rcpt b; send 1 38; drop; ", "Dsurvives=spf" } },
	{ .name = "online: held, and the next hop does not get it", .mode = DOOMED_HOLD, .view = VIEW_UNKNOWN, .rcpts = "+", .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250 2.0.0 queued", "Q1", "Onew relay:moved a 0; rcpt b; drop; ", "Dheld id=" } },
	{ .name = "online: sent", .mode = DOOMED_SEND, .view = VIEW_UNKNOWN, .rcpts = "+", .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S250 2.6.9", "Q0", "Dverdict=accept survives=none doomed=spf-only" } },
	{ .name = "a refusal is no error of the client: so many would end the session", .mode = DOOMED_REJECT, .view = VIEW_OF_US, .script = {
	    STRANGER, FROM("a@example.org"), MAIL("a@example.org"), "S550", FROM("a@example.org"), MAIL("a@example.org"), "S550",
	    FROM("a@example.org"), MAIL("a@example.org"), "S550", FROM("a@example.org"), MAIL("a@example.org"), "S550", "Q0" } },
};

struct world {				/* what a stage lets nobody else keep */
	struct stage		 stage;
	struct resolver_sim	 names;
	struct network		 everywhere;
	const struct row	*row;
};

static struct world *
world_of(struct stage *stage)
{
	return (struct world *)(void *)((char *)stage - offsetof(struct world, stage));
}

static void
change(struct stage *stage)
{
	static const char *const domains[] = { "example.com" };
	struct world *world = world_of(stage);
	const struct row *row = world->row;
	struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1,
	    .forwarding = { .is_online = row->rcpts != NULL, .online_timeout = span_s(60) } } };
	struct policy_settings settings = { .hostname = "relay.example.com", .relays = relays, .n_relays = 1,
	    .verify = { .spf = true, .dmarc = DMARC_STAMP, .timeout = span_s(20), .doomed = row->mode } };

	policy_free(stage->policy);
	stage->policy = policy_new(&settings, (uint64_t[2]){ 1, 2 });
	resolver_sim_init(&world->names, ZONE);
	stage->names = &world->names.resolver;
	insist(network_parse(STR("0.0.0.0/0"), &world->everywhere));
	stage->settings.xclient_from = &world->everywhere;
	stage->settings.n_xclient_from = 1;
	stage->settings.errors_max = 3;
	stage->couriers.rcpts = row->rcpts != NULL ? row->rcpts : "+";
	stage->couriers.mail = '+';
	stage->couriers.is_seen = row->is_seen;
	stage->couriers.view = row->view;
}

static void
play(struct stage *stage)
{
	const struct row *row = world_of(stage)->row;
	struct stage_client client = { .stage = stage };

	stage_connect(&client, stage);
	stage_play(&client, row->script);
	for (int i = 0; i < stage->queue.n_mails; i++)
		expect_int(stage->queue.mails[i]->facts.comes_held, row->mode == DOOMED_HOLD);
	stage_close(&client);
}

static void
play_row(const struct row *row)
{
	struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1) });
	struct world world = { .row = row };

	sim_enter(sim);
	stage_init(&world.stage, change);
	endpoint_parse(STR("192.0.2.100:25"), &world.stage.at);
	stage_run(&world.stage, play);
	stage_fini(&world.stage);
	expect_int(sim_leave(sim), 0);
	sim_free(sim);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_case("doomed: %s", rows[i].name);
		play_row(&rows[i]);
	}
	return test_end();
}
