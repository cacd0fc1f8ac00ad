/*
 * srs_file.h - the secrets that the srs section names: read, tried, and made into rules
 */
#ifndef CONFIG_SRS_FILE_H
#define CONFIG_SRS_FILE_H

#include "smtpfwd/config/config.h"

/* Rules of a section with a secret file, the caller's.  NULL with a fault: the file (auth/secret_file.h), or its secrets.  Blocks. */
struct srs_rules	*srs_file_rules(const struct srs_section *section, struct fault *fault_out);

enum { SRS_FILE_GOOD_BYTES = 16 };	/* of a secret: fewer can be tried out against an address that was seen */

/* How long the shortest secret is.  0, or -1 with a fault.  Blocks. */
int	srs_file_look(const char *path, size_t *shortest_bytes_out, struct fault *fault_out);

#endif
