/*
 * storm_hop_identity.c - what next hops of a storm are told of clients, by PROXY, XCLIENT and XFORWARD
 *
 * As Postfix's READMEs and the PROXY protocol's text have it; none of the relay's own code.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "tests/relay/storm.h"

enum { PROXY_HEAD_BYTES = 16, PROXY_REST_MAX_BYTES = 500 };

static const enum identity_means means[STORM_ROUTES] = {
	IDENTITY_PROXY, IDENTITY_AUTO, IDENTITY_XFORWARD, IDENTITY_XCLIENT, IDENTITY_NONE, IDENTITY_AUTO, IDENTITY_AUTO,
};

enum identity_means
identity_of_route(int route)
{
	return means[route];
}

bool
identity_has_proxy(int hop)
{
	return hop == 0;		/* d0's alone */
}

const char *
identity_offers(int hop)
{
	static const char xclient[] = "250-XCLIENT NAME ADDR PORT PROTO HELO\r\n", xforward[] = "250-XFORWARD NAME ADDR PROTO HELO IDENT\r\n";

	return hop == 1 || hop >= 6 ? xclient : hop == 5 ? "" : xforward;
}

/* The fields that tell an address: version 2, IPv4. */
bool
identity_read_proxy(const struct wire *wire, struct storm_identity *identity)
{
	static const unsigned char signature[] = { 13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10 };
	unsigned char head[PROXY_HEAD_BYTES], rest[PROXY_REST_MAX_BYTES];
	size_t n;

	if (!wire_read_bytes(wire, sizeof(head), head))
		return false;
	n = (size_t)head[14] << 8 | head[15];
	if (memcmp(head, signature, sizeof(signature)) != 0 || (head[12] & 0xf0) != 0x20 || n > sizeof(rest) || !wire_read_bytes(wire, n, rest))
		return false;
	if ((head[12] & 0x0f) == 1 && head[13] == 0x11)
		snprintf(identity->seen, sizeof(identity->seen), "%d.%d.%d.%d", rest[0], rest[1], rest[2], rest[3]);
	return true;
}

static void
read_address(struct str line, char room[60])
{
	ptrdiff_t at = str_find_str(line, STR(" ADDR="));
	struct str word;

	line = at >= 0 ? str_from(line, (size_t)at + strlen(" ADDR=")) : STR_EMPTY;
	if (str_take_word(&line, &word))
		snprintf(room, 60, "%.*s", STR_ARG(word));
}

/* Behind an address there is no second client. */
bool
identity_read_command(struct str line, struct storm_identity *identity)
{
	bool is_xclient = str_starts_nocase(line, STR("XCLIENT "));

	if (identity->seen[0] != '\0' || (!is_xclient && !str_starts_nocase(line, STR("XFORWARD "))))
		return false;
	read_address(line, is_xclient ? identity->seen : identity->forwarded);
	return true;
}

static bool
is_client_of(const char *said, const struct storm_mail *mail)
{
	return said[0] == '\0' || strcmp(said, mail->origin == ORIGIN_OURS ? TRUSTED_AT : "192.0.2.25") == 0;
}

bool
identity_is_right(const struct storm_identity *identity, const struct storm_mail *mail)
{
	/* A client that may relay is the relay's own affair: it is for logs only. */
	return is_client_of(identity->seen, mail) && is_client_of(identity->forwarded, mail) &&
	    (identity->seen[0] == '\0' || mail->origin != ORIGIN_OURS);
}
