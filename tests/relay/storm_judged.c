/*
 * storm_judged.c - keys and signatures of a storm's mails, and what must stand on top of each when it arrives
 *
 * What is expected follows from where a mail came from and from whether its checks were disturbed; signatures of the
 * relay are verified with a DNS that always answers.
 */
#include <stdio.h>

#include "base/insist.h"
#include "base/mem.h"
#include "tests/relay/signed.h"
#include "tests/relay/storm.h"

enum { ROOM_MAX_BYTES = 8 << 20, RECORD_MAX_BYTES = 200 };

struct storm_keys {
	struct dkim_key		*keys[STORM_KEYS];
	struct buf		 pems[STORM_KEYS];
	char			 records[STORM_KEYS][RECORD_MAX_BYTES];
	struct dkim_verifier	*verifier;
};

struct storm_keys *
judged_keys_new(void)
{
	/* RFC 8463's key with another first byte each: any 32 bytes are a key, and a storm is the same each time. */
	static const char *const pems[STORM_KEYS] = { "J1hsZ3v", "K1hsZ3v", "L1hsZ3v" };
	struct storm_keys *keys = mem_new(sizeof(*keys));

	for (int i = 0; i < STORM_KEYS; i++) {
		buf_init(&keys->pems[i], ROOM_MAX_BYTES);
		buf_printf(&keys->pems[i], "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI%s/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
		    "-----END PRIVATE KEY-----\n", pems[i]);
		keys->keys[i] = dkim_key_new(buf_str(&keys->pems[i]), NULL);
		insist(keys->keys[i] != NULL);
		snprintf(keys->records[i], RECORD_MAX_BYTES, "v=DKIM1; k=ed25519; p=%.*s", STR_ARG(dkim_key_public(keys->keys[i])));
	}
	keys->verifier = dkim_verifier_new();
	insist(keys->verifier != NULL);
	return keys;
}

void
judged_keys_free(struct storm_keys *keys)
{
	for (int i = 0; i < STORM_KEYS; i++) {
		buf_fini(&keys->pems[i]);
		dkim_key_free(keys->keys[i]);
	}
	dkim_verifier_free(keys->verifier);
	mem_free(keys);
}

const char *
judged_key_record(const struct storm_ledger *ledger, enum storm_key key)
{
	return ledger->keys->records[key];
}

/* --- what the relay is told --- */

void
judged_plan(const struct storm_ledger *ledger, enum storm_key key, struct relay_signer signers[STORM_SIGNERS], struct relay_plan *plan)
{
	static const char *const domains[STORM_SIGNERS] = { "ours.example", "old.example.com" };

	for (int i = 0; i < STORM_SIGNERS; i++)
		signers[i] = (struct relay_signer){ domains[i], key == STORM_KEY_A ? "a" : "b", buf_str(&ledger->keys->pems[key]) };
	plan->signers = signers;
	plan->n_signers = STORM_SIGNERS;
	plan->verify = relay_all_checks();
}

/* --- a mail as its sender makes it --- */

void
judged_write_signature(const struct storm_ledger *ledger, int number, struct str mail, struct buf *out)
{
	char domain[60];
	struct dkim_signer_settings settings = { .domain = domain, .selectors = { { "k", ledger->keys->keys[STORM_KEY_OF_OTHERS] } },
	    .n_selectors = 1, .without_time = true };
	struct dkim_signer *signer;
	struct dkim_signing *signing;
	struct header_section header;
	struct arena arena;

	snprintf(domain, sizeof(domain), "m%d.home.example", number);
	signer = dkim_signer_new(&settings, NULL);
	arena_init(&arena, ROOM_MAX_BYTES);
	insist(signer != NULL && header_read(mail, &arena, &header) == 0);
	signing = dkim_signing_new(signer, &header, (struct timestamp){ 0 }, NULL);
	insist(signing != NULL);
	dkim_signing_body(signing, str_from(mail, header.body_at));
	if (ledger->mails[number].origin == ORIGIN_SPOILED)
		dkim_signing_body(signing, STR("and what was lost on the way\r\n"));
	dkim_signing_ready(signing);
	insist(dkim_signing_sign(signing, NULL) == 0 && dkim_signing_fields(signing, out) == 0);
	dkim_signing_free(signing);
	dkim_signer_free(signer);
	arena_fini(&arena);
}

void
judged_write_forged(struct buf *out)
{
	classes_write_forged(out);
	buf_printf(out, "Authentication-Results: old.example.com; dmarc=pass header.from=bank.example\r\n"
	    "AUTHENTICATION-results: (it is)\r\n\tOLD.example.com. 1; spf=pass smtp.mailfrom=bank.example\r\n");
}

/* --- what was found --- */

struct found {				/* words; "" for a result that is not there */
	struct str	spf, helo, dkim, arc, dmarc;
	int		n_strange;
};

static void
take_result(struct str text, struct found *found)
{
	bool is_helo = str_find_str(text, STR("smtp.helo=")) >= 0;
	struct str word, method;

	if (!str_take_word(&text, &word) || !str_take_until(&word, '=', &method))
		found->n_strange++;
	else if (str_eq(method, STR("spf")))
		*(is_helo ? &found->helo : &found->spf) = word;
	else if (str_eq(method, STR("dkim")))
		found->dkim = word;
	else if (str_eq(method, STR("arc")))
		found->arc = word;
	else if (str_eq(method, STR("dmarc")))
		found->dmarc = word;
	else if (!str_eq(method, STR("iprev")))
		found->n_strange++;
}

