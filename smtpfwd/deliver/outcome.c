/*
 * outcome.c - what replies and troubles mean for a recipient
 */
#include <stdio.h>

#include "smtpfwd/deliver/outcome.h"

/* --- trouble --- */

void
trouble_of_fault(const struct fault *fault, struct status status, const char *context, struct trouble *trouble_out)
{
	*trouble_out = (struct trouble){ .status = status, .is_cancelled = fault->cause == FAULT_CANCELLED };
	snprintf(trouble_out->text, sizeof(trouble_out->text), "%s%s%s", context != NULL ? context : "",
	    context != NULL ? ": " : "", fault->text);
}

void
trouble_of_reply(const struct reply *reply, const char *context, struct trouble *trouble_out)
{
	struct buf line = { .at = trouble_out->text, .cap = sizeof(trouble_out->text), .max = sizeof(trouble_out->text) - 1 };

	*trouble_out = (struct trouble){
		.status = reply_is_temporary(reply) && reply->status.class == 4 ? reply->status : STATUS(4, 3, 0),
		.reply_code = reply->code,
		.reply_status = reply->status,
	};
	trouble_out->reply_bytes = reply->text.len < OUTCOME_REPLY_MAX_BYTES ? reply->text.len : OUTCOME_REPLY_MAX_BYTES;
	if (trouble_out->reply_bytes > 0)	/* a reply without a text has none anywhere */
		memcpy(trouble_out->reply_text, reply->text.at, trouble_out->reply_bytes);
	buf_printf(&line, "%s: ", context);
	reply_append_line(reply, sizeof(trouble_out->text) - 80, &line);
	trouble_out->text[line.len] = '\0';
}

void
trouble_of_text(struct status status, const char *text, struct trouble *trouble_out)
{
	*trouble_out = (struct trouble){ .status = status };
	snprintf(trouble_out->text, sizeof(trouble_out->text), "%s", text);
}

struct reply
trouble_reply(const struct trouble *trouble)
{
	return (struct reply){
		.code = trouble->reply_code,
		.status = trouble->reply_status,
		.text = str_n(trouble->reply_text, trouble->reply_bytes),
	};
}

/* --- outcomes --- */

static struct reply
keep_reply(const struct reply *reply, struct arena *arena)
{
	struct reply kept = { .code = reply->code, .status = reply->status, .text = STR_EMPTY };

	if (!arena_copy(arena, str_sub(reply->text, 0, OUTCOME_REPLY_MAX_BYTES), &kept.text))
		kept.text = STR_EMPTY;
	return kept;
}

bool
outcome_is_about_the_session(const struct reply *reply)
{
	return reply->code == 503 || reply->code == 530 || reply->code == 534 || reply->code == 535 || reply->code == 538;
}

struct outcome
outcome_of_reply(const struct reply *reply, enum outcome_stage stage, bool has_dsn, struct str remote_mta,
    struct arena *arena)
{
	struct outcome outcome = { .remote_mta = remote_mta, .text = STR_EMPTY, .reply = keep_reply(reply, arena) };
	bool is_final = stage == OUTCOME_OF_FINAL;

	if (reply_is_positive(reply) && is_final) {
		outcome.kind = has_dsn ? OUTCOME_DELIVERED : OUTCOME_RELAYED;
		outcome.status = reply->status.class == 2 ? reply->status : STATUS(2, 0, 0);
	} else if (reply_is_permanent(reply) && (is_final || !outcome_is_about_the_session(reply))) {
		outcome.kind = OUTCOME_FAILED;
		outcome.status = reply->status.class == 5 ? reply->status : STATUS(5, 0, 0);
	} else {
		outcome.kind = OUTCOME_DEFERRED;
		outcome.status = reply->status.class == 4 ? reply->status : STATUS(4, 0, 0);
	}
	return outcome;
}

