/*
 * decimal.h - numbers as decimal digits, without printf, which takes some hundreds of instructions for each
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdint.h>

enum { DECIMAL_MAX_BYTES = 20 };	/* of UINT64_MAX; there is no NUL */

/* Writes the digits from at on; gives where they end. */
char	*decimal_put(char *at, uint64_t number);

/* The same of the last n digits, with zeros in front. */
char	*decimal_put_padded(char *at, uint64_t number, int n_digits);

#endif
