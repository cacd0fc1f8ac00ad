/*
 * name_servers.h - the name servers of name_servers.py, as long as a test runs
 */
#ifndef TESTS_RUNTIME_NAME_SERVERS_H
#define TESTS_RUNTIME_NAME_SERVERS_H

#include <stdio.h>

#include "base/endpoint.h"

struct name_servers {
	FILE		*to, *from;	/* the script's standard input and output */
	struct endpoint	 nsd;		/* a good server */
	struct endpoint	 nsd_v6;	/* the same one */
	struct endpoint	 faulty;
	char		 anchor[256];	/* path: trusts signed.example */
	char		 stranger[256];	/* path: trusts another key */
};

/* Ends the test program if they do not start: nothing can be said without them. */
void	name_servers_start(struct name_servers *servers);
void	name_servers_say(struct name_servers *servers, const char *what);	/* "down" "up" "mute" "speak"; blocks */
void	name_servers_stop(struct name_servers *servers);

#endif
