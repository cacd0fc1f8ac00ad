/*
 * background.c - a program's first steps, and its way into the background
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpfwd/runtime/background.h"

void
background_fill_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

const char *
background_path(const char *path)
{
	char here[PATH_MAX], *joined;

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL || asprintf(&joined, "%s/%s", here, path) < 0)
		return path;
	return joined;
}

/* The parent's end, as the child's: ready, or failed, which the child has explained if it could. */
static _Noreturn void
await_child(const char *program, pid_t child, int pipe)
{
	char byte;
	int status;

	if (read(pipe, &byte, 1) == 1)
		_exit(EXIT_SUCCESS);
	if (waitpid(child, &status, 0) != child)
		_exit(EXIT_FAILURE);
	if (WIFSIGNALED(status))
		fprintf(stderr, "%s: ended by signal %d (%s) before it could serve\n", program, WTERMSIG(status), strsignal(WTERMSIG(status)));
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != EXIT_SUCCESS ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int
background_go(const char *program, struct background *background)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		fprintf(stderr, "%s: cannot go to the background: %s\n", program, strerror(errno));
		return -1;
	}
	if (child != 0) {
		close(ends[1]);
		await_child(program, child, ends[0]);
	}
	close(ends[0]);
	setsid();
	background->pipe = ends[1];
	return 0;
}

void
background_ready(void *context)
{
	const struct background *background = context;
	int null;

	if (background->pipe < 0)
		return;
	/* Whoever started us must not wait for our end, nor keep a disk mounted for our sake. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		if (!background->logs_to_stderr)
			dup2(null, STDERR_FILENO);
		close(null);
	}
	if (chdir("/") != 0 || write(background->pipe, "", 1) != 1)
		return;			/* the pipe ends with us: the parent says that we did */
	close(background->pipe);
}
