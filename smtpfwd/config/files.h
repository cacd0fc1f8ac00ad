/*
 * files.h - the files that a configuration names and that are read whenever it is: which, and as before?
 *
 * Certificates, keys of TLS and of DKIM, authorities, users, passwords: the settings that the tables mark with is_file.
 */
#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

#include "smtpfwd/config/config.h"

/* Fills config->files, in the order of the tables. */
void	config_list_files(struct config *config);

/* Notes what is there now, so that a later look can tell what was changed.  Blocks. */
void	config_stamp_files(struct config *config);
bool	file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

#endif
