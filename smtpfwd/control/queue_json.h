/*
 * queue_json.h - a mail of the queue as JSON
 */
#ifndef CONTROL_QUEUE_JSON_H
#define CONTROL_QUEUE_JSON_H

#include "smtpfwd/control/control.h"

/*
 * "id", "arrived", "size", "from", "class", "client", "listener", "held", "expires", and "recipients" with "address",
 * "state", "destination", "tries", "next-try" and "last".
 */
json_t	*queue_mail_json(const struct queue_mail_view *mail);

/* The same with what was asked about reports: "envid", "ret", "8bitmime", "smtputf8", and each recipient's "notify" and "orcpt". */
json_t	*queue_envelope_json(const struct queue_mail_view *mail);

#endif
