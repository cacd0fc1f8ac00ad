/*
 * crc32c.c - Castagnoli's CRC (RFC 3720 12.1), by the processor where it can
 *
 * The table, for eight bytes at a step ("slicing by 8"), serves the rest.
 */
#include "base/code.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/*
 * A CRC is linear: the entry of a byte is the xor of its bits' entries.  So each row of
 * 256 is spelled out by its eight powers of two.
 */
#define XORS_1(x, a)			(x), (x) ^ (a)
#define XORS_2(x, a, b)			XORS_1(x, a), XORS_1((x) ^ (b), a)
#define XORS_3(x, a, b, c)		XORS_2(x, a, b), XORS_2((x) ^ (c), a, b)
#define XORS_4(x, a, b, c, d)		XORS_3(x, a, b, c), XORS_3((x) ^ (d), a, b, c)
#define XORS_5(x, a, b, c, d, e)	XORS_4(x, a, b, c, d), XORS_4((x) ^ (e), a, b, c, d)
#define XORS_6(x, a, b, c, d, e, f)	XORS_5(x, a, b, c, d, e), XORS_5((x) ^ (f), a, b, c, d, e)
#define XORS_7(x, a, b, c, d, e, f, g) \
	XORS_6(x, a, b, c, d, e, f), XORS_6((x) ^ (g), a, b, c, d, e, f)
#define XORS_8(x, a, b, c, d, e, f, g, h) \
	XORS_7(x, a, b, c, d, e, f, g), XORS_7((x) ^ (h), a, b, c, d, e, f, g)

/* table[k][b]: what byte b leaves behind after k more zero bytes; polynomial 0x82f63b78. */
static const uint32_t table[8][256] = {
	{ XORS_8(0u, 0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu,
	    0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u) },
	{ XORS_8(0u, 0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u,
	    0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u) },
	{ XORS_8(0u, 0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u,
	    0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u) },
	{ XORS_8(0u, 0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u,
	    0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu) },
	{ XORS_8(0u, 0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u,
	    0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu) },
	{ XORS_8(0u, 0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu,
	    0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u) },
	{ XORS_8(0u, 0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u,
	    0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u) },
	{ XORS_8(0u, 0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau,
	    0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u) },
};

uint32_t
crc32c_by_table(uint32_t crc, const void *bytes, size_t n_bytes)
{
	const unsigned char *at = bytes;

	crc = ~crc;
	for (; n_bytes >= 8; n_bytes -= 8, at += 8) {
		crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
		crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^
		    table[5][crc >> 16 & 0xff] ^ table[4][crc >> 24] ^
		    table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
	}
	for (; n_bytes != 0; n_bytes--, at++)
		crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)

enum { LANE_BYTES = 1024 };

static bool
has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
}

/* The state after as many zero bytes as x_to_it says: x^(8n - 33) modulo the polynomial, its lowest term in bit 31. */
static uint64_t __attribute__((target("sse4.2,pclmul")))
behind_zeros(uint64_t state, uint32_t x_to_it)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state), _mm_cvtsi32_si128((int)x_to_it), 0);

	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/*
 * An instruction waits three cycles for the one before, so three parts go side by side.  The state is linear: that of the
 * whole is the xor of each part's, carried over the zeros in the place of what stands behind it.
 */
static uint64_t __attribute__((target("sse4.2,pclmul")))
three_lanes(uint64_t state, const unsigned char *at)
{
	uint64_t second = 0, third = 0, eight[3];

	for (size_t i = 0; i < LANE_BYTES; i += 8) {
		memcpy(&eight[0], at + i, 8);
		memcpy(&eight[1], at + LANE_BYTES + i, 8);
		memcpy(&eight[2], at + 2 * LANE_BYTES + i, 8);
		state = _mm_crc32_u64(state, eight[0]);
		second = _mm_crc32_u64(second, eight[1]);
		third = _mm_crc32_u64(third, eight[2]);
	}
	return behind_zeros(state, 0xa51b6135u) ^ behind_zeros(second, 0x170076fau) ^ third;	/* 2 * 1024 bytes, 1024 */
}

static uint32_t __attribute__((target("sse4.2,pclmul")))
by_instruction(uint32_t crc, const void *bytes, size_t n_bytes)
{
	const unsigned char *at = bytes;
	uint64_t wide = ~crc & 0xffffffffu, eight;

	for (; n_bytes >= 3 * LANE_BYTES; n_bytes -= 3 * LANE_BYTES, at += 3 * LANE_BYTES)
		wide = three_lanes(wide, at);
	for (; n_bytes >= 8; n_bytes -= 8, at += 8) {
		memcpy(&eight, at, sizeof(eight));
		wide = _mm_crc32_u64(wide, eight);
	}
	crc = (uint32_t)wide;
	for (; n_bytes != 0; n_bytes--, at++)
		crc = _mm_crc32_u8(crc, *at);
	return ~crc;
}

#elif defined(__aarch64__)

static bool
has_instruction(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

/* As assembly, because gcc and clang do not agree on how a function is given the extension. */
static uint32_t
by_instruction(uint32_t crc, const void *bytes, size_t n_bytes)
{
	const unsigned char *at = bytes;
	uint64_t eight;

	crc = ~crc;
	for (; n_bytes >= 8; n_bytes -= 8, at += 8) {
		memcpy(&eight, at, sizeof(eight));
		__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(eight));
	}
	for (; n_bytes != 0; n_bytes--, at++)
		__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)*at));
	return ~crc;
}

#else

static bool
has_instruction(void)
{
	return false;
}

static uint32_t
by_instruction(uint32_t crc, const void *bytes, size_t n_bytes)
{
	return crc32c_by_table(crc, bytes, n_bytes);
}

#endif

uint32_t
crc32c(uint32_t crc, const void *bytes, size_t n_bytes)
{
	if (has_instruction())
		return by_instruction(crc, bytes, n_bytes);
	return crc32c_by_table(crc, bytes, n_bytes);
}
