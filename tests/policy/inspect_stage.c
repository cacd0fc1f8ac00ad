/*
 * inspect_stage.c - a policy, a zone with keys, and mails signed by our own signer
 */
#include <stdlib.h>

#include "base/insist.h"
#include "policy/decide.h"
#include "policy/dkim/dkim_key_record.h"
#include "policy/stamp.h"
#include "tests/expect.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/policy/inspect_stage.h"

enum {
	MAILS_MAX_BYTES = 256 * 1024 * 1024,
	MAIL_MAX_BYTES = 16 * 1024 * 1024,
	ZONE_MAX_BYTES = 64 * 1024,
	HEADER_ARENA_BYTES = 1024 * 1024,
	HUGE_TEXT_BYTES = 60000,	/* a TXT of a whole packet */
	HUGE_RECORDS = 100,
	NOW_S = 1800000000,
	LIFETIME_S = 3600,
	DEAD_S = 10,
};

#define ZONE \
	"example.com TXT v=spf1 ip4:192.0.2.1 -all\n" \
	"mail.example.com TXT v=spf1 a -all\n" \
	"mail.example.com A 192.0.2.1\n" \
	"_dmarc.example.com TXT v=DMARC1; p=reject\n" \
	"news.example TXT v=spf1 ip4:192.0.2.1 ~all\n" \
	"_dmarc.news.example TXT v=DMARC1; p=quarantine\n" \
	"list.example TXT v=spf1 ip4:198.51.100.7 -all\n" \
	"evil.example TXT v=spf1 +all\n" \
	"slow.example timeout\n" \
	"_dmarc.slow.example timeout\n" \
	"r._domainkey.slow.example timeout\n" \
	"broken.example TXT v=spf1 ip4:nonsense -all\n" \
	"_dmarc.testing.example TXT v=DMARC1; p=reject\n"

static void
stage_ask(struct resolver *resolver, const struct dns_question *questions, int n_questions, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	struct inspect_stage *stage = (struct inspect_stage *)(void *)resolver;	/* its first member */

	bool has_dead = false;

	dns_ask(&stage->zone.resolver, questions, n_questions, deadline, arena, answers_out);
	for (int i = 0; i < n_questions; i++)
		has_dead = has_dead || (stage->trouble == TROUBLE_DEAD && str_ends_nocase(questions[i].name, str_of(stage->troubled)));
	if (has_dead)
		stage->clock = instant_min(instant_after(stage->clock, span_s(DEAD_S)), deadline);
	for (int i = 0; i < n_questions; i++) {
		struct dns_answer *a = &answers_out[i];
		bool is_late = !instant_is_before(stage->clock, deadline);
		char *junk;

		if (!is_late && (stage->trouble == TROUBLE_NONE || !str_ends_nocase(questions[i].name, str_of(stage->troubled))))
			continue;
		*a = (struct dns_answer){ .result = DNS_UNSETTLED, .is_bogus = stage->trouble == TROUBLE_BOGUS, .why = "SERVFAIL" };
		if (stage->trouble != TROUBLE_HUGE)
			continue;
		junk = arena_alloc(arena, HUGE_TEXT_BYTES);
		a->records = arena_array(arena, HUGE_RECORDS, sizeof(a->records[0]));
		if (junk == NULL || a->records == NULL)
			continue;
		memset(junk, 'j', HUGE_TEXT_BYTES);
		for (int k = 0; k < HUGE_RECORDS; k++)
			a->records[k] = (struct dns_record){ .name = STR_EMPTY, .text = str_n(junk, HUGE_TEXT_BYTES) };
		a->result = DNS_FOUND;
		a->n_records = HUGE_RECORDS;
	}
}

static void
add_keys(struct inspect_stage *stage, const char *domain, const char *tags)
{
	struct buf *text = &stage->zone_text;

	buf_printf(text, "r._domainkey.%s TXT ", domain);
	dkim_key_record(stage->rsa, text);
	buf_printf(text, "%s\ne._domainkey.%s TXT ", tags, domain);
	dkim_key_record(stage->ed25519, text);
	buf_printf(text, "%s\n", tags);
}

