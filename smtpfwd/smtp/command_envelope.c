/*
 * command_envelope.c - MAIL and RCPT: the path, and the parameters behind it
 */
#include "mail/domain.h"
#include "smtpfwd/smtp/command_parts.h"
#include "smtpfwd/smtp/limits.h"

enum parameter {			/* a bit is set once one was seen */
	PARAMETER_SIZE, PARAMETER_BODY, PARAMETER_SMTPUTF8, PARAMETER_RET, PARAMETER_ENVID,
	PARAMETER_AUTH, PARAMETER_NOTIFY, PARAMETER_ORCPT,
	PARAMETER_UNKNOWN,
};

static const struct str parameter_names[] = {
	[PARAMETER_SIZE] = { "SIZE", 4 }, [PARAMETER_BODY] = { "BODY", 4 },
	[PARAMETER_SMTPUTF8] = { "SMTPUTF8", 8 }, [PARAMETER_RET] = { "RET", 3 },
	[PARAMETER_ENVID] = { "ENVID", 5 }, [PARAMETER_AUTH] = { "AUTH", 4 },
	[PARAMETER_NOTIFY] = { "NOTIFY", 6 }, [PARAMETER_ORCPT] = { "ORCPT", 5 },
};

struct parameters {			/* as they are read one by one */
	struct str	 rest;
	const struct ehlo *offered;	/* NULL: none is allowed */
	unsigned	 seen;
	int		 n;
	enum parameter	 which;		/* the one at hand */
	struct str	 value;
	bool		 has_value;
};

/* Whether the extension that has this parameter was announced. */
static bool
is_offered(enum parameter which, const struct ehlo *offered)
{
	if (offered == NULL)
		return false;
	switch (which) {
	case PARAMETER_SIZE:
		return offered->has_size;
	case PARAMETER_BODY:
		return offered->has_8bitmime;
	case PARAMETER_SMTPUTF8:
		return offered->has_smtputf8;
	case PARAMETER_RET:
	case PARAMETER_ENVID:
	case PARAMETER_NOTIFY:
	case PARAMETER_ORCPT:
		return offered->has_dsn;
	case PARAMETER_AUTH:
		return offered->auth_mechanisms != 0;
	case PARAMETER_UNKNOWN:
		return false;
	}
	return false;
}

/* 1: the next one is at hand; 0: there is none; -1: refused. */
static int
next_parameter(struct parameters *p, struct reply *reply_out)
{
	struct str word, name;
	ptrdiff_t sign;

	if (!str_take_word(&p->rest, &word))
		return 0;
	if (++p->n > SMTP_PARAMETERS_MAX)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "too many parameters");
	sign = str_find(word, '=');
	p->has_value = sign >= 0;
	p->value = p->has_value ? str_from(word, (size_t)sign + 1) : STR_EMPTY;
	name = p->has_value ? str_sub(word, 0, (size_t)sign) : word;
	for (p->which = 0; p->which < PARAMETER_UNKNOWN; p->which++) {
		if (str_eq_nocase(name, parameter_names[p->which]))
			break;
	}
	if (!is_offered(p->which, p->offered))
		return command_refuse(reply_out, 555, STATUS(5, 5, 4), "parameter not recognized");
	if ((p->seen & 1u << p->which) != 0)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "parameter given twice");
	if (p->has_value != (p->which != PARAMETER_SMTPUTF8) || (p->has_value && p->value.len == 0))
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "parameter without its value");
	p->seen |= 1u << p->which;
	return 1;
}

/* RFC 6531 3.5: only the parameter makes such an address possible; MAIL and RCPT have codes of their own. */
static int
refuse_utf8(enum path_kind kind, struct reply *reply_out)
{
	return command_refuse(reply_out, kind == PATH_REVERSE ? 550 : 553, STATUS(5, 6, 7),
	    "non-ASCII address without SMTPUTF8");
}

/* Behind "FROM:" or "TO:".  Blanks between the colon and the path are against the RFC but common. */
static int
parse_path(struct str *rest, struct str keyword, enum path_kind kind, const struct ehlo *offered,
    struct address *address_out, struct reply *reply_out)
{
	bool allow_utf8 = offered != NULL && offered->has_smtputf8;
	struct status malformed = kind == PATH_REVERSE ? STATUS(5, 1, 7) : STATUS(5, 1, 3);
	const char *why;

	if (!str_starts_nocase(*rest, keyword))
		return command_refuse(reply_out, 501, STATUS(5, 5, 4),
		    kind == PATH_REVERSE ? "MAIL needs FROM:<address>" : "RCPT needs TO:<address>");
	*rest = str_from(*rest, keyword.len);
	while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		*rest = str_from(*rest, 1);
	if (!address_parse_path(rest, kind, allow_utf8, address_out, &why)) {
		ptrdiff_t end = str_find(*rest, '>');

		if (!allow_utf8 && end > 0 && !str_is_ascii(str_sub(*rest, 0, (size_t)end)))
			return refuse_utf8(kind, reply_out);
		return command_refuse(reply_out, 501, malformed, why);
	}
	if (rest->len > 0 && rest->at[0] != ' ' && rest->at[0] != '\t')
		return command_refuse(reply_out, 501, malformed, "something stands behind the address");
	return 0;
}

