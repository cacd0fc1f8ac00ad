/*
 * date.h - points of time as mail and logs write them
 */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "base/instant.h"
#include "base/str.h"

enum { DATE_TEXT_MAX = 40 };		/* bytes, with the NUL */

/* RFC 5322 3.3: "Sat, 21 Nov 2026 04:46:13 +0000", seen from a zone that is so many minutes east of UTC. */
struct str	date_text(struct timestamp at, int zone_minutes, char room[DATE_TEXT_MAX]);

/* RFC 3339 in UTC: "2026-11-21T04:46:13.123456Z". */
struct str	date_iso_text(struct timestamp at, char room[DATE_TEXT_MAX]);

#endif
