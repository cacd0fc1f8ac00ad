/*
 * name_servers.c - the name servers of name_servers.py, as long as a test runs
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/name_servers.h"

static _Noreturn void
fail(const char *why)
{
	printf("not ok 1 - the name servers run: %s\n1..1\n", why);
	exit(1);
}

static const char *
top_folder(void)
{
	const char *top = getenv("top_srcdir");

	if (top == NULL)
		top = getenv("srcdir");		/* from make check */
	return top != NULL ? top : ".";
}

void
name_servers_start(struct name_servers *servers)
{
	int to[2], from[2];
	char path[4096], line[1024];
	unsigned nsd_port, faulty_port;

	snprintf(path, sizeof(path), "%s/tests/runtime/name_servers.py", top_folder());
	if (pipe(to) != 0 || pipe(from) != 0)
		fail("no pipe");
	switch (fork()) {
	case -1:
		fail("no process");
	case 0:
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[0]);
		close(to[1]);
		close(from[0]);
		close(from[1]);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	servers->to = fdopen(to[1], "w");
	servers->from = fdopen(from[0], "r");
	if (fgets(line, sizeof(line), servers->from) == NULL ||
	    sscanf(line, "%u %u %255s %255s", &nsd_port, &faulty_port, servers->anchor, servers->stranger) != 4)
		fail("they did not start (nsd, ldnsutils and python3-dnslib are needed)");
	servers->nsd = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, (uint16_t)nsd_port };
	servers->nsd_v6 = (struct endpoint){ { IP_V6, { [15] = 1 } }, (uint16_t)nsd_port };
	servers->faulty = (struct endpoint){ { IP_V4, { 127, 0, 0, 1 } }, (uint16_t)faulty_port };
}

void
name_servers_say(struct name_servers *servers, const char *what)
{
	char line[16];

	fprintf(servers->to, "%s\n", what);
	fflush(servers->to);
	if (fgets(line, sizeof(line), servers->from) == NULL)
		fail("they are gone");
}

void
name_servers_stop(struct name_servers *servers)
{
	fclose(servers->to);
	wait(NULL);
	fclose(servers->from);
}
