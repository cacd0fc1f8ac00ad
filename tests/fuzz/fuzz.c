/*
 * fuzz.c - choices made by a fuzzer's bytes
 */
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

void
fuzz_begin(struct fuzz *f, const uint8_t *bytes, size_t n_bytes, unsigned *choice_out)
{
	*f = (struct fuzz){ .rest = str_n(bytes, n_bytes) };
	*choice_out = fuzz_byte(f);
	f->dice = *choice_out;
}

void
fuzz_end(struct fuzz *f)
{
	mem_free(f->piece);
	f->piece = NULL;
}

uint64_t
fuzz_dice(struct fuzz *f, uint64_t below)		/* splitmix64 */
{
	uint64_t z = f->dice += 0x9e3779b97f4a7c15;

	insist(below > 0);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

unsigned
fuzz_byte(struct fuzz *f)
{
	unsigned byte = f->rest.len > 0 ? (uint8_t)f->rest.at[0] : 0;

	f->rest = str_from(f->rest, 1);
	return byte;
}

struct str
fuzz_line(struct fuzz *f)
{
	struct str line = f->rest;

	for (size_t i = 0; i < line.len; i++)
		if (line.at[i] == '\n' || line.at[i] == '\0')
			line.len = i;
	f->rest = str_from(f->rest, line.len + 1);
	return line;
}

bool
fuzz_piece(struct fuzz *f, size_t max_bytes, struct str *rest, struct str *piece_out)
{
	size_t n = (size_t)fuzz_dice(f, max_bytes) + 1;

	if (rest->len == 0)
		return false;
	if (n > rest->len)
		n = rest->len;
	mem_free(f->piece);
	f->piece = mem_new(n);
	memcpy(f->piece, rest->at, n);
	*piece_out = str_n(f->piece, n);
	*rest = str_from(*rest, n);
	return true;
}
