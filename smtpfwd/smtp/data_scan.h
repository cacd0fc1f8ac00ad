/*
 * data_scan.h - where the bytes that matter to mail data stand, 64 bytes at a time
 *
 * Private to data.c.  Bit i of a mask is byte i of the block.
 */
#ifndef SMTP_DATA_SCAN_H
#define SMTP_DATA_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SCAN_BLOCK_BYTES = 64 };

/*
 * Most blocks have no dot, no NUL and no 8-bit byte, and where one has, it is looked at again: that costs less than a
 * mask of each for all.
 */
struct scan_lines {
	uint64_t	 cr, lf;
	bool		 has_odd;	/* NUL or 8-bit somewhere */
};

#ifdef __SSE2__
static inline __m128i
scan_part(const char *block, int i)
{
	return _mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i));
}

static inline uint64_t
scan_mask(__m128i a, __m128i b, __m128i c, __m128i d)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(a) | (uint64_t)(unsigned)_mm_movemask_epi8(b) << 16 |
	    (uint64_t)(unsigned)_mm_movemask_epi8(c) << 32 | (uint64_t)(unsigned)_mm_movemask_epi8(d) << 48;
}

/* Where the byte stands. */
static inline uint64_t
scan_find(const char block[SCAN_BLOCK_BYTES], char byte)
{
	__m128i all = _mm_set1_epi8(byte);

	return scan_mask(_mm_cmpeq_epi8(scan_part(block, 0), all), _mm_cmpeq_epi8(scan_part(block, 1), all),
	    _mm_cmpeq_epi8(scan_part(block, 2), all), _mm_cmpeq_epi8(scan_part(block, 3), all));
}

static inline bool
scan_has(const char block[SCAN_BLOCK_BYTES], char byte)
{
	__m128i all = _mm_set1_epi8(byte);

	return _mm_movemask_epi8(_mm_or_si128(
	    _mm_or_si128(_mm_cmpeq_epi8(scan_part(block, 0), all), _mm_cmpeq_epi8(scan_part(block, 1), all)),
	    _mm_or_si128(_mm_cmpeq_epi8(scan_part(block, 2), all), _mm_cmpeq_epi8(scan_part(block, 3), all)))) != 0;
}

static inline uint64_t
scan_high(const char block[SCAN_BLOCK_BYTES])
{
	return scan_mask(scan_part(block, 0), scan_part(block, 1), scan_part(block, 2), scan_part(block, 3));
}

static inline void
scan_lines(const char block[SCAN_BLOCK_BYTES], struct scan_lines *lines)
{
	__m128i a = scan_part(block, 0), b = scan_part(block, 1), c = scan_part(block, 2), d = scan_part(block, 3);
	__m128i least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
	__m128i tops = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));

	*lines = (struct scan_lines){
		.cr = scan_find(block, '\r'),
		.lf = scan_find(block, '\n'),
		.has_odd = _mm_movemask_epi8(_mm_or_si128(tops, _mm_cmpeq_epi8(least, _mm_setzero_si128()))) != 0,
	};
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

static inline uint64_t
scan_word(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Where the byte stands. */
static inline uint64_t
scan_find(const char block[SCAN_BLOCK_BYTES], char byte)
{
	const uint64_t each = 0x0101010101010101u * (uint8_t)byte;
	uint64_t mask = 0;

	for (int i = 0; i < SCAN_BLOCK_BYTES; i += 8)
		mask |= scan_gather(scan_zeros(scan_word(block + i) ^ each)) << i;
	return mask;
}

static inline bool
scan_has(const char block[SCAN_BLOCK_BYTES], char byte)
{
	return memchr(block, byte, SCAN_BLOCK_BYTES) != NULL;
}

static inline uint64_t
scan_high(const char block[SCAN_BLOCK_BYTES])
{
	uint64_t mask = 0;

	for (int i = 0; i < SCAN_BLOCK_BYTES; i += 8)
		mask |= scan_gather(scan_word(block + i) & ~(uint64_t)0x7f7f7f7f7f7f7f7fu) << i;
	return mask;
}

static inline void
scan_lines(const char block[SCAN_BLOCK_BYTES], struct scan_lines *lines)
{
	*lines = (struct scan_lines){ .cr = scan_find(block, '\r'), .lf = scan_find(block, '\n') };
	for (int i = 0; i < SCAN_BLOCK_BYTES; i += 8) {
		uint64_t word = scan_word(block + i);

		lines->has_odd |= (scan_zeros(word) | (word & ~(uint64_t)0x7f7f7f7f7f7f7f7fu)) != 0;
	}
}
#endif

/* The n bytes that are there as a block; behind them stand others that mean nothing. */
static inline const char *
scan_block(const char *at, size_t n, char room[SCAN_BLOCK_BYTES])
{
	if (n >= SCAN_BLOCK_BYTES)
		return at;
	memset(room, 'x', SCAN_BLOCK_BYTES);
	memcpy(room, at, n);
	return room;
}

#endif
