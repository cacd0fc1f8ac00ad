/*
 * queue_json.c - what the queue shows of a mail, in JSON
 */
#include "mail/date.h"
#include "smtpfwd/control/queue_json.h"

static const char *
state_word(const struct queue_recipient_view *recipient)
{
	switch (recipient->state) {
	case QUEUE_WAITING:
		return "waiting";
	case QUEUE_IN_DELIVERY:
		return "in delivery";
	case QUEUE_DONE:
		return "delivered";
	case QUEUE_FAILED:
		return "failed";
	case QUEUE_HELD:
		return "held";
	case QUEUE_WITHHELD:
		return "failed, held";
	}
	return "waiting";
}

static json_t *
time_json(struct timestamp at)
{
	char room[DATE_TEXT_MAX];

	return at.us == 0 ? json_null() : control_json_str(date_iso_text(at, room));
}

static json_t *
recipient_json(const struct queue_recipient_view *recipient)
{
	json_t *object = json_object();

	json_object_set_new(object, "address", control_json_str(recipient->address));
	json_object_set_new(object, "state", json_string(state_word(recipient)));
	json_object_set_new(object, "destination", control_json_str(recipient->destination));
	json_object_set_new(object, "tries", json_integer(recipient->n_tries));
	if (recipient->state == QUEUE_WAITING)
		json_object_set_new(object, "next-try", time_json(recipient->next_try));
	if (recipient->last_text.len != 0)
		json_object_set_new(object, "last", control_json_str(recipient->last_text));
	return object;
}

/* As the operator holds it, or it came. */
static const char *
who_holds(enum mail_hold hold)
{
	switch (hold) {
	case HOLD_NOT:
		return "operator";
	case HOLD_DOOMED:
		return "forward-doomed";
	case HOLD_BY_CLASS:
		return "class";
	}
	return "operator";
}

json_t *
queue_mail_json(const struct queue_mail_view *mail)
{
	json_t *object = json_object(), *recipients = json_array();
	char room[MAIL_ID_TEXT_MAX];
	struct buf sender = { .max = ADDRESS_MAX_BYTES };

	address_append(&mail->envelope->reverse_path, &sender);
	json_object_set_new(object, "id", control_json_str(mail_id_text(&mail->id, room)));
	json_object_set_new(object, "arrived", time_json(mail->facts->arrived));
	json_object_set_new(object, "size", json_integer(mail->content_bytes));
	json_object_set_new(object, "from", control_json_str(buf_str(&sender)));
	if (!address_is_null(&mail->envelope->srs_path) && mail->envelope->srs_wish != SRS_WISH_NEVER) {
		buf_clear(&sender);
		address_append(&mail->envelope->srs_path, &sender);
		json_object_set_new(object, "srs", control_json_str(buf_str(&sender)));
	}
	json_object_set_new(object, "class", control_json_str(mail->facts->class_name));
	json_object_set_new(object, "client", control_json_str(mail->facts->client));
	json_object_set_new(object, "listener", control_json_str(mail->facts->listener));
	json_object_set_new(object, "held", json_boolean(mail->is_held || mail->is_withheld));
	if (mail->is_held || mail->is_withheld)
		json_object_set_new(object, "held-by", json_string(mail->is_held ? who_holds(mail->facts->comes_held) : "unverified-sender"));
	json_object_set_new(object, "expires", time_json(mail->expires));
	for (int i = 0; i < mail->n_recipients; i++)
		json_array_append_new(recipients, recipient_json(&mail->recipients[i]));
	json_object_set_new(object, "recipients", recipients);
	buf_fini(&sender);
	return object;
}

static const char *
ret_word(enum ret ret)
{
	switch (ret) {
	case RET_UNSET:
		return "";
	case RET_FULL:
		return "FULL";
	case RET_HDRS:
		return "HDRS";
	}
	return "";
}

/* As NOTIFY would say it (RFC 3461 4.1). */
static json_t *
notify_json(unsigned notify)
{
	static const struct { unsigned bit; const char *word; } words[] = {
		{ NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" }, { NOTIFY_DELAY, "DELAY" },
	};
	char text[40] = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		if (text[0] != '\0')
			strcat(text, ",");
		strcat(text, words[i].word);
	}
	return json_string(text);
}

json_t *
queue_envelope_json(const struct queue_mail_view *mail)
{
	json_t *object = queue_mail_json(mail), *recipients = json_object_get(object, "recipients"), *recipient;
	size_t i;

	json_array_foreach(recipients, i, recipient) {
		const struct recipient *r = &mail->envelope->recipients[i];

		if (r->notify != NOTIFY_UNSET)
			json_object_set_new(recipient, "notify", notify_json(r->notify));
		if (r->orcpt.len != 0)
			json_object_set_new(recipient, "orcpt", control_json_str(r->orcpt));
	}
	if (mail->envelope->envid.len != 0)
		json_object_set_new(object, "envid", control_json_str(mail->envelope->envid));
	if (mail->envelope->ret != RET_UNSET)
		json_object_set_new(object, "ret", json_string(ret_word(mail->envelope->ret)));
	json_object_set_new(object, "8bitmime", json_boolean(mail->envelope->is_8bit));
	json_object_set_new(object, "smtputf8", json_boolean(mail->envelope->is_smtputf8));
	return object;
}
