/*
 * signing.c - by which sign section and keys a mail would be signed, and whether it would be sealed, also for who may not read the keys
 */
#include "base/mem.h"
#include "mail/domain.h"
#include "policy/seal.h"
#include "smtpfwd/control/control.h"
#include "smtpfwd/explain/explain.h"
#include "smtpfwd/runtime/os.h"
#include "smtpfwd/config/sign_keys.h"
#include "smtpfwd/config/srs_file.h"

enum { KEYS_MAX = 2 };			/* that stand for others: one that signs, one that seals */

/* --- rules without their keys --- */

/* 0, or -1 with a fault and what was made so far. */
static int
make_signers(const struct config *config, struct policy_signing *signing, struct fault *fault_out)
{
	struct dkim_key *key = dkim_key_make(DKIM_ED25519_SHA256, 0, fault_out);

	if (key == NULL)
		return -1;
	signing->keys[signing->n_keys++] = key;
	for (int i = 0; i < config->n_signs; i++) {
		struct dkim_signer_settings settings = config->signs[i].settings;

		for (int k = 0; k < settings.n_selectors; k++)
			settings.selectors[k].key = key;
		signing->rules[i] = (struct sign_rule){ .name = config->signs[i].section->title, .domain = settings.domain,
		    .is_by_name = config->signs[i].is_by_name, .with_subdomains = config->signs[i].with_subdomains, .signer = dkim_signer_new(&settings, fault_out) };
		if (signing->rules[i].signer == NULL)
			return -1;
		signing->n_rules++;
	}
	return 0;
}

/* The same; ARC takes RSA only. */
static int
make_sealer(const struct config *config, struct policy_signing *signing, struct fault *fault_out)
{
	struct dkim_key *key = dkim_key_make(DKIM_RSA_SHA256, DKIM_RSA_MIN_BITS, fault_out);
	struct arc_sealer_settings settings = config->arc.settings;

	if (key == NULL)
		return -1;
	signing->keys[signing->n_keys++] = key;
	settings.selector.key = key;
	signing->sealer = arc_sealer_new(&settings, fault_out);
	return signing->sealer != NULL ? 0 : -1;
}

struct policy *
explain_policy(const struct config *config, struct fault *fault_out)
{
	struct policy_settings settings = config->policy;
	struct policy *policy = NULL;
	uint64_t seed[2];

	if (config->srs.secret_file != NULL)
		settings.srs.rules = srs_file_rules(&config->srs, fault_out);	/* NULL: who asks may not read it, which is told */
	settings.signing = (struct policy_signing){ .keys = mem_new_array(KEYS_MAX, sizeof(*settings.signing.keys)),
	    .rules = mem_new_array((size_t)config->n_signs + 1, sizeof(*settings.signing.rules)) };
	os_random(seed, sizeof(seed));
	if (settings.verify.dkim && (settings.dkim_verifier = dkim_verifier_new()) == NULL)
		fault_permanent(fault_out, "libopendkim is too old, or was built without SHA-256 or Ed25519");
	else if ((config->n_signs == 0 || make_signers(config, &settings.signing, fault_out) == 0) &&
	    (config->arc.key_path == NULL || make_sealer(config, &settings.signing, fault_out) == 0))
		policy = policy_new(&settings, seed);
	if (policy == NULL) {
		sign_keys_free(&settings.signing);
		dkim_verifier_free(settings.dkim_verifier);
		srs_rules_free(settings.srs.rules);
	}
	mem_free(settings.signing.keys);
	mem_free(settings.signing.rules);
	return policy;
}

/* --- a mail --- */

/* What can be told of a key's file; a daemon that runs as another user may see another thing. */
static json_t *
tell_key(const char *selector, const char *path)
{
	struct fault fault;
	struct dkim_key *key = sign_key_read(path, &fault);
	json_t *told = json_pack("{s:o, s:o}", "selector", control_json_str(str_of(selector)), "file", control_json_str(str_of(path)));

	if (key == NULL)
		json_object_set_new(told, "problem", control_json_str(str_of(fault.text)));
	else
		json_object_set_new(told, "algorithm", json_string(dkim_key_algorithm_text(key)));
	if (key != NULL && dkim_key_algorithm(key) == DKIM_RSA_SHA256)
		json_object_set_new(told, "bits", json_integer(dkim_key_bits(key)));
	dkim_key_free(key);
	return told;
}

/* Of the section whose signer it is: "DOMAIN:SELECTOR,SELECTOR"; the one that a class names, if it does. */
static void
step_section(json_t *step, const struct config *config, struct str signer, const char *name)
{
	ptrdiff_t colon = str_find(signer, ':');
	struct str domain = str_sub(signer, 0, colon >= 0 ? (size_t)colon : signer.len);
	json_t *keys = json_array();

	step_str(step, "section", domain);
	for (int i = 0; i < config->n_signs; i++) {
		const struct sign_section *sign = &config->signs[i];

		if (name != NULL ? strcmp(name, sign->section->title) != 0 : sign->is_by_name || !str_eq(domain, str_of(sign->settings.domain)))
			continue;
		for (int k = 0; k < sign->settings.n_selectors; k++)
			json_array_append_new(keys, tell_key(sign->settings.selectors[k].name, sign->key_paths[k]));
	}
	json_object_set_new(step, "keys", keys);
}

/* Only where there is a section arc, of mail that is checked. */
static void
explain_sealing(struct explanation *e, struct seal *seal, const struct findings *findings)
{
	json_t *step;

	if (e->config->arc.key_path == NULL || !findings->has_arc)
		return;
	step = step_new(e, "sealing");
	step_bool(step, "sealed", seal_is_sealing(seal));
	step_text(step, "reason", seal_unsealed_reason(seal));
	if (!seal_is_sealing(seal))
		return;
	step_str(step, "domain", str_of(e->config->arc.settings.domain));
	step_number(step, "instance", seal_instance(seal));
	step_text(step, "cv", arc_status_word(findings->arc.status));
	json_object_set_new(step, "key", tell_key(e->config->arc.settings.selector.name, e->config->arc.key_path));
}

struct seal *
explain_seal(const struct explanation *e, const struct header_section *section)
{
	return seal_new(&(struct seal_inputs){ .policy = e->policy, .header = section, .now = e->now,
	    .source = classify_sign_source(&e->class, &e->peer), .sign_as = e->class.actions->sign_as,
	    .is_checked = class_verify_why_not(e->class.actions->verify, &e->peer) == NULL });
}

void
explain_signing(struct explanation *e, struct seal *seal, const struct findings *findings)
{
	json_t *step = step_new(e, "signing");

	step_bool(step, "signed", seal_is_signing(seal));
	step_text(step, "reason", seal_reason(seal));
	if (seal_is_signing(seal))
		step_section(step, e->config, seal_signer(seal), e->class.actions->sign_as);
	explain_sealing(e, seal, findings);
}
