/*
 * dkim_signer.c - a signer of its settings: what it signs, as whom, with which keys
 */
#include "base/insist.h"
#include "base/mem.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "mail/header.h"
#include "policy/dkim/dkim_sign_inside.h"

enum {
	ARENA_MAX_BYTES = 64 * 1024,	/* all names: 64 of 70 bytes, and domains */
	IDENTITY_LOCAL_MAX_BYTES = 64,	/* RFC 5321 4.5.3.1.1 */
};

const struct dkim_signed_field dkim_default_fields[] = {
	{ "From", DKIM_OVERSIGN_ALWAYS }, { "Sender", DKIM_OVERSIGN_PRESENT }, { "Reply-To", DKIM_OVERSIGN_ALWAYS },
	{ "Subject", DKIM_OVERSIGN_ALWAYS }, { "Date", DKIM_OVERSIGN_PRESENT }, { "Message-ID", DKIM_OVERSIGN_PRESENT },
	{ "To", DKIM_OVERSIGN_ALWAYS }, { "Cc", DKIM_OVERSIGN_ALWAYS }, { "In-Reply-To", DKIM_SIGN_PRESENT },
	{ "References", DKIM_SIGN_PRESENT }, { "MIME-Version", DKIM_OVERSIGN_PRESENT }, { "Content-Type", DKIM_OVERSIGN_PRESENT },
	{ "Content-Transfer-Encoding", DKIM_OVERSIGN_PRESENT }, { "Resent-Date", DKIM_SIGN_PRESENT },
	{ "Resent-From", DKIM_SIGN_PRESENT }, { "Resent-To", DKIM_SIGN_PRESENT }, { "Resent-Cc", DKIM_SIGN_PRESENT },
	{ "List-Id", DKIM_SIGN_PRESENT }, { "List-Help", DKIM_SIGN_PRESENT }, { "List-Unsubscribe", DKIM_OVERSIGN_PRESENT },
	{ "List-Unsubscribe-Post", DKIM_OVERSIGN_PRESENT }, { "List-Subscribe", DKIM_SIGN_PRESENT },
	{ "List-Post", DKIM_SIGN_PRESENT }, { "List-Owner", DKIM_SIGN_PRESENT }, { "List-Archive", DKIM_SIGN_PRESENT },
};
const int dkim_n_default_fields = sizeof(dkim_default_fields) / sizeof(dkim_default_fields[0]);

static struct str
kept(struct dkim_signer *signer, const char *text)
{
	struct str copy;

	insist(arena_copy(&signer->arena, str_of(text), &copy));
	return copy;
}

/* --- who signs --- */

static int
take_domain(struct dkim_signer *signer, const char *domain, struct fault *fault_out)
{
	if (domain == NULL || strlen(domain) > DOMAIN_MAX_BYTES || !domain_is_valid(str_of(domain), false))
		return fault_permanent(fault_out, "the signing domain is no domain");
	signer->domain = kept(signer, domain);
	return 0;
}

/* dkim-quoted-printable (RFC 6376 2.11): what could end a tag or be folded is in hexadecimal. */
static struct str
quoted_printable(struct dkim_signer *signer, struct str text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *room = arena_alloc(&signer->arena, 3 * text.len + 1);
	size_t n = 0;

	insist(room != NULL);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c > ' ' && c < 0x7f && c != ';' && c != '=') {
			room[n++] = (char)c;
			continue;
		}
		room[n++] = '=';
		room[n++] = digits[c >> 4];
		room[n++] = digits[c & 15];
	}
	return str_n(room, n);
}

