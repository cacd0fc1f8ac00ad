/*
 * fuzz_address.c - paths, addresses and domains: what is taken reads back from what is written
 */
#include "mail/address.h"
#include "mail/domain.h"
#include "tests/fuzz/fuzz.h"

static void
check_domain(struct str domain, struct arena *arena)
{
	struct str canonical, again;
	struct ip ip;

	if (domain_is_valid(domain, false))
		insist(domain_is_valid(domain, true) && str_is_ascii(domain) && domain.len <= DOMAIN_MAX_BYTES);
	if (domain_literal_ip(domain, &ip))
		insist(domain_is_literal(domain) && ip.family != IP_NONE);
	if (!domain_canonical(domain, arena, &canonical))
		return;
	insist(domain_is_valid(canonical, false));
	insist(domain_canonical(canonical, arena, &again) && str_eq(canonical, again));
	insist(!domain_is_below(canonical, canonical));
}

static void
check_address(const struct address *address, bool allow_utf8, struct arena *arena)
{
	struct address again;
	struct str text;

	insist(address_text(address, arena, &text));
	insist(text.len <= ADDRESS_MAX_BYTES && (allow_utf8 || str_is_ascii(text)));
	insist(str_find(text, '\r') < 0 && str_find(text, '\n') < 0 && str_find(text, '\0') < 0);
	insist(allow_utf8 || address_is_ascii(address));
	if (address_is_null(address) || address->domain.len == 0)
		return;
	insist(address_local_is_valid(address->local, allow_utf8));
	insist(address_parse(text, allow_utf8, &again) && address_eq(address, &again));
	check_domain(address->domain, arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	bool allow_utf8;
	struct address address;
	struct arena arena;
	const char *why = NULL;
	struct str rest;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	allow_utf8 = choice & 1;
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	rest = f.rest;
	if (address_parse_path(&rest, choice & 2 ? PATH_REVERSE : PATH_FORWARD, allow_utf8, &address, &why)) {
		insist(rest.len < f.rest.len && str_ends_nocase(f.rest, rest));
		check_address(&address, allow_utf8, &arena);
	} else {
		insist(why != NULL);
	}
	if (address_parse(f.rest, allow_utf8, &address))
		check_address(&address, allow_utf8, &arena);
	check_domain(f.rest, &arena);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
