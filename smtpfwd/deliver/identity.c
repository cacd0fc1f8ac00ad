/*
 * identity.c - the real client's identity, told to the next hop: PROXY, XCLIENT, XFORWARD
 *
 * What Postfix does with each was measured; XCLIENT_README and XFORWARD_README leave some of it open.
 */
#include "base/insist.h"
#include "smtpfwd/deliver/identity.h"
#include "smtpfwd/smtp/introduce.h"
#include "smtpfwd/smtp/proxy.h"

enum {
	PROXY_WRITTEN_MAX_BYTES = 16 + 36,
	DESTINATION_PORT = 25,		/* where it is not known; 0 is no port to some */
};

static enum identity_result
lost_by_421(struct fault *fault_out)
{
	fault_because(fault_out, FAULT_CLOSED, "the next hop closes the connection (421)");
	return IDENTITY_LOST;
}

static void
speak_as(struct client *client, const struct identity *identity)
{
	char room[INTRODUCE_HELO_MAX_BYTES + 1];
	struct str hello = introduce_helo(identity, room);

	_Static_assert(sizeof(room) <= sizeof(client->hello), "a client's name fits");
	memcpy(client->hello, room, hello.len + 1);
}

/* Loopback, this network (RFC 1122 3.2.1.3), link-local (RFC 3927, RFC 4291 2.5.6), or none. */
static bool
is_of_here(const struct ip *ip)
{
	static const uint8_t zero[16];

	if (ip_is_loopback(ip))
		return true;
	if (ip->family == IP_V4)
		return ip->bytes[0] == 0 || (ip->bytes[0] == 169 && ip->bytes[1] == 254);
	return ip->family == IP_V6 && (memcmp(ip->bytes, zero, sizeof(zero)) == 0 ||
	    (ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80));
}

bool
identity_can_be_told(const struct identity *identity)
{
	return identity != NULL && !is_of_here(&identity->client.ip);
}

bool
identity_may_be_seen(const struct identity *identity, const struct identity_rule *rule)
{
	if (!identity_can_be_told(identity))
		return false;
	return !identity->is_trusted || (rule->means != IDENTITY_PROXY && rule->tells_login && identity->login.len > 0);
}

/* --- PROXY --- */

bool
identity_by_proxy(const struct identity_rule *rule)
{
	return rule->means == IDENTITY_PROXY;
}

/* What the client connected to; where that is of another family, or not known, what we did. */
static struct endpoint
proxy_destination(const struct client *client, const struct identity *identity)
{
	enum ip_family family = identity->client.ip.family;

	if (identity->local.ip.family == family)
		return identity->local;
	if (client->remote.ip.family == family)
		return client->remote;
	return (struct endpoint){ .ip = { .family = family }, .port = DESTINATION_PORT };
}

int
identity_say_proxy(struct client *client, const struct identity *identity, struct instant deadline, struct fault *fault_out)
{
	const struct identity_rule rule = { .means = IDENTITY_PROXY };
	char room[PROXY_WRITTEN_MAX_BYTES];
	struct buf bytes = { .at = room, .cap = sizeof(room), .max = sizeof(room) };
	struct proxy_header header = { .kind = PROXY_LOCAL };

	if (identity_may_be_seen(identity, &rule) && identity->client.ip.family != IP_NONE) {
		header.kind = PROXY_TCP;
		header.source = identity->client;
		header.destination = proxy_destination(client, identity);
		client->told = IDENTITY_PROXY;
		speak_as(client, identity);
	}
	client->stands_for_one = true;
	insist(proxy_write(&header, &bytes) == 0);
	return client_say_first(client, buf_str(&bytes), deadline, fault_out);
}

/* --- between mails --- */

/* Only between mails; what a mail before it was told ends with that. */
static enum identity_result
end_transaction(struct client *client, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	if (!client->is_in_transaction)
		return IDENTITY_TOLD;
	if (client_rset(client, deadline, reply_out, fault_out) != 0)
		return IDENTITY_LOST;
	if (reply_out->code == 421)
		return lost_by_421(fault_out);
	if (reply_is_positive(reply_out))
		return IDENTITY_TOLD;
	fault_temporary(fault_out, "the next hop refused RSET");
	return IDENTITY_LOST;
}

/* --- XCLIENT --- */

static bool
may_xclient(const struct client *client, const struct identity_rule *rule)
{
	bool is_allowed = rule->means == IDENTITY_AUTO || rule->means == IDENTITY_XCLIENT;

	return is_allowed && !rule->has_login && (client->ehlo.xclient_attributes & 1u << XCLIENT_ADDR) != 0;
}

/*
 * The command is not taken from us, whoever it tells of: unknown, malformed, out of order, or 550 "insufficient
 * authorization" (5.7.0 in Postfix, some have no status).  All else comes in place of the greeting, that of a server
 * which turns this client away at the door: an answer to the client, and to go on without telling would evade it.
 */
static bool
is_about_means(const struct reply *reply)
{
	if (reply->code >= 500 && reply->code <= 504)
		return true;
	return reply->code == 550 && (status_eq(reply->status, STATUS_NONE) ||
	    (reply->status.subject == 7 && reply->status.detail == 0) || reply->status.subject == 5);
}

/* A malformed value may have been found behind others that hold already. */
static void
refused(struct client *client, const struct reply *reply)
{
	if (reply->code == 501)
		client->is_half_introduced = true;
	if (!client->is_half_introduced)
		client->hello[0] = '\0';
}

