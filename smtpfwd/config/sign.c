/*
 * sign.c - the sign sections: whose mail is signed, and how; the keys themselves are not read here
 */
#include "base/map.h"
#include "smtpfwd/config/config.h"

/* --- what is signed --- */

static const struct dkim_signed_field *
find_default(const char *name)
{
	for (int i = 0; i < dkim_n_default_fields; i++)
		if (str_eq_nocase(str_of(dkim_default_fields[i].name), str_of(name)))
			return &dkim_default_fields[i];
	return NULL;
}

static bool
has_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (str_eq_nocase(str_of(names[i]), str_of(name)))
			return true;
	return false;
}

/* Where oversign names fields, it is those, there or not; else as the built-in choice has it for a name that it knows. */
static enum dkim_oversign
oversign_of(const char *name, const char *const *oversigned, int n_oversigned)
{
	const struct dkim_signed_field *known = find_default(name);

	if (n_oversigned > 0)
		return has_name(oversigned, n_oversigned, name) ? DKIM_OVERSIGN_ALWAYS : DKIM_SIGN_PRESENT;
	return known != NULL ? known->oversign : DKIM_SIGN_PRESENT;
}

/* What is oversigned is signed, so names in oversign alone come behind those to be signed. */
static void
read_fields(struct config *config, const struct conf_section *section, struct dkim_signer_settings *settings)
{
	int n_signed, n_oversigned, n = 0, n_first;
	const char *const *names = conf_list(section, "fields", &n_signed);
	const char *const *oversigned = conf_list(section, "oversign", &n_oversigned);
	struct dkim_signed_field *fields;

	if (n_signed == 0 && n_oversigned == 0)
		return;
	n_first = n_signed > 0 ? n_signed : dkim_n_default_fields;
	fields = config_alloc(config, (size_t)(n_first + n_oversigned), sizeof(*fields));
	for (int i = 0; i < n_first; i++) {
		const char *name = n_signed > 0 ? names[i] : dkim_default_fields[i].name;

		fields[n++] = (struct dkim_signed_field){ name, oversign_of(name, oversigned, n_oversigned) };
	}
	for (int i = 0; i < n_oversigned; i++) {
		bool is_there = has_name(oversigned, i, oversigned[i]);

		for (int k = 0; k < n_first; k++)
			is_there |= str_eq_nocase(str_of(fields[k].name), str_of(oversigned[i]));
		if (!is_there)
			fields[n++] = (struct dkim_signed_field){ oversigned[i], DKIM_OVERSIGN_ALWAYS };
	}
	settings->fields = fields;
	settings->n_fields = n;
}

/* --- by whom --- */

static void
read_selectors(struct config *config, struct sign_section *sign)
{
	const struct conf_section *section = sign->section;
	struct dkim_signer_settings *settings = &sign->settings;
	int n_selectors, n_keys;
	const char *const *selectors = conf_list(section, "selector", &n_selectors);
	const char *const *keys = conf_list(section, "key", &n_keys);

	if (!conf_is_set(section, "selector") || !conf_is_set(section, "key"))
		return;		/* it was said that they are needed */
	if (n_selectors != n_keys)
		conf_error(config->conf, section, "key", "there are %d for %d of selector: each key has its own", n_keys, n_selectors);
	settings->n_selectors = n_selectors < n_keys ? n_selectors : n_keys;
	for (int i = 0; i < settings->n_selectors; i++) {
		settings->selectors[i].name = selectors[i];
		sign->key_paths[i] = keys[i];
	}
	for (int i = 0; i < n_keys; i++)
		if (keys[i][0] != '/')
			conf_error(config->conf, section, "key", "\"%s\" is no absolute path", keys[i]);
}

/* Of a section whose title is a name. */
static const char *
read_named_domain(struct config *config, const struct conf_section *section)
{
	const char *written = conf_string(section, "domain"), *domain = written[0] != '.' ? config_domain(config, written) : NULL;

	if (domain == NULL)
		conf_error(config->conf, section, "domain", "\"%s\" is no domain", written);
	if (!class_name_is_valid(str_of(section->title)))
		conf_error(config->conf, section, NULL, "with a domain, a title of at most %d letters, digits, - and _ is needed", (int)CLASS_NAME_MAX_BYTES);
	return domain;
}

