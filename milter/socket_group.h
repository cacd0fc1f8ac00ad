/*
 * socket_group.h - whose group a unix socket is, which may use it
 */
#ifndef MILTER_SOCKET_GROUP_H
#define MILTER_SOCKET_GROUP_H

#include "base/fault.h"

/* As the setting `group` has it; NULL: it stays as it is.  Blocks.  0, or -1 and a fault. */
int	socket_give(const char *path, const char *group, struct fault *fault_out);

#endif
