/*
 * history.c - the log lines in a mail's life: a fixed set, the mail's id first in each
 */
#include "mail/history.h"

static void
put_id(struct log_line *line, const char *key, const struct mail_id *id)
{
	char room[MAIL_ID_TEXT_MAX];

	if (line->log != NULL && id != NULL && !mail_id_is_none(id))
		log_str(line, key, mail_id_text(id, room));
}

static void
put_address(struct log_line *line, const char *key, const struct address *address)
{
	char room[ADDRESS_MAX_BYTES + 1];
	struct buf text = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	if (line->log == NULL || address == NULL)
		return;
	if (address_is_null(address))
		log_str(line, key, STR("<>"));
	else if (address->local.len + address->domain.len < sizeof(room) &&	/* so buf never grows */
	    address_append(address, &text) == 0)
		log_str(line, key, buf_str(&text));
	else
		log_str(line, key, STR("(too long)"));
}

static void
put_endpoint(struct log_line *line, const char *key, const struct endpoint *endpoint)
{
	char room[ENDPOINT_TEXT_MAX];

	if (line->log != NULL && endpoint != NULL && endpoint->ip.family != IP_NONE)
		log_str(line, key, endpoint_text(endpoint, room));
}

static void
put_reply(struct log_line *line, const struct reply *reply)
{
	enum { SHOWN_MAX_BYTES = 500 };	/* of what a stranger said; the line has other things to say */
	char room[SHOWN_MAX_BYTES + 16];
	struct buf text = { .at = room, .cap = sizeof(room), .max = sizeof(room) };

	if (line->log == NULL || reply == NULL || reply->code == 0)
		return;
	if (reply_append_line(reply, SHOWN_MAX_BYTES, &text) == 0)
		log_str(line, "reply", buf_str(&text));
	else
		log_int(line, "reply", reply->code);
}

static void
put_text(struct log_line *line, const char *key, const char *text)
{
	if (text != NULL)
		log_text(line, key, text);
}

static void
put_peer(struct log_line *line, const struct peer *peer)
{
	if (peer == NULL)
		return;
	put_endpoint(line, "client", &peer->client);
	if (peer->client.ip.family == IP_NONE)		/* a proxy spoke for somebody whom it did not name */
		put_endpoint(line, "connection", &peer->connection);
	if (peer->name.len > 0)
		log_str(line, "name", peer->name);
	if (peer->helo.len > 0)
		log_str(line, "helo", peer->helo);
	if (peer->login.len > 0)
		log_str(line, "login", peer->login);
}

/* --- coming in --- */

void
history_accepted(struct log *log, const struct mail_id *id, const struct peer *peer,
    const struct envelope *envelope, uint64_t n_bytes, struct str message_id)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "accepted");
	put_id(&line, "id", id);
	put_address(&line, "from", &envelope->reverse_path);
	if (envelope->n_recipients == 1)
		put_address(&line, "to", &envelope->recipients[0].address);
	log_int(&line, "rcpts", envelope->n_recipients);
	log_int(&line, "size", (int64_t)n_bytes);
	put_peer(&line, peer);
	if (peer != NULL) {
		log_str(&line, "proto", peer_protocol(peer, envelope->is_smtputf8));
		if (peer->tls.is_on)
			log_str(&line, "tls", peer->tls.version);
	}
	if (message_id.len > 0)
		log_str(&line, "message-id", message_id);
	log_end(&line);
}

void
history_judged(struct log *log, const struct mail_id *id, struct str words)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "judged");
	put_id(&line, "id", id);
	log_words(&line, words);
	log_end(&line);
}

void
history_judged_for(struct log *log, struct str queue_id, const struct peer *peer, const struct envelope *envelope, struct str words)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "judged");
	if (queue_id.len > 0)
		log_str(&line, "queue-id", queue_id);
	log_words(&line, words);
	put_address(&line, "from", &envelope->reverse_path);
	log_int(&line, "rcpts", envelope->n_recipients);
	put_peer(&line, peer);
	log_end(&line);
}

void
history_rejected(struct log *log, const struct mail_id *id, const struct peer *peer,
    const char *stage, const struct address *reverse_path, const struct address *recipient,
    const struct reply *reply, const char *why)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "rejected");
	put_id(&line, "id", id);
	log_text(&line, "stage", stage);
	put_address(&line, "from", reverse_path);
	put_address(&line, "to", recipient);
	put_peer(&line, peer);
	put_reply(&line, reply);
	put_text(&line, "why", why);
	log_end(&line);
}

void
history_undone(struct log *log, const struct peer *peer, const struct address *reverse_path, const struct address *srs,
    const struct address *recipient)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "undone");
	put_address(&line, "from", reverse_path);
	put_address(&line, "srs", srs);
	put_address(&line, "to", recipient);
	put_peer(&line, peer);
	log_end(&line);
}

