/*
 * fuzz_command.c - command lines of a client: each is read or refused, and what is read is within its bounds
 */
#include "smtpfwd/smtp/command.h"
#include "tests/fuzz/fuzz.h"

static const struct ehlo all = {
	.has_pipelining = true, .has_size = true, .has_8bitmime = true, .has_smtputf8 = true, .has_dsn = true,
	.has_chunking = true, .has_starttls = true, .has_enhancedstatuscodes = true,
	.auth_mechanisms = AUTH_PLAIN | AUTH_LOGIN, .xclient_attributes = (1 << XCLIENT_N_ATTRIBUTES) - 1,
};

static void
check_mail(const struct command_mail *mail, struct arena *arena)
{
	struct envelope envelope = {
		.reverse_path = mail->reverse_path, .ret = mail->ret, .envid = mail->envid, .is_smtputf8 = mail->is_smtputf8,
		.is_8bit = mail->body == BODY_8BITMIME,
	}, kept;
	struct fault fault;
	struct buf stored;

	insist(mail->envid.len <= ENVELOPE_ENVID_MAX_BYTES && (mail->envid.len == 0 || xtext_is_valid(mail->envid)));
	insist(mail->is_smtputf8 || address_is_ascii(&mail->reverse_path));
	buf_init(&stored, FUZZ_ROOM_MAX_BYTES);
	insist(envelope_encode(&envelope, &stored) == 0 && envelope_decode(buf_str(&stored), arena, &kept, &fault) == 0);
	insist(address_eq(&kept.reverse_path, &mail->reverse_path) && str_eq(kept.envid, mail->envid));
	buf_fini(&stored);
}

static void
check_rcpt(const struct recipient *rcpt, struct arena *arena)
{
	struct recipient copy = *rcpt;
	struct envelope envelope = { .recipients = &copy, .n_recipients = 1, .is_smtputf8 = true }, kept;
	struct fault fault;
	struct buf stored;

	insist(rcpt->address.local.len > 0 && rcpt->orcpt.len <= ENVELOPE_ORCPT_MAX_BYTES);
	insist((rcpt->notify & NOTIFY_NEVER) == 0 || rcpt->notify == NOTIFY_NEVER);
	buf_init(&stored, FUZZ_ROOM_MAX_BYTES);
	insist(envelope_encode(&envelope, &stored) == 0 && envelope_decode(buf_str(&stored), arena, &kept, &fault) == 0);
	insist(kept.n_recipients == 1 && address_eq(&kept.recipients[0].address, &rcpt->address));
	insist(str_eq(kept.recipients[0].orcpt, rcpt->orcpt) && kept.recipients[0].notify == rcpt->notify);
	buf_fini(&stored);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct fuzz f;
	unsigned choice;
	struct command command;
	struct reply reply = { .code = 0 };
	struct arena arena;

	fuzz_begin(&f, bytes, n_bytes, &choice);
	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	if (command_parse(f.rest, choice & 1 ? NULL : &all, &arena, &command, &reply) != 0) {
		insist(reply_is_permanent(&reply) && str_is_printable(reply.text));
	} else if (command.verb == VERB_MAIL) {
		check_mail(&command.mail, &arena);
	} else if (command.verb == VERB_RCPT) {
		check_rcpt(&command.rcpt, &arena);
	}
	insist(command.word.len <= f.rest.len);
	arena_fini(&arena);
	fuzz_end(&f);
	return 0;
}
