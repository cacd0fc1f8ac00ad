/*
 * arc_sealer.c - a sealer of its settings: as whom it seals, and what its message signatures sign
 *
 * A DKIM signer, as far as their settings are the same.
 */
#include "base/insist.h"
#include "base/mem.h"
#include "policy/arc/arc_sealer.h"

static bool
is_never_signed(struct str name)
{
	static const char *const never[] = { "Authentication-Results", "ARC-Message-Signature", "ARC-Seal", "Return-Path", "Received" };

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (str_eq_nocase(name, str_of(never[i])))
			return true;
	}
	return false;
}

static int
check_name(const char *text, struct fault *fault_out)
{
	if (!dkim_signer_is_name(str_of(text)))
		return fault_permanent(fault_out, "a field to be sealed is no field's name");
	if (is_never_signed(str_of(text)))
		return fault_permanent(fault_out, "%s must not be sealed: it changes on the way", text);
	return 0;
}

static int
check_names(const struct arc_sealer_settings *settings, struct fault *fault_out)
{
	size_t total_bytes = 0;
	bool has_from = false;

	if (settings->names == NULL)
		return 0;
	if (settings->n_names < 1 || settings->n_names > DKIM_SIGNED_NAMES_MAX)
		return fault_permanent(fault_out, "%d fields are to be sealed; 1 to %d can be", settings->n_names, DKIM_SIGNED_NAMES_MAX);
	for (int i = 0; i < settings->n_names; i++) {
		if (check_name(settings->names[i], fault_out) != 0)
			return -1;
		total_bytes += strlen(settings->names[i]) + 1;
		has_from |= str_eq_nocase(str_of(settings->names[i]), STR("From"));
	}
	if (!has_from)		/* RFC 6376 5.4: whoever has the mail could give it another author, under our seal */
		return fault_permanent(fault_out, "From has to be among the fields to be sealed");
	if (total_bytes > DKIM_SIGNED_FIELDS_MAX_BYTES)
		return fault_permanent(fault_out, "too many fields are to be sealed");
	return 0;
}

static struct dkim_signer_settings
inner_settings(const struct arc_sealer_settings *settings)
{
	return (struct dkim_signer_settings){ .domain = settings->domain, .selectors = { settings->selector }, .n_selectors = 1 };
}

int
arc_sealer_check(const struct arc_sealer_settings *settings, struct fault *fault_out)
{
	const struct dkim_signer_settings inner = inner_settings(settings);

	return dkim_signer_check(&inner, fault_out) == 0 && check_names(settings, fault_out) == 0 ? 0 : -1;
}

static void
take_names(struct arc_sealer *sealer, const struct arc_sealer_settings *settings)
{
	struct dkim_signer *signer = sealer->signer;

	if (settings->names == NULL) {
		insist(signer->n_names < DKIM_SIGNER_NAMES_MAX);
		signer->names[signer->n_names++] = (struct signed_name){ STR("DKIM-Signature"), DKIM_SIGN_PRESENT };
	}
	for (int i = 0; i < settings->n_names; i++)
		insist(arena_copy(&signer->arena, str_of(settings->names[i]), &sealer->names[sealer->n_names++]));
}

struct arc_sealer *
arc_sealer_new(const struct arc_sealer_settings *settings, struct fault *fault_out)
{
	const struct dkim_signer_settings inner = inner_settings(settings);
	struct arc_sealer *sealer;

	insist(settings->selector.key != NULL);
	if (arc_sealer_check(settings, fault_out) != 0)
		return NULL;
	if (dkim_key_algorithm(settings->selector.key) != DKIM_RSA_SHA256) {
		fault_permanent(fault_out, "ARC needs an RSA key");
		return NULL;
	}
	sealer = mem_new(sizeof(*sealer));
	sealer->signer = dkim_signer_new(&inner, fault_out);
	insist(sealer->signer != NULL);		/* it was checked */
	take_names(sealer, settings);
	return sealer;
}

void
arc_sealer_free(struct arc_sealer *sealer)
{
	if (sealer == NULL)
		return;
	dkim_signer_free(sealer->signer);
	mem_free(sealer);
}

struct str
arc_sealer_text(const struct arc_sealer *sealer)
{
	return dkim_signer_text(sealer->signer);
}

int
arc_sealer_names(const struct arc_sealer *sealer, const struct header_section *header,
    struct str names_out[DKIM_SIGNED_FIELDS_MAX], int *n_out, struct fault *fault_out)
{
	const struct dkim_signer *signer = sealer->signer;
	uint8_t times[DKIM_SIGNER_NAMES_MAX];

	*n_out = 0;
	if (dkim_signer_check_author(header, fault_out) != 0)
		return -1;
	for (; *n_out < sealer->n_names; ++*n_out)
		names_out[*n_out] = sealer->names[*n_out];
	if (sealer->n_names > 0)
		return 0;
	if (dkim_signer_count_names(signer, header, times, fault_out) != 0)
		return -1;
	for (int i = 0; i < signer->n_names; i++) {
		for (int k = 0; k < times[i]; k++)
			names_out[(*n_out)++] = signer->names[i].name;
	}
	return 0;
}