static int
set_mail_parameter(const struct parameters *p, struct command_mail *mail, struct reply *reply_out)
{
	bool is_good = true;

	switch (p->which) {
	case PARAMETER_SIZE:
		is_good = str_to_u64(p->value, &mail->size_bytes);
		mail->has_size = is_good;
		break;
	case PARAMETER_BODY:
		if (str_eq_nocase(p->value, STR("7BIT")))
			mail->body = BODY_7BIT;
		else if (str_eq_nocase(p->value, STR("8BITMIME")))
			mail->body = BODY_8BITMIME;
		else
			is_good = false;
		break;
	case PARAMETER_SMTPUTF8:
		mail->is_smtputf8 = true;
		break;
	case PARAMETER_RET:
		if (str_eq_nocase(p->value, STR("FULL")))
			mail->ret = RET_FULL;
		else if (str_eq_nocase(p->value, STR("HDRS")))
			mail->ret = RET_HDRS;
		else
			is_good = false;
		break;
	case PARAMETER_ENVID:
		is_good = p->value.len <= ENVELOPE_ENVID_MAX_BYTES && xtext_is_valid(p->value);
		mail->envid = p->value;
		break;
	case PARAMETER_AUTH:
		is_good = str_eq(p->value, STR("<>")) || xtext_is_valid(p->value);
		mail->auth = p->value;
		break;
	case PARAMETER_NOTIFY:
	case PARAMETER_ORCPT:
	case PARAMETER_UNKNOWN:
		return command_refuse(reply_out, 555, STATUS(5, 5, 4), "parameter not recognized");
	}
	return is_good ? 0 : command_refuse(reply_out, 501, STATUS(5, 5, 4), "malformed parameter");
}

int
command_parse_mail(struct str argument, const struct ehlo *offered, struct command_mail *mail,
    struct reply *reply_out)
{
	struct parameters p = { .rest = argument, .offered = offered };
	int more;

	if (parse_path(&p.rest, STR("FROM:"), PATH_REVERSE, offered, &mail->reverse_path, reply_out) != 0)
		return -1;
	while ((more = next_parameter(&p, reply_out)) > 0) {
		if (set_mail_parameter(&p, mail, reply_out) != 0)
			return -1;
	}
	if (more < 0)
		return -1;
	if (!mail->is_smtputf8 && !address_is_ascii(&mail->reverse_path))
		return refuse_utf8(PATH_REVERSE, reply_out);
	return 0;
}

/* RFC 3461 4.1: NEVER alone, or a list of the others. */
static bool
read_notify(struct str value, unsigned *notify_out)
{
	static const struct {
		struct str	 word;
		unsigned	 bit;
	} words[] = {
		{ { "NEVER", 5 }, NOTIFY_NEVER }, { { "SUCCESS", 7 }, NOTIFY_SUCCESS },
		{ { "FAILURE", 7 }, NOTIFY_FAILURE }, { { "DELAY", 5 }, NOTIFY_DELAY },
	};
	struct str word;

	*notify_out = NOTIFY_UNSET;
	if (value.len == 0 || value.at[value.len - 1] == ',')
		return false;
	while (str_take_until(&value, ',', &word)) {
		unsigned bit = 0;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (str_eq_nocase(word, words[i].word))
				bit = words[i].bit;
		}
		if (bit == 0 || (*notify_out & bit) != 0)
			return false;
		*notify_out |= bit;
	}
	return (*notify_out & NOTIFY_NEVER) == 0 || *notify_out == NOTIFY_NEVER;
}

/* RFC 3461 4.2 "type;xtext"; of type utf-8 it may hold UTF-8 as it is (RFC 6533 3). */
static bool
orcpt_is_valid(struct str value, bool allow_utf8)
{
	ptrdiff_t sign = str_find(value, ';');
	struct str type, rest;

	if (sign <= 0 || value.len > ENVELOPE_ORCPT_MAX_BYTES || (size_t)sign + 1 == value.len)
		return false;
	type = str_sub(value, 0, (size_t)sign);
	rest = str_from(value, (size_t)sign + 1);
	if (!domain_is_valid(type, false))		/* an atom; letters, digits, hyphens in practice */
		return false;
	if (str_eq_nocase(type, STR("utf-8")) && allow_utf8 && !str_is_ascii(rest))
		return str_is_utf8(rest) && str_find(rest, '=') < 0;
	return xtext_is_valid(rest);
}

int
command_parse_rcpt(struct str argument, const struct ehlo *offered, struct recipient *rcpt,
    struct reply *reply_out)
{
	struct parameters p = { .rest = argument, .offered = offered };
	int more;

	if (parse_path(&p.rest, STR("TO:"), PATH_FORWARD, offered, &rcpt->address, reply_out) != 0)
		return -1;
	while ((more = next_parameter(&p, reply_out)) > 0) {
		if (p.which == PARAMETER_NOTIFY) {
			if (!read_notify(p.value, &rcpt->notify))
				return command_refuse(reply_out, 501, STATUS(5, 5, 4), "malformed NOTIFY");
		} else if (p.which == PARAMETER_ORCPT) {
			if (!orcpt_is_valid(p.value, offered != NULL && offered->has_smtputf8))
				return command_refuse(reply_out, 501, STATUS(5, 5, 4), "malformed ORCPT");
			rcpt->orcpt = p.value;
		} else {
			return command_refuse(reply_out, 555, STATUS(5, 5, 4), "parameter not recognized");
		}
	}
	return more;
}
