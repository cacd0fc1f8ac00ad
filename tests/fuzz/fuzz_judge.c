/*
 * fuzz_judge.c - a hostile mail, envelope and zone on the whole way of a judged mail: inspect, decide, seal, stamp
 *
 * The input: two bytes of choices; lines with the reverse-path, HELO and the client's name; a zone (tests/policy/zone.h)
 * up to a NUL; the mail.  It insists that words are the standards' words, that what is written reads back and is
 * bounded, that nothing in our name comes through and that what we sign verifies.
 */
#include "mail/auth_results.h"
#include "policy/decide.h"
#include "policy/inspect.h"
#include "policy/seal.h"
#include "policy/stamp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/policy/dkim_vectors.h"
#include "tests/policy/zone.h"

#define ID	"mx.relay.example"
#define ZONE	"e._domainkey.example.com TXT " RFC8463_ED25519_RECORD "\n"

enum {
	PIECE_MAX_BYTES = 300,
	TIGHT_ARENA_BYTES = 30000,
	SPF_QUESTIONS_MAX = 11 * 11 + 12 + 11 + 2,	/* fuzz_spf.c's */
	QUESTIONS_MAX = 2 * SPF_QUESTIONS_MAX + DKIM_SIGNATURES_MAX + 2 * ARC_INSTANCES_MAX + (AUTHOR_DOMAINS_MAX + DMARC_IDENTIFIERS_MAX) * (DMARC_WALK_MAX + 1),
	LINE_MAX_BYTES = 998,				/* RFC 5322 2.1.1 */
};

struct judged {
	struct fuzz		*f;
	struct arena		 arena;
	struct policy		*policy;
	struct zone		 zone;
	struct peer		 peer;
	struct envelope		 envelope;
	struct timestamp	 now;
	struct str		 mail;
	struct buf		 prefix;	/* what goes on top */
};

/* --- the settings --- */

static struct policy *
make_policy(unsigned choice, unsigned more)
{
	struct dkim_key *keys[] = { dkim_key_new(STR(RFC8463_ED25519_PEM), NULL), dkim_key_new(STR(RFC8463_RSA_PEM), NULL) };
	struct dkim_signer_settings signer = { .domain = "example.com", .selectors = { { "e", keys[0] } }, .n_selectors = 1 };
	struct arc_sealer_settings sealer = { .domain = "example.com", .selector = { "r", keys[1] } };
	struct sign_rule rule = { .domain = "example.com", .with_subdomains = true, .signer = dkim_signer_new(&signer, NULL) };
	struct policy_settings settings = {
		.hostname = "mail.relay.example", .dkim_verifier = dkim_verifier_new(),
		.signing = { .keys = keys, .n_keys = 2, .rules = &rule, .n_rules = 1 },
		.verify = { .spf = !(more & 8), .dkim = !(more & 16), .arc = more & 2, .authserv_id = ID, .with_received_spf = choice & 16,
		    .dkim_settings = { .signatures_max = 1 + (int)(more & 7), .drift_s = 300, .accepts_partial_body = choice & 128 } },
	};

	if (settings.verify.spf || settings.verify.dkim)
		settings.verify.dmarc = (enum dmarc_mode)(choice >> 2 & 3) % 3;
	if ((more & 6) == 6)
		settings.signing.sealer = arc_sealer_new(&sealer, NULL);
	return policy_new(&settings, (uint64_t[]){ 1, 2 });
}

/* A line that lives on. */
static struct str
take_line(struct judged *j)
{
	struct str line;

	insist(arena_copy(&j->arena, fuzz_line(j->f), &line));
	return line;
}

static void
read_input(struct judged *j, unsigned choice, unsigned more)
{
	struct str zone;

	j->envelope = (struct envelope){ .is_smtputf8 = choice & 2 };
	if (!address_parse(take_line(j), choice & 2, &j->envelope.reverse_path))
		j->envelope.reverse_path = (struct address){ .local = STR_EMPTY, .domain = STR_EMPTY };
	j->peer = (struct peer){ .is_trusted = choice & 1, .helo = take_line(j), .name = take_line(j),
	    .name_state = (enum peer_name)(more >> 5) % (PEER_NAME_UNSETTLED + 1) };
	insist(ip_parse(choice & 32 ? STR("2001:db8::1") : STR("192.0.2.1"), &j->peer.client.ip));
	if (!str_take_until(&j->f->rest, '\0', &zone))
		zone = STR_EMPTY;
	zone_init(&j->zone, zone);
	j->mail = j->f->rest;
}

/* --- what must hold --- */

