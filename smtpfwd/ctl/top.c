/*
 * top.c - smtpfwdctl top: a live view, drawn anew every few seconds; the rates are of the time between two answers
 *
 * On a terminal as many lines as there is room for, until q or ^C; otherwise plain blocks.
 */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "smtpfwd/ctl/ctl.h"

enum {
	PLAIN_COLUMNS = 1000,		/* where nobody says how wide the window is, nothing is cut */
	PLAIN_LINES = 1000,
	LINE_MAX_BYTES = 1200,
	END_OF_INPUT = 4,		/* ^D */
	LISTENERS_SHOWN_MAX = 6,	/* on a small window */
};

struct sample {				/* one answer */
	json_t		*objects;	/* an array */
	double		 at;		/* seconds of the monotonic clock */
};

struct screen {
	FILE		*out;
	int		 n_columns, n_lines;	/* of the window */
	int		 n_drawn;
	bool		 is_tty;
};

/* --- samples --- */

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
keep_object(void *context, const json_t *object, const char *line)
{
	(void)line;
	json_array_append(context, (json_t *)(uintptr_t)object);
}

static void
print_object(void *context, const json_t *object, const char *line)
{
	(void)context;
	(void)object;
	fputs(line, stdout);
}

/* The object of a kind, the only or the first one; NULL: none. */
static const json_t *
one(const struct sample *sample, const char *kind)
{
	const json_t *object;
	size_t i;

	json_array_foreach(sample->objects, i, object)
		if (json_object_get(object, kind) != NULL)
			return json_object_get(object, kind);
	return NULL;
}

/* The same thing in an earlier answer, by its name and destination. */
static const json_t *
same(const struct sample *sample, const char *kind, const json_t *thing)
{
	const json_t *object, *other;
	size_t i;

	json_array_foreach(sample->objects, i, object) {
		other = json_object_get(object, kind);
		if (other != NULL && strcmp(show_text(other, "name"), show_text(thing, "name")) == 0 &&
		    strcmp(show_text(other, "destination"), show_text(thing, "destination")) == 0)
			return other;
	}
	return NULL;
}

/* By how much a counter grew in a second; below 0: not known. */
static double
rate(const struct sample *now, const struct sample *before, const json_t *thing, const json_t *earlier, const char *key)
{
	double seconds = now->at - before->at;
	long long grown;

	if (before->objects == NULL || earlier == NULL || seconds <= 0)
		return -1;
	grown = show_number(thing, key) - show_number(earlier, key);
	return grown < 0 ? -1 : (double)grown / seconds;	/* the daemon began anew */
}

static const char *
rate_text(double value, char room[24])
{
	if (value < 0)
		return "-";
	snprintf(room, 24, value < 100 ? "%.1f" : "%.0f", value);
	return room;
}

static const char *
size_text(long long n_bytes, char room[24])
{
	const char *units[] = { "B", "KB", "MB", "GB", "TB" };
	int unit = 0;

	for (; n_bytes >= 10 * 1024 && unit < 4; unit++)
		n_bytes /= 1024;
	snprintf(room, 24, "%lld %s", n_bytes, units[unit]);
	return room;
}

/* --- drawing --- */

/* A line, cut at the window's width; none when the window is full.  Bytes that steer a terminal are masked. */
static void __attribute__((format(printf, 2, 3)))
draw(struct screen *screen, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	int n_columns = 0;
	va_list args;
	size_t len = 0;

	if (screen->n_drawn >= screen->n_lines)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (; line[len] != '\0'; len++) {
		if (((unsigned char)line[len] & 0xc0) != 0x80 && ++n_columns > screen->n_columns)
			break;
	}
	line[len] = '\0';
	while (len > 0 && line[len - 1] == ' ')
		line[--len] = '\0';
	show_safe(line, screen->out);
	fputs(screen->is_tty ? "\033[K\n" : "\n", screen->out);
	screen->n_drawn++;
}

