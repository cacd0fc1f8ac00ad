/*
 * fuzz_ehlo.c - a server's answer to EHLO: what it offers reads the same from our own words for it
 */
#include "smtpfwd/smtp/ehlo.h"
#include "smtpfwd/smtp/reply_read.h"
#include "tests/fuzz/fuzz.h"

static bool
is_same(const struct ehlo *a, const struct ehlo *b)
{
	return a->has_pipelining == b->has_pipelining && a->has_size == b->has_size &&
	    a->size_max_bytes == b->size_max_bytes && a->has_8bitmime == b->has_8bitmime &&
	    a->has_smtputf8 == b->has_smtputf8 && a->has_dsn == b->has_dsn && a->has_chunking == b->has_chunking &&
	    a->has_starttls == b->has_starttls && a->has_enhancedstatuscodes == b->has_enhancedstatuscodes &&
	    a->auth_mechanisms == b->auth_mechanisms && a->xclient_attributes == b->xclient_attributes &&
	    a->xforward_attributes == b->xforward_attributes && a->limit_mailmax == b->limit_mailmax &&
	    a->limit_rcptmax == b->limit_rcptmax && a->limit_rcptdomainmax == b->limit_rcptdomainmax;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct ehlo first, second;
	struct reply_reader reader;
	struct reply reply;
	struct fault fault;
	struct str wire;
	struct buf out;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	ehlo_read(f.rest, &first);
	insist(str_is_printable(str_of(first.domain)));
	buf_init(&out, FUZZ_ROOM_MAX_BYTES);
	insist(ehlo_write(&first, choice & 1 ? f.rest : STR("client.example"), &out) == 0);
	reply_reader_init(&reader);
	wire = buf_str(&out);
	insist(reply_read(&reader, &wire, &reply, &fault) == REPLY_DONE && wire.len == 0 && reply.code == 250);
	ehlo_read(reply.text, &second);
	insist(is_same(&first, &second));
	reply_reader_fini(&reader);
	buf_fini(&out);
	fuzz_end(&f);
	return 0;
}
