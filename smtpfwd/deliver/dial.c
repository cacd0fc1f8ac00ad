/*
 * dial.c - from a next hop to an open session: its addresses, connect, greeting, EHLO, TLS, login
 */
#include <stdio.h>

#include "base/mem.h"
#include "smtpfwd/deliver/dial.h"
#include "smtpfwd/deliver/mx.h"

/* Of a host that strangers named: two of each family; who is not there with those is down. */
enum { MX_ADDRESSES_MAX = 4 };

/* What a next hop took for so long ago it may take no more: mail that waits has days left to go another way. */
enum { PROXIED_MAX_S = 24 * 3600 };

enum { QUIT_WAIT_S = 5 };		/* for the end of a session that was only a question */

struct dialling {
	const struct dialer	*dialer;
	struct next_hop		*next_hop;
	const struct route	*route;		/* its, as we began: another one's login is not for this session's TLS */
	struct endpoint		 to;
	const struct identity	*identity;	/* whom the session is for; NULL: nobody */
	bool			 was_hung_up;	/* 421, or nothing at all, to a client that it was told of by PROXY; or it was left waiting */
	struct instant		 deadline;
	struct trouble		*trouble;
};

enum went {
	WENT_WELL,
	WENT_WRONG,			/* trouble is set */
	WENT_TLS_WRONG,			/* the same, and in the clear it might do */
};

/* --- troubles, with the address in front --- */

static void
name_address(const struct dialling *d, const char *step, char *room, size_t n_bytes)
{
	char address[ENDPOINT_TEXT_MAX];

	snprintf(room, n_bytes, "%s %.*s", step, STR_ARG(endpoint_text(&d->to, address)));
}

static enum went
wrong_by_fault(const struct dialling *d, const struct fault *fault, struct status status, const char *step)
{
	char context[100];

	name_address(d, step, context, sizeof(context));
	trouble_of_fault(fault, status, context, d->trouble);
	return WENT_WRONG;
}

static enum went
wrong_by_reply(const struct dialling *d, const struct reply *reply, const char *step)
{
	char context[100];

	name_address(d, step, context, sizeof(context));
	trouble_of_reply(reply, context, d->trouble);
	return WENT_WRONG;
}

static enum went
wrong_by_text(const struct dialling *d, struct status status, const char *step, const char *why)
{
	char context[100], text[240];

	name_address(d, step, context, sizeof(context));
	snprintf(text, sizeof(text), "%s: %s", context, why);
	trouble_of_text(status, text, d->trouble);
	return WENT_WRONG;
}

static void
log_dialling(const struct dialling *d, enum log_level level, const char *event)
{
	char room[ENDPOINT_TEXT_MAX];
	struct log_line line;

	log_begin(&line, d->dialer->log, level, event);
	log_str(&line, "nexthop", d->next_hop->written);
	log_str(&line, "remote", endpoint_text(&d->to, room));
	log_text(&line, "why", d->trouble->text);
	log_end(&line);
}

/* --- the session's steps --- */

/*
 * In its greeting and to EHLO a server answers the client that it was told of; later steps are ours.  421 may be to the client
 * or about the server.
 */
static enum went
wrong_at_door(struct dialling *d, const struct client *client, const struct reply *reply, const char *step)
{
	enum went went = wrong_by_reply(d, reply, step);

	d->trouble->is_to_client = client->told == IDENTITY_PROXY && reply->code != 421;
	d->was_hung_up = client->told == IDENTITY_PROXY && reply->code == 421;
	return went;
}

static enum went
silent_at_door(struct dialling *d, const struct client *client, const struct fault *fault, const char *step)
{
	d->was_hung_up = client->told == IDENTITY_PROXY && (fault->cause == FAULT_CLOSED || fault->cause == FAULT_TIMED_OUT);
	return wrong_by_fault(d, fault, STATUS(4, 4, 2), step);
}

/*
 * A next hop with our own name is a loop: ourselves, or a server that was given our name when the
 * mail moved.  Mail waits until somebody mends it.
 */
static enum went
refuse_ourselves(const struct dialling *d, const struct client *client)
{
	if (!str_eq_nocase(str_of(client->ehlo.domain), str_of(d->dialer->settings->hostname)))
		return WENT_WELL;
	wrong_by_text(d, STATUS(4, 4, 6), "EHLO", "it answers with our own name, so mail would loop;"
	    " set hostname, or the next hop, to something else");
	log_dialling(d, LOG_LEVEL_ERROR, "nexthop-is-ourselves");
	return WENT_WRONG;
}

static enum went
say_hello(struct dialling *d, struct client *client, struct instant deadline)
{
	struct reply reply;
	struct fault fault;

	if (client_ehlo(client, deadline, &reply, &fault) != 0)
		return silent_at_door(d, client, &fault, "EHLO");
	if (!reply_is_positive(&reply))
		return wrong_at_door(d, client, &reply, "EHLO");
	return refuse_ourselves(d, client);
}

