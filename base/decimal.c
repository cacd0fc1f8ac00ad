/*
 * decimal.c - numbers as decimal digits
 */
#include <string.h>

#include "base/decimal.h"

char *
decimal_put(char *at, uint64_t number)
{
	char digits[DECIMAL_MAX_BYTES];
	int i = DECIMAL_MAX_BYTES;

	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	memcpy(at, digits + i, (size_t)(DECIMAL_MAX_BYTES - i));
	return at + (DECIMAL_MAX_BYTES - i);
}

char *
decimal_put_padded(char *at, uint64_t number, int n_digits)
{
	for (int i = n_digits - 1; i >= 0; i--, number /= 10)
		at[i] = (char)('0' + number % 10);
	return at + n_digits;
}
