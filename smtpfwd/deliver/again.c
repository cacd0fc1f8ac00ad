/*
 * again.c - which next hop may have a mail already, for it gave no answer to its end
 */
#include "base/mem.h"
#include "smtpfwd/deliver/again.h"

enum { MAILS_MAX = 1000 };		/* few at a time, unless a next hop hangs up at every dot: then the last ones do */

struct ambiguous {
	struct list_link link;
	struct mail_id	 mail;
	struct next_hop	*next_hop;	/* used */
};

void
again_init(struct again *again)
{
	list_init(&again->mails);
}

static void
forget(struct again *again, struct ambiguous *ambiguous)
{
	list_remove(&again->mails, &ambiguous->link);
	next_hop_leave(ambiguous->next_hop);
	mem_free(ambiguous);
}

static struct ambiguous *
find(const struct again *again, const struct mail_id *mail)
{
	LIST_EACH(link, &again->mails) {
		struct ambiguous *ambiguous = LIST_ITEM(link, struct ambiguous, link);

		if (mail_id_eq(&ambiguous->mail, mail))
			return ambiguous;
	}
	return NULL;
}

void
again_note(struct again *again, const struct mail_id *mail, struct next_hop *next_hop)
{
	struct ambiguous *ambiguous = find(again, mail);

	if (ambiguous != NULL)
		forget(again, ambiguous);
	if (list_is_empty(&next_hop->listed))
		return;
	if (again->mails.n >= MAILS_MAX)
		forget(again, LIST_ITEM(list_first(&again->mails), struct ambiguous, link));
	ambiguous = mem_new(sizeof(*ambiguous));
	*ambiguous = (struct ambiguous){ .mail = *mail, .next_hop = next_hop };
	next_hop_use(next_hop);
	list_append(&again->mails, &ambiguous->link);
}

int
again_find(struct again *again, const struct mail_id *mail, const struct choices *choices, enum line line)
{
	struct ambiguous *ambiguous = find(again, mail);
	int found = -1;

	if (ambiguous == NULL)
		return -1;
	for (int i = 0; i < choices->n; i++)
		if (choices->at[i].next_hop == ambiguous->next_hop && choices_has_room(choices, i, line))
			found = i;
	if (found >= 0)
		forget(again, ambiguous);
	return found;
}

bool
again_is_elsewhere(const struct again *again, const struct mail_id *mail, const struct next_hop *next_hop)
{
	const struct ambiguous *ambiguous = find(again, mail);

	return ambiguous != NULL && ambiguous->next_hop != next_hop && ambiguous->next_hop->is_up;
}

void
again_forget_unlisted(struct again *again)
{
	LIST_EACH(link, &again->mails) {
		struct ambiguous *ambiguous = LIST_ITEM(link, struct ambiguous, link);

		if (list_is_empty(&ambiguous->next_hop->listed))
			forget(again, ambiguous);
	}
}

void
again_forget(struct again *again)
{
	while (!list_is_empty(&again->mails))
		forget(again, LIST_ITEM(list_first(&again->mails), struct ambiguous, link));
}