static enum went
start_tls(struct dialling *d, struct client *client)
{
	const struct tls_policy *policy = &d->route->tls;
	struct tls_expect expect = tls_policy_expect(policy, d->next_hop->host);
	bool is_handshake;
	struct reply reply;
	struct fault fault;

	if (client_starttls(client, policy->client, &expect, d->deadline, &reply, &is_handshake, &fault) != 0) {
		wrong_by_fault(d, &fault, is_handshake ? STATUS(4, 7, 5) : STATUS(4, 4, 2),
		    is_handshake ? "TLS handshake" : "STARTTLS");
		return WENT_TLS_WRONG;
	}
	if (!reply_is_positive(&reply)) {
		wrong_by_reply(d, &reply, "STARTTLS");
		return WENT_TLS_WRONG;
	}
	return say_hello(d, client, d->deadline);
}

static enum went
secure(struct dialling *d, struct client *client)
{
	const struct tls_policy *policy = &d->route->tls;
	enum went went;

	switch (tls_policy_step(policy, &client->ehlo)) {
	case TLS_STEP_CLEAR:
		return WENT_WELL;
	case TLS_STEP_REFUSE:
		return wrong_by_text(d, STATUS(4, 7, 4), "EHLO", "TLS is required, but STARTTLS is not offered");
	case TLS_STEP_START:
		break;
	}
	went = start_tls(d, client);
	if (went != WENT_TLS_WRONG || d->trouble->is_cancelled)
		return went;
	if (!tls_policy_may_fall_back(policy)) {
		log_dialling(d, LOG_LEVEL_WARNING, "tls-failed");
		return WENT_WRONG;
	}
	log_dialling(d, LOG_LEVEL_WARNING, "tls-fallback");
	/* Refused with a reply the session goes on in the clear (RFC 3207 4); else only a new one can. */
	return client_is_reusable(client) ? WENT_WELL : WENT_TLS_WRONG;
}

/* A login that is refused is a setting to be mended, here or there: mail waits, whatever the code. */
static enum went
log_in(const struct dialling *d, struct client *client)
{
	char text[sizeof(d->trouble->text)], room[ENDPOINT_TEXT_MAX];

	switch (login_say(d->dialer->logins, client, &d->route->login, d->deadline, d->trouble)) {
	case LOGIN_DONE:
		return WENT_WELL;
	case LOGIN_REFUSED:
		log_dialling(d, LOG_LEVEL_ERROR, "nexthop-refuses-login");
		break;
	case LOGIN_LOST:
		break;
	}
	memcpy(text, d->trouble->text, sizeof(text));
	snprintf(d->trouble->text, sizeof(d->trouble->text), "%.*s: %s", STR_ARG(endpoint_text(&d->to, room)), text);
	return WENT_WRONG;
}

/*
 * A client may be kept waiting for who it is (a tarpit): some time is left to see whether we are, too.  Who greets us in a third of
 * the time that was not enough for the client means the client.
 */
static struct instant
door_deadline(const struct dialling *d, const struct client *client)
{
	struct instant now = loop_now(d->dialer->loop);

	if (client->told != IDENTITY_PROXY || !instant_is_before(now, d->deadline))
		return d->deadline;
	return instant_after(now, (struct span){ instant_diff(now, d->deadline).ns / 4 * 3 });
}

/* The header, where the route has one, the greeting and EHLO. */
static enum went
knock(struct dialling *d, struct client *client)
{
	struct instant deadline;
	struct reply reply;
	struct fault fault;

	if (identity_by_proxy(&d->route->identity) && identity_say_proxy(client, d->identity, d->deadline, &fault) != 0)
		return wrong_by_fault(d, &fault, STATUS(4, 4, 2), "PROXY header");
	deadline = door_deadline(d, client);
	if (client_greeting(client, deadline, &reply, &fault) != 0)
		return silent_at_door(d, client, &fault, "greeting");
	if (!reply_is_positive(&reply))
		return wrong_at_door(d, client, &reply, "greeting");
	if (client->told == IDENTITY_PROXY)
		d->next_hop->proxied[d->identity->client.ip.family] = loop_now(d->dialer->loop);
	return say_hello(d, client, deadline);
}

static enum went
open_session(struct dialling *d, bool with_tls, struct client **client_out)
{
	struct endpoint source;
	bool has_source = next_hop_source(d->next_hop, d->to.ip.family, &source);
	struct client *client;
	struct fault fault;
	enum went went;

	client = client_connect(d->dialer->loop, d->dialer->settings, &d->to, has_source ? &source : NULL, d->deadline, &fault);
	if (client == NULL) {		/* the fault names the address itself */
		trouble_of_fault(&fault, STATUS(4, 4, 1), NULL, d->trouble);
		d->trouble->is_ours = fault.cause == FAULT_FULL;
		return WENT_WRONG;
	}
	went = knock(d, client);
	if (went == WENT_WELL && with_tls)
		went = secure(d, client);
	if (went == WENT_WELL && d->route->login.name.len > 0)
		went = log_in(d, client);
	if (went != WENT_WELL) {
		client_close(client);
		return went;
	}
	*client_out = client;
	return WENT_WELL;
}

