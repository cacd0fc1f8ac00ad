/*
 * client_name.c - the client's name by the DNS: only what leads back to its address is believed
 */
#include <stdio.h>

#include "mail/domain.h"
#include "smtpfwd/receive/client_name.h"

enum {
	CLIENT_NAME_WAIT_MAX_S = 4,	/* for both look-ups; a mail is not held up for a comment in Received */
	/* After a question that stayed open so long nobody is asked for a while: mail flows while the DNS is away. */
	CLIENT_NAME_SLOW_MS = 500,
	CLIENT_NAME_REST_S = 30,
	CLIENT_NAME_TRIED_MAX = 4,	/* of the names that an address says it has */
	CLIENT_NAME_ARENA_MAX_BYTES = 64 * 1024,
	REVERSE_NAME_MAX = sizeof("0.") * 32 + sizeof("ip6.arpa"),
};

/* RFC 1035 3.5, RFC 3596 2.5 */
static struct str
reverse_name(const struct ip *ip, char room[REVERSE_NAME_MAX])
{
	size_t len = 0;

	if (ip->family == IP_V4) {
		len = (size_t)snprintf(room, REVERSE_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa", ip->bytes[3], ip->bytes[2],
		    ip->bytes[1], ip->bytes[0]);
		return str_n(room, len);
	}
	for (int i = 15; i >= 0; i--)
		len += (size_t)snprintf(room + len, REVERSE_NAME_MAX - len, "%x.%x.", ip->bytes[i] & 15, ip->bytes[i] >> 4);
	len += (size_t)snprintf(room + len, REVERSE_NAME_MAX - len, "ip6.arpa");
	return str_n(room, len);
}

static bool
has_ip(const struct dns_answer *answer, const struct ip *ip)
{
	for (int i = 0; i < answer->n_records; i++) {
		if (ip_eq(&answer->records[i].ip, ip))
			return true;
	}
	return false;
}

/* Asks for the addresses of the names at once; the first name that leads back is the client's. */
static enum peer_name
confirm(struct resolver *resolver, const struct ip *ip, const struct dns_answer *names, struct instant deadline,
    struct arena *arena, struct str *name_out)
{
	struct dns_question questions[CLIENT_NAME_TRIED_MAX];
	struct dns_answer answers[CLIENT_NAME_TRIED_MAX];
	enum peer_name state = PEER_NAME_NONE;
	int n = 0;

	for (int i = 0; i < names->n_records && n < CLIENT_NAME_TRIED_MAX; i++) {
		if (domain_is_valid(names->records[i].name, false))
			questions[n++] = (struct dns_question){
				.name = names->records[i].name, .type = ip->family == IP_V4 ? DNS_A : DNS_AAAA,
			};
	}
	if (n == 0)
		return PEER_NAME_NONE;
	dns_ask(resolver, questions, n, deadline, arena, answers);
	for (int i = 0; i < n; i++) {
		if (answers[i].result == DNS_FOUND && has_ip(&answers[i], ip)) {
			*name_out = questions[i].name;
			return PEER_NAME_FOUND;
		}
		if (answers[i].result == DNS_UNSETTLED)
			state = PEER_NAME_UNSETTLED;
	}
	return state;
}

void
client_name_find(struct session *session)
{
	struct resolver *resolver = session->listener->world->resolver;
	struct peer *peer = &session->peer;
	struct instant deadline = session_deadline(session, span_s(CLIENT_NAME_WAIT_MAX_S));
	struct dns_question question = { .type = DNS_PTR };
	struct dns_answer answer = { .result = DNS_UNSETTLED };
	struct instant began = os_now();
	struct str name = STR_EMPTY;
	char room[REVERSE_NAME_MAX];
	struct arena arena;

	if (resolver == NULL || peer->name_state != PEER_NAME_UNASKED || peer->client.ip.family == IP_NONE)
		return;
	if (instant_is_before(began, session->listener->gate->names_rest_until)) {
		peer->name_state = PEER_NAME_UNSETTLED;
		return;
	}
	arena_init(&arena, CLIENT_NAME_ARENA_MAX_BYTES);
	question.name = reverse_name(&peer->client.ip, room);
	dns_ask(resolver, &question, 1, deadline, &arena, &answer);
	peer->name_state = answer.result == DNS_UNSETTLED ? PEER_NAME_UNSETTLED : PEER_NAME_NONE;
	if (answer.result == DNS_FOUND) {
		if (answer.n_records > 0 && peer->reverse_name.len == 0 &&
		    domain_is_valid(answer.records[0].name, false))
			arena_copy(&session->peer_arena, answer.records[0].name, &peer->reverse_name);
		peer->name_state = confirm(resolver, &peer->client.ip, &answer, deadline, &arena, &name);
	}
	if (peer->name_state == PEER_NAME_FOUND && !arena_copy(&session->peer_arena, name, &peer->name))
		peer->name_state = PEER_NAME_UNSETTLED;
	if (peer->name_state == PEER_NAME_UNSETTLED && instant_diff(began, os_now()).ns >= span_ms(CLIENT_NAME_SLOW_MS).ns)
		session->listener->gate->names_rest_until = instant_after(os_now(), span_s(CLIENT_NAME_REST_S));
	arena_fini(&arena);
}
