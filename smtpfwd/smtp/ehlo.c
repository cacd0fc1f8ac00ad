/*
 * ehlo.c - what a server says it can do, read from its reply to EHLO and written as ours
 */
#include "base/decimal.h"
#include "smtpfwd/smtp/ehlo.h"
#include "smtpfwd/smtp/limits.h"
#include "smtpfwd/smtp/reply_read.h"

enum { REPLY_TEXT_MAX_BYTES = 4096 };	/* ours: a dozen short lines */

struct word {				/* a name that is a bit */
	struct str	 name;
	unsigned	 bit;
};

static const struct word auth_words[] = {
	{ { "PLAIN", 5 }, AUTH_PLAIN },
	{ { "LOGIN", 5 }, AUTH_LOGIN },
	{ { "SCRAM-SHA-256", 13 }, AUTH_SCRAM_SHA_256 },
};

/* In the order of their enums. */
static const struct word xclient_words[XCLIENT_N_ATTRIBUTES] = {
	{ { "NAME", 4 }, 1u << XCLIENT_NAME },
	{ { "ADDR", 4 }, 1u << XCLIENT_ADDR },
	{ { "PROTO", 5 }, 1u << XCLIENT_PROTO },
	{ { "HELO", 4 }, 1u << XCLIENT_HELO },
	{ { "REVERSE_NAME", 12 }, 1u << XCLIENT_REVERSE_NAME },
	{ { "PORT", 4 }, 1u << XCLIENT_PORT },
	{ { "LOGIN", 5 }, 1u << XCLIENT_LOGIN },
	{ { "DESTADDR", 8 }, 1u << XCLIENT_DESTADDR },
	{ { "DESTPORT", 8 }, 1u << XCLIENT_DESTPORT },
};

static const struct word xforward_words[XFORWARD_N_ATTRIBUTES] = {
	{ { "NAME", 4 }, 1u << XFORWARD_NAME },
	{ { "ADDR", 4 }, 1u << XFORWARD_ADDR },
	{ { "PORT", 4 }, 1u << XFORWARD_PORT },
	{ { "PROTO", 5 }, 1u << XFORWARD_PROTO },
	{ { "HELO", 4 }, 1u << XFORWARD_HELO },
	{ { "IDENT", 5 }, 1u << XFORWARD_IDENT },
	{ { "SOURCE", 6 }, 1u << XFORWARD_SOURCE },
};

#define N_WORDS(words)	(sizeof(words) / sizeof((words)[0]))

struct str
xclient_attribute_name(enum xclient_attribute attribute)
{
	return xclient_words[attribute].name;
}

struct str
xforward_attribute_name(enum xforward_attribute attribute)
{
	return xforward_words[attribute].name;
}

/* --- reading --- */

static unsigned
read_bits(struct str rest, const struct word *words, size_t n_words)
{
	unsigned bits = 0;
	struct str word;

	while (str_take_word(&rest, &word)) {
		for (size_t i = 0; i < n_words; i++) {
			if (str_eq_nocase(word, words[i].name))
				bits |= words[i].bit;
		}
	}
	return bits;
}

static void
read_size(struct str rest, struct ehlo *ehlo)
{
	struct str word;
	uint64_t size = 0;

	if (str_take_word(&rest, &word) && !str_to_u64(word, &size))
		return;
	ehlo->has_size = true;
	ehlo->size_max_bytes = size;
}

/* RFC 9422 4: name=value, unknown names and values we cannot read are passed over. */
static void
read_limits(struct str rest, struct ehlo *ehlo)
{
	struct str word, name;
	uint64_t value;

	while (str_take_word(&rest, &word)) {
		if (!str_take_until(&word, '=', &name) || !str_to_u64(word, &value) || value == 0)
			continue;
		if (str_eq_nocase(name, STR("RCPTMAX")))
			ehlo->limit_rcptmax = value;
		else if (str_eq_nocase(name, STR("MAILMAX")))
			ehlo->limit_mailmax = value;
		else if (str_eq_nocase(name, STR("RCPTDOMAINMAX")))
			ehlo->limit_rcptdomainmax = value;
	}
}

