/*
 * test_class_actions.c - what a class sets, as a session's client and the queue see it, in simulated time
 */
#include "base/insist.h"
#include "tests/expect.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum { SCRIPT_MAX = 48 };

#define HELLO		"S220", "CEHLO client.example.org", "S250"
#define FROM		"CMAIL FROM:<a@example.org>", "S250 2.1.0"
#define RCPT		"CRCPT TO:<b@example.com>", "S250"
#define BULK		"CDATA", "S354", "CX-Bulk: yes\r\nX-Gone: 1\r\nSubject: x\r\nx-gone: 2\r\n\r\nx\r\n."
#define PLAIN		"CDATA", "S354", "CX-Gone: 1\r\nSubject: x\r\n\r\nx\r\n."
#define TOO_LARGE	"S552 5.3.4 Message is larger than mail of its class may be"
#define FORTY		"1234567890123456789012345678901234567890"

static const uint64_t seed[2] = { 1, 2 };
static const struct network everybody[] = { { .ip = { IP_V4, { 0 } } } };
static const char *const moved[] = { "example.com" };
static const char *const bulk_fields[] = { "X-Bulk" }, *const gone[] = { "X-Gone" };
static const char *const careful[] = { "*-one@example.com" };
static const struct header_field added[] = { { STR("X-Kind"), STR(" bulk"), STR("X-Kind: bulk\r\n") } };

/* All are in both networks: "bulk" by its header, "all" without it. */
static const struct class_section sections[] = {
	{ .name = "bulk", .networks = everybody, .n_networks = 1, .fields = bulk_fields, .n_fields = 1, .actions = { .route = "route:bulk",
	    .message_max_bytes = 100, .recipients_max = 2, .removed = gone, .n_removed = 1, .added = added, .n_added = 1, .is_held = true } },
	{ .name = "careful", .networks = everybody, .n_networks = 1, .recipients = careful, .n_recipients = 1, .actions = { .message_max_bytes = 1000, .recipients_max = 1 } },
	{ .name = "all", .networks = everybody, .n_networks = 1, .actions = { .message_max_bytes = 1000, .recipients_max = 3 } },
};