static bool
open_at_address(struct dialling *d, struct client **client_out)
{
	d->was_hung_up = false;
	switch (open_session(d, true, client_out)) {
	case WENT_WELL:
		return true;
	case WENT_WRONG:
		return false;
	case WENT_TLS_WRONG:
		break;
	}
	return open_session(d, false, client_out) == WENT_WELL;
}

/*
 * A server that cannot understand the header (a Postfix without IPv6 told of such a client) says 421, once for all: the mail
 * is better off untold than in the queue.  Where it took the header of another such client lately, it means this client,
 * and so it does with a reason of policy (4.7.x, RFC 3463 3.8): to go on in our own name would evade that.
 */
static bool
may_go_untold(const struct dialling *d, const struct trouble *trouble)
{
	struct instant last = d->next_hop->proxied[d->identity->client.ip.family];
	bool is_long_ago = last.ns == 0 || span_to_s(instant_diff(last, loop_now(d->dialer->loop))) > PROXIED_MAX_S;

	return trouble->reply_code == 421 && trouble->reply_status.subject != 7 && is_long_ago;
}

/*
 * The next hop hung up on a client, or left it waiting.  If it serves ourselves that is the client's affair, and nobody else's mail has to wait;
 * else the trouble is its own.
 */
static bool
dial_as_ourselves(struct dialling *d, struct client **client_out)
{
	struct trouble *first = mem_new(sizeof(*first));
	struct dialling own = *d;
	bool is_open;

	*first = *d->trouble;
	own.identity = NULL;
	is_open = open_at_address(&own, client_out);
	if (is_open) {
		*d->trouble = *first;
		d->trouble->is_to_client = !may_go_untold(d, first);
		log_dialling(d, d->trouble->is_to_client ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "nexthop-refuses-identity");
	}
	if (is_open && d->trouble->is_to_client) {
		client_quit(*client_out, instant_min(d->deadline, instant_after(loop_now(d->dialer->loop), span_s(QUIT_WAIT_S))));
		is_open = false;
	}
	mem_free(first);
	return is_open;
}

static bool
dial_address(struct dialling *d, struct client **client_out)
{
	return open_at_address(d, client_out) || (d->was_hung_up && !d->trouble->is_cancelled && dial_as_ourselves(d, client_out));
}

/* False with trouble. */
static bool
find_addresses(const struct dialling *d, struct host_addresses *out)
{
	const struct next_hop *next_hop = d->next_hop;
	int i, n = 0;

	*out = (struct host_addresses){ .n_ips = 1, .ips = { next_hop->ip } };
	if (next_hop->ip.family != IP_NONE)
		return true;
	if (host_find(d->dialer->resolver, next_hop->host, next_hop->is_by_mx, d->deadline, out, d->trouble) != 0) {
		d->trouble->is_cancelled = fiber_is_cancelled();	/* then it was not the resolver's silence */
		return false;
	}
	if (!next_hop->is_by_mx)
		return true;
	for (i = 0; i < out->n_ips && n < MX_ADDRESSES_MAX; i++)
		if (mx_may_use(&out->ips[i], d->route->may_use_loopback))
			out->ips[n++] = out->ips[i];
	out->n_ips = n;
	if (n == 0)
		trouble_of_text(STATUS(4, 4, 4), "the mail host has no usable address", d->trouble);
	return n > 0;
}

struct client *
dial(const struct dialer *dialer, struct next_hop *next_hop, struct instant deadline, struct trouble *trouble_out)
{
	struct dialling d = {
		.dialer = dialer, .next_hop = next_hop, .route = next_hop->route, .identity = dialer->identity, .deadline = deadline,
		.trouble = trouble_out, .to = { .port = next_hop->port },
	};
	struct host_addresses addresses;
	struct client *client;
	bool is_ours = true;
	int i;

	if (!find_addresses(&d, &addresses))
		return NULL;
	for (i = 0; i < addresses.n_ips; i++) {
		d.to.ip = addresses.ips[i];
		if (dial_address(&d, &client)) {
			next_hop->n_sessions++;
			return client;
		}
		is_ours &= trouble_out->is_ours;
		if (trouble_out->is_cancelled || trouble_out->is_to_client)	/* an answer, whatever there is at the others */
			break;
	}
	trouble_out->is_ours = is_ours;		/* one address that does not serve us is the next hop's trouble */
	return NULL;
}
