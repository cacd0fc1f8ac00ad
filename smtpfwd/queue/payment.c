/*
 * payment.c - reports that recovery found in the log before their mails' own records of them
 *
 * A report's record ends the debt; that the mail knows so is written behind it.  A crash
 * between the two leaves the mail's record with an open debt, so the payment is kept here and
 * entered whenever that record is read; the next record of the mail then has it.
 */
#include "base/mem.h"
#include "smtpfwd/queue/store.h"

struct kept_payment {
	struct list_link link;
	struct mail_id	 mail;
	unsigned	 bit;		/* of the kind */
	uint32_t	 n_recipients;
	uint32_t	 recipients[];
};

void
payment_keep(struct queue *queue, const struct payment *payment)
{
	size_t bytes = payment->n_recipients * sizeof(uint32_t);
	struct kept_payment *kept = mem_new(sizeof(*kept) + bytes);

	kept->mail = payment->mail;
	kept->bit = 1u << payment->kind;
	kept->n_recipients = payment->n_recipients;
	memcpy(kept->recipients, payment->recipients, bytes);
	list_append(&queue->payments, &kept->link);
}

void
payments_enter(struct queue *queue, const struct mail_id *mail, struct mail_state *state)
{
	LIST_EACH(link, &queue->payments) {
		const struct kept_payment *kept = LIST_ITEM(link, struct kept_payment, link);

		for (uint32_t i = 0; mail_id_eq(&kept->mail, mail) && i < kept->n_recipients; i++)
			if (kept->recipients[i] < (uint32_t)state->n_recipients)
				state->recipients[kept->recipients[i]].paid |= kept->bit;
	}
}

void
payments_forget(struct queue *queue)
{
	struct list_link *link;

	while ((link = list_take_first(&queue->payments)) != NULL)
		mem_free(LIST_ITEM(link, struct kept_payment, link));
}
