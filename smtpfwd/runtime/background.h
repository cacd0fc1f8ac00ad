/*
 * background.h - a program's first steps: its standard descriptors, its paths, and its way into the background
 */
#ifndef RUNTIME_BACKGROUND_H
#define RUNTIME_BACKGROUND_H

#include <stdbool.h>

/* A descriptor below 3 that is free would become a socket, and then get what is said on stderr. */
void		 background_fill_descriptors(void);

/* In the background we stand in "/", and a reload is to find the same file.  Lives as long as the program. */
const char	*background_path(const char *path);

struct background {			/* what is to be done once the program serves */
	int	pipe;			/* -1: it is in the foreground, and nothing is */
	bool	logs_to_stderr;
};

/*
 * Into the background: the parent waits until the child is ready or has failed, so that whoever started us is told, and
 * ends with status 0, the child's, or 1.  0 in the child, with its pipe; -1 on failure, which was said on stderr in the
 * program's name.
 */
int		 background_go(const char *program, struct background *background);

/* It serves: lets go of the terminal, but for a stderr that the log goes to, and stands in "/".  The context is a struct background. */
void		 background_ready(void *context);

#endif
