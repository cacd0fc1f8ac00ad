/*
 * prepare.c - names and passwords in the one form in which they are compared (SASLprep, RFC 4013)
 */
#include <gsasl.h>
#include <stdlib.h>

#include "smtpfwd/auth/prepare.h"

enum { TEXT_MAX_BYTES = 2048 };		/* what is longer becomes no name or password by being prepared */

int
prepare(struct str text, bool is_stored, struct buf *out)
{
	char *prepared = NULL, *copy;
	struct str result;
	int done = -1;

	if (text.len == 0 || text.len > TEXT_MAX_BYTES || !str_is_utf8(text) || str_find(text, '\0') >= 0)
		return -1;
	copy = strndup(text.at, text.len);
	if (copy == NULL)
		return -1;
	if (gsasl_saslprep(copy, is_stored ? 0 : GSASL_ALLOW_UNASSIGNED, &prepared, NULL) == GSASL_OK) {
		result = str_of(prepared);
		if (result.len > 0)
			done = buf_append(out, result);
		explicit_bzero(prepared, result.len);
		gsasl_free(prepared);
	}
	explicit_bzero(copy, text.len);
	free(copy);
	return done;
}

void
prepare_wipe(struct buf *secret)
{
	if (secret->at != NULL)
		explicit_bzero(secret->at, secret->cap);
	buf_fini(secret);
}
