/*
 * sandbox.c - shuts the daemon in, so that who takes it over can write to its own directories only
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "smtpfwd/sandbox.h"

enum {
	ABI_NEEDED = 2,			/* Linux 5.19: before it nothing could be renamed into another directory */
	ABI_WITH_TRUNCATE = 3,
	PATH_BYTES_MAX = 1100,		/* a setting has at most 1000 bytes */
};

#define USUAL_LOGS	"/var/log/smtpfwd"	/* of the unit; a reload may bring the log there */
#define ACCESS_TRUNCATE	(1ULL << 14)	/* LANDLOCK_ACCESS_FS_TRUNCATE, younger than the headers of Debian 12 */

/* What a file may be opened for, and what may be done in a directory. */
#define FILE_ACCESS	(LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)
#define OWN_ACCESS	(FILE_ACCESS | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
			 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
			 LANDLOCK_ACCESS_FS_REFER)
#define ALL_ACCESS	(OWN_ACCESS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
			 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

struct ruleset {
	int		 fd;
	uint64_t	 known;		/* accesses that this kernel knows */
};

/* One that is not there cannot be opened: what needs it will say so. */
static int
allow(const struct ruleset *rules, const char *path, uint64_t access, struct fault *fault_out)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = access & rules->known };
	long result;
	int error;

	beneath.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return 0;
	result = syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	error = errno;
	close(beneath.parent_fd);
	if (result != 0)
		return fault_temporary(fault_out, "landlock: %s: %s", path, strerror(error));
	return 0;
}

static int
allow_directory_of(const struct ruleset *rules, const char *file_path, struct fault *fault_out)
{
	const char *end = strrchr(file_path, '/');
	char directory[PATH_BYTES_MAX];

	if (end == NULL)
		return 0;
	snprintf(directory, sizeof(directory), "%.*s", end == file_path ? 1 : (int)(end - file_path), file_path);
	return allow(rules, directory, OWN_ACCESS, fault_out);
}

static int
allow_all(const struct ruleset *rules, const struct config *config, struct fault *fault_out)
{
	if (allow(rules, config->spool, OWN_ACCESS, fault_out) != 0 || allow_directory_of(rules, config->control, fault_out) != 0 ||
	    allow(rules, "/dev/null", FILE_ACCESS, fault_out) != 0 || allow(rules, USUAL_LOGS, OWN_ACCESS, fault_out) != 0)
		return -1;
	return config->log_to[0] == '/' ? allow_directory_of(rules, config->log_to, fault_out) : 0;
}

int
sandbox_enter(const struct config *config, enum sandbox *sandbox_out, struct fault *fault_out)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr handled;
	struct ruleset rules;
	int result;

	*sandbox_out = SANDBOX_MISSING;
	if (abi < ABI_NEEDED)
		return 0;
	rules.known = ALL_ACCESS & (abi < ABI_WITH_TRUNCATE ? ~ACCESS_TRUNCATE : ~0ULL);
	handled = (struct landlock_ruleset_attr){ .handled_access_fs = rules.known };
	rules.fd = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (rules.fd < 0)
		return fault_temporary(fault_out, "landlock: %s", strerror(errno));
	result = allow_all(&rules, config, fault_out);
	if (result == 0 && syscall(SYS_landlock_restrict_self, rules.fd, 0) != 0)
		result = fault_temporary(fault_out, "landlock: %s", strerror(errno));
	close(rules.fd);
	if (result == 0)
		*sandbox_out = SANDBOX_CLOSED;
	return result;
}
