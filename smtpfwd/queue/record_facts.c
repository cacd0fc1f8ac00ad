/*
 * record_facts.c - the facts in a MAIL record; what came later has tags
 *
 * A tag is an octet, a length of two and so many bytes.  Empty values are not written; tags that are not known are
 * skipped, and none is ever given a new meaning.
 */
#include "smtpfwd/queue/record_facts.h"

enum tag {
	TAG_CLIENT	 = 1,		/* port, address (of 0, 4 or 16 bytes): with this there is an identity */
	TAG_LOCAL	 = 2,		/* the same */
	TAG_NAME_STATE	 = 3,		/* enum peer_name */
	TAG_NAME	 = 4,
	TAG_REVERSE_NAME = 5,
	TAG_HELO	 = 6,
	TAG_IS_ESMTP	 = 7,
	TAG_LOGIN	 = 8,
	TAG_COMES_HELD	 = 9,		/* enum mail_hold */
};

enum { PORT_BYTES = 2, ENDPOINT_MAX_BYTES = PORT_BYTES + 16 };

bool
record_has_more_facts(const struct mail_facts *facts)
{
	return facts->identity != NULL || facts->comes_held != HOLD_NOT;
}

/* --- out --- */

static int
put_field(enum tag tag, struct str value, struct buf *out)
{
	return octets_put(out, tag, 1) | octets_put_text(out, value);
}

static int
put_text(enum tag tag, struct str value, struct buf *out)
{
	return value.len == 0 || value.len > FACTS_IDENTITY_TEXT_MAX_BYTES ? 0 : put_field(tag, value, out);
}

static int
put_octet(enum tag tag, unsigned value, struct buf *out)
{
	const char octet = (char)value;

	return value == 0 ? 0 : put_field(tag, str_n(&octet, 1), out);
}

static size_t
address_bytes(enum ip_family family)
{
	switch (family) {
	case IP_NONE:
		return 0;
	case IP_V4:
		return 4;
	case IP_V6:
		return 16;
	}
	return 0;
}

static int
put_endpoint(enum tag tag, const struct endpoint *at, struct buf *out)
{
	char room[ENDPOINT_MAX_BYTES];
	size_t n = address_bytes(at->ip.family);

	octets_store(room, at->port, PORT_BYTES);
	memcpy(room + PORT_BYTES, at->ip.bytes, n);
	return put_field(tag, str_n(room, PORT_BYTES + n), out);
}

static int
put_identity(const struct identity *identity, struct buf *out)
{
	return put_endpoint(TAG_CLIENT, &identity->client, out) | put_endpoint(TAG_LOCAL, &identity->local, out) |
	    put_octet(TAG_NAME_STATE, identity->name_state, out) | put_text(TAG_NAME, identity->name, out) |
	    put_text(TAG_REVERSE_NAME, identity->reverse_name, out) |
	    put_text(TAG_HELO, str_sub(identity->helo, 0, FACTS_IDENTITY_TEXT_MAX_BYTES), out) |
	    put_octet(TAG_IS_ESMTP, identity->is_esmtp, out) | put_text(TAG_LOGIN, identity->login, out);
}

int
record_put_facts(const struct mail_facts *facts, struct buf *out)
{
	size_t length_at;

	if ((octets_put(out, (uint64_t)facts->arrived.us, 8) | octets_put_text(out, facts->class_name) |
	    octets_put_text(out, facts->client) | octets_put_text(out, facts->listener)) != 0)
		return -1;
	if (!record_has_more_facts(facts))
		return 0;
	length_at = out->len;
	if (octets_put(out, 0, 4) != 0 || (facts->identity != NULL && put_identity(facts->identity, out) != 0) ||
	    put_octet(TAG_COMES_HELD, facts->comes_held, out) != 0)
		return -1;
	octets_store(out->at + length_at, out->len - length_at - 4, 4);
	return 0;
}

/* --- in --- */