static void
draw_head(struct screen *screen, const struct sample *now, const struct sample *before)
{
	const json_t *daemon = one(now, "daemon"), *queue = one(now, "queue"), *object, *listener;
	const json_t *earlier = before->objects != NULL ? one(before, "queue") : NULL;
	char in[24], out[24], deferred[24], failed[24], bytes[24], disk[24];
	long long n_sessions = 0;
	size_t i;

	json_array_foreach(now->objects, i, object)
		if ((listener = json_object_get(object, "listener")) != NULL)
			n_sessions += show_number(listener, "sessions");
	draw(screen, "smtpfwd %s as %s, up since %.10s %.8s", show_text(daemon, "version"), show_text(daemon, "hostname"),
	    show_text(daemon, "since"), strlen(show_text(daemon, "since")) > 19 ? show_text(daemon, "since") + 11 : "");
	draw(screen, "sessions %lld   in %s/s   out %s/s   deferred %s/s   failed %s/s", n_sessions,
	    rate_text(rate(now, before, queue, earlier, "put"), in), rate_text(rate(now, before, queue, earlier, "delivered"), out),
	    rate_text(rate(now, before, queue, earlier, "deferred"), deferred),
	    rate_text(rate(now, before, queue, earlier, "failed"), failed));
	draw(screen, "queue %lld mails, %s, %lld in delivery, %lld held%s%.10s%s%.8s; disk: %s free%s", show_number(queue, "mails"),
	    size_text(show_number(queue, "bytes"), bytes), show_number(queue, "in-delivery"), show_number(queue, "held"),
	    show_text(queue, "oldest")[0] != '\0' ? "; oldest from " : "", show_text(queue, "oldest"),
	    show_text(queue, "oldest")[0] != '\0' ? " " : "",
	    strlen(show_text(queue, "oldest")) > 19 ? show_text(queue, "oldest") + 11 : "",
	    size_text(show_number(queue, "disk-free"), disk),
	    json_is_true(json_object_get(queue, "full")) ? "; FULL: NEW MAIL IS REFUSED" : "");
}

struct hop {
	const json_t	*hop;
	double		 rate, deferred;
};

/* Those that do most first; as the daemon sent them where that is the same. */
static int
compare_hops(const void *a, const void *b)
{
	const struct hop *ha = a, *hb = b;
	double da = ha->rate + ha->deferred, db = hb->rate + hb->deferred;

	if (da != db)
		return da < db ? 1 : -1;
	return (ha->hop > hb->hop) - (ha->hop < hb->hop);
}

static void
draw_hop(struct screen *screen, const struct hop *h)
{
	char delivered[24], deferred[24], connections[48];

	snprintf(connections, sizeof(connections), "%lld/%lld", show_number(h->hop, "connections"), show_number(h->hop, "limit"));
	draw(screen, "%-5s %8s %7s %7s %6lldms  %-28s %-24s %s", json_is_true(json_object_get(h->hop, "up")) ? "up" : "DOWN",
	    connections, rate_text(h->rate, delivered), rate_text(h->deferred, deferred), show_number(h->hop, "latency-ms"),
	    show_text(h->hop, "name"), show_text(h->hop, "destination"), show_text(h->hop, "trouble"));
}

static void
draw_next_hops(struct screen *screen, const struct sample *now, const struct sample *before, int n_most)
{
	size_t n_all = json_array_size(now->objects), n = 0, i;
	struct hop *hops = calloc(n_all + 1, sizeof(*hops));
	const json_t *object, *hop, *earlier, *all = one(now, "next-hops");

	if (hops == NULL)
		return;
	json_array_foreach(now->objects, i, object) {
		if ((hop = json_object_get(object, "next-hop")) == NULL)
			continue;
		earlier = before->objects != NULL ? same(before, "next-hop", hop) : NULL;
		hops[n++] = (struct hop){ .hop = hop, .rate = rate(now, before, hop, earlier, "delivered"),
		    .deferred = rate(now, before, hop, earlier, "deferred") };
	}
	qsort(hops, n, sizeof(*hops), compare_hops);
	draw(screen, "%s", "");
	draw(screen, "%-5s %8s %7s %7s %8s  %-28s %-24s %s", "STATE", "CONN", "OUT/s", "DEFER/s", "LATENCY", "NEXT HOP", "FOR",
	    "LAST TROUBLE");
	for (i = 0; i < n && (int)i < n_most; i++)
		draw_hop(screen, &hops[i]);
	if (show_number(all, "all") > (long long)i)
		draw(screen, "and %lld more; of all %lld are down", show_number(all, "all") - (long long)i, show_number(all, "down"));
	free(hops);
}

