/*
 * test_notify.c - what the service manager and the journal are told, to the byte
 *
 * A datagram socket of the test plays the manager.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpfwd/runtime/journal.h"
#include "smtpfwd/runtime/notify.h"
#include "tests/expect.h"

static int
manager_new(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	expect_int(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The next datagram, waiting up to so long; "" for none. */
static struct str
hear(int manager, int wait_ms, char room[1024])
{
	struct timeval wait = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	ssize_t n;

	setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	n = recv(manager, room, 1024, 0);
	return str_n(room, n > 0 ? (size_t)n : 0);
}

static void
set_environment(const char *path, const char *watchdog_us)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", watchdog_us, 1);
}

struct service {
	struct notifier	 notify;
	struct loop	*loop;
	int		 manager, n_described;
	char		 room[1024];
};

static void
describe(void *context, char status_out[NOTIFY_STATUS_MAX])
{
	struct service *service = context;

	snprintf(status_out, NOTIFY_STATUS_MAX, "%d so far", service->n_described);
}

static bool
has(struct str datagram, const char *line)
{
	return str_find_str(datagram, str_of(line)) >= 0;
}

static void
life(void *arg)
{
	struct service *service = arg;
	struct str said;

	test_case("ready, the status and a beat come in one datagram");
	notify_ready(&service->notify, service->loop, describe, service);
	expect_str(hear(service->manager, 1000, service->room), STR("READY=1\nWATCHDOG=1\nSTATUS=0 so far\n"));

	test_case("a beat is told in half of the watchdog's time, a status that is the same is not told again");
	fiber_sleep(instant_after(loop_now(service->loop), span_ms(600)));
	expect_str(hear(service->manager, 10, service->room), STR("WATCHDOG=1\n"));

	test_case("a status that has changed is told with the next beat");
	service->n_described = 7;
	fiber_sleep(instant_after(loop_now(service->loop), span_ms(600)));
	expect_str(hear(service->manager, 10, service->room), STR("WATCHDOG=1\nSTATUS=7 so far\n"));

	test_case("a reload is told with the time, and its end");
	notify_reloading(&service->notify);
	said = hear(service->manager, 10, service->room);
	expect(str_starts(said, STR("RELOADING=1\nMONOTONIC_USEC=")));
	notify_reloaded(&service->notify);
	expect(str_starts(hear(service->manager, 10, service->room), STR("READY=1\n")));
	notify_reloaded(&service->notify);
	expect_int((int64_t)hear(service->manager, 10, service->room).len, 0);

	test_case("a manager that does not read holds up nobody, and is told the state when it reads again");
	service->n_described = 0;
	for (int i = 0; i < 2000; i++)	/* more than any net.unix.max_dgram_qlen that is usual */
		notify_forget_socket(&service->notify, &(struct endpoint){ .ip.family = IP_V4, .port = 25 });
	notify_stopping(&service->notify);
	while ((said = hear(service->manager, 10, service->room)).len > 0 && !has(said, "STOPPING=1"))
		expect_str(said, STR("FDSTOREREMOVE=1\nFDNAME=listen-0.0.0.0_25\n"));
	expect_int((int64_t)said.len, 0);	/* it did not fit */
	fiber_sleep(instant_after(loop_now(service->loop), span_ms(600)));
	said = hear(service->manager, 10, service->room);
	expect(has(said, "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\n"));

	test_case("while we stop each beat asks for more time");
	fiber_sleep(instant_after(loop_now(service->loop), span_ms(600)));
	while (!has(said, "EXTEND_TIMEOUT_USEC=30000000\n") || has(said, "STOPPING=1"))
		if ((said = hear(service->manager, 10, service->room)).len == 0)
			break;
	expect(has(said, "EXTEND_TIMEOUT_USEC=30000000\nWATCHDOG=1\n"));
	notify_end(&service->notify);
	loop_stop(service->loop);
}

static void
test_life(const char *path)
{
	struct service service = { .manager = manager_new(path) };
	struct fault fault;

	test_case("the environment is read and cleared");
	set_environment(path, "1000000");
	notify_init(&service.notify);
	expect_text(service.notify.path, path);
	expect_int(span_to_ms(service.notify.watchdog), 1000);
	expect(getenv("NOTIFY_SOCKET") == NULL && getenv("WATCHDOG_PID") == NULL && getenv("WATCHDOG_USEC") == NULL);

	test_case("a long start asks for time, once a second at most");
	notify_progress(&service.notify, "segment %d of %d", 1, 9);
	notify_progress(&service.notify, "segment %d of %d", 2, 9);
	expect_str(hear(service.manager, 100, service.room), STR("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=segment 1 of 9"));
	expect_int((int64_t)hear(service.manager, 10, service.room).len, 0);

	service.loop = loop_new(2, &fault);
	fiber_start(service.loop, "life", life, &service);
	loop_run(service.loop);
	loop_free(service.loop);
	close(service.manager);
	unlink(path);
}