static const struct { const char *method, *words; } results[] = {	/* RFC 8601 2.7 */
	{ "iprev", " pass fail temperror permerror " },
	{ "spf", " none neutral pass fail softfail policy temperror permerror " },
	{ "dkim", " none pass fail policy neutral temperror permerror " },
	{ "arc", " none pass fail " },
	{ "dmarc", " none pass fail temperror permerror " },
};

static bool
is_word_of(struct str word, const char *words)
{
	char text[40];
	size_t n = word.len < sizeof(text) - 3 ? word.len : 0;

	text[0] = ' ';
	memcpy(text + 1, word.at, n);
	memcpy(text + 1 + n, " ", 2);
	return n > 0 && strstr(words, text) != NULL;
}

/* "method=result" and what follows; or "none". */
static void
check_result(struct str text)
{
	struct str method, word;
	size_t i = 0;

	insist(str_take_word(&text, &word));
	if (str_eq(word, STR("none")))
		return;
	insist(str_take_until(&word, '=', &method));
	while (i < sizeof(results) / sizeof(results[0]) && !str_eq(method, str_of(results[i].method)))
		i++;
	insist(i < sizeof(results) / sizeof(results[0]) && is_word_of(word, results[i].words));
}

/* The text without what is quoted, so that each ";" parts results. */
static void
check_auth_results(struct judged *j, const struct header_field *field)
{
	char *bare = arena_alloc(&j->arena, field->value.len + 1);
	bool is_quoted = false;
	struct str rest, part;
	struct arena arena;
	const char *why;
	size_t n = 0;

	insist(bare != NULL);
	for (size_t i = 0; i < field->value.len; i++) {
		char c = field->value.at[i];

		if (c == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted)
			bare[n++] = c == '\r' || c == '\n' || c == '\t' ? ' ' : c;
		else if (c == '\\')
			i++;
	}
	rest = str_n(bare, n);
	insist(!is_quoted && str_take_until(&rest, ';', &part) && str_eq(str_trim(part), STR(ID)));
	while (str_take_until(&rest, ';', &part))
		check_result(part);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	insist(auth_results_is_ours(field, STR(ID), &arena, &why));
	arena_fini(&arena);
}

/* The fields on top are lines that any server takes, and so many. */
static void
check_prefix(struct judged *j, int n_signatures, int n_sets, bool is_stamped)
{
	struct header_section header;
	struct str rest = buf_str(&j->prefix), line;
	int n_results = 0, n_spf;

	insist(header_read(rest, &j->arena, &header) == 0 && header.header_bytes == rest.len);
	while (str_take_until(&rest, '\n', &line)) {
		insist(line.len > 1 && line.len <= LINE_MAX_BYTES + 1 && line.at[line.len - 1] == '\r');
		for (size_t i = 0; i + 1 < line.len; i++)
			insist((line.at[i] >= ' ' && line.at[i] < 0x7f) || line.at[i] == '\t' ||
			    ((unsigned char)line.at[i] >= 0x80 && j->envelope.is_smtputf8));
	}
	for (int i = 0; i < header.n_fields; i++) {
		if (!str_eq(header.fields[i].name, STR("Authentication-Results")))
			continue;
		check_auth_results(j, &header.fields[i]);
		n_results++;
	}
	n_spf = header_count(&header, STR("Received-SPF"));
	insist(header_count(&header, STR("DKIM-Signature")) == n_signatures && n_results == is_stamped);
	insist(n_spf <= 2 * is_stamped && header.n_fields == ARC_KINDS * n_sets + n_signatures + n_results + n_spf);
	insist(n_sets == 0 || str_eq(header.fields[0].name, STR("ARC-Seal")));
	insist(header_count(&header, STR("ARC-Authentication-Results")) == n_sets);
}

static void
check_words(struct str words)
{
	struct str word, key;

	insist(words.len > 0 && words.len <= STAMP_WORDS_MAX_BYTES && str_is_printable(words));
	while (str_take_word(&words, &word))
		insist(str_take_until(&word, '=', &key) &&
		    is_word_of(key, " unchecked iprev spf-helo spf dkim arc dmarc verdict ") && word.len > 0);
}

static void
check_verdict(const struct judged *j, const struct findings *findings, const struct verdict *verdict)
{
	enum dmarc_mode mode = policy_verify_rules(j->policy)->dmarc;

	insist(verdict->action == ACTION_ACCEPT || (str_is_printable(verdict->reply.text) && verdict->reason != NULL));
	insist((verdict->action == ACTION_ACCEPT && !verdict->is_marked) || (mode == DMARC_ENFORCE && !j->peer.is_trusted));
	insist(verdict->action != ACTION_REJECT || (verdict->reply.code == 550 && findings->dmarc.verdict == DMARC_FAIL));
	insist(verdict->action != ACTION_DEFER || (verdict->reply.code == 451 && findings->dmarc.verdict == DMARC_TEMPERROR));
}

