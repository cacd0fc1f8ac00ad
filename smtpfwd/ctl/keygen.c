/*
 * keygen.c - smtpfwdctl keygen: a key to sign mail with, and the DNS record that publishes it; needs no daemon
 *
 * The key is on the disk before its record is shown.  No file is ever overwritten: a key that is lost while its record
 * is published makes mail that fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/domain.h"
#include "policy/dkim/dkim_key_record.h"
#include "smtpfwd/ctl/ctl.h"

#define DIRECTORY_DEFAULT	"/etc/smtpfwd/dkim"
#define DIRECTORY_DEFAULT_OF	"/etc/smtpfwd"
#define USER_DEFAULT		"smtpfwd"	/* the setting user's */

enum {
	NAME_MAX_BYTES = 2 * DOMAIN_MAX_BYTES,
	ROOM_MAX_BYTES = 16 * 1024,
};

struct keygen {
	const char	*directory_name;
	int		 directory;
	gid_t		 group;		/* the directory's */
	char		 name[NAME_MAX_BYTES];	/* of the file: "SELECTOR.DOMAIN.pem" */
	struct str	 domain, selector;
};

/* --- the file --- */

static int
say_file(const struct keygen *k, const char *what)
{
	fprintf(stderr, "smtpfwdctl: ");
	show_safe(k->directory_name, stderr);
	fprintf(stderr, "/%s: %s\n", k->name, what);
	return CTL_REFUSED;
}

/* A new one that root makes is for the daemon to enter, too, where its user is there.  0, or -1 with errno. */
static int
make_directory(const char *name)
{
	const struct passwd *user;

	if (strcmp(name, DIRECTORY_DEFAULT) == 0 && mkdir(DIRECTORY_DEFAULT_OF, 0755) != 0 && errno != EEXIST)
		return -1;
	if (mkdir(name, 0750) != 0)
		return errno == EEXIST ? 0 : -1;
	user = geteuid() == 0 ? getpwnam(USER_DEFAULT) : NULL;
	return user == NULL ? 0 : chown(name, (uid_t)-1, user->pw_gid);
}

static int
open_directory(struct keygen *k)
{
	struct stat status;

	if (make_directory(k->directory_name) != 0)
		return say_file(k, strerror(errno));
	k->directory = open(k->directory_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->directory < 0 || fstat(k->directory, &status) != 0)
		return say_file(k, strerror(errno));
	k->group = status.st_gid;
	return CTL_DONE;
}

/* 0, or -1 with errno. */
static int
write_all(int fd, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.at, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		bytes = str_from(bytes, (size_t)n);
	}
	return 0;
}

/* Where root keeps keys in a directory of the daemon's group, that group reads them; everybody else never does. */
static int
share(const struct keygen *k, int fd)
{
	if (geteuid() != 0 || k->group == 0)
		return 0;
	return fchown(fd, (uid_t)-1, k->group) == 0 && fchmod(fd, 0640) == 0 ? 0 : -1;
}

static int
write_key(const struct keygen *k, struct str pem)
{
	int fd = openat(k->directory, k->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), error;

	if (fd < 0)
		return say_file(k, errno == EEXIST ? "is there already, and stays as it is" : strerror(errno));
	if (write_all(fd, pem) != 0 || share(k, fd) != 0 || fsync(fd) != 0 || fsync(k->directory) != 0) {
		error = errno;
		(void)unlinkat(k->directory, k->name, 0);
		close(fd);
		return say_file(k, strerror(error));
	}
	close(fd);
	return CTL_DONE;
}

/* --- the key --- */

