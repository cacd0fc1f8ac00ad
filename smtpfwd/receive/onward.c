/*
 * onward.c - what is known of the way that a mail will go
 */
#include "policy/survive.h"
#include "smtpfwd/deliver/view.h"
#include "smtpfwd/receive/onward.h"
#include "smtpfwd/receive/transaction.h"

static struct onward
look_at(const struct session *session, struct str destination)
{
	const struct identity identity = identity_of_peer(&session->peer);
	const struct transaction *transaction = session->transaction;
	const struct forward *forward = &transaction->forward;
	const struct couriers *couriers = session->listener->world->couriers;
	struct onward onward;

	if (forward->online != NULL && !forward->falls_back)	/* in this very session */
		onward.view = online_is_seen(forward->online) ? VIEW_OF_CLIENT : VIEW_OF_US;
	else
		onward.view = view_of_destination(couriers, destination, &identity);
	onward.is_rewritten = view_is_rewritten(couriers, destination, &transaction->envelope, onward.view);
	return onward;
}

struct onward
onward_look(const struct session *session)
{
	const struct transaction *transaction = session->transaction;
	const struct envelope *envelope = &transaction->envelope;
	struct onward best = { .view = VIEW_UNKNOWN };
	char rooms[2][POLICY_DESTINATION_MAX];
	struct str last = STR_EMPTY;

	if (session->listener->world->couriers == NULL)
		return best;
	for (int i = 0; i < envelope->n_recipients; i++) {
		struct str destination = policy_destination_of(transaction->policy, &envelope->recipients[i].address, rooms[i % 2]);
		struct onward onward;

		if (str_eq(destination, last))
			continue;
		last = destination;
		onward = look_at(session, destination);
		if (i == 0 || survive_hope(onward.view, onward.is_rewritten) > survive_hope(best.view, best.is_rewritten))
			best = onward;
	}
	return best;
}