void
history_fell_back(struct log *log, const struct mail_id *id, struct str destination, const char *why)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "fell-back");
	put_id(&line, "id", id);
	log_str(&line, "destination", destination);
	put_text(&line, "why", why);
	log_end(&line);
}

/* --- in the queue --- */

static void
say_of_mail(struct log *log, enum log_level level, const char *event, const struct mail_id *id,
    const char *key, const char *text)
{
	struct log_line line;

	log_begin(&line, log, level, event);
	put_id(&line, "id", id);
	put_text(&line, key, text);
	log_end(&line);
}

void
history_held(struct log *log, const struct mail_id *id, const char *why)
{
	say_of_mail(log, LOG_LEVEL_INFO, "held", id, "why", why);
}

void
history_released(struct log *log, const struct mail_id *id, const char *by)
{
	say_of_mail(log, LOG_LEVEL_INFO, "released", id, "by", by);
}

void
history_removed(struct log *log, const struct mail_id *id, const char *by)
{
	say_of_mail(log, LOG_LEVEL_INFO, "removed", id, "by", by);
}

/* --- going out --- */

static void
begin_attempt(struct log_line *line, struct log *log, enum log_level level, const char *event,
    const struct mail_id *id, const struct history_attempt *attempt)
{
	log_begin(line, log, level, event);
	put_id(line, "id", id);
	put_address(line, "srs", attempt->srs);
	put_address(line, "to", attempt->recipient);
	if (attempt->next_hop.len > 0)
		log_str(line, "nexthop", attempt->next_hop);
	put_endpoint(line, "remote", attempt->remote);
	if (attempt->tls.len > 0)
		log_str(line, "tls", attempt->tls);
	if (attempt->identity.len > 0)
		log_str(line, "identity", attempt->identity);
}

static void
end_attempt(struct log_line *line, const struct history_attempt *attempt)
{
	log_span(line, "delay", attempt->delay);
	put_reply(line, attempt->reply);
	put_text(line, "why", attempt->why);
	log_end(line);
}

void
history_delivering(struct log *log, const struct mail_id *id, const struct history_attempt *attempt,
    int n_recipients)
{
	struct history_attempt begun = *attempt;
	struct log_line line;

	begun.identity = STR_EMPTY;	/* that comes next; what the session was told before was of another mail */
	begin_attempt(&line, log, LOG_LEVEL_DEBUG, "delivering", id, &begun);
	log_int(&line, "rcpts", n_recipients);
	end_attempt(&line, attempt);
}

void
history_delivered(struct log *log, const struct mail_id *id, const struct history_attempt *attempt)
{
	struct log_line line;

	begin_attempt(&line, log, LOG_LEVEL_INFO, "delivered", id, attempt);
	end_attempt(&line, attempt);
}

void
history_deferred(struct log *log, const struct mail_id *id, const struct history_attempt *attempt,
    struct span next_try)
{
	struct log_line line;

	begin_attempt(&line, log, LOG_LEVEL_INFO, "deferred", id, attempt);
	if (next_try.ns > 0)
		log_span(&line, "next", next_try);
	end_attempt(&line, attempt);
}

void
history_failed(struct log *log, const struct mail_id *id, const struct history_attempt *attempt)
{
	struct log_line line;

	begin_attempt(&line, log, LOG_LEVEL_INFO, "failed", id, attempt);
	end_attempt(&line, attempt);
}

void
history_passed_on(struct log *log, const struct mail_id *id, const struct history_attempt *attempt)
{
	struct log_line line;

	begin_attempt(&line, log, LOG_LEVEL_INFO, "passed-on", id, attempt);
	end_attempt(&line, attempt);
}

void
history_expired(struct log *log, const struct mail_id *id, const struct history_attempt *attempt)
{
	struct log_line line;

	begin_attempt(&line, log, LOG_LEVEL_INFO, "expired", id, attempt);
	end_attempt(&line, attempt);
}

void
history_ambiguous(struct log *log, const struct mail_id *id, const struct history_attempt *attempt,
    int n_recipients)
{
	struct log_line line;

	begin_attempt(&line, log, LOG_LEVEL_WARNING, "ambiguous", id, attempt);
	log_int(&line, "rcpts", n_recipients);
	end_attempt(&line, attempt);
}

/* --- reports --- */

void
history_reported(struct log *log, const struct mail_id *id, const char *kind,
    const struct mail_id *report, const struct address *to, int n_recipients)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "reported");
	put_id(&line, "id", id);
	log_text(&line, "kind", kind);
	put_id(&line, "report", report);
	put_address(&line, "to", to);
	log_int(&line, "rcpts", n_recipients);
	log_end(&line);
}

void
history_unreported(struct log *log, const struct mail_id *id, const char *kind, const char *why)
{
	struct log_line line;

	log_begin(&line, log, LOG_LEVEL_INFO, "unreported");
	put_id(&line, "id", id);
	log_text(&line, "kind", kind);
	put_text(&line, "why", why);
	log_end(&line);
}
