/*
 * export.c - smtpfwdctl queue export: mails as files
 *
 * ID.eml holds the bytes of a mail as they are stored, ID.json its envelope.  The .json is written last, so a mail
 * without one is not whole.  No file is ever overwritten.  A mail is never whole in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/code.h"
#include "mail/mail_id.h"
#include "smtpfwd/ctl/ctl.h"

enum {
	PIECE_MAX_BYTES = 1024 * 1024,	/* of content in one line; the daemon sends far less */
	PROGRESS_EVERY_S = 1,
	NAME_MAX_BYTES = 64,
};

struct export {
	int		 directory;
	const char	*directory_name;
	char		 name[NAME_MAX_BYTES];	/* of the mail at hand, "ID.eml"; "" between two */
	int		 fd;		/* of it; -1: it is not to be written */
	char		 json_name[NAME_MAX_BYTES];	/* of its envelope, when that was begun; else "" */
	json_t		*envelope;
	struct buf	 piece;
	long long	 n_mails, n_bytes, n_skipped, n_broken;
	long long	 mail_bytes;
	bool		 is_json, is_tty;
	struct timespec	 told;
};

static void
show_progress(struct export *e, bool is_end)
{
	struct timespec now;

	if (!e->is_tty)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!is_end && now.tv_sec < e->told.tv_sec + PROGRESS_EVERY_S)
		return;
	e->told = now;
	fprintf(stderr, is_end ? "\r\033[K" : "\r%lld mails, %lld MB\033[K", e->n_mails, e->n_bytes / (1024 * 1024));
}

static void
complain(struct export *e, const char *name, const char *what)
{
	show_progress(e, true);
	fprintf(stderr, "smtpfwdctl: %s/%s: ", e->directory_name, name);
	show_safe(what, stderr);
	fputc('\n', stderr);
}

/* The disk does not take it: nothing half is left, and nothing more is tried. */
static _Noreturn void
give_up(struct export *e, const char *what)
{
	complain(e, e->name, what);
	(void)unlinkat(e->directory, e->name, 0);
	if (e->json_name[0] != '\0')
		(void)unlinkat(e->directory, e->json_name, 0);
	fprintf(stderr, "smtpfwdctl: given up after %lld mails\n", e->n_mails);
	exit(CTL_REFUSED);
}

