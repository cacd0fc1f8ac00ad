/*
 * privileges.c - users, directories made for them, and the drop
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpfwd/privileges.h"

int
user_find(const char *name, bool is_given, struct user *user_out, struct fault *fault_out)
{
	bool is_root = geteuid() == 0;
	struct passwd *entry;

	errno = 0;
	entry = is_root || is_given ? getpwnam(name) : getpwuid(geteuid());
	if (entry == NULL && is_root)
		return fault_permanent(fault_out, "user: there is no user \"%s\" on this machine "
		    "(adduser --system --group --no-create-home %s)", name, name);
	if (!is_root && is_given && (entry == NULL || entry->pw_uid != geteuid()))
		return fault_permanent(fault_out, "user: only root can become \"%s\"", name);
	*user_out = (struct user){ .uid = geteuid(), .gid = getegid() };
	if (entry != NULL) {
		user_out->uid = entry->pw_uid;
		user_out->gid = entry->pw_gid;
	}
	snprintf(user_out->name, sizeof(user_out->name), "%s", entry != NULL ? entry->pw_name : "?");
	return 0;
}

static int
make_directory(const char *path, mode_t mode, const struct user *user, struct fault *fault_out)
{
	struct stat found;

	if (stat(path, &found) == 0) {
		if (!S_ISDIR(found.st_mode))
			return fault_permanent(fault_out, "%s: is no directory", path);
		return 0;
	}
	if (mkdir(path, mode) != 0)
		return fault_temporary(fault_out, "%s: cannot be made: %s", path, strerror(errno));
	if (chmod(path, mode) != 0 || (geteuid() == 0 && chown(path, user->uid, user->gid) != 0))
		return fault_temporary(fault_out, "%s: cannot be given to %s: %s", path, user->name, strerror(errno));
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
	char directory[4096];
	const char *end = strrchr(file_path, '/');

	if (end == NULL || end == file_path)
		return 0;
	if ((size_t)(end - file_path) >= sizeof(directory))
		return fault_permanent(fault_out, "%.100s...: the path is too long", file_path);
	memcpy(directory, file_path, (size_t)(end - file_path));
	directory[end - file_path] = '\0';
	return make_directory(directory, 0755, user, fault_out);
}

int
privileges_drop(const struct user *user, struct fault *fault_out)
{
	/* Setting all three ids away from 0 clears every capability (capabilities(7)). */
	if (geteuid() == 0 && user->uid != 0) {
		if (initgroups(user->name, user->gid) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
		    setresuid(user->uid, user->uid, user->uid) != 0)
			return fault_permanent(fault_out, "cannot become %s: %s", user->name, strerror(errno));
		if (setuid(0) == 0)
			return fault_permanent(fault_out, "became %s and yet could be root again", user->name);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fault_permanent(fault_out, "cannot give up new privileges: %s", strerror(errno));
	return 0;
}