void
inspect_stage_init(struct inspect_stage *stage)
{
	*stage = (struct inspect_stage){ .resolver = { .ask = stage_ask } };
	arena_init(&stage->mails, MAILS_MAX_BYTES);
	arena_init(&stage->arena, INSPECT_ARENA_MAX_BYTES);
	stage->rsa = dkim_key_new(STR(RFC8463_RSA_PEM), NULL);
	stage->ed25519 = dkim_key_new(STR(RFC8463_ED25519_PEM), NULL);
	insist(stage->rsa != NULL && stage->ed25519 != NULL);
	buf_init(&stage->zone_text, ZONE_MAX_BYTES);
	buf_append(&stage->zone_text, STR(ZONE));
	add_keys(stage, "example.com", "");
	add_keys(stage, "news.example", "");
	add_keys(stage, "list.example", "");
	add_keys(stage, "evil.example", "");
	add_keys(stage, "testing.example", "; t=y");
	zone_init(&stage->zone, buf_str(&stage->zone_text));
	inspect_stage_reset(stage);
}

void
inspect_stage_fini(struct inspect_stage *stage)
{
	policy_free(stage->policy);
	dkim_key_free(stage->rsa);
	dkim_key_free(stage->ed25519);
	buf_fini(&stage->zone_text);
	arena_fini(&stage->arena);
	arena_fini(&stage->mails);
}

void
inspect_stage_set_rules(struct inspect_stage *stage)
{
	struct policy_settings settings = { .hostname = "mx.relay.example", .verify = stage->rules };

	policy_free(stage->policy);
	settings.dkim_verifier = dkim_verifier_new();
	insist(settings.dkim_verifier != NULL);
	stage->policy = policy_new(&settings, (uint64_t[]){ 1, 2 });
}

void
inspect_stage_set_client(struct inspect_stage *stage, const char *ip, const char *helo)
{
	insist(ip_parse(str_of(ip), &stage->peer.client.ip));
	stage->peer.helo = str_of(helo);
}

