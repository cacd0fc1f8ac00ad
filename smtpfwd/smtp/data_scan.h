/*
 * data_scan.h - where the bytes that matter to mail data stand, 64 bytes at a time
 *
 * Private to data.c.  Bit i of a mask is byte i of the block.
 */
#ifndef SMTP_DATA_SCAN_H
#define SMTP_DATA_SCAN_H

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SCAN_BLOCK_BYTES = 64 };

struct scan_masks {
	uint64_t	 cr, lf, dot, nul, high;	/* high: 8-bit */
};

#ifdef __SSE2__
static inline void
scan_block(const char block[SCAN_BLOCK_BYTES], struct scan_masks *m)
{
	*m = (struct scan_masks){ .cr = 0 };
	for (int i = 0; i < SCAN_BLOCK_BYTES; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(block + i));

#define SCAN_FIND(c) \
	((uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c))) << i)
		m->cr |= SCAN_FIND('\r');
		m->lf |= SCAN_FIND('\n');
		m->dot |= SCAN_FIND('.');
		m->nul |= SCAN_FIND('\0');
#undef SCAN_FIND
		m->high |= (uint64_t)(unsigned)_mm_movemask_epi8(v) << i;
	}
}
#else
/* The top bit of each byte, gathered into eight bits, the first byte's lowest. */
static inline uint64_t
scan_gather(uint64_t tops)
{
	return (tops >> 7) * 0x0102040810204080u >> 56;
}

/* The top bit of each byte that is zero; exact, no carry between bytes. */
static inline uint64_t
scan_zeros(uint64_t word)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fu;

	return ~(((word & low) + low) | word | low);
}

static inline void
scan_block(const char block[SCAN_BLOCK_BYTES], struct scan_masks *m)
{
	const uint64_t each = 0x0101010101010101u;

	*m = (struct scan_masks){ .cr = 0 };
	for (int i = 0; i < SCAN_BLOCK_BYTES; i += 8) {
		uint64_t word;

		memcpy(&word, block + i, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		m->cr |= scan_gather(scan_zeros(word ^ each * '\r')) << i;
		m->lf |= scan_gather(scan_zeros(word ^ each * '\n')) << i;
		m->dot |= scan_gather(scan_zeros(word ^ each * '.')) << i;
		m->nul |= scan_gather(scan_zeros(word)) << i;
		m->high |= scan_gather(word & ~(uint64_t)0x7f7f7f7f7f7f7f7fu) << i;
	}
}
#endif

/* The same of the n bytes (at most a block) that are there; bits behind them are zero. */
static inline void
scan_bytes(const char *at, size_t n, struct scan_masks *m)
{
	char block[SCAN_BLOCK_BYTES];

	if (n >= SCAN_BLOCK_BYTES) {
		scan_block(at, m);
		return;
	}
	memset(block, 'x', sizeof(block));
	memcpy(block, at, n);
	scan_block(block, m);
}

#endif
