/*
 * fuzz_trace.c - our Received field, with names that strangers choose: one field, however they try
 */
#include "mail/header.h"
#include "mail/trace.h"
#include "tests/fuzz/fuzz.h"

enum { LINE_MAX_BYTES = 998 };		/* RFC 5322 2.1.1 */

static void
check_lines(struct str field)
{
	struct str line;

	while (str_take_until(&field, '\n', &line)) {
		insist(line.len > 1 && line.at[line.len - 1] == '\r' && line.len - 1 <= LINE_MAX_BYTES);
		insist(str_trim(line).len > 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct recipient recipient = { .notify = NOTIFY_UNSET };
	struct envelope envelope = { .recipients = &recipient };
	struct peer peer = { .name_state = PEER_NAME_UNASKED };
	struct mail_id id = { .bytes = { 1 } };
	struct header_section section;
	struct arena arena;
	struct buf field;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	peer.is_esmtp = choice & 1;
	peer.tls.is_on = choice & 2;
	peer.name_state = choice & 4 ? PEER_NAME_FOUND : PEER_NAME_NONE;
	peer.client.ip = ip_of_bytes(choice & 8 ? IP_V6 : IP_V4, (const uint8_t[16]){ 192, 0, 2, 1 });
	envelope.is_smtputf8 = choice & 16;
	peer.helo = fuzz_line(&f);
	peer.name = fuzz_line(&f);
	peer.login = fuzz_line(&f);
	peer.tls.version = fuzz_line(&f);
	peer.tls.cipher = fuzz_line(&f);
	envelope.n_recipients = address_parse(fuzz_line(&f), envelope.is_smtputf8, &recipient.address);
	buf_init(&field, TRACE_MAX_BYTES);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	insist(trace_append_received(&peer, &envelope, STR("relay.example.com"), &id, (struct timestamp){ 1 }, &field) == 0);
	insist(header_read(buf_str(&field), &arena, &section) == 0);
	insist(section.n_fields == 1 && section.header_bytes == field.len);
	insist(envelope.is_smtputf8 || str_is_ascii(buf_str(&field)));
	check_lines(buf_str(&field));
	arena_fini(&arena);
	buf_fini(&field);
	fuzz_end(&f);
	return 0;
}