/* NULL: it is none, or another section's, which was said. */
static const char *
read_domain(struct config *config, const struct conf_section *section, struct map *owners)
{
	const char *title = section->title, *domain = title[0] != '.' ? config_domain(config, title) : NULL;
	const char *owner = domain != NULL ? map_get(owners, str_of(domain)) : NULL;

	if (title[0] == '.')
		conf_error(config->conf, section, NULL, "a domain without a leading dot is needed; subdomains = yes is for those below");
	else if (domain == NULL)
		conf_error(config->conf, section, NULL, "the title is no domain");
	else if (owner != NULL)
		conf_error(config->conf, section, NULL, "is the domain of sign \"%s\" already", owner);
	else
		map_set(owners, str_of(domain), (void *)(uintptr_t)title);
	return owner == NULL ? domain : NULL;
}

/*
 * What the signer itself would refuse: told apart by what is known so far, so that it stands at its line.  True if there is
 * nothing to say.
 */
static bool
is_fine(struct config *config, const struct sign_section *sign, const char *setting, const struct dkim_signer_settings *so_far)
{
	struct fault fault;

	if (dkim_signer_check(so_far, &fault) == 0)
		return true;
	conf_error(config->conf, sign->section, setting, "%s", fault.text);
	return false;
}

static void
check_sign(struct config *config, const struct sign_section *sign)
{
	struct dkim_signer_settings so_far = sign->settings;

	if (so_far.domain == NULL || so_far.n_selectors == 0)
		return;
	so_far.identity = NULL;
	so_far.fields = NULL;
	if (!is_fine(config, sign, "selector", &so_far))
		return;
	so_far.identity = sign->settings.identity;
	if (!is_fine(config, sign, "identity", &so_far))
		so_far.identity = NULL;
	so_far.fields = sign->settings.fields;
	is_fine(config, sign, conf_is_set(sign->section, "fields") ? "fields" : "oversign", &so_far);
}

static void
read_sign(struct config *config, struct map *owners, struct sign_section *sign)
{
	static const struct { bool is_simple_header, is_simple_body; } forms[] =
	    { { false, false }, { false, true }, { true, false }, { true, true } };
	const struct conf_section *section = sign->section;
	struct dkim_signer_settings *settings = &sign->settings;
	int form = conf_choice(section, "canonicalization");

	sign->is_by_name = conf_is_set(section, "domain");
	settings->domain = sign->is_by_name ? read_named_domain(config, section) : read_domain(config, section, owners);
	read_selectors(config, sign);
	read_fields(config, section, settings);
	settings->is_simple_header = forms[form].is_simple_header;
	settings->is_simple_body = forms[form].is_simple_body;
	settings->identity = conf_string(section, "identity");
	settings->without_time = !conf_bool(section, "time");
	settings->lifetime = conf_span(section, "lifetime");
	sign->with_subdomains = conf_bool(section, "subdomains");
	if (sign->is_by_name && sign->with_subdomains)
		conf_error(config->conf, section, "subdomains", "is of no use with domain: classes say which mail is signed");
	if (settings->lifetime.ns > 0 && settings->lifetime.ns < span_s(1).ns)
		conf_error(config->conf, section, "lifetime", "is less than a second");
	check_sign(config, sign);
}

void
config_read_signs(struct config *config)
{
	static const uint64_t seed[2] = { 0, 0 };	/* the keys are the administrator's own */
	struct map owners;

	map_init(&owners, seed);
	config->n_signs = conf_n_sections(config->conf, "sign");
	config->signs = config_alloc(config, (size_t)config->n_signs, sizeof(*config->signs));
	for (int i = 0; i < config->n_signs; i++) {
		config->signs[i].section = conf_section_at(config->conf, "sign", i);
		read_sign(config, &owners, &config->signs[i]);
	}
	map_fini(&owners);
}
