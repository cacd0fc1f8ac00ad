/*
 * settings.h - the language of smtpfwd.conf: every section and setting, with defaults and bounds
 *
 * One file serves relay and milter, so the tables stand where both can reach them.  What a
 * value means is for whoever uses it.
 */
#ifndef POLICY_SETTINGS_H
#define POLICY_SETTINGS_H

#include "base/conf.h"

extern const struct section_kind	settings_kinds[];
extern const int			settings_n_kinds;

#endif