/* One command, and the greeting and EHLO that follow it. */
static enum identity_result
say_xclient(struct client *client, struct str line, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	if (client_introduce(client, CLIENT_XCLIENT, line, deadline, reply_out, fault_out) != 0)
		return IDENTITY_LOST;
	if (reply_out->code == 421)
		return lost_by_421(fault_out);
	if (!reply_is_positive(reply_out)) {
		if (!is_about_means(reply_out))
			return IDENTITY_TURNED_AWAY;
		refused(client, reply_out);
		return IDENTITY_REFUSED;
	}
	client->is_half_introduced = true;
	client->stands_for_one = true;
	if (client_ehlo(client, deadline, reply_out, fault_out) != 0)
		return IDENTITY_LOST;
	if (reply_out->code == 421)
		return lost_by_421(fault_out);
	return reply_is_positive(reply_out) ? IDENTITY_TOLD : IDENTITY_TURNED_AWAY;
}

static bool
can_tell(const struct client *client, const struct identity *identity, const struct identity_rule *rule)
{
	if (!identity_may_be_seen(identity, rule) || client->stands_for_one || !may_xclient(client, rule))
		return false;
	return !identity->is_trusted || (client->ehlo.xclient_attributes & 1u << XCLIENT_LOGIN) != 0;
}

static bool
can_forward(const struct client *client, const struct identity *identity, const struct identity_rule *rule)
{
	return !client->stands_for_one && identity_can_be_told(identity) && client->ehlo.xforward_attributes != 0 &&
	    (rule->means == IDENTITY_AUTO || rule->means == IDENTITY_XFORWARD);
}

bool
identity_is_to_be_told(const struct client *client, const struct identity *identity, const struct identity_rule *rule)
{
	return can_tell(client, identity, rule) || can_forward(client, identity, rule);
}

enum identity_result
identity_tell(struct client *client, const struct identity *identity, const struct identity_rule *rule,
    struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	enum identity_result result;
	struct str rest, line;
	struct buf lines;

	if (!can_tell(client, identity, rule))
		return IDENTITY_NOT_POSSIBLE;
	result = end_transaction(client, deadline, reply_out, fault_out);
	buf_init(&lines, INTRODUCE_MAX_BYTES);
	insist(introduce_xclient(identity, client->ehlo.xclient_attributes, rule->tells_login, &lines) == 0);
	speak_as(client, identity);
	rest = buf_str(&lines);
	while (result == IDENTITY_TOLD && rest.len > 0) {
		line = str_sub(rest, 0, (size_t)str_find(rest, '\n') + 1);
		rest = str_from(rest, line.len);
		result = say_xclient(client, line, deadline, reply_out, fault_out);
		/* A right that was given to our name ends with it. */
		if (result == IDENTITY_TOLD && rest.len > 0 && !may_xclient(client, rule))
			result = IDENTITY_REFUSED;
	}
	buf_fini(&lines);
	if (result == IDENTITY_TOLD) {
		client->is_half_introduced = false;
		client->told = IDENTITY_XCLIENT;
	}
	return result;
}

/* --- XFORWARD --- */

enum identity_result
identity_forward(struct client *client, const struct identity *identity, const struct identity_rule *rule,
    struct str ident, struct instant deadline, struct reply *reply_out, struct fault *fault_out)
{
	enum identity_result result;
	struct str rest, line;
	struct buf lines;

	if (client->stands_for_one)
		return IDENTITY_NOT_POSSIBLE;
	client->told = IDENTITY_NONE;		/* of the mail before */
	if (!can_forward(client, identity, rule))
		return IDENTITY_NOT_POSSIBLE;
	result = end_transaction(client, deadline, reply_out, fault_out);
	buf_init(&lines, INTRODUCE_MAX_BYTES);
	insist(introduce_xforward(identity, client->ehlo.xforward_attributes, ident, &lines) == 0);
	rest = buf_str(&lines);
	while (result == IDENTITY_TOLD && rest.len > 0) {
		line = str_sub(rest, 0, (size_t)str_find(rest, '\n') + 1);
		rest = str_from(rest, line.len);
		if (client_introduce(client, CLIENT_XFORWARD, line, deadline, reply_out, fault_out) != 0)
			result = IDENTITY_LOST;
		else if (reply_out->code == 421)
			result = lost_by_421(fault_out);
		else if (!reply_is_positive(reply_out))
			result = IDENTITY_REFUSED;
	}
	buf_fini(&lines);
	if (result == IDENTITY_TOLD)
		client->told = IDENTITY_XFORWARD;
	return result;
}

/* --- afterwards --- */

enum identity_means
identity_next_means(enum identity_means refused)
{
	switch (refused) {
	case IDENTITY_AUTO:
		return IDENTITY_XFORWARD;
	case IDENTITY_XCLIENT:
	case IDENTITY_XFORWARD:
	case IDENTITY_NONE:
		return IDENTITY_NONE;
	case IDENTITY_PROXY:		/* the port takes nothing else */
		return IDENTITY_PROXY;
	}
	return IDENTITY_NONE;
}

bool
identity_is_seen(const struct client *client)
{
	return client->told == IDENTITY_PROXY || client->told == IDENTITY_XCLIENT;
}

struct str
identity_means_name(enum identity_means means)
{
	switch (means) {
	case IDENTITY_NONE:
		return STR("none");
	case IDENTITY_AUTO:
		return STR("auto");
	case IDENTITY_PROXY:
		return STR("proxy");
	case IDENTITY_XCLIENT:
		return STR("xclient");
	case IDENTITY_XFORWARD:
		return STR("xforward");
	}
	return STR("none");
}
