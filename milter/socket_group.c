/*
 * socket_group.c - whose group a unix socket is
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "milter/socket_group.h"

int
socket_give(const char *path, const char *group_name, struct fault *fault_out)
{
	struct group *group;

	if (group_name == NULL)
		return 0;
	group = getgrnam(group_name);
	if (group == NULL)
		return fault_permanent(fault_out, "milter: group: there is no group \"%s\"", group_name);
	if (lchown(path, (uid_t)-1, group->gr_gid) != 0)
		return fault_permanent(fault_out, "milter: group: %s cannot be given to %s: %s (adduser USER %s)", path, group_name,
		    strerror(errno), group_name);
	return 0;
}