/* i= is at or below d= (RFC 6376 3.5). */
static int
take_identity(struct dkim_signer *signer, const char *identity, struct fault *fault_out)
{
	struct str text = str_of(identity), domain;
	ptrdiff_t at = str_rfind(text, '@');

	if (identity == NULL)
		return 0;
	domain = at < 0 ? STR_EMPTY : str_from(text, (size_t)at + 1);
	if (at > IDENTITY_LOCAL_MAX_BYTES || domain.len > DOMAIN_MAX_BYTES || !domain_is_valid(domain, false) ||
	    (at > 0 && !address_local_is_valid(str_sub(text, 0, (size_t)at), false)))
		return fault_permanent(fault_out, "the identity is neither \"@domain\" nor an address");
	if (!str_eq(domain, signer->domain) && !domain_is_below(domain, signer->domain))
		return fault_permanent(fault_out, "the identity is outside of the signing domain");
	signer->identity = quoted_printable(signer, text);
	if (signer->identity.len > DKIM_IDENTITY_MAX_BYTES)
		return fault_permanent(fault_out, "the identity is too long");
	return 0;
}

static int
take_selectors(struct dkim_signer *signer, const struct dkim_signer_settings *settings, struct fault *fault_out)
{
	if (settings->n_selectors < 1 || settings->n_selectors > DKIM_SELECTORS_MAX)
		return fault_permanent(fault_out, "one or %d selectors, each with a key, are needed", DKIM_SELECTORS_MAX);
	for (int i = 0; i < settings->n_selectors; i++) {
		const struct dkim_selector *selector = &settings->selectors[i];
		struct str name = str_of(selector->name);

		/* sub-domain *( "." sub-domain ); with "._domainkey." and the domain it is a name of the DNS. */
		if (!domain_is_valid(name, false) || name.len + strlen("._domainkey.") + signer->domain.len > DOMAIN_MAX_BYTES - 2)
			return fault_permanent(fault_out, "a selector is no name below the domain, or too long");
		if (i > 0 && str_eq_nocase(name, signer->selectors[0].name))
			return fault_permanent(fault_out, "a selector is given twice");
		signer->selectors[signer->n_selectors++] = (struct signer_selector){ kept(signer, selector->name), selector->key };
	}
	return 0;
}

static void
write_text(struct dkim_signer *signer)
{
	struct str text = signer->domain;

	for (int i = 0; i < signer->n_selectors; i++)
		insist(arena_printf(&signer->arena, &text, "%.*s%c%.*s", STR_ARG(text), i == 0 ? ':' : ',',
		    STR_ARG(signer->selectors[i].name)));
	signer->text = text;
}

/* --- what is signed --- */

bool
dkim_signer_is_name(struct str name)
{
	return header_is_field_name(name) && str_find(name, ';') < 0 && name.len <= DKIM_NAME_MAX_BYTES;
}

static bool
is_never_signed(struct str name)
{
	return str_eq_nocase(name, STR("Return-Path")) || str_eq_nocase(name, STR("Received")) ||
	    str_eq_nocase(name, STR("DKIM-Signature"));
}

static int
take_field(struct dkim_signer *signer, const struct dkim_signed_field *field, struct fault *fault_out)
{
	struct str name = str_of(field->name);

	if (!dkim_signer_is_name(name))
		return fault_permanent(fault_out, "a field to be signed is no field's name");
	if (is_never_signed(name))
		return fault_permanent(fault_out, "%s must not be signed: it changes on the way", field->name);
	if (str_eq_nocase(name, STR("From")))
		return 0;		/* it is there */
	for (int i = 0; i < signer->n_names; i++)
		if (str_eq_nocase(signer->names[i].name, name))
			return fault_permanent(fault_out, "the field %s is to be signed twice", field->name);
	signer->names[signer->n_names++] = (struct signed_name){ kept(signer, field->name), field->oversign };
	return 0;
}

static int
take_fields(struct dkim_signer *signer, const struct dkim_signer_settings *settings, struct fault *fault_out)
{
	const struct dkim_signed_field *fields = settings->fields != NULL ? settings->fields : dkim_default_fields;
	int n = settings->fields != NULL ? settings->n_fields : dkim_n_default_fields;

	if (n > DKIM_SIGNED_NAMES_MAX)
		return fault_permanent(fault_out, "%d fields are to be signed; %d is the most", n, DKIM_SIGNED_NAMES_MAX);
	signer->names[signer->n_names++] = (struct signed_name){ STR("From"), DKIM_OVERSIGN_ALWAYS };
	for (int i = 0; i < n; i++)
		if (take_field(signer, &fields[i], fault_out) != 0)
			return -1;
	return 0;
}

