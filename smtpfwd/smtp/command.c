/*
 * command.c - a client's command line: the verb, and what stands behind it
 *
 * MAIL and RCPT are read in command_envelope.c, XCLIENT in command_xclient.c.
 */
#include "smtpfwd/smtp/command_parts.h"

static const struct {
	struct str	 word;
	enum verb	 verb;
} verbs[] = {
	{ { "HELO", 4 }, VERB_HELO }, { { "EHLO", 4 }, VERB_EHLO }, { { "MAIL", 4 }, VERB_MAIL },
	{ { "RCPT", 4 }, VERB_RCPT }, { { "DATA", 4 }, VERB_DATA }, { { "BDAT", 4 }, VERB_BDAT },
	{ { "RSET", 4 }, VERB_RSET }, { { "NOOP", 4 }, VERB_NOOP }, { { "QUIT", 4 }, VERB_QUIT },
	{ { "VRFY", 4 }, VERB_VRFY }, { { "EXPN", 4 }, VERB_EXPN }, { { "HELP", 4 }, VERB_HELP },
	{ { "STARTTLS", 8 }, VERB_STARTTLS }, { { "AUTH", 4 }, VERB_AUTH }, { { "XCLIENT", 7 }, VERB_XCLIENT },
};

int
command_refuse(struct reply *reply_out, int code, struct status status, const char *text)
{
	*reply_out = (struct reply){ .code = code, .status = status, .text = str_of(text) };
	return -1;
}

static enum verb
find_verb(struct str word)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (str_eq_nocase(word, verbs[i].word))
			return verbs[i].verb;
	}
	return VERB_UNKNOWN;
}

static bool
has_controls(struct str line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static int
parse_bdat(struct command *c, struct reply *reply_out)
{
	struct str rest = c->argument, word;

	if (!str_take_word(&rest, &word) || !str_to_u64(word, &c->bdat.n_bytes))
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "BDAT needs a number of bytes");
	if (!str_take_word(&rest, &word))
		return 0;
	c->bdat.is_last = str_eq_nocase(word, STR("LAST"));
	if (!c->bdat.is_last || str_trim(rest).len > 0)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "only LAST may follow the number");
	return 0;
}

static bool
is_mechanism(struct str word)		/* RFC 4422 3.1 */
{
	for (size_t i = 0; i < word.len; i++) {
		char ch = word.at[i];

		if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') ||
		    ch == '-' || ch == '_'))
			return false;
	}
	return word.len > 0 && word.len <= 20;
}

static int
parse_auth(struct command *c, struct reply *reply_out)
{
	struct str rest = c->argument;

	if (!str_take_word(&rest, &c->auth.mechanism) || !is_mechanism(c->auth.mechanism))
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "AUTH needs a mechanism");
	c->auth.has_initial = str_take_word(&rest, &c->auth.initial);
	if (str_trim(rest).len > 0)
		return command_refuse(reply_out, 501, STATUS(5, 5, 4), "AUTH has too many arguments");
	return 0;
}

/* What stands behind the verb, for those whose argument is a word or nothing. */
static int
parse_argument(struct command *c, struct reply *reply_out)
{
	bool has_argument = c->argument.len > 0;

	switch (c->verb) {
	case VERB_HELO:
	case VERB_EHLO:
		if (!has_argument)
			return command_refuse(reply_out, 501, STATUS(5, 5, 4), "a host name is needed");
		return 0;
	case VERB_DATA:
	case VERB_RSET:
	case VERB_QUIT:
	case VERB_STARTTLS:
		if (has_argument)
			return command_refuse(reply_out, 501, STATUS(5, 5, 4), "no argument is allowed");
		return 0;
	case VERB_VRFY:
	case VERB_EXPN:
		if (!has_argument)
			return command_refuse(reply_out, 501, STATUS(5, 5, 4), "an argument is needed");
		return 0;
	case VERB_BDAT:
		return parse_bdat(c, reply_out);
	case VERB_AUTH:
		return parse_auth(c, reply_out);
	case VERB_NOOP:
	case VERB_HELP:
	case VERB_UNKNOWN:
	case VERB_MAIL:
	case VERB_RCPT:
	case VERB_XCLIENT:
		return 0;
	}
	return 0;
}

int
command_parse(struct str line, const struct ehlo *offered, struct arena *arena,
    struct command *command_out, struct reply *reply_out)
{
	struct command *c = command_out;
	struct str rest = line;

	*c = (struct command){ .verb = VERB_UNKNOWN };
	if (!str_take_word(&rest, &c->word))
		c->word = STR_EMPTY;
	c->verb = find_verb(c->word);
	c->argument = str_trim(rest);
	if (has_controls(line))
		return command_refuse(reply_out, 500, STATUS(5, 5, 2), "control characters in a command");
	if (c->verb == VERB_MAIL)
		return command_parse_mail(c->argument, offered, &c->mail, reply_out);
	if (c->verb == VERB_RCPT)
		return command_parse_rcpt(c->argument, offered, &c->rcpt, reply_out);
	if (c->verb == VERB_XCLIENT)
		return command_parse_xclient(c->argument, arena, &c->xclient, reply_out);
	return parse_argument(c, reply_out);
}
