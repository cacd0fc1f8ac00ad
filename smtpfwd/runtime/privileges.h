/*
 * privileges.h - whom the daemon becomes, and what it prepares while it still is root
 */
#ifndef RUNTIME_PRIVILEGES_H
#define RUNTIME_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

struct user {
	char	 name[64];
	uid_t	 uid;
	gid_t	 gid;
};

/*
 * Whom to become: as root the named user; otherwise it must be who we are already, unless nobody
 * was named (is_given false): then we stay who we are.  0 or -1.
 */
int	user_find(const char *name, bool is_given, struct user *user_out, struct fault *fault_out);

/* Makes a directory (0700, the user's) if it is missing; one that is there is left as it is.  0 or -1. */
int	directory_prepare(const char *path, const struct user *user, struct fault *fault_out);
/* The same for the directory that a file stands in, 0755. */
int	directory_prepare_of(const char *file_path, const struct user *user, struct fault *fault_out);

/* As many descriptors as wanted, or as many as we may have: root may have any.  The usual soft limit of 1024 is for select(2). */
void	descriptors_prepare(uint64_t wanted);

/* After the drop: a directory that must be ours alone.  Sets 0700; -1 when it belongs to somebody else. */
int	directory_claim(const char *path, const struct user *user, struct fault *fault_out);

/*
 * For good: groups, ids, no capability, no new privileges.  Who is that user already only gives up
 * capabilities; root that stays root keeps them.  0 or -1.
 */
int	privileges_drop(const struct user *user, struct fault *fault_out);

#endif
