/*
 * message.h - the mails of a measurement: each made of its number, so that whoever gets one can tell it is whole
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "base/buf.h"

enum { MESSAGE_LEAST_BYTES = 512, MESSAGE_MOST_BYTES = 64 * 1024 * 1024 };

/* Appends mail number n, of n_bytes: header section and lines of text, CRLF, no line begins with a dot. */
void	message_write(long number, size_t n_bytes, struct buf *out);

/* The same, its author at another domain than bench.example, of 100 bytes at most. */
void	message_write_from(struct str domain, long number, size_t n_bytes, struct buf *out);

/* The number of a mail that went through a relay, which put fields on top; -1: it is none of ours. */
long	message_number(struct str mail);

/* True if the mail ends in the message of this number, whole. */
bool	message_is_whole(struct str mail, long number, size_t n_bytes);

#endif
