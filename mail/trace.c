/*
 * trace.c - the Received field that a relay puts on top of a mail (RFC 5321 4.4)
 */
#include "base/format.h"
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
put_word(struct fold *f, struct str word)
{
	word = str_sub(word, 0, WORD_MAX_BYTES);
	if (f->column + 1 + word.len > COLUMN_MAX && f->column > TAB_COLUMNS) {
		put_raw(f, STR("\r\n\t"));
		f->column = TAB_COLUMNS;
	} else if (f->column > TAB_COLUMNS) {
		put_raw(f, STR(" "));
	}
	put_raw(f, word);
}

static void
put_line(struct fold *f)
{
	put_raw(f, STR("\r\n\t"));
	f->column = TAB_COLUMNS;
}

/* Bytes of others inside a comment: neither parentheses nor backslashes nor controls (RFC 5322 3.2.2). */
static struct str
comment_safe(struct str s, char room[WORD_MAX_BYTES])
{
	s = str_sub(s, 0, DOMAIN_MAX_BYTES);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		room[i] = c <= ' ' || c >= 0x7f || strchr("()\\<>\";", c) != NULL ? '?' : c;
	}
	return str_n(room, s.len);
}

static struct str
literal_text(const struct ip *ip, char room[WORD_MAX_BYTES])
{
	char text[IP_TEXT_MAX];
	struct str shown = ip_text(ip, text);
	int n = format_text(room, WORD_MAX_BYTES, ip->family == IP_V6 ? "[IPv6:%.*s]" : "[%.*s]", STR_ARG(shown));

	return str_n(room, (size_t)n);
}

/*
 * From-domain with its TCP-info.  A HELO that is no name is not put where a name belongs but
 * into a comment of its own.
 */
static void
put_from(struct fold *f, const struct peer *peer)
{
	char room[WORD_MAX_BYTES], literal[WORD_MAX_BYTES], word[WORD_MAX_BYTES];
	bool has_ip = peer->client.ip.family != IP_NONE;
	struct str ip = has_ip ? literal_text(&peer->client.ip, literal) : STR("unknown");
	struct ip helo_ip;
	bool is_name = domain_is_valid(peer->helo, false) || domain_literal_ip(peer->helo, &helo_ip);
	int n;

	put_word(f, STR("from"));
	put_word(f, is_name ? peer->helo : ip);
	if (has_ip && peer->name_state == PEER_NAME_FOUND && peer->name.len > 0) {
		struct str name = comment_safe(peer->name, room);

		n = format_text(word, sizeof(word), "(%.*s", STR_ARG(name));
		put_word(f, str_n(word, (size_t)n));
		n = format_text(word, sizeof(word), "%.*s)", STR_ARG(ip));
		put_word(f, str_n(word, (size_t)n));
	} else if (has_ip) {
		n = format_text(word, sizeof(word), "(%.*s)", STR_ARG(ip));
		put_word(f, str_n(word, (size_t)n));
	}
	if (!is_name && peer->helo.len > 0) {
		struct str said = comment_safe(peer->helo, room);

		n = format_text(word, sizeof(word), "%.*s)", STR_ARG(said));
		put_word(f, STR("(HELO"));
		put_word(f, str_n(word, (size_t)n));
	}
}

static void
put_tls(struct fold *f, const struct peer_tls *tls)
{
	char room[WORD_MAX_BYTES], word[WORD_MAX_BYTES];
	struct str safe;
	int n;

	if (!tls->is_on)
		return;
	safe = comment_safe(tls->version, room);
	n = format_text(word, sizeof(word), "(%.*s", STR_ARG(safe));
	put_word(f, str_n(word, (size_t)n));
	if (tls->cipher.len > 0)
		put_word(f, comment_safe(tls->cipher, room));
	n = format_text(word, sizeof(word), "%d", tls->bits);
	put_word(f, str_n(word, (size_t)n));
	put_word(f, STR("bits)"));
	if (tls->verified_name.len == 0)
		return;
	safe = comment_safe(tls->verified_name, room);
	n = format_text(word, sizeof(word), "%.*s)", STR_ARG(safe));
	put_word(f, STR("(verified"));
	put_word(f, str_n(word, (size_t)n));
}

/*
 * One recipient only (RFC 5321 7.2: no blind copy is told), and only if its bytes can stand in
 * this header.
 */
static void
put_for(struct fold *f, const struct envelope *envelope)
{
	const struct address *address;
	char word[WORD_MAX_BYTES];
	int n;

	if (envelope->n_recipients != 1)
		return;
	address = &envelope->recipients[0].address;
	if (!envelope->is_smtputf8 && !address_is_ascii(address))
		return;
	if (!address_local_is_valid(address->local, true))
		return;
	n = format_text(word, sizeof(word), address->domain.len > 0 ? "<%.*s@%.*s>" : "<%.*s%.*s>",
	    STR_ARG(address->local), STR_ARG(address->domain));
	if (n < 0 || (size_t)n >= sizeof(word))
		return;
	put_word(f, STR("for"));
	put_word(f, str_n(word, (size_t)n));
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
