/*
 * status.c - smtpfwdctl status
 */
#include <stdio.h>
#include <string.h>

#include "smtpfwd/ctl/ctl.h"

static void
show_queue(const json_t *queue)
{
	printf("queue      %lld mails (", show_number(queue, "mails"));
	show_size(show_number(queue, "bytes"));
	printf("), %lld in delivery, %lld held%s\n", show_number(queue, "in-delivery"), show_number(queue, "held"),
	    json_is_true(json_object_get(queue, "full")) ? "; THE DISK IS FULL: new mail is refused for now" : "");
	if (show_number(queue, "withheld") > 0 || show_number(queue, "let-go") > 0) {
		printf("           %lld held because their senders were not verified (", show_number(queue, "withheld"));
		show_size(show_number(queue, "withheld-bytes"));
		printf(")");
		if (show_number(queue, "let-go") > 0)
			printf("; %lld removed since start, as more than hold-max", show_number(queue, "let-go"));
		putchar('\n');
	}
	if (show_number(queue, "came-held") > 0) {
		printf("           %lld held by forward-doomed (", show_number(queue, "came-held"));
		show_size(show_number(queue, "came-held-bytes"));
		printf(")\n");
	}
	if (show_text(queue, "oldest")[0] != '\0') {
		printf("           oldest from ");
		show_time(show_text(queue, "oldest"));
		putchar('\n');
	}
	if (show_number(queue, "set-aside") > 0)
		printf("           %lld DAMAGED records were set aside; see the log\n", show_number(queue, "set-aside"));
	if (show_number(queue, "damaged-bytes") > 0) {
		printf("           ");
		show_size(show_number(queue, "damaged-bytes"));
		printf(" of damaged records are kept in the spool's directory damaged, until somebody removes them\n");
	}
	printf("since start  %lld into the queue, %lld delivered from it, %lld deferred, %lld failed\n", show_number(queue, "put"),
	    show_number(queue, "delivered"), show_number(queue, "deferred"), show_number(queue, "failed"));
}

static void
show_next_hop(const json_t *hop)
{
	show_member("next hop   ", hop, "name");
	show_member(" for ", hop, "destination");
	printf(": %s, %lld connections, %lld delivered", json_is_true(json_object_get(hop, "up")) ? "up" : "DOWN",
	    show_number(hop, "connections"), show_number(hop, "delivered"));
	if (show_text(hop, "identity")[0] != '\0' && strcmp(show_text(hop, "identity"), "none") != 0)
		show_member(", told of clients by ", hop, "identity");
	if (show_text(hop, "trouble")[0] != '\0')
		show_member("\n           ", hop, "trouble");
	putchar('\n');
}

static void
show_rate(const json_t *rate)
{
	show_member("limit      ", rate, "limit");
	show_member(" of class ", rate, "class");
	printf(": %lld put off since it is set, %lld at it\n", show_number(rate, "put-off"), show_number(rate, "keys"));
}

static void
show_trace(const json_t *trace)
{
	printf("trace      ");
	show_size(show_number(trace, "bytes"));
	printf(" since ");
	show_time(show_text(trace, "oldest"));
	if (show_number(trace, "dropped") > 0)
		printf("; %lld LINES WERE LOST since start", show_number(trace, "dropped"));
	putchar('\n');
}

/* What is in use, and what an administrator must know of a file that could not be. */
static void
show_configuration(const json_t *daemon)
{
	const json_t *last = json_object_get(daemon, "reload"), *line;
	bool has_failed = json_is_true(json_object_get(last, "failed"));
	size_t i;

	printf("           configuration of ");
	show_time(show_text(daemon, "loaded"));
	if (has_failed) {
		printf("; THE LAST RELOAD FAILED, at ");
		show_time(show_text(last, "at"));
	}
	putchar('\n');
	json_array_foreach(json_object_get(last, has_failed ? "errors" : "warnings"), i, line) {
		fputs("           ", stdout);
		show_safe(json_string_value(line), stdout);
		putchar('\n');
	}
}

static void
show_milter(const json_t *milter)
{
	show_member("milter     ", milter, "socket");
	printf(": %lld sessions, %lld mails being judged (", show_number(milter, "sessions"), show_number(milter, "mails"));
	show_size(show_number(milter, "memory"));
	printf(")\nsince start  %lld accepted, %lld held, %lld rejected, %lld deferred", show_number(milter, "accepted"),
	    show_number(milter, "held"), show_number(milter, "rejected"), show_number(milter, "deferred"));
	if (show_number(milter, "failed") > 0)
		printf("; %lld COULD NOT BE JUDGED", show_number(milter, "failed"));
	putchar('\n');
}

/* What answers Postfix beside the milter. */
static void
show_server(const json_t *server)
{
	show_member("", server, "name");
	printf(": %lld connections; since start %lld questions answered\n", show_number(server, "connections"), show_number(server, "answered"));
}

static void
show_status(const json_t *object, struct shown *shown)
{
	const json_t *part;

	if ((part = json_object_get(object, "daemon")) != NULL) {
		show_member("smtpfwd    ", part, "version");
		show_member(" as ", part, "hostname");
		printf(", pid %lld, up since ", show_number(part, "pid"));
		show_time(show_text(part, "since"));
		putchar('\n');
		show_configuration(part);
	} else if ((part = json_object_get(object, "listener")) != NULL) {
		show_member("listener   ", part, "name");
		printf("%s: %lld sessions; since start %lld accepted, %lld refused, %lld mails\n",
		    json_is_true(json_object_get(part, "gone")) ? " (closed)" : "", show_number(part, "sessions"),
		    show_number(part, "accepted"), show_number(part, "refused"), show_number(part, "mails"));
	} else if ((part = json_object_get(object, "next-hop")) != NULL) {
		shown->n_objects++;
		show_next_hop(part);
	} else if ((part = json_object_get(object, "next-hops")) != NULL) {
		if (show_number(part, "all") > shown->n_objects)
			printf("           and %lld next hops more, %lld of all are down (status --long)\n",
			    show_number(part, "all") - shown->n_objects, show_number(part, "down"));
	} else if ((part = json_object_get(object, "rate")) != NULL) {
		show_rate(part);
	} else if ((part = json_object_get(object, "queue")) != NULL) {
		show_queue(part);
	} else if ((part = json_object_get(object, "trace")) != NULL) {
		show_trace(part);
	} else if ((part = json_object_get(object, "milter")) != NULL) {
		show_milter(part);
	} else if ((part = json_object_get(object, "server")) != NULL) {
		show_server(part);
	}
}

static const struct option long_option[] = {
	{ "long", no_argument, NULL, CTL_OPTION_LONG }, { NULL, 0, NULL, 0 },
};

static void
take_long(struct ctl *ctl, int option, const char *value)
{
	(void)option;
	(void)value;
	json_object_set_new(ctl->request, "long", json_true());
}

const struct ctl_command ctl_status_commands[] = {
	{ .words = "status", .behind = "[--long]", .sentence = "the daemon, its listeners, next hops and queue",
	  .options = long_option, .take = take_long,
	  .request = "status", .show = show_status },
	{ .words = NULL },
};