/* No value here has a ";" in it. */
static void
read_results(struct str value, struct found *found)
{
	struct str part;

	*found = (struct found){ .spf = STR_EMPTY, .helo = STR_EMPTY, .dkim = STR_EMPTY, .arc = STR_EMPTY, .dmarc = STR_EMPTY };
	found->n_strange += !str_take_until(&value, ';', &part) || !str_eq(str_trim(part), STR("old.example.com"));
	while (str_take_until(&value, ';', &part))
		take_result(part, found);
}

/* A temporary error stands for anything else only where the DNS was in trouble. */
static bool
is_fine(struct storm_counts *counts, struct str word, const char *want, bool is_disturbed)
{
	bool is_temporary = str_eq(word, STR("temperror"));

	counts->n_temperrors += is_temporary;
	return word.len == 0 || str_eq(word, str_of(want)) || (is_temporary && is_disturbed);
}

static const char *
wrong_with_results(struct storm_ledger *ledger, const struct storm_mail *mail, struct str value)
{
	struct storm_counts *counts = &ledger->counts;
	bool is_by_spf, is_by_dkim;
	struct found found;

	read_results(value, &found);
	is_by_spf = mail->origin == ORIGIN_STRANGER && !mail->is_null && found.spf.len > 0;
	is_by_dkim = mail->origin == ORIGIN_SIGNED && found.dkim.len > 0;
	if (found.n_strange > 0 || found.spf.len + found.helo.len + found.dkim.len == 0)
		return "Authentication-Results that cannot be";
	if (!is_fine(counts, found.helo, "pass", ledger->is_helo_disturbed))
		return "a wrong result of HELO";
	if (!is_fine(counts, found.spf, mail->origin == ORIGIN_STRANGER ? "pass" : "fail", mail->is_disturbed))
		return "a wrong result of SPF";
	if (!is_fine(counts, found.dkim, mail->origin == ORIGIN_STRANGER ? "none" : mail->origin == ORIGIN_SIGNED ? "pass" : "fail",
	    mail->is_disturbed))
		return "a wrong result of DKIM";
	if (!is_fine(counts, found.dmarc, is_by_spf || is_by_dkim ? "pass" : "fail", mail->is_disturbed))
		return "a wrong result of DMARC";
	if (!str_eq(found.arc, STR("none")))
		return "a chain of ARC that nobody made";
	counts->n_results++;
	return NULL;
}

/* --- our signatures --- */

struct calm_names {
	struct resolver			 resolver;
	const struct storm_ledger	*ledger;
};

static void
ask_in_calm(struct resolver *resolver, const struct dns_question *questions, int n, struct instant deadline,
    struct arena *arena, struct dns_answer *answers_out)
{
	const struct storm_ledger *ledger = ((const struct calm_names *)resolver)->ledger;

	(void)deadline;
	for (int i = 0; i < n; i++)
		names_answer(ledger, &questions[i], arena, &answers_out[i]);
}

bool
judged_is_signed(const struct storm_ledger *ledger, struct str mail, const char *domain)
{
	struct calm_names names = { .resolver = { .ask = ask_in_calm }, .ledger = ledger };

	return signed_once(mail, domain, ledger->keys->verifier, &names.resolver);
}

/* --- an arrival --- */

static const char *
wrong_with_top(struct storm_ledger *ledger, const struct storm_mail *mail, const struct header_section *top)
{
	bool is_ours = mail->origin == ORIGIN_OURS;
	int at = header_find(top, STR("Authentication-Results"), 0);
	const char *wrong;
	struct buf value;

	if (header_count(top, STR("Received")) != 1 || !str_eq(top->fields[top->n_fields - 1].name, STR("Received")))
		return "not one Received field";
	if ((wrong = classes_wrong_top(mail, top)) != NULL)
		return wrong;
	if (header_count(top, STR("DKIM-Signature")) != is_ours)
		return "signed though it is not ours, or not signed once";
	if (header_count(top, STR("Authentication-Results")) != !is_ours)
		return "not one field of results";
	if (header_count(top, STR("ARC-Authentication-Results")) != !is_ours || str_eq(top->fields[0].name, STR("ARC-Seal")) == is_ours)
		return "not sealed on top of all, or sealed though it was not checked";
	if (is_ours)
		return NULL;
	buf_init(&value, ROOM_MAX_BYTES);
	insist(header_unfold(top->fields[at].value, &value) == 0);
	wrong = wrong_with_results(ledger, mail, buf_str(&value));
	buf_fini(&value);
	return wrong;
}

const char *
judged_wrong(struct storm_ledger *ledger, int number, struct str arrived, size_t top_bytes)
{
	const struct storm_mail *mail = &ledger->mails[number];
	struct header_section top;
	struct arena arena;
	const char *wrong;

	arena_init(&arena, ROOM_MAX_BYTES);
	if (header_read(str_sub(arrived, 0, top_bytes), &arena, &top) != 0 || top.n_fields == 0 || top.header_bytes != top_bytes)
		wrong = "what stands on top is no fields";
	else
		wrong = wrong_with_top(ledger, mail, &top);
	arena_fini(&arena);
	if (wrong == NULL && mail->origin == ORIGIN_OURS) {
		ledger->counts.n_signed++;
		if (!judged_is_signed(ledger, arrived, "ours.example"))
			wrong = "our signature is not right";
	}
	return wrong;
}
