/*
 * client.c - who Postfix's client is, by the macros of the milter protocol
 */
#include "mail/domain.h"
#include "milter/client.h"

static struct str
find(const struct macros *macros, const char *name)
{
	const char *value = macros->find(macros->context, name);

	return value != NULL ? str_of(value) : STR_EMPTY;
}

static bool
copy(const struct macros *macros, const char *name, struct arena *arena, struct str *copy_out)
{
	return arena_copy(arena, find(macros, name), copy_out);
}

static struct endpoint
endpoint_of(struct str address, struct str port)
{
	struct endpoint endpoint = { .port = 0 };
	uint64_t number;

	if (str_starts_nocase(address, STR("IPv6:")))	/* Sendmail writes it so */
		address = str_from(address, sizeof("IPv6:") - 1);
	if (!ip_parse(address, &endpoint.ip))
		endpoint.ip = (struct ip){ .family = IP_NONE };
	if (str_to_u64(port, &number) && number <= UINT16_MAX)
		endpoint.port = (uint16_t)number;
	return endpoint;
}

/* {client_resolve} is what became of the look-up; without it (Postfix before its milter asks) only a name tells anything. */
static enum peer_name
name_state(struct str resolve, struct str name)
{
	if (str_eq(resolve, STR("TEMP")))
		return PEER_NAME_UNSETTLED;
	if (str_eq(resolve, STR("FORGED")))
		return PEER_NAME_DIFFERS;
	if (str_eq(resolve, STR("FAIL")))
		return PEER_NAME_NONE;
	return name.len > 0 && !str_eq(name, STR("unknown")) ? PEER_NAME_FOUND : PEER_NAME_UNASKED;
}

static bool
read_name(const struct macros *macros, struct arena *arena, struct peer *peer)
{
	struct str name = find(macros, "{client_name}"), reverse = find(macros, "{client_ptr}");

	peer->name_state = name_state(find(macros, "{client_resolve}"), name);
	peer->name = peer->reverse_name = STR_EMPTY;
	if (peer->name_state == PEER_NAME_FOUND && !domain_canonical(name, arena, &peer->name))
		peer->name_state = PEER_NAME_NONE;
	if (str_eq(reverse, STR("unknown")) || !domain_is_valid(reverse, false))
		reverse = STR_EMPTY;
	return arena_copy(arena, peer->name, &peer->name) && arena_copy(arena, reverse, &peer->reverse_name);
}

static bool
read_tls(const struct macros *macros, struct arena *arena, struct peer_tls *tls)
{
	struct str name;
	uint64_t bits;

	tls->sni = tls->verified_name = STR_EMPTY;
	if (!copy(macros, "{tls_version}", arena, &tls->version) || !copy(macros, "{cipher}", arena, &tls->cipher))
		return false;
	tls->is_on = tls->version.len > 0;
	if (str_to_u64(find(macros, "{cipher_bits}"), &bits) && bits <= INT32_MAX)
		tls->bits = (int)bits;
	if (tls->is_on && domain_canonical(find(macros, "{cert_subject}"), arena, &name))
		return arena_copy(arena, name, &tls->verified_name);
	return true;
}

bool
client_read(const struct macros *macros, struct str helo, const struct client_trust *trust, struct arena *arena,
    struct peer *peer_out)
{
	struct peer *peer = peer_out;

	*peer = (struct peer){ .client = endpoint_of(find(macros, "{client_addr}"), find(macros, "{client_port}")),
	    .local = endpoint_of(find(macros, "{daemon_addr}"), find(macros, "{daemon_port}")) };
	peer->connection = peer->client;
	if (!read_name(macros, arena, peer) || !read_tls(macros, arena, &peer->tls) || !arena_copy(arena, helo, &peer->helo) ||
	    !copy(macros, "{auth_authen}", arena, &peer->login) || !copy(macros, "{daemon_name}", arena, &peer->listener))
		return false;
	peer->is_trusted = peer->login.len > 0 || domain_is_in_list(peer->tls.verified_name, trust->names, trust->n_names) ||
	    (peer->client.ip.family != IP_NONE && networks_find(trust->networks, trust->n_networks, &peer->client.ip) >= 0);
	return true;
}
