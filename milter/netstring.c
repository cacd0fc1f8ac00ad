/*
 * netstring.c - a length, a colon, so many bytes, a comma
 */
#include "milter/netstring.h"

enum { DIGITS_MAX = 9 };		/* a billion bytes are more than any message has */

enum netstring_state
netstring_read(struct str bytes, size_t max_bytes, struct str *inside_out, size_t *n_bytes_out)
{
	size_t n_digits = 0, len = 0;

	while (n_digits < bytes.len && bytes.at[n_digits] >= '0' && bytes.at[n_digits] <= '9') {
		if (n_digits == DIGITS_MAX || (n_digits == 1 && len == 0))
			return NETSTRING_BROKEN;
		len = 10 * len + (size_t)(bytes.at[n_digits++] - '0');
		if (len > max_bytes)
			return NETSTRING_BROKEN;
	}
	if (n_digits == bytes.len)
		return NETSTRING_PART;
	if (n_digits == 0 || bytes.at[n_digits] != ':')
		return NETSTRING_BROKEN;
	if (bytes.len - n_digits - 1 <= len)
		return NETSTRING_PART;
	if (bytes.at[n_digits + 1 + len] != ',')
		return NETSTRING_BROKEN;
	*inside_out = str_sub(bytes, n_digits + 1, len);
	*n_bytes_out = n_digits + 1 + len + 1;
	return NETSTRING_WHOLE;
}

int
netstring_append(struct str inside, struct buf *out)
{
	size_t before = out->len;

	if (buf_printf(out, "%zu:", inside.len) == 0 && buf_append(out, inside) == 0 && buf_append_char(out, ',') == 0)
		return 0;
	out->len = before;
	return -1;
}
