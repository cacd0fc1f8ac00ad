/*
 * privileges.c - users, directories made for them, and the drop
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "smtpfwd/runtime/privileges.h"

enum { DIRECTORY_PATH_MAX = 1100 };	/* a setting has at most 1000 bytes */

int
user_find(const char *name, bool is_given, struct user *user_out, struct fault *fault_out)
{
	bool is_root = geteuid() == 0;
	struct passwd *entry;

	errno = 0;
	entry = is_root || is_given ? getpwnam(name) : getpwuid(geteuid());
	if (entry == NULL && is_root)
		return fault_permanent(fault_out, "there is no user \"%s\" on this machine "
		    "(adduser --system --group --no-create-home %s)", name, name);
	if (!is_root && is_given && (entry == NULL || entry->pw_uid != geteuid()))
		return fault_permanent(fault_out, "only root can become \"%s\"", name);
	*user_out = (struct user){ .uid = geteuid(), .gid = getegid() };
	if (entry != NULL) {
		user_out->uid = entry->pw_uid;
		user_out->gid = entry->pw_gid;
	}
	snprintf(user_out->name, sizeof(user_out->name), "%s", entry != NULL ? entry->pw_name : "?");
	return 0;
}

/* Where a path's last name stands, and that name. */
static int
open_parent(const char *path, const char **name_out, struct fault *fault_out)
{
	char parent[DIRECTORY_PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
	int fd;

	if (slash == NULL || slash[1] == '\0' || len >= sizeof(parent))
		return fault_permanent(fault_out, "%.100s: is no path of a directory", path);
	memcpy(parent, path, len);
	parent[len] = '\0';
	*name_out = slash + 1;
	fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : fault_permanent(fault_out, "%s: cannot be made in %s: %s", path, parent, strerror(errno));
}

/*
 * By descriptors, because a directory above may be the user's own: what root gives away must be
 * what root has just made, and no link that was put in its place.
 */
static int
make_directory(const char *path, mode_t mode, const struct user *user, struct fault *fault_out)
{
	struct stat found;
	const char *name = NULL;
	int parent, fd, error = 0;

	if (stat(path, &found) == 0) {
		if (!S_ISDIR(found.st_mode))
			return fault_permanent(fault_out, "%s: is no directory", path);
		return 0;
	}
	parent = open_parent(path, &name, fault_out);
	if (parent < 0)
		return -1;
	if (mkdirat(parent, name, mode) != 0) {
		error = errno;
		close(parent);
		return fault_temporary(fault_out, "%s: cannot be made: %s", path, strerror(error));
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &found) != 0 || fchmod(fd, mode) != 0)
		error = errno;
	else if (found.st_uid != geteuid())
		error = EPERM;
	else if (geteuid() == 0 && fchown(fd, user->uid, user->gid) != 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	close(parent);
	if (error != 0)
		return fault_temporary(fault_out, "%s: cannot be given to %s: %s", path, user->name, strerror(error));
	return 0;
}

int
directory_prepare(const char *path, const struct user *user, struct fault *fault_out)
{
	return make_directory(path, 0700, user, fault_out);
}

int
directory_prepare_of(const char *file_path, const struct user *user, struct fault *fault_out)
{
	char directory[DIRECTORY_PATH_MAX];
	const char *end = strrchr(file_path, '/');

	if (end == NULL || end == file_path)
		return 0;
	if ((size_t)(end - file_path) >= sizeof(directory))
		return fault_permanent(fault_out, "%.100s...: the path is too long", file_path);
	memcpy(directory, file_path, (size_t)(end - file_path));
	directory[end - file_path] = '\0';
	return make_directory(directory, 0755, user, fault_out);
}

void
descriptors_prepare(uint64_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = wanted, .rlim_max = wanted }) == 0)
		return;			/* as root may */
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
directory_claim(const char *path, const struct user *user, struct fault *fault_out)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	struct stat found = { .st_uid = 0 };

	if (fd < 0 || fstat(fd, &found) != 0)
		error = errno;
	else if (found.st_uid == geteuid() && (found.st_mode & 07777) != 0700 && fchmod(fd, 0700) != 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	if (error != 0)
		return fault_permanent(fault_out, "%s: %s", path, strerror(error));
	if (found.st_uid != geteuid())
		return fault_permanent(fault_out, "%s: does not belong to %s (chown -R %s %s)", path, user->name, user->name, path);
	return 0;
}

/* Ids other than 0 are not enough: who started us may have given capabilities to an ordinary user. */
static int
drop_capabilities(struct fault *fault_out)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);	/* follows from the next line too */
	if (syscall(SYS_capset, &header, none) != 0)
		return fault_permanent(fault_out, "cannot give up capabilities: %s", strerror(errno));
	return 0;
}

/* What no program that we might start could get either.  Without the right to do so it is not ours to bound. */
static void
empty_bounding_set(void)
{
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

int
privileges_drop(const struct user *user, struct fault *fault_out)
{
	if (geteuid() == 0 && user->uid != 0) {
		empty_bounding_set();
		if (initgroups(user->name, user->gid) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
		    setresuid(user->uid, user->uid, user->uid) != 0)
			return fault_permanent(fault_out, "cannot become %s: %s", user->name, strerror(errno));
		if (setuid(0) == 0)
			return fault_permanent(fault_out, "became %s and yet could be root again", user->name);
	}
	if (geteuid() != 0 && drop_capabilities(fault_out) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fault_permanent(fault_out, "cannot give up new privileges: %s", strerror(errno));
	return 0;
}