/* --- the way --- */

/* Lines end in CRLF, and CR and LF stand nowhere else. */
static bool
has_right_lines(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((text.at[i] == '\n') != (i > 0 && text.at[i - 1] == '\r'))
			return false;
	}
	return text.len == 0 || text.at[text.len - 1] == '\n';
}

/* A header with these is not verified (dkim_verify.c). */
static bool
is_misread(struct str text)
{
	return str_find(text, '\0') >= 0 || str_find(text, '\v') >= 0 || str_find(text, '\f') >= 0;
}

/* Whoever gets the mail finds our signature right; lines end in CRLF in all that comes in. */
static void
check_signature(struct judged *j, const struct header_section *edited, struct str body)
{
	const struct dkim_settings settings = { .signatures_max = 1, .drift_s = 300 };
	struct dkim_verification *v;
	struct header_section header;
	struct dkim_result *found;
	struct buf whole;
	struct zone zone;
	const struct dkim_verify_inputs inputs = { .settings = &settings, .header = &header, .now = j->now, .resolver = &zone.resolver,
	    .deadline = INSTANT_NEVER };
	int n = 0;

	buf_init(&whole, FUZZ_ROOM_MAX_BYTES);
	buf_append(&whole, buf_str(&j->prefix));
	for (int i = 0; i < edited->n_fields; i++)
		buf_append(&whole, edited->fields[i].whole);
	if (edited->has_empty_line && has_right_lines(buf_str(&whole)) && !is_misread(buf_str(&whole)) && has_right_lines(body)) {
		buf_append(&whole, STR("\r\n"));
		zone_init(&zone, STR(ZONE));
		insist(header_read(buf_str(&whole), &j->arena, &header) == 0);
		v = dkim_verify_begin(policy_dkim_verifier(j->policy), &inputs, &j->arena, NULL);
		insist(v != NULL);
		dkim_verify_body(v, body);
		found = dkim_verify_end(v, &n);
		insist(n >= 1 && found[0].verdict == DKIM_PASS && str_eq(found[0].domain, STR("example.com")));
	}
	buf_fini(&whole);
}

static void
seal(struct judged *j, struct seal *seal, const struct header_section *edited, struct str body)
{
	seal_ready(seal);
	insist(seal_sign(seal, NULL) == 0 && seal_fields(seal, &j->prefix) == 0);
	insist(!seal_is_signing(seal) || j->peer.is_trusted);
	insist(!seal_is_sealing(seal) || !j->peer.is_trusted);
	insist(j->prefix.len <= SEAL_FIELDS_MAX_BYTES && seal_reason(seal)[0] != '\0');
	if (seal_is_signing(seal))
		check_signature(j, edited, body);
}

static void
stamp(struct judged *j, const struct findings *findings, const struct verdict *verdict)
{
	struct stamp_inputs inputs = { .policy = j->policy, .peer = &j->peer, .envelope = &j->envelope, .findings = findings };
	size_t n_before = j->prefix.len;
	struct buf words;

	insist(stamp_fields(&inputs, &j->prefix) == 0 && j->prefix.len - n_before <= STAMP_FIELDS_MAX_BYTES);
	buf_init(&words, STAMP_WORDS_MAX_BYTES);
	stamp_words(&inputs, verdict, &words);
	check_words(buf_str(&words));
	buf_fini(&words);
}

/* What a set of ARC says. */
static void
tell(struct judged *j, struct seal *begun, const struct findings *findings)
{
	struct stamp_inputs inputs = { .policy = j->policy, .peer = &j->peer, .envelope = &j->envelope, .findings = findings };
	struct buf text;

	buf_init(&text, STAMP_FIELDS_MAX_BYTES);
	insist(!seal_is_sealing(begun) || findings->has_arc);
	insist(stamp_results(&inputs, &text) == 0 && (findings->why_unchecked != NULL) == (text.len == 0));
	seal_found(begun, &findings->arc, buf_str(&text));
	buf_fini(&text);
}

