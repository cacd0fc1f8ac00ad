/*
 * fuzz_spf.c - SPF records, macro strings, and whole checks of a zone that the input says
 *
 * The input's first byte chooses; then lines: sender, HELO, and the rest is a record, or lines of a zone
 * (tests/policy/zone.h) of example.com.
 */
#include "policy/spf/spf.h"
#include "policy/spf/spf_macro.h"
#include "policy/spf/spf_record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/policy/zone.h"

/* 10 terms of 11 questions, 10 redirects or includes, a client's names, an explanation. */
enum { QUESTIONS_MAX = 11 * 11 + 12 + 11 + 2 };

static const struct spf_macro_values usual = {
	.sender = STR("strong-bad@email.example.com"), .local_part = STR("strong-bad"), .sender_domain = STR("email.example.com"),
	.domain = STR("email.example.com"), .client = { .family = IP_V6, .bytes = { 0x20, 1, 0x0d, 0xb8 } },
	.validated_name = STR("mx.example.org"), .helo = STR("mx..example.net"), .receiver = STR("r.example"),
	.now = { .us = 1234567890999999 },
};

static void
check_spec(struct str spec)
{
	char room[SPF_NAME_ROOM_BYTES];
	struct str name;

	insist(spec.len <= SPF_SPEC_MAX_BYTES && str_is_printable(spec) && spf_macro_is_valid(spec, SPF_MACRO_IN_RECORD));
	insist(!spf_macro_uses(spec, 'c') && !spf_macro_uses(spec, 'r') && !spf_macro_uses(spec, 't'));
	insist(spf_macro_expand_name(spec, &usual, room, &name));
	insist(str_is_printable(name) && (name.len <= SPF_NAME_MAX_BYTES || str_find(name, '.') < 0));
}

static void
check_record(struct str text)
{
	struct spf_record record;
	struct spf_term term;
	struct fault fault;
	struct str terms;

	if (!spf_record_is(text))
		return;
	if (spf_record_parse(text, &record, &fault) != 0) {
		insist(fault.kind == FAULT_PERMANENT && str_is_printable(str_of(fault.text)));
		return;
	}
	insist(str_is_printable(text));
	if (record.redirect.len > 0)
		check_spec(record.redirect);
	if (record.exp.len > 0)
		check_spec(record.exp);
	for (terms = record.terms; spf_record_next(&terms, &term);) {
		insist(term.prefix4_bits >= 0 && term.prefix4_bits <= 32 && term.prefix6_bits >= 0 && term.prefix6_bits <= 128);
		insist(term.text.len > 0 && strchr("+-~?", term.qualifier) != NULL);
		if (term.domain_spec.len > 0)
			check_spec(term.domain_spec);
	}
}

static void
check_text(struct str text)
{
	struct buf out;

	if (spf_domain_spec_is_valid(text))
		check_spec(text);
	if (!spf_macro_is_valid(text, SPF_MACRO_IN_EXPLANATION))
		return;
	buf_init(&out, 300);
	spf_macro_expand_text(text, &usual, &out);
	insist(out.len <= 300 && str_is_printable(buf_str(&out)));
	buf_fini(&out);
}

static void
check_host(struct str from, struct str helo, struct str text, bool is_ip6, bool is_helo)
{
	struct zone zone;
	struct arena arena;
	struct spf_inputs inputs = { .helo = helo, .receiver = STR("r.example"), .deadline = INSTANT_NEVER,
	    .resolver = &zone.resolver, .arena = &arena };
	struct address address;
	struct spf_result result;

	zone_init(&zone, text);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	insist(ip_parse(is_ip6 ? STR("2001:db8::1") : STR("192.0.2.1"), &inputs.client));
	if (is_helo || !address_parse(from, true, &address))
		spf_check_helo(&inputs, &result);
	else
		spf_check_mail_from(&inputs, &address, &result);
	insist(result.n_dns_terms <= SPF_DNS_TERMS_MAX + 1 && result.n_void_lookups <= SPF_VOID_LOOKUPS_MAX + 1);
	insist(zone.n_questions <= QUESTIONS_MAX);
	insist(str_is_printable(result.mechanism) && str_is_printable(result.mechanism_domain));
	insist(str_is_printable(result.explanation) && str_is_printable(result.problem));
	insist(result.explanation.len <= SPF_EXPLANATION_MAX_BYTES);
	insist((result.problem.len > 0) ==
	    (result.value == SPF_NONE || result.value == SPF_TEMPERROR || result.value == SPF_PERMERROR));
	insist(result.explanation.len == 0 || result.value == SPF_FAIL);
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct str from, helo, rest, copy;
	struct arena arena;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	if (choice & 1) {
		from = fuzz_line(&f);
		insist(arena_copy(&arena, from, &copy));
		helo = fuzz_line(&f);
		insist(arena_copy(&arena, helo, &helo));
		rest = f.rest;
		check_host(copy, helo, rest, choice & 2, choice & 4);
	} else {
		check_record(f.rest);
		check_text(f.rest);
	}
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