void
inspect_stage_set_reverse_path(struct inspect_stage *stage, const char *address)
{
	stage->envelope.reverse_path = (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
	if (*address != '\0')
		insist(address_parse(str_of(address), true, &stage->envelope.reverse_path));
}

void
inspect_stage_reset(struct inspect_stage *stage)
{
	stage->trouble = TROUBLE_NONE;
	stage->rules = (struct verify_rules){ .spf = true, .dkim = true, .dmarc = DMARC_ENFORCE,
	    .dkim_settings = { .signatures_max = 10, .drift_s = 300 } };
	inspect_stage_set_rules(stage);
	stage->peer = (struct peer){ .name_state = PEER_NAME_FOUND };
	stage->envelope = (struct envelope){ .n_recipients = 0 };
	inspect_stage_set_client(stage, "192.0.2.1", "mail.example.com");
	inspect_stage_set_reverse_path(stage, "alice@example.com");
	stage->now = (struct timestamp){ NOW_S * INT64_C(1000000) };
	stage->chunk_bytes = INSPECT_CHUNK_MAX_BYTES;
	stage->arena_max_bytes = INSPECT_ARENA_MAX_BYTES;
	stage->clock = (struct instant){ 0 };
	stage->deadline = (struct instant){ span_s(15).ns };
	stage->is_without_resolver = false;
}

static struct dkim_signer *
make_signer(const struct inspect_stage *stage, const char *domain, const char *how)
{
	struct dkim_signer_settings settings = { .domain = domain };
	struct dkim_signer *signer;

	if (strchr(how, 'r') != NULL)
		settings.selectors[settings.n_selectors++] = (struct dkim_selector){ "r", stage->rsa };
	if (strchr(how, 'e') != NULL)
		settings.selectors[settings.n_selectors++] = (struct dkim_selector){ "e", stage->ed25519 };
	settings.is_simple_header = settings.is_simple_body = strchr(how, 's') != NULL;
	if (strchr(how, 'x') != NULL)
		settings.lifetime = span_s(LIFETIME_S);
	signer = dkim_signer_new(&settings, NULL);
	insist(signer != NULL);
	return signer;
}

struct str
inspect_stage_sign(struct inspect_stage *stage, const char *domain, const char *how, struct str mail)
{
	struct dkim_signer *signer = make_signer(stage, domain, how);
	struct timestamp now = strchr(how, 'x') != NULL ? timestamp_after(stage->now, span_s(-10 * LIFETIME_S)) : stage->now;
	struct header_section header;
	struct dkim_signing *signing;
	struct str signed_mail;
	struct fault fault;
	struct buf text;

	insist(header_read(mail, &stage->mails, &header) == 0);
	signing = dkim_signing_new(signer, &header, now, &fault);
	insist(signing != NULL);
	dkim_signing_body(signing, str_from(mail, header.body_at));
	dkim_signing_ready(signing);
	buf_init(&text, MAIL_MAX_BYTES);
	insist(dkim_signing_sign(signing, &fault) == 0 && dkim_signing_fields(signing, &text) == 0);
	insist(buf_append(&text, mail) == 0 && arena_copy(&stage->mails, buf_str(&text), &signed_mail));
	buf_fini(&text);
	dkim_signing_free(signing);
	dkim_signer_free(signer);
	return signed_mail;
}

static struct inspection *
begin(struct inspect_stage *stage, struct str mail, size_t *body_at_out)
{
	struct header_section header;
	struct inspect_inputs inputs = {
		.policy = stage->policy, .peer = &stage->peer, .envelope = &stage->envelope, .header = &header, .now = stage->now,
		.verify = stage->verify, .resolver = stage->is_without_resolver ? NULL : &stage->resolver,
	};
	struct inspection *inspection;
	struct fault fault = { .kind = FAULT_PERMANENT };
	char *bytes = malloc(mail.len + 1);		/* so that who keeps some of it is found out */
	struct arena arena;

	arena_init(&arena, HEADER_ARENA_BYTES);
	insist(bytes != NULL);
	memcpy(bytes, mail.at, mail.len);
	insist(header_read(str_n(bytes, mail.len), &arena, &header) == 0);
	*body_at_out = header.body_at;
	inspection = inspect_begin(&inputs, stage->deadline, &stage->arena, &fault);
	if (inspection == NULL)
		expect_int(fault.kind, FAULT_TEMPORARY);
	memset(bytes, '?', mail.len);
	free(bytes);
	arena_fini(&arena);
	return inspection;
}

const struct findings *
inspect_stage_inspect(struct inspect_stage *stage, struct str mail)
{
	struct inspection *inspection;
	struct str body;
	size_t body_at;

	arena_fini(&stage->arena);
	arena_init(&stage->arena, stage->arena_max_bytes);
	inspection = begin(stage, mail, &body_at);
	if (inspection == NULL)
		return NULL;
	body = str_from(mail, body_at);
	for (size_t at = 0; at < body.len && inspect_wants_body(inspection); at += stage->chunk_bytes)
		inspect_body(inspection, str_sub(body, at, stage->chunk_bytes));
	return inspect_end(inspection, instant_after(stage->clock, instant_diff((struct instant){ 0 }, stage->deadline)));
}

struct str
inspect_stage_judge(struct inspect_stage *stage, struct str mail)
{
	const struct findings *findings = inspect_stage_inspect(stage, mail);
	struct stamp_inputs inputs = { .policy = stage->policy, .peer = &stage->peer, .envelope = &stage->envelope,
	    .findings = findings };
	struct buf words = { .at = stage->words, .cap = sizeof(stage->words), .max = sizeof(stage->words) };
	struct verdict verdict;
	struct arena arena;

	if (findings == NULL)
		return STR("no room");
	arena_init(&arena, HEADER_ARENA_BYTES);
	decide_mail(&stage->rules, findings, &arena, &verdict);
	stamp_words(&inputs, &verdict, &words);
	arena_fini(&arena);
	expect(words.at == stage->words);
	return buf_str(&words);
}
