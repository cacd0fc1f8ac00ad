/*
 * trace.c - the Received field that a relay puts on top of a mail (RFC 5321 4.4)
 */
#include "base/decimal.h"
#include "mail/date.h"
#include "mail/domain.h"
#include "mail/trace.h"

enum {
	COLUMN_MAX = 77,		/* RFC 5322 2.1.1 recommends no more than 78 */
	TAB_COLUMNS = 8,
	WORD_MAX_BYTES = 520,		/* a word of others is cut here: "<address>" fits */
};

struct fold {				/* words on lines */
	struct buf	*out;
	size_t		 column;
	bool		 is_full;
};

static void
put_raw(struct fold *f, struct str s)
{
	if (buf_append(f->out, s) != 0)
		f->is_full = true;
	f->column += s.len;
}

/* A word never holds a line end, so only the folds written here break the line. */
static void
put_word_within(struct fold *f, struct str before, struct str word, struct str behind)
{
	word = str_sub(word, 0, WORD_MAX_BYTES);
	if (f->column + 1 + before.len + word.len + behind.len > COLUMN_MAX && f->column > TAB_COLUMNS) {
		put_raw(f, STR("\r\n\t"));
		f->column = TAB_COLUMNS;
	} else if (f->column > TAB_COLUMNS) {
		put_raw(f, STR(" "));
	}
	put_raw(f, before);
	put_raw(f, word);
	put_raw(f, behind);
}

static void
put_word(struct fold *f, struct str word)
{
	put_word_within(f, STR_EMPTY, word, STR_EMPTY);
}

static void
put_line(struct fold *f)
{
	put_raw(f, STR("\r\n\t"));
	f->column = TAB_COLUMNS;
}

static bool
spoils_comment(char c)
{
	return c <= ' ' || c >= 0x7f || c == '(' || c == ')' || c == '\\' || c == '<' || c == '>' || c == '"' || c == ';';
}

/* Bytes of others inside a comment: neither parentheses nor backslashes nor controls (RFC 5322 3.2.2). */
static struct str
comment_safe(struct str s, char room[WORD_MAX_BYTES])
{
	s = str_sub(s, 0, DOMAIN_MAX_BYTES);
	for (size_t i = 0; i < s.len; i++)
		room[i] = spoils_comment(s.at[i]) ? '?' : s.at[i];
	return str_n(room, s.len);
}

/* RFC 5321 4.1.3 */
static struct str
literal_text(const struct ip *ip, char room[WORD_MAX_BYTES])
{
	struct buf text = { .at = room, .cap = WORD_MAX_BYTES, .max = WORD_MAX_BYTES };
	char ip_room[IP_TEXT_MAX];

	buf_append(&text, ip->family == IP_V6 ? STR("[IPv6:") : STR("["));
	buf_append(&text, ip_text(ip, ip_room));
	buf_append(&text, STR("]"));
	return buf_str(&text);
}

/*
 * From-domain with its TCP-info.  A HELO that is no name is not put where a name belongs but
 * into a comment of its own.
 */
static void
put_from(struct fold *f, const struct peer *peer)
{
	char room[WORD_MAX_BYTES], literal[WORD_MAX_BYTES];
	bool has_ip = peer->client.ip.family != IP_NONE;
	struct str ip = has_ip ? literal_text(&peer->client.ip, literal) : STR("unknown");
	struct ip helo_ip;
	bool is_name = domain_is_valid(peer->helo, false) || domain_literal_ip(peer->helo, &helo_ip);

	put_word(f, STR("from"));
	put_word(f, is_name ? peer->helo : ip);
	if (has_ip && peer->name_state == PEER_NAME_FOUND && peer->name.len > 0) {
		put_word_within(f, STR("("), comment_safe(peer->name, room), STR_EMPTY);
		put_word_within(f, STR_EMPTY, ip, STR(")"));
	} else if (has_ip) {
		put_word_within(f, STR("("), ip, STR(")"));
	}
	if (!is_name && peer->helo.len > 0) {
		put_word(f, STR("(HELO"));
		put_word_within(f, STR_EMPTY, comment_safe(peer->helo, room), STR(")"));
	}
}

static void
put_tls(struct fold *f, const struct peer_tls *tls)
{
	char room[WORD_MAX_BYTES], bits[DECIMAL_MAX_BYTES];

	if (!tls->is_on)
		return;
	put_word_within(f, STR("("), comment_safe(tls->version, room), STR_EMPTY);
	if (tls->cipher.len > 0)
		put_word(f, comment_safe(tls->cipher, room));
	put_word(f, str_n(bits, (size_t)(decimal_put(bits, (unsigned)tls->bits) - bits)));
	put_word(f, STR("bits)"));
	if (tls->verified_name.len == 0)
		return;
	put_word(f, STR("(verified"));
	put_word_within(f, STR_EMPTY, comment_safe(tls->verified_name, room), STR(")"));
}

/*
 * One recipient only (RFC 5321 7.2: no blind copy is told), and only if its bytes can stand in
 * this header.
 */
static void
put_for(struct fold *f, const struct envelope *envelope)
{
	const struct address *address;
	char word[WORD_MAX_BYTES - 1];		/* a longer one would be cut */
	struct buf text = { .at = word, .cap = sizeof(word), .max = sizeof(word) };

	if (envelope->n_recipients != 1)
		return;
	address = &envelope->recipients[0].address;
	if (!envelope->is_smtputf8 && !address_is_ascii(address))
		return;
	if (!address_local_is_valid(address->local, true))
		return;
	if (buf_append(&text, STR("<")) != 0 || buf_append(&text, address->local) != 0 ||
	    (address->domain.len > 0 && (buf_append(&text, STR("@")) != 0 || buf_append(&text, address->domain) != 0)) ||
	    buf_append(&text, STR(">")) != 0)
		return;
	put_word(f, STR("for"));
	put_word(f, buf_str(&text));
}

int
trace_append_received(const struct peer *peer, const struct envelope *envelope, struct str hostname,
    const struct mail_id *id, struct timestamp now, struct buf *out)
{
	struct fold f = { .out = out };
	size_t len_before = out->len;
	char id_room[MAIL_ID_TEXT_MAX], date[DATE_TEXT_MAX], room[WORD_MAX_BYTES];

	put_raw(&f, STR("Received:"));
	put_from(&f, peer);
	put_line(&f);
	put_word(&f, STR("by"));
	put_word(&f, comment_safe(hostname, room));
	put_word(&f, STR("(smtpfwd)"));
	put_word(&f, STR("with"));
	put_word(&f, peer_protocol(peer, envelope->is_smtputf8));
	put_tls(&f, &peer->tls);
	put_line(&f);
	put_word(&f, STR("id"));
	put_word(&f, mail_id_text(id, id_room));
	put_for(&f, envelope);
	put_raw(&f, STR(";"));
	put_line(&f);
	put_word(&f, date_text(now, 0, date));
	put_raw(&f, STR("\r\n"));
	if (f.is_full) {
		out->len = len_before;
		return -1;
	}
	return 0;
}
