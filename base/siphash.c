/*
 * siphash.c - SipHash-2-4 (Aumasson, Bernstein 2012): a hash strangers cannot aim at
 */
#include "base/map.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void
compress(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* Up to eight bytes, the first the least. */
static inline uint64_t
word_of(const unsigned char *at, size_t n_bytes)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n_bytes; i++)
		word |= (uint64_t)at[i] << 8 * i;
	return word;
}

uint64_t
siphash(const uint64_t seed[2], struct str bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.at;
	size_t n_left = bytes.len;
	struct state s = {
		.v0 = seed[0] ^ 0x736f6d6570736575, .v1 = seed[1] ^ 0x646f72616e646f6d,
		.v2 = seed[0] ^ 0x6c7967656e657261, .v3 = seed[1] ^ 0x7465646279746573,
	};

	for (; n_left >= 8; n_left -= 8, at += 8)
		compress(&s, word_of(at, 8));
	compress(&s, (uint64_t)bytes.len << 56 | word_of(at, n_left));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
