/*
 * fuzz_server.c - a whole SMTP session: whatever a client says, in whatever pieces
 *
 * Nobody logs in who does not know the password.  Never more replies than commands, none with a line of a wrong form; no mail is said to be queued
 * without one in the queue; what is queued is for whom we relay, with one Received and strict line ends, without results in
 * our name but ours, and those only where mail is checked, and signed only where its client is trusted.
 */
#include "base/list.h"
#include "mail/auth_results.h"
#include "mail/header.h"
#include "tests/expect.h"
#include "tests/fuzz/fuzz.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/receive/stage.h"
#include "tests/sim/sim.h"

enum {
	INPUT_MAX_BYTES = 3000,		/* so that not more than FAKE_MAILS_MAX mails fit */
	MESSAGE_MAX_BYTES = 600, RECIPIENTS_MAX = 3, REPLY_LINE_MAX_BYTES = 512, REPLIES_MAX_BYTES = 1024 * 1024,
};

enum choice {				/* bits of the input's first two bytes */
	CHOICE_REPAIR = 1, CHOICE_PROXY = 2, CHOICE_XCLIENT = 4, CHOICE_TRUSTED = 8, CHOICE_HANGS_UP = 16,
	CHOICE_PUT_FAILS = 32, CHOICE_SMALL_PIECES = 64, CHOICE_ONLINE = 128, CHOICE_APPEND_FAILS = 256, CHOICE_FULL = 512,
	CHOICE_GREETED = 1024, CHOICE_DELAY = 2048, CHOICE_AUTH = 4096, CHOICE_AUTH_REQUIRED = 8192,
	CHOICE_JUDGED = 16384, CHOICE_ENFORCED = 32768,
};

struct scene {
	struct stage	 stage;		/* first: the stage's functions get it */
	struct fuzz	 f;
	unsigned	 choice;
	int		 n_lines;	/* LFs that were sent */
	char		 answers[4];	/* of next hops, to RCPT (fake_online.h) */
	struct buf	 replies;
};

static const struct network here = { .ip = { .family = IP_V4, .bytes = { 127 } }, .prefix_bits = 8 };

/* RFC 7677 3: user, pencil.  Only SCRAM is offered in the clear, and nobody can guess its nonces. */
static const char users[] =
    "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n";

static struct policy *
judging_policy(bool is_enforced, const struct forwarding *forwarding)
{
	static const char *const domains[] = { "example.com" };
	const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1, .forwarding = *forwarding } };
	struct dkim_key *key = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);
	struct dkim_signer_settings signer = { .domain = "example.org", .selectors = { { "e", key } }, .n_selectors = 1 };
	struct sign_rule rule = { .domain = "example.org", .signer = dkim_signer_new(&signer, NULL) };
	struct policy_settings settings = {
		.hostname = "relay.example.com", .relays = relays, .n_relays = 1, .outbound = "internet",
		.verify = { .spf = true, .dkim = true, .dmarc = is_enforced ? DMARC_ENFORCE : DMARC_STAMP, .timeout = span_s(20),
		    .dkim_settings = { .signatures_max = 3, .drift_s = 300 } },
		.dkim_verifier = dkim_verifier_new(), .signing = { .keys = &key, .n_keys = 1, .rules = &rule, .n_rules = 1 },
	};

	return policy_new(&settings, (uint64_t[]){ 1, 2 });
}

static struct policy *
simple_policy(const struct forwarding *forwarding)
{
	static const char *const domains[] = { "example.com" };
	const struct relay_rule relays[] = { { .name = "moved", .domains = domains, .n_domains = 1, .forwarding = *forwarding } };

	return policy_new(&(struct policy_settings){
		.hostname = "relay.example.com", .relays = relays, .n_relays = 1, .outbound = "internet",
	}, (uint64_t[]){ 1, 2 });
}

/* Next hops that answer in some way. */
static struct forwarding
settle_online(struct scene *s)
{
	static const char ways[] = "+345fmnbpc8u?sw";

	if ((s->choice & CHOICE_ONLINE) == 0)
		return (struct forwarding){ .is_online = false };
	for (size_t i = 0; i + 1 < sizeof(s->answers); i++)
		s->answers[i] = ways[fuzz_dice(&s->f, sizeof(ways) - 1)];
	s->stage.couriers.rcpts = s->answers;
	s->stage.couriers.mail = "+345u?sw"[fuzz_dice(&s->f, 8)];
	return (struct forwarding){ .is_online = true, .online_timeout = span_s(60), .queues_4xx = fuzz_dice(&s->f, 2) == 0,
	    .queues_mixed = fuzz_dice(&s->f, 2) == 0, .accepts_unknown = fuzz_dice(&s->f, 2) == 0 };
}

