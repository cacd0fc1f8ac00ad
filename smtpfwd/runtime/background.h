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

/*
 * Into the background: the parent waits until the child is ready or has failed, so that whoever started us is told, and
 * ends with status 0, the child's, or 1.  In the child what background_ready wants; -1 on failure, which was said on stderr
 * in the program's name.
 */
int		 background_go(const char *program);

/* In the child: it serves.  Lets go of the terminal, but for a stderr that the log goes to, and stands in "/". */
void		 background_ready(int pipe, bool logs_to_stderr);

#endif
