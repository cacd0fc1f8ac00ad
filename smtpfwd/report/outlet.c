/*
 * outlet.c - where the bytes of a report go: into its draft, and past its signature
 */
#include "smtpfwd/report/outlet.h"

enum { TURN_BYTES = 64 * 1024 };	/* 0.3 ms of hashing; then it is the turn of others */

int
outlet_append(struct outlet *outlet, struct str bytes, struct instant deadline, struct fault *fault_out)
{
	struct str rest = bytes;

	while (outlet->seal != NULL && seal_is_signing(outlet->seal) && rest.len > 0) {
		struct str part = str_sub(rest, 0, TURN_BYTES);

		seal_body(outlet->seal, part);
		rest = str_from(rest, part.len);
		if (rest.len > 0)
			fiber_yield();
	}
	return draft_append(outlet->draft, bytes, deadline, fault_out);
}
