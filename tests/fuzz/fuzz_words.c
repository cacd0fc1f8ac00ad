/*
 * fuzz_words.c - small words with one form: mail ids, statuses, replies shown on one line
 */
#include "mail/mail_id.h"
#include "mail/reply.h"
#include "tests/fuzz/fuzz.h"

static void
check_id(struct str text)
{
	char room[MAIL_ID_TEXT_MAX];
	struct mail_id id, again;

	if (mail_id_parse(text, &id))
		insist(str_eq(mail_id_text(&id, room), text));
	if (text.len < sizeof(id.bytes))
		return;
	memcpy(id.bytes, text.at, sizeof(id.bytes));
	insist(mail_id_parse(mail_id_text(&id, room), &again) && mail_id_eq(&id, &again));
}

static void
check_status(struct str text)
{
	char room[STATUS_TEXT_MAX];
	struct status status, again;
	struct str rest = text, shown;

	if (!status_take(&rest, &status)) {
		insist(str_eq(rest, text));
		return;
	}
	insist(rest.len < text.len && status.class >= 2 && status.class <= 5 && status.subject <= 999 &&
	    status.detail <= 999);
	shown = status_text(status, room);
	insist(status_take(&shown, &again) && status_eq(status, again) && shown.len == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
	struct str text = str_n(bytes, n_bytes);
	struct reply reply = { .code = n_bytes > 0 ? 200 + bytes[0] : 0, .text = text };
	struct buf line;

	check_id(text);
	check_status(text);
	buf_init(&line, FUZZ_ROOM_MAX_BYTES);
	insist(reply_append_line(&reply, 100, &line) == 0);
	insist(line.len <= 100 + strlen("..."));
	insist(str_is_utf8(buf_str(&line)));
	for (size_t i = 0; i < line.len; i++)
		insist((unsigned char)line.at[i] >= ' ' && line.at[i] != 0x7f);
	buf_fini(&line);
	return 0;
}