int
dkim_signer_check_author(const struct header_section *header, struct fault *fault_out)
{
	int n = header_count(header, STR("From"));

	if (n == 1)
		return 0;
	return fault_permanent(fault_out, n == 0 ? "the mail has no From" : "the mail has several From fields");
}

int
dkim_signer_count_names(const struct dkim_signer *signer, const struct header_section *header,
    uint8_t times_out[DKIM_SIGNER_NAMES_MAX], struct fault *fault_out)
{
	size_t total_bytes = 0;
	int total = 0;

	if (dkim_signer_check_author(header, fault_out) != 0)
		return -1;
	for (int i = 0; i < signer->n_names; i++) {
		int n = header_count(header, signer->names[i].name);

		switch (signer->names[i].oversign) {
		case DKIM_SIGN_PRESENT:
			break;
		case DKIM_OVERSIGN_PRESENT:
			n += n > 0;
			break;
		case DKIM_OVERSIGN_ALWAYS:
			n++;
			break;
		}
		total += n;
		total_bytes += (size_t)n * (signer->names[i].name.len + 1);
		if (total > DKIM_SIGNED_FIELDS_MAX || total_bytes > DKIM_SIGNED_FIELDS_MAX_BYTES)
			return fault_permanent(fault_out, "the mail has too many fields to sign");
		times_out[i] = (uint8_t)n;
	}
	return 0;
}

static int
take_all(struct dkim_signer *signer, const struct dkim_signer_settings *settings, struct fault *fault_out)
{
	if (take_domain(signer, settings->domain, fault_out) != 0 || take_identity(signer, settings->identity, fault_out) != 0 ||
	    take_selectors(signer, settings, fault_out) != 0 || take_fields(signer, settings, fault_out) != 0)
		return -1;
	if (settings->lifetime.ns < 0)
		return fault_permanent(fault_out, "a signature cannot expire before it is made");
	signer->header_canon = settings->is_simple_header ? DKIM_SIMPLE : DKIM_RELAXED;
	signer->body_canon = settings->is_simple_body ? DKIM_SIMPLE : DKIM_RELAXED;
	signer->has_time = !settings->without_time;
	signer->lifetime_s = span_to_s(settings->lifetime);
	write_text(signer);
	return 0;
}

int
dkim_signer_check(const struct dkim_signer_settings *settings, struct fault *fault_out)
{
	struct dkim_signer *signer = mem_new(sizeof(*signer));
	int result;

	arena_init(&signer->arena, ARENA_MAX_BYTES);
	result = take_all(signer, settings, fault_out);
	dkim_signer_free(signer);
	return result;
}

struct dkim_signer *
dkim_signer_new(const struct dkim_signer_settings *settings, struct fault *fault_out)
{
	struct dkim_signer *signer = mem_new(sizeof(*signer));

	arena_init(&signer->arena, ARENA_MAX_BYTES);
	if (take_all(signer, settings, fault_out) != 0) {
		dkim_signer_free(signer);
		return NULL;
	}
	for (int i = 0; i < signer->n_selectors; i++)
		insist(signer->selectors[i].key != NULL);
	signer->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	insist(signer->sha256 != NULL);
	return signer;
}

void
dkim_signer_free(struct dkim_signer *signer)
{
	if (signer == NULL)
		return;
	EVP_MD_free(signer->sha256);
	arena_fini(&signer->arena);
	mem_free(signer);
}

struct str
dkim_signer_text(const struct dkim_signer *signer)
{
	return signer->text;
}

int
dkim_signer_n_signatures(const struct dkim_signer *signer)
{
	return signer->n_selectors;
}
