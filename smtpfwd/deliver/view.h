/*
 * view.h - whose address the next hops of a destination see, as far as it is known before a mail goes there
 */
#ifndef DELIVER_VIEW_H
#define DELIVER_VIEW_H

#include "smtpfwd/deliver/courier.h"
#include "smtpfwd/deliver/identity.h"

/* By what is configured alone: not known where the next hop has a say in it.  identity: NULL for our own mail. */
enum client_view	view_by_rule(const struct identity_rule *rule, const struct identity *identity);

/*
 * The same, and where the next hops have a say by what each of them did last; not known where one was not seen yet, or they
 * differ.
 */
enum client_view	view_of_destination(const struct couriers *couriers, struct str destination,
			    const struct identity *identity);

/* Whether MAIL will say the SRS form there (sender.h), for sure: whoever may see the client may get its own reverse-path. */
bool			view_is_rewritten(const struct couriers *couriers, struct str destination,
			    const struct envelope *envelope, enum client_view view);

#endif
