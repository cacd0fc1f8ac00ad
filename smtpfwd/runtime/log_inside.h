/*
 * log_inside.h - what log_writer.c and log_place.c know of each other; for nobody else
 */
#ifndef RUNTIME_LOG_INSIDE_H
#define RUNTIME_LOG_INSIDE_H

enum log_where { LOG_TO_STDERR, LOG_TO_JOURNAL, LOG_TO_JOURNAL_BY_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE };

struct log_place {
	enum log_where		 where;
	char			*path;		/* of LOG_TO_FILE */
	const char		*program;
	int			 fd;		/* of stderr or of the file */
};

#endif
