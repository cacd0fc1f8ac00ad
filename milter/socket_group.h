/*
 * socket_group.h - whose group a unix socket is, which may use it
 */
#ifndef MILTER_SOCKET_GROUP_H
#define MILTER_SOCKET_GROUP_H

#include <sys/types.h>

#include "base/fault.h"

/* A group to which we, as who we are now, may give what is ours.  Blocks.  0, or -1 and a fault that does not name the setting. */
int	socket_group_find(const char *group_name, gid_t *group_out, struct fault *fault_out);

/* As the setting `group` has it; NULL: it stays as it is.  Blocks.  0, or -1 and a fault. */
int	socket_give(const char *path, const char *group, struct fault *fault_out);

#endif
