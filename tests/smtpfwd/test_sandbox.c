/*
 * test_sandbox.c - what the daemon may still do once it is shut in, on real files
 *
 * Where the kernel has no landlock only that is told, in one case.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpfwd/sandbox.h"
#include "tests/expect.h"

static char top[] = "/tmp/smtpfwd-sandbox.XXXXXX";

static const char *
path_of(const char *name)
{
	static char rooms[4][300];
	static int i;

	i = (i + 1) % 4;
	snprintf(rooms[i], sizeof(rooms[i]), "%s/%s", top, name);
	return rooms[i];
}

static int
make_file(const char *name)
{
	int fd = open(path_of(name), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
open_file(const char *path, int how)
{
	int fd = open(path, how | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int
result_of(int result)
{
	return result == 0 ? 0 : errno;
}

static int
run_program(void)
{
	char *words[] = { (char *)(uintptr_t)"true", NULL };

	execv("/bin/true", words);
	return errno;
}

static void
bind_socket(const char *name, int want)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path_of(name));
	expect_int(result_of(bind(fd, (struct sockaddr *)&address, sizeof(address))), want);
	close(fd);
}

static void *
write_elsewhere(void *arg)
{
	*(int *)arg = make_file("else/by-thread");
	return NULL;
}

static void
what_is_allowed(void)
{
	struct stat status;

	test_case("in its directories it makes, changes, renames and removes");
	expect_int(make_file("spool/a"), 0);
	expect_int(result_of(mkdir(path_of("spool/damaged"), 0700)), 0);
	expect_int(result_of(rename(path_of("spool/a"), path_of("spool/damaged/a"))), 0);
	expect_int(open_file(path_of("spool/damaged/a"), O_RDWR | O_TRUNC), 0);
	expect_int(result_of(unlink(path_of("spool/damaged/a"))), 0);
	expect_int(result_of(rmdir(path_of("spool/damaged"))), 0);
	expect_int(make_file("log/new"), 0);
	bind_socket("run/control", 0);
	expect_int(result_of(unlink(path_of("run/control"))), 0);

	test_case("it reads everywhere, and writes to /dev/null");
	expect_int(open_file(path_of("else/file"), O_RDONLY), 0);
	expect_int(open_file("/etc/passwd", O_RDONLY), 0);
	expect_int(open_file("/etc", O_RDONLY | O_DIRECTORY), 0);
	expect_int(result_of(stat(path_of("else"), &status)), 0);
	expect_int(open_file("/dev/null", O_RDWR), 0);
}

static void
what_is_not(void)
{
	pthread_t thread;
	int error = 0;

	test_case("elsewhere it neither makes nor changes nor removes, though the directory's mode would let it");
	expect_int(make_file("else/b"), EACCES);
	expect_int(open_file(path_of("else/file"), O_WRONLY), EACCES);
	expect_int(result_of(truncate(path_of("else/file"), 0)), EACCES);
	expect_int(result_of(unlink(path_of("else/file"))), EACCES);
	expect_int(result_of(mkdir(path_of("else/dir"), 0700)), EACCES);
	expect_int(result_of(rename(path_of("spool/keep"), path_of("else/keep"))), EACCES);
	expect_int(result_of(symlink("/etc/passwd", path_of("spool/link"))), EACCES);
	bind_socket("else/socket", EACCES);

	test_case("what stands beside its directories is elsewhere");
	expect_int(make_file("b"), EACCES);

	test_case("it runs no program");
	expect_int(run_program(), EACCES);

	test_case("a thread that it starts is shut in with it");
	expect_int(pthread_create(&thread, NULL, write_elsewhere, &error), 0);
	pthread_join(thread, NULL);
	expect_int(error, EACCES);
}

int
main(void)
{
	static const char *const folders[] = { "spool", "run", "log", "else" };
	enum sandbox sandbox;
	struct config config = { .log_to = NULL };
	struct fault fault;
	pid_t child;
	int status;

	if (mkdtemp(top) == NULL)
		return 1;
	for (int i = 0; i < 4; i++)
		mkdir(path_of(folders[i]), 0700);
	make_file("else/file");
	make_file("spool/keep");
	config.spool = strdup(path_of("spool"));
	config.control = strdup(path_of("run/control"));
	config.log_to = strdup(path_of("log/log"));

	fflush(NULL);
	child = fork();			/* who is shut in could not tidy up */
	if (child == 0) {
		test_case("it is shut in, if the kernel can");
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		expect_int(sandbox_enter(&config, &sandbox, &fault), 0);
		if (sandbox == SANDBOX_CLOSED) {
			what_is_allowed();
			what_is_not();
		} else {
			printf("# this kernel has no landlock: nothing else was tried\n");
		}
		status = test_end();
		fflush(NULL);
		_exit(status);
	}
	waitpid(child, &status, 0);
	unlink(path_of("else/file"));
	unlink(path_of("else/keep"));
	unlink(path_of("else/b"));
	unlink(path_of("b"));
	unlink(path_of("spool/keep"));
	unlink(path_of("log/new"));
	for (int i = 0; i < 4; i++)
		rmdir(path_of(folders[i]));
	rmdir(top);
	free((char *)(uintptr_t)config.spool);
	free((char *)(uintptr_t)config.control);
	free((char *)(uintptr_t)config.log_to);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