static void
write_all(struct export *e, int fd, const char *bytes, size_t n_bytes)
{
	while (n_bytes > 0) {
		ssize_t n = write(fd, bytes, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			give_up(e, strerror(errno));
		bytes += n;
		n_bytes -= (size_t)n;
	}
}

/* -1, and it was said: the name is taken, or the directory cannot be written to. */
static int
create(struct export *e, const char *name)
{
	int fd = openat(e->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		give_up(e, strerror(errno));
	if (fd < 0)
		complain(e, name, "is there already, and stays as it is");
	return fd;
}

static void
begin_mail(struct export *e, const json_t *mail)
{
	const char *id = show_text(mail, "id");
	struct mail_id parsed;

	if (!mail_id_parse(str_of(id), &parsed)) {	/* it becomes a file's name */
		fprintf(stderr, "smtpfwdctl: the daemon sent a mail without an id\n");
		exit(CTL_REFUSED);
	}
	snprintf(e->name, sizeof(e->name), "%s.eml", id);
	e->fd = create(e, e->name);
	e->n_skipped += e->fd < 0;
	e->mail_bytes = 0;
	json_decref(e->envelope);
	e->envelope = json_incref((json_t *)(uintptr_t)mail);
}

static void
take_content(struct export *e, const char *text)
{
	if (e->fd < 0)
		return;
	buf_clear(&e->piece);
	if (base64_decode(str_of(text), &e->piece) != 0)
		give_up(e, "the daemon sent what is no base64");
	write_all(e, e->fd, e->piece.at, e->piece.len);
	e->mail_bytes += (long long)e->piece.len;
}

static void
write_envelope(struct export *e)
{
	char *text = json_dumps(e->envelope, JSON_INDENT(2) | JSON_PRESERVE_ORDER), name[NAME_MAX_BYTES];
	int fd;

	snprintf(name, sizeof(name), "%.*s.json", MAIL_ID_TEXT_BYTES, e->name);
	fd = text != NULL ? create(e, name) : -1;
	if (fd < 0) {
		(void)unlinkat(e->directory, e->name, 0);
		e->n_skipped++;
	} else {
		memcpy(e->json_name, name, sizeof(name));
		write_all(e, fd, text, strlen(text));
		write_all(e, fd, "\n", 1);
		if (close(fd) != 0)
			give_up(e, strerror(errno));
		e->json_name[0] = '\0';
		e->n_mails++;
		e->n_bytes += e->mail_bytes;
	}
	free(text);
}

static void
end_mail(struct export *e, const json_t *end)
{
	const char *error = show_text(end, "error");

	if (e->fd >= 0 && close(e->fd) != 0)
		give_up(e, strerror(errno));
	if (e->fd >= 0 && error[0] == '\0' && e->mail_bytes != show_number(e->envelope, "size"))
		error = "is not as long as it should be";
	if (e->fd >= 0 && error[0] != '\0') {
		complain(e, e->name, error);
		(void)unlinkat(e->directory, e->name, 0);
		e->n_broken++;
	} else if (e->fd >= 0) {
		write_envelope(e);
		if (e->is_json)
			printf("{\"exported\":\"%.*s\"}\n", MAIL_ID_TEXT_BYTES, e->name);
	}
	e->fd = -1;
	e->name[0] = '\0';
	show_progress(e, false);
}

static void
take_object(void *context, const json_t *object, const char *line)
{
	struct export *e = context;
	const json_t *part;

	(void)line;
	if ((part = json_object_get(object, "mail")) != NULL)
		begin_mail(e, part);
	else if ((part = json_object_get(object, "content")) != NULL && e->name[0] != '\0')
		take_content(e, json_string_value(part) != NULL ? json_string_value(part) : "");
	else if ((part = json_object_get(object, "end")) != NULL && e->name[0] != '\0')
		end_mail(e, part);
}

static int
open_directory(struct export *e)
{
	if (mkdir(e->directory_name, 0700) != 0 && errno != EEXIST) {
		fprintf(stderr, "smtpfwdctl: %s: %s\n", e->directory_name, strerror(errno));
		return -1;
	}
	e->directory = open(e->directory_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->directory < 0)
		fprintf(stderr, "smtpfwdctl: %s: %s\n", e->directory_name, strerror(errno));
	return e->directory < 0 ? -1 : 0;
}

int
ctl_export(struct ctl *ctl, const struct ctl_command *command)
{
	struct export e = { .directory_name = ctl->words[0], .fd = -1, .is_json = ctl->is_json, .is_tty = isatty(STDERR_FILENO) };
	int status;

	if (ctl->n_words > 1)
		ctl_say(ctl, "id", ctl->words[1]);
	if (open_directory(&e) != 0)
		return CTL_REFUSED;
	buf_init(&e.piece, PIECE_MAX_BYTES);
	status = ctl_ask(ctl, command->request, take_object, &e);
	show_progress(&e, true);
	if (e.name[0] != '\0') {	/* the daemon broke off within a mail */
		if (e.fd >= 0)
			(void)unlinkat(e.directory, e.name, 0);
		e.n_broken++;
	}
	/* One for all: a sync for each of 100,000 files would take hours on some disks. */
	if (syncfs(e.directory) != 0) {
		fprintf(stderr, "smtpfwdctl: %s: %s\n", e.directory_name, strerror(errno));
		status = CTL_REFUSED;
	}
	if (!ctl->is_json)
		printf("%lld mail%s\n", e.n_mails, e.n_mails == 1 ? "" : "s");
	if (e.n_skipped + e.n_broken > 0) {
		fprintf(stderr, "smtpfwdctl: %lld not exported\n", e.n_skipped + e.n_broken);
		status = CTL_REFUSED;
	}
	json_decref(e.envelope);
	buf_fini(&e.piece);
	close(e.directory);
	return status;
}
