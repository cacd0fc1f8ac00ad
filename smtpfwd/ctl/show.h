/*
 * show.h - parts of the daemon's answers as people read them
 *
 * What a command's answer looks like as a whole is in the file of its subject (ctl.h).  Every text of others came
 * escaped or as valid UTF-8; show_safe masks what would steer a terminal.
 */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

struct shown {
	long	 n_objects;		/* shown so far */
	char	 id[20];		/* of the mail that was told of last; "" at first */
};

/* Shows one object of an answer; with NULL at the end what is to be said then. */
typedef void	show(const json_t *object, struct shown *shown);

/* A text of others without what steers a terminal or turns its line around: control and direction characters become '?'. */
void		show_safe(const char *text, FILE *out);

/* The text of a member so, behind what stands before it. */
void		show_member(const char *before, const json_t *object, const char *key);

/* Members of an object; "" and 0 when there is none. */
const char	*show_text(const json_t *object, const char *key);
long long	 show_number(const json_t *object, const char *key);

/* On stdout: bytes as "12 KB", "2026-11-21T04:46:13.123456Z" as "2026-11-21 04:46:13". */
void		 show_size(long long n_bytes);
void		 show_time(const char *iso);

#endif
