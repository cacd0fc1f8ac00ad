/*
 * notify.c - tells the service manager how it goes (sd_notify(3)), and shows it that the loop still turns
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/insist.h"
#include "base/list.h"
#include "smtpfwd/runtime/notify.h"

enum {
	BEAT_S = 5,			/* how old the status line may be */
	AGAIN_MS = 100,			/* what is owed is tried again */
	PATIENCE_S = 30,		/* asked for while we start or stop: six beats */
	AWAIT_MS = 5000,		/* a manager that is that busy is not waited for */
	TEXT_MAX = 512,			/* a status, a state, and a few words */
	NAME_MAX_BYTES = 80,		/* "listen-" and an endpoint */
};

static int
tell(const struct notifier *notify, const char *text, const int *fds, int n_fds)
{
	struct iovec piece = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };

	return notify->path[0] != '\0' ? os_tell(notify->path, &piece, 1, fds, n_fds, false) : 0;
}

static const char *
state_text(enum notify_state state)
{
	switch (state) {
	case NOTIFY_STARTING:
		return "";
	case NOTIFY_SERVING:
		return "READY=1\n";
	case NOTIFY_RELOADING:
		return "RELOADING=1\n";
	case NOTIFY_STOPPING:
		return "STOPPING=1\n";
	}
	insist(!"a state of another kind");
}

/* All there is to tell, in one datagram, so that it is told or owed as a whole. */
static void
tell_all(struct notifier *notify)
{
	char text[TEXT_MAX], status[NOTIFY_STATUS_MAX] = "";
	bool is_news;
	int n = 0;

	if (notify->describe != NULL)
		notify->describe(notify->context, status);
	is_news = status[0] != '\0' && strcmp(status, notify->status) != 0;
	if (notify->is_state_owed)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s", state_text(notify->state));
	if (notify->is_state_owed && notify->state == NOTIFY_RELOADING)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "MONOTONIC_USEC=%lld\n", (long long)(os_now().ns / 1000));
	if (notify->state == NOTIFY_STOPPING)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "EXTEND_TIMEOUT_USEC=%d\n", PATIENCE_S * 1000000);
	if (notify->watchdog.ns > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "WATCHDOG=1\n");
	if (is_news)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "STATUS=%s\n", status);
	if (n == 0)
		return;
	if (tell(notify, text, NULL, 0) == -EAGAIN)
		return;			/* on another failure there is nobody to be told */
	notify->is_state_owed = false;
	if (is_news)
		memcpy(notify->status, status, sizeof(status));
}

static void
beat(struct timer *timer)
{
	struct notifier *notify = LIST_ITEM(timer, struct notifier, beat);
	struct span pause = span_s(BEAT_S);

	tell_all(notify);
	if (notify->watchdog.ns > 0 && notify->watchdog.ns / 2 < pause.ns)
		pause.ns = notify->watchdog.ns / 2;
	if (notify->is_state_owed && span_ms(AGAIN_MS).ns < pause.ns)
		pause = span_ms(AGAIN_MS);
	timer_set(notify->loop, timer, instant_after(loop_now(notify->loop), pause));
}

static void
set_state(struct notifier *notify, enum notify_state state)
{
	if (notify->path[0] == '\0' || notify->loop == NULL)
		return;
	notify->state = state;
	notify->is_state_owed = true;
	beat(&notify->beat);
}

void
notify_init(struct notifier *notify_out)
{
	const char *path = getenv("NOTIFY_SOCKET"), *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
	uint64_t number;

	*notify_out = (struct notifier){ .state = NOTIFY_STARTING };
	if (path != NULL && (path[0] == '/' || path[0] == '@') && strlen(path) < sizeof(notify_out->path)) {
		memcpy(notify_out->path, path, strlen(path) + 1);
		if (usec != NULL && str_to_u64(str_of(usec), &number) && number <= INT64_MAX / 1000 &&
		    (pid == NULL || strtol(pid, NULL, 10) == getpid()))
			notify_out->watchdog = (struct span){ (int64_t)number * 1000 };
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
}

void
notify_progress(struct notifier *notify, const char *format, ...)
{
	struct instant now = os_now();
	char text[TEXT_MAX];
	va_list args;
	int n;

	if (notify->path[0] == '\0' || (notify->progress_at.ns != 0 && instant_diff(notify->progress_at, now).ns < span_s(1).ns))
		return;
	notify->progress_at = now;
	n = snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%d\nSTATUS=", PATIENCE_S * 1000000);
	va_start(args, format);
	vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	(void)tell(notify, text, NULL, 0);
}

void
notify_ready(struct notifier *notify, struct loop *loop,
    void (*describe)(void *context, char status_out[NOTIFY_STATUS_MAX]), void *context)
{
	notify->loop = loop;
	notify->describe = describe;
	notify->context = context;
	notify->beat = (struct timer){ .ring = beat };
	set_state(notify, NOTIFY_SERVING);
}

void
notify_reloading(struct notifier *notify)
{
	if (notify->state == NOTIFY_SERVING)
		set_state(notify, NOTIFY_RELOADING);
}

void
notify_reloaded(struct notifier *notify)
{
	if (notify->state == NOTIFY_RELOADING)
		set_state(notify, NOTIFY_SERVING);
}

void
notify_stopping(struct notifier *notify)
{
	set_state(notify, NOTIFY_STOPPING);
}

void
notify_end(struct notifier *notify)
{
	if (notify->path[0] == '\0' || notify->loop == NULL)
		return;
	notify->describe = NULL;
	tell_all(notify);
	timer_clear(notify->loop, &notify->beat);
	notify->loop = NULL;
}

/* --- sockets kept --- */

/* A colon would end the name (sd_notify(3), FDNAME). */
static void
socket_name(const struct endpoint *at, char name_out[NAME_MAX_BYTES])
{
	char room[ENDPOINT_TEXT_MAX];

	snprintf(name_out, NAME_MAX_BYTES, "listen-%.*s", STR_ARG(endpoint_text(at, room)));
	for (char *c = name_out; *c != '\0'; c++)
		if (*c == ':')
			*c = '_';
}

int
notify_keep_socket(const struct notifier *notify, const struct endpoint *at, int socket)
{
	char name[NAME_MAX_BYTES], text[TEXT_MAX];

	socket_name(at, name);
	/* A poll of it tells the manager nothing: who connects is for us, and an error is ours to see. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0\n", name);
	return tell(notify, text, &socket, 1);
}

void
notify_forget_socket(const struct notifier *notify, const struct endpoint *at)
{
	char name[NAME_MAX_BYTES], text[TEXT_MAX];

	socket_name(at, name);
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s\n", name);
	(void)tell(notify, text, NULL, 0);
}

void
notify_await_done(const struct notifier *notify)
{
	if (notify->path[0] != '\0')
		(void)os_tell_barrier(notify->path, AWAIT_MS);
}
