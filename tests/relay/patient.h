/*
 * patient.h - a client that tells each of its recipients' own end, and comes again for those without one
 */
#ifndef TESTS_RELAY_PATIENT_H
#define TESTS_RELAY_PATIENT_H

#include "tests/relay/relay.h"

/*
 * Brings a mail from alice@example.org to those of the recipients that have no end yet, once.  Notes of key "SUBJECT to
 * RECIPIENT", with the line of the reply but where it says otherwise:
 *
 *	"refused"	it, or its mail, for good: an end
 *	"deferred"	either, for now
 *	"sent"		the final dot is about to go out; "answered" when there was an answer to that
 *	"promised"	250 to the mail: an end; the bytes sent
 *
 * True when all have an end.  In the calling fiber.  At most 32 recipients; body lines end in CRLF and begin without a dot.
 */
bool	patient_bring(struct relay *relay, const char *subject, const char *const *recipients, int n_recipients, struct str body);

#endif
