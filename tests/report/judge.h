/*
 * judge.h - grammar.py as a judge of reports
 */
#ifndef TESTS_REPORT_JUDGE_H
#define TESTS_REPORT_JUDGE_H

#include "base/str.h"

struct judge;

struct judge	*judge_start(void);

/* Whether the report may use SMTPUTF8 and BODY=8BITMIME, and the mail that it must return (or the header section of). */
void		 judge_tell(struct judge *judge, bool is_utf8, bool is_8bit, struct str mail, struct str report);

/* How many reports were right; prints what was wrong with the first others. */
int		 judge_end(struct judge *judge);

#endif
