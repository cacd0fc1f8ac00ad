/*
 * record_state.c - what became of a mail so far, as bytes and back; the layout is in README
 */
#include "smtpfwd/queue/record_state.h"

enum {
	STATE_IS_HELD = 1, STATE_IS_WARNED = 2, STATE_IS_REMOVED = 4,
	STATE_LIVES_UNTIL = 8,		/* a time follows */
	STATE_IS_BOUNCED = 16,		/* the last known */
	STEP_MASK = 3, HAS_OUTCOME = 4, HAS_TRIES = 8, HAS_DEBT = 16, HAS_LAST_TRY = 32,	/* a recipient's first octet */
};

static int
encode_outcome(const struct outcome *outcome, size_t text_max_bytes, struct buf *out)
{
	return octets_put(out, outcome->kind, 1) | octets_put(out, (uint64_t)outcome->reply.code, 2) |
	    octets_put(out, outcome->reply.status.class, 1) | octets_put(out, outcome->reply.status.subject, 2) |
	    octets_put(out, outcome->reply.status.detail, 2) | octets_put(out, outcome->status.class, 1) |
	    octets_put(out, outcome->status.subject, 2) | octets_put(out, outcome->status.detail, 2) |
	    octets_put_text(out, str_sub(outcome->reply.text, 0, text_max_bytes)) |
	    octets_put_text(out, str_sub(outcome->remote_mta, 0, text_max_bytes == 0 ? 0 : OUTCOME_REMOTE_MAX_BYTES)) |
	    octets_put_text(out, str_sub(outcome->text, 0, text_max_bytes));
}

static int
encode_recipient_state(const struct recipient_state *r, size_t text_max_bytes, struct buf *out)
{
	/* Of one that is done and owes nothing nobody asks any more: a broadcast's state stays small. */
	bool is_over = r->step == RECIPIENT_DONE && (r->owed & ~r->paid) == 0;
	bool has_outcome = r->has_outcome && !is_over;
	bool has_tries = (r->n_tries != 0 || r->next_try.us != 0) && !is_over, has_debt = (r->owed | r->paid) != 0;
	bool has_last_try = r->last_try.us != 0 && !is_over;
	int failed;

	failed = octets_put(out, (unsigned)r->step | (has_outcome ? HAS_OUTCOME : 0) | (has_tries ? HAS_TRIES : 0) |
	    (has_debt ? HAS_DEBT : 0) | (has_last_try ? HAS_LAST_TRY : 0), 1);
	if (has_tries)
		failed |= octets_put(out, r->n_tries, 4) | octets_put(out, (uint64_t)r->next_try.us, 8);
	if (has_last_try)
		failed |= octets_put(out, (uint64_t)r->last_try.us, 8);
	if (has_debt)
		failed |= octets_put(out, r->owed, 1) | octets_put(out, r->paid, 1);
	if (has_outcome)
		failed |= encode_outcome(&r->outcome, text_max_bytes, out);
	return failed;
}

int
record_put_state(const struct mail_state *state, size_t text_max_bytes, struct buf *out)
{
	int failed;

	failed = octets_put(out, state->version, 4) | octets_put(out, (state->is_held ? STATE_IS_HELD : 0) |
	    (state->is_warned ? STATE_IS_WARNED : 0) | (state->is_removed ? STATE_IS_REMOVED : 0) |
	    (state->lives_until.us != 0 ? STATE_LIVES_UNTIL : 0) | (state->is_bounced ? STATE_IS_BOUNCED : 0), 1) |
	    octets_put(out, (uint64_t)state->n_recipients, 4);
	if (state->lives_until.us != 0)
		failed |= octets_put(out, (uint64_t)state->lives_until.us, 8);
	if (failed != 0 || state->version == 0)		/* as it came in: nothing to tell of recipients */
		return failed;
	for (int i = 0; i < state->n_recipients && failed == 0; i++)
		failed = encode_recipient_state(&state->recipients[i], text_max_bytes, out);
	return failed;
}

static void
decode_outcome(struct octets *o, struct arena *arena, struct outcome *outcome_out)
{
	uint64_t kind = octets_take(o, 1);

	if (kind > OUTCOME_FAILED)
		o->is_bad = true;
	outcome_out->kind = (enum outcome_kind)kind;
	outcome_out->reply.code = (int)octets_take(o, 2);
	outcome_out->reply.status.class = (uint8_t)octets_take(o, 1);
	outcome_out->reply.status.subject = (uint16_t)octets_take(o, 2);
	outcome_out->reply.status.detail = (uint16_t)octets_take(o, 2);
	outcome_out->status.class = (uint8_t)octets_take(o, 1);
	outcome_out->status.subject = (uint16_t)octets_take(o, 2);
	outcome_out->status.detail = (uint16_t)octets_take(o, 2);
	outcome_out->reply.text = octets_take_text(o, arena);
	outcome_out->remote_mta = octets_take_text(o, arena);
	outcome_out->text = octets_take_text(o, arena);
	if (outcome_out->reply.code > 599)
		o->is_bad = true;
}

static void
decode_recipient_state(struct octets *o, struct arena *arena, struct recipient_state *r)
{
	uint64_t first = octets_take(o, 1), owed_max = (1 << (REPORT_RELAYED + 1)) - 1;

	if ((first & STEP_MASK) > RECIPIENT_FAILED || first >= 2 * HAS_LAST_TRY)
		o->is_bad = true;
	r->step = (enum recipient_step)(first & STEP_MASK);
	if (first & HAS_TRIES) {
		r->n_tries = (uint32_t)octets_take(o, 4);
		r->next_try.us = (int64_t)octets_take(o, 8);
	}
	if (first & HAS_LAST_TRY)
		r->last_try.us = (int64_t)octets_take(o, 8);
	if (first & HAS_DEBT) {
		r->owed = (unsigned)octets_take(o, 1);
		r->paid = (unsigned)octets_take(o, 1);
		if (r->owed > owed_max || r->paid > owed_max)
			o->is_bad = true;
	}
	r->has_outcome = (first & HAS_OUTCOME) != 0;
	if (r->has_outcome)
		decode_outcome(o, arena, &r->outcome);
}

bool
mail_state_init(struct mail_state *state, int n_recipients, struct arena *arena)
{
	*state = (struct mail_state){ .n_recipients = n_recipients };
	state->recipients = arena_array(arena, (size_t)n_recipients, sizeof(*state->recipients));
	return state->recipients != NULL || n_recipients == 0;
}

bool
record_take_state(struct octets *o, struct arena *arena, struct mail_state *state_out)
{
	uint32_t version = (uint32_t)octets_take(o, 4), flags = (uint32_t)octets_take(o, 1);
	uint64_t n = octets_take(o, 4);

	if (o->is_bad || n > ENVELOPE_RECIPIENTS_MAX || flags >= 2 * STATE_IS_BOUNCED ||
	    !mail_state_init(state_out, (int)n, arena))
		return false;
	state_out->version = version;
	state_out->is_held = (flags & STATE_IS_HELD) != 0;
	state_out->is_warned = (flags & STATE_IS_WARNED) != 0;
	state_out->is_removed = (flags & STATE_IS_REMOVED) != 0;
	state_out->is_bounced = (flags & STATE_IS_BOUNCED) != 0;
	if ((flags & STATE_LIVES_UNTIL) != 0)
		state_out->lives_until.us = (int64_t)octets_take(o, 8);
	if (version == 0)
		return true;
	for (int i = 0; i < state_out->n_recipients && !o->is_bad; i++)
		decode_recipient_state(o, arena, &state_out->recipients[i]);
	return !o->is_bad;
}
