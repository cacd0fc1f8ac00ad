/*
 * check.h - smtpfwd -n: would it start, as the user it becomes?
 */
#ifndef SMTPFWD_CHECK_H
#define SMTPFWD_CHECK_H

#include "smtpfwd/config/config.h"
#include "smtpfwd/runtime/inherited.h"

/*
 * Tries certificates, keys, authorities, paths and ports as the user would find them; what is wrong is
 * printed on stderr, each with its file and line.  Ports that the running daemon holds, or who started us, are fine.  True if all is well.
 */
bool	check_all(struct config *config, const struct inherited *inherited);

#endif
