/*
 * identity.c - who brought a mail, taken from the session
 */
#include "mail/identity.h"
#include "mail/peer.h"

struct identity
identity_of_peer(const struct peer *peer)
{
	return (struct identity){
		.client = peer->client, .local = peer->local,
		.name_state = peer->name_state, .name = peer->name, .reverse_name = peer->reverse_name,
		.helo = peer->helo, .is_esmtp = peer->is_esmtp, .login = peer->login, .is_trusted = peer->is_trusted,
	};
}

bool
identity_copy(const struct identity *identity, struct arena *arena, struct identity *copy_out)
{
	*copy_out = *identity;
	return arena_copy(arena, identity->name, &copy_out->name) &&
	    arena_copy(arena, identity->reverse_name, &copy_out->reverse_name) &&
	    arena_copy(arena, identity->helo, &copy_out->helo) &&
	    arena_copy(arena, identity->login, &copy_out->login);
}