static void
draw_destinations(struct screen *screen, const struct sample *now, int n_most)
{
	const json_t *object, *destination, *all = one(now, "destinations");
	int n = 0;
	size_t i;

	draw(screen, "%s", "");
	draw(screen, "%9s %9s  %s", "WAITING", "OUT", "DESTINATION");
	json_array_foreach(now->objects, i, object) {
		if ((destination = json_object_get(object, "destination")) == NULL || n >= n_most)
			continue;
		n++;
		draw(screen, "%9lld %9lld  %s%s", show_number(destination, "waiting"), show_number(destination, "out"),
		    show_text(destination, "name"), json_is_true(json_object_get(destination, "held-back")) ?
		    "  (waits for its next hop)" : "");
	}
	if (show_number(all, "all") > n)
		draw(screen, "and %lld more; of all %lld wait for their next hops", show_number(all, "all") - n, show_number(all, "held-back"));
}

static void
draw_listeners(struct screen *screen, const struct sample *now, const struct sample *before)
{
	const json_t *object, *listener, *earlier;
	char accepted[24], refused[24], mails[24];
	size_t i;

	draw(screen, "%s", "");
	draw(screen, "%-20s %9s %9s %9s %9s", "LISTENER", "SESSIONS", "CONN/s", "REFUSED/s", "MAILS/s");
	json_array_foreach(now->objects, i, object) {
		if ((listener = json_object_get(object, "listener")) == NULL)
			continue;
		earlier = before->objects != NULL ? same(before, "listener", listener) : NULL;
		draw(screen, "%-20s %9lld %9s %9s %9s%s", show_text(listener, "name"), show_number(listener, "sessions"),
		    rate_text(rate(now, before, listener, earlier, "accepted"), accepted),
		    rate_text(rate(now, before, listener, earlier, "refused"), refused),
		    rate_text(rate(now, before, listener, earlier, "mails"), mails),
		    json_is_true(json_object_get(listener, "gone")) ? "  (gone from the configuration)" : "");
	}
}

static int
count(const struct sample *sample, const char *kind)
{
	const json_t *object;
	size_t i;
	int n = 0;

	json_array_foreach(sample->objects, i, object)
		n += json_object_get(object, kind) != NULL;
	return n;
}

/* The window's lines parted: a line for each listener, then two thirds of what is left for next hops. */
static void
draw_all(struct screen *screen, const struct sample *now, const struct sample *before)
{
	enum { HEADS = 3 + 3 * 2 + 2 };	/* the head, an empty and a title line for each table, and two of "and N more" */
	int n_listeners = count(now, "listener"), n_left;

	if (n_listeners > LISTENERS_SHOWN_MAX)
		n_listeners = LISTENERS_SHOWN_MAX;
	n_left = screen->n_lines - HEADS - n_listeners;
	if (n_left < 2)
		n_left = 2;
	draw_head(screen, now, before);
	draw_next_hops(screen, now, before, screen->is_tty ? n_left - n_left / 3 : PLAIN_LINES);
	draw_destinations(screen, now, screen->is_tty ? n_left / 3 : PLAIN_LINES);
	draw_listeners(screen, now, before);
}

static void
show_sample(const struct sample *now, const struct sample *before)
{
	struct screen screen = { .n_columns = PLAIN_COLUMNS, .n_lines = PLAIN_LINES, .is_tty = isatty(STDOUT_FILENO) };
	struct winsize window;
	char *text = NULL;
	size_t len = 0;

	if (screen.is_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 0 && window.ws_col > 0) {
		screen.n_columns = window.ws_col;
		screen.n_lines = window.ws_row - 1;
	}
	screen.out = open_memstream(&text, &len);	/* so that all is drawn in one write */
	if (screen.out == NULL)
		return;
	if (screen.is_tty)
		fputs("\033[H", screen.out);
	draw_all(&screen, now, before);
	fputs(screen.is_tty ? "\033[J" : "\n", screen.out);
	if (fclose(screen.out) == 0)
		fwrite(text, 1, len, stdout);
	free(text);
	fflush(stdout);
}

