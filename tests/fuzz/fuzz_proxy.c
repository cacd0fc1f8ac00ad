/*
 * fuzz_proxy.c - PROXY headers: one that comes byte by byte means what it means in one piece
 */
#include "smtpfwd/smtp/proxy.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str input = str_n(bytes, n_bytes);
	struct proxy_header whole = { .n_bytes = 0 }, part;
	enum proxy_step end = proxy_read(input, &whole), step = PROXY_MORE;
	size_t n = 0;

	if (end == PROXY_DONE)
		insist(whole.n_bytes > 0 && whole.n_bytes <= input.len && whole.n_bytes <= PROXY_HEADER_MAX_BYTES);
	if (end == PROXY_MORE)
		insist(input.len < PROXY_HEADER_MAX_BYTES);
	while (step == PROXY_MORE && n < input.len)
		step = proxy_read(str_sub(input, 0, ++n), &part);
	insist(step == end);
	if (end == PROXY_DONE) {
		insist(n == whole.n_bytes && part.n_bytes == n && part.kind == whole.kind);
		insist(part.kind != PROXY_TCP || endpoint_eq(&part.source, &whole.source));
	}
	return 0;
}