static void
stuck(void *arg)
{
	struct service *service = arg;

	notify_ready(&service->notify, service->loop, NULL, NULL);
	fiber_sleep(instant_after(loop_now(service->loop), span_ms(800)));
	for (;;)
		pause();		/* what no fiber may do: the loop stands */
}

/* The manager's part of it: kills who has not beaten in time.  How many beats came before. */
static int
supervise(int manager, pid_t child, int watchdog_ms)
{
	char room[1024];
	int n = 0;

	while (hear(manager, watchdog_ms, room).len > 0)
		n++;
	kill(child, SIGABRT);
	return n;
}

static void
test_stuck(const char *path)
{
	struct service service = { .manager = manager_new(path) };
	struct fault fault;
	int status, n_beats;
	pid_t child;

	test_case("a loop that stands still beats no more, and is killed by who waits for it");
	set_environment(path, "600000");
	fflush(NULL);
	child = fork();
	if (child == 0) {
		unsetenv("WATCHDOG_PID");	/* it was made for the parent's number */
		notify_init(&service.notify);
		service.loop = loop_new(2, &fault);
		fiber_start(service.loop, "stuck", stuck, &service);
		loop_run(service.loop);
		_exit(0);
	}
	n_beats = supervise(service.manager, child, 600);
	expect(n_beats >= 2 && n_beats <= 4);	/* one at once, then one in 300 ms for 800 ms */
	expect_int(waitpid(child, &status, 0), child);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	close(service.manager);
	unlink(path);
}

static void
test_nobody(void)
{
	struct notifier notify;

	test_case("where nobody wants to be told, nothing is");
	unsetenv("NOTIFY_SOCKET");
	notify_init(&notify);
	notify_progress(&notify, "anything");
	expect_int(notify_keep_socket(&notify, &(struct endpoint){ .ip.family = IP_V4, .port = 25 }, 0), 0);
	notify_stopping(&notify);
	notify_end(&notify);

	test_case("a watchdog that is somebody else's is not fed");
	set_environment("/nowhere", "200000");
	setenv("WATCHDOG_PID", "1", 1);
	notify_init(&notify);
	expect_int(notify.watchdog.ns, 0);

	test_case("a path that is no socket's is nobody");
	set_environment("relative", "200000");
	notify_init(&notify);
	expect_text(notify.path, "");
}

/* --- the journal --- */

static void
test_entry(const char *name, const char *line, const char *want, size_t want_bytes)
{
	struct buf entry;

	test_case("journal: %s", name);
	buf_init(&entry, 4096);
	expect_int(journal_write_entry(&entry, "smtpfwd", 6, str_of(line)), 0);
	expect_str(buf_str(&entry), str_n(want, want_bytes));
	buf_fini(&entry);
}

#define LITERAL(text)	(text), sizeof(text) - 1

static void
test_journal(void)
{
	test_entry("a mail's line has its event and its id", "delivered id=4XPRnB2kQ0 to=b",
	    LITERAL("MESSAGE\n\x1c\0\0\0\0\0\0\0delivered id=4XPRnB2kQ0 to=b\nPRIORITY=6\nSYSLOG_IDENTIFIER=smtpfwd\n"
	    "SMTPFWD_EVENT\n\x09\0\0\0\0\0\0\0delivered\nSMTPFWD_ID\n\x0a\0\0\0\0\0\0\0" "4XPRnB2kQ0\n"));
	test_entry("an id that stands further back is somebody's text", "rejected client=x id=1",
	    LITERAL("MESSAGE\n\x16\0\0\0\0\0\0\0rejected client=x id=1\nPRIORITY=6\nSYSLOG_IDENTIFIER=smtpfwd\n"
	    "SMTPFWD_EVENT\n\x08\0\0\0\0\0\0\0rejected\n"));
	test_entry("a line end within a line makes no field", "odd a\nPRIORITY=0",
	    LITERAL("MESSAGE\n\x10\0\0\0\0\0\0\0odd a\nPRIORITY=0\nPRIORITY=6\nSYSLOG_IDENTIFIER=smtpfwd\n"
	    "SMTPFWD_EVENT\n\x03\0\0\0\0\0\0\0odd\n"));
}

int
main(void)
{
	char folder[] = "/tmp/smtpfwd-notify.XXXXXX", path[64];

	if (mkdtemp(folder) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	test_life(path);
	test_stuck(path);
	test_nobody();
	test_journal();
	rmdir(folder);
	return test_end();
}
