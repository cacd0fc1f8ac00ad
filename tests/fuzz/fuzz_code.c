/*
 * fuzz_code.c - base64 and xtext: there and back, and back and there; escapes are printable, checksums agree
 */
#include "base/code.h"
#include "mail/xtext.h"
#include "tests/fuzz/fuzz.h"

struct code {
	int	(*encode)(struct str bytes, struct buf *out);
	int	(*decode)(struct str text, struct buf *out);
	bool	is_folded;		/* another text can mean the same bytes: a needless +HH */
};

static const struct code codes[] = {
	{ base64_encode, base64_decode, false }, { xtext_encode, xtext_decode, true },
};

static void
check_code(const struct code *code, struct str input)
{
	struct buf there, back;

	buf_init(&there, FUZZ_ROOM_MAX_BYTES);
	buf_init(&back, FUZZ_ROOM_MAX_BYTES);
	insist(code->encode(input, &there) == 0 && str_is_printable(buf_str(&there)));
	insist(code->decode(buf_str(&there), &back) == 0 && str_eq(buf_str(&back), input));
	buf_clear(&there);
	buf_clear(&back);
	if (code->decode(input, &back) == 0) {
		insist(code->encode(buf_str(&back), &there) == 0);
		insist(code->is_folded || str_eq(buf_str(&there), input));
	}
	buf_fini(&there);
	buf_fini(&back);
}

static void
check_escape(struct str input, bool keep_utf8, size_t max_bytes)
{
	struct buf shown;

	buf_init(&shown, FUZZ_ROOM_MAX_BYTES);
	insist(escape_append(input, keep_utf8, max_bytes, &shown) == 0);
	insist(shown.len <= max_bytes + strlen("..."));
	insist(keep_utf8 ? str_is_utf8(buf_str(&shown)) : str_is_printable(buf_str(&shown)));
	for (size_t i = 0; i < shown.len; i++)
		insist((unsigned char)shown.at[i] >= ' ' && shown.at[i] != 0x7f);
	buf_fini(&shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		check_code(&codes[i], f.rest);
	check_escape(f.rest, choice & 1, choice & 2 ? f.rest.len / 2 + 4 : 4 * f.rest.len);
	insist(crc32c(0, f.rest.at, f.rest.len) == crc32c_by_table(0, f.rest.at, f.rest.len));
	fuzz_end(&f);
	return 0;
}
