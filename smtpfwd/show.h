/*
 * show.h - the daemon's answers as people read them
 */
#ifndef SMTPFWD_SHOW_H
#define SMTPFWD_SHOW_H

#include <jansson.h>
#include <stdio.h>

struct shown {
	long	 n_objects;		/* shown so far */
};

/* Shows one object of an answer; with NULL at the end what is to be said then. */
typedef void	show(const json_t *object, struct shown *shown);

/* A text of others without the control bytes that steer a terminal. */
void	show_safe(const char *text, FILE *out);

show	show_status, show_list, show_mail, show_count;

#endif