/* --- keys --- */

struct keys {
	struct termios	 before;	/* how the terminal was */
	int		 signals;	/* those that end us, as they come; -1: single keys are not to be had */
};

/* Single keys without an echo, and an end by which the terminal is as before. */
static void
open_keys(struct keys *keys_out)
{
	struct termios single;
	sigset_t ends;

	keys_out->signals = -1;
	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &keys_out->before) != 0)
		return;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &ends, NULL) != 0)
		return;
	keys_out->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	single = keys_out->before;
	single.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	if (keys_out->signals >= 0)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &single);
	else
		(void)sigprocmask(SIG_UNBLOCK, &ends, NULL);
}

static void
close_keys(const struct keys *keys)
{
	if (keys->signals >= 0)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys->before);
}

/* Waits; true when the person wants to end. */
static bool
rest(double seconds, const struct keys *keys)
{
	struct pollfd from[] = {
		{ .fd = keys->signals >= 0 ? STDIN_FILENO : -1, .events = POLLIN }, { .fd = keys->signals, .events = POLLIN },
	};
	double until = seconds_now() + seconds, left;
	char byte;

	while ((left = until - seconds_now()) > 0) {
		if (poll(from, 2, (int)(left * 1000) + 1) <= 0)
			continue;
		if (from[1].revents != 0 || read(STDIN_FILENO, &byte, 1) != 1 || byte == 'q' || byte == 'Q' || byte == END_OF_INPUT)
			return true;
	}
	return false;
}

/* --- the command --- */

static int
take_sample(struct ctl *ctl, const struct ctl_command *command, struct sample *sample_out)
{
	int status;

	*sample_out = (struct sample){ .objects = json_array() };
	status = ctl_ask(ctl, command->request, ctl->is_json ? print_object : keep_object, sample_out->objects);
	sample_out->at = seconds_now();
	return status;
}

static int
run(struct ctl *ctl, const struct ctl_command *command)
{
	struct sample now = { .objects = NULL }, before = { .objects = NULL };
	bool is_live = ctl->n_batches == 0 && isatty(STDOUT_FILENO), is_ended = false;
	struct keys keys = { .signals = -1 };
	int status = CTL_DONE;

	if (is_live) {
		open_keys(&keys);
		fputs("\033[2J", stdout);
	}
	/* A block for a script has rates: it comes after an interval.  A person sees something at once. */
	for (long n = is_live || ctl->is_json ? 0 : -1; !is_ended && status == CTL_DONE; n++) {
		json_decref(before.objects);
		before = now;
		status = take_sample(ctl, command, &now);
		if (status == CTL_DONE && n >= 0 && !ctl->is_json)
			show_sample(&now, &before);
		fflush(stdout);
		is_ended = ctl->n_batches > 0 && n + 1 >= ctl->n_batches;
		if (!is_ended && status == CTL_DONE)
			is_ended = rest(ctl->interval_s, &keys);
	}
	json_decref(before.objects);
	json_decref(now.objects);
	close_keys(&keys);
	return status;
}

static const struct option top_options[] = {
	{ "batches", required_argument, NULL, CTL_OPTION_BATCHES },
	{ "interval", required_argument, NULL, CTL_OPTION_INTERVAL },
	{ NULL, 0, NULL, 0 },
};

static void
take_option(struct ctl *ctl, int option, const char *value)
{
	char *end = NULL;

	if (option == CTL_OPTION_BATCHES) {
		ctl->n_batches = strtol(value, &end, 10);
		if (*end != '\0' || ctl->n_batches < 1 || ctl->n_batches > 1000 * 1000)
			ctl_wrong_use("no number of batches: ", value);
	} else {
		ctl->interval_s = strtod(value, &end);
		if (*end != '\0' || !(ctl->interval_s >= 0.1 && ctl->interval_s <= 3600))
			ctl_wrong_use("no number of seconds: ", value);
	}
}

const struct ctl_command ctl_top_commands[] = {
	{ .words = "top", .behind = "[-b N] [-i SECONDS]", .sentence = "a live view of rates, next hops and destinations; q ends it",
	  .letters = "b:i:", .options = top_options, .take = take_option, .request = "top", .run = run },
	{ .words = NULL },
};
