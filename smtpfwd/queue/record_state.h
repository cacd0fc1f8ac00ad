/*
 * record_state.h - what became of a mail so far, in MAIL and STATE records, as bytes and back; for record.c only
 */
#ifndef QUEUE_RECORD_STATE_H
#define QUEUE_RECORD_STATE_H

#include "base/octets.h"
#include "smtpfwd/queue/record.h"

/* Texts of outcomes are cut.  0, or other than 0 when out is full. */
int	record_put_state(const struct mail_state *state, size_t text_max_bytes, struct buf *out);

/* Strings are in the arena.  False, or o is bad, where that cannot be. */
bool	record_take_state(struct octets *o, struct arena *arena, struct mail_state *state_out);

#endif