static void
settle_stage(struct stage *stage)
{
	struct scene *s = (struct scene *)(void *)stage;
	struct listener_settings *settings = &stage->settings;
	struct forwarding forwarding = settle_online(s);

	settings->bare_line_end = s->choice & CHOICE_REPAIR ? BARE_LINE_END_REPAIR : BARE_LINE_END_REFUSE;
	settings->message_max_bytes = MESSAGE_MAX_BYTES;
	settings->recipients_max = RECIPIENTS_MAX;
	settings->text_line_max_bytes = 200;
	settings->networks = settings->xclient_from = settings->proxy_from = &here;
	settings->n_networks = (s->choice & CHOICE_TRUSTED) != 0;
	settings->n_xclient_from = (s->choice & CHOICE_XCLIENT) != 0;
	settings->n_proxy_from = (s->choice & CHOICE_PROXY) != 0;
	settings->greeting_delay = span_ms(s->choice & CHOICE_DELAY ? 100 : 0);
	if (s->choice & CHOICE_AUTH) {
		settings->auth = s->choice & CHOICE_AUTH_REQUIRED ? LISTEN_AUTH_REQUIRED : LISTEN_AUTH_OFFERED;
		stage->users = users_parse(str_of(users), "users", NULL);
	}
	policy_free(stage->policy);
	stage->policy = s->choice & CHOICE_JUDGED ? judging_policy(s->choice & CHOICE_ENFORCED, &forwarding) : simple_policy(&forwarding);
	if (s->choice & CHOICE_JUDGED) {
		stage->signers = os_crew_new(loop_poller(stage->loop), 1, "sign");
	}
	stage->queue.does_put_fail = (s->choice & CHOICE_PUT_FAILS) != 0;
	stage->queue.does_append_fail = (s->choice & CHOICE_APPEND_FAILS) != 0;
	stage->queue.append_fails = stage->queue.put_fails = s->choice & CHOICE_REPAIR ? FAULT_FULL : FAULT_OTHER;
	stage->queue.is_full = (s->choice & CHOICE_FULL) != 0;
}

static struct instant
in_s(const struct scene *s, int seconds)
{
	return instant_after(loop_now(s->stage.loop), span_s(seconds));
}

static void
keep_replies(struct scene *s, struct stream *stream)
{
	struct str input = stream_input(stream);

	insist(buf_append(&s->replies, input) == 0);
	stream_take(stream, input.len);
}

static void
say(struct scene *s, struct stream *stream, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		s->n_lines += bytes.at[i] == '\n';
	if (stream_write(stream, bytes, in_s(s, 10), NULL) == 0)
		(void)stream_flush(stream, in_s(s, 10), NULL);
}

/* The client: speaks in pieces, listens now and then, and at the end until the server hangs up. */
static void
converse(struct stage *stage)
{
	struct scene *s = (struct scene *)(void *)stage;
	struct stage_client client = { .stage = stage };
	struct str rest = s->f.rest, piece;

	stage_connect(&client, stage);
	if ((s->choice & (CHOICE_PROXY | CHOICE_DELAY)) == 0)
		(void)stream_fill(client.stream, in_s(s, 5), NULL);
	if (s->choice & CHOICE_GREETED)
		say(s, client.stream, STR("EHLO client.example.org\r\n"));
	while (fuzz_piece(&s->f, s->choice & CHOICE_SMALL_PIECES ? 40 : INPUT_MAX_BYTES, &rest, &piece)) {
		say(s, client.stream, piece);
		if (fuzz_dice(&s->f, 3) == 0)
			(void)stream_fill(client.stream, in_s(s, 1), NULL);
		keep_replies(s, client.stream);
	}
	if ((s->choice & CHOICE_HANGS_UP) == 0) {
		while (stream_fill(client.stream, in_s(s, 4000), NULL) > 0)
			keep_replies(s, client.stream);
	}
	stage_close(&client);
}

/* --- what must hold --- */