/* What of it holds behind us, whatever the next hop sees: only a mail that passes here is doomed there. */
static void
look_ahead(struct judged *j, const struct header_section *header, const struct edits *edits, const struct findings *findings)
{
	struct survival_inputs inputs = { .policy = j->policy, .findings = findings, .envelope = &j->envelope };
	struct field_changes changes;
	struct survival survival;
	struct buf words;

	seal_changes(j->policy, header, edits, false, &changes);
	inputs.changes = &changes;
	for (int i = 0; i < 6; i++) {
		struct verdict verdict = { .action = ACTION_ACCEPT };

		inputs.view = (enum client_view)(i / 2);
		inputs.is_rewritten = i % 2 == 1;
		survive(&inputs, &survival);
		insist(survival.reason != NULL);
		insist(!survival.is_doomed || (findings->has_dmarc && findings->dmarc.verdict == DMARC_PASS));
		insist(!survival.is_doomed || inputs.view != VIEW_UNKNOWN || inputs.is_rewritten || survival.spf == SPF_IS_LOST);
		decide_doomed(policy_verify_rules(j->policy), findings, &survival, &j->arena, &verdict);
		buf_init(&words, STAMP_WORDS_MAX_BYTES);
		survive_words(&survival, &words);
		for (size_t k = 0; k < words.len; k++)
			insist(words.at[k] > ' ' && words.at[k] <= '~');
		buf_fini(&words);
	}
}

/* As receive/content does it. */
static void
go(struct judged *j, const struct header_section *header, struct inspection *inspection)
{
	struct str body = str_from(j->mail, header->body_at), rest = body, piece;
	struct seal_inputs inputs = { .policy = j->policy, .now = j->now,
	    .source = j->peer.is_trusted ? SIGN_SOURCE_TRUSTED : SIGN_SOURCE_OUTSIDE, .is_checked = !j->peer.is_trusted };
	const struct findings *findings;
	struct header_section edited;
	struct verdict verdict;
	struct edits edits;
	struct seal *sealed;
	bool is_signing, is_sealing;

	insist(seal_edits(j->policy, header, &j->arena, &edits) && edits_apply(&edits, header, &j->arena, &edited));
	insist(edited.n_fields == header->n_fields - edits.n_removed);
	inputs.header = &edited;
	sealed = seal_new(&inputs);
	is_signing = seal_is_signing(sealed);
	while (fuzz_piece(j->f, PIECE_MAX_BYTES, &rest, &piece)) {
		inspect_body(inspection, piece);
		seal_body(sealed, piece);
	}
	findings = inspect_end(inspection, INSTANT_NEVER);
	insist((findings->why_unchecked != NULL) ==
	    (j->peer.is_trusted || !(findings->has_spf || findings->has_dkim || findings->has_arc)));
	insist(j->zone.n_questions <= QUESTIONS_MAX);
	decide_mail(policy_verify_rules(j->policy), findings, &j->arena, &verdict);
	check_verdict(j, findings, &verdict);
	look_ahead(j, header, &edits, findings);
	tell(j, sealed, findings);
	is_sealing = seal_is_sealing(sealed);
	seal(j, sealed, &edited, body);
	seal_free(sealed);
	stamp(j, findings, &verdict);
	check_prefix(j, is_signing, is_sealing, findings->why_unchecked == NULL);
	insist(seal_edits(j->policy, &edited, &j->arena, &edits) && edits.n_removed == 0);
}

static void
judge(struct judged *j, bool is_tight, bool has_resolver)
{
	struct inspect_inputs inputs = { .policy = j->policy, .peer = &j->peer, .envelope = &j->envelope, .now = j->now,
	    .resolver = has_resolver ? &j->zone.resolver : NULL };
	struct header_section header;
	struct inspection *inspection;
	struct arena findings;
	struct verdict verdict;
	struct fault fault;

	if (header_read(j->mail, &j->arena, &header) != 0)
		return;
	decide_header(j->policy, &header, 50, &verdict);
	arena_init(&findings, is_tight ? TIGHT_ARENA_BYTES + fuzz_dice(j->f, TIGHT_ARENA_BYTES) : INSPECT_ARENA_MAX_BYTES);
	inputs.header = &header;
	inspection = inspect_begin(&inputs, INSTANT_NEVER, &findings, &fault);
	insist(inspection != NULL || (is_tight && fault.kind == FAULT_TEMPORARY));
	if (inspection != NULL)
		go(j, &header, inspection);
	arena_fini(&findings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	struct judged j = { .f = &f, .now = { .us = 1795219200LL * 1000000 } };
	unsigned choice, more;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	more = fuzz_byte(&f);
	arena_init(&j.arena, FUZZ_ROOM_MAX_BYTES);
	buf_init(&j.prefix, FUZZ_ROOM_MAX_BYTES);
	j.policy = make_policy(choice, more);
	read_input(&j, choice, more);
	judge(&j, choice & 64, !(more == 255));
	policy_free(j.policy);
	buf_fini(&j.prefix);
	arena_fini(&j.arena);
	fuzz_end(&f);
	return 0;
}
