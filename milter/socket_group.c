/*
 * socket_group.c - whose group a unix socket is
 */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "milter/socket_group.h"

int
socket_group_find(const char *group_name, gid_t *group_out, struct fault *fault_out)
{
	struct group *group = getgrnam(group_name);

	if (group == NULL)
		return fault_permanent(fault_out, "there is no group \"%s\"", group_name);
	if (geteuid() != 0 && !group_member(group->gr_gid))
		return fault_permanent(fault_out, "user is not in the group \"%s\", so cannot give a socket to it (adduser USER %s)", group_name, group_name);
	*group_out = group->gr_gid;
	return 0;
}

int
socket_give(const char *path, const char *group_name, struct fault *fault_out)
{
	struct fault fault;
	gid_t group;

	if (group_name == NULL)
		return 0;
	if (socket_group_find(group_name, &group, &fault) != 0)
		return fault_permanent(fault_out, "milter: group: %s", fault.text);
	if (lchown(path, (uid_t)-1, group) != 0)
		return fault_permanent(fault_out, "milter: group: %s cannot be given to %s: %s", path, group_name, strerror(errno));
	return 0;
}
