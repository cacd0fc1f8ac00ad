/*
 * fuzz_dns.c - answers of name servers: within their bounds, and names that are text read back
 */
#include "base/dns.h"
#include "base/dns_wire.h"
#include "tests/fuzz/fuzz.h"

enum { RECORDS_MAX = 256 };

static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_MX, DNS_TXT, DNS_PTR, DNS_CNAME, DNS_TLSA };

static void
check_name(struct str text)
{
	struct dns_name name;

	insist(str_is_printable(text));
	insist(dns_name_of_text(text, &name) && name.len <= DNS_NAME_MAX_BYTES);
}

static void
check_answer(const struct dns_question *question, const struct dns_answer *answer, size_t packet_bytes)
{
	insist(answer->n_records <= RECORDS_MAX);
	insist((answer->result == DNS_FOUND) == (answer->n_records > 0));
	insist(answer->result != DNS_UNSETTLED || answer->why[0] != '\0');
	insist(str_is_printable(str_of(answer->why)));
	for (int i = 0; i < answer->n_records; i++) {
		const struct dns_record *r = &answer->records[i];

		if (question->type == DNS_A || question->type == DNS_AAAA)
			insist(r->ip.family != IP_NONE);
		if (question->type == DNS_MX || question->type == DNS_PTR || question->type == DNS_CNAME)
			check_name(r->name);
		insist(r->text.len <= packet_bytes);
	}
}

/* Any text as a name, and the name as text again. */
static void
check_text(struct str text)
{
	struct dns_name name, again;
	struct arena arena;
	struct str shown;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	if (dns_name_of_text(text, &name)) {
		insist(dns_name_text(&name, &arena, &shown));
		insist(dns_name_of_text(shown, &again) && dns_name_eq(&name, &again));
	}
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct dns_question question;
	struct dns_answer answer = { .n_records = 0 };
	struct arena arena;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	check_text(f.rest);
	question = (struct dns_question){ .name = STR("example.com"), .type = types[choice % 7] };
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	dns_read_packet(f.rest, &question, &arena, &answer);
	check_answer(&question, &answer, f.rest.len);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
