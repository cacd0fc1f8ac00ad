/*
 * sender.c - was the sender of a mail verified?
 */
#include "mail/domain.h"
#include "policy/sender.h"

enum { NAMES_ARENA_MAX_BYTES = 4 * DOMAIN_MAX_BYTES };	/* two names in A-labels, and what leads to one */

/*
 * The reverse-path's domain, or a parent of it that is not a single label: so that bounces.example.com may be signed for by
 * example.com.  DMARC's relaxed alignment (RFC 9989 4.4) lets a name below or beside it pass too where the tree walk finds one
 * organization for both; here that would be more questions, and without them anyone below a public suffix could prove the
 * suffix's own mail.  A parent above the organization has no signers but the registry.
 */
static bool
is_aligned(struct str signer, struct str sender)
{
	struct str signer_name, sender_name;
	struct arena arena;
	bool is_it;

	arena_init(&arena, NAMES_ARENA_MAX_BYTES);
	is_it = domain_canonical(signer, &arena, &signer_name) && domain_canonical(sender, &arena, &sender_name) &&
	    (str_eq(signer_name, sender_name) ||
	    (str_find(signer_name, '.') >= 0 && domain_is_below(sender_name, signer_name)));
	arena_fini(&arena);
	return is_it;
}

static struct sender_proof
prove_by_dkim(const struct findings *findings, struct str domain)
{
	struct sender_proof proof = { .reason = "no-pass" };

	for (int i = 0; i < findings->n_dkim; i++) {
		const struct dkim_result *result = &findings->dkim[i];

		if ((result->verdict != DKIM_PASS && result->verdict != DKIM_TEMPERROR) || !is_aligned(result->domain, domain))
			continue;
		if (result->verdict == DKIM_PASS)
			return (struct sender_proof){ .is_verified = true, .reason = "dkim" };
		proof.reason = "temperror";
	}
	return proof;
}

struct sender_proof
sender_prove(const struct findings *findings, const struct envelope *envelope, const struct peer *peer)
{
	struct sender_proof proof;

	if (peer->is_trusted)
		return (struct sender_proof){ .is_verified = true, .reason = "trusted" };
	if (address_is_null(&envelope->reverse_path))
		return (struct sender_proof){ .is_verified = true, .reason = "null" };
	if (findings->why_unchecked != NULL && strcmp(findings->why_unchecked, "class") == 0)
		return (struct sender_proof){ .reason = "class" };	/* others are checked here, so reports go to who was */
	if (!findings->has_spf && !findings->has_dkim)
		return (struct sender_proof){ .is_verified = true, .reason = "unchecked" };
	if (findings->has_spf && findings->spf_mail_from.value == SPF_PASS)
		return (struct sender_proof){ .is_verified = true, .reason = "spf" };
	proof = prove_by_dkim(findings, envelope->reverse_path.domain);
	if (!proof.is_verified && findings->has_spf && findings->spf_mail_from.value == SPF_TEMPERROR)
		proof.reason = "temperror";
	return proof;
}
