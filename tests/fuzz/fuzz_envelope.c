/*
 * fuzz_envelope.c - stored envelopes: what is read can be written, and sent in commands that read back
 */
#include "smtpfwd/smtp/command.h"
#include "tests/fuzz/fuzz.h"

static const struct ehlo all = {
	.has_size = true, .has_8bitmime = true, .has_smtputf8 = true, .has_dsn = true,
};

/*
 * A command as it was written, one line, is read; *command_out points into it.  False if our own parser would not
 * take it: what is stored is held against less than the grammar (mail/envelope_code.c).
 */
static bool
read_back(const struct buf *wire, struct arena *arena, struct command *command_out)
{
	struct reply reply;

	insist(wire->len > 2 && str_find(buf_str(wire), '\r') == (ptrdiff_t)wire->len - 2);
	insist(str_find(buf_str(wire), '\n') == (ptrdiff_t)wire->len - 1);
	return command_parse(str_sub(buf_str(wire), 0, wire->len - 2), &all, arena, command_out, &reply) == 0;
}

/* If they mean anything to our parser, then what was meant: nothing in them passes for a parameter. */
static void
check_commands(const struct envelope *envelope, struct arena *arena)
{
	struct command command;
	struct buf wire;

	buf_init(&wire, FUZZ_ROOM_MAX_BYTES);
	insist(command_write_mail(envelope, &envelope->reverse_path, 7, &all, &wire) == 0);
	if (read_back(&wire, arena, &command)) {
		insist(command.verb == VERB_MAIL && address_eq(&command.mail.reverse_path, &envelope->reverse_path));
		insist(command.mail.ret == envelope->ret && str_eq(command.mail.envid, envelope->envid));
		insist(command.mail.is_smtputf8 == envelope->is_smtputf8 && command.mail.size_bytes == 7);
		insist((command.mail.body == BODY_8BITMIME) == envelope->is_8bit);
	}
	for (int i = 0; i < envelope->n_recipients; i++) {
		const struct recipient *r = &envelope->recipients[i];

		buf_clear(&wire);
		insist(command_write_rcpt(r, &all, &wire) == 0);
		if (!read_back(&wire, arena, &command))
			continue;
		insist(command.verb == VERB_RCPT && address_eq(&command.rcpt.address, &r->address));
		insist(command.rcpt.notify == r->notify && str_eq(command.rcpt.orcpt, r->orcpt));
	}
	buf_fini(&wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str input = str_n(bytes, n_bytes);
	struct envelope envelope, again;
	struct arena arena;
	struct buf first, second;
	struct fault fault;

	arena_init(&arena, FUZZ_ROOM_MAX_BYTES);
	buf_init(&first, FUZZ_ROOM_MAX_BYTES);
	buf_init(&second, FUZZ_ROOM_MAX_BYTES);
	if (envelope_decode(input, &arena, &envelope, &fault) == 0) {
		insist(envelope_encode(&envelope, &first) == 0);
		insist(envelope_decode(buf_str(&first), &arena, &again, &fault) == 0);
		insist(envelope_encode(&again, &second) == 0 && str_eq(buf_str(&first), buf_str(&second)));
		check_commands(&envelope, &arena);
	}
	buf_fini(&first);
	buf_fini(&second);
	arena_fini(&arena);
	return 0;
}