static int
make_and_show(const struct ctl *ctl, const struct keygen *k)
{
	int bits = ctl->rsa_bits != 0 ? ctl->rsa_bits : DKIM_RSA_GOOD_BITS, status = CTL_REFUSED;
	struct fault fault = { .text = "it has no room" };
	struct buf pem, record;
	struct dkim_key *key = dkim_key_make(ctl->is_ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256, bits, &fault);

	buf_init(&pem, DKIM_PEM_MAX_BYTES);
	buf_init(&record, ROOM_MAX_BYTES);
	if (key == NULL || dkim_key_pem(key, &pem) != 0 || dkim_key_zone_lines(key, k->selector, k->domain, &record) != 0)
		say_file(k, fault.text);
	else
		status = write_key(k, buf_str(&pem));
	if (status == CTL_DONE) {
		fputs("; the key is in ", stdout);
		show_safe(k->directory_name, stdout);
		printf("/%s\n%.*s", k->name, STR_ARG(buf_str(&record)));
	}
	if (pem.len > 0)
		explicit_bzero(pem.at, pem.len);
	buf_fini(&pem);
	buf_fini(&record);
	dkim_key_free(key);
	return status;
}

static int
run(struct ctl *ctl, const struct ctl_command *command)
{
	struct keygen k = { .directory_name = ctl->directory != NULL ? ctl->directory : DIRECTORY_DEFAULT, .directory = -1 };
	struct arena arena;
	int status;

	(void)command;
	arena_init(&arena, ROOM_MAX_BYTES);
	if (!domain_canonical(str_of(ctl->words[0]), &arena, &k.domain))
		ctl_wrong_use("no domain: ", ctl->words[0]);
	/* sub-domain *( "." sub-domain ) (RFC 6376 3.1); it becomes a file's name too. */
	if (!domain_canonical(str_of(ctl->words[1]), &arena, &k.selector) || !domain_is_valid(k.selector, false))
		ctl_wrong_use("no selector: ", ctl->words[1]);
	if (k.selector.len + strlen("._domainkey.") + k.domain.len > DOMAIN_MAX_BYTES - 2)
		ctl_wrong_use("too long with its domain: ", ctl->words[1]);
	snprintf(k.name, sizeof(k.name), "%.*s.%.*s.pem", STR_ARG(k.selector), STR_ARG(k.domain));
	status = open_directory(&k);
	if (status == CTL_DONE)
		status = make_and_show(ctl, &k);
	if (status == CTL_DONE && ctl->rsa_bits != 0 && ctl->rsa_bits < DKIM_RSA_GOOD_BITS)
		fprintf(stderr, "smtpfwdctl: fewer than %d bits: others may not believe it\n", DKIM_RSA_GOOD_BITS);
	if (k.directory >= 0)
		close(k.directory);
	arena_fini(&arena);
	return status;
}

static void
take(struct ctl *ctl, int option, const char *value)
{
	uint64_t bits;

	if (option == CTL_OPTION_DIRECTORY) {
		ctl->directory = value;
	} else if (option == CTL_OPTION_ED25519) {
		ctl->is_ed25519 = true;
	} else {
		if (!str_to_u64(str_of(value), &bits) || bits < DKIM_RSA_MIN_BITS || bits > DKIM_RSA_MAX_BITS)
			ctl_wrong_use("bits of RSA are 1024 to 4096, not ", value);
		ctl->rsa_bits = (int)bits;
	}
	if (ctl->is_ed25519 && ctl->rsa_bits != 0)
		ctl_wrong_use("--rsa and --ed25519 are two keys: ", "make one after the other");
}

static const struct option options[] = {
	{ "rsa", required_argument, NULL, CTL_OPTION_RSA }, { "ed25519", no_argument, NULL, CTL_OPTION_ED25519 },
	{ "directory", required_argument, NULL, CTL_OPTION_DIRECTORY }, { NULL, 0, NULL, 0 },
};

const struct ctl_command ctl_keygen_commands[] = {
	{ .words = "keygen", .behind = "[--ed25519] DOMAIN SELECTOR", .sentence = "make a key to sign mail with, print its DNS record",
	  .words_least = 2, .words_most = 2, .options = options, .take = take, .run = run },
	{ .words = NULL },
};
