/*
 * fuzz_dmarc.c - a DMARC record means the same when it is written by the letter
 */
#include "policy/dmarc/dmarc_record.h"
#include "tests/fuzz/fuzz.h"

static void
append_fo(struct buf *out, unsigned fo)
{
	static const char letters[] = "01ds";
	char separator = '=';

	insist(fo != 0 && fo < 16 && (fo & 3) != 3);
	insist(buf_printf(out, "; fo") == 0);
	for (int i = 0; i < 4; i++) {
		if ((fo & 1u << i) != 0) {
			insist(buf_printf(out, "%c%c", separator, letters[i]) == 0);
			separator = ':';
		}
	}
}

static void
check(const struct dmarc_record *r)
{
	struct dmarc_record again;
	struct buf out;

	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	insist(buf_printf(&out, "v=DMARC1; t=%c; adkim=%c; aspf=%c; psd=%c", r->is_testing ? 'y' : 'n',
	    r->is_dkim_strict ? 's' : 'r', r->is_spf_strict ? 's' : 'r', "uny"[r->psd]) == 0);
	if (r->is_usable)
		insist(buf_printf(&out, "; p=%s", dmarc_policy_text(r->p)) == 0);
	if (r->has_sp)
		insist(buf_printf(&out, "; sp=%s", dmarc_policy_text(r->sp)) == 0);
	if (r->has_np)
		insist(buf_printf(&out, "; np=%s", dmarc_policy_text(r->np)) == 0);
	append_fo(&out, r->fo);
	if (r->rua.len > 0)
		insist(buf_printf(&out, "; rua=%.*s", STR_ARG(r->rua)) == 0);
	if (r->ruf.len > 0)
		insist(buf_printf(&out, "; ruf=%.*s", STR_ARG(r->ruf)) == 0);
	insist(dmarc_record_parse(buf_str(&out), &again));
	insist(again.p == r->p && again.sp == r->sp && again.np == r->np && again.is_usable == r->is_usable);
	insist(again.has_sp == r->has_sp && again.has_np == r->has_np && again.is_testing == r->is_testing);
	insist(again.is_dkim_strict == r->is_dkim_strict && again.is_spf_strict == r->is_spf_strict);
	insist(again.psd == r->psd && again.fo == r->fo && str_eq(again.rua, r->rua) && str_eq(again.ruf, r->ruf));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str input = str_n(bytes, n_bytes);
	struct dmarc_record record;
	struct buf more;

	if (dmarc_record_parse(input, &record))
		check(&record);
	buf_init(&more, FUZZ_ROOM_MAX_BYTES);
	insist(buf_printf(&more, "v=DMARC1;") == 0 && buf_append(&more, input) == 0);
	insist(dmarc_record_parse(buf_str(&more), &record));
	check(&record);
	buf_fini(&more);
	return 0;
}
