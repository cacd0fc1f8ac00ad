/*
 * log_place.c - where a log's lines go: opened before a writer takes it over
 */
#include <string.h>

#include "base/mem.h"
#include "smtpfwd/runtime/journal.h"
#include "smtpfwd/runtime/log_inside.h"
#include "smtpfwd/runtime/log_writer.h"
#include "smtpfwd/runtime/os.h"

enum { STDERR = 2 };

/* An entry without a field is none: the journal ignores it. */
static bool
has_journal(void)
{
	return os_tell(JOURNAL_SOCKET, &(struct iovec){ .iov_len = 0 }, 1, NULL, 0, true) == 0;
}

struct log_place *
log_place_new(const char *to, const char *program, struct fault *fault_out)
{
	struct log_place *place = mem_new(sizeof(*place));

	place->fd = STDERR;
	place->program = program;
	if (strcmp(to, "stderr") == 0) {
		place->where = !os_stderr_is_journal() ? LOG_TO_STDERR : has_journal() ? LOG_TO_JOURNAL : LOG_TO_JOURNAL_BY_STDERR;
		return place;
	}
	if (strcmp(to, "journal") == 0) {
		place->where = LOG_TO_JOURNAL;
		if (has_journal())
			return place;
		fault_permanent(fault_out, "log to the journal: nobody reads " JOURNAL_SOCKET);
		mem_free(place);
		return NULL;
	}
	if (strcmp(to, "syslog") == 0) {
		place->where = LOG_TO_SYSLOG;
		os_syslog_begin(program);
		return place;
	}
	place->where = LOG_TO_FILE;
	place->fd = os_log_open(to);
	if (place->fd < 0) {
		fault_permanent(fault_out, "log file %s: %s", to, strerror(-place->fd));
		mem_free(place);
		return NULL;
	}
	place->path = mem_new(strlen(to) + 1);
	memcpy(place->path, to, strlen(to) + 1);
	return place;
}

void
log_place_free(struct log_place *place)
{
	if (place == NULL)
		return;
	if (place->where == LOG_TO_FILE)
		os_close(place->fd);
	mem_free(place->path);
	mem_free(place);
}