static bool
read_endpoint(struct str value, struct endpoint *at_out)
{
	static const enum ip_family families[] = { IP_NONE, IP_V4, IP_V6 };

	if (value.len < PORT_BYTES)
		return false;
	at_out->port = (uint16_t)octets_load(value.at, PORT_BYTES);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (value.len - PORT_BYTES != address_bytes(families[i]))
			continue;
		at_out->ip.family = families[i];
		memcpy(at_out->ip.bytes, value.at + PORT_BYTES, value.len - PORT_BYTES);
		return true;
	}
	return false;
}

static bool
read_text(struct str value, struct arena *arena, struct str *text_out)
{
	return value.len <= FACTS_IDENTITY_TEXT_MAX_BYTES && arena_copy(arena, value, text_out);
}

static bool
read_octet(struct str value, unsigned max, unsigned *octet_out)
{
	*octet_out = value.len == 1 ? (unsigned char)value.at[0] : max + 1;
	return *octet_out <= max;
}

/* One that a later version knows is held as well. */
static enum mail_hold
read_hold(struct str value)
{
	unsigned octet;

	return read_octet(value, HOLD_BY_CLASS, &octet) && octet != HOLD_NOT ? (enum mail_hold)octet : HOLD_DOOMED;
}

/* False where that cannot be. */
static bool
read_field(uint64_t tag, struct str value, struct arena *arena, struct identity *identity)
{
	unsigned octet;

	if (tag == TAG_CLIENT)
		return read_endpoint(value, &identity->client);
	if (tag == TAG_LOCAL)
		return read_endpoint(value, &identity->local);
	if (tag == TAG_NAME)
		return read_text(value, arena, &identity->name);
	if (tag == TAG_REVERSE_NAME)
		return read_text(value, arena, &identity->reverse_name);
	if (tag == TAG_HELO)
		return read_text(value, arena, &identity->helo);
	if (tag == TAG_LOGIN)
		return read_text(value, arena, &identity->login);
	if (tag == TAG_NAME_STATE) {
		if (!read_octet(value, PEER_NAME_UNSETTLED, &octet))
			return false;
		identity->name_state = (enum peer_name)octet;
	} else if (tag == TAG_IS_ESMTP) {
		if (!read_octet(value, 1, &octet))
			return false;
		identity->is_esmtp = octet != 0;
	}
	return true;
}

static bool
take_more(struct octets *more, struct arena *arena, struct mail_facts *facts_out)
{
	struct identity *identity = arena_array(arena, 1, sizeof(*identity));

	if (identity == NULL)
		return false;
	*identity = (struct identity){
		.name = STR_EMPTY, .reverse_name = STR_EMPTY, .helo = STR_EMPTY, .login = STR_EMPTY,
		.is_trusted = facts_out->is_from_trusted,
	};
	while (!more->is_bad && more->at < more->end) {
		uint64_t tag = octets_take(more, 1);
		struct str value = octets_take_bytes(more, (size_t)octets_take(more, 2));

		if (more->is_bad || !read_field(tag, value, arena, identity))
			return false;
		if (tag == TAG_COMES_HELD)
			facts_out->comes_held = read_hold(value);
		if (tag == TAG_CLIENT)
			facts_out->identity = identity;
	}
	return true;
}

void
record_take_facts(struct octets *o, bool has_more, struct arena *arena, struct mail_facts *facts_out)
{
	struct octets more;

	facts_out->arrived.us = (int64_t)octets_take(o, 8);
	facts_out->class_name = octets_take_text(o, arena);
	facts_out->client = octets_take_text(o, arena);
	facts_out->listener = octets_take_text(o, arena);
	facts_out->identity = NULL;
	facts_out->comes_held = HOLD_NOT;
	if (!has_more)
		return;
	more = octets_of(octets_take_bytes(o, (size_t)octets_take(o, 4)));
	if (o->is_bad || !take_more(&more, arena, facts_out))
		o->is_bad = true;
}
