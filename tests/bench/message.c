/*
 * message.c - the mails of a measurement
 */
#include "tests/bench/message.h"

#include <stdio.h>

#include "base/insist.h"

enum { DIGITS = 10, RELAYS_HEADER_MAX_BYTES = 8192 };

void
message_write(long number, size_t n_bytes, struct buf *out)
{
	message_write_from(STR("bench.example"), number, n_bytes, out);
}

void
message_write_from(struct str domain, long number, size_t n_bytes, struct buf *out)
{
	static const char text[] = " the quick brown fox jumps over the lazy dog, and so do all 12345\r\n";
	size_t end = out->len + n_bytes - 2;
	char digits[24];

	insist(n_bytes >= MESSAGE_LEAST_BYTES && n_bytes <= MESSAGE_MOST_BYTES);
	snprintf(digits, sizeof(digits), "%0*ld", DIGITS, number);
	insist(buf_printf(out, "Date: Sat, 21 Nov 2026 08:00:00 +0000\r\nFrom: <source@%.*s>\r\nTo: <user@example.com>\r\n"
	    "Message-ID: <%s@bench.example>\r\nSubject: bench %s\r\n\r\n", STR_ARG(domain), digits, digits) == 0);
	while (out->len < end) {
		insist(buf_append(out, str_sub(str_of(digits), 0, end - out->len)) == 0);
		insist(buf_append(out, str_sub(str_of(text), 0, end - out->len)) == 0);
	}
	if (out->at[out->len - 1] == '\r')	/* cut within a line end */
		out->at[out->len - 1] = 'x';
	insist(buf_append(out, STR("\r\n")) == 0);
}

long
message_number(struct str mail)
{
	struct str before = STR("\r\nSubject: bench ");
	ptrdiff_t at = str_find_str(str_sub(mail, 0, RELAYS_HEADER_MAX_BYTES), before);
	uint64_t number;

	if (at < 0 || !str_to_u64(str_sub(mail, (size_t)at + before.len, DIGITS), &number) || number > 2000000000)
		return -1;
	return (long)number;
}

bool
message_is_whole(struct str mail, long number, size_t n_bytes)
{
	struct buf want;
	bool is_whole;

	buf_init(&want, MESSAGE_MOST_BYTES);
	message_write(number, n_bytes, &want);
	is_whole = mail.len >= want.len && str_eq(str_from(mail, mail.len - want.len), buf_str(&want));
	buf_fini(&want);
	return is_whole;
}
