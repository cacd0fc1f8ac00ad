/*
 * onward.c - what is known of the way that a mail will go
 */
#include "policy/decide.h"
#include "smtpfwd/deliver/view.h"
#include "smtpfwd/receive/onward.h"
#include "smtpfwd/receive/transaction.h"

struct onward {
	enum client_view view;
	bool		 is_rewritten;	/* in that view MAIL will say the SRS form of the reverse-path */
};

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

static struct onward
look(const struct session *session, struct str class_name)
{
	const struct transaction *transaction = session->transaction;
	const struct envelope *envelope = &transaction->envelope;
	struct onward best = { .view = VIEW_UNKNOWN };
	char room[POLICY_DESTINATION_MAX];
	const char *last = NULL;

	if (session->listener->world->couriers == NULL)
		return best;
	for (int i = 0; i < envelope->n_recipients; i++) {
		struct str destination = policy_destination_of(transaction->policy, class_name, &envelope->recipients[i].address, room);
		struct onward onward;

		if (destination.at == last && last != room)	/* the policy's text: the same relay */
			continue;
		last = destination.at;
		onward = look_at(session, destination);
		if (i == 0 || survive_hope(onward.view, onward.is_rewritten) > survive_hope(best.view, best.is_rewritten))
			best = onward;
	}
	return best;
}

void
onward_judge(struct session *session, const struct mail_class *class, const struct findings *findings, const struct field_changes *changes,
    const struct seal *seal, struct survival *survival_out, struct verdict *verdict)
{
	struct transaction *transaction = session->transaction;
	const struct onward onward = findings->why_unchecked == NULL ? look(session, str_of(class->match.name)) : (struct onward){ .view = VIEW_UNKNOWN };
	struct str signer = seal_signer(seal);
	ptrdiff_t colon = str_find(signer, ':');
	struct survival_inputs inputs = {
		.policy = transaction->policy, .findings = findings, .envelope = &transaction->envelope, .changes = changes,
		.view = onward.view, .is_rewritten = onward.is_rewritten,
		.signer = colon > 0 ? str_sub(signer, 0, (size_t)colon) : signer, .is_sealed = seal_is_sealing(seal),
	};

	survive(&inputs, survival_out);
	decide_doomed(policy_verify_rules(transaction->policy), findings, survival_out, &transaction->arena, verdict);
}
