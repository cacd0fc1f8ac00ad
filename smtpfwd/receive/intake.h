/*
 * intake.h - mail data read off the stream: DATA and BDAT
 */
#ifndef RECEIVE_INTAKE_H
#define RECEIVE_INTAKE_H

#include "smtpfwd/receive/session.h"

/*
 * Each whole: checked, read, answered; the transaction ends with the mail (RFC 5321 4.1.1.4, RFC 3030).
 * Data that is refused is still read to its end, within limits, so that both sides stay in step.
 */
int	intake_data(struct session *session);
int	intake_bdat(struct session *session, const struct command_bdat *bdat);

#endif