static const struct row {
	const char	*name;
	bool		 is_outsider;		/* whose header is a claim */
	const char	*rcpts;			/* the next hop is asked, and answers as fake_online says */
	enum mail_hold	 want_hold;		/* of the last mail queued */
	const char	*want_class;		/* its; NULL: none is queued */
	const char	*script[SCRIPT_MAX];
} rows[] = {
	{ .name = "fields go and come, and the mail is held", .want_class = "bulk", .want_hold = HOLD_BY_CLASS, .script = {
	    HELLO, FROM, RCPT, BULK, "S250", "Q1", "BX-Kind: bulk\r\nX-Bulk: yes\r\nSubject: x\r\n\r\nx\r\n", "HX-Traffic-Class: bulk;", "Dverdict=hold:class" } },
	{ .name = "not those of another class", .want_class = "all", .script = {
	    HELLO, FROM, RCPT, PLAIN, "S250", "Q1", "BX-Gone: 1\r\nSubject: x\r\n\r\nx\r\n", "Uhold" } },
	{ .name = "nor by what an outsider claims", .is_outsider = true, .want_class = "all", .script = {
	    HELLO, FROM, RCPT, BULK, "S250", "Q1", "BX-Bulk: yes\r\nX-Gone: 1\r\nSubject: x\r\nx-gone: 2\r\n\r\nx\r\n" } },
	{ .name = "a mail that is all header gets them too", .want_class = "bulk", .want_hold = HOLD_BY_CLASS, .script = {
	    HELLO, FROM, RCPT, "CDATA", "S354", "CX-Bulk: y\r\n.", "S250", "Q1", "BX-Kind: bulk\r\nX-Bulk: y\r\n" } },

	{ .name = "SIZE= at MAIL, by the largest of its classes", .script = {
	    HELLO, "CMAIL FROM:<a@example.org> SIZE=1001", TOO_LARGE, "CRCPT TO:<b@example.com>", "S503", "CMAIL FROM:<a@example.org> SIZE=1000", "S250",
	    "Q0", "Dwhy=class" } },
	{ .name = "what was sent behind it is no mail", .script = {
	    HELLO, "RMAIL FROM:<a@example.org> SIZE=1001\r\nRCPT TO:<b@example.com>\r\nDATA\r\n", TOO_LARGE, "S503", "S503", "Q0" } },
	{ .name = "no more than that at the end of data, when the header has told", .script = {
	    HELLO, FROM, RCPT, "CDATA", "S354", "CX-Bulk: y\r\n\r\n" FORTY "\r\n" FORTY "\r\n" FORTY "\r\n.", TOO_LARGE, "Q0", "Dwhy=class" } },
	{ .name = "all of it being header", .script = {
	    HELLO, FROM, RCPT, "CDATA", "S354", "CX-Bulk: y\r\nSubject: " FORTY "\r\n " FORTY "\r\n " FORTY "\r\n.", TOO_LARGE, "Q0" } },
	{ .name = "of the other class it may be as large", .want_class = "all", .script = {
	    HELLO, FROM, RCPT, "CDATA", "S354", "CX-Any: y\r\n\r\n" FORTY "\r\n" FORTY "\r\n" FORTY "\r\n.", "S250", "Q1" } },
	{ .name = "in chunks that are too many", .script = {
	    HELLO, FROM, RCPT, "RBDAT 15\r\nX-Bulk: yes\r\n\r\n", "S250", "RBDAT 84\r\n" FORTY FORTY "\r\n\r\n", "S250", "RBDAT 2 LAST\r\n\r\n", TOO_LARGE, "Q0" } },

	{ .name = "recipients, by the largest of its classes", .want_class = "all", .script = {
	    HELLO, FROM, RCPT, RCPT, RCPT, "CRCPT TO:<c@example.com>", "S452 4.5.3", PLAIN, "S250", "Q1", "Tb@example.com b@example.com b@example.com", "Dwhy=class" } },
	{ .name = "if the header makes it of the lesser one it is refused for good", .script = {
	    HELLO, FROM, RCPT, RCPT, RCPT, BULK, "S554 5.5.3", "Q0", "Dwhy=class-recipients" } },
	{ .name = "a recipient whose class has no room for the others is to come by itself", .is_outsider = true, .want_class = "careful", .script = {
	    HELLO, FROM, RCPT, "CRCPT TO:<a-one@example.com>", "S452 4.5.3", RCPT, PLAIN, "S250", "Q1", "Tb@example.com b@example.com", "Dwhy=class",
	    FROM, "CRCPT TO:<a-one@example.com>", "S250", "CRCPT TO:<b@example.com>", "S452 4.5.3", PLAIN, "S250", "Q2", "Ta-one@example.com" } },
	{ .name = "and the next hop is not asked for it then", .is_outsider = true, .rcpts = "+", .script = {
	    HELLO, FROM, RCPT, "CRCPT TO:<a-one@example.com>", "S452 4.5.3", PLAIN, "S250", "Q0", "Onew relay:moved a 0; rcpt b; send 1 28; drop; " } },
	{ .name = "up to its number it is not", .want_class = "bulk", .want_hold = HOLD_BY_CLASS, .script = {
	    HELLO, FROM, RCPT, RCPT, BULK, "S250", "Q1" } },

	{ .name = "the next hop is asked, and does not get what is held", .rcpts = "+", .want_class = "bulk", .want_hold = HOLD_BY_CLASS, .script = {
	    HELLO, FROM, RCPT, BULK, "S250", "Q1", "Onew relay:moved a 0; rcpt b; drop; " } },
	{ .name = "nor what is too much for its class", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT, RCPT, RCPT, BULK, "S554 5.5.3", "Q0", "Onew relay:moved a 0; rcpt b; rcpt b; rcpt b; drop; " } },
	{ .name = "it gets what is neither, as it came", .rcpts = "+", .script = {
	    HELLO, FROM, RCPT, PLAIN, "S250", "Q0", "Onew relay:moved a 0; rcpt b; send 1 28; drop; " } },

	{ .name = "a recipient outside, by the class's route", .want_class = "bulk", .want_hold = HOLD_BY_CLASS, .script = {
	    HELLO, FROM, "CRCPT TO:<b@elsewhere.example>", "S250", BULK, "S250", "Q1" } },
	{ .name = "without it when the header has told", .script = {
	    HELLO, FROM, "CRCPT TO:<b@elsewhere.example>", "S250", PLAIN, "S554 5.4.4", "Q0", "Dwhy=no-route" } },
	{ .name = "never for an outsider", .is_outsider = true, .script = {
	    HELLO, FROM, "CRCPT TO:<b@elsewhere.example>", "S550 5.7.1", "Q0" } },
};
static const struct row *row;

static void
change(struct stage *stage)
{
	const struct relay_rule relays[] = { { .name = "moved", .domains = moved, .n_domains = 1,
	    .forwarding = { .is_online = row->rcpts != NULL, .online_timeout = span_s(60) } } };

	policy_free(stage->policy);
	stage->policy = policy_new(&(struct policy_settings){ .hostname = "relay.example.com", .relays = relays, .n_relays = 1,
	    .classes = { .sections = sections, .n_sections = sizeof(sections) / sizeof(sections[0]), .field_name = "X-Traffic-Class" } }, seed);
	stage->couriers.rcpts = row->rcpts;
	stage->couriers.mail = '+';
	stage->settings.networks = everybody;
	stage->settings.n_networks = row->is_outsider ? 0 : 1;
}

static void
talk(struct stage *stage)
{
	struct stage_client client = { .stage = stage };
	const struct fake_mail *last = NULL;

	stage_connect(&client, stage);
	stage_play(&client, row->script);
	if (stage->queue.n_mails > 0)
		last = stage->queue.mails[stage->queue.n_mails - 1];
	expect((last != NULL) == (row->want_class != NULL));
	if (last != NULL) {
		expect_str(last->facts.class_name, str_of(row->want_class));
		expect_int(last->facts.comes_held, row->want_hold);
	}
	stage_close(&client);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim *sim = sim_new(&(struct sim_options){ .seed = sim_seed(1), .short_percent = -1 });
		struct stage stage;

		row = &rows[i];
		test_case("%s", row->name);
		sim_enter(sim);
		stage_init(&stage, change);
		endpoint_parse(STR("192.0.2.1:25"), &stage.at);
		stage_run(&stage, talk);
		stage_fini(&stage);
		expect_int(sim_leave(sim), 0);
		sim_free(sim);
	}
	return test_end();
}
