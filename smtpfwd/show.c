/*
 * show.c - columns and lines; every text of others came escaped or as valid UTF-8, control bytes are masked here
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "smtpfwd/show.h"

static const char *
text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "";
}

static long long
number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* Control bytes, C1 ones in UTF-8 too, become '?'. */
void
show_safe(const char *s, FILE *out)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0) {
			putc('?', out);
			s++;
		} else {
			putc(c < 0x20 || c == 0x7f ? '?' : c, out);
		}
	}
}

static void
put_safe(const char *s)
{
	show_safe(s, stdout);
}

static void
put_size(long long n_bytes)
{
	if (n_bytes < 10 * 1024)
		printf("%lld B", n_bytes);
	else if (n_bytes < 10 * 1024 * 1024)
		printf("%lld KB", n_bytes / 1024);
	else
		printf("%lld MB", n_bytes / (1024 * 1024));
}

/* "2026-11-21T04:46:13.123456Z" as "2026-11-21 04:46:13". */
static void
put_time(const char *iso)
{
	if (strlen(iso) >= 19)
		printf("%.10s %.8s", iso, iso + 11);
	else
		putchar('-');
}

static void
show_recipient(const json_t *recipient, bool is_long)
{
	const char *last = text(recipient, "last"), *next = text(recipient, "next-try");

	printf("    ");
	put_safe(text(recipient, "address"));
	printf("  %s", text(recipient, "state"));
	if (is_long) {
		printf(", to ");
		put_safe(text(recipient, "destination"));
	}
	if (number(recipient, "tries") > 0)
		printf(", tried %lld time%s", number(recipient, "tries"), number(recipient, "tries") == 1 ? "" : "s");
	if (next[0] != '\0') {
		printf(", next at ");
		put_time(next);
	}
	if (last[0] != '\0') {
		printf("\n        ");
		put_safe(last);
	}
	putchar('\n');
}

static void
show_mail_lines(const json_t *mail, bool is_long)
{
	const json_t *recipients = json_object_get(mail, "recipients"), *recipient;
	size_t i;

	printf("%s  ", text(mail, "id"));
	put_time(text(mail, "arrived"));
	printf("  ");
	put_size(number(mail, "size"));
	printf("  from <");
	put_safe(text(mail, "from"));
	printf(">%s\n", json_is_true(json_object_get(mail, "held")) ? "  (held)" : "");
	if (is_long) {
		printf("    class %s, from %s by listener %s, expires ", text(mail, "class"),
		    text(mail, "client"), text(mail, "listener"));
		put_time(text(mail, "expires"));
		putchar('\n');
	}
	json_array_foreach(recipients, i, recipient)
		show_recipient(recipient, is_long);
}

void
show_list(const json_t *object, struct shown *shown)
{
	const json_t *mail = json_object_get(object, "mail");

	if (object == NULL)
		printf(shown->n_objects == 0 ? "no mail\n" : "%ld mail%s\n", shown->n_objects, shown->n_objects == 1 ? "" : "s");
	if (mail == NULL)
		return;
	shown->n_objects++;
	show_mail_lines(mail, false);
}

void
show_mail(const json_t *object, struct shown *shown)
{
	const json_t *mail = json_object_get(object, "mail");

	(void)shown;
	if (mail != NULL)
		show_mail_lines(mail, true);
}

void
show_count(const json_t *object, struct shown *shown)
{
	const json_t *n = json_object_get(object, "mails");

	(void)shown;
	if (n != NULL)
		printf("%lld mail%s\n", (long long)json_integer_value(n), json_integer_value(n) == 1 ? "" : "s");
}

static void
show_queue(const json_t *queue)
{
	printf("queue      %lld mails (", number(queue, "mails"));
	put_size(number(queue, "bytes"));
	printf("), %lld in delivery, %lld held%s\n", number(queue, "in-delivery"), number(queue, "held"),
	    json_is_true(json_object_get(queue, "full")) ? "; THE DISK IS FULL: new mail is refused for now" : "");
	if (text(queue, "oldest")[0] != '\0') {
		printf("           oldest from ");
		put_time(text(queue, "oldest"));
		putchar('\n');
	}
	if (number(queue, "set-aside") > 0)
		printf("           %lld DAMAGED records were set aside; see the log\n", number(queue, "set-aside"));
	printf("since start  %lld accepted, %lld delivered, %lld deferred, %lld failed\n", number(queue, "put"),
	    number(queue, "delivered"), number(queue, "deferred"), number(queue, "failed"));
}

static void
show_next_hop(const json_t *hop)
{
	printf("next hop   %s for %s: %s, %lld connections, %lld delivered", text(hop, "name"), text(hop, "destination"),
	    json_is_true(json_object_get(hop, "up")) ? "up" : "DOWN", number(hop, "connections"), number(hop, "delivered"));
	if (text(hop, "trouble")[0] != '\0') {
		printf("\n           ");
		put_safe(text(hop, "trouble"));
	}
	putchar('\n');
}

void
show_status(const json_t *object, struct shown *shown)
{
	const json_t *part;

	(void)shown;
	if ((part = json_object_get(object, "daemon")) != NULL) {
		printf("smtpfwd    %s as %s, pid %lld, up since ", text(part, "version"), text(part, "hostname"), number(part, "pid"));
		put_time(text(part, "since"));
		putchar('\n');
	} else if ((part = json_object_get(object, "listener")) != NULL) {
		printf("listener   %s: %lld sessions; since start %lld accepted, %lld refused, %lld mails\n", text(part, "name"),
		    number(part, "sessions"), number(part, "accepted"), number(part, "refused"), number(part, "mails"));
	} else if ((part = json_object_get(object, "next-hop")) != NULL) {
		show_next_hop(part);
	} else if ((part = json_object_get(object, "queue")) != NULL) {
		show_queue(part);
	}
}
