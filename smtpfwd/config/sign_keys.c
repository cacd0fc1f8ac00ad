/*
 * sign_keys.c - the private keys that the sign sections and arc name: read, tried, and made into signers and a sealer
 */
#include "base/map.h"
#include "smtpfwd/auth/prepare.h"
#include "smtpfwd/auth/secret_file.h"
#include "smtpfwd/config/sign_keys.h"

struct dkim_key *
sign_key_read(const char *path, struct fault *fault_out)
{
	struct dkim_key *key = NULL;
	struct buf pem;

	buf_init(&pem, DKIM_PEM_MAX_BYTES);
	if (secret_file_read(path, &pem, fault_out) == 0) {
		key = dkim_key_new(buf_str(&pem), fault_out);
		if (key == NULL)
			fault_prefix(fault_out, "%s", path);
	}
	prepare_wipe(&pem);
	return key;
}

struct reading {
	struct config		*config;
	struct policy_signing	*signing;
	struct map		 by_path;	/* -> struct dkim_key, of those that were read */
	bool			 has_failed;
};

/* NULL: it is said what is wrong, once for each section that names the file. */
static const struct dkim_key *
read_key(struct reading *r, const struct conf_section *section, const char *path)
{
	struct dkim_key *key = map_get(&r->by_path, str_of(path));
	struct fault fault;

	if (key != NULL)
		return key;
	key = sign_key_read(path, &fault);
	if (key == NULL) {
		conf_error(r->config->conf, section, "key", "%s", fault.text);
		r->has_failed = true;
		return NULL;
	}
	map_set(&r->by_path, str_of(path), key);
	r->signing->keys[r->signing->n_keys++] = key;
	return key;
}

static void
make_signer(struct reading *r, const struct sign_section *sign)
{
	struct dkim_signer_settings settings = sign->settings;
	struct dkim_signer *signer;
	struct fault fault;
	bool has_keys = true;

	for (int i = 0; i < settings.n_selectors; i++) {
		settings.selectors[i].key = read_key(r, sign->section, sign->key_paths[i]);
		has_keys &= settings.selectors[i].key != NULL;
	}
	if (!has_keys)
		return;
	signer = dkim_signer_new(&settings, &fault);
	if (signer == NULL) {
		conf_error(r->config->conf, sign->section, NULL, "%s", fault.text);
		r->has_failed = true;
		return;
	}
	r->signing->rules[r->signing->n_rules++] =
	    (struct sign_rule){ .name = sign->section->title, .domain = settings.domain, .is_by_name = sign->is_by_name,
		.with_subdomains = sign->with_subdomains, .signer = signer };
}

static void
make_sealer(struct reading *r, const struct arc_section *arc)
{
	struct arc_sealer_settings settings = arc->settings;
	struct fault fault;

	settings.selector.key = read_key(r, arc->section, arc->key_path);
	if (settings.selector.key == NULL)
		return;
	r->signing->sealer = arc_sealer_new(&settings, &fault);
	if (r->signing->sealer != NULL)
		return;
	conf_error(r->config->conf, arc->section, "key", "%s", fault.text);
	r->has_failed = true;
}

int
sign_keys_read(struct config *config, struct policy_signing *signing_out)
{
	static const uint64_t seed[2] = { 0, 0 };	/* the paths are the administrator's own */
	size_t n = (size_t)config->n_signs;
	struct reading r = { .config = config, .signing = signing_out };

	*signing_out = (struct policy_signing){
		.keys = config_alloc(config, n * DKIM_SELECTORS_MAX + 1, sizeof(*signing_out->keys)),
		.rules = config_alloc(config, n, sizeof(*signing_out->rules)),
	};
	map_init(&r.by_path, seed);
	for (int i = 0; i < config->n_signs; i++)
		make_signer(&r, &config->signs[i]);
	if (config->arc.key_path != NULL)
		make_sealer(&r, &config->arc);
	map_fini(&r.by_path);
	if (!r.has_failed)
		return 0;
	sign_keys_free(signing_out);
	return -1;
}

void
sign_keys_free(struct policy_signing *signing)
{
	for (int i = 0; i < signing->n_rules; i++)
		dkim_signer_free((struct dkim_signer *)(uintptr_t)signing->rules[i].signer);
	arc_sealer_free(signing->sealer);
	signing->sealer = NULL;
	for (int i = 0; i < signing->n_keys; i++)
		dkim_key_free(signing->keys[i]);
	signing->n_rules = signing->n_keys = 0;
}