static void
read_extension(struct str line, struct ehlo *ehlo)
{
	struct str word;

	if (str_starts_nocase(line, STR("AUTH=")))	/* before RFC 2554, still sent by some */
		ehlo->auth_mechanisms |= read_bits(str_from(line, 5), auth_words, N_WORDS(auth_words));
	if (!str_take_word(&line, &word))
		return;
	if (str_eq_nocase(word, STR("PIPELINING")))
		ehlo->has_pipelining = true;
	else if (str_eq_nocase(word, STR("SIZE")))
		read_size(line, ehlo);
	else if (str_eq_nocase(word, STR("8BITMIME")))
		ehlo->has_8bitmime = true;
	else if (str_eq_nocase(word, STR("SMTPUTF8")))
		ehlo->has_smtputf8 = true;
	else if (str_eq_nocase(word, STR("DSN")))
		ehlo->has_dsn = true;
	else if (str_eq_nocase(word, STR("CHUNKING")))
		ehlo->has_chunking = true;
	else if (str_eq_nocase(word, STR("STARTTLS")))
		ehlo->has_starttls = true;
	else if (str_eq_nocase(word, STR("ENHANCEDSTATUSCODES")))
		ehlo->has_enhancedstatuscodes = true;
	else if (str_eq_nocase(word, STR("AUTH")))
		ehlo->auth_mechanisms |= read_bits(line, auth_words, N_WORDS(auth_words));
	else if (str_eq_nocase(word, STR("XCLIENT")))
		ehlo->xclient_attributes |= read_bits(line, xclient_words, N_WORDS(xclient_words));
	else if (str_eq_nocase(word, STR("XFORWARD")))
		ehlo->xforward_attributes |= read_bits(line, xforward_words, N_WORDS(xforward_words));
	else if (str_eq_nocase(word, STR("LIMITS")))
		read_limits(line, ehlo);
}

void
ehlo_read(struct str reply_text, struct ehlo *ehlo_out)
{
	struct str rest = reply_text, line, word;

	*ehlo_out = (struct ehlo){ .has_pipelining = false };
	if (!str_take_until(&rest, '\n', &line))
		return;
	if (str_take_word(&line, &word) && word.len <= DOMAIN_MAX_BYTES && str_is_printable(word))
		memcpy(ehlo_out->domain, word.at, word.len);	/* the rest is zero */
	while (str_take_until(&rest, '\n', &line))
		read_extension(line, ehlo_out);
}

/* --- writing --- */

static void
put_bits(struct str keyword, unsigned bits, const struct word *words, size_t n_words, struct buf *text)
{
	if (bits == 0)
		return;
	buf_append(text, keyword);
	for (size_t i = 0; i < n_words; i++) {
		if ((bits & words[i].bit) != 0) {
			buf_append_char(text, ' ');
			buf_append(text, words[i].name);
		}
	}
}

static void
put_number(struct str before, uint64_t value, struct buf *text)
{
	char digits[DECIMAL_MAX_BYTES];

	buf_append(text, before);
	buf_append(text, str_n(digits, (size_t)(decimal_put(digits, value) - digits)));
}

static void
put_limit(struct str before, uint64_t value, struct buf *text)
{
	if (value != 0)
		put_number(before, value, text);
}

static void
put_extensions(const struct ehlo *ehlo, struct buf *text)
{
	static const struct str none = { .at = "", .len = 0 };
	const struct {
		bool		 is_offered;
		struct str	 name;
	} plain[] = {
		{ ehlo->has_pipelining, STR("\nPIPELINING") },
		{ ehlo->has_8bitmime, STR("\n8BITMIME") },
		{ ehlo->has_smtputf8, STR("\nSMTPUTF8") },
		{ ehlo->has_dsn, STR("\nDSN") },
		{ ehlo->has_chunking, STR("\nCHUNKING") },
		{ ehlo->has_starttls, STR("\nSTARTTLS") },
		{ ehlo->has_enhancedstatuscodes, STR("\nENHANCEDSTATUSCODES") },
	};

	for (size_t i = 0; i < N_WORDS(plain); i++)
		buf_append(text, plain[i].is_offered ? plain[i].name : none);
	if (ehlo->has_size)
		put_number(STR("\nSIZE "), ehlo->size_max_bytes, text);
	if ((ehlo->limit_mailmax | ehlo->limit_rcptmax | ehlo->limit_rcptdomainmax) != 0) {
		buf_append(text, STR("\nLIMITS"));
		put_limit(STR(" MAILMAX="), ehlo->limit_mailmax, text);
		put_limit(STR(" RCPTMAX="), ehlo->limit_rcptmax, text);
		put_limit(STR(" RCPTDOMAINMAX="), ehlo->limit_rcptdomainmax, text);
	}
	put_bits(STR("\nAUTH"), ehlo->auth_mechanisms, auth_words, N_WORDS(auth_words), text);
	put_bits(STR("\nXCLIENT"), ehlo->xclient_attributes, xclient_words, N_WORDS(xclient_words), text);
	put_bits(STR("\nXFORWARD"), ehlo->xforward_attributes, xforward_words, N_WORDS(xforward_words), text);
}

int
ehlo_write(const struct ehlo *ehlo, struct str client_helo, struct buf *out)
{
	struct reply reply = { .code = 250 };
	struct buf text;			/* cannot fill: all parts are short */
	int result;

	buf_init(&text, REPLY_TEXT_MAX_BYTES);
	buf_append(&text, str_of(ehlo->domain));
	if (client_helo.len > 0 && client_helo.len <= DOMAIN_MAX_BYTES && str_is_printable(client_helo)) {
		buf_append(&text, STR(" greets "));
		buf_append(&text, client_helo);
	}
	put_extensions(ehlo, &text);
	reply.text = buf_str(&text);
	result = reply_write(&reply, false, out);
	buf_fini(&text);
	return result;
}
