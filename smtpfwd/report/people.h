/*
 * people.h - the part of a report that a person reads, and its subject
 */
#ifndef REPORT_PEOPLE_H
#define REPORT_PEOPLE_H

#include "smtpfwd/report/dsn.h"

/* "Mail to bob@example.com could not be delivered", as the value of a field. */
int	people_append_subject(const struct dsn *dsn, struct buf *out);

/* The text, lines in CRLF; UTF-8 where foreign texts are. */
int	people_append_text(const struct dsn *dsn, struct buf *out);

#endif