static void
check_replies(const struct scene *s)
{
	struct str rest = buf_str(&s->replies), line;
	int n_replies = 0, n_queued = 0;

	while (str_find_str(rest, STR("\r\n")) >= 0 && str_take_until(&rest, '\n', &line)) {
		insist(line.len >= 5 && line.len < REPLY_LINE_MAX_BYTES && line.at[line.len - 1] == '\r');
		insist(str_is_printable(str_sub(line, 0, line.len - 1)));
		insist(line.at[0] >= '2' && line.at[0] <= '5' && (line.at[3] == ' ' || line.at[3] == '-'));
		n_replies += line.at[3] == ' ';
		n_queued += str_starts(line, STR("250 2.0.0 queued as "));
	}
	insist(n_replies <= s->n_lines + 2);	/* a greeting, and a 421 at the end */
	insist(n_queued <= s->stage.queue.n_mails);
	if ((s->choice & CHOICE_HANGS_UP) == 0)
		insist(rest.len == 0 && n_queued == s->stage.queue.n_mails);
}

/* Our fields on top, and that no others in our name are left. */
static void
check_fields(const struct scene *s, const struct fake_mail *mail, struct arena *arena)
{
	bool is_judged = (s->choice & CHOICE_JUDGED) != 0, is_trusted = mail->facts.is_from_trusted;
	struct header_section section;
	int n_results, n_signatures;
	const char *why;

	insist(header_read(mail->prefix, arena, &section) == 0 && section.header_bytes == mail->prefix.len);
	n_results = header_count(&section, STR("Authentication-Results"));
	n_signatures = header_count(&section, STR("DKIM-Signature"));
	insist(n_results == (is_judged && !is_trusted) && n_signatures <= (is_judged && is_trusted));
	insist(section.n_fields == 1 + n_results + n_signatures && str_eq(section.fields[section.n_fields - 1].name, STR("Received")));
	insist(header_read(mail->content, arena, &section) == 0);
	insist(section.has_empty_line || section.body_at == mail->content.len);	/* every reader finds the same end of the header */
	for (int i = 0; i < section.n_fields; i++) {
		struct arena scratch;

		arena_init(&scratch, FUZZ_ROOM_MAX_BYTES);
		insist(!auth_results_is_ours(&section.fields[i], STR("relay.example.com"), &scratch, &why));
		arena_fini(&scratch);
	}
}

static void
check_mail(const struct scene *s, const struct fake_mail *mail)
{
	struct arena arena;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	check_fields(s, mail, &arena);
	insist(mail->content.len <= MESSAGE_MAX_BYTES + 2);	/* an empty line that was missing */
	for (size_t i = 0; i < mail->content.len; i++) {
		insist(mail->content.at[i] != '\n' || (i > 0 && mail->content.at[i - 1] == '\r'));
		insist(mail->content.at[i] != '\r' || (i + 1 < mail->content.len && mail->content.at[i + 1] == '\n'));
	}
	insist(mail->envelope.n_recipients >= 1 && mail->envelope.n_recipients <= RECIPIENTS_MAX);
	for (int i = 0; i < mail->envelope.n_recipients; i++) {
		const struct address *to = &mail->envelope.recipients[i].address;

		insist(mail->facts.is_from_trusted || to->domain.len == 0 || str_eq_nocase(to->domain, STR("example.com")));
		insist(mail->envelope.is_smtputf8 || address_is_ascii(to));
	}
	insist(!mail->facts.is_from_trusted || (s->choice & CHOICE_TRUSTED) != 0);
	insist((s->choice & CHOICE_AUTH) == 0 || (s->choice & CHOICE_AUTH_REQUIRED) == 0);	/* nobody has logged in */
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct scene s = { .n_lines = 0 };
	struct sim *sim;
	unsigned first;

	if (n_bytes > INPUT_MAX_BYTES)
		return 0;
	fuzz_begin(&s.f, bytes, n_bytes, &first);
	s.choice = first | fuzz_byte(&s.f) << 8;
	buf_init(&s.replies, REPLIES_MAX_BYTES);
	sim = sim_new(&(struct sim_options){ .seed = first });
	sim_enter(sim);
	stage_init(&s.stage, settle_stage);
	stage_run(&s.stage, converse);
	check_replies(&s);
	for (int i = 0; i < s.stage.queue.n_mails; i++)
		check_mail(&s, s.stage.queue.mails[i]);
	stage_fini(&s.stage);
	insist(test_counts().n_missed == 0);
	insist(sim_leave(sim) == 0);
	sim_free(sim);
	buf_fini(&s.replies);
	fuzz_end(&s.f);
	return 0;
}
