/*
 * fuzz.h - what the fuzz targets share: the fuzzer's door, and choices made by its bytes
 *
 * A target gives the bytes to a parser and insists on what must hold; insist_failed, a
 * sanitizer or a time that is far too long is a finding.  Bytes end where they end: each piece is
 * memory of its own, so that reading one byte too far is found.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/insist.h"

/* Called by libFuzzer for each input; returns 0. */
int	LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

enum { FUZZ_ROOM_MAX_BYTES = 4 * 1024 * 1024 };	/* for buffers and arenas of targets: nothing here may need more */

struct fuzz {
	struct str	 rest;		/* of the input */
	uint64_t	 dice;		/* for what the input does not say: the first byte is its seed */
	char		*piece;		/* the latest */
};

/* Takes the input's first byte, which also is *choice_out (0 of an empty input). */
void		fuzz_begin(struct fuzz *f, const uint8_t *bytes, size_t n_bytes, unsigned *choice_out);
void		fuzz_end(struct fuzz *f);

/* A number below `below`, by the dice; and one that the next byte of the input says (0 behind its end). */
uint64_t	fuzz_dice(struct fuzz *f, uint64_t below);
unsigned	fuzz_byte(struct fuzz *f);

/* What stands in the input before the next LF or NUL, which is taken too; all of the rest if there is none. */
struct str	fuzz_line(struct fuzz *f);

/* Takes a piece of 1 to max_bytes, by the dice, off *rest; valid until the next piece.  False at the end. */
bool		fuzz_piece(struct fuzz *f, size_t max_bytes, struct str *rest, struct str *piece_out);

#endif
