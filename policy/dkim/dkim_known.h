/*
 * dkim_known.h - the public keys that were used lately, parsed: most mail is signed with few of them
 *
 * OpenSSL 3.0 takes longer to read a key than to verify a signature with it.  A key is found by its very bytes, so what the DNS
 * says of it is asked anew for each mail.
 */
#ifndef POLICY_DKIM_DKIM_KNOWN_H
#define POLICY_DKIM_DKIM_KNOWN_H

#include "policy/dkim/dkim_check.h"

enum { DKIM_KNOWN_KEYS = 1000 };	/* the most that are kept, 4 to 8 KB each; a large provider has a handful */

struct dkim_known;

struct dkim_known	*dkim_known_new(int n_max);
void			 dkim_known_free(struct dkim_known *known);	/* NULL is nothing */

/*
 * As dkim_check, and the key is kept; then that of which the last use is longest ago goes.  By any number of threads at a
 * time.  known NULL: nothing is kept.
 */
bool			 dkim_known_check(struct dkim_known *known, const struct dkim_public *key,
			    const uint8_t hash[DKIM_HASH_BYTES], struct str signature);

int			 dkim_known_count(struct dkim_known *known);	/* the keys that are kept now */

#endif
