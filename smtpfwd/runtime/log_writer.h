/*
 * log_writer.h - a struct log that keeps its lines: on stderr, in the journal, by syslog, or in a file
 *
 * A thread of its own writes; who logs only copies the line, and never waits for a disk or
 * a full pipe.  The thread gets the lines of a loop's thread when the loop's round ends, but
 * a warning, an error, or many lines together, at once, and with it whatever came before; lines
 * of other threads, and of one whose loop does not run, go at once too.  So an orderly end loses
 * nothing, and a crash the lines of its round, which the thread might not have written either.
 * Lines that come faster than they can be written are dropped beyond a
 * limit, counted, and the count is logged: log-dropped lines=17.
 */
#ifndef RUNTIME_LOG_WRITER_H
#define RUNTIME_LOG_WRITER_H

#include "base/fault.h"
#include "base/log.h"

struct log_writer;

/*
 * to: "stderr", "journal", "syslog" or a path, to which is appended (created with mode 0640).  A stderr that leads to
 * the journal is the journal: lines get their fields there (journal.h).  program is the name for both, kept and not
 * copied.  A line starts with the time in UTC, but for syslog and the journal, which have their own.  NULL and a
 * fault when the file cannot be opened, or nobody reads the journal's socket.  Blocks.
 * A thread is started, so not before a fork.
 */
struct log_writer	*log_writer_new(const char *to, const char *program, enum log_level level,
			    struct fault *fault_out);

/* The log to hand around; any thread may write.  Lives as long as the writer. */
struct log		*log_writer_log(struct log_writer *writer);

/* Opens the file anew by its name, after a rotation; soon, not at once. */
void			 log_writer_reopen(struct log_writer *writer);

/*
 * Another place for the lines: "journal", "syslog" or a path, opened by log_place_new (blocks; NULL and a fault), so that
 * nothing can fail when the writer takes it over, soon, not at once.  Not back to stderr, which may have been given away.
 */
struct log_place;
struct log_place	*log_place_new(const char *to, const char *program, struct fault *fault_out);
void			 log_place_free(struct log_place *place);	/* one that was not taken; NULL is nothing */
void			 log_writer_move(struct log_writer *writer, struct log_place *place);

/* Writes what waits, then ends the thread.  Not from within a loop that runs.  Blocks. */
void			 log_writer_free(struct log_writer *writer);

#endif
