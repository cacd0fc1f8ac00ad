/*
 * command_xclient.c - XCLIENT: what a trusted proxy says about the client (Postfix's XCLIENT_README)
 */
#include "mail/domain.h"
#include "smtpfwd/smtp/command_parts.h"
#include "smtpfwd/smtp/limits.h"

static bool
read_ip(struct str value, struct ip *ip_out)
{
	struct str tag = STR("IPV6:");
	bool is_ipv6 = str_starts_nocase(value, tag);

	if (is_ipv6)
		value = str_from(value, tag.len);
	return (str_find(value, ':') >= 0) == is_ipv6 && ip_parse(value, ip_out);
}

static bool
read_port(struct str value, uint16_t *port_out)
{
	uint64_t port;

	if (!str_to_u64(value, &port) || port > UINT16_MAX)
		return false;
	*port_out = (uint16_t)port;
	return true;
}

static bool
read_text(struct str value, struct str *text_out)
{
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.at[i] < ' ' || value.at[i] == 0x7f)
			return false;
	}
	*text_out = value;
	return value.len > 0;
}

static bool
read_name(struct str value, struct str *name_out)
{
	*name_out = value;
	return domain_is_valid(value, false);
}

static bool
read_proto(struct str value, bool *is_esmtp_out)
{
	*is_esmtp_out = str_eq_nocase(value, STR("ESMTP"));
	return *is_esmtp_out || str_eq_nocase(value, STR("SMTP"));
}

static bool
set_attribute(struct command_xclient *x, enum xclient_attribute which, struct str value)
{
	switch (which) {
	case XCLIENT_NAME:
		return read_name(value, &x->name);
	case XCLIENT_REVERSE_NAME:
		return read_name(value, &x->reverse_name);
	case XCLIENT_ADDR:
		return read_ip(value, &x->addr);
	case XCLIENT_DESTADDR:
		return read_ip(value, &x->destaddr);
	case XCLIENT_PORT:
		return read_port(value, &x->port);
	case XCLIENT_DESTPORT:
		return read_port(value, &x->destport);
	case XCLIENT_PROTO:
		return read_proto(value, &x->is_esmtp);
	case XCLIENT_HELO:
		return read_text(value, &x->helo);
	case XCLIENT_LOGIN:
		return read_text(value, &x->login);
	case XCLIENT_N_ATTRIBUTES:
		return false;
	}
	return false;
}

/* 0, or -1 refused.  The decoded value is copied into the arena: fields point there. */
static int
parse_attribute(struct str word, struct arena *arena, struct command_xclient *x, struct reply *reply_out)
{
	char room[SMTP_XCLIENT_VALUE_MAX_BYTES];
	struct buf decoded = { .at = room, .cap = sizeof(room), .max = sizeof(room) };
	unsigned which = 0;
	struct str name, value;

	if (str_find(word, '=') < 0 || !str_take_until(&word, '=', &name))
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "XCLIENT needs attribute=value");
	while (which < XCLIENT_N_ATTRIBUTES && !str_eq_nocase(name, xclient_attribute_name((enum xclient_attribute)which)))
		which++;
	if (which == XCLIENT_N_ATTRIBUTES)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "unknown XCLIENT attribute");
	if (x->states[which] != XCLIENT_NOT_GIVEN)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "XCLIENT attribute given twice");
	if (str_eq_nocase(word, STR("[UNAVAILABLE]"))) {
		x->states[which] = XCLIENT_UNAVAILABLE;
		return 0;
	}
	if (str_eq_nocase(word, STR("[TEMPUNAVAIL]"))) {
		x->states[which] = XCLIENT_TEMPUNAVAIL;
		return 0;
	}
	if (word.len == 0 || xtext_decode(word, &decoded) != 0)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "malformed XCLIENT value");
	if (!arena_copy(arena, buf_str(&decoded), &value))
		return command_refuse(reply_out, 452, STATUS(4, 3, 1), "out of memory");
	if (!set_attribute(x, (enum xclient_attribute)which, value))
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "malformed XCLIENT value");
	x->states[which] = XCLIENT_GIVEN;
	return 0;
}

int
command_parse_xclient(struct str argument, struct arena *arena, struct command_xclient *xclient,
    struct reply *reply_out)
{
	struct str rest = argument, word;

	if (argument.len == 0)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "XCLIENT needs attribute=value");
	while (str_take_word(&rest, &word)) {
		if (parse_attribute(word, arena, xclient, reply_out) != 0)
			return -1;
	}
	return 0;
}
