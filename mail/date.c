/*
 * date.c - points of time as mail and logs write them
 */
#include "base/decimal.h"
#include "mail/date.h"

enum { SECONDS_PER_DAY = 86400, US_PER_SECOND = 1000000 };

struct calendar {
	int64_t	 year;
	int	 month, day;		/* from 1 */
	int	 week_day;		/* 0 is Sunday */
	int	 hour, minute, second, us;
};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * The proleptic Gregorian calendar counted in eras of 400 years that begin with March, so that
 * the leap day is a year's last (Howard Hinnant, chrono-compatible low-level date algorithms).
 */
static void
calendar_of(int64_t us, struct calendar *c)
{
	int64_t s = floor_div(us, US_PER_SECOND);
	int64_t days = floor_div(s, SECONDS_PER_DAY);
	int64_t in_day = s - days * SECONDS_PER_DAY;
	int64_t z = days + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;	/* 0 is March */

	c->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c->month = (int)(month < 10 ? month + 3 : month - 9);
	c->year = year_of_era + era * 400 + (c->month <= 2);
	c->week_day = (int)(((days + 4) % 7 + 7) % 7);	/* 1970-01-01 was a Thursday */
	c->hour = (int)(in_day / 3600);
	c->minute = (int)(in_day / 60 % 60);
	c->second = (int)(in_day % 60);
	c->us = (int)(us - s * US_PER_SECOND);
}

/* Four digits, whatever the year. */
static char *
put_year(char *at, const struct calendar *c)
{
	return decimal_put_padded(at, (uint64_t)((c->year % 10000 + 10000) % 10000), 4);
}

static char *
put_time(char *at, const struct calendar *c)
{
	at = decimal_put_padded(at, (uint64_t)c->hour, 2);
	*at++ = ':';
	at = decimal_put_padded(at, (uint64_t)c->minute, 2);
	*at++ = ':';
	return decimal_put_padded(at, (uint64_t)c->second, 2);
}

struct str
date_text(struct timestamp at, int zone_minutes, char room[DATE_TEXT_MAX])
{
	static const char days[7][6] = { "Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, " };
	static const char months[12][6] = { " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ",
	    " Sep ", " Oct ", " Nov ", " Dec " };
	int east = zone_minutes < 0 ? -zone_minutes : zone_minutes;
	struct calendar c;
	char *end = room + 5;

	calendar_of(at.us + (int64_t)zone_minutes * 60 * US_PER_SECOND, &c);
	memcpy(room, days[c.week_day], 5);
	end = decimal_put(end, (uint64_t)c.day);
	memcpy(end, months[c.month - 1], 5);
	end = put_year(end + 5, &c);
	*end++ = ' ';
	end = put_time(end, &c);
	*end++ = ' ';
	*end++ = zone_minutes < 0 ? '-' : '+';
	end = decimal_put_padded(end, (uint64_t)(east / 60), 2);
	end = decimal_put_padded(end, (uint64_t)(east % 60), 2);
	*end = '\0';
	return str_n(room, (size_t)(end - room));
}

struct str
date_iso_text(struct timestamp at, char room[DATE_TEXT_MAX])
{
	struct calendar c;
	char *end;

	calendar_of(at.us, &c);
	end = put_year(room, &c);
	*end++ = '-';
	end = decimal_put_padded(end, (uint64_t)c.month, 2);
	*end++ = '-';
	end = decimal_put_padded(end, (uint64_t)c.day, 2);
	*end++ = 'T';
	end = put_time(end, &c);
	*end++ = '.';
	end = decimal_put_padded(end, (uint64_t)c.us, 6);
	*end++ = 'Z';
	*end = '\0';
	return str_n(room, (size_t)(end - room));
}