struct outcome
outcome_of_trouble(const struct trouble *trouble, struct str remote_mta, struct arena *arena)
{
	struct reply reply = trouble_reply(trouble);
	struct outcome outcome = {
		.kind = OUTCOME_DEFERRED, .status = trouble->status, .remote_mta = remote_mta, .text = STR_EMPTY,
		.reply = { .code = 0, .text = STR_EMPTY },
	};

	if (reply.code != 0)
		outcome.reply = keep_reply(&reply, arena);
	if (!arena_copy(arena, str_of(trouble->text), &outcome.text))
		outcome.text = STR_EMPTY;
	return outcome;
}

struct outcome
outcome_of_text(enum outcome_kind kind, struct status status, struct str text, struct str remote_mta)
{
	return (struct outcome){
		.kind = kind, .status = status, .text = text, .remote_mta = remote_mta,
		.reply = { .code = 0, .text = STR_EMPTY },
	};
}

bool
trouble_of_lack(const struct ehlo *ehlo, const struct envelope *envelope, struct trouble *trouble_out)
{
	bool lacks_utf8 = envelope->is_smtputf8 && !ehlo->has_smtputf8;
	bool lacks_8bit = envelope->is_8bit && !ehlo->has_8bitmime;

	if (!lacks_utf8 && !lacks_8bit)
		return false;
	if (!ehlo->has_extensions)		/* what is not known now is no lack */
		trouble_of_text(STATUS(4, 5, 0), lacks_utf8 ?
		    "the next hop refused EHLO, so it is not known to take internationalised mail (SMTPUTF8), which this is" :
		    "the next hop refused EHLO, so it is not known to take 8-bit mail (8BITMIME), which this is", trouble_out);
	else if (lacks_utf8)
		trouble_of_text(STATUS(4, 6, 7),	/* RFC 6531 3.5 */
		    "the next hop does not take internationalised mail (SMTPUTF8), which this is", trouble_out);
	else
		trouble_of_text(STATUS(4, 6, 3),	/* RFC 3463: conversion required but not supported */
		    "the next hop does not take 8-bit mail (8BITMIME), which this is", trouble_out);
	trouble_out->is_lack = true;
	return true;
}

struct outcome
outcome_of_lack(const struct trouble *trouble, struct status last, struct str remote_mta, struct arena *arena)
{
	struct outcome outcome = outcome_of_trouble(trouble, remote_mta, arena);

	if (trouble->status.subject == 6 && status_eq(last, trouble->status)) {
		outcome.kind = OUTCOME_FAILED;
		outcome.status.class = 5;
	}
	return outcome;
}

bool
outcome_of_size(const struct ehlo *ehlo, int64_t content_bytes, struct str remote_mta, struct outcome *outcome_out)
{
	if (!ehlo->has_size || ehlo->size_max_bytes == 0 || (uint64_t)content_bytes <= ehlo->size_max_bytes)
		return false;
	*outcome_out = outcome_of_text(OUTCOME_FAILED, STATUS(5, 3, 4),	/* message too big for system, RFC 1870 6.2 */
	    STR("the mail is larger than the next hop takes (SIZE)"), remote_mta);
	return true;
}

bool
outcome_is_too_many(const struct reply *reply, int n_accepted)
{
	struct status status = reply->status;
	bool says_other = status.class != 0 && !(status.subject == 5 && status.detail == 3);

	/* A server that takes not even one recipient has something else to say. */
	return (reply->code == 452 || reply->code == 552) && n_accepted > 0 && !says_other;
}

static bool
says(struct str text, struct str words)
{
	for (size_t i = 0; i + words.len <= text.len; i++)
		if (str_starts_nocase(str_from(text, i), words))
			return true;
	return false;
}

bool
outcome_is_slow_down(const struct reply *reply)
{
	static const char *const words[] = { "rate", "too many", "too much", "slow down", "busy", "try again later" };
	struct status status = reply->status;

	if (!reply_is_temporary(reply))
		return false;
	if (status.class == 4)
		return status.subject == 7 || (status.subject == 3 && (status.detail == 1 || status.detail == 2)) ||
		    (status.subject == 4 && status.detail == 5) || (status.subject == 5 && status.detail == 3);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (says(reply->text, str_of(words[i])))
			return true;
	return false;
}
