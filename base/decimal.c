/*
 * decimal.c - numbers as decimal digits
 */
#include "base/decimal.h"

char *
decimal_put_padded(char *at, uint64_t number, int n_digits)
{
	for (int i = n_digits - 1; i >= 0; i--, number /= 10)
		at[i] = (char)('0' + number % 10);
	return at + n_digits;
}

char *
decimal_put(char *at, uint64_t number)
{
	int n_digits = 1;

	for (uint64_t rest = number; rest >= 10; rest /= 10)
		n_digits++;
	return decimal_put_padded(at, number, n_digits);
}
